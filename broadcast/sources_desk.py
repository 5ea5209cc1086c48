"""Asks the sources that are due, and hands what they give to the inbox. The runner calls it."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial

from sqlalchemy import Engine

from broadcast.cap.desk import CapDesk
from broadcast.db import reading, session_of
from broadcast.errors import BroadcastError
from broadcast.inbox import is_known, note_bad, take_item
from broadcast.models import Source
from broadcast.sources import BadItem, Item, Parcel, SourceUnreachable, bad_name, read_item
from broadcast.sources_fetch import Patience
from broadcast.sources_kept import SecretFiles, Secrets, due_sources, open_source

log = logging.getLogger(__name__)


class SourceDesk:
    """Reads sources.

    Args:
        engine: The database.
        secrets: The sources' secrets.
        clock: The present.
        on_news: Called when something came that is to be aired, planned or shown.
        patience: How long an answer of a source of CAP messages may take.
    """

    def __init__(
        self,
        engine: Engine,
        secrets: SecretFiles,
        clock: Callable[[], datetime],
        on_news: Callable[[], None],
        patience: Patience | None = None,
    ) -> None:
        self._engine = engine
        self.secrets = secrets
        self._clock = clock
        self._on_news = on_news
        self._caps = CapDesk(engine, clock, on_news, patience)
        self._asking: dict[str, asyncio.Task[None]] = {}

    async def ask_due(self) -> None:
        """Begin to ask every source that is due: a slow one holds up none, the next time neither."""
        for source in await asyncio.to_thread(self._due):
            if source.slug not in self._asking:
                task = asyncio.create_task(self.ask(source), name=f"ask {source.slug}")
                self._asking[source.slug] = task
                task.add_done_callback(partial(self._asked, source.slug))

    def _asked(self, slug: str, _task: "asyncio.Task[None]") -> None:
        del self._asking[slug]

    async def stop(self) -> None:
        """Ask no more: what is half read is read again another time."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    async def ask(self, source: Source) -> None:
        """Ask one source, and note how that went."""
        problem = None
        try:
            secrets = await asyncio.to_thread(self.secrets.load, source.slug)
            if source.kind.is_cap:
                await self._caps.visit(source, secrets.token)
            else:
                await self._read(source, secrets)
        except SourceUnreachable as error:
            problem = str(error)[:500]
            log.warning("the source %s was not read: %s", source.slug, error)
        # One message that nobody foresaw must not end the asking, of this source and of all others.
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"[:500]
            log.exception("the source %s was not read", source.slug)
        await asyncio.to_thread(self._note, source, problem)

    async def _read(self, source: Source, secrets: Secrets) -> None:
        opened = open_source(source, secrets)
        for parcel in await opened.fetch():
            found = await asyncio.to_thread(self._take, source, parcel)
            await opened.settle(parcel, found)

    def _due(self) -> list[Source]:
        with reading(self._engine) as session:
            return due_sources(session, self._clock())

    def _take(self, source: Source, parcel: Parcel) -> str:
        """One item, in a unit of work of its own: what is bad about one harms no other. What is bad about it."""
        now, problem = self._clock(), parcel.problem
        try:
            if not problem:
                self._take_item(source, read_item(parcel.data), now)
                return ""
        except BadItem as error:
            problem = str(error)
        except BroadcastError as error:
            problem = error.message
        with session_of(self._engine) as session:
            note_bad(session, source, bad_name(parcel.data, parcel.name), f"{parcel.name}: {problem}", now)
        return problem

    def _take_item(self, source: Source, item: Item, now: datetime) -> None:
        # A feed lists the same items again and again: only what is new waits for its turn to write.
        with reading(self._engine) as session:
            if is_known(session, source, item):
                return
        with session_of(self._engine) as session:
            take_item(session, source, item, now)
        self._on_news()

    def _note(self, source: Source, problem: str | None) -> None:
        now = self._clock()
        with session_of(self._engine) as session:
            row = session.get(Source, source.id)
            if row is None:
                return  # taken away while it was asked
            row.asked_at, row.error = now, problem
            if problem is None:
                row.answered_at = now
            session.add(row)
