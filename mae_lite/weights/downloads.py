"""A name becomes a file on this disk. Nothing is downloaded unless a model is asked for by its name."""

import errno
import hashlib
import os
import re
import time
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, build_opener

from mae_lite.weights.assets import user_path
from mae_lite.weights.catalogue import PUBLISHED, CheckpointError, bundled_models, cache_folder
from mae_lite.weights.files import read_file

FAIR_URL = "https://dl.fbaipublicfiles.com/mae"
MD5_PREFIXES = {
    "mae_pretrain_vit_base": "8cad7c",
    "mae_pretrain_vit_large": "b8b06e",
    "mae_pretrain_vit_huge": "9bdbb0",
}
"""All that is published of the official files' checksums."""
TRIES, TIMEOUT_SECONDS, PAUSE_SECONDS = 3, 30.0, 1.0


def find(name: str | Path) -> Path:
    """The file or folder a name stands for, downloaded if it is neither bundled, nor cached, nor a path.

    Args:
        name: a bundled or official name, a path, or a Hugging Face repository "owner/name". A `Path` is only a path.

    Raises:
        CheckpointError: if there is no such thing, or it cannot be downloaded.
    """
    bundled, path = bundled_models(), user_path(name)
    if name in bundled:
        return bundled[name]
    if name in PUBLISHED and "/" not in name:
        return fetch_official(name)
    if path.exists():
        return path
    if isinstance(name, str) and re.fullmatch(
        r"\w[\w.-]*/[\w.-]+(?<!\.pth)(?<!\.pt)(?<!\.bin)(?<!\.safetensors)", name
    ):
        return fetch_hub(name)
    raise CheckpointError(
        f'There is no file and no model "{name}"; the models are {", ".join([*bundled, *PUBLISHED])}, any Hugging Face '
        "ViTMAE repository (owner/name), or a path."
    )


def fetch_official(name: str) -> Path:
    """An official file from the cache, without network if it is there, else from FAIR's server."""
    path = cache_folder() / f"{name}.pth"
    if not os.access(path, os.R_OK):
        if os.environ.get("HF_HUB_OFFLINE", "0").upper() in ("1", "ON", "YES", "TRUE"):
            raise CheckpointError(
                f"{name} is not in the cache and HF_HUB_OFFLINE is set; unset it, or put it at {path}."
            )
        folder = "visualize" if "visualize" in name else "pretrain"
        download(f"{FAIR_URL}/{folder}/{name}.pth", path, MD5_PREFIXES.get(name, ""))
    return path


def download(url: str, path: Path, md5: str = "") -> None:
    """Fetch a checkpoint over HTTPS: resumed where it was cut, checked, and only then given its name.

    Proxies and certificates are taken from HTTPS_PROXY and SSL_CERT_FILE.

    Args:
        url: where it lies.
        path: where to put it; `path`.part holds what has arrived.
        md5: first hex digits of its MD5 sum, where they are published.

    Raises:
        CheckpointError: if it cannot be had whole, or not be kept; the message says what to do.
    """
    from huggingface_hub.utils import WeakFileLock

    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with WeakFileLock(path.with_name(path.name + ".lock")):  # of two processes the second waits, and finds it
            if not path.exists():
                _fetch(url, path, part, md5)
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be written ({error.strerror or error}); set MAE_LITE_CACHE to a folder that can be, and "
            "has room."
        ) from error


def _fetch(url: str, path: Path, part: Path, md5: str) -> None:
    """Try a few times, check, rename."""
    by_hand = f"try again, or download it by hand, put it at {path} or pass its path."
    try:
        for attempt in range(TRIES):
            time.sleep(attempt * PAUSE_SECONDS)
            if not (problem := _attempt(url, part)):
                break
        else:
            raise CheckpointError(f"{url} could not be downloaded in {TRIES} tries ({problem}); {by_hand}")
        _verify(part, md5)
    except _RefusedError as error:
        part.unlink(missing_ok=True)
        raise CheckpointError(f"{url} cannot be used ({error}); {by_hand}") from error
    os.replace(part, path)


_DISK = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EISDIR, errno.ENOTDIR, errno.EFBIG}
"""Errors of the disk; those of the network come with other numbers, or with none."""


class _RefusedError(CheckpointError):
    """Trying again will not help."""


