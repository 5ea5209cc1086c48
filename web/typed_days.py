"""Days and times of day as people type them in forms: `2026-09-05` (what date fields send) or `05/09/2026`; `05:30`."""

import re
from datetime import date, datetime, time

from pydantic import ValidationError

from broadcast.errors import InvalidInput
from players.messages import Window

_FORMS = ("%Y-%m-%d", "%d/%m/%Y")
_BETWEEN = re.compile(r"[,;\s]+")
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
    """Hours such as `05:00-11:30, 16:30-24:00`; none when there is nothing.

    Raises:
        InvalidInput: one of them is none.
    """
    windows = []
    for part in (part for part in text.replace("–", "-").split(",") if part.strip()):
        opens, _, closes = part.partition("-")
        try:
            ends = time.min if closes.strip() == "24:00" else parse_minute(closes, field)
            windows.append(Window(opens=parse_minute(opens, field), closes=ends))
        except ValidationError as error:
            raise InvalidInput("bad-window", "Giờ mở phải đứng trước giờ đóng.", field) from error
    return windows
