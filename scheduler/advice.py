"""What is to be known of an entry when it is edited: what it meets, what the rules will refuse, what is missing.

Nothing here changes anything; lengths are those of what is rendered for the coming days.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TypeVar
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from broadcast.budget import Session as Sounding
from broadcast.budget import refusals
from broadcast.collation import vietnamese_key
from broadcast.communes import get_commune, local_zone, windows_of_commune
from broadcast.entries import get_entry, lengths_of_days, list_entries, zones_of_entry
from broadcast.lifecycle import COMING, why_text
from broadcast.models import Broadcast, Zone, row_id
from broadcast.nodes import nodes_of_zones
from broadcast.rules import load_budgets
from broadcast.windows import fits_windows, say_windows
from scheduler.conflicts import Overlap, Span, find_overlaps, find_touching
from scheduler.lengths import lengths_of
from scheduler.loading import load_calendar, load_entries
from scheduler.models import PlannedBroadcast
from scheduler.planner import plan_broadcasts

TOUCHING = timedelta(minutes=1)
AHEAD = timedelta(days=7)
_SAID_AT_MOST = 20
_DAYS_SAID = 7
Key = TypeVar("Key")


class AdviceKind(StrEnum):
    """What an advice is about."""

    OVERLAP = "overlap"
    TOUCHING = "touching"
    REFUSED = "refused"
    QUIET_HOURS = "quiet-hours"
    NO_NODES = "no-nodes"
    NO_LENGTH = "no-length"


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to know, in Vietnamese, and when it first happens, if it has a time."""

    kind: AdviceKind
    text: str
    at: datetime | None = None


@dataclass(frozen=True)
class _Week:
    """The coming week: what is planned, and how long each lasts as far as is known."""

    planned: Mapping[str, PlannedBroadcast]
    spans: Sequence[Span]
    zone: ZoneInfo
    zone_names: Mapping[int, str]

    def say(self, id_: str) -> str:
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


def advice_for(session: Session, entry_id: int, now: datetime, ahead: timedelta = AHEAD) -> list[Advice]:
    """What is to be known of an entry in the coming week (or as far `ahead`), the first of each kind first.

    Raises:
        NotFound: there is no such entry.
    """
    entry = get_entry(session, entry_id)
    week = _load_week(session, now, ahead)
    own = {id_ for id_, one in week.planned.items() if one.entry_id == entry_id}
    own_minutes = {on: minutes for (id_, on), minutes in lengths_of_days(session).items() if id_ == entry_id}
    longest = {id_: own_minutes.get(week.planned[id_].on, entry.max_minutes) for id_ in own}
    found = [*without_nodes(session, zones_of_entry(session, entry)), *_refused(session, week, longest)]
    found += [*_overlaps(week, own), *_touching(week, own)]
    if own and not any(span.broadcast in own and span.lasts for span in week.spans):
        text = "Chưa có âm thanh nào cho lịch này nên chưa biết chương trình dài bao lâu."
        found.append(Advice(AdviceKind.NO_LENGTH, text))
    return found[:_SAID_AT_MOST]


def _load_week(session: Session, now: datetime, ahead: timedelta) -> _Week:
    commune = get_commune(session)
    zone = local_zone(commune)
    entries = load_entries(session, [row for row in list_entries(session) if row.is_active])
    planned = plan_broadcasts(entries, zone, now, ahead, load_calendar(session, commune))
    lengths = _lengths(session, zone)
    coming = {one.id: one for one in planned if not one.is_past and one.why_not is None}
    spans = [
        Span(one.id, one.urgency, one.zone_ids, one.starts_at, lengths.get((one.entry_id, one.on), timedelta()))
        for one in coming.values()
    ]
    return _Week(coming, spans, zone, {row_id(one.id): one.name for one in session.exec(select(Zone))})


