"""What is to be known of an entry or a programme when it is edited: what it meets, what the rules will refuse.

Nothing here changes anything. Lengths are those of what is rendered, and guesses for the rest (`scheduler.coming`).
"""

from collections import defaultdict
from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from sqlmodel import Session, col, select

from broadcast.budget import Session as Sounding
from broadcast.budget import refusals
from broadcast.collation import vietnamese_key
from broadcast.communes import get_commune, windows_of_commune
from broadcast.entries import LAST_DAY, get_entry, zones_of_entry
from broadcast.lifecycle import WhyNot, why_text
from broadcast.models import Node, NodeZone, Placement, TimetableEntry, Zone, row_id
from broadcast.placements import load_placings
from broadcast.rules import load_budgets
from broadcast.windows import fits_windows, say_windows
from broadcast.zones import list_zones
from scheduler.coming import AHEAD, Coming, load_coming
from scheduler.conflicts import Overlap, Span, find_overlaps, find_touching
from scheduler.loading import load_calendar, load_entries
from scheduler.timetable import occurrences

TOUCHING = timedelta(minutes=1)
_SAID_AT_MOST = 20
_LOOKED_THROUGH = timedelta(days=366)
"""A lunar day, a weekday or a public holiday comes again within it; single days are looked at by themselves."""


class AdviceKind(StrEnum):
    """What an advice is about."""

    OVERLAP = "overlap"
    TOUCHING = "touching"
    REFUSED = "refused"
    QUIET_HOURS = "quiet-hours"
    NO_NODES = "no-nodes"
    NO_LENGTH = "no-length"
    NEVER_DUE = "never-due"
    HEARD_BEYOND = "heard-beyond"
    NOT_APPROVED = "not-approved"


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to know, in Vietnamese, and when it first happens, if it has a time."""

    kind: AdviceKind
    text: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Airtime:
    """One coming time of a programme: about how long it lasts, unless all of it is rendered; where it is heard."""

    starts_at: datetime
    lasts: timedelta
    is_estimate: bool
    zones: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProgrammeAdvice:
    """What is to be known of programmes, and their coming times in order."""

    advice: tuple[Advice, ...] = ()
    times: tuple[Airtime, ...] = ()


def advice_for(session: Session, entry_id: int, now: datetime) -> list[Advice]:
    """What is to be known of an entry in the coming weeks, the first of each kind first.

    Raises:
        NotFound: there is no such entry.
    """
    entry = get_entry(session, entry_id)
    coming = load_coming(session, now, AHEAD)
    own = {id_ for id_, one in coming.planned.items() if one.entry_id == entry_id}
    zones = zones_of_entry(session, entry)
    found = [*without_nodes(session, zones), *advice_about(session, coming, own)]
    if not own and entry.is_active and _is_never_due(session, entry, now, coming):
        found.append(Advice(AdviceKind.NEVER_DUE, "Trong hạn của lịch này không còn ngày phát nào: sẽ không phát."))
    if own and own <= coming.unknown:
        text = "Chưa có âm thanh nào cho lịch này nên chưa biết chương trình dài bao lâu."
        found.append(Advice(AdviceKind.NO_LENGTH, text))
    found += _heard_beyond(session, entry, zones, now.astimezone(coming.zone).date())
    return found[:_SAID_AT_MOST]


def advice_of_programmes(session: Session, programme_ids: Collection[int], now: datetime) -> ProgrammeAdvice:
    """What is to be known of these programmes, wherever the timetable has them in the coming weeks."""
    if not programme_ids:
        return ProgrammeAdvice()
    coming = load_coming(session, now, AHEAD)
    own = {id_ for id_, one in coming.planned.items() if one.programme_id in programme_ids}
    spoken_to = {zone_id for id_ in own for zone_id in coming.planned[id_].zone_ids}
    zones = [zone for zone in list_zones(session) if row_id(zone.id) in spoken_to]
    found = [*without_nodes(session, zones), *advice_about(session, coming, own)]
    times = (
        Airtime(
            span.starts_at,
            span.lasts,
            span.broadcast in coming.guessed,
            tuple(zone.name for zone in zones if row_id(zone.id) in span.zone_ids),
        )
        for span in coming.spans
        if span.broadcast in own - coming.unknown
    )
    return ProgrammeAdvice(tuple(found[:_SAID_AT_MOST]), tuple(times))


def advice_about(session: Session, coming: Coming, own: Set[str]) -> list[Advice]:
    """What is to be known of these of the coming broadcasts."""
    found = [*_refused(session, coming, own), *_overlaps(coming, own), *_touching(coming, own)]
    waiting = {placing.bulletin.id for id_ in own for placing in coming.awaited.get(id_, ())}
    if waiting:
        text = f"Đã tính cả {len(waiting)} bản tin được xếp mà chưa duyệt, dài chừng như chữ của chúng."
        found.append(Advice(AdviceKind.NOT_APPROVED, text))
    return found


def _is_never_due(session: Session, entry: TimetableEntry, now: datetime, coming: Coming) -> bool:
    (loaded,) = load_entries(session, [entry])
    since = max(now, datetime.combine(entry.from_on, time(), coming.zone))
    last = entry.until_on or LAST_DAY
    if any(since.astimezone(coming.zone).date() < day <= last for day in loaded.dates):
        return False
    until = min(since + _LOOKED_THROUGH, datetime.combine(last, time.max, coming.zone))
    return not occurrences(loaded, coming.zone, since, until, load_calendar(session, get_commune(session)))


def _heard_beyond(session: Session, entry: TimetableEntry, zones: Sequence[Zone], today: date) -> list[Advice]:
    """Bulletins that this entry says in villages, too, for which they are not meant."""
    names = {row_id(zone.id): zone.name for zone in zones}
    beyond = [
        (placing.bulletin.title, [name for id_, name in names.items() if id_ not in placing.zone_ids])
        for placing in load_placings(session, today, Placement.programme_id == entry.programme_id)
        if placing.zone_ids & set(names)
    ]
    return [
        Advice(
            AdviceKind.HEARD_BEYOND, f"Bản tin “{title}” còn được nghe ở {', '.join(villages)}, ngoài khu vực của nó."
        )
        for title, villages in dict.fromkeys((title, tuple(villages)) for title, villages in beyond if villages)
    ]


def _overlaps(coming: Coming, own: Set[str]) -> list[Advice]:
    met = (
        (_say_overlap(coming, overlap), coming.planned[overlap.second].starts_at)
        for overlap in find_overlaps(coming.spans)
        if own & {overlap.first, overlap.second}
    )
    return [
        Advice(AdviceKind.OVERLAP, f"{on}: {meets}; chương trình sau {becomes}.", at)
        for (meets, becomes), on, at in coming.by_days(met)
    ]


def _say_overlap(coming: Coming, overlap: Overlap) -> tuple[str, str]:
    """What meets where, and what will happen."""
    names = (coming.zone_names.get(zone_id, "") for zone_id in overlap.zone_ids)
    where = ", ".join(sorted(names, key=vietnamese_key))
    meets = f"{coming.say(overlap.second)} chồng lên {coming.say(overlap.first)} ở {where}"
    if overlap.is_cut:
        return meets, "cắt ngang chương trình trước"
    if overlap.first in coming.unknown:
        return meets, "chờ đến khi chương trình trước xong (độ dài tạm tính)"
    return meets, "chờ đến khi chương trình trước xong"


def _touching(coming: Coming, own: Set[str]) -> list[Advice]:
    known = [span for span in coming.spans if span.broadcast not in coming.unknown]
    met = (
        ((coming.say(first), coming.say(second)), coming.planned[second].starts_at)
        for first, second in find_touching(known, TOUCHING)
        if own & {first, second}
    )
    return [
        Advice(
            AdviceKind.TOUCHING,
            f"{on}: {second} bắt đầu ngay khi {first} kết thúc: nếu chương trình trước dài thêm, "
            "chương trình sau phải chờ.",
            at,
        )
        for (first, second), on, at in coming.by_days(met)
    ]


def _refused(session: Session, coming: Coming, own: Set[str]) -> list[Advice]:
    """What the rules will refuse of one's own."""
    windows = windows_of_commune(get_commune(session))
    spans = [span for span in coming.spans if span.broadcast in own]
    quiet = {
        span.broadcast for span in spans if not fits_windows(windows, coming.zone, span.starts_at, _lasts(coming, span))
    }
    why = _refusals(session, coming, own)
    outside = ((coming.say(span.broadcast), span.starts_at) for span in spans if span.broadcast in quiet)
    refused = (
        ((coming.say(span.broadcast), why_text(why[span.broadcast])), span.starts_at)
        for span in spans
        if span.broadcast in why and span.broadcast not in quiet
    )
    hours = say_windows(windows) or "không có"
    return [
        *(
            Advice(
                AdviceKind.QUIET_HOURS,
                f"{on}: {broadcast} ngoài giờ được phép phát của xã ({hours}), sẽ không phát.",
                at,
            )
            for broadcast, on, at in coming.by_days(outside)
        ),
        *(
            Advice(AdviceKind.REFUSED, f"{on}: {broadcast} sẽ không phát. {why}", at)
            for (broadcast, why), on, at in coming.by_days(refused)
        ),
    ]


