"""What a broadcast was, judged from its deliveries. Pure."""

from collections import Counter
from collections.abc import Iterable

from broadcast.lifecycle import OPEN_DELIVERIES, WhyNot
from broadcast.models import BroadcastState, Delivery, DeliveryState


def conclude(deliveries: Iterable[Delivery]) -> tuple[BroadcastState, str | None]:
    """Aired if one pole played it whole; else cut if one began; else missed, with the reason.

    Only what nodes reported makes `aired`. `nodes-silent` is provisional: a late report may still change it.
    """
    found = list(deliveries)
    states = Counter(delivery.state for delivery in found)
    if not found:
        return BroadcastState.MISSED, WhyNot.NO_NODES
    if states[DeliveryState.PLAYED] or states[DeliveryState.HEARD]:
        return BroadcastState.AIRED, None
    if states[DeliveryState.CUT]:
        reasons = Counter(delivery.reason for delivery in found if delivery.state is DeliveryState.CUT)
        return BroadcastState.CUT, reasons.most_common(1)[0][0]
    if states[DeliveryState.SILENT] or any(states[state] for state in OPEN_DELIVERIES):
        return BroadcastState.MISSED, WhyNot.NODES_SILENT
    return BroadcastState.MISSED, WhyNot.NO_NODE_PLAYED
