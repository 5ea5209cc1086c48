"""How much may sound in a village: sessions a day, minutes a session, minutes a day, the village's own hours. Pure.

No national figure is known (see docs/decisions): each commune sets its own, and a village may be stricter. Emergencies
are not asked here.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from broadcast.lifecycle import WhyNot
from broadcast.windows import fits_windows
from players.messages import Window


@dataclass(frozen=True, slots=True)
class Budget:
    """The rules of one village; none means no limit. `windows` are its own, inside the commune's; empty: just those."""

    sessions_a_day: int | None = None
    session_minutes: int | None = None
    day_minutes: int | None = None
    windows: tuple[Window, ...] = ()


@dataclass(frozen=True, slots=True)
class Session:
    """Something that is to sound, or has. A length that is not known yet counts as none."""

    id: str
    zone_ids: frozenset[int]
    starts_at: datetime
    lasts: timedelta
    max_minutes: int | None = None
    """Its timetable entry's own limit."""
    is_settled: bool = False
    """It has sounded, or sounds: it counts, and is not refused any more."""


@dataclass
class _Day:
    """What a village has heard of one day."""

    sessions: int = 0
    lasts: timedelta = timedelta()


@dataclass
class _Ledger:
    """All villages' days."""

    days: defaultdict[tuple[int, date], _Day] = field(default_factory=lambda: defaultdict(_Day))

    def add(self, one: Session, on: date) -> None:
        for zone_id in one.zone_ids:
            self.days[zone_id, on].sessions += 1
            self.days[zone_id, on].lasts += one.lasts


def refusals(sessions: Iterable[Session], budgets: Mapping[int, Budget], zone: ZoneInfo) -> dict[str, WhyNot]:
    """Which of these may not sound, and why, by id.

    In order of their start, each counts in its villages on the local day on which it begins, unless it is refused. What
    breaks the rule of one of its villages is refused as a whole.
    """
    ledger, refused = _Ledger(), {}
    for one in sorted(sessions, key=lambda one: (not one.is_settled, one.starts_at, one.id)):
        on = one.starts_at.astimezone(zone).date()
        why = None if one.is_settled else _why_refused(one, budgets, ledger, zone, on)
        if why is None:
            ledger.add(one, on)
        else:
            refused[one.id] = why
    return refused


def _why_refused(
    one: Session, budgets: Mapping[int, Budget], ledger: _Ledger, zone: ZoneInfo, on: date
) -> WhyNot | None:
    if _exceeds(one.lasts, one.max_minutes):
        return WhyNot.SESSION_TOO_LONG
    for zone_id in sorted(one.zone_ids):
        budget, day = budgets.get(zone_id, Budget()), ledger.days[zone_id, on]
        if budget.windows and not fits_windows(budget.windows, zone, one.starts_at, one.lasts):
            return WhyNot.QUIET_HOURS
        if _exceeds(one.lasts, budget.session_minutes):
            return WhyNot.SESSION_TOO_LONG
        if budget.sessions_a_day is not None and day.sessions >= budget.sessions_a_day:
            return WhyNot.TOO_MANY_SESSIONS
        if _exceeds(day.lasts + one.lasts, budget.day_minutes):
            return WhyNot.DAY_FULL
    return None


def _exceeds(lasts: timedelta, minutes: int | None) -> bool:
    return minutes is not None and lasts > timedelta(minutes=minutes)
