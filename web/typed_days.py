"""Days and times of day as people type them in forms: `2026-09-05` (what date fields send) or `05/09/2026`; `05:30`."""

import re
from datetime import date, datetime, time

from pydantic import ValidationError

from broadcast.errors import InvalidInput
from broadcast.windows import WEEKDAY_SIGNS
from players.messages import Volume, Window

_FORMS = ("%Y-%m-%d", "%d/%m/%Y")
_BETWEEN = re.compile(r"[,;\s]+")
_SIGN = "(?:T[2-7]|CN)"
_WEEKDAYS = re.compile(rf"\s*({_SIGN}(?:-{_SIGN})?(?:\+{_SIGN}(?:-{_SIGN})?)*)\s+", re.IGNORECASE)
_LISTED_AT_MOST = 400
MAX_ID = 2**31 - 1
"""The largest number of a row that is looked for."""


def parse_day(text: str, field: str) -> date:
    """A day.

    Raises:
        InvalidInput: there is no such day.
    """
    for form in _FORMS:
        try:
            return datetime.strptime(text.strip(), form).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    raise InvalidInput("unknown-day", "Ngày không đúng. Hãy gõ như 05/09/2026.", field)


def parse_days(text: str, field: str) -> list[date]:
    """Days with commas or spaces between them; none when there is nothing.

    Raises:
        InvalidInput: one of them is no day, or they are too many.
    """
    words = [word for word in _BETWEEN.split(text) if word]
    if len(words) > _LISTED_AT_MOST:
        raise InvalidInput("too-many-days", "Quá nhiều ngày.", field)
    return [parse_day(word, field) for word in words]


def parse_minute(text: str, field: str) -> time:
    """A time of day.

    Raises:
        InvalidInput: there is no such time.
    """
    try:
        return datetime.strptime(text.strip(), "%H:%M").time()  # noqa: DTZ007 - a time of day has no zone
    except ValueError as error:
        raise InvalidInput("unknown-time", "Giờ không đúng. Hãy gõ như 05:30.", field) from error


def parse_whole(text: str, field: str) -> int:
    """A whole number from 0 on.

    Raises:
        InvalidInput: it is none, or larger than any here can be.
    """
    if not text.strip().isascii() or not text.strip().isdecimal() or int(text[:20]) > MAX_ID:
        raise InvalidInput("not-a-number", "Hãy gõ một số nguyên.", field)
    return int(text)


def parse_windows(text: str, field: str) -> list[Window]:
    """Hours such as `05:00-11:30, T7-CN 16:30-24:00`; none when there is nothing.

    Raises:
        InvalidInput: one of them is none.
    """
    return [_window(part, field) for part in _parts(text)]


def parse_volumes(text: str, field: str) -> list[Volume]:
    """Volumes such as `05:00-06:00 -9, T7-CN 20:00-22:00 -12`, in decibels; none when there is nothing.

    Raises:
        InvalidInput: one of them is none.
    """
    volumes = []
    for part in _parts(text):
        hours, _, gain = part.strip().removesuffix("dB").strip().rpartition(" ")
        window = _window(hours, field)
        try:
            gain_db = float(gain.replace("−", "-"))
            volumes.append(Volume(**window.model_dump(), gain_db=gain_db))
        except ValueError as error:
            said = "Âm lượng là một số từ -60 đến 12, ví dụ: 05:00-06:00 -9."
            raise InvalidInput("bad-volume", said, field) from error
    return volumes


def _parts(text: str) -> list[str]:
    return [part for part in text.replace("–", "-").split(",") if part.strip()]


def _window(part: str, field: str) -> Window:
    days: tuple[int, ...] = ()
    if named := _WEEKDAYS.match(part):
        days, part = _weekdays(named[1].upper(), field), part[named.end() :]
    opens, _, closes = part.partition("-")
    try:
        ends = time.min if closes.strip() == "24:00" else parse_minute(closes, field)
        return Window(opens=parse_minute(opens, field), closes=ends, days=days)
    except ValidationError as error:
        raise InvalidInput("bad-window", "Giờ mở phải đứng trước giờ đóng.", field) from error


def _weekdays(text: str, field: str) -> tuple[int, ...]:
    """`T2-T6`, `T7` or `T2+T4`: 0 is Monday."""
    days: set[int] = set()
    for part in text.split("+"):
        first, _, last = part.partition("-")
        start, end = WEEKDAY_SIGNS.index(first), WEEKDAY_SIGNS.index(last or first)
        if start > end:
            raise InvalidInput("bad-weekdays", "Thứ đứng sau phải muộn hơn, ví dụ: T2-T6, T7-CN.", field)
        days.update(range(start, end + 1))
    return tuple(sorted(days))
