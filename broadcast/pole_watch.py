"""Notices when poles come and go, and now and then how far off their clocks are."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Engine

from broadcast.db import reading, session_of
from broadcast.pole_history import SAMPLE_EVERY, last_states, news_of, note_clocks, note_presence
from players.presence import PresenceBoard, PresenceState

log = logging.getLogger(__name__)

LOOK_EVERY_S = 3.0


class PoleWatch:
    """Writes the history of poles. Two hundred that go at once are one transaction.

    Args:
        engine: The database.
        presence: What the poles say of themselves.
        clock: The present.
    """

    def __init__(self, engine: Engine, presence: PresenceBoard, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._presence = presence
        self._clock = clock
        self._known: dict[str, str] | None = None
        self._sampled_at: datetime | None = None

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            try:
                await asyncio.to_thread(self.look)
            # A full disk must not end the history for ever: the next look writes what is news then.
            except Exception:
                log.exception("the poles' history could not be written")
            await asyncio.sleep(LOOK_EVERY_S)

    def look(self) -> None:
        """Look once, and write what is news. In a worker thread."""
        now = self._clock()
        if self._known is None:
            with reading(self._engine) as session:
                self._known = last_states(session)
        snapshot = self._presence.snapshot(now)
        news = news_of(((slug, row.state.value) for slug, row in snapshot.items()), self._known)
        is_due = self._sampled_at is None or now - self._sampled_at >= SAMPLE_EVERY
        beats = [
            row.heartbeat
            for row in snapshot.values()
            if row.state is PresenceState.ONLINE and row.heartbeat is not None
        ]
        samples = beats if is_due else []
        if not news and not samples:
            return
        with session_of(self._engine) as session:
            note_presence(session, news, now)
            note_clocks(session, samples, now)
        self._known |= news
        self._sampled_at = now if samples else self._sampled_at