def _lengths(session: Session, zone: ZoneInfo) -> dict[tuple[int | None, date], timedelta]:
    """How long coming broadcasts last, by their entry and day; guessed by the words that are not rendered yet.

    By the day, not the instant: what is to be moved within its day is as long as before.
    """
    query = select(Broadcast).where(col(Broadcast.state).in_(COMING))
    coming = {one.id: one for one in session.exec(query) if one.starts_at is not None}
    return {
        (coming[id_].entry_id, (coming[id_].starts_at or coming[id_].created_at).astimezone(zone).date()): length.lasts
        for id_, length in lengths_of(session, list(coming)).items()
    }


def _overlaps(week: _Week, own: Set[str]) -> list[Advice]:
    met = (
        (_say_overlap(week, overlap), week.planned[overlap.second].starts_at)
        for overlap in find_overlaps(week.spans)
        if own & {overlap.first, overlap.second}
    )
    return [
        Advice(AdviceKind.OVERLAP, f"{on}: {meets}; chương trình sau {becomes}.", at)
        for (meets, becomes), on, at in week.by_days(met)
    ]


def _say_overlap(week: _Week, overlap: Overlap) -> tuple[str, str]:
    """What meets where, and what will happen."""
    names = (week.zone_names.get(zone_id, "") for zone_id in overlap.zone_ids)
    where = ", ".join(sorted(names, key=vietnamese_key))
    meets = f"{week.say(overlap.second)} chồng lên {week.say(overlap.first)} ở {where}"
    return meets, "cắt ngang chương trình trước" if overlap.is_cut else "chờ đến khi chương trình trước xong"


def _touching(week: _Week, own: Set[str]) -> list[Advice]:
    met = (
        ((week.say(first), week.say(second)), week.planned[second].starts_at)
        for first, second in find_touching(week.spans, TOUCHING)
        if own & {first, second}
    )
    return [
        Advice(
            AdviceKind.TOUCHING,
            f"{on}: {second} bắt đầu ngay khi {first} kết thúc: nếu chương trình trước dài thêm, "
            "chương trình sau phải chờ.",
            at,
        )
        for (first, second), on, at in week.by_days(met)
    ]


def _refused(session: Session, week: _Week, longest: Mapping[str, int | None]) -> list[Advice]:
    """What the rules refuse of the entry's own broadcasts: those that `longest` names, with the entry's limit."""
    commune_windows = windows_of_commune(get_commune(session))
    soundings = [
        Sounding(span.broadcast, span.zone_ids, span.starts_at, span.lasts, longest.get(span.broadcast))
        for span in week.spans
    ]
    why = refusals(soundings, load_budgets(session), week.zone)
    own = [span for span in week.spans if span.broadcast in longest]
    quiet = {span.broadcast for span in own if not fits_windows(commune_windows, week.zone, span.starts_at, span.lasts)}
    windows = say_windows(commune_windows) or "không có"
    outside = ((windows, span.starts_at) for span in own if span.broadcast in quiet)
    refused = (
        ((week.say(span.broadcast), why_text(why[span.broadcast])), span.starts_at)
        for span in own
        if span.broadcast in why and span.broadcast not in quiet
    )
    return [
        *(
            Advice(AdviceKind.QUIET_HOURS, f"{on}: ngoài giờ được phép phát của xã ({windows}), sẽ không phát.", at)
            for windows, on, at in week.by_days(outside)
        ),
        *(
            Advice(AdviceKind.REFUSED, f"{on}: {broadcast} sẽ không phát. {why}", at)
            for (broadcast, why), on, at in week.by_days(refused)
        ),
    ]


def without_nodes(session: Session, zones: Sequence[Zone]) -> list[Advice]:
    """Which of these villages have no pole, in one advice; none when all have one."""
    empty = [zone.name for zone in zones if not nodes_of_zones(session, [row_id(zone.id)])]
    if not empty:
        return []
    return [Advice(AdviceKind.NO_NODES, f"{', '.join(empty)} chưa có cụm loa nào: ở đó không nghe thấy gì.")]
