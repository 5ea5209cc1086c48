"""What stands behind "thứ" and in the week: thứ 2, lần thứ 1, thứ 2-6, T7."""

import re
from collections.abc import Iterator

from tts.normalize.draft import Draft, Reading
from tts.normalize.nouns import counts_next
from tts.normalize.tables import context
from tts.spoken import SpanKind

_ORDINAL = re.compile(
    r"(?<!\w)(?:[Tt]hứ|THỨ)\s?(?P<n>\d{1,4})(?P<more>(?:\s?(?:,|-|và|đến|;|/)\s?(?:thứ\s)?[2-7](?!\w|[./]\d|,\d)){0,6})(?!\w|/\d|\.\d|,\d)"
)
_RANKED = re.compile(r"(?<!\w)(?:[Tt]hứ|THỨ)\s?(?P<n>\d{1,4})\s?/\s?(?P<of>\d{1,4})(?![\w/]|[.,]\d)")
_RANK_BEFORE = re.compile(r"(?<!\w)(?:xếp|đứng|hạng|vị trí|giải)\s*\Z")
_LAST_WEEKDAY = 7
_WEEKDAY = re.compile(r"(?<![\w.])T(?P<n>[2-7])(?![\w/]|\.\d|,\d)")
_WEEK_NEAR = re.compile(r"(?:sáng|trưa|chiều|tối|đêm|ngày|từ|đến|tới|hôm|tuần|và|cn|t[2-7]|thứ \w+)[\s,;:(-]*\Z")
_WEEK_AFTER = re.compile(
    r"\A[\s,;(-]*(?:t[2-7]|cn|chủ nhật|hàng tuần|hằng tuần|tuần|này|tới|đến|và|ngày|\d{1,2}/\d{1,2})(?!\w)"
)

_WEEK_LIST = re.compile(r"(?<![\w.])T[2-7](?:\s?-\s?(?:T[2-7]|CN)){2,6}(?!\w)")
_MONTH = re.compile(r"(?<![\w.])T(?P<n>1[0-2]|[1-9])(?![\w/]|\.\d|,\d)")
_MONTH_BEFORE = re.compile(rf"(?<!\w)(?:{context('paid-month')})[\s:]*(?:t\d{{1,2}}\s?(?:\+|,|và|&|-)\s?){{0,3}}\Z")
_MONTHS_LONG = re.compile(
    r"(?<![\w.,/-])(?P<n>\d{1,2})T(?=\s(?:đầu|cuối) năm(?!\w)|\s?/\s?(?:lần|kỳ)(?!\w)|\stuổi(?!\w))"
)


def read_ordinals(draft: Draft) -> Iterator[Reading]:
    """Read ordinals and days of the week."""
    yield from draft.search(_RANKED, _read_ranked)
    yield from draft.search(_ORDINAL, _read_ordinal)
    yield from draft.search(_WEEK_LIST, _read_week_list)
    yield from draft.search(_MONTH, _read_month)
    yield from draft.search(_MONTHS_LONG, _read_months_long)
    yield from draft.search(_WEEKDAY, _read_weekday)


def _read_ranked(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    """Read a place among so many, "thứ 4/18 xã"; "thứ 4/5" alone may be two weekdays."""
    rank, among = int(match["n"]), int(match["of"])
    placed = _RANK_BEFORE.search(draft.before(match.start())) is not None or counts_next(draft, match.end())
    if rank <= among and (placed or among > _LAST_WEEKDAY):
        said = f"{draft.numbers.ordinal(rank)} trên {draft.numbers.cardinal(among)}"
        yield Reading(match.start("n"), match.end(), said, SpanKind.ORDINAL)


def _read_ordinal(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    for number in re.finditer(r"\d{1,4}", match[0]):
        start = match.start() + number.start()
        yield Reading(start, start + len(number[0]), draft.numbers.ordinal(int(number[0])), SpanKind.ORDINAL)


def _read_weekday(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    near = _WEEK_NEAR.search(draft.before(match.start())) or _WEEK_AFTER.search(draft.after(match.end()))
    if near:
        yield Reading(*match.span(), f"thứ {draft.numbers.ordinal(int(match['n']))}", SpanKind.DATE)


def _read_week_list(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    """Read three days and more that hyphens join, T3-T5-T7: a list and not a range."""
    days = [
        "chủ nhật" if day == "CN" else f"thứ {draft.numbers.ordinal(int(day[1]))}" for day in re.split(r"\W+", match[0])
    ]
    yield Reading(*match.span(), ", ".join(days), SpanKind.DATE)


def _read_month(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    """Read the month of a pay or a bill: lương T12, kỳ chi trả T11+T12."""
    if _MONTH_BEFORE.search(draft.before(match.start())):
        yield Reading(*match.span(), f"tháng {draft.numbers.month(int(match['n']))}", SpanKind.DATE)


def _read_months_long(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    """Read a length in months: 6T đầu năm, 12T/lần."""
    yield Reading(*match.span(), f"{draft.numbers.cardinal(int(match['n']))} tháng", SpanKind.MEASURE)
