"""An emergency pole by pole, in the steps a person asks about: received, sounding, heard, silent."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlmodel import Session, and_, col, or_, select

from broadcast.lifecycle import COMING
from broadcast.models import (
    Broadcast,
    BroadcastState,
    BroadcastZone,
    Delivery,
    DeliveryState,
    EmergencyRepeat,
    IssuedOrder,
    Node,
    Zone,
)
from broadcast.views import BroadcastRow, DeliveryRow, broadcast_rows, delivery_rows
from players.messages import Urgency

SHOWN_FOR = timedelta(hours=3)
"""How long an emergency that is over stays on the button's page, and whom to call where nothing sounded."""
TAKEN_BACK = frozenset({BroadcastState.CUT, BroadcastState.CANCELLED})
_SHOWN_AT_MOST = 20


class PoleStep(StrEnum):
    """How far an emergency is at one pole."""

    SENDING = "sending"
    RECEIVED = "received"
    SOUNDING = "sounding"
    SOUNDED = "sounded"
    HEARD = "heard"
    STOPPED = "stopped"
    SILENT = "silent"
    """It did not sound there, or nothing is known of it."""
    OFFLINE = "offline"
    """The pole is out of reach: it will sound if it comes back in time."""


_STEPS = {
    DeliveryState.CUED: PoleStep.RECEIVED,
    DeliveryState.PLAYING: PoleStep.SOUNDING,
    DeliveryState.PLAYED: PoleStep.SOUNDED,
    DeliveryState.HEARD: PoleStep.HEARD,
    DeliveryState.CUT: PoleStep.STOPPED,
    DeliveryState.CANCELLED: PoleStep.STOPPED,
    DeliveryState.FAILED: PoleStep.SILENT,
    DeliveryState.MISSED: PoleStep.SILENT,
    DeliveryState.SILENT: PoleStep.SILENT,
}
_SUPPOSED = frozenset({DeliveryState.MISSED, DeliveryState.SILENT})
"""What the server concludes of a pole that said nothing."""


@dataclass(frozen=True, slots=True)
class PoleProgress:
    """One pole."""

    row: DeliveryRow
    step: PoleStep


@dataclass(frozen=True, slots=True)
class Progress:
    """An emergency and its poles, the silent ones first."""

    row: BroadcastRow
    is_drill: bool
    poles: Sequence[PoleProgress]

    @property
    def total(self) -> int:
        """How many poles it is for."""
        return len(self.poles)

    def count(self, *steps: PoleStep) -> int:
        """How many poles are at one of these steps."""
        return sum(pole.step in steps for pole in self.poles)

    @property
    def sounded(self) -> int:
        """At how many it sounds or has sounded whole."""
        return self.count(PoleStep.SOUNDING, PoleStep.SOUNDED, PoleStep.HEARD)

    def is_unheard(self, nodes: Collection[str]) -> bool:
        """Whether at none of these poles anything sounded or is about to: somebody must call by telephone."""
        return all(pole.step in _UNHEARD for pole in self.poles if pole.row.node in nodes)


_UNHEARD = (PoleStep.OFFLINE, PoleStep.SILENT)
_FIRST = (PoleStep.SILENT, PoleStep.OFFLINE, PoleStep.SENDING, PoleStep.RECEIVED)


def step_of(state: DeliveryState, *, was_received: bool, is_offline: bool, is_valid: bool) -> PoleStep:
    """How far it is at a pole, by what the pole said and whether it is there.

    While the order `is_valid`, a pole that is away is one that may still sound it, whatever was concluded of it.
    """
    if state in _SUPPOSED and is_offline and is_valid and not was_received:
        return PoleStep.OFFLINE
    if state is not DeliveryState.PENDING:
        return _STEPS[state]
    if was_received:
        return PoleStep.RECEIVED
    return PoleStep.OFFLINE if is_offline else PoleStep.SENDING


def progress_of(
    session: Session,
    broadcast: Broadcast,
    is_offline: Callable[[str], bool],
    now: datetime,
    only: Collection[str] | None = None,
) -> Progress:
    """An emergency at its poles.

    Args:
        session: a view of the database.
        broadcast: the emergency.
        is_offline: whether a pole, by slug, is out of reach.
        now: the present.
        only: the poles that are told, by slug; none: all.
    """
    query = select(Node.slug).join(Delivery).where(Delivery.broadcast_id == broadcast.id)
    received = set(session.exec(query.where(col(Delivery.received_at).is_not(None))))
    is_valid = _is_valid(session, broadcast, now)
    poles = [
        PoleProgress(
            row,
            step_of(row.state, was_received=row.node in received, is_offline=is_offline(row.node), is_valid=is_valid),
        )
        for row in delivery_rows(session, broadcast.id)
        if only is None or row.node in only
    ]
    poles.sort(key=lambda pole: pole.step not in _FIRST)
    return Progress(broadcast_rows(session, [broadcast])[0], broadcast.is_drill, poles)


def _is_valid(session: Session, broadcast: Broadcast, now: datetime) -> bool:
    """Whether a pole that comes back now still sounds it."""
    if broadcast.state in TAKEN_BACK:
        return False
    query = select(IssuedOrder.id).where(IssuedOrder.broadcast_id == broadcast.id, col(IssuedOrder.expires_at) > now)
    return session.exec(query.limit(1)).first() is not None


def recent_emergencies(session: Session, now: datetime, zone: str | None = None) -> list[Broadcast]:
    """What sounds, is to sound, is repeated or was raised of late, the newest first. `zone`: only what it hears.

    What is repeated stays until it is ended: it must be found to be ended.
    """
    is_open = col(Broadcast.state).in_({*COMING, BroadcastState.ON_AIR})
    query = select(Broadcast).where(
        and_(Broadcast.urgency == Urgency.EMERGENCY, or_(is_open, col(Broadcast.created_at) > now - SHOWN_FOR))
    )
    repeated = select(Broadcast).join(EmergencyRepeat).where(col(EmergencyRepeat.ended_at).is_(None))
    if zone is not None:
        ids = select(BroadcastZone.broadcast_id).join(Zone).where(Zone.slug == zone)
        query, repeated = (one.where(col(Broadcast.id).in_(ids)) for one in (query, repeated))
    recent = session.exec(query.order_by(col(Broadcast.created_at).desc(), col(Broadcast.id)).limit(_SHOWN_AT_MOST))
    found = {one.id: one for one in (*recent, *session.exec(repeated))}
    return sorted(found.values(), key=lambda one: (-one.created_at.timestamp(), one.id))
