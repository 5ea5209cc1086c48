"""Tells pages when the presence of a node has changed, also when silence has changed it."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime

from players.messages import Heartbeat, Presence
from players.presence import NodePresence, PresenceBoard, PresenceState


class PresenceWatch:
    """Keeps a board, and calls `on_change` with each change that a page would show."""

    def __init__(self, board: PresenceBoard, clock: Callable[[], datetime], on_change: Callable[[], None]) -> None:
        self._board = board
        self._clock = clock
        self._on_change = on_change
        self._has_news = asyncio.Event()

    def heard(self, heartbeat: Heartbeat) -> None:
        """A node has proved that it is there."""
        now = self._clock()
        before = self._board.row_of(heartbeat.node, now)
        self._board.heard(heartbeat, now)
        if _shown(before) != _shown(self._board.row_of(heartbeat.node, now)):
            self._tell()

    def lives(self, node: str) -> None:
        """A node says that it is there and as it was."""
        now = self._clock()
        before = self._board.state_of(node, now)
        self._board.lives(node, now)
        if before is not self._board.state_of(node, now):
            self._tell()

    def hint(self, presence: Presence) -> None:
        """A node, or the broker for it, says that it came or went."""
        now = self._clock()
        before = self._board.state_of(presence.node, now)
        self._board.hint(presence, now)
        if before is not self._board.state_of(presence.node, now):
            self._tell()

    async def run(self) -> None:
        """Tell when silence makes a node late or offline: no message comes then. Until cancelled."""
        while True:
            self._has_news.clear()
            now = self._clock()
            before, due = self._board.snapshot(now), self._board.next_change_at(now)
            try:
                async with asyncio.timeout(None if due is None else (due - now).total_seconds()):
                    await self._has_news.wait()
            except TimeoutError:
                if _states(before) != _states(self._board.snapshot(self._clock())):
                    self._on_change()

    def _tell(self) -> None:
        self._has_news.set()
        self._on_change()


def _shown(row: NodePresence) -> tuple[object, ...]:
    """What a page shows of a node: a heartbeat that changes nothing of it is no news."""
    beat = row.heartbeat
    if beat is None:
        return (row.state,)
    is_clock_known = beat.clock_offset_ms is not None
    return row.state, beat.activity, beat.broadcast, beat.output, beat.output_error, beat.cued, is_clock_known


def _states(rows: Mapping[str, NodePresence]) -> dict[str, PresenceState]:
    return {node: row.state for node, row in rows.items()}
