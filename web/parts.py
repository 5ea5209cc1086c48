"""The start list: each running part is a context; they are entered in order and left in reverse."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Engine

from broadcast.alarms_watch import AlarmWatch
from broadcast.bulletin_renderer import bulletin_renderer
from broadcast.clock_watch import ClockWatch
from broadcast.communes import get_commune, voice_for
from broadcast.db import migrate, open_engine, session_of
from broadcast.emergency_renderer import emergency_renderer
from broadcast.errors import NotFound
from broadcast.importing import ImportDesk
from broadcast.live_desk import Icecast, LiveDesk
from broadcast.models import Commune
from broadcast.morning_watch import MorningWatch
from broadcast.notify_mail import MailOptions
from broadcast.notify_sending import Notifier, NotifyOptions
from broadcast.notify_webhook import WebhookOptions
from broadcast.playout import Playout
from broadcast.pole_watch import PoleWatch
from broadcast.prepared import seed_prepared
from broadcast.readiness_desk import ReadinessDesk
from broadcast.relay_desk import RelayDesk
from broadcast.renderers import RendererOptions
from broadcast.rendering import RendererPool
from broadcast.server_clock import ServerClock, load_seen
from broadcast.sources_desk import SourceDesk
from broadcast.sources_kept import SecretFiles
from broadcast.templates import seed_templates
from players.child import Pauses
from players.hub import Hub
from players.messages import PlaybackReport, Urgency
from players.presence import PresenceBoard
from players.topics import Topics
from scheduler.runner import Runner
from tts.clip_store import ClipStore
from tts.import_document import Limits
from web.alarms import Surroundings
from web.brokers import LateTransport, choose_broker
from web.fragments import Fragments
from web.key_keeper import KeyKeeper
from web.key_watch import follow_keys, let_in_known_nodes
from web.live import REPAIR, LiveFeed
from web.loops import kept_running
from web.settings import NotifySettings, Settings
from web.station import Parts, Station
from web.voice_desk import VoiceDesk

Start = Callable[[Station], AbstractAsyncContextManager[None]]
_LANE_PAUSES = Pauses(first_s=0.1, most_s=2.0)
"""An emergency may wait for its lane to be run again."""


class NotSetUp(Exception):
    """The server cannot start yet; the text says what to do first."""


@asynccontextmanager
async def open_station(
    settings: Settings, clock: Callable[[], datetime], http_tls: ssl.SSLContext | None = None
) -> AsyncIterator[Station]:
    """Open the database, brought up to date, and make the parts around it; nothing runs yet.

    Raises:
        NotSetUp: the database knows no commune.
        DatabaseNewer, KeyUnusable: the data directory cannot be used.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = open_engine(settings.database_url)
    watched = ServerClock(clock)
    try:
        commune = await asyncio.to_thread(_prepare, engine, watched)
        yield make_station(settings, watched, engine, commune, http_tls)
    finally:
        engine.dispose()


def _prepare(engine: Engine, clock: ServerClock) -> Commune:
    migrate(engine)
    try:
        with session_of(engine) as session:
            clock.know(load_seen(session))
            now = clock()
            seed_prepared(session, now)
            seed_templates(session, now)
            return get_commune(session)
    except NotFound as error:
        raise NotSetUp("the database knows no commune yet: run `loalang init` first") from error


