"""What is to be known of an entry when it is edited: what it meets, what the rules will refuse, what is missing.

Nothing here changes anything; lengths are those of what is rendered for the coming days.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from broadcast.budget import Session as Sounding
from broadcast.budget import refusals
from broadcast.communes import get_commune, local_zone, windows_of_commune
from broadcast.entries import get_entry, lengths_of_days, list_entries, zones_of_entry
from broadcast.lifecycle import COMING, why_text
from broadcast.models import Broadcast, Zone, row_id
from broadcast.nodes import nodes_of_zones
from broadcast.rules import load_budgets
from broadcast.windows import fits_windows, say_windows
from scheduler.conflicts import Overlap, Span, find_overlaps, find_touching
from scheduler.loading import load_calendar, load_entries
from scheduler.models import PlannedBroadcast
from scheduler.planner import plan_broadcasts

TOUCHING = timedelta(minutes=1)
AHEAD = timedelta(days=7)
_SAID_AT_MOST = 20


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
        return f"“{one.title}” lúc {one.starts_at.astimezone(self.zone):%H:%M}"


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
    found = [*_without_nodes(session, zones_of_entry(session, entry)), *_refused(session, week, longest)]
    found += [
        Advice(AdviceKind.OVERLAP, _say_overlap(week, overlap), week.planned[overlap.second].starts_at)
        for overlap in find_overlaps(week.spans)
        if own & {overlap.first, overlap.second}
    ]
    found += [
        Advice(
            AdviceKind.TOUCHING,
            f"{week.say(second)} bắt đầu ngay khi {week.say(first)} kết thúc: nếu chương trình trước dài thêm, "
            "chương trình sau phải chờ.",
            week.planned[second].starts_at,
        )
        for first, second in find_touching(week.spans, TOUCHING)
        if own & {first, second}
    ]
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
    """How long coming broadcasts last, by their entry and day: those that are rendered.

    By the day, not the instant: what is to be moved within its day is as long as before.
    """
    query = select(Broadcast).where(col(Broadcast.state).in_(COMING), col(Broadcast.duration_ms).is_not(None))
    return {
        (one.entry_id, one.starts_at.astimezone(zone).date()): timedelta(milliseconds=one.duration_ms or 0)
        for one in session.exec(query)
        if one.starts_at is not None
    }


def _say_overlap(week: _Week, overlap: Overlap) -> str:
    where = ", ".join(sorted(week.zone_names.get(zone_id, "") for zone_id in overlap.zone_ids))
    becomes = "cắt ngang chương trình trước" if overlap.is_cut else "chờ đến khi chương trình trước xong"
    on = week.planned[overlap.second].starts_at.astimezone(week.zone)
    meets = f"{week.say(overlap.second)} chồng lên {week.say(overlap.first)} ở {where}"
    return f"{on:%d/%m}: {meets}; chương trình sau {becomes}."


def _refused(session: Session, week: _Week, longest: Mapping[str, int | None]) -> list[Advice]:
    """What the rules refuse of the entry's own broadcasts: those that `longest` names, with the entry's limit."""
    windows = windows_of_commune(get_commune(session))
    soundings = [
        Sounding(span.broadcast, span.zone_ids, span.starts_at, span.lasts, longest.get(span.broadcast))
        for span in week.spans
    ]
    why = refusals(soundings, load_budgets(session), week.zone)
    found = []
    for span in week.spans:
        if span.broadcast not in longest:
            continue
        on = span.starts_at.astimezone(week.zone)
        if not fits_windows(windows, week.zone, span.starts_at, span.lasts):
            text = f"{on:%d/%m}: ngoài giờ được phép phát của xã ({say_windows(windows) or 'không có'}), sẽ không phát."
            found.append(Advice(AdviceKind.QUIET_HOURS, text, span.starts_at))
        elif span.broadcast in why:
            text = f"{on:%d/%m}: {week.say(span.broadcast)} sẽ không phát. {why_text(why[span.broadcast])}"
            found.append(Advice(AdviceKind.REFUSED, text, span.starts_at))
    return found


def _without_nodes(session: Session, zones: Sequence[Zone]) -> list[Advice]:
    empty = [zone.name for zone in zones if not nodes_of_zones(session, [row_id(zone.id)])]
    if not empty:
        return []
    return [Advice(AdviceKind.NO_NODES, f"{', '.join(empty)} chưa có cụm loa nào: ở đó không nghe thấy gì.")]
