"""A photo to walk over patch by patch, and where each attends to, inside the page: no kernel, widget or network."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from mae_lite.images import picture_bytes, to_picture
from mae_lite.show.html import Page, inline, source
from mae_lite.show.style import STYLE, AltFigure, show_picture

TOP = 0.08
"""Attention drawn as the brightest, as a share of a token's attention; what is more looks the same."""
PALETTE = ("00224e", "213b6e", "4c556c", "6c6e72", "8e8978", "b1a570", "d9c55c", "fee838")
"""The colour of each tone from no attention to TOP: cividis, even in lightness and for colour-blind eyes."""


def attention_explorer(
    picture: UInt8[Tensor, "3 h w"],
    weights: Mapping[str, Float[Tensor, "layers heads n n"]],
    facts: Mapping[str, Mapping[str, Float[Tensor, "layers heads n"]]],
    grid_size: tuple[int, int],
    *,
    alt: str,
    kinds: list[str] | None = None,
    start: tuple[int, int] = (0, 0),
    max_bytes: int = 700_000,
) -> "AttentionExplorer":
    """Click a patch, or walk with the arrow keys, and see every head of a layer, models side by side.

    Where scripts do not run, the patch and three layers to start with are shown as a figure.

    Args:
        picture: the photo as bytes, or what the model was given of it.
        weights: by model, among patches only.
        facts: by model, then by words with a place for the number such as "{} patches away", a number for each patch.
        grid_size: patches down and across.
        alt: what the picture shows, for readers who cannot see it.
        kinds: a word for each patch, such as "hidden".
        start: the patch and the layer to open at, each counted from 0.
        max_bytes: limit on the page's share in bytes.

    Raises:
        ValueError: if models, patches or the start do not fit together, or it takes more than `max_bytes`.
    """
    shapes, n = {tuple(one.shape) for one in weights.values()}, grid_size[0] * grid_size[1]
    if len(shapes) != 1 or next(iter(shapes))[2:] != (n, n) or set(facts) != set(weights):
        raise ValueError(
            f"attention_explorer takes weights of one shape (layers, heads, {n}, {n}) and facts for each model; it got "
            f"{sorted(shapes)} for {', '.join(weights)}, and facts for {', '.join(facts)}."
        )
    depth, patch, layer = next(iter(shapes))[0], *start
    if not (0 <= patch < n and 0 <= layer < depth) or (kinds is not None and len(kinds) != n):
        raise ValueError(f"start {start} must be one of {n} patches and {depth} layers; kinds, {n} words or None.")
    layers = sorted({0, layer, depth - 1})
    still = show_attention(picture, weights, grid_size, patch, layers)
    sprites = {name: to_sprite(one, grid_size) for name, one in weights.items()}
    made = AttentionExplorer(
        picture_bytes(to_picture(picture), "webp", quality=90),
        sprites, {name: dict(one) for name, one in facts.items()},
        grid_size, next(iter(shapes))[:2], alt, kinds, start, still.to_html(), still.alt,
    )  # fmt: skip
    if len(made.to_html()) > max_bytes:
        raise ValueError(
            f"{len(weights)} models with {depth} layers over {n} patches take {len(made.to_html()):,} bytes, over "
            f"max_bytes {max_bytes:,}; give fewer layers."
        )
    return made


def show_attention(
    picture: UInt8[Tensor, "3 h w"],
    weights: Mapping[str, Float[Tensor, "layers heads n n"]],
    grid_size: tuple[int, int],
    patch: int,
    layers: Sequence[int],
) -> AltFigure:
    """Where one patch of a photo attends to: a map for each head of some layers, for each model on one scale.

    Args:
        picture: the photo as bytes, or what the model was given of it.
        weights: by model, among patches only.
        grid_size: patches down and across.
        patch: the one whose attention is shown, marked in each map.
        layers: which layers, counted from 0.

    Raises:
        ValueError: if there is no such patch or layer, or no model.
    """
    if not weights:
        raise ValueError("show_attention got no weights; give those of at least one model, by name.")
    depth, heads, n, _ = next(iter(weights.values())).shape
    if not 0 <= patch < n or not layers or not set(layers) <= set(range(depth)):
        raise ValueError(f"Patch {patch} and layers {list(layers)} must be among {n} patches and {depth} layers.")
    columns = len(weights) * heads
    fig = AltFigure(figsize=(1.05 * columns + 2.4, 1.08 * len(layers) + 0.75), layout="constrained")
    left, right = fig.subfigures(1, 2, width_ratios=(1.9, 1.05 * columns + 0.5))
    photo = left.subplots()
    show_picture(photo, to_picture(picture))
    photo.set_title("the patch that attends", **STYLE)
    _mark(photo, patch, grid_size, picture.shape[1] / grid_size[0])
    axes = right.subplots(len(layers), columns, squeeze=False)
    for row, layer in zip(axes, layers, strict=True):
        maps = [(name, head, one[layer, head, patch]) for name, one in weights.items() for head in range(heads)]
        for ax, (name, head, values) in zip(row, maps, strict=True):
            roots = values.sqrt().reshape(grid_size).numpy()  # small weights still differ
            shown = ax.imshow(roots, cmap="cividis", vmin=0, vmax=TOP**0.5)
            ax.set(xticks=[], yticks=[])
            _mark(ax, patch, grid_size, 1.0)
            if layer == layers[0]:
                ax.set_title(f"{name}\nhead {head + 1}" if head == 0 else f"\nhead {head + 1}", fontsize=9)
        row[0].set_ylabel(f"layer {layer + 1}", **STYLE)
    bar = right.colorbar(shown, ax=axes, shrink=0.9, pad=0.02, extend="max", ticks=np.sqrt([0, 1 / n, 0.02, 0.04, TOP]))
    bar.ax.set_yticklabels(["0", "even", "2 %", "4 %", f"{100 * TOP:.0f} %"], fontsize=8)
    fig.alt, fig.format = _attention_alt(weights, patch, grid_size, layers), "jpeg"
    return fig


