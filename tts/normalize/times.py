"""Times of day and lengths of time: 7h30, 05:30, 14g00, 24/24h, 23h45'."""

import re
from collections.abc import Iterator

from tts.normalize.draft import Draft, Reading
from tts.normalize.tables import context
from tts.spoken import SpanKind

_ALL_DAY = re.compile(r"(?<!\d[.,])(?<![\w/:])(?P<a>\d{1,2})/(?P<b>\d{1,2})\s?(?:h|giờ)(?![^\W_])")
_NOT_NEXT = r"(?![^\W_]|[.,]\d|\s?(?:h|g|giờ)(?![^\W_])|/\d)"
_CLOCK = re.compile(
    r"(?<!\d[.,])(?<![\w/:])(?P<hour>\d{1,2})\s?(?P<mark>[hHgG]|giờ)"
    r"(?:[:.]?(?P<close>\d{1,2})(?P<tick>\s?(?:phút|ph|p|')(?![^\W_]))?"
    rf"|\s(?P<apart>\d{{1,2}})(?:(?P<tock>\s?(?:phút|ph|p|')(?![^\W_]))|{_NOT_NEXT}))?(?![^\W_])"
)
_COLON = re.compile(
    r"(?<!\d[.,])(?<![\w/:])(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?(?:\s?(?:h|giờ)(?![^\W_]))?(?![^\W_]|[:.,/]\d)"
)
_HOUR_RANGE = re.compile(r"(?<!\d[.,])(?<![\w/:-])(?P<hour>\d{1,2})(?P<minute>:\d{2})?\s?(?:-|đến|tới)\s?(?=\ue000)")
_AFTER_APART = re.compile(rf"\A(?:\Z|[,.;:)(/-]|(?:{context('after-time')})(?!\w))")
_RATIO_BEFORE = re.compile(r"(?<!\w)(?:tỷ lệ|tỉ lệ|tỷ số|tỉ số|bản đồ|pha|pha loãng|scale)\W*(?:\w+\s){0,2}\Z")
_HOURLY = re.compile(
    r"(?<!\w)(?:lúc|từ|đến|tới|trước|sau|khoảng|hồi|vào|sáng|trưa|chiều|tối|đêm|mai|nay|ngày|hôm|hết|quá|\d{1,2}g(?:\d\d)?\s?-)\W*\Z"
)
_DOSED = re.compile(
    r"(?<!\w)(?:pha|bón|trộn|liều|uống|hòa|rắc|phun|nặng|thêm)(?:\s[^\W\d_]+){0,2}\s?(?:\d{1,2}\s?g\s?-\s?)?\Z",
    re.IGNORECASE,
)
_OF_DAY = re.compile(r"\A(?:sáng|trưa|chiều|tối|đêm|ngày|-\s?\d{1,2}\s?g(?:\d\d)?(?!/))(?!\w)")


def read_times(draft: Draft) -> Iterator[Reading]:
    """Read "24/24h", clock times, and the bare hour before a time ("7-11h")."""
    yield from draft.search(_ALL_DAY, _read_all_day)
    yield from draft.search(_CLOCK, _read_clock)
    yield from draft.search(_COLON, _read_colon)
    yield from draft.search(_HOUR_RANGE, _read_first_hour)


def _read_all_day(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    a, b = (draft.numbers.cardinal(int(match[part])) for part in "ab")
    yield Reading(*match.span(), f"{a} trên {b} giờ", SpanKind.TIME)


def _read_clock(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    minute, tick = match["close"], match["tick"]
    end = match.end()
    if match["apart"]:
        minute, tick = match["apart"], match["tock"]
        if not tick and (len(minute) < 2 or not _AFTER_APART.search(draft.after(match.end()))):
            minute, tick, end = None, None, match.start("apart") - 1
    bare_g = match["mark"] in "gG" and not minute
    before = draft.before(match.start())
    is_hourly = _HOURLY.search(before) or _OF_DAY.search(draft.after(end))
    if bare_g and not (int(match["hour"]) <= 24 and is_hourly and not _DOSED.search(before)):
        return
    hour, minutes = int(match["hour"]), int(minute) if minute else 0
    sure = hour <= 24 and minutes < 60
    if match["mark"] == "giờ" and not minute and end - match.start() < len(match[0]):
        end = match.start("mark") + 3
    yield Reading(match.start(), end, say_time(draft, hour, minutes), SpanKind.TIME, sure)


def say_time(draft: Draft, hour: int, minute: int, second: int = 0) -> str:
    """Say a time of day; a full hour has no minutes."""
    said = f"{draft.numbers.cardinal(hour)} giờ"
    if minute or second:
        said += f" {draft.numbers.cardinal(minute)} phút"
    return said + (f" {draft.numbers.cardinal(second)} giây" if second else "")


def _read_colon(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"] or 0)
    if _RATIO_BEFORE.search(draft.before(match.start())):
        return
    if hour > 24 or minute > 59 or second > 59:
        if len(match["hour"]) < 2:
            return
        yield Reading(*match.span(), say_time(draft, hour, minute, second), SpanKind.TIME, certain=False)
        return
    yield Reading(*match.span(), say_time(draft, hour, minute, second), SpanKind.TIME)


def _read_first_hour(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    following = draft.reading_from(match.end())
    if following is None or following.kind is not SpanKind.TIME or int(match["hour"]) > 24:
        return
    said = draft.numbers.cardinal(int(match["hour"]))
    yield Reading(*match.span(), f"{said} đến", SpanKind.TIME)
