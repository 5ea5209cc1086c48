"""A bulletin that is withdrawn while it sounds: what is taken back is not to be heard any more."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, or_, select

from broadcast.airings import renderings_of
from broadcast.audit import record
from broadcast.bulletin_parts import said_of
from broadcast.expecting import began_at, latest_begin
from broadcast.lifecycle import COMING, OPEN_DELIVERIES, WhyNot, is_taken_back, may_move, move
from broadcast.models import (
    Broadcast,
    BroadcastState,
    Bulletin,
    Clip,
    Delivery,
    DeliveryState,
    Node,
    Rendering,
    TimetableEntry,
    User,
)
from broadcast.orders import issue_stop, void_orders
from broadcast.relays import relays_of, starts_of

LATE_POLES = timedelta(minutes=1)
"""A pole that joined late, or waited for its output, may be so far behind."""
_RECENT = timedelta(days=1)
_MAY_SOUND = OPEN_DELIVERIES | {DeliveryState.SILENT}
_Pole = tuple[Delivery, Node]


def silence_withdrawn(session: Session, bulletin: Bulletin, user: User, now: datetime) -> list[str]:
    """Stop every broadcast that is saying the bulletin somewhere, or has it still to say; their ids.

    A programme is stopped as a whole: a pole cannot leave out a part of what it plays. Poles that have said the
    bulletin already go on, while those that have not are stopped; so does a broadcast in which nobody has it to say.
    """
    said = said_of(session, bulletin)
    stopped = []
    for broadcast in _sounding(session, now):
        until = _says_until(session, broadcast, said)
        poles = _poles(session, broadcast) if until else []
        late = [node.slug for delivery, node in poles if _may_say(broadcast, delivery, until, now)]
        if not late:
            continue
        begins_anew = broadcast.late_until is not None and now < broadcast.late_until
        if len(late) == len(poles) or begins_anew:
            _stop_all(session, broadcast, user, now)
        else:
            issue_stop(session, broadcast, now, late)
        record(session, now, user.username, "stop-broadcast", broadcast.id, {"withdrawn": bulletin.id, "poles": late})
        stopped.append(broadcast.id)
    return stopped


def _sounding(session: Session, now: datetime) -> list[Broadcast]:
    """What may sound somewhere: also where it waited for its turn, though the server had given it up."""
    has_open = select(Delivery.broadcast_id).where(col(Delivery.state).in_(_MAY_SOUND))
    may_sound = or_(Broadcast.state == BroadcastState.ON_AIR, col(Broadcast.id).in_(has_open))
    query = select(Broadcast).where(
        may_sound, col(Broadcast.state).not_in(COMING), col(Broadcast.starts_at) > now - _RECENT
    )
    found = session.exec(query.order_by(col(Broadcast.id))).all()
    return [broadcast for broadcast in found if not is_taken_back(broadcast.state, broadcast.reason)]


def _poles(session: Session, broadcast: Broadcast) -> list[_Pole]:
    """The poles that have not had their last word of it, and could sound it."""
    query = select(Delivery, Node).join(Node, col(Node.id) == col(Delivery.node_id))
    query = query.where(col(Node.paired_at).is_not(None), col(Node.revoked_at).is_(None))
    of_it = query.where(Delivery.broadcast_id == broadcast.id, col(Delivery.state).in_(_MAY_SOUND))
    return list(session.exec(of_it.order_by(col(Node.slug))).all())


def _says_until(session: Session, broadcast: Broadcast, said: str) -> timedelta:
    """How long after its beginning at a pole it may still be saying a text; nothing when it does not say it at all.

    It may have been broken off there, and gone on.
    """
    renderings = renderings_of(session, broadcast.id)
    places = [place for place, rendering in enumerate(renderings) if rendering.script == said]
    if not places:
        return timedelta()
    relays = relays_of(session, [broadcast.id]).get(broadcast.id, ())
    before = [relay for relay in relays if relay.after_parts <= places[-1]]
    _, ends_ms = starts_of(before, _lengths_ms(session, renderings[: places[-1] + 1]))
    entry = session.get(TimetableEntry, broadcast.entry_id) if broadcast.entry_id is not None else None
    broken_off = timedelta(minutes=entry.resume_within_minutes if entry is not None else 0)
    return timedelta(milliseconds=ends_ms) + LATE_POLES + broken_off


def _may_say(broadcast: Broadcast, delivery: Delivery, until: timedelta, now: datetime) -> bool:
    """Whether a pole may be saying it, or say it later: where nothing has begun it may be waiting for its turn."""
    began = began_at(delivery) if delivery.state is DeliveryState.PLAYING else latest_begin(broadcast)
    return began is not None and now < began + until


def _stop_all(session: Session, broadcast: Broadcast, user: User, now: datetime) -> None:
    if may_move(broadcast.state, BroadcastState.CUT):
        move(broadcast, BroadcastState.CUT, WhyNot.BULLETIN_WITHDRAWN)
        broadcast.ended_at, broadcast.changed_by_id = now, user.id
        session.add(broadcast)
    void_orders(session, broadcast.id, now)
    issue_stop(session, broadcast, now)


def _lengths_ms(session: Session, renderings: Sequence[Rendering]) -> list[int]:
    clips = [session.get(Clip, one.clip_sha256) if one.clip_sha256 else None for one in renderings]
    return [0 if clip is None else clip.duration_ms for clip in clips]
