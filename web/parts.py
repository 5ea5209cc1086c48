"""The start list: each running part is a context; they are entered in order and left in reverse."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from broadcast.communes import get_commune
from broadcast.db import migrate, open_engine, reading
from broadcast.errors import NotFound
from broadcast.models import Commune
from broadcast.renderers import bulletin_renderer, emergency_renderer
from broadcast.rendering import RendererPool
from players.presence import PresenceBoard
from players.signing import CommuneKey
from players.topics import Topics
from tts.clip_store import ClipStore
from web.brokers import choose_broker
from web.fragments import Fragments
from web.live import LiveFeed
from web.settings import Settings
from web.station import Parts, Station

Start = Callable[[Station], AbstractAsyncContextManager[None]]


class NotSetUp(Exception):
    """The server cannot start yet; the text says what to do first."""


@asynccontextmanager
async def open_station(settings: Settings, clock: Callable[[], datetime]) -> AsyncIterator[Station]:
    """Open the database, brought up to date, and make the parts around it; nothing runs yet.

    Raises:
        NotSetUp: the database knows no commune.
        DatabaseNewer, KeyUnusable: the data directory cannot be used.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = open_engine(settings.database_url)
    try:
        commune = await asyncio.to_thread(_prepare, engine)
        yield _make_station(settings, clock, engine, commune)
    finally:
        engine.dispose()


def _prepare(engine: Engine) -> Commune:
    migrate(engine)
    try:
        with reading(engine) as session:
            return get_commune(session)
    except NotFound as error:
        raise NotSetUp("the database knows no commune yet") from error


def _make_station(settings: Settings, clock: Callable[[], datetime], engine: Engine, commune: Commune) -> Station:
    fragments = Fragments()
    topics = Topics(commune.slug)
    clips = ClipStore(settings.clips_dir)
    emergencies = emergency_renderer(settings.voices_dir, settings.clips_dir, commune.voice, clock)
    renderers = RendererPool(
        engine, bulletin_renderer(settings.voices_dir, settings.clips_dir, clock), emergencies, clock
    )
    broker = choose_broker(settings, topics, clock, lambda state: station.changed(state.name))
    live = LiveFeed(fragments.render, settings.http.max_live_clients)
    station = Station(
        Parts(
            settings=settings,
            engine=engine,
            clock=clock,
            key=load_commune_key(settings),
            clips=clips,
            broker=broker,
            renderers=renderers,
            presence=PresenceBoard(),
            live=live,
            render_parts=fragments.render,
            voice_in_use=lambda: emergencies.ready,
        )
    )
    fragments.station = station
    renderers.listen(station.changed)
    return station


def load_commune_key(settings: Settings) -> CommuneKey:
    """The key nodes obey, made at the first start with mode 0600.

    Raises:
        KeyUnusable: it cannot be read or written, or others can read it.
    """
    path = settings.commune_key_path
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        CommuneKey.generate().save(path)
    return CommuneKey.load(path)


@asynccontextmanager
async def _running(work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[None]:
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def broker(station: Station) -> AsyncIterator[None]:
    """The broker answers, and lets in exactly the nodes we know."""
    await station.broker.start()
    try:
        yield
    finally:
        await station.broker.stop()


@asynccontextmanager
async def renderers(station: Station) -> AsyncIterator[None]:
    """Texts become clips."""
    await station.renderers.start()
    try:
        yield
    finally:
        await station.renderers.stop()


@asynccontextmanager
async def live_pages(station: Station) -> AsyncIterator[None]:
    """What changed is handed out to the open pages."""
    async with _running(station.live.run(), "live-pages"):
        try:
            yield
        finally:
            station.live.close()


START_ORDER: tuple[Start, ...] = (broker, renderers, live_pages)
