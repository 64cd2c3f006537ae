"""python -m mae_lite: the package's work from a shell."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from jaxtyping import Bool
from torch import Tensor

from mae_lite.cli.doctor import doctor
from mae_lite.cli.evaluate import add_evaluate
from mae_lite.cli.frame import add_options, run_command
from mae_lite.cli.pretrain import add_pretrain
from mae_lite.cli.transfer import add_transfer
from mae_lite.images import load_image
from mae_lite.mae import MAE
from mae_lite.masking import STRATEGIES, draw_mask, mask_from_grid
from mae_lite.measure.reconstruct import reconstruct
from mae_lite.measure.table import text_table
from mae_lite.show.figures import show_reconstruction
from mae_lite.weights.assets import asset_path
from mae_lite.weights.catalogue import ModelInfo, list_models
from mae_lite.weights.checkpoints import DEFAULT_MODEL, load_model


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; a user's mistake prints one sentence and returns 2."""
    parser = argparse.ArgumentParser(prog="python -m mae_lite", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for add in (add_reconstruct, add_models, add_evaluate, add_transfer, add_pretrain, add_doctor):
        add(commands)
    return run_command(parser, argv, lambda args: args.run(args))


def add_reconstruct(commands: argparse._SubParsersAction) -> None:
    """Options of `reconstruct`."""
    p = commands.add_parser("reconstruct", help="hide most of a photo, fill it in, save the picture")
    p.add_argument("photos", nargs="*", help="picture files, a row each (default: the bundled cat)")
    p.add_argument("--model", default=DEFAULT_MODEL, help="a name from `models`, or a path (default %(default)s)")
    p.add_argument("--mask-ratio", type=float, help="share of patches to hide (default: the ratio it was trained at)")
    p.add_argument("--strategy", default="random", choices=STRATEGIES, help="how to choose them (default random)")
    p.add_argument("--mask", help="a text file instead: a row of 0 and 1 for each row of patches, 1 = hidden")
    p.add_argument("--fit", default="crop", choices=("crop", "letterbox"), help="how the photo is made to fit")
    p.add_argument("--out", help="file to write (default out/FIRST_PHOTO.png)")
    add_options(p, "--seed", "--device")
    p.set_defaults(run=run_reconstruct)


def run_reconstruct(args: argparse.Namespace) -> None:
    """Reconstruct photos; print what they show and where the picture is."""
    photos = [Path(photo) for photo in args.photos] or [asset_path("photos", "cat.jpg")]
    out = picture_path(args.out, photos[0].stem)
    model = load_model(args.model, device=args.device)
    if args.mask:
        mask = read_mask(args.mask, model.cfg.grid_size)
    else:
        mask = draw_mask(args.strategy, model.cfg.grid_size, ratio_of(args, model), seed=args.seed)
    shown = [reconstruct(model, load_image(photo, model, args.fit), mask) for photo in photos]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        show_reconstruction(shown).savefig(out, dpi=110)
    except OSError as error:
        raise ValueError(f"{out} cannot be written ({error.strerror}); name another place with --out.") from error
    for photo, one in zip(photos, shown, strict=True):
        print(f"{args.model}, {photo.name}: {one.alt}")
    print(f"Saved {out}")


def picture_path(out: str | None, name: str) -> Path:
    """Where to save: a PNG in out/ or the given folder, or the given file if matplotlib can write its kind."""
    path = Path(out or "out")
    if out is None or path.is_dir():
        return path / f"{name}.png"
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp", ".pdf", ".svg"):
        raise ValueError(f"--out {out}: name a .png, .jpg, .webp, .pdf or .svg file, or a folder.")
    return path


def ratio_of(args: argparse.Namespace, model: MAE) -> float:
    """The mask ratio that the options name, or the one the model was trained at."""
    return model.cfg.mask_ratio if args.mask_ratio is None else args.mask_ratio


def read_mask(path: str, grid_size: tuple[int, int]) -> Bool[Tensor, "1 n"]:
    """A drawn mask from a text file of 0 and 1."""
    rows = [line.replace(" ", "") for line in Path(path).read_text(errors="replace").splitlines() if line.strip()]
    if len({len(row) for row in rows}) != 1 or set("".join(rows)) - {"0", "1"}:
        raise ValueError(f"{path}: a mask file has rows of equal length with only 0 and 1 in them (1 = hidden).")
    try:
        return mask_from_grid([[int(c) for c in row] for row in rows], grid_size)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def add_models(commands: argparse._SubParsersAction) -> None:
    """`models` has no options."""
    p = commands.add_parser("models", help="list the models that can be loaded, with size and licence")
    p.set_defaults(run=lambda args: print(format_models(list_models())))


def format_models(models: list[ModelInfo]) -> str:
    """A table of models as text, a line each."""
    cells = [(m.name, m.size_mb, m.target, "yes" if m.decoder else "no", m.where, m.source, m.licence) for m in models]
    return text_table([("name", "MB", "target", "decoder", "where", "source", "licence"), *cells], "<")


def add_doctor(commands: argparse._SubParsersAction) -> None:
    """`doctor` has no options."""
    p = commands.add_parser("doctor", help="check versions, device and bundled weights, and time a reconstruction")
    p.set_defaults(run=run_doctor)


def run_doctor(args: argparse.Namespace) -> None:
    """Print the report; raise if something is wrong."""
    report = doctor()
    print(report)
    if not report.endswith("all is well"):
        raise ValueError(report.splitlines()[-1])
