"""The tables of speed from the records: python benchmarks/table.py [FOLDER], assets/results if left out."""

import json
import re
import sys
from pathlib import Path

RECORDS = Path(__file__).parent.parent / "assets" / "results"
MODELS = {
    "mae-lite": "mae-lite", "mae-lite, prepacked": "ours, prepacked", "mae-lite, compiled": "ours, compiled",
    "Hugging Face ViTMAE": "Hugging Face", "official forward, timm blocks": "official form",
    "vit-pytorch MAE": "vit-pytorch",
}  # fmt: skip
SIZES = {"mini": "mae-lite-mini", "base": "ViT-B", "large": "ViT-L", "huge": "ViT-H"}
WAITS = {
    "import torch": "`import torch`", "import mae_lite": "`import mae_lite`, torch included",
    "first picture after import torch": "first picture, once torch is imported",
    "first playground": "first playground in a notebook, once torch is imported",
    "playground: a move, in the kernel": "a move of the playground's slider, in the kernel",
    "playground: a move, one core free": "the same while other programs hold all cores but one",
    "playground: a move, one core free, torch's own threads": "the same without the playground's choice of threads",
    "harmonic fill of 112 x 112": "harmonic fill of 112 x 112 pixels",
}  # fmt: skip
"""Rows of bundled.py, and what they are to a reader."""


def load(part: str, folder: Path = RECORDS) -> dict:
    """The record of a benchmark."""
    return json.loads((folder / f"bench-{part}.json").read_text(encoding="utf-8"))


def machine(record: dict) -> str:
    """Where and when it was measured."""
    return f"{record['machine']}, torch {record['torch']}, {record['date']}"


def lines(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table, columns of numbers to the right."""
    numbers = [all(re.fullmatch(r"[\d,]*", cell) for cell in column) for column in zip(*rows, strict=True)]
    sides = ["--:" if right else ":--" for right in numbers]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, sides, *rows))


def peers(record: dict) -> str:
    """Milliseconds of each model in each setting, and of the matrix products alone."""
    settings: dict[tuple, dict[str, dict]] = {}
    for name, row in record["rows"].items():
        found = re.fullmatch(r"(\w+), batch (\d+), (forward|training step), (fp32|bf16), (.+)", name)
        if found:
            settings.setdefault(found.groups()[:4], {})[found[5]] = row
    columns = [name for name in MODELS if any(name in found for found in settings.values())]
    rows = []
    for (size, batch_size, what, precision), found in settings.items():
        cells = [f"{found[name]['median_ms']:,.0f}" if name in found else "" for name in columns]
        (floor,) = {f"{row['floor_ms']:,.0f}" for row in found.values()}
        rows.append([f"{SIZES.get(size, size)}, {what}, {batch_size} at once, {precision}", *cells, floor])
    return lines(["milliseconds", *(MODELS[name] for name in columns), "products alone"], rows)


def waits(record: dict) -> str:
    """What a user waits for."""
    rows = [[words, f"{record['rows'][name]['median_ms']:,.0f}"] for name, words in WAITS.items()]
    loads = {name.split(":")[0]: row for name, row in record["rows"].items() if name.endswith(": load")}
    rows += [[f"load `{name}`", f"{row['median_ms']:,.0f}"] for name, row in loads.items()]
    return lines(["", "milliseconds"], rows)


def training(record: dict) -> str:
    """Images a second of each loop, by precision."""
    rows = record["rows"]
    loops = {name.split(", ", 1)[1]: None for name in rows if name.startswith(("fp32, ", "bf16, "))}
    precisions = [one for one in ("fp32", "bf16") if f"{one}, DataLoader loop" in rows]
    return lines(
        ["images a second", *precisions],
        [[name, *(f"{rows[f'{one}, {name}']['images_s']:,.0f}" for one in precisions)] for name in loops],
    )


def shares(record: dict) -> str:
    """Milliseconds of a training step by kind of operation, and their sum."""
    rows = []
    for name, row in record["rows"].items():
        size, batch_size, precision, model = re.fullmatch(r"(\w+), batch (\d+), (\w+), (.+)", name).groups()
        parts = [row[f"{kind}_ms"] for kind in ("products", "fused attention", "optimiser", "rest")]
        between = sum(row.values()) - sum(parts)
        cells = [f"{ms:,.0f}" for ms in (*parts[:2], between, *parts[2:], sum(row.values()))]
        rows.append([f"{SIZES.get(size, size)}, {batch_size} at once, {precision}", MODELS[model], *cells])
    head = ["milliseconds", "", "products", "fused attention", "between", "optimiser", "rest", "in all"]
    return lines(head, rows)


TABLES = {"peers": peers, "pretraining": training, "bundled": waits, "shares": shares}
"""The benchmarks that have a table in the README or a guide."""


def main(folder: Path = RECORDS) -> None:
    """Print all tables, each with where it was measured."""
    for part, table in TABLES.items():
        record = load(part, folder)
        print(f"{part}: {machine(record)}\n\n{table(record)}\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
