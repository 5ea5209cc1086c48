"""Orders that were given at a pole without the server: whose are obeyed, and what they start or stop. Pure.

Everything is judged by the zone's signed pack, at the pole where the order was given and at each neighbour by itself.
"""

from dataclasses import replace
from datetime import timedelta

from players.errors import Distrusted
from players.messages import (
    CuedBroadcast,
    LocalOrder,
    OfflineCard,
    Outcome,
    PreparedMessage,
    PreparedPack,
    Reason,
    Stop,
    Urgency,
)
from players.node.clock import Instant
from players.node.events import LocalCame, Refuse, Spread
from players.node.obeying import FUTURE, accepted, stopped_by_name
from players.node.state import NodeState, Origin, Step, Track, finished

LOCAL_VALID = timedelta(minutes=15)
"""A neighbour whose power comes back within this still hears it; no order is obeyed that would be valid for longer."""
START_LEAD = timedelta(milliseconds=500)
"""From the press to the first sample: the neighbours hear of it meanwhile, and who is later skips some of the chime."""


def key_of(state: NodeState, order: LocalOrder) -> str:
    """`x` of the only key that may have signed an order, by the zone's pack.

    Raises:
        Distrusted: the pack knows no such card or pole.
    """
    pack = state.packs.get(order.zone)
    if pack is None or order.zone not in state.zones or order.commune != state.commune:
        raise Distrusted(f"a local order for {order.commune}/{order.zone}, which is not ours")
    if order.card is not None:
        card = card_of(pack, order.card)
        if card is None:
            raise Distrusted(f"card {order.card} is not known here")
        return card.key
    key = next((one.key for one in pack.poles if one.pole == order.pole), None)
    if key is None:
        raise Distrusted(f"{order.pole} is no pole of {order.zone}")
    return key


def card_of(pack: PreparedPack, number: int) -> OfflineCard | None:
    """The card of that number."""
    return next((card for card in pack.cards if card.number == number), None)


def take_local(state: NodeState, event: LocalCame, now: Instant) -> Step:
    """An order, once, while it is fresh; where it was given it also goes out to the neighbours.

    There it is obeyed without a confirmed time: who presses stands before the pole. A neighbour that does not know the
    time cannot tell a fresh order from a recorded one, and does not obey.
    """
    order = event.order
    if order.order in state.orders:
        return state, ()
    if not event.is_here:
        why = _why_stale(order, now)
        if why is not None:
            return state, (Refuse(f"local order from {order.pole}", why),)
    state = replace(state, orders={**state.orders, order.order: order.expires_at})
    message = message_of(state.packs[order.zone], order.message)
    why = why_not(state, order, now)
    if why is not None:
        return _refused(state, event, message, why, now)
    spread = (Spread(event.signed),) if event.is_here else ()
    if message is None:
        state, actions = stopped_by_name(state, _stop_of(order), now)
    else:
        state, actions = accepted(state, _track(event, message), now)
    return state, (*spread, *actions)


def why_not(state: NodeState, order: LocalOrder, now: Instant) -> str | None:
    """Why the zone's pack does not allow an order; none when it does."""
    pack = state.packs[order.zone]
    if order.card is not None:
        card = card_of(pack, order.card)
        why = "is not known here" if card is None else why_card_not(card, now)
        if why is not None:
            return f"card {order.card} {why}"
    elif order.kind != "start" or order.message != pack.button:
        return "the button is not for that"
    if order.expires_at - order.issued_at > LOCAL_VALID:
        return "it would be valid for too long"
    known = state.tracks.get(order.broadcast)
    if order.kind == "stop":
        return None if known is not None and known.local_order is not None else "that was not started at a pole"
    if message_of(pack, order.message) is None:
        return f"there is no message {order.message!r} here"
    return None if known is None else "that name is taken"


def why_card_not(card: OfflineCard, now: Instant) -> str | None:
    """Why a card does not count; none when it does."""
    if card.revoked:
        return "was revoked"
    if now.at >= card.valid_until:
        return "has expired"
    # A board without the time may live in the past: its holder stands before it.
    return "is not valid yet" if now.trusted and now.at < card.valid_from else None


def message_of(pack: PreparedPack, key: str | None) -> PreparedMessage | None:
    """The prepared message of that key."""
    return next((message for message in pack.messages if message.key == key), None)


def _why_stale(order: LocalOrder, now: Instant) -> str | None:
    if not now.trusted:
        return "the time is not known here"
    if order.issued_at > now.at + FUTURE:
        return "issued in the future"
    return "expired" if order.expires_at <= now.at else None


def _refused(state: NodeState, event: LocalCame, message: PreparedMessage | None, why: str, now: Instant) -> Step:
    """Not obeyed. The pole where it was given keeps a report of it for the server."""
    refusal = Refuse(f"local order from {event.order.pole}", why)
    if not event.is_here or message is None or event.order.broadcast in state.tracks:
        return state, (refusal,)
    track = _track(event, message)
    state, final = finished(state, track, Outcome.MISSED, now, reason=Reason.REFUSED, detail=why)
    return state, (refusal, *final)


def _stop_of(order: LocalOrder) -> Stop:
    return Stop(
        order=order.order,
        commune=order.commune,
        issued_at=order.issued_at,
        expires_at=order.expires_at,
        broadcast=order.broadcast,
    )


def _track(event: LocalCame, message: PreparedMessage) -> Track:
    order = event.order
    item = CuedBroadcast(
        broadcast=order.broadcast,
        urgency=Urgency.EMERGENCY,
        starts_at=order.issued_at + START_LEAD,
        clips=message.clips,
        severity=message.severity,
        lead_ms=message.clips[0].duration_ms if len(message.clips) > 1 else 0,
        join_within_ms=round((order.expires_at - order.issued_at) / timedelta(milliseconds=1)),
    )
    return Track(item, Origin.ORDER, expires_at=order.expires_at, local_order=event.signed)
