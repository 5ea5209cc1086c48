"""A village's week: what sounds when and for how long, what meets what, what will not sound and why.

What is coming is foreseen as the poles will make of it (`scheduler.forecast`), with guessed lengths where nothing is
rendered yet; what is past is as it was aired.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlmodel import Session, and_, col, select

from broadcast.airings import clips_of_each
from broadcast.budget import Budget, refusals
from broadcast.budget import Session as Sounding
from broadcast.communes import get_commune, local_zone, windows_of_commune
from broadcast.entries import LAST_DAY, lengths_of_days, special_days
from broadcast.lifecycle import COMING, WhyNot, why_text
from broadcast.models import (
    Broadcast,
    BroadcastState,
    EntryChange,
    SpecialDay,
    TimetableEntry,
    Zone,
    row_id,
)
from broadcast.nodes import nodes_of_zones
from broadcast.rules import load_budgets
from broadcast.vietnamese_days import LunarDay, holiday_name, lunar_day
from broadcast.views import broadcast_rows
from broadcast.windows import fits_windows
from players.messages import Urgency, Window
from scheduler.conflicts import Span, find_overlaps
from scheduler.forecast import Line, foresee, hours_of, line_of, load_lines
from scheduler.lengths import UNKNOWN_LASTS, Length, lengths_of

DAYS = 7
_BY_PLAN = frozenset(
    {WhyNot.DAY_OFF, WhyNot.HOLIDAY, WhyNot.MOURNING_DAY, WhyNot.CANCELLED_BY_USER, WhyNot.NOTHING_TO_AIR}
)


class Fate(StrEnum):
    """What becomes of one time of something."""

    SOUNDS = "sounds"
    TROUBLE = "trouble"
    """It does not sound, or not when or as long as it should."""
    OFF = "off"
    """It is left out on purpose."""
    PAST = "past"


@dataclass(frozen=True, slots=True)
class Block:
    """One time of something in a village's week."""

    line: Line
    on: date
    """The local day on which it begins."""
    length: Length
    fate: Fate
    troubles: tuple[str, ...] = ()
    """What is the matter with it, in Vietnamese."""
    is_changed: bool = False
    """That day it is otherwise than its entry says."""
    revision: int = 0
    """Of its entry, as it was read."""
    max_minutes: int | None = None
    """How long its entry lets it last that day."""

    @property
    def name(self) -> str:
        """Its title without the day that planning puts behind it: in a grid the day is seen."""
        return self.line.title.removesuffix(f", {self.on:%d/%m}")

    @property
    def starts_at(self) -> datetime:
        """When it begins to sound, or should have."""
        return self.line.sounds_at or self.line.starts_at

    @property
    def ends_at(self) -> datetime:
        """When it is over."""
        return self.line.ends_at or self.starts_at + self.length.lasts


@dataclass(frozen=True, slots=True)
class WeekDay:
    """A day of the week: what it is in the calendar, and what is in it."""

    on: date
    lunar: LunarDay
    holiday: str | None
    special: SpecialDay | None
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Week:
    """A village's seven days; `windows` are the hours in which it may sound; without poles nobody hears it."""

    zone: Zone
    days: tuple[WeekDay, ...]
    windows: tuple[Window, ...]
    has_poles: bool


def load_week(session: Session, zone: Zone, first: date, now: datetime) -> Week:
    """Seven days of a village from a day on."""
    commune = get_commune(session)
    local = local_zone(commune)
    budget = load_budgets(session).get(row_id(zone.id), Budget())
    windows = budget.windows or windows_of_commune(commune)
    days = [first + timedelta(days=number) for number in range(DAYS)]
    days = [day for day in days if day <= LAST_DAY]
    since = datetime.combine(first, time(), local)
    until = datetime.combine(first, time(), local) + timedelta(days=DAYS)
    blocks = _coming(session, zone, windows, local, max(since, now), until)
    coming = {one.line.broadcast for one in blocks}
    past = _past(session, zone, local, since, min(now, until))
    blocks = [*(one for one in past if one.line.broadcast not in coming), *blocks]
    special = {one.on: one for one in special_days(session, commune)}
    return Week(
        zone,
        tuple(
            WeekDay(on, lunar_day(on), holiday_name(on), special.get(on), tuple(one for one in blocks if one.on == on))
            for on in days
        ),
        tuple(windows),
        has_poles=bool(nodes_of_zones(session, [row_id(zone.id)])),
    )