def make_station(
    settings: Settings,
    clock: ServerClock,
    engine: Engine,
    commune: Commune,
    http_tls: ssl.SSLContext | None = None,
) -> Station:
    """The parts, joined, none of them running; `http_tls` is given the server's certificate.

    Raises:
        KeyUnusable: the commune's keys cannot be read or written, or others can read them.
    """

    # These parts call each other back: what is made later is looked up when it is called.
    def on_change(topic: str) -> None:
        station.changed(topic)

    async def store_reports(reports: Sequence[PlaybackReport]) -> None:
        await playout.store_reports(reports)

    async def republish() -> None:
        await playout.republish()

    def on_news() -> None:
        station.nudge()

    def on_installed() -> None:
        station.voice_installed()

    fragments, surroundings, topics = Fragments(), Surroundings(), Topics(commune.slug)
    notifier = Notifier(engine, _notify_options(settings.notify), clock)
    keeper = KeyKeeper(settings, commune.slug, engine, clock, http_tls)
    clips, presence = ClipStore(settings.clips_dir), PresenceBoard()
    broker = choose_broker(settings, topics, clock, lambda state: on_change(state.name), keeper.certificate)
    speech = RendererOptions(
        settings.voices_dir, settings.clips_dir, settings.voice.target_lufs, settings.voice.for_horns
    )
    bulletins = bulletin_renderer(speech, clock)
    emergencies = emergency_renderer(speech, voice_for(commune, Urgency.EMERGENCY), clock)
    renderers = RendererPool(engine, bulletins, emergencies, clips, clock, settings.voice.target_lufs)
    hub = Hub(
        LateTransport(broker.hub_transport),
        topics,
        keeper.key,
        presence,
        clock,
        store_reports=store_reports,
        on_connected=republish,
        on_change=on_change,
        may_tell_time=lambda: clock.may_be_told,
    )
    playout = Playout(engine, hub, clips, presence, clock, on_change, is_held=lambda: clock.is_held)
    sources = SourceDesk(engine, SecretFiles(settings.sources_dir), clock, on_news)
    station = Station(
        Parts(
            settings=settings,
            engine=engine,
            clock=clock,
            keeper=keeper,
            clips=clips,
            broker=broker,
            renderers=renderers,
            presence=presence,
            hub=hub,
            playout=playout,
            runner=Runner(
                engine,
                renderers,
                playout,
                clock,
                on_change,
                ("sources", sources.ask_due),
                is_held=lambda: clock.is_held,
            ),
            clock_watch=ClockWatch(engine, clock, presence, lambda: on_change("alarms")),
            sources=sources,
            imports=ImportDesk(engine, settings.papers_dir, _limits(settings), clock, on_change),
            relays=RelayDesk(engine, clock, on_change, may_be_local=settings.streams.relay_local),
            talks=LiveDesk(
                engine,
                settings.live_dir,
                settings.clips_dir,
                settings.voice.target_lufs,
                clock,
                on_change,
                _icecast(settings),
            ),
            voice_desk=VoiceDesk(settings.voices_dir, engine, clock, on_installed),
            alarms=AlarmWatch(engine, surroundings.look, notifier.channels, clock, lambda: on_change("alarms")),
            notifier=notifier,
            morning=MorningWatch(
                engine,
                presence,
                surroundings.voice_trouble,
                settings.notify.morning_at,
                settings.notify.morning_until,
                clock,
                lambda: on_change("morning"),
            ),
            poles=PoleWatch(engine, presence, clock),
            readiness=ReadinessDesk(
                engine, hub, renderers, clips, settings.readiness.at, clock, lambda: on_change("readiness")
            ),
            live=LiveFeed(fragments.render, settings.http.max_live_clients),
            render_parts=fragments.render,
        )
    )
    fragments.station = surroundings.station = station
    renderers.listen(station.changed)
    return station


@asynccontextmanager
async def broker(station: Station) -> AsyncIterator[None]:
    """The broker answers, and lets in exactly the nodes we know."""
    await station.broker.start()
    try:
        await let_in_known_nodes(station)
        yield
    finally:
        await station.broker.stop()


@asynccontextmanager
async def renderers(station: Station) -> AsyncIterator[None]:
    """Texts become clips."""
    async with AsyncExitStack() as running:
        running.push_async_callback(station.renderers.stop)
        await station.renderers.start()
        for name, run in station.renderers.loops.items():
            await running.enter_async_context(kept_running(run, name, station.runner, _LANE_PAUSES))
        yield


