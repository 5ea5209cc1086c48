"""Placements: which bulletin goes into which programme, on which days, how often, in which order."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, delete, or_, select

from broadcast.audit import record
from broadcast.clashes import ask_order
from broadcast.communes import get_commune, local_zone
from broadcast.entries import EVERY_DAY, FIRST_DAY, LAST_DAY
from broadcast.errors import Conflict, InvalidInput, NotFound
from broadcast.models import Bulletin, BulletinState, BulletinZone, Placement, Programme, SpecialDay, row_id
from broadcast.programme_parts import MAX_PARTS
from broadcast.zones import zones_by_slug
from players.messages import MAX_CLIPS

PLACED_FOR = timedelta(days=3)
"""How long a bulletin stays in a programme when nobody says otherwise."""
MAX_PLACED = MAX_CLIPS - MAX_PARTS
"""What a programme says of bulletins in a day: with its other parts it fits what a node takes as one broadcast."""
MAX_TIMES = 5

Placed = tuple[Bulletin, int]
"""A bulletin, and how often it is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """One bulletin over days, villages and programmes. `zones` are slugs: none means all the bulletin's villages."""

    programmes: Sequence[int]
    from_on: date
    until_on: date
    weekdays: Sequence[int] = EVERY_DAY
    zones: Sequence[str] = ()
    times: int = 1


@dataclass(frozen=True, slots=True)
class Placing:
    """A placement with its bulletin, the villages it is meant for, and how often it is said."""

    placement: Placement
    bulletin: Bulletin
    zone_ids: frozenset[int]
    times: int

    def goes_into(self, spoken_to: Collection[int], on: date, weekday: int) -> bool:
        """Whether it is said on a day, which follows that weekday, in a programme for these villages."""
        return is_on(self.placement, on, weekday) and not self.zone_ids.isdisjoint(spoken_to)


def place_campaign(
    session: Session, bulletin: Bulletin, campaign: Campaign, now: datetime, actor: str
) -> list[Placement]:
    """Put a bulletin into programmes, beside where it is already; it is aired once it is approved.

    Raises:
        InvalidInput: a programme, a village, the days or the repeats cannot be used.
        Conflict: the bulletin is withdrawn, or a programme is full on one of the days.
    """
    if bulletin.state is BulletinState.WITHDRAWN:
        raise Conflict("withdrawn", "Bản tin đã được rút lại.")
    _check_campaign(session, campaign)
    zone_ids = _zone_ids(session, bulletin, campaign.zones)
    made = [_placed(session, bulletin, programme_id, campaign, zone_ids) for programme_id in campaign.programmes]
    session.flush()
    said = {
        "programmes": list(campaign.programmes),
        "from_on": campaign.from_on.isoformat(),
        "until_on": campaign.until_on.isoformat(),
        "weekdays": sorted(set(campaign.weekdays)),
        "zones": list(campaign.zones),
        "times": campaign.times,
    }
    record(session, now, actor, "place-bulletin", bulletin.id, said)
    ask_order(session, bulletin, now)
    return made


def checked_zone_ids(session: Session, bulletin: Bulletin, campaign: Campaign) -> set[int]:
    """The villages for which a campaign would place the bulletin. Only reads.

    Raises:
        InvalidInput: as `place_campaign`.
    """
    _check_campaign(session, campaign)
    meant = _zone_ids(session, bulletin, campaign.zones)
    return set(meant) or set(session.exec(select(BulletinZone.zone_id).where(BulletinZone.bulletin_id == bulletin.id)))


def remove_placement(session: Session, bulletin: Bulletin, placement_id: int, now: datetime, actor: str) -> None:
    """Take a bulletin out of a programme again.

    Raises:
        NotFound: it is not placed so.
    """
    placement = session.get(Placement, placement_id)
    if placement is None or placement.bulletin_id != bulletin.id:
        raise NotFound("no-placement", "Bản tin không còn được xếp như vậy.")
    session.delete(placement)
    session.flush()
    said = {"programme": placement.programme_id, "from_on": placement.from_on.isoformat()}
    record(session, now, actor, "remove-placement", bulletin.id, said)


def move_placement(
    session: Session, programme_id: int, placement_id: int, on: date, *, to: int, now: datetime, actor: str
) -> None:
    """Have a bulletin said at another place of that day's list (0 is first); the order counts on all days they share.

    Places before the first and after the last are those.

    Raises:
        NotFound: it is not placed in that programme on that day.
    """
    places = [row_id(one.placement.id) for one in placements_on(session, programme_id, on)]
    if placement_id not in places:
        raise NotFound("no-placement", "Bản tin không còn được xếp như vậy.")
    here, there = places.index(placement_id), min(max(to, 0), len(places) - 1)
    if here == there:
        return
    rows = {row_id(one.id): one for one in _in_order(session, programme_id)}
    order = [id_ for id_ in rows if id_ != placement_id]
    order.insert(order.index(places[there]) + (there > here), placement_id)
    for position, id_ in enumerate(order):
        rows[id_].position = position
        session.add(rows[id_])
    session.flush()
    record(session, now, actor, "order-bulletins", str(programme_id), {"placement": placement_id, "place": there})


