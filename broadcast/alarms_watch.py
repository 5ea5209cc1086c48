"""Looks around every two seconds, and writes down which alarms open and end."""

import asyncio
import logging
from collections.abc import Callable, Collection
from datetime import datetime

from sqlalchemy import Engine
from sqlmodel import Session

from broadcast.alarm_rules import Judgement, Key, Look, Watched, judge
from broadcast.alarms import apply_judgement, is_news, open_alarms
from broadcast.db import reading, session_of
from broadcast.models import NoticeChannel

log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0
LookAround = Callable[[Session, Collection[Key], datetime], Look]


class AlarmWatch:
    """Keeps the alarms.

    Args:
        engine: The database.
        look_around: What is wrong now; given a view of the database, the alarms that are not over, and the present.
            Called in a thread, never twice at once.
        channels: Whom to tell.
        clock: The present.
        on_change: Told when an alarm has opened or ended.
    """

    def __init__(
        self,
        engine: Engine,
        look_around: LookAround,
        channels: Collection[NoticeChannel],
        clock: Callable[[], datetime],
        on_change: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._look_around = look_around
        self._channels = channels
        self._clock = clock
        self._on_change = on_change
        self._watched = Watched()
        self._looking = asyncio.Lock()

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            try:
                await self.look()
            # One thing that we did not foresee (a full disk too) must not end all alarms: the next look comes.
            except Exception:
                log.exception("the alarms could not be looked at")
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Look once."""
        async with self._looking:
            has_changed = await asyncio.to_thread(self._look)
        if has_changed:
            self._on_change()

    def _look(self) -> bool:
        now = self._clock()
        with reading(self._engine) as session:
            known = open_alarms(session)
            look = self._look_around(session, known.keys(), now)
            judgement = judge(look, known.keys(), self._watched, now)
            has_news = is_news(judgement, known, now)
        has_changed = has_news and self._write(judgement, now)
        self._watched = judgement.watched
        return has_changed

    def _write(self, judgement: Judgement, now: datetime) -> bool:
        with session_of(self._engine) as session:
            return apply_judgement(session, judgement, self._channels, now)
