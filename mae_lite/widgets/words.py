"""What the playground says: facts about a reconstruction, its alt text, and the Python that repeats it."""

import json
from pathlib import Path

from mae_lite.mae import MAE
from mae_lite.measure.reconstruct import Reconstruction
from mae_lite.show.figures import show_reconstruction
from mae_lite.weights.catalogue import ModelInfo
from mae_lite.widgets.pictures import Photo

SHOWN = {"pasted": "Reconstruction", "output": "Raw output", "error": "Error map"}
"""The pictures of a reconstruction that can be shown, with their titles."""

NO_KERNEL = "The controls need a running kernel: open this notebook in JupyterLab and run the cell."


def title(shown: Reconstruction, show: str) -> str:
    """The title of the picture on show; a model that needs the hidden patches' statistics says so here."""
    leak = " (rescaled with the true patch mean and deviation: a leak)" if shown.leaks and show != "error" else ""
    return SHOWN[show] + leak


def source_title(size: tuple[int, int], shown: Reconstruction) -> str:
    """The title of the original: which part of a photo of that width and height the model gets."""
    (width, height), (h, w) = size, shown.original.shape[:2]
    if abs(width * h / (height * w) - 1) < 0.02:
        return "Original"
    return f"Original: the middle of {width} x {height} pixels"


def alt(shown: Reconstruction, show: str, photo: str) -> str:
    """The picture on show in a sentence, with its numbers."""
    hidden, n = int(shown.mask.sum()), shown.mask.shape[1]
    what = {
        "pasted": "Reconstruction of {}, the visible patches pasted over",
        "output": "Raw output of the model for {}, visible patches included",
        "error": "Error map of {}, black for none and yellow for large",
    }[show].format(photo)
    numbers = ", ".join(f"{label} {value}" for label, value, _ in measures(shown))
    return f"{what}. {hidden} of {n} patches hidden. {numbers}."


def measures(shown: Reconstruction) -> list[tuple[str, str, str]]:
    """What is measured on hidden patches: label, value, meaning."""
    if shown.mse is None:
        return [("Error", "nothing hidden", "Only hidden patches are measured, and there is none")]
    rows = [("Masked MSE", f"{shown.mse:.3f}", "Mean squared error on hidden patches, in normalised pixels: the loss")]
    if shown.psnr is not None:
        meaning = "Peak signal-to-noise ratio on hidden patches; higher is better"
        rows.append(("PSNR", f"{shown.psnr:.1f} dB", meaning))
    if shown.skill is not None:
        meaning = "1 is perfect, 0 no better than the smoothest surface through the visible pixels, below 0 worse"
        rows.append(("Skill over harmonic fill", f"{shown.skill:+.2f}", meaning))
    return rows


def facts(shown: Reconstruction, milliseconds: float, model: MAE) -> list[tuple[str, str, str]]:
    """What the encoder saw, how far off the rest is, and what it took: label, value, meaning."""
    hidden, n = int(shown.mask.sum()), shown.mask.shape[1]
    return [
        ("Seen by the encoder", f"{n - hidden} of {n} patches", "The encoder never gets a hidden patch"),
        *measures(shown),
        ("Time", f"{milliseconds:.0f} ms", "Model, harmonic fill and measures; kept results are not timed again"),
        ("Device", next(model.parameters()).device.type, "Where the model runs"),
        ("Trained at", f"{100 * model.cfg.mask_ratio:.0f} % hidden", "The share of patches hidden in training"),
    ]


def model_note(info: ModelInfo) -> str:
    """A model's size, licence and kind, before anything is fetched."""
    kind = "predicts normalised patches" if info.target == "norm-pix" else "predicts pixels"
    return f"{info.size_mb:,} MB, {kind}, licence {info.licence}, from {info.source}"


def file_name(photo: str, strategy: str, seed: int, shown: Reconstruction, show: str) -> str:
    """What a saved picture is called; a drawn mask has no seed."""
    seeded = "" if strategy == "drawn" else f"-seed-{seed}"
    return f"{Path(photo).stem}-{strategy}-{int(shown.mask.sum())}-hidden{seeded}-{show}.png"


def as_python(name: str, photo: Photo, strategy: str, seed: int, shown: Reconstruction, grid: tuple, show: str) -> str:
    """Python that gives the same reconstruction.

    Args:
        name: what `load_model` takes, or "" for a model that only the reader's own code has, as `model`.
        photo: its source is a path.
        strategy: "drawn" writes the mask out.
        seed: of the strategy.
        shown: the reconstruction.
        grid: patches down and across.
        show: which picture is on show.
    """
    imports = ["import mae_lite as ml"]
    if strategy not in ("drawn", "random"):
        imports.append("from mae_lite.masking import draw_mask")
    load = "# model: the one given to playground(model)"
    if name:
        load = f"model = ml.prepack(ml.load_model({json.dumps(name)}))"  # as the playground does, to the last bit
    assert isinstance(photo.source, Path), "a playground writes bytes to a file first"
    path = photo.source
    source = json.dumps(path.name if photo.bundled else str(path.resolve()), ensure_ascii=False)
    source = f'ml.asset_path("photos", {source})' if photo.bundled else source
    lines = [*imports, "", load, f"image = ml.load_image({source}, model)"]
    lines += _mask_lines(strategy, seed, shown, grid)
    lines += ["shown = ml.reconstruct(model, image, mask)", f'shown.figure(("masked", "{show}", "original"))']
    return "\n".join(lines)


def _mask_lines(strategy: str, seed: int, shown: Reconstruction, grid: tuple[int, int]) -> list[str]:
    if strategy == "drawn":
        rows = ["".join("01"[hidden] for hidden in row) for row in shown.mask.reshape(grid).tolist()]
        return [
            f'drawn = "{" ".join(rows)}"',
            "mask = ml.mask_from_grid([[int(hidden) for hidden in row] for row in drawn.split()])",
        ]
    ratio = f"{int(shown.mask.sum())} / {shown.mask.shape[1]}"
    if strategy == "random":
        return [f"mask = ml.random_mask(model.num_patches, {ratio}, seed={seed})"]
    return [f'mask = draw_mask("{strategy}", model.cfg.grid_size, {ratio}, seed={seed})']


def stand_in(shown: Reconstruction) -> dict[str, str]:
    """What a reader without a kernel gets in place of the widget: a figure with alt text."""
    page = stand_in_html("mae-lite-lab", f"{show_reconstruction(shown).to_html()}{NO_KERNEL}")
    return {"text/html": page, "text/plain": f"{shown.alt} {NO_KERNEL}"}


def stand_in_html(widget: str, page: str) -> str:
    """HTML that hides while the widget of that class is alive before it; a viewer that ignores the rule shows both."""
    rule = f".jp-OutputArea-child:has(.{widget}) + .jp-OutputArea-child:has(.{widget}-stand-in) {{display: none}}"
    return f'<style>{rule}</style><div class="{widget}-stand-in">{page}</div>'
