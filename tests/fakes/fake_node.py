"""A pole that speaks the real wire over any transport, keeps what it heard, and misbehaves on demand.

It sounds nothing and waits for nothing: what it is ordered to play it reports at once as played in time, by the times
the order names. Its verbs: `keeps_silent`, `holds_back` and `release`, `repeats`, `fails_with`, `plays_on`, `queues`
and `begins`, `ends`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import count

from players.messages import (
    CuedBroadcast,
    Emergencies,
    Heartbeat,
    NodeActivity,
    NodeConfig,
    Outcome,
    Play,
    PlaybackReport,
    Reason,
    Rehearse,
    Rehearsed,
    ReportAck,
    Restart,
    Stop,
    Timetable,
)
from players.signing import open_order, open_signed
from players.topics import Topics
from players.transport import Connection, Incoming, Transport


class FakeNode:
    """One pole, with the public keys it has pinned."""

    def __init__(
        self,
        transport: Transport,
        topics: Topics,
        node: str,
        zones: Sequence[str],
        keys: Sequence[dict[str, str]],
        clock: Callable[[], datetime],
    ) -> None:
        self.node = node
        self.timetables: list[Timetable] = []
        self.configs: list[NodeConfig] = []
        self.emergencies: list[Emergencies] = []
        self.orders: list[Play | Stop] = []
        self.clips: dict[str, bytes] = {}
        self.acked: list[str] = []
        self.heard: list[str] = []
        """The kinds of what came, in order: "clip" before "play" says that the bytes came first."""
        self.keeps_silent = False
        self.holds_back = False
        self.plays_on = False
        self.rehearsed: list[Rehearse] = []
        self.restarts: list[Restart] = []
        self.cannot_decode: str | None = None
        self.repeats = 1
        self.fails_with: Reason | None = None
        self.playing: str | None = None
        self.queues: list[str] = []
        """What waits there for its turn, by its heartbeats."""
        self.played: list[str] = []
        self.made: set[str] = set()
        """The reports it has written."""
        self._transport, self._topics, self._zones, self._keys, self._clock = transport, topics, zones, keys, clock
        self._held: list[PlaybackReport] = []
        self._numbers = count(1)
        self._connection: Connection | None = None
        self._news = asyncio.Condition()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["FakeNode"]:
        """Connected and listening."""
        async with self._transport.connect() as connection:
            topics = [
                *self._topics.for_node(self.node),
                *(t for zone in self._zones for t in self._topics.for_zone(zone)),
            ]
            await connection.subscribe(*topics)
            self._connection = connection
            listening = asyncio.create_task(self._listen(connection))
            try:
                yield self
            finally:
                listening.cancel()
                await asyncio.wait({listening})
                self._connection = None

    async def until(self, is_so: Callable[["FakeNode"], object], within_s: float = 10) -> None:
        """Wait until something was heard."""
        async with asyncio.timeout(within_s), self._news:
            await self._news.wait_for(lambda: is_so(self))

    @property
    def listed(self) -> list[str]:
        """What the last timetable lists."""
        return [item.broadcast for item in self.timetables[-1].broadcasts] if self.timetables else []

    async def plays_listed(self, broadcast: str) -> None:
        """Its minute has come: it plays what its timetable lists."""
        await self._play(next(item for item in self.timetables[-1].broadcasts if item.broadcast == broadcast))

    async def begins(self, broadcast: str) -> None:
        """What had waited for others has its turn."""
        self.queues.remove(broadcast)
        self.playing = broadcast
        await self._say(self._report(broadcast, Outcome.PLAYING, self._clock()))

    async def ends(self, lasted: timedelta) -> None:
        """What it plays is over now."""
        assert self.playing is not None
        self.played.append(self.playing)
        await self._say(self._report(self.playing, Outcome.PLAYED, self._clock() - lasted, self._clock()))
        self.playing = None

    async def says_cued(self, broadcast: str) -> None:
        """Its clips are in its store."""
        await self._say(self._report(broadcast, Outcome.CUED))

    async def beats(self) -> None:
        """A heartbeat."""
        beat = Heartbeat(
            node=self.node,
            at=self._clock(),
            activity=NodeActivity.PLAYING if self.playing else NodeActivity.IDLE,
            broadcast=self.playing,
            cued=tuple(self.queues),
            output="silent",
            outbox=len(self._held),
            disk_free_bytes=1,
            version="fake",
        )
        await self._publish(self._topics.heartbeat(self.node), beat.to_json())

    async def release(self) -> None:
        """Say what was held back."""
        self.holds_back = False
        held, self._held = self._held, []
        for report in held:
            await self._say(report)

    async def _listen(self, connection: Connection) -> None:
        async for message in connection.messages():
            await self._take(message)
            async with self._news:
                self._news.notify_all()

    async def _take(self, message: Incoming) -> None:
        match self._topics.parse(message.topic):
            case [_, _, "timetable"]:
                self.timetables.append(open_signed(message.payload, self._keys, Timetable, message.topic))
            case [_, _, "emergencies"]:
                self.emergencies.append(open_signed(message.payload, self._keys, Emergencies, message.topic))
            case [_, _, "config"]:
                self.configs.append(open_signed(message.payload, self._keys, NodeConfig, message.topic))
            case [_, _, "clips", sha256]:
                self.clips[sha256] = message.payload
                self.heard.append("clip")
            case [_, _, "acks"]:
                self.acked += ReportAck.from_json(message.payload).reports
            case [_, _, "orders"]:
                await self._ordered(open_order(message.payload, self._keys, message.topic))

    async def _ordered(self, order: Play | Stop | Rehearse | Restart) -> None:
        if isinstance(order, Rehearse):
            await self._rehearse(order)
        elif isinstance(order, Restart):
            self.restarts.append(order)
        else:
            await self._obey(order)

    async def _rehearse(self, order: Rehearse) -> None:
        """Decode at once what was pushed before."""
        if order in self.rehearsed:
            return
        self.rehearsed.append(order)
        error = self.cannot_decode or (None if order.clip.sha256 in self.clips else "the clip did not come")
        said = Rehearsed(node=self.node, order=order.order, at=self._clock(), output="silent", error=error)
        if not self.keeps_silent:
            await self._publish(self._topics.rehearsed(self.node), said.to_json())

    async def _obey(self, order: Play | Stop) -> None:
        held = next((known for known in self.orders if known.order == order.order), None)
        if isinstance(held, Play) and isinstance(order, Play) and held.item.growing:
            self.orders[self.orders.index(held)] = order
            await self._play(order.item)
            return
        self.orders.append(order)
        self.heard.append(order.kind)
        if held is not None:
            return
        if isinstance(order, Play):
            await self._play(order.item)
        elif not self.plays_on:
            self.playing = None
            await self._say(self._report(order.broadcast or "", Outcome.CUT, self._clock(), reason=Reason.STOPPED))

    async def _play(self, item: CuedBroadcast) -> None:
        self.playing = item.broadcast
        if self.fails_with is not None:
            await self._say(self._report(item.broadcast, Outcome.FAILED, reason=self.fails_with))
            return
        ends_at = item.starts_at + timedelta(milliseconds=item.duration_ms)
        await self._say(self._report(item.broadcast, Outcome.PLAYING, item.starts_at))
        if not self.plays_on and not item.growing:
            self.playing = None
            self.played.append(item.broadcast)
            await self._say(self._report(item.broadcast, Outcome.PLAYED, item.starts_at, ends_at))

    async def _say(self, report: PlaybackReport) -> None:
        self.made.add(report.report)
        if self.holds_back:
            self._held.append(report)
        elif not self.keeps_silent:
            for _ in range(self.repeats):
                await self._publish(self._topics.reports(self.node), report.to_json())

    async def _publish(self, topic: str, payload: bytes) -> None:
        assert self._connection is not None
        await self._connection.publish(topic, payload)

    def _report(
        self,
        broadcast: str,
        outcome: Outcome,
        started_at: datetime | None = None,
        finished_at: datetime | None = None,
        *,
        reason: Reason | None = None,
    ) -> PlaybackReport:
        return PlaybackReport(
            report=f"{self.node}-{next(self._numbers)}",
            node=self.node,
            broadcast=broadcast,
            outcome=outcome,
            at=self._clock(),
            started_at=started_at,
            finished_at=finished_at,
            output="silent",
            reason=reason,
        )
