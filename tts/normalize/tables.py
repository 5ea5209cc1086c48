"""The lexicon's files, read once and never changed."""

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class Sense:
    """One meaning of an abbreviation, and the neighbours that tell it.

    Attributes:
        written: as it stands in a text.
        spoken: its long form.
        before: what must stand before it, or None.
        after: what must stand after it, or None.
        certain: False when this meaning is only the likeliest.
    """

    written: str
    spoken: str
    before: re.Pattern[str] | None
    after: re.Pattern[str] | None
    certain: bool


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of measure: how it is written, said, and what kind of thing it measures."""

    written: str
    spoken: str
    family: str


@cache
def rows(name: str) -> tuple[tuple[str, ...], ...]:
    """Give the rows of a lexicon file, without its comments."""
    text = resources.files("tts.normalize").joinpath("lexicon", f"{name}.tsv").read_text(encoding="utf-8")
    return tuple(
        tuple(cell.strip() for cell in line.split("\t"))
        for line in text.splitlines()
        if line.strip() and not line.startswith("# ")
    )


@cache
def pairs(name: str) -> dict[str, str]:
    """Give a file of two columns as written → spoken."""
    return {row[0]: row[1] if len(row) > 1 else "" for row in rows(name)}


@cache
def context(name: str) -> str:
    """Give the neighbours that tell something, as an alternation for a regular expression."""
    return "|".join(re.escape(word) for word in pairs("contexts")[name].split("|"))


@cache
def words(name: str) -> frozenset[str]:
    """Give the first column of a file."""
    return frozenset(row[0] for row in rows(name))


@cache
def units() -> dict[str, Unit]:
    """Give every unit by its written form."""
    return {row[0]: Unit(row[0], row[1], row[2]) for row in rows("units")}


@cache
def senses(name: str) -> dict[str, tuple[Sense, ...]]:
    """Give the senses of each abbreviation in the order of the file; the first whose neighbours agree holds."""
    found: dict[str, list[Sense]] = {}
    for row in rows(name):
        written, spoken, before, after, *_ = (*row, "", "")
        found.setdefault(written, []).append(
            Sense(
                written,
                spoken.removesuffix("?").rstrip(),
                neighbour_before(before) if before else None,
                neighbour_after(after) if after else None,
                not spoken.endswith("?"),
            )
        )
    return {written: tuple(entries) for written, entries in found.items()}


_BEGINNING = r"^|[.,;:?!(]\s*"
_ENDING = r"\Z|[.,;:?!)]"
_CAPITAL = "[A-ZĐÀ-ÝĂĨŨƠƯẠ-Ỹ]"


def neighbour_before(words: str) -> re.Pattern[str]:
    """Compile "a|b c|#|^|~d": a word, a digit (#) or a beginning (^) right before, or a word (~) somewhere before."""
    return re.compile(rf"(?:{_alternatives(words, '^', _BEGINNING)})[^\w.,;:?!]*\Z", re.IGNORECASE)


def neighbour_after(words: str) -> re.Pattern[str]:
    """Compile "a|b c|#|A|$": one of these words, a digit (#), a capital (A) or an end ($) stands right after."""
    return re.compile(rf"[^\w;:?!=]*(?:{_alternatives(words, '$', _ENDING)})")


def _alternatives(words: str, edge: str, edge_pattern: str) -> str:
    special = {
        "#": r"\d\s*" if edge == "^" else r"\d",
        edge: edge_pattern,
        "A": _CAPITAL,
        "Aa": rf"{_CAPITAL}[a-zà-ỹđ]",
        "###": r"\d{3}",
    }
    return "|".join(
        special.get(word) or (_somewhere(word[1:]) if word[0] == "~" else _word(word)) for word in words.split("|")
    )


def _somewhere(word: str) -> str:
    return _word(word) + r"[^.!?\n]*"


def _word(word: str) -> str:
    pattern = re.escape(word).replace(r"\#", r"\d[\d.]*")
    escaped = rf"(?i:{pattern})"
    return (
        (r"(?<!\w)" if word[0].isalnum() else "")
        + escaped
        + (r"(?!\w)" if word[-1].isalnum() or word[-1] == "#" else "")
    )
