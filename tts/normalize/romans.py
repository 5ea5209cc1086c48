"""Roman numerals: khóa XIII, quý IV, học kỳ I, and letters that only look like them."""

import re
from collections.abc import Iterator

from tts.normalize.draft import Draft, Reading
from tts.normalize.syllables import is_syllable
from tts.normalize.tables import context
from tts.spoken import SpanKind

_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_ROMAN = re.compile(r"M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")
_TOKEN = re.compile(r"(?<![^\W_])[IVXLCDM]{1,9}(?![^\W_])")
_LETTERED = re.compile(r"(?<![^\W_])([IVX]{1,5})([a-cA-C])(?![^\W_])")

_NUMBERED_BEFORE = re.compile(rf"(?<!\w)(?:{context('roman')})\s*\Z")
_ORDINAL_BEFORE = re.compile(r"(?<!\w)thứ\s*\Z")
_REIGN_BEFORE = re.compile(r"(?<!\w)(?:thế chiến|chiến tranh thế giới)\s*\Z")
_LINE_START = re.compile(r"\A[\W_]*\Z")
_OF_YEAR = re.compile(r"\s?/\s?((?:19|20)\d\d)(?![\w/])")
_HEADING_MARK = re.compile(r"\s?(?:[.):-]|/\s)")
_LIST_BEFORE = re.compile(r"(?:,|;|-|/|và|đến|tới|hoặc)\s*\Z")


def roman_value(text: str) -> int | None:
    """Give the value of a well-formed Roman numeral in capitals, else None."""
    if not text or not _ROMAN.fullmatch(text):
        return None
    values = [_VALUES[letter] for letter in text]
    return sum(-v if v < n else v for v, n in zip(values, [*values[1:], 0], strict=True))


def read_romans(draft: Draft) -> Iterator[Reading]:
    """Read numerals behind a word that is numbered so, then long ones anywhere."""
    ends: set[int] = set()
    for match in _TOKEN.finditer(draft.open):
        yield from _read_roman(draft, match, ends)
    yield from draft.search(_LETTERED, _read_lettered)


def _read_roman(draft: Draft, match: re.Match[str], ends: set[int]) -> Iterator[Reading]:
    value = roman_value(match[0])
    if value is None or not set(match[0]) & set("IVX") or set(match[0]) & set("DM"):
        return
    before = draft.before(match.start())
    if _ORDINAL_BEFORE.search(before):
        spoken, certain = draft.numbers.ordinal(value), True
    elif _NUMBERED_BEFORE.search(before) or _continues(draft, match.start(), ends) or _heads_line(draft, match):
        spoken, certain = draft.numbers.cardinal(value), True
    elif _REIGN_BEFORE.search(before):
        spoken, certain = f"thứ {draft.numbers.ordinal(value)}", True
    elif len(match[0]) > 1 and not set(match[0]) & set("LCDM") and not is_syllable(match[0]):
        spoken, certain = draft.numbers.cardinal(value), False
    else:
        return
    ends.add(match.end())
    year = _OF_YEAR.match(draft.open, match.end())
    if year is not None:
        spoken = f"{spoken} năm {draft.numbers.cardinal(int(year[1]))}"
    yield Reading(match.start(), year.end() if year else match.end(), spoken, SpanKind.ROMAN, certain)


def _heads_line(draft: Draft, match: re.Match[str]) -> bool:
    heads = _LINE_START.match(draft.before(match.start())) is not None
    return heads and _HEADING_MARK.match(draft.text, match.end()) is not None


def _continues(draft: Draft, start: int, ends: set[int]) -> bool:
    """Tell whether this is the next of a list or range of numerals: khu vực I, II và III; cấp IV-V."""
    joint = _LIST_BEFORE.search(draft.before(start))
    if joint is None:
        return False
    at = start - 1
    while at > 0 and draft.lower[at] in " ,;-/vàđếntớihoặc":
        if at in ends:
            return True
        at -= 1
    return at in ends


def _read_lettered(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    value = roman_value(match[1])
    if value is None or is_syllable(match[0]) or not _NUMBERED_BEFORE.search(draft.before(match.start())):
        return
    letter = {"a": "a", "b": "bê", "c": "xê"}[match[2].lower()]
    yield Reading(*match.span(), f"{draft.numbers.cardinal(value)} {letter}", SpanKind.ROMAN)
