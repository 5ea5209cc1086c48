"""When a timetable's entries are due. Pure."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from broadcast.lifecycle import WhyNot
from broadcast.vietnamese_days import holiday_name, lunar_day
from scheduler.models import CommuneDay, DayChange, Entry, Occurrence

PLAIN_YEAR: Mapping[date, CommuneDay] = MappingProxyType({})
"""A calendar without special days."""
_PLAIN_DAY = CommuneDay()
_NO_CHANGE = DayChange()


def occurrences(
    entry: Entry, zone: ZoneInfo, since: datetime, until: datetime, calendar: Mapping[date, CommuneDay] = PLAIN_YEAR
) -> tuple[Occurrence, ...]:
    """Every time of an entry with `since <= starts_at < until`, in order; those left out say why.

    Once a day at most. Where clocks change, a time that is skipped is aired as much later as the clocks are put
    forward, and one that comes twice is aired the first time.
    """
    first, last = since.astimezone(zone).date(), until.astimezone(zone).date()
    return tuple(
        occurrence
        for day in _days(entry, first, last, calendar)
        if since <= (occurrence := _occurrence(entry, day, zone, calendar)).starts_at < until
    )


def is_due(entry: Entry, day: date, calendar: Mapping[date, CommuneDay] = PLAIN_YEAR) -> bool:
    """Whether the entry has a time on that day, though it may be left out."""
    is_within = entry.from_on <= day and (entry.until_on is None or day <= entry.until_on)
    return is_within and _is_due(entry, day, calendar.get(day, _PLAIN_DAY))


def _days(entry: Entry, first: date, last: date, calendar: Mapping[date, CommuneDay]) -> Iterator[date]:
    """The days on which the entry is due, and a day more on each side: instants are compared, not days."""
    day = max(entry.from_on, first - timedelta(days=1))
    end = last + timedelta(days=1) if entry.until_on is None else min(entry.until_on, last + timedelta(days=1))
    while day <= end:
        if _is_due(entry, day, calendar.get(day, _PLAIN_DAY)):
            yield day
        day += timedelta(days=1)


def _is_due(entry: Entry, day: date, commune_day: CommuneDay) -> bool:
    weekday = commune_day.weekday(day)
    return (
        weekday in entry.weekdays
        or day in entry.dates
        or (bool(entry.lunar_days) and lunar_day(day).day in entry.lunar_days)
    )


def _occurrence(entry: Entry, day: date, zone: ZoneInfo, calendar: Mapping[date, CommuneDay]) -> Occurrence:
    change = entry.changes.get(day, _NO_CHANGE)
    starts_at = datetime.combine(day, entry.airs_at if change.airs_at is None else change.airs_at, zone).astimezone(UTC)
    why_not = _why_left_out(entry, day, change, calendar.get(day, _PLAIN_DAY))
    return Occurrence(entry.id, day, starts_at, change.programme_id or entry.programme_id, why_not)


def _why_left_out(entry: Entry, day: date, change: DayChange, commune_day: CommuneDay) -> WhyNot | None:
    if commune_day.is_mourning:
        return WhyNot.MOURNING_DAY
    if change.is_off:
        return WhyNot.DAY_OFF
    if entry.skips_holidays and holiday_name(day) is not None:
        return WhyNot.HOLIDAY
    return None