def placements_on(session: Session, programme_id: int, on: date) -> list[Placing]:
    """What is placed in a programme on a day, approved or not, in order.

    Placed twice in a village it is said once, at its first place, as often as the one that says it most often.
    """
    weekday = _weekdays(session, programme_id).get(on, on.weekday())
    found: list[Placing] = []
    for one in load_placings(session, on, Placement.programme_id == programme_id):
        if not is_on(one.placement, on, weekday):
            continue
        for place, other in enumerate(found):
            if other.bulletin.id == one.bulletin.id and other.zone_ids & one.zone_ids:
                found[place] = replace(other, times=max(other.times, one.times))
                break
        else:
            found.append(one)
    return found


def load_placings(session: Session, today: date, *only: ColumnElement[bool] | bool) -> list[Placing]:
    """Placements that count today or later, of bulletins that are not withdrawn, in order; `only` narrows them down."""
    query = select(Placement, Bulletin).join(Bulletin).where(Bulletin.state != BulletinState.WITHDRAWN, *only)
    query = query.where(or_(col(Placement.until_on).is_(None), col(Placement.until_on) >= today))
    rows = session.exec(query.order_by(col(Placement.position), col(Placement.id))).all()
    own: defaultdict[str, set[int]] = defaultdict(set)
    of_bulletins = col(BulletinZone.bulletin_id).in_({bulletin.id for _, bulletin in rows})
    for bulletin_id, zone_id in session.exec(
        select(BulletinZone.bulletin_id, BulletinZone.zone_id).where(of_bulletins)
    ):
        own[bulletin_id].add(zone_id)
    return [
        Placing(
            placement,
            bulletin,
            frozenset(own[bulletin.id] & set(placement.zone_ids or own[bulletin.id])),
            placement.times,
        )
        for placement, bulletin in rows
    ]


def placements_of(session: Session, bulletin_id: str) -> list[tuple[Placement, Programme]]:
    """Where a bulletin is placed, the earliest first."""
    query = select(Placement, Programme).join(Programme).where(Placement.bulletin_id == bulletin_id)
    return list(session.exec(query.order_by(col(Placement.from_on), col(Programme.name), col(Placement.id))).all())


def place_bulletin(
    session: Session, bulletin: Bulletin, programmes: Sequence[int], now: datetime, *, lasts: timedelta = PLACED_FOR
) -> None:
    """Put a bulletin into these programmes, and no others, from today; where it is already it keeps days and place.

    Raises:
        InvalidInput: there is no such programme.
        Conflict: one of them is full.
    """
    wanted = set(programmes)
    _require_programmes(session, wanted)
    kept = set(programmes_of(session, bulletin.id))
    gone = sorted(kept - wanted)
    of_gone = col(Placement.bulletin_id) == bulletin.id, col(Placement.programme_id).in_(gone)
    session.exec(delete(Placement).where(*of_gone))
    today = now.astimezone(local_zone(get_commune(session))).date()
    campaign = Campaign(programmes=(), from_on=today, until_on=today + lasts - timedelta(days=1))
    for programme_id in sorted(wanted - kept):
        _placed(session, bulletin, programme_id, campaign, [])
    session.flush()
    ask_order(session, bulletin, now)


def programmes_of(session: Session, bulletin_id: str) -> list[int]:
    """The ids of the programmes a bulletin is placed in."""
    query = select(Placement.programme_id).where(Placement.bulletin_id == bulletin_id).distinct()
    return list(session.exec(query.order_by(col(Placement.programme_id))))


