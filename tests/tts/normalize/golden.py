"""Golden tables: what is written, and every way of saying it that a commune's announcer would accept."""

import re
import unicodedata
from dataclasses import dataclass
from itertools import product
from pathlib import Path

TABLES = Path(__file__).parents[2] / "data" / "normalize"

# Spellings and words between which a listener hears no difference of meaning.
_SAME_WORD = {
    "ngàn": "nghìn", "lẻ": "linh", "mồng": "mùng", "tới": "đến", "tỉ": "tỷ", "cê": "xê", "phê": "pê", "hắt": "hát",
    "ka": "ca", "woát": "oát", "oắt": "oát", "hẹc": "héc", "nhăm": "lăm", "kí": "ki", "suyệt": "xuyệt", "sẹc": "xẹc",
}  # fmt: skip
_SAME_PHRASE = (
    ("mươi bốn", "mươi tư"), ("linh bốn", "linh tư"), ("tháng bốn", "tháng tư"), ("am pe", "ampe"),
    ("cây số", "ki lô mét"), ("gạch nối", "gạch ngang"), ("xuyệt", "gạch chéo"), ("xẹc", "gạch chéo"),
    ("kilômét", "ki lô mét"), ("hécta", "héc ta"), ("xen ti mét", "xăng ti mét"), ("xentimét", "xăng ti mét"),
    ("ki lô gram", "ki lô gam"), ("milimét", "mi li mét"), ("mililít", "mi li lít"),
    ("nghìn không trăm", "nghìn"), ("triệu không trăm", "triệu"), ("tỷ không trăm", "tỷ"),
)  # fmt: skip
_LATE_TONE = re.compile(r"(?<!q)(o|u)([àáảãạèéẻẽẹỳýỷỹỵ])(?!\w)")
_FINAL_Y = re.compile(r"\b(h|k|l|m|s|t|v|qu)([yýỳỷỹỵ])\b")
_Y_TO_I = str.maketrans("yýỳỷỹỵ", "iíìỉĩị")


@dataclass(frozen=True)
class Row:
    """One line of a golden table."""

    category: str
    written: str
    spoken: str

    def accepts(self, said: str) -> bool:
        """Tell whether what was said is one of the accepted readings, punctuation and case aside."""
        parts = re.split(r"\{([^}]*)\}", self.spoken)
        choices = [part.split("|") if index % 2 else [part] for index, part in enumerate(parts)]
        return plain(said) in {plain("".join(choice)) for choice in product(*choices)}


def plain(spoken: str) -> str:
    """Give a spoken form without case, punctuation and differences nobody hears."""
    text = unicodedata.normalize("NFC", spoken).lower()
    text = _LATE_TONE.sub(lambda m: _early(m[1], m[2]), text)
    text = _FINAL_Y.sub(lambda m: m[1] + m[2].translate(_Y_TO_I), text)
    words = [_SAME_WORD.get(word, word) for word in re.findall(r"[^\W_]+|[^\w\s.,;:!?…\"“”'‘’()\[\]-]", text)]
    joined = f" {' '.join(words)} ".replace(" ti ", " tỷ ")
    for variant, same in _SAME_PHRASE:
        joined = joined.replace(f" {variant} ", f" {same} ")
    return joined.strip()


def _early(first: str, second: str) -> str:
    base, *marks = list(unicodedata.normalize("NFD", second))
    return unicodedata.normalize("NFC", first + "".join(marks)) + base


def read_table(path: Path) -> list[Row]:
    """Give the rows of one table."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Row(*line.split("\t")) for line in lines if line.strip() and not line.startswith("#")]


def rows() -> list[Row]:
    """Give every row of every table."""
    return [row for path in sorted(TABLES.glob("*.tsv")) for row in read_table(path)]
