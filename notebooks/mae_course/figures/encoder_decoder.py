"""Figures of tokens, as boxes and on the journey of two through the model, and of what a forward pass costs."""

import json
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from jaxtyping import UInt8

from mae_course.figures.image_as_sentence import TINTS
from mae_course.pages.token_ledger import CLS, GONE, Entry, Ledger
from mae_lite.config import MAEConfig
from mae_lite.measure.reconstruct import patches_picture
from mae_lite.show.flipbook import Flipbook, flipbook
from mae_lite.show.style import LINES, STYLE, AltFigure, by_ratio, plain_axes
from mae_lite.weights.assets import asset_path

KINDS = {"visible": "#BFDDF0", "hidden": "#F6DDB3", "mask": "#DDDDDD", "cls": "#333333"}
"""How the tokens of a list are coloured; mask and class token carry a letter as well."""
LETTERS = {
    "cls": ("c", "white", "class token"),
    "mask": ("M", "0.3", "mask token"),
    "hidden": ("x", "0.4", "to be hidden"),
}
"""What is written on a token, in which colour, and what it means."""
FOLLOWED = (("#0072B2", "-"), ("#D55E00", "--"))
"""Colour and dash of the frame around the visible and around the hidden patch."""
ACROSS = 22
"""Tokens in a line of the journey's list."""
SWEEPS = {
    "mask ratio": "share of patches hidden",
    "image size": "side of the image, pixels",
    "patch size": "side of a patch, pixels",
}
"""What `benchmarks/scaling.py` changes, and the words below the axis."""


def show_tokens(rows: Mapping[str, Sequence[str]]) -> AltFigure:
    """Lists of tokens below each other, a line from each token to where it is in the next list.

    Args:
        rows: lists by name. A token is called by the number of its patch, "3"; "M3" is a mask token that stands for
            patch 3 and is written M; any other word stands for itself.

    Raises:
        ValueError: if there is no list.
    """
    if not rows:
        raise ValueError("show_tokens got no list of tokens; give at least one, by name.")
    longest = max(map(len, rows.values()))
    fig = AltFigure(figsize=(0.85 * longest + 3.2, 0.95 * len(rows) + 0.1), layout="constrained")
    ax = fig.subplots()
    above: dict[str, int] = {}
    for y, (name, tokens) in enumerate(rows.items()):
        ax.text(-0.75, y, name, ha="right", va="center", **STYLE)
        keys = [token.removeprefix("M") for token in tokens]
        for x, (token, key) in enumerate(zip(tokens, keys, strict=True)):
            _box(ax, x, y, token, key)
            if key in above:
                colour = TINTS[int(key) % len(TINTS)] if key.isdecimal() else "0.3"
                ax.plot((above[key], x), (y - 0.7, y - 0.3), color=colour, linewidth=3, zorder=0)
        above = {key: x for x, key in enumerate(keys)}
    ax.set(xlim=(-0.7, longest - 0.3), ylim=(len(rows) - 0.6, -0.4))
    ax.axis("off")
    words = [f"{name}: {', '.join('M' if t.startswith('M') else t for t in tokens)}" for name, tokens in rows.items()]
    fig.alt = f"Lists of tokens, one below the other, with lines between equal ones. {'; '.join(words)}."
    return fig


def _box(ax, x: int, y: int, token: str, key: str) -> None:
    mask, patch = token.startswith("M"), key.isdecimal()
    face = KINDS["mask"] if mask else TINTS[int(key) % len(TINTS)] if patch else KINDS["cls"]
    corners = [(x - 0.4, y - 0.3), (x + 0.4, y - 0.3), (x + 0.4, y + 0.3), (x - 0.4, y + 0.3)]
    ax.fill(*zip(*corners, strict=True), facecolor=face, alpha=0.45 if patch and not mask else 1)
    ax.plot(*zip(*corners, corners[0], strict=True), color="0.2", linewidth=1.5, linestyle=":" if mask else "-")
    text = "M" if mask else token
    ax.text(x, y, text, ha="center", va="center", color="black" if mask or patch else "white", fontsize=12)


