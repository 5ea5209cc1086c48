"""The hyphen between two things already read: 7h30-11h, 28/6-3/7, BĐ1-BĐ2, cấp IV-V."""

import re
from collections.abc import Iterator

from tts.normalize.draft import TAKEN, Draft, Reading
from tts.normalize.numbers import parse_decimal
from tts.spoken import SpanKind

_HYPHEN = re.compile(rf"(?<={TAKEN})\s?(?:-|÷|~)\s?(?={TAKEN})")
_WEEKDAYS = re.compile(rf"(?<={TAKEN})\s?-\s?(?=[Tt]hứ {TAKEN})")
_SHORTENING_DOT = re.compile(rf"(?<={TAKEN})\.(?={TAKEN}|[^\W\d_])")
_MONEY_DOT = re.compile(rf"(?<={TAKEN})\.(?=\s?đồng(?!\w))")
_HYPHEN_BEFORE = re.compile(r"[\w%]\s?-\s?\Z")
_HYPHEN_AFTER = re.compile(r"\s?-\s?\d")
_NUMBER = re.compile(r"\d{1,18}(?:[.,]\d{1,9}){0,5}")
_FROM = re.compile(rf"(?<![^\W_])[Tt]ừ\s(?P<span>[^,.;:()\n-]{{1,40}}?)(?P<dash>\s-\s)(?=[^\W_]|{TAKEN})")
_TO = re.compile(r"(?<!\w)(?:đến|tới)(?!\w)")
_APART_BEFORE = re.compile(r"(?<!\w)(?:ngã (?:ba|tư|năm|sáu|[3-6])|nút giao|giao lộ)\W*\Z")
_LATITUDE, _LONGITUDE = ("bắc", "nam"), ("đông", "tây")
_RANGED = {
    SpanKind.TIME,
    SpanKind.DATE,
    SpanKind.ROMAN,
    SpanKind.ORDINAL,
    SpanKind.ROAD,
    SpanKind.MEASURE,
    SpanKind.MONEY,
    SpanKind.PERCENT,
}
_AMOUNTS = {SpanKind.MEASURE, SpanKind.MONEY, SpanKind.PERCENT, SpanKind.CARDINAL}


def read_joints(draft: Draft) -> Iterator[Reading]:
    """Read the hyphen between two readings of one kind as "đến"; silence the dot that only marks a shortening."""
    yield from draft.search(_SHORTENING_DOT, _read_dot)
    yield from draft.search(_MONEY_DOT, _read_money_dot)
    yield from draft.search(_HYPHEN, _read_hyphen)
    yield from draft.search(_WEEKDAYS, _read_weekdays)
    yield from draft.search(_FROM, _read_from)


def _read_hyphen(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    before, after = draft.reading_to(match.start()), draft.reading_from(match.end())
    if before is None or after is None or not before.spoken or not after.spoken:
        return
    chained = _HYPHEN_BEFORE.search(draft.text, max(0, before.start - 4), before.start) or _HYPHEN_AFTER.match(
        draft.text, after.end
    )
    if chained and before.kind in _AMOUNTS:
        return
    if _crosses(before, after) or (before.kind in _AMOUNTS and not _rising(draft, before, after)):
        return
    if _APART_BEFORE.search(draft.before(before.start)) or (
        before.kind is after.kind is SpanKind.DATE and _is_weekday(before) and not _is_weekday(after)
    ):
        return
    week = before.kind is SpanKind.DATE and after.spoken == "chủ nhật"
    if week or (before.kind == after.kind and before.kind in _RANGED):
        yield Reading(*match.span(), "đến", SpanKind.RANGE)
    elif before.kind in _AMOUNTS and after.kind in _AMOUNTS:
        yield Reading(*match.span(), "đến", SpanKind.RANGE, certain=False)


def _is_weekday(reading: Reading) -> bool:
    return reading.spoken.startswith(("thứ ", "chủ nhật"))


def _crosses(before: Reading, after: Reading) -> bool:
    """Tell a place, 15,8N-113,5E, from a belt, 14,0N-18,5N."""
    return (before.spoken.endswith(_LATITUDE) and after.spoken.endswith(_LONGITUDE)) or (
        before.spoken.endswith(_LONGITUDE) and after.spoken.endswith(_LATITUDE)
    )


def _read_weekdays(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    """Read the hyphen of "thứ 2 - thứ 6"."""
    before = draft.reading_to(match.start())
    if before is not None and before.kind is SpanKind.ORDINAL:
        yield Reading(*match.span(), "đến", SpanKind.RANGE)


def _read_dot(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    """Silence the dot of "CT.UBND"; a capitalised word behind it ("NVH.Đề nghị") begins a sentence."""
    before, after = draft.reading_to(match.start()), draft.reading_from(match.end())
    if before is None or before.kind is not SpanKind.ABBREVIATION or not draft.text[match.start() - 1].isalpha():
        return
    following = draft.text[match.end()]
    if following.islower() or (after is not None and after.kind is SpanKind.ABBREVIATION):
        yield Reading(*match.span(), "", SpanKind.PAUSE)


def _read_money_dot(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    before = draft.reading_to(match.start())
    if before is not None and before.kind is SpanKind.MONEY and draft.text.endswith("tr", before.start, before.end):
        yield Reading(*match.span(), "", SpanKind.PAUSE)


def _read_from(_draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    """Read the dash of "từ 8h sáng - 5h chiều"."""
    if not _TO.search(match["span"].lower()):
        yield Reading(*match.span("dash"), "đến", SpanKind.RANGE)


def _rising(draft: Draft, before: Reading, after: Reading) -> bool:
    values = []
    for reading in (before, after):
        number = _NUMBER.match(draft.text, reading.start)
        values.append(parse_decimal(number[0]) if number else None)
    return values[0] is None or values[1] is None or values[0] < values[1]
