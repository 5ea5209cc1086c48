"""Tells pages when the presence of a node has changed, also when silence has changed it."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from players.messages import Heartbeat, Presence
from players.presence import NodePresence, PresenceBoard, PresenceState

LOOKS = 20
"""So often it is looked until a node is late, each second as a rule: hundreds of nodes heard at once cost one look."""


class PresenceWatch:
    """Keeps a board, and calls `on_change` with each change that a page would show."""

    def __init__(self, board: PresenceBoard, clock: Callable[[], datetime], on_change: Callable[[], None]) -> None:
        self._board = board
        self._clock = clock
        self._on_change = on_change
        self._told: dict[str, PresenceState] = {}

    def heard(self, heartbeat: Heartbeat) -> None:
        """A node has proved that it is there."""
        now = self._clock()
        before = self._board.row_of(heartbeat.node, now)
        self._board.heard(heartbeat, now)
        after = self._board.row_of(heartbeat.node, now)
        if _shown(before) != _shown(after):
            self._tell(after)

    def lives(self, node: str) -> None:
        """A node says that it is there and as it was."""
        now = self._clock()
        before = self._board.state_of(node, now)
        self._board.lives(node, now)
        after = self._board.row_of(node, now)
        if before is not after.state:
            self._tell(after)

    def hint(self, presence: Presence) -> None:
        """A node, or the broker for it, says that it came or went."""
        now = self._clock()
        before = self._board.state_of(presence.node, now)
        self._board.hint(presence, now)
        after = self._board.row_of(presence.node, now)
        if before is not after.state:
            self._tell(after)

    async def run(self) -> None:
        """Tell when silence makes a node late or offline: no message comes then. Until cancelled."""
        while True:
            await asyncio.sleep((self._board.late_after / LOOKS).total_seconds())
            states = {node: row.state for node, row in self._board.snapshot(self._clock()).items()}
            if states != self._told:
                self._told = states
                self._on_change()

    def _tell(self, row: NodePresence) -> None:
        self._told[row.node] = row.state
        self._on_change()


def _shown(row: NodePresence) -> tuple[object, ...]:
    """What a page shows of a node: a heartbeat that changes nothing of it is no news."""
    beat = row.heartbeat
    if beat is None:
        return (row.state,)
    is_clock_known = beat.clock_offset_ms is not None
    return row.state, beat.activity, beat.broadcast, beat.output, beat.output_error, beat.cued, is_clock_known
