"""The server's end of the wire: signs what goes down, checks what comes up."""

import asyncio
import hashlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from players.errors import MalformedMessage, SubscriptionRefused, TransportClosed
from players.messages import (
    MAX_PUSHED_CLIP_BYTES,
    Emergencies,
    Heartbeat,
    Message,
    NodeConfig,
    Play,
    PlaybackReport,
    PreparedPack,
    Presence,
    Rehearse,
    Rehearsed,
    ReportAck,
    Restart,
    Stop,
    TimeReply,
    TimeRequest,
    Timetable,
)
from players.presence import PresenceBoard
from players.presence_watch import PresenceWatch
from players.report_intake import ReportIntake
from players.signing import CommuneKey, sign
from players.topics import Topics
from players.transport import Connection, Incoming, Transport
from players.uplink import KINDS, Allowance, FromNode, read_from_node

log = logging.getLogger(__name__)


FIRST_PAUSE_S = 0.5
MOST_PAUSE_S = 30.0
WELL_AFTER_S = 10.0
KEPT_REFUSALS = 50


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message from a node's topic that was not accepted."""

    at: datetime
    node: str
    kind: str
    why: str


class Hub:
    """Speaks with all nodes of a commune.

    Sending raises `TransportClosed` while there is no connection: what matters is in the database, and `on_connected`
    sends it again.

    Args:
        transport: Where the broker is.
        topics: The commune's.
        key: The commune's; nodes have it pinned.
        presence: Told of every heartbeat.
        clock: The present.
        store_reports: Commits reports; raises to keep them unacknowledged, so that the nodes send them again.
        on_connected: Publishes all retained documents; called at every connection, again until it succeeds.
        on_change: Told what has changed, for live pages: "broker", "presence", "deliveries", "refusals".
        may_tell_time: Asked before the time is signed: a server that does not know it tells none.
    """

    def __init__(
        self,
        transport: Transport,
        topics: Topics,
        key: CommuneKey,
        presence: PresenceBoard,
        clock: Callable[[], datetime],
        store_reports: Callable[[Sequence[PlaybackReport]], Awaitable[None]],
        on_connected: Callable[[], Awaitable[None]],
        on_change: Callable[[str], None],
        may_tell_time: Callable[[], bool] = lambda: True,
    ) -> None:
        self._may_tell_time = may_tell_time
        self._transport = transport
        self._topics = topics
        self._key = key
        self._presence = PresenceWatch(presence, clock, lambda: on_change("presence"))
        self._clock = clock
        self._on_connected = on_connected
        self._on_change = on_change
        self._connection: Connection | None = None
        self._intake = ReportIntake(store_reports, self._acknowledge)
        self._refusals: deque[Refusal] = deque(maxlen=KEPT_REFUSALS)
        self._allowances: dict[str, Allowance] = {}
        self._answering: dict[str, asyncio.Task[None]] = {}
        self._rehearsal_listeners: list[Callable[[Rehearsed], None]] = []

    @property
    def connected(self) -> bool:
        """Whether messages can be sent."""
        return self._connection is not None

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """The last messages that were not accepted, oldest first."""
        return tuple(self._refusals)

    def listen_to_rehearsals(self, take: Callable[[Rehearsed], None]) -> None:
        """Have this called, on the event loop, with each answer to a `Rehearse`."""
        self._rehearsal_listeners.append(take)

    def sign_with(self, key: CommuneKey) -> None:
        """Sign with another key from now on; what is retained must be published again."""
        self._key = key

    async def run(self) -> None:
        """Stay connected, with a growing pause between attempts, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._intake.run())
            tasks.create_task(self._presence.run())
            tasks.create_task(self._stay_connected())

    # Down

    async def publish_timetable(self, document: Timetable) -> None:
        """Replace the timetable of a zone.

        Raises:
            TransportClosed: there is no connection.
            MalformedMessage: it is larger than a node would accept.
        """
        await self._publish(self._topics.timetable(document.zone), document, retain=True)

    async def publish_config(self, document: NodeConfig) -> None:
        """Replace the configuration of a node. Raises as `publish_timetable`."""
        await self._publish(self._topics.config(document.node), document, retain=True)

    async def publish_emergencies(self, document: Emergencies) -> None:
        """Replace the list of active emergencies of a zone. Raises as `publish_timetable`."""
        await self._publish(self._topics.emergencies(document.zone), document, retain=True)

    async def publish_pack(self, document: PreparedPack) -> None:
        """Replace the prepared messages of a zone. Raises as `publish_timetable`."""
        await self._publish(self._topics.prepared(document.zone), document, retain=True)

    async def send_order(
        self, order: Play | Stop | Rehearse | Restart, *, zones: Sequence[str] = (), nodes: Sequence[str] = ()
    ) -> None:
        """Send one order to all nodes of some zones, and to some nodes. A node obeys it once however often it comes.

        Raises:
            TransportClosed: the broker did not confirm it for every zone and node; it may have reached some.
        """
        topics = [*map(self._topics.zone_orders, zones), *map(self._topics.node_orders, nodes)]
        await _all_of([self._publish(topic, order) for topic in topics])

    async def push_clip(self, zones: Sequence[str], sha256: str, data: bytes) -> None:
        """Send a clip's bytes to some zones, ahead of the order that names them by their hash.

        Raises:
            ValueError: it is too large to be pushed, or not the clip it is said to be.
            TransportClosed: as `send_order`.
        """
        if len(data) > MAX_PUSHED_CLIP_BYTES:
            raise ValueError(f"a clip of {len(data)} bytes is too large to be pushed")
        if hashlib.sha256(data).hexdigest() != sha256:
            raise ValueError(f"these bytes are not the clip {sha256}")
        await _all_of([self._send(self._topics.clip(zone, sha256), data) for zone in zones])

    async def forget_documents(self, *, zones: Sequence[str] = (), nodes: Sequence[str] = ()) -> None:
        """Have the broker forget what it keeps for zones or nodes that are no more. Raises as `send_order`."""
        of_zone = (self._topics.timetable, self._topics.emergencies, self._topics.prepared)
        kept = [topic(zone) for zone in zones for topic in of_zone]
        kept += [topic for node in nodes for topic in (self._topics.config(node), self._topics.presence(node))]
        await _all_of([self._send(topic, b"", retain=True) for topic in kept])

    async def _publish(self, topic: str, message: Message, *, retain: bool = False) -> None:
        # A timetable of thousands of broadcasts takes a while to write and sign.
        signed = await asyncio.to_thread(sign, message, self._key, topic)
        await self._send(topic, signed, retain=retain)

    async def _send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        connection = self._connection
        if connection is None:
            raise TransportClosed("the server is not connected to the broker")
        await connection.publish(topic, payload, retain=retain)

    # Connection

    async def _stay_connected(self) -> None:
        loop, pause_s = asyncio.get_running_loop(), FIRST_PAUSE_S
        while True:
            begun = loop.time()
            try:
                async with self._transport.connect() as connection:
                    await self._session(connection)
            except (TransportClosed, SubscriptionRefused) as error:
                log.warning("the broker: %s; again in %.1f s", error, pause_s)
            if loop.time() - begun >= WELL_AFTER_S:
                pause_s = FIRST_PAUSE_S
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, MOST_PAUSE_S)

    async def _session(self, connection: Connection) -> None:
        """Serve one connection until it is lost."""
        await connection.subscribe(*self._topics.from_nodes())
        self._connection = connection
        self._on_change("broker")
        greeting = asyncio.create_task(self._greet())
        try:
            async for message in connection.messages():
                self._take(message)
                # A node that floods us must not keep everyone else from their turn.
                await asyncio.sleep(0)
        finally:
            self._connection = None
            greeting.cancel()
            await asyncio.wait({greeting})
            self._on_change("broker")

    async def _greet(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                await self._on_connected()
            except TransportClosed:
                return
            # Whatever the database says, the wire goes on; the documents must be published in the end.
            except Exception:
                log.exception("the documents could not be published; again in %.1f s", pause_s)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, MOST_PAUSE_S)
            else:
                return

    # Up

    def _take(self, message: Incoming) -> None:
        match self._topics.parse(message.topic):
            case ["nodes", node, kind] if kind in KINDS:
                if not self._is_allowed(node, kind):
                    return
                try:
                    if message.payload or kind != "presence":  # an empty one forgets what was kept
                        self._heard(node, read_from_node(node, kind, message.payload), is_live=not message.retained)
                except MalformedMessage as error:
                    self._refuse(node, kind, str(error))
            case _:
                log.warning("a message on a topic that nobody asked for: %s", message.topic)

    def _is_allowed(self, node: str, kind: str) -> bool:
        allowance = self._allowances.setdefault(node, Allowance())
        is_allowed = allowance.take(asyncio.get_running_loop().time())
        if not is_allowed and allowance.tell_once():
            self._refuse(node, kind, "too many messages")
        return is_allowed

    def _refuse(self, node: str, kind: str, why: str) -> None:
        log.warning("refused from %s: %s: %s", node, kind, why)
        self._refusals.append(Refusal(self._clock(), node, kind, why))
        self._on_change("refusals")

    def _heard(self, node: str, message: FromNode, *, is_live: bool) -> None:
        match message:
            case PlaybackReport():
                self._intake.take(message)
            case Heartbeat():
                self._presence.heard(message)
            case TimeRequest() if self._may_tell_time():
                self._answer_later(node, message)
            case TimeRequest():
                log.warning("%s asked for the time, which this server does not know", node)
            case Rehearsed():
                for take in self._rehearsal_listeners:
                    take(message)
            case Presence(online=True) if is_live:
                self._presence.lives(node)
            case Presence():
                self._presence.hint(message)

    def _answer_later(self, node: str, request: TimeRequest) -> None:
        """Answer beside the reading; a node that asks faster than it is answered is answered once."""
        if node not in self._answering:
            task = asyncio.create_task(self._answer(node, request))
            self._answering[node] = task
            task.add_done_callback(lambda _: self._answering.pop(node, None))

    async def _answer(self, node: str, request: TimeRequest) -> None:
        topic = self._topics.time(node)
        # Read as late as possible: what lies between this and sending is an error of the node's clock.
        reply = TimeReply(commune=self._topics.commune, node=node, nonce=request.nonce, server_at=self._clock())
        try:
            await self._send(topic, sign(reply, self._key, topic))
        except TransportClosed:
            log.debug("%s asked for the time and was not answered", node)

    async def _acknowledge(self, reports: Sequence[PlaybackReport]) -> None:
        """Tell each node which of its reports are stored. If that is lost, they come again and are told again."""
        self._on_change("deliveries")
        by_node: dict[str, list[str]] = {}
        for report in reports:
            by_node.setdefault(report.node, []).append(report.report)
        acks = {self._topics.acks(node): ReportAck(reports=tuple(ids)) for node, ids in by_node.items()}
        try:
            await _all_of([self._send(topic, ack.to_json()) for topic, ack in acks.items()])
        except TransportClosed:
            log.info("%d reports are stored and will be acknowledged when they come again", len(reports))


async def _all_of(calls: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Do all of them, also when one fails; then raise its error."""
    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
