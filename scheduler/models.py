"""What planning works with: frozen values, no database."""

from dataclasses import dataclass
from datetime import date, datetime, time

from players.messages import Urgency


@dataclass(frozen=True, slots=True)
class Entry:
    """A timetable entry: `airs_at` is the commune's local time; `weekdays` count from 0 = Monday."""

    id: int
    title: str
    airs_at: time
    weekdays: frozenset[int]
    from_on: date
    until_on: date | None
    zone_ids: frozenset[int]
    planned_from: datetime
    """Occurrences before this instant have their broadcasts already, or are none of its business."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time of an entry: the local day it is for, and the instant."""

    entry_id: int
    on: date
    starts_at: datetime


@dataclass(frozen=True, slots=True)
class PlannedBroadcast:
    """A broadcast as the timetable wants it. `is_past`: its instant went by while nobody planned."""

    id: str
    entry_id: int
    title: str
    on: date
    starts_at: datetime
    zone_ids: frozenset[int]
    is_past: bool
    urgency: Urgency = Urgency.NORMAL
