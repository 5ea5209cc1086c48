"""Upper radios that are being relayed: each is fetched once for the commune, shortly before it is due."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from broadcast.airings import clips_of_each
from broadcast.db import reading, session_of
from broadcast.models import Broadcast, BroadcastRelay, BroadcastState
from broadcast.relay_source import Channel, RelayFailed, Trouble, relay_radio
from broadcast.relays import note_failure, relays_of, starts_of

log = logging.getLogger(__name__)

AHEAD = timedelta(seconds=12)
"""A radio is fetched so long before its instant."""
COMES_WITHIN_S = 4.0
"""A pole that asks waits so long for a radio that is not there yet."""
_LOOK_EVERY_S = 2.0
_TRY_AGAIN_AFTER = timedelta(seconds=3)
_AT_ITS_END = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Due:
    """A relay that is to be heard now or soon."""

    broadcast: str
    position: int
    url: str
    begins_at: datetime
    ends_at: datetime


@dataclass
class _Source:
    """One radio being fetched."""

    channel: Channel
    task: asyncio.Task[None]
    failed_at: datetime | None = None
    trouble: Trouble = Trouble.ENDED


def due_relays(session: Session, now: datetime, ahead: timedelta) -> list[Due]:
    """The upper radios that are to be heard between now and `ahead`."""
    query = (
        select(Broadcast)
        .where(col(Broadcast.state).in_({BroadcastState.CUED, BroadcastState.ON_AIR}))
        .where(col(Broadcast.id).in_(select(BroadcastRelay.broadcast_id).where(~col(BroadcastRelay.is_live))))
        .where(col(Broadcast.starts_at) < now + ahead)
    )
    broadcasts = session.exec(query).all()
    ids = [broadcast.id for broadcast in broadcasts]
    clips, relays = clips_of_each(session, ids), relays_of(session, ids)
    found = []
    for broadcast in broadcasts:
        if broadcast.starts_at is None or broadcast.id not in clips:
            continue
        starts, _ = starts_of(relays[broadcast.id], [clip.duration_ms for clip in clips[broadcast.id]])
        for relay, starts_ms in zip(relays[broadcast.id], starts, strict=True):
            begins_at = broadcast.starts_at + timedelta(milliseconds=starts_ms)
            ends_at = begins_at + timedelta(milliseconds=relay.lasts_ms)
            # What was cut by something more urgent goes on later, and is heard later.
            if not relay.is_live and begins_at < now + ahead and now < ends_at + timedelta(minutes=15):
                found.append(Due(broadcast.id, relay.position, relay.url, begins_at, ends_at))
    return found


class RelayDesk:
    """Fetches for as long as it runs.

    Args:
        engine: the database.
        clock: the present.
        on_change: told "alarms" when a radio fails.
        may_be_local: whether a radio may be on this machine.
    """

    def __init__(
        self, engine: Engine, clock: Callable[[], datetime], on_change: Callable[[str], None], *, may_be_local: bool
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._on_change = on_change
        self._may_be_local = may_be_local
        self._sources: dict[str, _Source] = {}

    async def run(self) -> None:
        """Have what is due soon fetched, and what nobody needs any more let go, until cancelled."""
        try:
            while True:
                try:
                    await self._look()
                except SQLAlchemyError:
                    # A full disk or a locked file: what is being heard is heard on.
                    log.exception("the relays that are due are not known")
                await asyncio.sleep(_LOOK_EVERY_S)
        finally:
            for url in tuple(self._sources):
                await self._let_go(url)

    async def _look(self) -> None:
        due = await asyncio.to_thread(self._due)
        now = self._clock()
        wanted = {one.url for one in due if now < one.ends_at}
        for url in wanted:
            self._ensure(url)
        for url in tuple(self._sources):
            if url not in wanted and not self._sources[url].channel.listeners:
                await self._let_go(url)

    async def listen(self, broadcast_id: str, position: int) -> AsyncIterator[bytes]:
        """The radio of a broadcast's relay, from where it is, once it is there.

        Raises:
            RelayFailed: nothing comes, or it is not its time.
        """
        due = {(one.broadcast, one.position): one for one in await asyncio.to_thread(self._due)}
        wanted = due.get((broadcast_id, position))
        if wanted is None:
            raise RelayFailed(Trouble.REFUSED)
        source = self._ensure(wanted.url)
        sounds = asyncio.create_task(source.channel.sounded.wait())
        try:
            await asyncio.wait({sounds, source.task}, timeout=COMES_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sounds.cancel()
        if source.failed_at is not None or not source.channel.sounded.is_set():
            await self._note(wanted.url, source.trouble if source.failed_at is not None else Trouble.NO_ANSWER)
            raise RelayFailed(source.trouble)
        return source.channel.listen()

    def _due(self) -> list[Due]:
        with reading(self._engine) as session:
            return due_relays(session, self._clock(), AHEAD)

    def _ensure(self, url: str) -> _Source:
        known = self._sources.get(url)
        if known is not None and (known.failed_at is None or self._clock() - known.failed_at < _TRY_AGAIN_AFTER):
            return known
        channel = Channel()
        source = _Source(channel, asyncio.create_task(self._fetch(url, channel), name=f"relay {url}"))
        self._sources[url] = source
        return source

    async def _fetch(self, url: str, channel: Channel) -> None:
        try:
            await relay_radio(url, channel, may_be_local=self._may_be_local)
        except RelayFailed as error:
            log.warning("relay of %s: %s", url, error)
            await self._fail(url, error.trouble)
        # Too many open files, an address that no library takes: it is tried again like a radio that does not answer.
        except Exception:
            log.exception("relay of %s", url)
            await self._fail(url, Trouble.NO_ANSWER)

    async def _fail(self, url: str, trouble: Trouble) -> None:
        source = self._sources[url]
        source.failed_at, source.trouble = self._clock(), trouble
        if source.channel.listeners > 0 or source.channel.sounded.is_set():
            await self._note(url, trouble)

    async def _note(self, url: str, trouble: Trouble) -> None:
        """Write down what failed while it was to be heard."""
        await asyncio.to_thread(self._store_failure, url, trouble)
        self._on_change("alarms")

    def _store_failure(self, url: str, trouble: Trouble) -> None:
        now = self._clock()
        with session_of(self._engine) as session:
            for one in due_relays(session, now, AHEAD):
                if one.url == url and one.begins_at - _AT_ITS_END <= now < one.ends_at - _AT_ITS_END:
                    note_failure(session, session.get_one(BroadcastRelay, (one.broadcast, one.position)), trouble, now)

    async def _let_go(self, url: str) -> None:
        source = self._sources.pop(url)
        source.task.cancel()
        await asyncio.gather(source.task, return_exceptions=True)