def _refusals(session: Session, coming: Coming, own: Set[str]) -> dict[str, WhyNot]:
    """What the rules on how much may sound refuse, day by day; of days that are alike the first is looked at."""
    budgets = load_budgets(session)
    days: defaultdict[date, list[Span]] = defaultdict(list)
    for span in coming.spans:
        days[span.starts_at.astimezone(coming.zone).date()].append(span)
    found: dict[str, WhyNot] = {}
    known: dict[object, list[WhyNot | None]] = {}
    for on, spans in days.items():
        if not any(span.broadcast in own for span in spans):
            continue
        soundings = [
            Sounding(
                span.broadcast, span.zone_ids, span.starts_at, _lasts(coming, span), coming.limits.get(span.broadcast)
            )
            for span in spans
        ]
        begins = datetime.combine(on, time(), coming.zone)
        alike = on.weekday(), *((one.starts_at - begins, one.zone_ids, one.lasts, one.max_minutes) for one in soundings)
        if alike not in known:
            refused = refusals(soundings, budgets, coming.zone)
            known[alike] = [refused.get(one.id) for one in soundings]
        found |= {one.id: why for one, why in zip(soundings, known[alike], strict=True) if why is not None}
    return found


def _lasts(coming: Coming, span: Span) -> timedelta:
    """Its length as the rules count it: of what nobody knows anything, none."""
    return timedelta() if span.broadcast in coming.unknown else span.lasts


def without_nodes(session: Session, zones: Sequence[Zone]) -> list[Advice]:
    """Which of these villages have no pole, in one advice; none when all have one."""
    query = select(NodeZone.zone_id).join(Node).where(col(Node.revoked_at).is_(None)).distinct()
    spoken_to = set(session.exec(query))
    empty = [zone.name for zone in zones if zone.id not in spoken_to]
    if not empty:
        return []
    return [Advice(AdviceKind.NO_NODES, f"{', '.join(empty)} chưa có cụm loa nào: ở đó không nghe thấy gì.")]
