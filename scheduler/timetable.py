"""When a timetable's entries are due. Pure."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from scheduler.models import Entry, Occurrence


def occurrences(entry: Entry, zone: ZoneInfo, since: datetime, until: datetime) -> tuple[Occurrence, ...]:
    """Every time of an entry with `since <= starts_at < until`, in order.

    Once a day at most. Where clocks change, a time that is skipped is aired as much later as the clocks are put
    forward, and one that comes twice is aired the first time.
    """
    return tuple(
        occurrence
        for day in _days(entry, since.astimezone(zone).date(), until.astimezone(zone).date())
        if since <= (occurrence := _occurrence(entry, day, zone)).starts_at < until
    )


def _days(entry: Entry, first: date, last: date) -> Iterator[date]:
    """The days on which the entry is aired, and a day more on each side: instants are compared, not days."""
    day = max(entry.from_on, first - timedelta(days=1))
    end = last + timedelta(days=1) if entry.until_on is None else min(entry.until_on, last + timedelta(days=1))
    while day <= end:
        if day.weekday() in entry.weekdays:
            yield day
        day += timedelta(days=1)


def _occurrence(entry: Entry, day: date, zone: ZoneInfo) -> Occurrence:
    return Occurrence(entry.id, day, datetime.combine(day, entry.airs_at, zone).astimezone(UTC))
