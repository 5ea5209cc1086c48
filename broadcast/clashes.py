"""Which of two bulletins of priority comes first, a source's or the commune's own, and where that puts them.

A source's may find the commune's own there (`broadcast.inbox_priority`), or be found by it: who comes second asks.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlmodel import Session, col, or_, select

from broadcast.communes import get_commune, local_zone
from broadcast.errors import Conflict
from broadcast.lifecycle import COMING
from broadcast.models import (
    Broadcast,
    Bulletin,
    BulletinState,
    BulletinZone,
    ClashOrder,
    ItemState,
    Placement,
    SourceItem,
)
from players.messages import Urgency

CLASHES_WITHIN = timedelta(minutes=15)
_BESIDE = timedelta(seconds=1)
"""Of two of one urgency the one that begins first is heard first, and the other waits for it."""
_WAITS = frozenset({BulletinState.SUBMITTED, BulletinState.APPROVED})
_WEEK = 7


def ask_order(session: Session, bulletin: Bulletin, now: datetime) -> None:
    """Have an officer asked about the items of priority that one of the commune's own comes upon.

    Until somebody has decided, the commune's own comes first. Asked twice nothing changes.
    """
    if bulletin.urgency is not Urgency.PRIORITY or bulletin.state not in _WAITS or not is_own(session, bulletin):
        return
    today = now.astimezone(local_zone(get_commune(session))).date()
    query = select(SourceItem, Bulletin).join(Bulletin, col(Bulletin.id) == col(SourceItem.bulletin_id))
    query = query.where(SourceItem.state == ItemState.PUT_IN, Bulletin.urgency == Urgency.PRIORITY)
    query = query.where(Bulletin.state != BulletinState.WITHDRAWN).order_by(col(SourceItem.received_at))
    for row, item in session.exec(query).all():
        if _is_asked(session, row) or not shares_village(session, bulletin, item):
            continue
        together = _placed_together(session, bulletin, item, today)
        if not together and not _air_together(session, bulletin, item, now):
            continue
        row.rival_id, row.order, row.decided_by_id = bulletin.id, ClashOrder.ASKED, None
        session.add(row)
        for own, other in together:
            _put_before(session, own, other)
        if not together:
            _retime(session, item, bulletin, is_first=False, now=now)
        session.flush()


def arrange(session: Session, bulletin: Bulletin, rival: Bulletin | None, *, is_first: bool, now: datetime) -> None:
    """Put it in its place: first of all, or after those of priority and before what has time."""
    placed = session.exec(select(Placement).where(Placement.bulletin_id == bulletin.id)).all()
    for placement in placed:
        _arrange_in(session, placement, is_first=is_first)
    if not placed and rival is not None:
        _retime(session, bulletin, rival, is_first=is_first, now=now)
    session.flush()


def is_own(session: Session, bulletin: Bulletin) -> bool:
    """Whether a bulletin is the commune's own."""
    query = select(SourceItem.id).where(SourceItem.bulletin_id == bulletin.id, SourceItem.state == ItemState.PUT_IN)
    return session.exec(query).first() is None


def shares_village(session: Session, one: Bulletin, two: Bulletin) -> bool:
    """Whether both are meant for a village."""
    first, second = (
        set(session.exec(select(BulletinZone.zone_id).where(BulletinZone.bulletin_id == each.id)))
        for each in (one, two)
    )
    return bool(first & second)


def _is_asked(session: Session, row: SourceItem) -> bool:
    """Whether it has a rival already that may still be aired."""
    rival = session.get(Bulletin, row.rival_id) if row.rival_id else None
    return rival is not None and rival.state is not BulletinState.WITHDRAWN


def _placed_together(session: Session, own: Bulletin, item: Bulletin, today: date) -> list[tuple[Placement, Placement]]:
    """Where both are said in one airing of a programme, from today on."""
    ours, theirs = (session.exec(select(Placement).where(Placement.bulletin_id == one.id)).all() for one in (own, item))
    return [(one, other) for one in ours for other in theirs if _share_a_day(one, other, today)]


def _share_a_day(one: Placement, other: Placement, today: date) -> bool:
    if one.programme_id != other.programme_id:
        return False
    first = max(one.from_on, other.from_on, today)
    last = min(placement.until_on or date.max for placement in (one, other))
    weekdays = set(one.weekdays) & set(other.weekdays)
    days = ((first + timedelta(days=n)) for n in range(min(_WEEK, (last - first).days + 1)))
    return any(day.weekday() in weekdays for day in days)


def _air_together(session: Session, own: Bulletin, item: Bulletin, now: datetime) -> bool:
    """Whether both have a broadcast of their own to come, at about the same time."""
    ours, theirs = _broadcast_of(session, own), _broadcast_of(session, item)
    if ours is None or theirs is None or ours.starts_at is None or theirs.starts_at is None:
        return False
    return abs(ours.starts_at - theirs.starts_at) <= CLASHES_WITHIN and ours.starts_at > now


def _broadcast_of(session: Session, bulletin: Bulletin) -> Broadcast | None:
    query = select(Broadcast).where(Broadcast.bulletin_id == bulletin.id, col(Broadcast.state).in_(COMING))
    return session.exec(query).first()


def _put_before(session: Session, placement: Placement, other: Placement) -> None:
    """Have it said before the other, unless it is already."""
    order = [one for one in _in_order(session, placement.programme_id) if one.id != placement.id]
    place = next(at for at, one in enumerate(order) if one.id == other.id)
    if (placement.position, placement.id) > (other.position, other.id):
        order.insert(place, placement)
        _number(session, order)


def _arrange_in(session: Session, placement: Placement, *, is_first: bool) -> None:
    query = select(Placement, Bulletin.urgency).join(Bulletin).where(Placement.programme_id == placement.programme_id)
    query = query.where(or_(col(Placement.until_on).is_(None), col(Placement.until_on) >= placement.from_on))
    rows = session.exec(query.order_by(col(Placement.position), col(Placement.id))).all()
    others = [(one, urgency) for one, urgency in rows if one.id != placement.id]
    urgent = [place for place, (_, urgency) in enumerate(others) if urgency is Urgency.PRIORITY]
    order = [one for one, _ in others]
    order.insert(0 if is_first or not urgent else urgent[-1] + 1, placement)
    _number(session, order)


def _in_order(session: Session, programme_id: int) -> Sequence[Placement]:
    query = select(Placement).where(Placement.programme_id == programme_id)
    return session.exec(query.order_by(col(Placement.position), col(Placement.id))).all()


def _number(session: Session, order: Sequence[Placement]) -> None:
    for position, one in enumerate(order):
        one.position = position
        session.add(one)


def _retime(session: Session, bulletin: Bulletin, rival: Bulletin, *, is_first: bool, now: datetime) -> None:
    """Have its own broadcast begin just before the other's, or just after: the poles let one wait for the other."""
    its_own, others = _broadcast_of(session, bulletin), _broadcast_of(session, rival)
    if its_own is None or others is None or others.starts_at is None:
        raise Conflict("no-clash", "Không còn gì phải chọn thứ tự.")
    at = others.starts_at - _BESIDE if is_first else others.starts_at + _BESIDE
    if at <= now:
        raise Conflict("too-late", "Đã quá muộn để đổi thứ tự.")
    bulletin.airs_at = its_own.starts_at = at
    session.add(bulletin)
    session.add(its_own)
