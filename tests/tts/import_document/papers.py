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
