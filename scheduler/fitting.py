"""What a bulletin that is still being written takes of its villages' day, and what it would meet at its time.

Nothing is stored for it yet: it is put among what is planned that day, as long as its words are likely to last.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from broadcast.budget import Budget, refusals
from broadcast.budget import Session as Sounding
from broadcast.hours import Hours, load_hours
from broadcast.lifecycle import WhyNot, why_text
from broadcast.models import Broadcast, BroadcastState, Zone, row_id
from broadcast.rules import load_budgets
from broadcast.views import broadcast_rows
from broadcast.windows import say_windows
from players.messages import Urgency
from scheduler.advice import Advice, AdviceKind, without_nodes
from scheduler.conflicts import Span, find_overlaps
from scheduler.forecast import Line, load_lines
from scheduler.lengths import UNKNOWN_LASTS, lengths_of

_OWN = "this"
_HEARD = (BroadcastState.ON_AIR, BroadcastState.AIRED, BroadcastState.CUT)


@dataclass(frozen=True, slots=True)
class Airing:
    """What is being written: when it is to begin, about how long it lasts, and of which bulletin, if it is kept."""

    starts_at: datetime
    lasts: timedelta
    urgency: Urgency
    bulletin_id: str = ""


@dataclass(frozen=True, slots=True)
class VillageDay:
    """What a village hears that day without it, and how much it may hear; none: as much as one likes."""

    name: str
    sessions: int
    lasts: timedelta
    sessions_a_day: int | None
    day_minutes: int | None


@dataclass(frozen=True, slots=True)
class Fit:
    """How it fits in: the day of each village, and what is to be known."""

    days: tuple[VillageDay, ...]
    advice: tuple[Advice, ...]


@dataclass(frozen=True, slots=True)
class _Planned:
    """Something else of that day."""

    id: str
    title: str
    urgency: Urgency
    zones: tuple[str, ...]
    starts_at: datetime
    lasts: timedelta
    is_settled: bool


def fit_in(session: Session, zones: Sequence[Zone], airing: Airing, now: datetime) -> Fit:
    """Look at the day on which it would be aired, in these villages. Only reads."""
    hours = load_hours(session)
    local = hours.zone
    begins = datetime.combine(airing.starts_at.astimezone(local).date(), time(), local)
    others = _others(session, airing, begins, begins + timedelta(days=1), now)
    budgets = load_budgets(session)
    days = tuple(_day(zone, others, budgets.get(row_id(zone.id), Budget())) for zone in zones)
    closed = _closed(hours, airing)
    advice = [*without_nodes(session, zones), *(closed or _refused(zones, airing, others, budgets, local))]
    advice += _met(zones, airing, others, local)
    return Fit(days, tuple(advice))


def _closed(hours: Hours, airing: Airing) -> list[Advice]:
    """What the commune's hours have against it."""
    why = hours.why_closed(airing.starts_at, airing.lasts)
    if why is None:
        return []
    if why is WhyNot.MOURNING_DAY:
        return [_never(why, airing.starts_at)]
    windows = say_windows(hours.windows) or "không có"
    said = f"Ngoài giờ được phép phát của xã ({windows}), sẽ không phát."
    return [Advice(AdviceKind.QUIET_HOURS, said, airing.starts_at)]


def _others(session: Session, airing: Airing, since: datetime, until: datetime, now: datetime) -> list[_Planned]:
    own = f"b-{airing.bulletin_id}-" if airing.bulletin_id else None
    begins = max(since, now)
    ahead = [line for line in load_lines(session, begins, until) if line.starts_at >= begins or line.late_from]
    lines = [line for line in ahead if line.reason is None]
    guessed = lengths_of(session, [line.broadcast for line in lines if line.lasts is None])

    def lasts(line: Line) -> timedelta:
        guess = guessed.get(line.broadcast)
        return line.lasts or (guess.lasts if guess else UNKNOWN_LASTS)

    coming = [
        _Planned(one.broadcast, one.title, one.urgency, one.zones, one.starts_at, lasts(one), is_settled=False)
        for one in lines
    ]
    query = select(Broadcast).where(col(Broadcast.state).in_(_HEARD), col(Broadcast.starts_at) >= since)
    heard = [
        _Planned(
            row.id, row.title, row.urgency, row.zone_slugs, row.starts_at or row.created_at,
            timedelta(milliseconds=row.duration_ms or 0), is_settled=True,
        )
        for row in broadcast_rows(session, session.exec(query.where(col(Broadcast.starts_at) < until)))
    ]  # fmt: skip
    return [one for one in (*heard, *coming) if not (own and one.id.startswith(own))]


def _day(zone: Zone, others: Iterable[_Planned], budget: Budget) -> VillageDay:
    there = [one for one in others if zone.slug in one.zones and one.urgency is not Urgency.EMERGENCY]
    total = sum((one.lasts for one in there), timedelta())
    return VillageDay(zone.name, len(there), total, budget.sessions_a_day, budget.day_minutes)


def _never(refused: WhyNot, at: datetime | None = None) -> Advice:
    return Advice(AdviceKind.REFUSED, f"Sẽ không phát. {why_text(refused)}", at)


def _refused(
    zones: Sequence[Zone], airing: Airing, others: Sequence[_Planned], budgets: dict[int, Budget], local: ZoneInfo
) -> list[Advice]:
    ids = {zone.slug: row_id(zone.id) for zone in zones}
    soundings = [
        Sounding(
            one.id, frozenset(ids[slug] for slug in one.zones if slug in ids), one.starts_at, one.lasts,
            is_settled=one.is_settled,
        )
        for one in others
        if one.urgency is not Urgency.EMERGENCY
    ]  # fmt: skip
    soundings.append(Sounding(_OWN, frozenset(ids.values()), airing.starts_at, airing.lasts))
    refused = refusals(soundings, budgets, local)
    titles = {one.id: one.title for one in others}
    said = [_never(refused[_OWN])] if _OWN in refused else []
    before = refusals([one for one in soundings if one.id != _OWN], budgets, local)
    pushed = [id_ for id_ in refused if id_ != _OWN and id_ not in before]
    return said + [
        Advice(AdviceKind.REFUSED, f"“{titles[id_]}” sẽ không phát vì bản tin này. {why_text(refused[id_])}")
        for id_ in pushed
    ]


def _met(zones: Sequence[Zone], airing: Airing, others: Sequence[_Planned], local: ZoneInfo) -> list[Advice]:
    ids = {zone.slug: row_id(zone.id) for zone in zones}
    planned = {one.id: one for one in others}
    spans = [
        Span(one.id, one.urgency, frozenset(ids[slug] for slug in one.zones if slug in ids), one.starts_at, one.lasts)
        for one in others
    ]
    spans.append(Span(_OWN, airing.urgency, frozenset(ids.values()), airing.starts_at, airing.lasts))
    found = []
    for overlap in find_overlaps(spans):
        if _OWN not in {overlap.first, overlap.second}:
            continue
        is_first = overlap.first == _OWN
        other = planned[overlap.second if is_first else overlap.first]
        said = f"“{other.title}” lúc {other.starts_at.astimezone(local):%H:%M}"
        if is_first:
            becomes = f"{said} sẽ cắt ngang bản tin này." if overlap.is_cut else f"{said} phải chờ bản tin này xong."
        elif overlap.is_cut:
            becomes = f"Bản tin này sẽ cắt ngang {said}."
        else:
            becomes = f"Bản tin này phải chờ {said} xong."
        found.append(Advice(AdviceKind.OVERLAP, f"Trùng giờ: {becomes}", other.starts_at))
    return found