def journey_flipbook(ledger: Ledger, cfg: MAEConfig) -> Flipbook:
    """A slider over the steps of a ledger: the picture as far as it is known, the list of tokens, the two vectors.

    Args:
        ledger: its first entry notes pixels.
        cfg: of the model whose steps it holds.

    Raises:
        ValueError: if the ledger is empty or does not begin with pixels.
    """
    if not ledger.entries or not ledger.entries[0].pixels:
        raise ValueError("journey_flipbook needs a ledger whose first entry notes the patches with pixels=True.")
    frames, labels, alts = [], [], []
    for entry, (picture, seen) in zip(ledger.entries, known_pictures(ledger, cfg), strict=True):
        frames.append(_frame(ledger, entry, picture, cfg))
        where = [f"patch {p} {_where(entry, p)}" for p in ledger.follow]
        labels.append(f"{entry.step}: {entry.size} numbers; {'; '.join(where)}")
        vectors = [f"patch {p}: {entry.numbers(p)}" for p in ledger.follow]
        alts.append(f"{seen} of {cfg.num_patches} patches have content. {'; '.join(vectors)}.")
    return flipbook(frames, labels, alts, name="step", max_bytes=700_000)


def known_pictures(ledger: Ledger, cfg: MAEConfig) -> Iterator[tuple[UInt8[np.ndarray, "h w 3"], int]]:
    """For each step what its tokens know of the picture, grey elsewhere, and how many patches that is.

    A mask token knows nothing until pixels are predicted from it.
    """
    known, painted = torch.zeros(cfg.num_patches, cfg.patch_dim), False
    for entry in ledger.entries:
        if entry.pixels:
            known, painted = entry.tokens, entry.mask_tokens
        seen = torch.zeros(cfg.num_patches, dtype=torch.bool)
        seen[[i for i in entry.ids if i != CLS]] = True
        if entry.mask_tokens and not painted:
            seen &= ~ledger.mask
        yield patches_picture(known.where(seen[:, None], torch.nan), cfg), int(seen.sum())


def _where(entry: Entry, patch: int) -> str:
    place = entry.place(patch)
    return GONE if place is None else f"at place {place}"


def _frame(ledger: Ledger, entry: Entry, picture: np.ndarray, cfg: MAEConfig) -> UInt8[np.ndarray, "H W 3"]:
    fig = AltFigure(figsize=(9.2, 4.3))
    photo = fig.add_axes((0.01, 0.02, 0.40, 0.86))
    photo.imshow(picture)
    photo.axis("off")
    p, columns = cfg.patch_size, cfg.grid_size[1]
    for patch, (colour, dash) in zip(ledger.follow, FOLLOWED, strict=True):
        y, x = (p * i - 0.5 for i in divmod(patch, columns))
        photo.plot((x, x + p, x + p, x, x), (y, y, y + p, y + p, y), color=colour, linestyle=dash, linewidth=3)
        style = {"facecolor": "white", "alpha": 0.85, "pad": 1, "linewidth": 0}
        photo.text(x + p / 2, y - 2, str(patch), ha="center", va="bottom", color=colour, fontweight="bold", bbox=style)
    fig.text(0.01, 0.93, entry.step, fontsize=14, fontweight="bold")
    kinds = _draw_list(fig.add_axes((0.44, 0.36, 0.55, 0.54)), ledger, entry)
    legend = "".join(f",  {letter} {means}" for kind, (letter, _, means) in LETTERS.items() if kind in kinds)
    fig.text(0.44, 0.93, f"the list, read line by line: {len(entry.ids)} tokens{legend}", **STYLE)
    for k, (patch, (colour, _)) in enumerate(zip(ledger.follow, FOLLOWED, strict=True)):
        _draw_vector(fig, 0.19 - 0.17 * k, entry, patch, colour)
    return fig.to_picture()


def _draw_list(ax, ledger: Ledger, entry: Entry) -> set[str]:
    """The tokens as small boxes with a letter, the two patches with their frames; which kinds of token there are."""
    hidden = "mask" if entry.mask_tokens else "hidden"
    kinds = ["cls" if patch == CLS else hidden if ledger.mask[patch] else "visible" for patch in entry.ids]
    for place, kind in enumerate(kinds):
        y, x = divmod(place, ACROSS)
        ax.fill((x, x + 0.9, x + 0.9, x), (y, y, y + 0.9, y + 0.9), color=KINDS[kind], linewidth=0)
        if kind in LETTERS:
            letter, colour, _ = LETTERS[kind]
            ax.text(x + 0.45, y + 0.5, letter, ha="center", va="center", fontsize=8, color=colour)
    for patch, (colour, dash) in zip(ledger.follow, FOLLOWED, strict=True):
        if (place := entry.place(patch)) is not None:
            y, x = divmod(place, ACROSS)
            ax.plot((x, x + 0.9, x + 0.9, x, x), (y, y, y + 0.9, y + 0.9, y), color=colour, linestyle=dash, linewidth=3)
            style = {"facecolor": "white", "pad": 1, "edgecolor": colour}
            ax.text(x + 0.45, y + 1.4, str(patch), ha="center", va="center", fontsize=9, color=colour, bbox=style)
    ax.set(xlim=(-0.3, ACROSS + 0.2), ylim=(9.6, -0.3), aspect="equal", anchor="NW")
    ax.axis("off")
    return set(kinds)