def placed_on(
    session: Session, programme_id: int, zone_ids: Collection[int], days: Iterable[date]
) -> dict[date, list[Placed]]:
    """The approved bulletins placed in a programme on each of these days, in order, each once.

    A bulletin goes where it was meant to go: it is left out where none of its villages is spoken to. Placed twice on a
    day it is said as often as the one that says it most often. A day that follows another weekday has that one's.
    """
    days = sorted(days)
    if not days:
        return {}
    of_bulletin = select(BulletinZone.zone_id).where(BulletinZone.bulletin_id == Bulletin.id)
    query = (
        select(Bulletin, Placement)
        .join(Placement)
        .where(
            Placement.programme_id == programme_id,
            Placement.from_on <= days[-1],
            or_(col(Placement.until_on).is_(None), col(Placement.until_on) >= days[0]),
            Bulletin.state == BulletinState.APPROVED,
            of_bulletin.where(col(BulletinZone.zone_id).in_(zone_ids)).exists(),
        )
        .order_by(col(Placement.position), col(Placement.id))
    )
    spoken_to = set(zone_ids)
    rows = [
        (bulletin, placement)
        for bulletin, placement in session.exec(query).all()
        if not placement.zone_ids or spoken_to & set(placement.zone_ids)
    ]
    weekdays = _weekdays(session, programme_id)
    found: dict[date, list[Placed]] = {}
    for on in days:
        weekday = weekdays.get(on, on.weekday())
        of_day: dict[str, Placed] = {}
        for bulletin, placement in rows:
            if is_on(placement, on, weekday):
                _, times = of_day.get(bulletin.id, (bulletin, 0))
                of_day[bulletin.id] = bulletin, max(times, placement.times)
        found[on] = list(of_day.values())
    return found


def is_on(placement: Placement, on: date, weekday: int) -> bool:
    """Whether a placement counts on a day, which follows that weekday (0 is Monday)."""
    ends = placement.until_on is None or on <= placement.until_on
    return placement.from_on <= on and ends and weekday in placement.weekdays


def _weekdays(session: Session, programme_id: int) -> dict[date, int]:
    """The days on which the programme's commune follows another weekday, and which."""
    query = select(SpecialDay).join(Programme, col(Programme.commune_id) == col(SpecialDay.commune_id))
    days = session.exec(query.where(Programme.id == programme_id))
    return {day.on: day.like_weekday for day in days if day.like_weekday is not None}


def _check_campaign(session: Session, campaign: Campaign) -> None:
    if not campaign.programmes:
        raise InvalidInput("no-programme", "Chưa chọn chương trình nào.", "programmes")
    _require_programmes(session, set(campaign.programmes))
    for day, field in ((campaign.from_on, "from_on"), (campaign.until_on, "until_on")):
        if not FIRST_DAY <= day <= LAST_DAY:
            raise InvalidInput("day-out-of-range", f"Chọn ngày từ năm {FIRST_DAY.year} đến {LAST_DAY.year}.", field)
    if campaign.until_on < campaign.from_on:
        raise InvalidInput("days-reversed", "Ngày cuối đứng trước ngày đầu.", "until_on")
    if not campaign.weekdays or not set(campaign.weekdays) <= set(EVERY_DAY):
        raise InvalidInput("no-weekday", "Chưa chọn ngày phát nào.", "weekdays")
    if not 1 <= campaign.times <= MAX_TIMES:
        raise InvalidInput("bad-times", f"Đọc từ 1 đến {MAX_TIMES} lần trong một chương trình.", "times")


def _require_programmes(session: Session, wanted: set[int]) -> None:
    if wanted - set(session.exec(select(Programme.id))):
        raise InvalidInput("unknown-programme", "Không có chương trình này.", "programmes")


def _zone_ids(session: Session, bulletin: Bulletin, slugs: Sequence[str]) -> list[int]:
    if not slugs:
        return []
    wanted = {row_id(zone.id) for zone in zones_by_slug(session, slugs)}
    own = set(session.exec(select(BulletinZone.zone_id).where(BulletinZone.bulletin_id == bulletin.id)))
    if wanted - own:
        raise InvalidInput("not-its-village", "Bản tin không dành cho khu vực này. Hãy sửa bản tin trước.", "zones")
    return sorted(wanted)


def _placed(
    session: Session, bulletin: Bulletin, programme_id: int, campaign: Campaign, zone_ids: list[int]
) -> Placement:
    """Store one placement at the end of the programme's order.

    Raises:
        Conflict: the programme is full then.
    """
    others = _in_order(session, programme_id)
    meeting = [one for one in others if one.until_on is None or one.until_on >= campaign.from_on]
    if sum(one.times for one in meeting if one.from_on <= campaign.until_on) + campaign.times > MAX_PLACED:
        raise Conflict("programme-full", f"Chương trình đã có {MAX_PLACED} bản tin.")
    placement = Placement(
        bulletin_id=bulletin.id,
        programme_id=programme_id,
        from_on=campaign.from_on,
        until_on=campaign.until_on,
        weekdays=sorted(set(campaign.weekdays)),
        zone_ids=zone_ids,
        times=campaign.times,
        position=max((one.position for one in others), default=-1) + 1,
    )
    session.add(placement)
    session.flush()
    return placement


def _in_order(session: Session, programme_id: int) -> list[Placement]:
    query = select(Placement).where(Placement.programme_id == programme_id)
    return list(session.exec(query.order_by(col(Placement.position), col(Placement.id))))
