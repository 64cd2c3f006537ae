"""The reconstruction lab without a kernel: `python notebooks/site/explorer.py FILE.html`.

Answers of the bundled model for several photos, ratios and seeds, computed once, and three controls over them.
"""

import html
import sys
from pathlib import Path

import torch

import mae_lite as ml
from mae_lite.images import picture_bytes
from mae_lite.measure.sweeps import ratio_sweep, sweep_label
from mae_lite.show.flipbook import side_by_side
from mae_lite.show.html import img_html, inline, source

PHOTOS = ("astronaut", "coffee", "dahlia", "dogs", "meadow", "pagoda")
RATIOS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
SEEDS = (0, 1, 2, 3)
START = (1, 0, RATIOS.index(0.75))
"""Photo, seed and ratio that one sees first."""
QUALITY = 85
"""Of the WebP pictures."""
TITLES = ("given to the model", "output + visible patches", "original")
STYLE = "image-rendering:pixelated;height:auto"


def answers(model: ml.MAE) -> tuple[list[bytes], list[list[list[dict]]]]:
    """The photos as the model gets them, and for each, by seed and ratio, a picture with its label and alt text."""
    originals, frames = [], []
    for name in PHOTOS:
        image = ml.load_image(ml.asset_path("photos", f"{name}.jpg"), model)
        sweeps = [ratio_sweep(model, image, RATIOS, seed=seed) for seed in SEEDS]
        originals.append(picture_bytes(sweeps[0][0].original, "webp", quality=QUALITY))
        frames.append([[frame(one) for one in sweep] for sweep in sweeps])
    return originals, frames


def frame(shown: ml.Reconstruction) -> dict:
    """What the model was given and what it made of it, side by side."""
    picture = side_by_side([shown.masked, shown.pasted], width=shown.masked.shape[1])
    return {"picture": picture_bytes(picture, "webp", quality=QUALITY), "label": sweep_label(shown), "alt": shown.alt}


def page(originals: list[bytes], frames: list[list[list[dict]]]) -> str:
    """A piece of HTML that carries everything: pictures of one mask, and a script that puts controls in their place."""
    data = {
        "photos": PHOTOS, "seeds": SEEDS, "ratios": [f"{ratio:.0%}" for ratio in RATIOS], "start": START,
        "titles": TITLES, "originals": [source(picture) for picture in originals],
        "frames": [[[one | {"picture": source(one["picture"])} for one in row] for row in rows] for rows in frames],
    }  # fmt: skip
    _, seed, ratio = START
    stills = []
    for name, original, rows in zip(PHOTOS, originals, frames, strict=True):
        one = rows[seed][ratio]
        pictures = [(one["picture"], one["alt"], 228), (original, f"The photo: {name}.", 112)]
        images = " ".join(img_html(data, alt, "webp", width) for data, alt, width in pictures)
        stills.append(f"<figure>{images}<figcaption>{name}: {html.escape(one['label'])}</figcaption></figure>")
    count = len(PHOTOS) * len(SEEDS) * len(RATIOS)
    return "\n".join([
        '<div class="mae-lite-explorer" style="max-width:688px;line-height:1.4;margin-top:1em">',
        f"<p><strong>Without a kernel:</strong> no model runs in this page, but {count} of its answers are in it. ",
        "Choose a photo, move share and seed.</p>",
        f'<div class="stills">{"".join(stills)}</div>',
        inline(__file__, data),
        "</div>",
    ])  # fmt: skip


if __name__ == "__main__":
    torch.set_num_threads(1)  # a small model on single photos loses by more
    torch.set_grad_enabled(False)
    Path(sys.argv[1]).write_text(page(*answers(ml.load_model("mae-lite-mini"))), encoding="utf-8")
