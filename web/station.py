"""The running parts of one commune's server. `web.parts` makes, starts and stops them; handlers work with them here."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Engine

from broadcast.alarms_watch import AlarmWatch
from broadcast.cap.audio import EmergencySounds
from broadcast.clock_watch import ClockWatch
from broadcast.communes import get_commune, voice_for
from broadcast.db import reading
from broadcast.farewell import Farewell
from broadcast.importing import ImportDesk
from broadcast.live_desk import LiveDesk
from broadcast.morning_watch import MorningWatch
from broadcast.notify_sending import Notifier
from broadcast.playout import Playout
from broadcast.pole_watch import PoleWatch
from broadcast.readiness_desk import ReadinessDesk
from broadcast.relay_desk import RelayDesk
from broadcast.rendering import RendererPool
from broadcast.server_clock import ServerClock
from broadcast.sources_desk import SourceDesk
from players.child import ChildState
from players.errors import BrokerError, TransportClosed
from players.hub import Hub
from players.messages import Urgency
from players.presence import NodePresence, PresenceBoard
from players.signing import CommuneKey
from scheduler.runner import Runner
from tts.clip_store import ClipStore
from web.auth import SignInDoor
from web.backup_shelf import BackupShelf
from web.brokers import Broker, NodeDoor
from web.key_keeper import KeyKeeper
from web.live import LiveFeed, Part
from web.press_door import PressDoor
from web.recording_desk import RecordingDesk
from web.settings import Settings
from web.throttle import Throttle
from web.upload_room import UploadRoom
from web.voice_desk import VoiceDesk

logger = logging.getLogger(__name__)

FAREWELL_WITHIN_S = 2.0


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a station is made of, not started yet."""

    settings: Settings
    engine: Engine
    clock: ServerClock
    clock_watch: ClockWatch
    keeper: KeyKeeper
    clips: ClipStore
    broker: Broker
    renderers: RendererPool
    presence: PresenceBoard
    hub: Hub
    playout: Playout
    runner: Runner
    live: LiveFeed
    imports: ImportDesk
    sources: SourceDesk
    voice_desk: VoiceDesk
    relays: RelayDesk
    talks: LiveDesk
    alarms: AlarmWatch
    notifier: Notifier
    morning: MorningWatch
    readiness: ReadinessDesk
    poles: PoleWatch
    render_parts: Callable[[Iterable[Part]], dict[Part, str]]


