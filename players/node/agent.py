"""The node at work: feeds what happens to `step`, has what comes of it stored, and does it. One event at a time."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from players.errors import CertificateUnknown, CredentialRefused, OutputError, UnknownKey, WireError
from players.messages import Heartbeat, PlaybackReport
from players.node.airing import needs_server, next_wake
from players.node.condition import Condition
from players.node.cueing import Cueing, kept_clips, made_room
from players.node.data_budget import FURTHEST, ahead_by_budget, month_at
from players.node.errors import ClipRefused
from players.node.events import (
    Action,
    Answer,
    ClipStored,
    ClipTrouble,
    Event,
    Go,
    Leaving,
    Refuse,
    Spread,
    StartAnew,
    Tell,
    Tick,
    Woke,
)
from players.node.fetch import ClipFetcher
from players.node.keeping import Keeper
from players.node.link import GATHER_IN_EMERGENCY_S, GATHER_S, Link
from players.node.parts import NodeParts
from players.node.player import Player
from players.node.renewing import Renewing
from players.node.shelves import Shelves
from players.node.state import NodeState, Phase
from players.node.status import NodeStatus, StatusFile
from players.node.step import step
from players.topics import Topics

log = logging.getLogger(__name__)

LEAVE_WITHIN_S = 2.0
URGENT_WAITS_S, PLANNED_WAITS_S = 0.1, 1.0
"""So long at most what is to sound waits for the card."""
_LONGEST_SLEEP_S = 60.0
_DEFAULT_HEARTBEAT_S = 15.0


class Agent:
    """Runs a node from its parts."""

    def __init__(self, parts: NodeParts) -> None:
        self._parts = parts
        self._state = parts.state
        self._clock = parts.clock
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._was_trusted = False
        self._leaving = asyncio.Event()
        self._keeper = Keeper(parts.store, parts.clock, lambda: self._state, self._told)
        self._clips = Shelves(parts.clips, parts.memory_clips)
        self._player = Player(
            parts.outputs,
            self._clips,
            parts.clock,
            parts.stream_of,
            parts.relay_of,
            self.emit,
            lambda: self._state.spares_data,
        )
        self._condition = Condition(parts, self._keeper, lambda: self._state)
        self._spread: Callable[[bytes], None] = _nobody_hears
        self._status_file = StatusFile(parts.data_dir)
        self._line_trouble: WireError | None = None
        self._link = Link(parts.credentials, parts.transport, parts.clock, self)
        self._renewing = Renewing(
            parts.credentials, parts.server_url, parts.client, self._known_time, self._keys_changed
        )
        self._cueing = Cueing(
            ClipFetcher(parts.client, parts.ticket),
            self._clips,
            parts.clock,
            lambda: self._state,
            self.emit,
            ahead=self._ahead,
            jitter_s=parts.jitter_s,
        )

    async def run(self) -> None:
        """Play until `leave` is called, then end what sounds, say so, and return."""
        clips = await asyncio.to_thread(self._clips.scan)
        self.emit(Woke(clips, await self._keeper.progress(), has_forgotten=self._parts.store.has_forgotten))
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
        await self._keeper.stored(LEAVE_WITHIN_S)

    # Events

    def emit(self, event: Event) -> None:
        """Take an event; on the event loop only."""
        self._events.put_nowait(event)

    async def answers(self) -> bool:
        """For the watchdog: returns when all that had happened is dealt with, its state stored; whether outputs do.

        While there is an emergency the card is not waited for: a new process would cut it, and find the same card.
        """
        self.emit(Tick())
        await self._events.join()
        if not self._has_emergency:
            await self._keeper.stored()
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
        self._state, actions = step(self._spared(former), event, now)
        self._keeper.save(self._state, [action.report for action in actions if isinstance(action, Tell)])
        self._tell_trust(is_trusted=now.trusted)
        for action in actions:
            if isinstance(action, Go):
                await self._write_down(action)
            self._do(action)
        if former.zones != self._state.zones:
            self._link.zones_changed()
        if former.config is not self._state.config:
            self._follow_config()
        if former is not self._state:
            self._cueing.nudge()
        has_other = (former.packs, former.clips) != (self._state.packs, self._state.clips)
        if has_other and self._state.has_pack and not former.has_pack:
            self._announce("pack", clips=len(self._state.pack_clips))

    async def _write_down(self, action: Go) -> None:
        """Have it on the card that it sounds before it does, or it could again after a power cut."""
        is_urgent = self._state.tracks[action.broadcast].is_emergency
        if not await self._keeper.stored(URGENT_WAITS_S if is_urgent else PLANNED_WAITS_S):
            # Silence would be worse than a second time.
            log.warning("%s sounds before it is written down: the card is slow", action.broadcast)

    def _tell_trust(self, *, is_trusted: bool) -> None:
        """Say at once when the time has become known well enough, or is not any more."""
        if is_trusted is not self._was_trusted:
            self._was_trusted = is_trusted
            self._announce("clock", trusted=is_trusted, error_ms=self._clock.error_ms)
            self._link.heartbeat_now()

    def _do(self, action: Action) -> None:
        match action:
            case Tell():
                pass  # once it is written down: see `_told`
            case Refuse(what, why):
                self._refuse(what, why)
            case Spread(signed):
                self._announce("started-here")
                self._spread(signed.encode("ascii"))
            case StartAnew(order):
                self._announce("restarting", order=order)
                self._condition.restarting = order
                self.leave()
            case Answer(message):
                self._announce("rehearsed", order=message.order, error=message.error)
                self._link.say_rehearsed(message)
            case _:
                self._player.carry_out(action)

    def _refuse(self, what: str, why: str) -> None:
        log.warning("not obeyed: %s: %s", what, why)
        self._condition.refused = self._condition.refused.one_more(f"{what}: {why}", self._clock.now().at)
        self._announce("refused", what=what, why=why)

    def _told(self, reports: Sequence[PlaybackReport]) -> None:
        for report in reports:
            self._announce_report(report)
        self._link.reports_waiting()

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

    def _keys_changed(self, has_missed: bool) -> None:
        if has_missed:
            self._link.connect_anew()
        self._link.heartbeat_now()

    def _ahead(self) -> timedelta | None:
        """How long before its minute a clip is fetched, by what is left of the month's data."""
        config, meter = self._state.config, self._parts.meter
        if config is None or config.data_mb is None or meter is None:
            return max(self._parts.ahead, FURTHEST)
        zone, budget = ZoneInfo(config.timezone), config.data_mb * 1_000_000
        return ahead_by_budget(self._parts.ahead, budget, meter.usage, self._clock.now().at, zone)

    def _follow_config(self) -> None:
        config, meter, clock = self._state.config, self._parts.meter, self._clock
        self._renewing.compare(config)
        if config is not None and meter is not None:
            timezone = config.timezone
            meter.count_by(lambda: month_at(clock.now(), timezone))

    def _spared(self, state: NodeState) -> NodeState:
        """The state with what the month's data allow by now."""
        spares = self._ahead() is None
        return state if state.spares_data is spares else replace(state, spares_data=spares)

    def _known_time(self) -> datetime | None:
        now = self._clock.now()
        return now.at if now.trusted else None

    # What the link asks (`link.Duties`)

    def zones(self) -> tuple[str, ...]:
        """See `Duties`."""
        return self._state.zones

    def heartbeat_s(self) -> float:
        """See `Duties`."""
        return _DEFAULT_HEARTBEAT_S if self._state.config is None else self._state.config.heartbeat_s

    def gather_s(self) -> float:
        """See `Duties`."""
        return GATHER_IN_EMERGENCY_S if self._has_emergency else GATHER_S

    @property
    def _has_emergency(self) -> bool:
        return any(track.is_emergency and track.phase is not Phase.DONE for track in self._state.tracks.values())

    def needs_server(self) -> bool:
        """See `Duties`."""
        return needs_server(self._state, self._clock.now())

    async def heartbeat(self) -> Heartbeat:
        """See `Duties`."""
        self._keep_status()
        return await self._condition.tell()

    async def pending_reports(self) -> list[PlaybackReport]:
        """See `Duties`."""
        return await self._keeper.pending()

    async def acknowledged(self, reports: Sequence[str]) -> None:
        """See `Duties`."""
        self._keeper.acknowledged(reports)

    async def clip_came(self, sha256: str, data: bytes) -> None:
        """See `Duties`."""
        if sha256 in self._state.clips:
            return
        try:
            keep, spare = kept_clips(self._state, self._clock.now().at)
            removed = await asyncio.to_thread(self._clips.put, sha256, data, keep, spare)
        except ClipRefused as error:
            log.warning("pushed clip %s: %s", sha256[:12], error.detail)
            self.emit(ClipTrouble(sha256, error.reason, error.detail))
            return
        for name in removed:
            self.emit(made_room(name))
        self.emit(ClipStored(sha256))
        self._cueing.settle(sha256)

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
