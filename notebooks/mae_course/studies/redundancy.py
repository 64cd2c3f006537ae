"""How much of a hidden part the rest tells, for words and for pixels on one scale: 0 the trivial guess, 1 perfect.

Made from two records, in no time: assets/results/masked-text.json and assets/results/sweep-mae-lite-mini.json.
"""

import json
from typing import Any, NamedTuple

from mae_lite.weights.assets import asset_path


class Curve(NamedTuple):
    """Scores against the share hidden."""

    name: str
    mask_ratios: list[float]
    scores: list[float]
    """The mean over seeds where there are several."""
    spread: list[float]
    """Half the range over seeds; 0 where there is one run."""


def load_record() -> dict[str, Any]:
    """What the last run of `masked_text` measured."""
    return json.loads(asset_path("results", "masked-text.json").read_text(encoding="utf-8"))


def word_curves() -> list[Curve]:
    """The causal model, neighbours and the masked model: (accuracy - trivial) / (1 - trivial).

    The trivial guess is the most frequent word, at the same share hidden. Its accuracy hardly changes with the share.
    """
    record = load_record()
    ratios, trivial = record["mask_ratios"], record["baselines"]["most frequent"]
    by_kind = {
        kind: [run["accuracy"] for run in record["runs"] if run["kind"] == kind] for kind in ("causal", "masked")
    }
    named = {"left to right": by_kind["causal"], "neighbours": [record["baselines"]["neighbours"]]}
    named["masked model"] = by_kind["masked"]
    curves = []
    for name, runs in named.items():
        scores = [[(a - t) / (1 - t) for a, t in zip(run, trivial, strict=True)] for run in runs]
        columns = list(zip(*scores, strict=True))
        mean = [sum(column) / len(column) for column in columns]
        curves.append(Curve(name, ratios, mean, [(max(column) - min(column)) / 2 for column in columns]))
    return curves


def pixel_curves() -> list[Curve]:
    """Nearest pixel, soap film and network under random masks: 1 - MSE / MSE of the visible pixels' mean."""
    record = json.loads(asset_path("results", "sweep-mae-lite-mini.json").read_text(encoding="utf-8"))
    rows = [row for row in record["sweep"] if row["strategy"] == "random"]
    ratios = [row["mask_ratio"] for row in rows]
    curves = []
    for key, name in {"nearest": "nearest pixel", "harmonic": "soap film", "model": "network (MAE)"}.items():
        scores = [1 - row["table"][key]["mse"] / row["table"]["visible mean"]["mse"] for row in rows]
        curves.append(Curve(name, ratios, scores, [0.0] * len(scores)))
    return curves


def at(curve: Curve, mask_ratio: float) -> float:
    """A curve's score at any share hidden between its ends, on the straight line between its two points next to it.

    Raises:
        ValueError: if the share lies beyond the ends.
    """
    points = list(zip(curve.mask_ratios, curve.scores, strict=True))
    for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
        if x0 <= mask_ratio <= x1:
            return y0 + (y1 - y0) * (mask_ratio - x0) / (x1 - x0)
    raise ValueError(
        f"{curve.name} was measured from {points[0][0]:.0%} to {points[-1][0]:.0%}, not at {mask_ratio:.0%}."
    )
