"""What a node may send, and how it is read: unsigned, for the broker has let in only that node on that topic."""

from collections.abc import Mapping
from dataclasses import dataclass

from players.errors import MalformedMessage
from players.messages import AS_IT_WAS, Heartbeat, PlaybackReport, Presence, Rehearsed, TimeRequest

FromNode = PlaybackReport | Heartbeat | TimeRequest | Presence | Rehearsed

KINDS: Mapping[str, type[FromNode]] = {
    "presence": Presence,
    "time-request": TimeRequest,
    "reports": PlaybackReport,
    "heartbeat": Heartbeat,
    "rehearsed": Rehearsed,
}
"""By the last level of the topic."""
MAX_BYTES: Mapping[str, int] = {
    "presence": 1024,
    "time-request": 1024,
    "reports": 8 * 1024,
    "heartbeat": 600 * 1024,
    "rehearsed": 2 * 1024,
}
"""The largest message of each kind that a node has any reason to send."""


MESSAGES_A_SECOND = 20.0
BURST = 400
"""A pole that was away for days sends its reports at once; what is too much is not acknowledged and comes again."""


@dataclass(slots=True)
class Allowance:
    """How many messages one node may still send: a full bucket that fills again slowly.

    So one box gone mad, or in wrong hands, cannot keep the server from the others.
    """

    left: float = BURST
    at_s: float = 0.0
    is_told: bool = False

    def take(self, now_s: float) -> bool:
        """Whether one more message is allowed, at `now_s` of a monotonic clock."""
        self.left = min(self.left + max(now_s - self.at_s, 0.0) * MESSAGES_A_SECOND, BURST)
        self.at_s = now_s
        if self.left < 1:
            return False
        self.left -= 1
        self.is_told = self.is_told and self.left < BURST / 2
        return True

    def tell_once(self) -> bool:
        """Whether this is the moment to say that it sends too much: once, until it has calmed down."""
        was_told, self.is_told = self.is_told, True
        return not was_told


def read_from_node(node: str, kind: str, payload: bytes) -> FromNode:
    """Read a message that came on `nodes/<node>/<kind>`. An empty heartbeat says what a live `Presence` does.

    Raises:
        MalformedMessage: too large, not what belongs on this topic, or in another node's name.
    """
    if len(payload) > MAX_BYTES[kind]:
        raise MalformedMessage(f"{len(payload)} bytes, more than {MAX_BYTES[kind]}")
    if kind == "heartbeat" and payload == AS_IT_WAS:
        return Presence(node=node, online=True)
    message = KINDS[kind].from_json(payload)
    if not isinstance(message, TimeRequest) and message.node != node:
        raise MalformedMessage(f"{type(message).__name__} in the name of {message.node!r}")
    return message