class Station:
    """What handlers work with."""

    def __init__(self, parts: Parts) -> None:
        self.settings = parts.settings
        self.engine = parts.engine
        self.clock = parts.clock
        self.clock_watch = parts.clock_watch
        self.keeper = parts.keeper
        self.clips = parts.clips
        self.broker = parts.broker
        self.renderers = parts.renderers
        self.presence = parts.presence
        self.hub = parts.hub
        self.playout = parts.playout
        self.runner = parts.runner
        self.live = parts.live
        self.imports = parts.imports
        self.sources = parts.sources
        self.voice_desk = parts.voice_desk
        self.relays = parts.relays
        self.talks = parts.talks
        self.alarms = parts.alarms
        self.notifier = parts.notifier
        self.morning = parts.morning
        self.readiness = parts.readiness
        self.poles = parts.poles
        self._render_parts = parts.render_parts
        self.emergency_sounds = EmergencySounds(parts.settings.emergency_sounds_dir, parts.clips)
        self.upload_room = UploadRoom()
        self.recordings = RecordingDesk(parts.settings, parts.engine, parts.clips, self.upload_room)
        self.sign_in = SignInDoor(parts.engine, parts.settings.sign_in)
        self.backups = BackupShelf(parts.settings)
        self.presses = PressDoor(parts.engine)
        self.feedback_throttle = Throttle(4, timedelta(minutes=5))
        self.pairing_throttle = Throttle(10, timedelta(seconds=20))
        self.preview_throttle = Throttle(20, timedelta(seconds=6))
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()

    @property
    def key(self) -> CommuneKey:
        """What messages to nodes are signed with."""
        return self.keeper.key

    @property
    def node_door(self) -> NodeDoor:
        """Who decides which nodes the broker lets in. One for all: two would throw each other out."""
        return self.broker.admin()

    @property
    def processes(self) -> tuple[ChildState, ...]:
        """The supervised children, for the page."""
        own = (self.broker.state,) if self.broker.state is not None else ()
        return (*own, *self.renderers.states)

    @property
    def is_connected(self) -> bool:
        """Whether the server reaches its nodes."""
        return self.hub.connected

    def heard_of(self, node: str) -> NodePresence:
        """What was heard of a node last."""
        return self.presence.row_of(node, self.clock())

    def render_parts(self, parts: Sequence[Part]) -> dict[Part, str]:
        """Live parts as they are now. In a worker thread."""
        return self.live.latest(parts) or self._render_parts(parts)

    def mqtt_host_for(self, reached_by: str) -> str:
        """The broker's address for a node that reached this server under that name."""
        return self.settings.mqtt.host or reached_by

    def nudge(self) -> None:
        """Something was decided: have everything looked at now. From any thread."""
        self._loop.call_soon_threadsafe(self._nudge)

    def voice_installed(self) -> None:
        """A voice can speak now: what waited for it is rendered, and emergencies have it loaded. From any thread."""
        self.nudge()
        self.warm_voice()

    def warm_voice(self) -> None:
        """Have the voice for emergencies loaded. From any thread."""
        with reading(self.engine) as session:
            voice = voice_for(get_commune(session), Urgency.EMERGENCY)
        self._loop.call_soon_threadsafe(self.renderers.warm, voice)

    def doubt_visitors(self) -> None:
        """A session, a token or an account has ended: its open live pages end too. From any thread."""
        self._loop.call_soon_threadsafe(self.live.doubt)

    def alarms_changed(self) -> None:
        """Somebody has acknowledged an alarm: have the open pages show it. From any thread."""
        self._loop.call_soon_threadsafe(self.changed, "alarms")

    def drill_asked(self) -> None:
        """Somebody has asked for a silent drill: have it made now. From any thread."""
        self._loop.call_soon_threadsafe(self.readiness.nudge)

    def replan(self, entry_id: int) -> None:
        """An entry of the timetable was changed: have it on the nodes at once. From any thread."""
        self._loop.call_soon_threadsafe(self.runner.replan, entry_id)
        self._loop.call_soon_threadsafe(self.changed)

    def changed(self, topic: str = "") -> None:
        """Something that a page may show has changed. On the event loop."""
        self.live.changed(topic)
        self._changed.set()
        self._changed = asyncio.Event()

    async def next_change(self, at_most: timedelta = timedelta(seconds=1)) -> None:
        """Wait for something to change."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most.total_seconds()):
                await self._changed.wait()

    async def let_in(self, node: str, kid: str, zones: tuple[str, ...]) -> str:
        """Have the broker let in a node; its password there.

        Raises:
            BrokerError: the broker cannot be reached or refuses.
        """
        password = self.broker.node_password(node, kid)
        await self.node_door.add_node(node, password, zones)
        return password

    async def shut_out(self, farewell: Farewell) -> None:
        """Silence a node, then have the broker throw it out.

        One that the broker does not know, or cannot be told of now, is left to `reconcile`.
        """
        node = farewell.config.node
        try:
            async with asyncio.timeout(FAREWELL_WITHIN_S):
                await self.hub.publish_config(farewell.config)
                await self.hub.send_order(farewell.stop, nodes=[node])
        except (TransportClosed, TimeoutError) as error:
            logger.warning("%s is revoked and was not told to be silent: %r", node, error)
        try:
            await self.node_door.revoke(node)
        except BrokerError as error:
            logger.warning("the broker was not told that %s is revoked: %s", node, error)

    def _nudge(self) -> None:
        self.runner.nudge()
        self.changed()