def _attempt(url: str, part: Path) -> str:
    """Try once; returns what went wrong, or nothing if all is there."""
    try:
        size = _transfer(url, part)
    except HTTPError as error:
        error.close()  # it holds the connection
        problem = f"the server answered {error.code} {error.reason}"
        if error.code == 416:  # what is there already is no beginning of this file
            part.unlink(missing_ok=True)
        elif error.code < 500 and error.code not in (408, 429):
            raise _RefusedError(problem) from error
        return problem
    except (OSError, HTTPException) as error:
        if getattr(error, "errno", None) in _DISK:
            raise
        return f"{getattr(error, 'reason', error)}; behind a proxy set HTTPS_PROXY"
    have = part.stat().st_size
    return "" if size in (None, have) else f"{have:,} of {size:,} bytes arrived"


def _transfer(url: str, part: Path) -> int | None:
    """Fetch what `part` does not hold yet; returns the size of the whole if the server tells it."""
    from tqdm import tqdm

    have = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "mae-lite"} | ({"Range": f"bytes={have}-"} if have else {})
    opener = build_opener()  # reads the proxies as they are set now; urlopen keeps those of its first call
    with opener.open(Request(url, headers=headers), timeout=TIMEOUT_SECONDS) as reply:
        resumed = reply.status == 206 and reply.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        have = have if resumed else 0
        length = reply.headers.get("Content-Length")
        size = have + int(length) if length else None
        bar = tqdm(total=size, initial=have, unit="B", unit_scale=True, desc=part.stem)
        with part.open("ab" if resumed else "wb") as file, bar:
            while chunk := reply.read1(1 << 18):  # what came before a stall is kept
                file.write(chunk)
                bar.update(len(chunk))
    return size


def _verify(path: Path, md5: str) -> None:
    """Check the published digits of the sum, and that the file opens."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while md5 and (chunk := file.read(1 << 20)):
            digest.update(chunk)
    if md5 and not digest.hexdigest().startswith(md5):
        raise _RefusedError(f"its MD5 sum starts with {digest.hexdigest()[: len(md5)]}, not {md5}")
    try:
        read_file(path)
    except CheckpointError as error:
        raise _RefusedError(str(error)) from error


def fetch_hub(repo: str) -> Path:
    """The file of a Hugging Face repository, from the hub's cache without network if it is there, else from the hub.

    Returns:
        model.safetensors where there is one, else pytorch_model.bin; config.json lies beside it.

    Raises:
        CheckpointError: if the repository, the network or a file is missing.
    """
    from huggingface_hub import errors

    by_hand = (
        f"or download config.json and model.safetensors by hand from https://huggingface.co/{repo} into a folder and "
        "pass the folder's path."
    )
    try:
        for local in (True, False):
            for weights in ("model.safetensors", "pytorch_model.bin"):
                path = _hub_file(repo, weights, local)
                if path and (_hub_file(repo, "config.json", local) or not local):
                    _hub_file(repo, "preprocessor_config.json", local)
                    return path
    except errors.LocalEntryNotFoundError as error:
        raise CheckpointError(
            f"{repo} is not in the cache and the Hugging Face hub cannot be reached (offline, or HF_HUB_OFFLINE is "
            f"set); connect, {by_hand}"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise CheckpointError(
            f'There is no folder "{repo}" here, and no such public repository on the Hugging Face hub; check the name.'
        ) from error
    except (errors.HTTPError, errors.HFValidationError, OSError) as error:
        raise CheckpointError(
            f"{repo} cannot be downloaded ({str(error).splitlines()[0]}); try again, {by_hand}"
        ) from error
    raise CheckpointError(f"{repo} has neither model.safetensors nor pytorch_model.bin; choose another repository.")


def _hub_file(repo: str, name: str, local: bool) -> Path | None:
    """A file of a repository, or None if the cache (when `local`) or the repository has none of that name."""
    from huggingface_hub import errors, hf_hub_download

    # An expired token turns a public repository into a 401, so the published ones are asked for without.
    token = False if repo in PUBLISHED else None
    try:
        return Path(hf_hub_download(repo, name, local_files_only=local, token=token))
    except errors.LocalEntryNotFoundError:
        if local:
            return None
        raise
    except errors.EntryNotFoundError:
        return None
