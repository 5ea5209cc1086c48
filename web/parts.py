"""The start list: each running part is a context; they are entered in order and left in reverse."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from broadcast.communes import get_commune
from broadcast.db import migrate, open_engine, reading
from broadcast.errors import NotFound
from broadcast.models import Commune
from broadcast.nodes import list_nodes, zones_of_node
from broadcast.playout import Playout
from broadcast.renderers import bulletin_renderer, emergency_renderer
from broadcast.rendering import RendererPool
from players.broker_admin import NodeAccess
from players.hub import Hub
from players.messages import PlaybackReport
from players.presence import PresenceBoard
from players.signing import CommuneKey, checked_public_jwk
from players.topics import Topics
from scheduler.runner import Runner
from tts.clip_store import ClipStore
from web.brokers import ExternalBroker, LateTransport, choose_broker
from web.fragments import Fragments
from web.live import LiveFeed
from web.settings import Settings
from web.station import Parts, Station

logger = logging.getLogger(__name__)
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
        yield make_station(settings, clock, engine, commune)
    finally:
        engine.dispose()


def _prepare(engine: Engine) -> Commune:
    migrate(engine)
    try:
        with reading(engine) as session:
            return get_commune(session)
    except NotFound as error:
        raise NotSetUp("the database knows no commune yet: run `loalang init` first") from error


def make_station(settings: Settings, clock: Callable[[], datetime], engine: Engine, commune: Commune) -> Station:
    """The parts, joined, none of them running.

    Raises:
        KeyUnusable: the commune's key cannot be read or written, or others can read it.
    """

    # These parts call each other back: what is made later is looked up when it is called.
    def on_change(topic: str) -> None:
        station.changed(topic)

    async def store_reports(reports: Sequence[PlaybackReport]) -> None:
        await playout.store_reports(reports)

    async def republish() -> None:
        await playout.republish()

    fragments, topics, key = Fragments(), Topics(commune.slug), load_commune_key(settings)
    clips, presence = ClipStore(settings.clips_dir), PresenceBoard()
    broker = choose_broker(settings, topics, clock, lambda state: on_change(state.name))
    bulletins = bulletin_renderer(settings.voices_dir, settings.clips_dir, clock)
    emergencies = emergency_renderer(settings.voices_dir, settings.clips_dir, commune.voice, clock)
    renderers = RendererPool(engine, bulletins, emergencies, clock)
    hub = Hub(
        LateTransport(broker.hub_transport),
        topics,
        key,
        presence,
        clock,
        store_reports=store_reports,
        on_connected=republish,
        on_change=on_change,
    )
    playout = Playout(engine, hub, clips, presence, clock, on_change)
    station = Station(
        Parts(
            settings=settings,
            engine=engine,
            clock=clock,
            key=key,
            clips=clips,
            broker=broker,
            renderers=renderers,
            presence=presence,
            hub=hub,
            playout=playout,
            runner=Runner(engine, renderers, playout, clock, on_change),
            live=LiveFeed(fragments.render, settings.http.max_live_clients),
            render_parts=fragments.render,
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
async def broker(station: Station) -> AsyncIterator[None]:
    """The broker answers, and lets in exactly the nodes we know."""
    await station.broker.start()
    try:
        if not isinstance(station.broker, ExternalBroker):  # one that others use too has clients we know nothing of
            await station.node_door.reconcile(await asyncio.to_thread(_node_access, station))
        yield
    finally:
        await station.broker.stop()


def _node_access(station: Station) -> dict[str, NodeAccess]:
    wanted = {}
    with reading(station.engine) as session:
        for node in list_nodes(session):
            if node.public_key is not None:
                kid = checked_public_jwk(node.public_key)["kid"]
                zones = tuple(zone.slug for zone in zones_of_node(session, node))
                wanted[node.slug] = NodeAccess(station.broker.node_password(node.slug, kid), zones)
    return wanted


@asynccontextmanager
async def renderers(station: Station) -> AsyncIterator[None]:
    """Texts become clips."""
    await station.renderers.start()
    try:
        yield
    finally:
        await station.renderers.stop()


@asynccontextmanager
async def wire(station: Station) -> AsyncIterator[None]:
    """The server speaks with its nodes."""
    async with _running(station.hub.run(), "hub"):
        yield


@asynccontextmanager
async def bell(station: Station) -> AsyncIterator[None]:
    """What is due is done."""
    await station.runner.start()
    try:
        yield
    finally:
        await station.runner.stop()


@asynccontextmanager
async def live_pages(station: Station) -> AsyncIterator[None]:
    """What changed is handed out to the open pages."""
    async with _running(station.live.run(), "live-pages"):
        try:
            yield
        finally:
            station.live.close()


START_ORDER: tuple[Start, ...] = (broker, renderers, wire, bell, live_pages)


@asynccontextmanager
async def _running(work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[None]:
    def note(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.critical("%s has stopped", name, exc_info=error)

    task = asyncio.create_task(work, name=name)
    task.add_done_callback(note)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