def sounding_at(blocks: Iterable[Block], at: datetime) -> Block | None:
    """What is heard at some time of that minute; of several the last that begins."""
    ends = at + timedelta(minutes=1)
    heard = [
        one
        for one in blocks
        if one.fate is not Fate.OFF and one.line.sounds_at is not None and one.starts_at < ends and one.ends_at > at
    ]
    return max(heard, key=lambda one: one.starts_at, default=None)


def meant_for(blocks: Iterable[Block], at: datetime) -> Block | None:
    """What should have been heard in that minute, and is not."""
    ends = at + timedelta(minutes=1)
    meant = [
        one
        for one in blocks
        if one.line.sounds_at is None and one.line.starts_at < ends and one.line.starts_at + one.length.lasts >= at
    ]
    return max(meant, key=lambda one: one.line.starts_at, default=None)


def _coming(
    session: Session, zone: Zone, windows: Sequence[Window], local: ZoneInfo, since: datetime, until: datetime
) -> list[Block]:
    if since >= until:
        return []
    lines = [line for line in load_lines(session, since, until) if zone.slug in line.zones]
    entries = {row_id(one.id): one for one in session.exec(select(TimetableEntry))}
    own_minutes = lengths_of_days(session)

    def longest(line: Line) -> int | None:
        entry = entries.get(line.entry_id or 0)
        on = line.starts_at.astimezone(local).date()
        return own_minutes.get((line.entry_id or 0, on), entry.max_minutes if entry else None)

    lengths = _lengths(session, lines, longest)
    refused = _refused(session, zone, lines, lengths, longest, local)
    ready = [
        replace(line, lasts=lengths[line.broadcast].lasts, reason=line.reason or refused.get(line.broadcast))
        for line in lines
    ]
    foreseen = foresee(ready, hours_of(get_commune(session), [zone]))
    troubles = _troubles(foreseen, local, windows)
    changed = {(one.entry_id, one.on) for one in session.exec(select(EntryChange))}
    blocks = []
    for line in foreseen:
        entry = entries.get(line.entry_id or 0)
        on = line.starts_at.astimezone(local).date()
        said = troubles.get(line.broadcast, ())
        if line.starts_at < since and line.late_from is None:
            fate = Fate.PAST  # it has begun, or waits its turn at the poles
        else:
            fate = Fate.OFF if line.reason in _BY_PLAN else Fate.TROUBLE if said else Fate.SOUNDS
        blocks.append(
            Block(
                line=line,
                on=on,
                length=lengths[line.broadcast],
                fate=fate,
                troubles=said,
                is_changed=(line.entry_id, on) in changed,
                revision=entry.revision if entry else 0,
                max_minutes=longest(line),
            )
        )
    return blocks


def _lengths(session: Session, lines: Sequence[Line], longest: Callable[[Line], int | None]) -> dict[str, Length]:
    """How long each lasts: of a time without broadcast or words as long as others of its entry, or as it may."""
    known = lengths_of(session, [line.broadcast for line in lines])
    by_entry: dict[int, timedelta] = {}
    for line in lines:
        if line.entry_id is not None and line.broadcast in known:
            by_entry.setdefault(line.entry_id, known[line.broadcast].lasts)
    return {line.broadcast: _length(line, known, by_entry, longest(line)) for line in lines}


def _length(line: Line, known: Mapping[str, Length], by_entry: Mapping[int, timedelta], longest: int | None) -> Length:
    if line.lasts is not None:
        return Length(line.lasts, is_estimate=False)
    unknown = UNKNOWN_LASTS if longest is None else timedelta(minutes=longest)
    return known.get(line.broadcast) or Length(by_entry.get(line.entry_id or 0, unknown), is_estimate=True)


