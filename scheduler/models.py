"""What planning works with: frozen values, no database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from broadcast.lifecycle import WhyNot
from players.messages import Urgency


@dataclass(frozen=True, slots=True)
class DayChange:
    """What is different about an entry on one day: off, at another local time, or with another programme."""

    is_off: bool = False
    airs_at: time | None = None
    programme_id: int | None = None


@dataclass(frozen=True, slots=True)
class CommuneDay:
    """What is different about one day in the whole commune."""

    is_mourning: bool = False
    """Nothing sounds but emergencies."""
    like_weekday: int | None = None
    """It follows the timetable of this weekday (0 = Monday)."""

    def weekday(self, on: date) -> int:
        """The weekday as which the commune holds that day (0 = Monday)."""
        return on.weekday() if self.like_weekday is None else self.like_weekday


@dataclass(frozen=True, slots=True)
class Entry:
    """A timetable entry: `airs_at` is the commune's local time.

    It is due on its `weekdays` (0 = Monday), its single `dates`, and its days of every lunar month.
    """

    id: int
    commune_id: int
    title: str
    programme_id: int
    airs_at: time
    weekdays: frozenset[int]
    from_on: date
    until_on: date | None
    zone_ids: frozenset[int]
    planned_from: datetime
    """Occurrences before this instant have their broadcasts already, or are none of its business."""
    dates: frozenset[date] = frozenset()
    lunar_days: frozenset[int] = frozenset()
    skips_holidays: bool = False
    late_within: timedelta = timedelta()
    """What could not be aired at its time may still be, so soon after."""
    changes: Mapping[date, DayChange] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time of an entry: the local day it is for, the instant, the programme, and why it is left out, if it is."""

    entry_id: int
    on: date
    starts_at: datetime
    programme_id: int
    why_not: WhyNot | None = None


@dataclass(frozen=True, slots=True)
class PlannedBroadcast:
    """A broadcast as the timetable wants it. `is_past`: its instant has gone by."""

    id: str
    entry_id: int
    commune_id: int
    title: str
    on: date
    starts_at: datetime
    programme_id: int
    zone_ids: frozenset[int]
    is_past: bool
    why_not: WhyNot | None = None
    """Why this day leaves it out."""
    urgency: Urgency = Urgency.NORMAL
    late_until: datetime | None = None
    """Until then it may still begin; none: at its instant or not at all."""
    is_over: bool = False
    """It is past, and too late to be aired."""
    was_planned: bool = False
    """It is here because it may still be aired late: it has its broadcast, or is none of the entry's business."""
