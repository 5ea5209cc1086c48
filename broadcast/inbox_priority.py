"""Items of priority: put in by themselves, before what has time. Where the commune has one of its own, it is asked.

Until somebody has decided, the commune's own is said first. What the commune has after the item: `broadcast.clashes`.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlmodel import Session, col, select

from broadcast.audit import record
from broadcast.bulletins import pass_bulletin, submit_bulletin, write_bulletin
from broadcast.clashes import CLASHES_WITHIN, arrange, is_own, shares_village
from broadcast.communes import get_commune, local_zone
from broadcast.errors import Conflict, NotFound
from broadcast.hours import load_hours
from broadcast.lifecycle import COMING
from broadcast.models import (
    Broadcast,
    Bulletin,
    BulletinState,
    ClashOrder,
    ItemState,
    Source,
    SourceItem,
    User,
)
from broadcast.permissions import Action, require
from broadcast.placements import PLACED_FOR, Campaign, place_campaign, placements_on
from broadcast.zones import list_zones
from players.messages import Urgency

LEAD = timedelta(minutes=2)
"""What airs by itself without approval begins so much later: its sound has to be made."""
_OPENS_WITHIN = timedelta(days=15)
"""So far ahead the next open hour is looked for: two weeks hold every day of the week, also beside days of mourning."""


def put_in(session: Session, source: Source, row: SourceItem, now: datetime) -> None:
    """Make a bulletin of an item of priority, and put it where its source's setting says.

    Raises:
        NotAllowed: the officer in whose name it is written may write no more.
        Conflict, InvalidInput: the programme is full, or a text cannot be used.
    """
    officer = session.get_one(User, source.officer_id)
    is_alone = source.programme_id is None
    airs_at = _next_open(session, now + LEAD) if is_alone and not source.needs_approval else None
    bulletin = write_bulletin(
        session,
        officer,
        title=row.title,
        script=row.text,
        zones=row.zones or [zone.slug for zone in list_zones(session)],
        urgency=Urgency.PRIORITY,
        airs_at=airs_at,
        airs_now=is_alone and source.needs_approval,
        now=now,
    )
    row.bulletin_id, row.state = bulletin.id, ItemState.PUT_IN
    session.add(row)
    days = _days(session, row, now)
    if source.programme_id is not None:
        campaign = Campaign(programmes=[source.programme_id], from_on=days[0], until_on=days[-1])
        place_campaign(session, bulletin, campaign, now, officer.username)
    submit_bulletin(session, bulletin.id, officer, now)
    if not source.needs_approval:
        pass_bulletin(session, bulletin, source.slug, now)
    rival = (
        _rival_in(session, source, bulletin, days) if source.programme_id is not None else _rival_at(session, bulletin)
    )
    if rival is not None:
        row.rival_id, row.order = rival.id, ClashOrder.ASKED
    arrange(session, bulletin, rival, is_first=False, now=now)


def clashes(session: Session) -> list[tuple[SourceItem, Bulletin, Bulletin]]:
    """Items whose order a person may still choose, each with its bulletin and the commune's own."""
    query = select(SourceItem).where(SourceItem.state == ItemState.PUT_IN, col(SourceItem.rival_id).is_not(None))
    found = []
    for row in session.exec(query.order_by(col(SourceItem.received_at).desc())).all():
        ours = session.get_one(Bulletin, row.bulletin_id or "")
        rival = session.get_one(Bulletin, row.rival_id or "")
        if BulletinState.WITHDRAWN not in {ours.state, rival.state}:
            found.append((row, ours, rival))
    return found


def decide_order(session: Session, item_id: int, order: ClashOrder, user: User, now: datetime) -> SourceItem:
    """Say which of the two comes first.

    Raises:
        NotFound, NotAllowed: there is no such item, or the user writes no bulletins.
        Conflict: there is nothing to be decided any more.
    """
    require(user, Action.WRITE_BULLETIN)
    row = session.get(SourceItem, item_id)
    if row is None:
        raise NotFound("no-item", "Không có tin này trong hộp thư.")
    if order is ClashOrder.ASKED or row.id not in {one.id for one, _, _ in clashes(session)}:
        raise Conflict("no-clash", "Không còn gì phải chọn thứ tự.")
    row.order, row.decided_by_id = order, user.id
    session.add(row)
    bulletin, rival = session.get_one(Bulletin, row.bulletin_id or ""), session.get_one(Bulletin, row.rival_id or "")
    arrange(session, bulletin, rival, is_first=order is ClashOrder.SOURCE_FIRST, now=now)
    said = {"item": row.item, "bulletin": bulletin.id, "own": rival.id, "order": order.value}
    record(session, now, user.username, "order-clash", str(row.id), said)
    return row


def _days(session: Session, row: SourceItem, now: datetime) -> list[date]:
    """The days on which it is said: a few, and none after its expiry."""
    zone = local_zone(get_commune(session))
    today = now.astimezone(zone).date()
    last = today + PLACED_FOR - timedelta(days=1)
    if row.expires_at is not None:
        last = max(today, min(last, row.expires_at.astimezone(zone).date()))
    return [today + timedelta(days=n) for n in range((last - today).days + 1)]


def _next_open(session: Session, at: datetime) -> datetime:
    """The instant, or when the commune's horns may sound again after it; days of mourning are passed over."""
    hours = load_hours(session)
    today = at.astimezone(hours.zone).date()
    days = [today + timedelta(days=n) for n in range(_OPENS_WITHIN.days)]
    opens = [datetime.combine(day, window.opens, hours.zone) for day in days for window in hours.windows]
    candidates = [at, *sorted(one for one in opens if one > at)]
    found = next((one for one in candidates if hours.why_closed(one) is None), None)
    if found is None:
        raise Conflict("quiet-hours", "Xã chưa cho phép phát giờ nào.")
    return found.astimezone(at.tzinfo)


def _rival_in(session: Session, source: Source, bulletin: Bulletin, days: Sequence[date]) -> Bulletin | None:
    """The commune's own bulletin of priority in the same programme on one of these days."""
    waits = {BulletinState.SUBMITTED, BulletinState.APPROVED}
    for on in days:
        for other in (one.bulletin for one in placements_on(session, source.programme_id or 0, on)):
            is_rival = other.id != bulletin.id and other.urgency is Urgency.PRIORITY and other.state in waits
            if is_rival and is_own(session, other) and shares_village(session, bulletin, other):
                return other
    return None


def _rival_at(session: Session, bulletin: Bulletin) -> Bulletin | None:
    """The commune's own bulletin of priority that airs by itself at about the same time."""
    if bulletin.airs_at is None:
        return None
    query = select(Bulletin).join(Broadcast, col(Broadcast.bulletin_id) == col(Bulletin.id))
    query = query.where(
        Bulletin.id != bulletin.id,
        Bulletin.urgency == Urgency.PRIORITY,
        col(Broadcast.state).in_(COMING),
        col(Broadcast.starts_at) >= bulletin.airs_at - CLASHES_WITHIN,
        col(Broadcast.starts_at) <= bulletin.airs_at + CLASHES_WITHIN,
    )
    others = session.exec(query.order_by(col(Broadcast.starts_at))).all()
    return next((one for one in others if is_own(session, one) and shares_village(session, bulletin, one)), None)