def _refused(
    session: Session,
    zone: Zone,
    lines: Sequence[Line],
    lengths: Mapping[str, Length],
    longest: Callable[[Line], int | None],
    local: ZoneInfo,
) -> dict[str, WhyNot]:
    """What the rules on how much may sound will refuse, guessed lengths counted in."""
    soundings = [
        Sounding(
            line.broadcast,
            frozenset({row_id(zone.id)}),
            line.starts_at,
            lengths[line.broadcast].lasts,
            longest(line),
        )
        for line in lines
        if line.reason is None and line.urgency is not Urgency.EMERGENCY
    ]
    return refusals(soundings, load_budgets(session), local)


def _troubles(lines: Sequence[Line], local: ZoneInfo, windows: Sequence[Window]) -> dict[str, tuple[str, ...]]:
    """What is the matter with each, by broadcast: its own reason, and whom it meets."""
    found: dict[str, list[str]] = {line.broadcast: [] for line in lines}
    by_id = {line.broadcast: line for line in lines}
    for line in lines:
        if line.reason is not None:
            found[line.broadcast].append(why_text(line.reason) or str(line.reason))
        elif line.late_from is not None:
            found[line.broadcast].append("Lỡ giờ, đang chờ để phát muộn.")
        elif line.sounds_at is not None and not fits_windows(windows, local, line.sounds_at, line.lasts or timedelta()):
            found[line.broadcast].append("Ra ngoài giờ được phép phát.")
    spans = [
        Span(line.broadcast, line.urgency, frozenset({0}), line.arrives_at, line.lasts or timedelta())
        for line in lines
        if line.sounds_at is not None
    ]
    for overlap in find_overlaps(spans):
        first, second = by_id[overlap.first], by_id[overlap.second]
        if overlap.is_cut:
            becomes = "cắt ngang chương trình trước"
        else:
            becomes = f"chờ đến {_minute(second.sounds_at or second.starts_at, local)}"
        met = f"{_say(second, local)} {becomes}"
        found[first.broadcast].append(f"Trùng giờ: {met}.")
        found[second.broadcast].append(f"Trùng giờ với {_say(first, local)}: {becomes}.")
    return {id_: tuple(said) for id_, said in found.items() if said}


def _say(line: Line, local: ZoneInfo) -> str:
    return f"“{line.title}” lúc {_minute(line.starts_at, local)}"


def _minute(at: datetime, local: ZoneInfo) -> str:
    return f"{at.astimezone(local):%H:%M}"


def _past(session: Session, zone: Zone, local: ZoneInfo, since: datetime, until: datetime) -> list[Block]:
    """What was aired, cut, missed or cancelled, or sounds still."""
    if since >= until:
        return []
    is_then = and_(col(Broadcast.starts_at) >= since, col(Broadcast.starts_at) < until)
    query = select(Broadcast).where(is_then, col(Broadcast.state).not_in(COMING))
    rows = [row for row in broadcast_rows(session, session.exec(query)) if zone.slug in row.zone_slugs]
    clips = clips_of_each(session, [row.id for row in rows])
    blocks = []
    for row in sorted(rows, key=lambda row: (row.starts_at or row.created_at, row.id)):
        if row.reason == WhyNot.TIMETABLE_CHANGED:
            continue
        line = line_of(row, clips.get(row.id, ()))
        lasts = timedelta(milliseconds=row.duration_ms or 0)
        if row.state in {BroadcastState.AIRED, BroadcastState.CUT, BroadcastState.ON_AIR}:
            line = replace(line, sounds_at=line.starts_at, ends_at=line.starts_at + lasts)
        said = (why_text(row.reason) or str(row.reason),) if row.reason else ()
        is_off = row.state is BroadcastState.CANCELLED
        on = line.starts_at.astimezone(local).date()
        blocks.append(Block(line, on, Length(lasts, is_estimate=False), Fate.OFF if is_off else Fate.PAST, said))
    return blocks
