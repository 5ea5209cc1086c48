"""Makes the check of the morning at its hour, and whenever somebody asks for it."""

import asyncio
import logging
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from threading import Lock

from sqlalchemy import Engine

from broadcast.communes import get_commune, local_zone
from broadcast.db import reading, session_of
from broadcast.models import row_id
from broadcast.morning import MorningResult, due_on
from broadcast.morning_checks import asked_checks, days_checked, make_check, store_check
from players.presence import PresenceBoard

log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0
POLES_HEARD_WITHIN = timedelta(seconds=45)
"""After the server has started: before, every pole would seem silent."""


class MorningWatch:
    """Checks mornings.

    Args:
        engine: The database.
        presence: What the poles say of themselves.
        voice_trouble: Why the commune's voice cannot speak now; empty when it can.
        at: When the morning is checked by itself, in the commune's time.
        until: The end of the morning.
        clock: The present.
        on_change: Told when there is a new result.
    """

    def __init__(
        self,
        engine: Engine,
        presence: PresenceBoard,
        voice_trouble: Callable[[], str],
        at: time,
        until: time,
        clock: Callable[[], datetime],
        on_change: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._presence = presence
        self._voice_trouble = voice_trouble
        self._at, self._until = at, until
        self._clock = clock
        self._on_change = on_change
        self._began_at = clock()
        self._checking = Lock()
        """One check at a time: the last that is kept is the last that looked."""

    async def run(self) -> None:
        """Check when it is due, until cancelled."""
        while True:
            try:
                await self.look()
            # A morning that cannot be checked now is checked with the next look, as long as it is morning.
            except Exception:
                log.exception("the morning could not be checked")
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Make the check that is due, if one is."""
        if await asyncio.to_thread(self._look):
            self._on_change()

    def check_now(self) -> MorningResult:
        """Check, and keep what is found. In a worker thread."""
        return self._check()

    def _look(self) -> bool:
        now = self._clock()
        with reading(self._engine) as session:
            asked = [row_id(row.id) for row in asked_checks(session, now)]
            zone, checked = local_zone(get_commune(session)), days_checked(session)
        may_judge = not timedelta() <= now - self._began_at < POLES_HEARD_WITHIN
        on = due_on(now, zone, self._at, self._until, checked) if may_judge else None
        if asked:
            self._check(asked)
        if on is not None:
            self._check(scheduled_on=on)
        return bool(asked) or on is not None

    def _check(self, asked: list[int] | None = None, scheduled_on: date | None = None) -> MorningResult:
        with self._checking:
            now = self._clock()
            with reading(self._engine) as session:
                result = make_check(session, self._presence, self._voice_trouble(), self._until, now)
            with session_of(self._engine) as session:
                store_check(session, result, now, asked or (), scheduled_on)
        return result
