"""The node at work: feeds what happens to `step`, stores what comes of it, then does it. One event at a time."""

import asyncio
import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import httpx

from players.errors import CertificateUnknown, CredentialRefused, OutputError, UnknownKey, WireError
from players.messages import (
    CuedBroadcast,
    Heartbeat,
    NodeActivity,
    PlaybackReport,
    RelayPart,
)
from players.node.airing import needs_server, next_wake, waiting
from players.node.cache import ClipStore
from players.node.clock import NodeClock
from players.node.credentials import Credentials
from players.node.cueing import Cueing, kept_clips, made_room
from players.node.data_budget import Meter, ahead_by_budget
from players.node.errors import ClipRefused
from players.node.events import (
    Action,
    Answer,
    ClipStored,
    ClipTrouble,
    Event,
    Leaving,
    Refuse,
    Spread,
    StartAnew,
    Tell,
    Tick,
    Way,
    Woke,
)
from players.node.fetch import ClipFetcher
from players.node.health import HealthProbe
from players.node.keeping import Keeper
from players.node.link import GATHER_IN_EMERGENCY_S, GATHER_S, Link
from players.node.output import AudioOutput
from players.node.player import Player
from players.node.renewing import Renewing
from players.node.software import software_version
from players.node.state import NodeState, Phase
from players.node.status import NodeStatus, StatusFile
from players.node.step import step
from players.node.store import NodeStore
from players.signing import make_ticket
from players.topics import Topics
from players.transport import Transport

log = logging.getLogger(__name__)

LEAVE_WITHIN_S = 2.0
_LONGEST_SLEEP_S = 60.0
_DEFAULT_HEARTBEAT_S = 15.0

Announce = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class NodeParts:
    """What an agent is made of. The caller opens and closes outputs, store and client."""

    credentials: Credentials
    server_url: str
    stream_url: str
    """Where an output finds streams: the server, or a relay that knows whom to believe."""
    state: NodeState
    store: NodeStore
    clips: ClipStore
    client: httpx.AsyncClient
    outputs: Mapping[Way, AudioOutput]
    clock: NodeClock
    transport: Transport
    data_dir: Path
    ahead: timedelta
    jitter_s: float
    announce: Announce
    """Takes each thing that happens, for who watches (`--events`)."""
    health: HealthProbe
    clock_improved: Callable[[], None]
    """Called in a thread whenever a good answer about the time has come; may raise `OutputError`."""
    meter: Meter | None = None
    """Counts what the line carries; none where nobody pays for it."""
    radio_url: Callable[[str], str] = str
    """Where an output finds a radio station: at its own address, or where what comes is counted."""


@dataclass(frozen=True, slots=True)
class Refusals:
    """What was not obeyed since the start."""

    count: int = 0
    last_at: datetime | None = None
    last_why: str | None = None

    def one_more(self, why: str, at: datetime) -> "Refusals":
        """With one more."""
        return Refusals(self.count + 1, at, why[:300])