@asynccontextmanager
async def wire(station: Station) -> AsyncIterator[None]:
    """The server speaks with its nodes."""
    async with kept_running(station.hub.run, "hub", station.runner):
        yield


@asynccontextmanager
async def keys(station: Station) -> AsyncIterator[None]:
    """The keys on the disk are those in use."""
    async with kept_running(partial(follow_keys, station), "keys", station.runner):
        yield


@asynccontextmanager
async def bell(station: Station) -> AsyncIterator[None]:
    """What is due is done."""
    await station.runner.start()
    try:
        yield
    finally:
        await station.runner.stop()
        await station.sources.stop()


def _icecast(settings: Settings) -> Icecast | None:
    streams = settings.streams
    if streams.mode != "icecast" or streams.icecast_url is None or streams.icecast_password is None:
        return None
    return Icecast(streams.icecast_url, streams.icecast_password.get_secret_value())


def _limits(settings: Settings) -> Limits:
    paper = settings.paper
    return Limits(max_pages=paper.max_pages, time_s=paper.time_limit_s, memory_mb=paper.memory_mb)


@asynccontextmanager
async def streams(station: Station) -> AsyncIterator[None]:
    """Upper radios are fetched, and people are heard."""
    async with (
        kept_running(station.relays.run, "relays", station.runner),
        kept_running(station.talks.run, "talks", station.runner),
    ):
        yield


@asynccontextmanager
async def import_desk(station: Station) -> AsyncIterator[None]:
    """Documents become drafts."""
    await asyncio.to_thread(station.imports.tidy)
    async with kept_running(station.imports.run, "import-desk", station.runner):
        yield


@asynccontextmanager
async def voice_desk(station: Station) -> AsyncIterator[None]:
    """Voices are installed."""
    await asyncio.to_thread(station.voice_desk.tidy)
    try:
        async with kept_running(station.voice_desk.follow, "voices", station.runner):
            yield
    finally:
        await asyncio.to_thread(station.voice_desk.close)


def _notify_options(given: NotifySettings) -> NotifyOptions:
    webhook = mail = None
    if given.webhook_url is not None and given.webhook_secret is not None:
        webhook = WebhookOptions(given.webhook_url, given.webhook_secret.get_secret_value(), given.allow_inner)
    if given.smtp_host is not None and given.mail_from is not None:
        mail = MailOptions(
            host=given.smtp_host,
            port=given.smtp_port,
            tls=given.smtp_tls,
            sender=given.mail_from,
            recipients=given.mail_to,
            username=given.smtp_username,
            password=given.smtp_password.get_secret_value() if given.smtp_password else None,
            authorities=given.smtp_ca,
        )
    gather, pause = timedelta(seconds=given.mail_gather_s), timedelta(seconds=given.mail_pause_s)
    return NotifyOptions(webhook, mail, gather, pause, given.allow_inner)


@asynccontextmanager
async def alarms(station: Station) -> AsyncIterator[None]:
    """What is wrong becomes an alarm, and people are told; mornings are checked, and how ready the poles are."""
    async with (
        kept_running(station.alarms.run, "alarms", station.runner),
        kept_running(station.notifier.run, "notifier", station.runner),
        kept_running(station.morning.run, "morning", station.runner),
        kept_running(station.readiness.run, "readiness", station.runner),
        kept_running(station.poles.run, "poles", station.runner),
        kept_running(station.clock_watch.run, "clock", station.runner),
    ):
        yield


@asynccontextmanager
async def live_pages(station: Station) -> AsyncIterator[None]:
    """What changed is handed out to the open pages."""
    async with kept_running(station.live.run, "live-pages", station.runner, Pauses(most_s=REPAIR.total_seconds())):
        try:
            yield
        finally:
            station.live.close()


START_ORDER: tuple[Start, ...] = (
    broker,
    renderers,
    wire,
    keys,
    bell,
    streams,
    import_desk,
    voice_desk,
    alarms,
    live_pages,
)
