"""Where the bundled photos, weights and results lie: beside the package in a clone, inside it in a wheel."""

from pathlib import Path


def asset_path(*parts: str) -> Path:
    """Path of a bundled file or folder, such as `asset_path("photos", "cat.jpg")`.

    Raises:
        FileNotFoundError: if there is no such asset.
    """
    package = Path(__file__).parents[1]
    for root in (package / "assets", package.parent / "assets"):
        path = root.joinpath(*parts)
        if path.exists():
            return path
    raise FileNotFoundError(f"No bundled file {'/'.join(parts)}; reinstall mae-lite, or clone its repository again.")


def user_path(path: str | Path) -> Path:
    """A path with ~ made whole; as it is where there is no such user, or the user has no home folder."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def list_photos() -> list[Path]:
    """The bundled photographs, by name. Authors and licences: ATTRIBUTION.md beside them."""
    return sorted(asset_path("photos").glob("*.jpg"))
