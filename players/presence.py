"""Which nodes are there: judged by their heartbeats, kept in memory only."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from players.messages import Heartbeat, Presence

LATE_AFTER = timedelta(seconds=20)
OFFLINE_AFTER = timedelta(seconds=30)


class PresenceState(StrEnum):
    """How sure we are that a node is there."""

    ONLINE = "online"
    LATE = "late"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class NodePresence:
    """A node as it was heard last, at server time."""

    node: str
    state: PresenceState
    heartbeat: Heartbeat | None = None
    last_seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    heartbeat: Heartbeat | None
    seen_at: datetime | None
    has_left: bool = False
    """It, or the broker for it, said that it is gone. Only a hint: that makes it late, silence makes it offline."""
    beat_at: datetime | None = None
    """When its heartbeat came; it may have said since that it is as it was."""


class PresenceBoard:
    """The presence of all nodes.

    Args:
        late_after: A node is late when nothing was heard of it for this long.
        offline_after: And offline after this long.
    """

    def __init__(self, late_after: timedelta = LATE_AFTER, offline_after: timedelta = OFFLINE_AFTER) -> None:
        if not timedelta() < late_after < offline_after:
            raise ValueError("a node is late before it is offline")
        self._late_after = late_after
        self._offline_after = offline_after
        self._rows: dict[str, _Row] = {}

    @property
    def late_after(self) -> timedelta:
        """How long nothing was heard of a node that is late."""
        return self._late_after

    def heard(self, heartbeat: Heartbeat, now: datetime) -> None:
        """A node has proved that it is there."""
        self._rows[heartbeat.node] = _Row(heartbeat, now, beat_at=now)

    def lives(self, node: str, now: datetime) -> None:
        """A node says that it is there and as it was: so much proves it as its last heartbeat did."""
        row = self._rows.get(node, _Row(None, None))
        self._rows[node] = _Row(row.heartbeat, now, beat_at=row.beat_at)

    def hint(self, presence: Presence, now: datetime) -> None:
        """A node, or the broker for it, says that it came or went. Coming is not proved by that."""
        row = self._rows.get(presence.node, _Row(None, None))
        self._rows[presence.node] = replace(row, has_left=not presence.online)

    def forget(self, node: str) -> None:
        """A node that is no longer ours."""
        self._rows.pop(node, None)

    def state_of(self, node: str, now: datetime) -> PresenceState:
        """Whether a node is there."""
        return self.row_of(node, now).state

    def row_of(self, node: str, now: datetime) -> NodePresence:
        """A node as it was heard last; offline when it never was."""
        row = self._rows.get(node, _Row(None, None))
        return NodePresence(node, self._judge(row, now), row.heartbeat, row.seen_at)

    def snapshot(self, now: datetime) -> dict[str, NodePresence]:
        """All nodes that were ever heard."""
        return {node: self.row_of(node, now) for node in self._rows}

    def beats(self) -> dict[str, tuple[Heartbeat, datetime]]:
        """The last heartbeat of each node, and when it came."""
        rows = tuple(self._rows.items())
        return {node: (row.heartbeat, row.beat_at) for node, row in rows if row.heartbeat and row.beat_at}

    def _judge(self, row: _Row, now: datetime) -> PresenceState:
        if row.seen_at is None or now - row.seen_at >= self._offline_after:
            return PresenceState.OFFLINE
        if row.has_left or now - row.seen_at >= self._late_after:
            return PresenceState.LATE
        return PresenceState.ONLINE