def _mark(ax, patch: int, grid_size: tuple[int, int], size: float) -> None:
    """A frame around a patch, white on black, to be seen on any picture."""
    y, x = (size * place - 0.5 for place in divmod(patch, grid_size[1]))
    for colour, width in (("black", 3.0), ("white", 1.2)):
        ax.plot((x, x + size, x + size, x, x), (y, y, y + size, y + size, y), color=colour, linewidth=width)


def _attention_alt(weights: Mapping, patch: int, grid_size: tuple[int, int], layers: Sequence[int]) -> str:
    row, column = divmod(patch, grid_size[1])
    words = []
    for name, one in weights.items():
        tops = [max(head[patch].max().item() for head in one[layer]) for layer in layers]
        words.append(f"{name} " + ", ".join(f"{top:.0%}" for top in tops))
    return (
        f"Where the patch in row {row + 1}, column {column + 1} attends to, a map for each head in layers "
        f"{', '.join(str(layer + 1) for layer in layers)}. The most that one patch gets, by layer: {'; '.join(words)}; "
        f"an even spread would give each {1 / weights[name].shape[2]:.1%}."
    )


def to_tones(weights: Float[Tensor, "*shape"]) -> UInt8[np.ndarray, "*shape"]:
    """Weights as tones, 0 to 7: the root of their share of TOP, so that small weights still differ."""
    return ((weights / TOP).clamp(0, 1).sqrt() * (len(PALETTE) - 1)).round().byte().cpu().numpy()


def to_sprite(weights: Float[Tensor, "layers heads n n"], grid_size: tuple[int, int]) -> bytes:
    """All maps in one lossless WebP file: patch (y, x) of a layer and head has its map at (y, x) of their block.

    Blocks of layers are stacked downwards, those of heads go across; a block is the grid of maps of the grid's size.
    """
    layers, heads = weights.shape[:2]
    rows, columns = grid_size
    tones = to_tones(weights).reshape(layers, heads, rows, columns, rows, columns)
    sheet = tones.transpose(0, 2, 4, 1, 3, 5).reshape(layers * rows * rows, heads * columns * columns)
    return _webp(np.array([list(bytes.fromhex(colour)) for colour in PALETTE], np.uint8)[sheet])


@dataclass(frozen=True)
class AttentionExplorer(Page):
    """What belongs to an explorer; `attention_explorer` makes it and a notebook shows it."""

    picture: bytes
    sprites: Mapping[str, bytes]
    facts: Mapping[str, Mapping[str, Tensor]]
    grid_size: tuple[int, int]
    size: tuple[int, int]
    """Layers and heads."""
    picture_alt: str
    kinds: list[str] | None
    start: tuple[int, int]
    still: str
    """What is seen where scripts do not run."""
    still_alt: str

    @property
    def alt(self) -> str:
        """The whole in words."""
        layers, heads = self.size
        return f"Attention of {' and '.join(self.sprites)}, {layers} layers with {heads} heads. {self.still_alt}"

    def to_html(self) -> str:
        """Everything as one piece of HTML: a figure, and a script that puts the explorer in its place."""
        (rows, columns), (layers, heads) = self.grid_size, self.size
        page = {
            "rows": rows, "columns": columns, "layers": layers, "heads": heads,
            "picture": source(self.picture), "alt": self.picture_alt, "kinds": self.kinds,
            "patch": self.start[0], "layer": self.start[1], "top": TOP, "palette": PALETTE,
            "models": [
                {"name": name, "sprite": source(sprite), "facts": _facts(self.facts[name])}
                for name, sprite in self.sprites.items()
            ],
        }  # fmt: skip
        note = "<p>One patch of many: run this cell to choose the patch and the layer.</p>"
        return "\n".join([
            '<div class="mae-lite-attention" style="max-width:860px;line-height:1.4">',
            f'<div class="mae-lite-stills">{self.still}{note}</div>',
            inline(__file__, page),
            "</div>",
        ])  # fmt: skip


def _facts(facts: Mapping[str, Float[Tensor, "layers heads n"]]) -> list[dict]:
    """Each fact as bytes, in 200 steps up to its largest value."""
    found = []
    for words, values in facts.items():
        step = max(values.max().item(), 1e-6) / 200
        steps = torch.round(values / step).byte().cpu().numpy().tobytes()
        found.append({"words": words, "step": step, "bytes": base64.b64encode(steps).decode()})
    return found


def _webp(picture: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """Without loss: each tone comes out as it went in."""
    return picture_bytes(picture, "webp", lossless=True, quality=60, method=4)
