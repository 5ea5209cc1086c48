"""Plain numbers and ranges of them, when nothing else has claimed them."""

import re
from collections.abc import Iterator

from tts.normalize.draft import Draft, Reading
from tts.normalize.nouns import counts_next
from tts.normalize.numbers import LONGEST_CARDINAL, parse_decimal
from tts.normalize.tables import context
from tts.spoken import SpanKind

_N = r"\d{1,24}(?:[.,]\d{1,12}){0,8}"
_START = r"(?<!\d[.,])(?<![^\W_])"
_END = r"(?![^\W_]|[.,]\d)"
_LISTED = re.compile(rf"{_START}\d{{1,2}}(?:,\d{{1,2}}){{2,12}}{_END}")
_PARTS = re.compile(rf"{_START}\d{{1,5}}(?:\s?-\s?\d{{1,5}}){{2,8}}{_END}")
_RANGE = re.compile(rf"{_START}(?P<a>{_N})\s?(?:-|÷|~)\s?(?P<b>{_N}){_END}")
_SPACED = re.compile(rf"{_START}[1-9]\d{{0,2}}(?: \d{{3}}){{1,5}}(?:,\d{{1,4}})?(?!\d|[.,]\d| \d)")
_NUMBER = re.compile(_N)
_CODE_BEFORE = re.compile(rf"(?<!\w)(?:{context('fertilizer')})\s*(?:\S+\s)?\Z")
_TAG_BEFORE = re.compile(rf"(?<!\w)(?:{context('tagged')})[\s:]*\Z")
_SAID_IN_DIGITS = re.compile(r"(?<!\w)(?:đề án|quyết định)\s*\Z")
_FINE_GOLD = re.compile(r"(?<!\w)vàng\s*\Z")
_SECTION_BEFORE = re.compile(rf"(?<!\w)(?:{context('section')})\s*\Z")
_MINUS_BEFORE = re.compile(r"(?:\A|[\s(])-\Z")


def read_cardinals(draft: Draft) -> Iterator[Reading]:
    """Read lists (2,4,6), rows of parts (16-16-8), ranges, then single numbers."""
    yield from draft.search(_LISTED, _read_list)
    yield from draft.search(_PARTS, _read_parts)
    yield from draft.search(_RANGE, _read_range)
    yield from draft.search(_SPACED, _read_spaced)
    yield from draft.search(_NUMBER, _read_number)


def _read_list(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    said = ", ".join(draft.numbers.written(part) for part in match[0].split(","))
    yield Reading(*match.span(), said, SpanKind.CARDINAL)


def _read_parts(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    parts = re.findall(r"\d+", match[0])
    said = " ".join(draft.numbers.written(part) for part in parts)
    certain = _CODE_BEFORE.search(draft.before(match.start())) is not None
    yield Reading(*match.span(), said, SpanKind.CODE, certain)


def _read_range(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    a, b = parse_decimal(match["a"]), parse_decimal(match["b"])
    rising = a is not None and b is not None and a < b
    before = draft.before(match.start())
    as_code = bool(_CODE_BEFORE.search(before) or _TAG_BEFORE.search(before)) or not rising
    joint = " " if as_code else " đến "
    said = joint.join(draft.numbers.written(match[part]) for part in "ab")
    yield Reading(*match.span(), said, SpanKind.CODE if as_code else SpanKind.RANGE, rising or as_code is not rising)


def _read_spaced(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    said = draft.numbers.written(match[0].replace(" ", "."))
    yield Reading(*match.span(), said, SpanKind.CARDINAL, certain=False)


def _read_number(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    number = match[0]
    whole = number.isdigit()
    value = parse_decimal(number)
    certain = (
        value is not None and len(number) <= LONGEST_CARDINAL and not (len(number) > 2 and whole and number[0] == "0")
    )
    if (
        number.count(",") == 1
        and "." not in number
        and len(number.partition(",")[2]) == 3
        and not number.startswith("0")
    ):
        certain = False
    if _SECTION_BEFORE.search(draft.before(match.start())) and number.count(".") and "," not in number:
        said = " chấm ".join(draft.numbers.written(part) for part in number.split("."))
        yield Reading(*match.span(), said, SpanKind.CODE)
        return
    if len(number) == 2 and number[0] == "0" and _SAID_IN_DIGITS.search(draft.before(match.start())):
        yield Reading(*match.span(), draft.numbers.digits(number), SpanKind.CODE)
        return
    if number == "9999" and _FINE_GOLD.search(draft.before(match.start())):
        yield Reading(*match.span(), draft.numbers.digits(number), SpanKind.CODE)
        return
    if whole and number[0] == "0" and len(number) == 3 and counts_next(draft, match.end()):
        yield Reading(*match.span(), draft.numbers.cardinal(int(number)), SpanKind.CARDINAL)
        return
    kind = SpanKind.CARDINAL if whole or "," not in number else SpanKind.DECIMAL
    start = match.start()
    minus = ""
    if _MINUS_BEFORE.search(draft.text[max(0, start - 2) : start]) and not _is_bullet(draft, start - 1):
        minus, start, certain = "âm ", start - 1, False
    if minus and draft.open[start] != "-":
        minus, start = "", match.start()
    yield Reading(start, match.end(), minus + draft.numbers.written(number), kind, certain)


def _is_bullet(draft: Draft, position: int) -> bool:
    return not draft.before(position)
