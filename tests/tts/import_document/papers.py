"""Golden papers, and how they are read."""

from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).parents[2] / "data" / "paper"


@dataclass(frozen=True)
class Row:
    page: int
    kind: str
    text: str


def read_golden(path: Path) -> list[Row]:
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    return [Row(int(page), kind, text) for page, kind, text in rows]


def edit_distance(one: str, other: str) -> int:
    """How many characters must be put in, taken out or changed (Levenshtein)."""
    row = list(range(len(other) + 1))
    for at, char in enumerate(one, start=1):
        before, row[0] = row[0], at
        for column, sign in enumerate(other, start=1):
            before, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, before + (char != sign))
    return row[-1]
