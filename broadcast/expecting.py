"""What may still sound, and where: a broadcast is over when nothing of it is expected any more at any pole."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy
from sqlmodel import Session, col

from broadcast.lifecycle import OPEN_DELIVERIES, is_taken_back
from broadcast.models import Broadcast, Delivery, DeliveryState, Node, TimetableEntry
from players.messages import Heartbeat, NodeActivity

GRACE = timedelta(seconds=10)
"""After its end a broadcast waits this long for the poles' last reports."""
SPOKEN_WITHIN = timedelta(minutes=5)
"""An emergency that began before all of it was spoken is over by then, whatever became of its words."""
QUEUED_AT_MOST = timedelta(hours=1)
"""A pole begins what had to wait there for others no later than this (`players.node.airing.QUEUE_PATIENCE`)."""


class Place(NamedTuple):
    """One broadcast at one pole that has not had its last word."""

    broadcast_id: str
    delivery_id: int
    state: DeliveryState
    started_at: datetime | None
    reported_at: datetime | None
    node: str
    resume_within_minutes: int | None


def lasts(broadcast: Broadcast) -> timedelta:
    """How long it sounds, or may while that is not known."""
    return SPOKEN_WITHIN if broadcast.duration_ms is None else timedelta(milliseconds=broadcast.duration_ms)


def latest_begin(broadcast: Broadcast) -> datetime | None:
    """No pole begins it after this: it waited its turn, or its entry lets it be late."""
    if broadcast.starts_at is None:
        return None
    return max(broadcast.starts_at + QUEUED_AT_MOST, broadcast.late_until or broadcast.starts_at)


def latest_end(broadcast: Broadcast, resume_within: timedelta = timedelta()) -> datetime | None:
    """Nothing of it sounds after this; `resume_within` is how long after it was broken off it may go on."""
    begin = latest_begin(broadcast)
    return None if begin is None else begin + lasts(broadcast) + max(resume_within, lasts(broadcast)) + GRACE


def began_at(at_pole: Delivery | Place) -> datetime | None:
    """When it began at a pole. A pole whose clock is ahead does not keep us waiting: it had begun when it said so."""
    if at_pole.started_at is None:
        return None
    return min(at_pole.started_at, at_pole.reported_at or at_pole.started_at)


def sounds_still(broadcast: Broadcast, at_pole: Delivery | Place, now: datetime) -> bool:
    """Whether what a pole has begun may still sound there, if nothing breaks it off."""
    began = began_at(at_pole)
    return began is not None and now < began + lasts(broadcast) + GRACE


def open_places(
    session: Session, broadcasts: Sequence[Broadcast], beats: Mapping[str, Heartbeat], now: datetime
) -> dict[str, dict[int, bool]]:
    """The deliveries of broadcasts that have not had their last word, by key, each with whether more may come of it.

    One statement for all of them: a broadcast may wait for an hour, and is looked at every two seconds.

    Args:
        session: for reading.
        broadcasts: whose time is over.
        beats: what the poles that are there say of themselves, by pole.
        now: the present.
    """
    found: dict[str, dict[int, bool]] = {broadcast.id: {} for broadcast in broadcasts}
    by_id = {broadcast.id: broadcast for broadcast in broadcasts}
    for place in _places(session, list(by_id)) if by_id else ():
        is_expected = _is_expected(by_id[place.broadcast_id], place, beats.get(place.node), now)
        found[place.broadcast_id][place.delivery_id] = is_expected
    return found


def _places(session: Session, broadcast_ids: Sequence[str]) -> list[Place]:
    columns = (Delivery.broadcast_id, Delivery.id, Delivery.state, Delivery.started_at, Delivery.reported_at)
    query = sqlalchemy.select(*columns, Node.slug, TimetableEntry.resume_within_minutes)  # type: ignore[call-overload]
    query = query.join(Node, col(Node.id) == col(Delivery.node_id))
    query = query.join(Broadcast, col(Broadcast.id) == col(Delivery.broadcast_id))
    query = query.outerjoin(TimetableEntry, col(TimetableEntry.id) == col(Broadcast.entry_id))
    is_open = (col(Delivery.broadcast_id).in_(broadcast_ids), col(Delivery.state).in_(OPEN_DELIVERIES))
    return [Place(*row) for row in session.execute(query.where(*is_open))]


def _is_expected(broadcast: Broadcast, place: Place, beat: Heartbeat | None, now: datetime) -> bool:
    """Whether the pole sounds it by its own last word, or says now that it does or that it waits for its turn."""
    if is_taken_back(broadcast.state, broadcast.reason):
        return False
    if place.state is DeliveryState.PLAYING and sounds_still(broadcast, place, now):
        return True
    last = latest_end(broadcast, timedelta(minutes=place.resume_within_minutes or 0))
    return beat is not None and last is not None and now < last and _names(beat, broadcast.id)


def _names(beat: Heartbeat, broadcast_id: str) -> bool:
    """Whether a pole plays it, or is to. One that does not know the time may wait for ever."""
    is_playing = beat.activity is NodeActivity.PLAYING and beat.broadcast == broadcast_id
    return is_playing or (beat.clock_trusted and broadcast_id in beat.cued)
