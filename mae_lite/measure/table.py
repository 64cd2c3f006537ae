"""A table as text."""

from collections.abc import Iterable, Sequence


def text_table(rows: Iterable[Sequence[object]], align: str = "<>") -> str:
    """Rows of cells as lines of text, every column as wide as its widest cell.

    >>> print(text_table([("model", "MSE"), ("harmonic", 0.5), ("nearest", 10)]))
    model     MSE
    harmonic  0.5
    nearest    10

    Args:
        rows: their cells, equally many in each row.
        align: "<" for a column that stands left, ">" right; the last sign holds for all columns that follow.
    """
    columns = [[str(cell) for cell in column] for column in zip(*rows, strict=True)]
    signs = align.ljust(len(columns), align[-1])
    lined = [
        [f"{cell:{sign}{max(map(len, column))}}" for cell in column]
        for sign, column in zip(signs, columns, strict=False)
    ]
    return "\n".join("  ".join(row).rstrip() for row in zip(*lined, strict=True))
