"""The coming weeks of the whole commune as the timetable wants them, and how long each time is likely to last.

Beyond what is planned, and where nothing is rendered yet, lengths are guessed: what is found by them is a warning in
time, not a promise.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from broadcast.communes import get_commune, local_zone
from broadcast.entries import lengths_of_days, list_entries
from broadcast.lifecycle import COMING
from broadcast.models import Broadcast, Bulletin, BulletinState, TimetableEntry, Zone, row_id
from broadcast.placements import Placing, load_placings
from scheduler.conflicts import Span
from scheduler.lengths import UNKNOWN_LASTS, Length, guess_ms, lengths_of
from scheduler.loading import load_calendar, load_entries
from scheduler.models import CommuneDay, PlannedBroadcast
from scheduler.planner import plan_broadcasts

AHEAD = timedelta(days=60)
_DAYS_SAID = 7
_Day = tuple[int, date]
"""An entry and a local day: it has one time on it at most."""
Key = TypeVar("Key")


@dataclass(frozen=True)
class Coming:
    """What is planned, by id, with the limits of its entry and day, and how long each is likely to last."""

    planned: Mapping[str, PlannedBroadcast]
    spans: Sequence[Span]
    limits: Mapping[str, int]
    """The longest that a time may last, in minutes, of those that have a limit."""
    guessed: Set[str]
    """Those whose length is not that of clips."""
    unknown: Set[str]
    """Those of which there are no words either: only their entry's limit, or a usual length."""
    awaited: Mapping[str, Sequence[Placing]]
    """What is placed in them and counted, though nobody has approved it yet."""
    zone: ZoneInfo
    zone_names: Mapping[int, str]

    def say(self, id_: str) -> str:
        """`“Sáng” lúc 05:30`."""
        one = self.planned[id_]
        name = one.title.removesuffix(f", {one.on:%d/%m}")
        return f"“{name}” lúc {one.starts_at.astimezone(self.zone):%H:%M}"

    def by_days(self, found: Iterable[tuple[Key, datetime]]) -> list[tuple[Key, str, datetime]]:
        """What is the same on several days said once: with its days, and when it first happens."""
        instants: dict[Key, list[datetime]] = {}
        for key, at in found:
            instants.setdefault(key, []).append(at)
        return [(key, self._say_days(ats), ats[0]) for key, ats in instants.items()]

    def _say_days(self, instants: Sequence[datetime]) -> str:
        days = [f"{at.astimezone(self.zone):%d/%m}" for at in instants]
        return ", ".join(days if len(days) <= _DAYS_SAID else [*days[:_DAYS_SAID], "…"])


def load_coming(session: Session, now: datetime, ahead: timedelta) -> Coming:
    """All that sounds by the timetable from now on for so long, bulletins that wait for approval counted in."""
    commune = get_commune(session)
    zone, calendar = local_zone(commune), load_calendar(session, commune)
    rows = {row_id(row.id): row for row in list_entries(session) if row.is_active}
    plan = plan_broadcasts(load_entries(session, list(rows.values())), zone, now, ahead, calendar)
    planned = {one.id: one for one in plan if not one.is_past and one.why_not is None}
    awaited = _awaited(session, planned.values(), calendar, now.astimezone(zone).date())
    limits, known = _limits(session, rows, planned.values()), _known_lengths(session, zone)
    usual: dict[int, Length] = {}
    for (entry_id, _), known_length in known.items():
        usual.setdefault(entry_id, known_length)
    spans, guessed, unknown = [], set(), set()
    for id_, one in planned.items():
        own = known.get((one.entry_id, one.on))
        if own is None or own.is_estimate or id_ in awaited:
            guessed.add(id_)
        likely = own or usual.get(one.entry_id)
        lasts = (likely.lasts if likely else timedelta()) + _reading_time(awaited.get(id_, ()))
        if not lasts:
            unknown.add(id_)
            lasts = timedelta(minutes=limits[id_]) if id_ in limits else UNKNOWN_LASTS
        spans.append(Span(id_, one.urgency, one.zone_ids, one.starts_at, lasts))
    names = {row_id(one.id): one.name for one in session.exec(select(Zone))}
    return Coming(planned, spans, limits, guessed, unknown, awaited, zone, names)


def _awaited(
    session: Session, planned: Iterable[PlannedBroadcast], calendar: Mapping[date, CommuneDay], today: date
) -> dict[str, list[Placing]]:
    """What is placed in each, but not approved yet."""
    in_programme: defaultdict[int, list[Placing]] = defaultdict(list)
    for placing in load_placings(session, today, Bulletin.state != BulletinState.APPROVED):
        in_programme[placing.placement.programme_id].append(placing)
    found: defaultdict[str, list[Placing]] = defaultdict(list)
    for one in planned:
        for placing in in_programme.get(one.programme_id, ()):
            if placing.goes_into(one.zone_ids, one.on, calendar.get(one.on, CommuneDay()).weekday(one.on)):
                found[one.id].append(placing)
    return dict(found)


def _limits(
    session: Session, entries: Mapping[int, TimetableEntry], planned: Iterable[PlannedBroadcast]
) -> dict[str, int]:
    of_days = lengths_of_days(session)
    limits = {one.id: of_days.get((one.entry_id, one.on), entries[one.entry_id].max_minutes) for one in planned}
    return {id_: minutes for id_, minutes in limits.items() if minutes is not None}


def _known_lengths(session: Session, zone: ZoneInfo) -> dict[_Day, Length]:
    """How long coming broadcasts last, by their entry and day, in order; guessed by the words that are not rendered.

    By the day, not the instant: what is to be moved within its day is as long as before.
    """
    is_entry = col(Broadcast.entry_id).is_not(None), col(Broadcast.starts_at).is_not(None)
    query = select(Broadcast.id, Broadcast.entry_id, Broadcast.starts_at, Broadcast.duration_ms)
    query = query.where(*is_entry, col(Broadcast.state).in_(COMING)).order_by(col(Broadcast.starts_at))
    rows = session.exec(query).all()
    lengths = lengths_of(session, [id_ for id_, _, _, duration_ms in rows if duration_ms is None])
    lengths |= {
        id_: Length(timedelta(milliseconds=duration_ms), is_estimate=False)
        for id_, _, _, duration_ms in rows
        if duration_ms is not None
    }
    return {
        (entry_id, starts_at.astimezone(zone).date()): lengths[id_]
        for id_, entry_id, starts_at, _ in rows
        if entry_id is not None and starts_at is not None and id_ in lengths
    }


def _reading_time(placings: Iterable[Placing]) -> timedelta:
    """About how long these are read."""
    times = ((one.bulletin.script, one.times * (1 + one.bulletin.is_read_twice)) for one in placings)
    return timedelta(milliseconds=sum(guess_ms(script) * often for script, often in times))
