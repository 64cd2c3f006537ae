"""Collect the notebooks' quizzes into quiz.md: `python notebooks/guides/quiz_bank.py`, or `--check` to only compare."""

import re
import sys
from pathlib import Path

import jupytext

HERE = Path(__file__).parent
SOURCES = HERE.parent / "source"
HEAD = """# Quiz bank

The quizzes of all notebooks with their answers, collected from the notebooks by `python notebooks/guides/quiz_bank.py`.
Do not edit this page; questions that are in no notebook are in [quiz_more.md](quiz_more.md).
"""


def quiz_of(path: Path) -> str | None:
    """The text of a notebook's quiz, with links that hold from this folder; None if it has none."""
    cells = jupytext.read(path, fmt="py:percent").cells
    text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    found = re.search(r"^## Quiz\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found and re.sub(r"\]\((?!https?:|#)", "](../", found[1]).strip()


def collect() -> str:
    """The whole page."""
    parts = [HEAD]
    for path in sorted(SOURCES.glob("*.py")):
        if quiz := quiz_of(path):
            title = re.search(r"^# # (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)[1]
            parts.append(f"## {title}\n\n[The notebook's quiz](../{path.stem}.ipynb#Quiz)\n\n{quiz}\n")
    return "\n".join(parts)


def main() -> int:
    """Write quiz.md, or say whether it is stale."""
    page, text = HERE / "quiz.md", collect()
    if "--check" in sys.argv[1:]:
        stale = not page.exists() or page.read_text(encoding="utf-8") != text
        print("stale: quiz.md; run python notebooks/guides/quiz_bank.py" if stale else "quiz.md is up to date")
        return int(stale)
    page.write_text(text, encoding="utf-8")
    print(f"{page}: {text.count('<summary>Answer')} questions")
    return 0


if __name__ == "__main__":
    sys.exit(main())
