"""Looks at the server's clock, beside what its poles know of the time, and writes down the last instant seen."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Engine

from broadcast.db import reading, session_of
from broadcast.server_clock import ServerClock, has_emergency, keep_seen
from players.presence import PresenceBoard

log = logging.getLogger(__name__)
LOOK_EVERY_S = 2.0


class ClockWatch:
    """Looks for as long as it runs.

    Args:
        engine: the database.
        clock: is told what poles say.
        presence: what was heard of poles.
        on_change: called on the loop when the clock is believed no more, or again.
    """

    def __init__(
        self, engine: Engine, clock: ServerClock, presence: PresenceBoard, on_change: Callable[[], None]
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._presence = presence
        self._on_change = on_change
        self._heeded: dict[str, datetime] = {}

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            before = self._clock.state
            await asyncio.to_thread(self.look)
            if self._clock.state is not before:
                log.warning("the clock is %s (%s)", self._clock.state, self._clock())
                self._on_change()
            await asyncio.sleep(LOOK_EVERY_S)

    def look(self) -> None:
        """Look once. In a worker thread."""
        is_pressing = False
        if self._clock.is_held:
            with reading(self._engine) as session:
                is_pressing = has_emergency(session)
        seen = self._clock.look(self._aheads(), is_pressing=is_pressing)
        if seen is not None:
            with session_of(self._engine) as session:
                keep_seen(session, seen)

    def _aheads(self) -> list[timedelta]:
        """By how much poles that know the time were ahead of us; each heartbeat counts once."""
        found = []
        for node, (beat, heard_at) in self._presence.beats().items():
            if self._heeded.get(node) != beat.at and beat.clock_trusted and beat.clock_offset_ms is not None:
                found.append(beat.at - heard_at)
            self._heeded[node] = beat.at
        return found