class Agent:
    """Runs a node from its parts."""

    def __init__(self, parts: NodeParts) -> None:
        self._parts = parts
        self._state = parts.state
        self._clock = parts.clock
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._was_trusted = False
        self._leaving = asyncio.Event()
        self._keeper = Keeper(parts.store, parts.clock, lambda: self._state)
        self._player = Player(parts.outputs, parts.clips, parts.clock, self._stream_url, self._relay_url, self.emit)
        self._refused = Refusals()
        self._restarting: str | None = None
        self._spread: Callable[[bytes], None] = _nobody_hears
        self._status_file = StatusFile(parts.data_dir)
        self._line_trouble: WireError | None = None
        self._link = Link(parts.credentials, parts.transport, parts.clock, self)
        self._renewing = Renewing(
            parts.credentials, parts.server_url, parts.client, self._known_time, self._keys_changed
        )
        self._cueing = Cueing(
            ClipFetcher(parts.client, parts.clips, self._ticket),
            parts.clips,
            parts.clock,
            lambda: self._state,
            self.emit,
            ahead=self._ahead,
            jitter_s=parts.jitter_s,
        )

    async def run(self) -> None:
        """Play until `leave` is called, then end what sounds, say so, and return."""
        clips = await asyncio.to_thread(self._parts.clips.scan)
        self.emit(Woke(clips, await self._keeper.progress()))
        living = asyncio.create_task(self._live(), name="events")
        working = [
            living,
            asyncio.create_task(self._link.run(), name="link"),
            asyncio.create_task(self._cueing.run(), name="cueing"),
            asyncio.create_task(self._renewing.run(), name="renewing"),
            asyncio.create_task(self._keeper.run(), name="keeping"),
        ]
        self._renewing.compare(self._state.config)
        asked = asyncio.create_task(self._leaving.wait(), name="leaving")
        try:
            await asyncio.wait([*working, asked], return_when=asyncio.FIRST_COMPLETED)
            if not living.done():
                await self._take_leave()
        finally:
            asked.cancel()
            for task in working:
                task.cancel()
            results = await asyncio.gather(*working, return_exceptions=True)
            self._keeper.close()
        for result in results:
            if isinstance(result, Exception):
                raise result

    def leave(self) -> None:
        """End: by a signal, or an order."""
        self._leaving.set()

    async def _take_leave(self) -> None:
        self.emit(Leaving())
        await self._events.join()
        await self._player.rest(LEAVE_WITHIN_S)
        await self._events.join()
        await self._link.farewell(LEAVE_WITHIN_S)

    # Events

    def emit(self, event: Event) -> None:
        """Take an event; on the event loop only."""
        self._events.put_nowait(event)

    async def answers(self) -> bool:
        """For the watchdog: returns when all that had happened is dealt with, its state stored; whether outputs do."""
        self.emit(Tick())
        await self._events.join()
        return not self._player.is_stuck

    async def _live(self) -> None:
        while True:
            event, is_queued = await self._next_event()
            try:
                await self._apply(event)
            finally:
                if is_queued:
                    self._events.task_done()

    async def _next_event(self) -> tuple[Event, bool]:
        """What happened next, or a tick when the state has to be looked at again."""
        now = self._clock.now()
        wake = next_wake(self._state, now)
        sleep_s = _LONGEST_SLEEP_S if wake is None else min(_LONGEST_SLEEP_S, (wake - now.at).total_seconds())
        try:
            async with asyncio.timeout(max(0.001, sleep_s)):
                return await self._events.get(), True
        except TimeoutError:
            return Tick(), False

    async def _apply(self, event: Event) -> None:
        former = self._state
        now = self._clock.now()
        self._state, actions = step(former, event, now)
        await self._keeper.save(self._state, [action.report for action in actions if isinstance(action, Tell)])
        self._tell_trust(is_trusted=now.trusted)
        for action in actions:
            self._do(action)
        if former.zones != self._state.zones:
            self._link.zones_changed()
        if former.config is not self._state.config:
            self._renewing.compare(self._state.config)
        if former is not self._state:
            self._cueing.nudge()
        if self._state.has_pack and not former.has_pack:
            self._announce("pack", clips=len(self._state.pack_clips))

    def _tell_trust(self, *, is_trusted: bool) -> None:
        """Say at once when the time has become known well enough, or is not any more."""
        if is_trusted is not self._was_trusted:
            self._was_trusted = is_trusted
            self._announce("clock", trusted=is_trusted, error_ms=self._clock.error_ms)
            self._link.heartbeat_now()

    def _do(self, action: Action) -> None:
        match action:
            case Tell(report):
                self._announce_report(report)
                self._link.reports_waiting()
            case Refuse(what, why):
                self._refuse(what, why)
            case Spread(signed):
                self._announce("started-here")
                self._spread(signed.encode("ascii"))
            case StartAnew(order):
                self._announce("restarting", order=order)
                self._restarting = order
                self.leave()
            case Answer(message):
                self._announce("rehearsed", order=message.order, error=message.error)
                self._link.say_rehearsed(message)
            case _:
                self._player.carry_out(action)

    def _refuse(self, what: str, why: str) -> None:
        log.warning("not obeyed: %s: %s", what, why)
        self._refused = self._refused.one_more(f"{what}: {why}", self._clock.now().at)
        self._announce("refused", what=what, why=why)

    def _announce_report(self, report: PlaybackReport) -> None:
        fields = report.model_dump(mode="json", exclude_none=True, exclude={"report", "node", "outcome", "at"})
        at = report.finished_at or report.started_at or report.at
        self._announce(report.outcome.value, at=at.isoformat(), **fields)

    def _announce(self, event: str, **fields: Any) -> None:
        fields.setdefault("at", self._clock.now().at.isoformat())
        self._parts.announce({"event": event, "node": self._parts.credentials.node, **fields})

    def spread_with(self, spread: Callable[[bytes], None]) -> None:
        """Have what is started here told to the neighbours by this."""
        self._spread = spread

    @property
    def state(self) -> NodeState:
        """As it is now, for who starts something at the pole."""
        return self._state

    def refuse(self, what: str, why: str) -> None:
        """Something that was asked at the pole, or by a neighbour, is not done: the server is told."""
        self._refuse(what, why)
        self._link.heartbeat_now()

    # HTTP

    def _ticket(self, path: str) -> str:
        return make_ticket(self._parts.credentials.key, self._parts.credentials.node, path, self._clock.now().at)

    def _keys_changed(self, has_missed: bool) -> None:
        if has_missed:
            self._link.connect_anew()
        self._link.heartbeat_now()

    def _ahead(self) -> timedelta | None:
        """How long before its minute a clip is fetched, by what is left of the month's data."""
        config, meter = self._state.config, self._parts.meter
        if config is None or config.data_mb is None or meter is None:
            return self._parts.ahead
        zone, budget = ZoneInfo(config.timezone), config.data_mb * 1_000_000
        return ahead_by_budget(self._parts.ahead, budget, meter.usage, self._clock.now().at, zone)

    def _known_time(self) -> datetime | None:
        now = self._clock.now()
        return now.at if now.trusted else None

    def _stream_url(self, item: CuedBroadcast, from_ms: int) -> str:
        path = item.stream or f"/streams/{item.broadcast}"
        query = urlencode({"offset_ms": from_ms, "ticket": self._ticket(path)})
        return f"{self._parts.stream_url}{path}?{query}"

    def _relay_url(self, relay: RelayPart) -> str:
        if not relay.source.startswith("/"):
            return self._parts.radio_url(relay.source)
        return f"{self._parts.stream_url}{relay.source}?{urlencode({'ticket': self._ticket(relay.source)})}"

    # What the link asks (`link.Duties`)

    def zones(self) -> tuple[str, ...]:
        """See `Duties`."""
        return self._state.zones

    def heartbeat_s(self) -> float:
        """See `Duties`."""
        return _DEFAULT_HEARTBEAT_S if self._state.config is None else self._state.config.heartbeat_s

    def gather_s(self) -> float:
        """See `Duties`."""
        tracks = self._state.tracks.values()
        is_urgent = any(track.is_emergency and track.phase is not Phase.DONE for track in tracks)
        return GATHER_IN_EMERGENCY_S if is_urgent else GATHER_S

    def needs_server(self) -> bool:
        """See `Duties`."""
        return needs_server(self._state, self._clock.now())

    async def heartbeat(self) -> Heartbeat:
        """See `Duties`."""
        board = await asyncio.to_thread(self._parts.health.probe)
        self._keep_status()
        state, now = self._state, self._clock.now()
        playing = next((track for track in state.tracks.values() if track.phase is Phase.PLAYING), None)
        errors = [output.error for output in self._parts.outputs.values() if output.error]
        return Heartbeat(
            node=state.node,
            at=now.at,
            activity=NodeActivity.IDLE if playing is None else NodeActivity.PLAYING,
            broadcast=None if playing is None else playing.item.broadcast,
            output=self._parts.outputs[Way.FILES].name,
            output_error=errors[0][:300] if errors else None,
            cued=tuple(
                track.item.broadcast for track in waiting(state) if track.listed and state.has_clips(track.item)
            ),
            clock_offset_ms=self._clock.offset_ms,
            clock_error_ms=self._clock.error_ms,
            clock_age_ms=self._clock.age_ms,
            clock_trusted=self._clock.trusted,
            disk_error=None if self._keeper.error is None else self._keeper.error[:300],
            outbox=await self._keeper.waiting(),
            disk_free_bytes=(await asyncio.to_thread(shutil.disk_usage, self._parts.data_dir)).free,
            version=software_version(),
            keys_version=self._parts.credentials.keys_version,
            refused=self._refused.count,
            refused_at=self._refused.last_at,
            refused_why=self._refused.last_why,
            gain_db=None if state.config is None else state.config.gain_db,
            volume_percent=board.volume_percent,
            temperature_c=board.temperature_c,
            under_voltage=board.under_voltage,
            signal=None if board.signal is None else board.signal.network,
            signal_percent=None if board.signal is None else board.signal.percent,
            uptime_s=board.uptime_s,
            running_s=round((now.at - now.awake_since).total_seconds()),
            restarting=self._restarting,
            memory_free_bytes=board.memory_free_bytes,
            processor_percent=board.processor_percent,
            data=None if self._parts.meter is None else self._parts.meter.usage,
        )

    async def pending_reports(self) -> list[PlaybackReport]:
        """See `Duties`."""
        return await self._keeper.pending()

    async def acknowledged(self, reports: Sequence[str]) -> None:
        """See `Duties`."""
        await self._keeper.acknowledged(reports)

    async def clip_came(self, sha256: str, data: bytes) -> None:
        """See `Duties`."""
        if sha256 in self._state.clips:
            return
        try:
            keep, spare = kept_clips(self._state, self._clock.now().at)
            removed = await asyncio.to_thread(self._parts.clips.put, sha256, data, keep, spare)
        except ClipRefused as error:
            log.warning("pushed clip %s: %s", sha256[:12], error.detail)
            self.emit(ClipTrouble(sha256, error.reason, error.detail))
            return
        for name in removed:
            self.emit(made_room(name))
        self.emit(ClipStored(sha256))

    async def time_known(self) -> None:
        """See `Duties`."""
        if self._clock.trusted is not self._was_trusted:
            self.emit(Tick())
        self._keeper.time_told()
        try:
            await asyncio.to_thread(self._parts.clock_improved)
        except OutputError as error:
            log.warning("%s", error)

    def not_obeyed(self, topic: str, error: WireError) -> None:
        """See `Duties`."""
        self._refuse(topic.removeprefix(f"{Topics(self._parts.credentials.commune).base}/"), str(error))
        if isinstance(error, UnknownKey):
            self._renewing.ask()

    def not_let_in(self, error: WireError) -> None:
        """See `Duties`."""
        self._line_trouble = error
        self._keep_status()
        if isinstance(error, CertificateUnknown):
            log.warning("the server is not believed: %s", error)
            self._renewing.ask()
        elif isinstance(error, CredentialRefused):
            self._renewing.ask(password=True)

    def connection_changed(self, *, connected: bool) -> None:
        """See `Duties`."""
        self._announce("connected" if connected else "disconnected")
        self._keep_status()
        if connected:
            self._line_trouble = None
            self._cueing.nudge(try_again=True)

    def _keep_status(self) -> None:
        """For `loalang-node doctor`."""
        trouble = None if self._link.connected else self._line_trouble
        errors = (output.error for output in self._parts.outputs.values())
        status = NodeStatus(
            connected=self._link.connected,
            line_error=None if trouble is None else str(trouble),
            line_trouble=None if trouble is None else type(trouble).__name__,
            output_error=next((error for error in errors if error), None),
        )
        self._keeper.submit(self._status_file.keep, status)


def _nobody_hears(_payload: bytes) -> None:
    """A pole without neighbours."""
