"""What a node may send, and how it is read: unsigned, for the broker has let in only that node on that topic."""

from collections.abc import Mapping

from players.errors import MalformedMessage
from players.messages import Heartbeat, PlaybackReport, Presence, TimeRequest

FromNode = PlaybackReport | Heartbeat | TimeRequest | Presence

KINDS: Mapping[str, type[FromNode]] = {
    "presence": Presence,
    "time-request": TimeRequest,
    "reports": PlaybackReport,
    "heartbeat": Heartbeat,
}
"""By the last level of the topic."""
MAX_BYTES: Mapping[str, int] = {
    "presence": 1024,
    "time-request": 1024,
    "reports": 8 * 1024,
    "heartbeat": 600 * 1024,
}
"""The largest message of each kind that a node has any reason to send."""


def read_from_node(node: str, kind: str, payload: bytes) -> FromNode:
    """Read a message that came on `nodes/<node>/<kind>`.

    Raises:
        MalformedMessage: too large, not what belongs on this topic, or in another node's name.
    """
    if len(payload) > MAX_BYTES[kind]:
        raise MalformedMessage(f"{len(payload)} bytes, more than {MAX_BYTES[kind]}")
    message = KINDS[kind].from_json(payload)
    if not isinstance(message, TimeRequest) and message.node != node:
        raise MalformedMessage(f"{type(message).__name__} in the name of {message.node!r}")
    return message
