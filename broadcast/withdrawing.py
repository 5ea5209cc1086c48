"""A bulletin that is withdrawn while it sounds: what is taken back is not to be heard any more."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from broadcast.airings import renderings_of
from broadcast.audit import record
from broadcast.bulletin_parts import said_of
from broadcast.lifecycle import WhyNot, move
from broadcast.models import Broadcast, BroadcastState, Bulletin, Clip, Rendering, User
from broadcast.orders import issue_stop, void_orders

LATE_POLES = timedelta(minutes=1)
"""A pole that joined late, or waited for its output, may be so far behind."""


def silence_withdrawn(session: Session, bulletin: Bulletin, user: User, now: datetime) -> list[str]:
    """Stop every broadcast on the air that is saying the bulletin, or has it still to say; their ids.

    A programme is stopped as a whole: a pole cannot leave out a part of what it plays. One that has said the bulletin
    already goes on.
    """
    said = said_of(session, bulletin)
    on_air = select(Broadcast).where(Broadcast.state == BroadcastState.ON_AIR).order_by(col(Broadcast.id))
    stopped = []
    for broadcast in session.exec(on_air).all():
        if broadcast.starts_at is None or now >= broadcast.starts_at + _says_until(session, broadcast, said):
            continue
        move(broadcast, BroadcastState.CUT, WhyNot.BULLETIN_WITHDRAWN)
        broadcast.ended_at, broadcast.changed_by_id = now, user.id
        session.add(broadcast)
        void_orders(session, broadcast.id, now)
        issue_stop(session, broadcast, now)
        record(session, now, user.username, "stop-broadcast", broadcast.id, {"withdrawn": bulletin.id})
        stopped.append(broadcast.id)
    return stopped


def _says_until(session: Session, broadcast: Broadcast, said: str) -> timedelta:
    """How long after its beginning a broadcast may still be saying a text; nothing when it does not say it at all."""
    renderings = renderings_of(session, broadcast.id)
    places = [place for place, rendering in enumerate(renderings) if rendering.script == said]
    return _length(session, renderings[: places[-1] + 1]) + LATE_POLES if places else timedelta()


def _length(session: Session, renderings: Sequence[Rendering]) -> timedelta:
    clips = [session.get(Clip, one.clip_sha256) for one in renderings if one.clip_sha256]
    return timedelta(milliseconds=sum(clip.duration_ms for clip in clips if clip is not None))