def _draw_vector(fig, bottom: float, entry: Entry, patch: int, colour: str) -> None:
    """A patch's vector as a strip of colours with its first numbers, or that there is none."""
    vector = entry.vector(patch)
    title = f"patch {patch}, {_where(entry, patch)}"
    title += "" if vector is None else f":  {entry.numbers(patch, 5)}"
    fig.text(0.44, bottom + 0.09, title, color=colour, fontweight="bold", **STYLE)
    ax = fig.add_axes((0.44, bottom, 0.55, 0.065))
    ax.set(xticks=[], yticks=[])
    if vector is None:
        ax.text(0.01, 0.45, "no vector: nothing is computed for it here", va="center", transform=ax.transAxes, **STYLE)
        ax.spines[:].set_visible(False)
    else:
        ax.imshow(vector[None].numpy(), cmap="PuOr", vmin=-2.5, vmax=2.5, aspect="auto", interpolation="nearest")


def show_times(mask_ratios: Sequence[float], times: Mapping[str, Sequence[float]], title: str = "") -> AltFigure:
    """Milliseconds against mask ratio, a labelled line for each name.

    Args:
        mask_ratios: share of patches hidden, ascending.
        times: for each name the milliseconds at each ratio.
        title: what was timed.

    Raises:
        ValueError: if a line has not one time for each ratio, or there are more lines than distinct styles.
    """
    fig = by_ratio("show_times", mask_ratios, times, "times")
    (ax,) = fig.axes
    plain_axes(ax, xlabel="share of patches hidden", ylabel="milliseconds", title=title)
    words = [f"{name} from {line[0]:,.0f} to {line[-1]:,.0f}" for name, line in times.items()]
    span = f"{mask_ratios[0]:.0%} to {mask_ratios[-1]:.0%}"
    fig.alt = f"Milliseconds as the share of hidden patches goes from {span}: {'; '.join(words)}."
    return fig


def show_scaling(record: Mapping | None = None) -> AltFigure:
    """Measured time beside the formula's line, for the encoder and the whole model, against what makes it cost more.

    Args:
        record: as `benchmarks/scaling.py --json` writes it; the one in assets/results if left out.
    """
    record = record or json.loads((asset_path("results") / "bench-scaling.json").read_text())
    fig, words = AltFigure(figsize=(10, 3.4), layout="constrained"), []
    for ax, (sweep, label) in zip(fig.subplots(1, len(SWEEPS)), SWEEPS.items(), strict=True):
        for part, (colour, marker, _) in zip(("whole model", "encoder"), LINES, strict=False):
            rows = [row for name, row in record["rows"].items() if name.startswith(sweep) and name.endswith(part)]
            rows = sorted(rows, key=lambda row: row["value"])
            x, measured = [row["value"] for row in rows], [row["median_ms"] for row in rows]
            spread = [[abs(row[end] - row["median_ms"]) for row in rows] for end in ("low_ms", "high_ms")]
            ax.errorbar(x, measured, spread, color=colour, marker=marker, linestyle="", label=f"{part}, measured")
            ax.plot(x, [row["formula_ms"] for row in rows], color=colour, linestyle="--", label=f"{part}, formula")
            words.append(f"{part}, {sweep} {x[0]:g} to {x[-1]:g}: {measured[0]:.0f} to {measured[-1]:.0f}")
        plain_axes(ax, xlabel=label, ylabel="milliseconds")
        ax.get_legend().remove()
    fig.axes[0].xaxis.set_major_formatter("{x:.0%}")
    fig.legend(*fig.axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False, **STYLE)
    where = f"{record['machine']}, torch {record['torch']}, {record['date']}"
    settings = "ViT-B/16, one image of 224 pixels, 75 % hidden, but for what varies"
    fig.supxlabel(f"{settings}; {where}", fontsize=8, color="0.4")
    fig.alt = f"Milliseconds for one image, measured beside the formula. {'; '.join(words)}."
    return fig
