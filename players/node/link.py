"""The node's end of the wire: connects, hears, checks signatures, and sends what the agent has to say."""

import asyncio
import logging

from players.errors import CertificateUnknown, CredentialRefused, SubscriptionRefused, TransportClosed, WireError
from players.messages import (
    AS_IT_WAS,
    Presence,
    Rehearsed,
    TimeRequest,
)
from players.node.clock import LONGEST_CALM_S, NodeClock
from players.node.credentials import Credentials
from players.node.duties import Duties
from players.node.fetch import spread_s
from players.node.hearing import Ear
from players.node.line_watch import watching_line
from players.node.pulse import WHOLE_EVERY_S, is_news
from players.topics import Topics
from players.transport import Connection, Transport

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.5
SHORT_PAUSE_S = 1.5
"""From try to try: a line that comes back within `SHORT_FOR_S` is taken within this, and what should sound does within
two seconds."""
LEAST_PAUSE_S = 0.3
SHORT_FOR_S = 600.0
LONGEST_PAUSE_S = 8.0
"""After that, and where the node is refused: each try costs the SIM card a little."""
RESEND_S = 10.0
"""A report that was not acknowledged goes out again after this."""
GATHER_S = 0.1
"""What is to sound comes before telling of it: so long is gathered what there is to tell."""
GATHER_IN_EMERGENCY_S = 1.0
"""The same while an emergency sounds: its words come first, at every pole, and through the same server."""
QUICK_REQUESTS = 8
MOST_QUICK_REQUESTS = 24
"""So many in all, until the clock is close: poles within earshot of each other are to begin together."""
CLOSE_MS = 1.0
QUICK_PAUSE_S = 0.3
CALM_REQUESTS = 3
"""So many in a row once it is close: the mean of three is steadier than each."""


class Link:
    """Keeps the node connected.

    Args:
        credentials: who the node is, and whom it obeys.
        transport: with the node's last will in it.
        clock: asked for nonces and given the answers.
        duties: the agent.
    """

    def __init__(self, credentials: Credentials, transport: Transport, clock: NodeClock, duties: Duties) -> None:
        self._identity = credentials
        self._topics = Topics(credentials.commune)
        self._transport = transport
        self._clock = clock
        self._duties = duties
        self._ear = Ear(credentials, clock, duties)
        self._connection: Connection | None = None
        self._news = asyncio.Event()
        self._zones_changed = asyncio.Event()
        self._heartbeat_due = asyncio.Event()
        self._acknowledged = asyncio.Event()
        self._anew = asyncio.Event()
        self._try_now = asyncio.Event()
        self._rehearsed: asyncio.Queue[Rehearsed] = asyncio.Queue()
        self._asked = 0
        """How often the time was asked for since it was unknown, or old."""

    @property
    def connected(self) -> bool:
        """Whether the broker is reached."""
        return self._connection is not None

    def reports_waiting(self) -> None:
        """There are new reports, or something a heartbeat should say at once."""
        self._news.set()
        self._heartbeat_due.set()

    def heartbeat_now(self) -> None:
        """Something has changed that the next heartbeat should not be waited for."""
        self._heartbeat_due.set()

    def connect_anew(self) -> None:
        """Keys or password have changed: connect by them, and hear again what is retained."""
        self._anew.set()
        self._try_now.set()

    def say_rehearsed(self, message: Rehearsed) -> None:
        """Tell the server what came of a rehearsal."""
        self._rehearsed.put_nowait(message)

    def zones_changed(self) -> None:
        """The node belongs to other zones now."""
        self._zones_changed.set()

    async def run(self) -> None:
        """Connect, and again when the connection is lost, until cancelled."""
        with watching_line(self._try_now.set, self.connect_anew):
            await self._stay_connected()

    async def _stay_connected(self) -> None:
        pause_s: float | None = None
        lost_at = self._clock.monotonic()
        while True:
            began, trouble, was_connected = self._clock.monotonic(), None, False
            try:
                async with self._transport.connect() as connection:
                    await self._session(connection)
            except* WireError as group:
                error = group.exceptions[0]
                log.info("not connected: %s", error)
                trouble = error
                if isinstance(error, WireError):
                    self._duties.not_let_in(error)
            finally:
                if self._connection is not None:
                    self._connection, was_connected = None, True
                    lost_at = self._clock.monotonic()
                    self._duties.connection_changed(connected=False)
            now = self._clock.monotonic()
            pause_s = pause_after(pause_s, now - began, longest_pause(trouble, now - lost_at))
            if self._duties.needs_server():
                pause_s = FIRST_PAUSE_S
            tried_s = 0.0 if was_connected else now - began
            await _wait(self._try_now, max(LEAST_PAUSE_S, pause_s - tried_s))
            self._try_now.clear()
            self._anew.clear()

    async def farewell(self, limit_s: float) -> None:
        """Say how it is, send what is waiting, and that it leaves, each as far as that goes in so many seconds."""
        connection = self._connection
        if connection is None:
            return
        try:
            async with asyncio.timeout(limit_s):
                last = await self._duties.heartbeat()
                await connection.publish(self._topics.heartbeat(last.node), last.to_json())
        except (TimeoutError, TransportClosed):
            log.info("could not say how the node is")
        try:
            async with asyncio.timeout(limit_s):
                while reports := await self._duties.pending_reports():
                    self._acknowledged.clear()
                    for report in reports:
                        await connection.publish(self._topics.reports(report.node), report.to_json())
                    await self._acknowledged.wait()
        except (TimeoutError, TransportClosed):
            log.info("reports stay here until the next start")
        try:
            async with asyncio.timeout(limit_s):
                await self._say_presence(connection, online=False)
        except (TimeoutError, TransportClosed):
            log.info("could not take leave of the server")

    async def _session(self, connection: Connection) -> None:
        node, topics = self._identity.node, self._topics
        await connection.subscribe(topics.time(node), topics.acks(node), topics.config(node), topics.node_orders(node))
        self._connection = connection
        self._duties.connection_changed(connected=True)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._hear(connection))
            tasks.create_task(self._keep_time(connection))
            tasks.create_task(self._follow_zones(connection))
            await self._say_presence(connection, online=True)
            tasks.create_task(self._send_heartbeats(connection))
            tasks.create_task(self._send_reports(connection))
            tasks.create_task(self._send_rehearsed(connection))
            tasks.create_task(self._end_when_asked())

    async def _end_when_asked(self) -> None:
        await self._anew.wait()
        raise TransportClosed("keys have changed: connecting anew")

    async def _say_presence(self, connection: Connection, *, online: bool) -> None:
        node = self._identity.node
        presence = Presence(node=node, online=online)
        await connection.publish(self._topics.presence(node), presence.to_json(), retain=True)

    async def _follow_zones(self, connection: Connection) -> None:
        subscribed: set[str] = set()
        while True:
            self._zones_changed.clear()
            for zone in set(self._duties.zones()) - subscribed:
                topics = self._topics
                try:
                    await connection.subscribe(
                        topics.zone_orders(zone),
                        topics.clip(zone, "+"),
                        topics.emergencies(zone),
                        topics.prepared(zone),
                        topics.timetable(zone),
                    )
                except SubscriptionRefused as error:
                    log.warning("%s", error)
                else:
                    subscribed.add(zone)
            await self._zones_changed.wait()

    async def _keep_time(self, connection: Connection) -> None:
        age_ms = self._clock.age_ms
        if age_ms is None or age_ms > LONGEST_CALM_S * 1000:
            self._asked = 0  # a line that breaks every few minutes brings no new clock each time
        while True:
            request = TimeRequest(nonce=self._clock.ask())
            await connection.publish(self._topics.time_request(self._identity.node), request.to_json())
            self._asked += 1
            await asyncio.sleep(self._until_next_ask_s())

    def _until_next_ask_s(self) -> float:
        if not self._is_calm:
            return QUICK_PAUSE_S * min(self._asked, 10)
        # Poles that came back together, with the server, would ask together from then on.
        calm_s = self._clock.calm_s
        return calm_s - spread_s(self._identity.node, str(self._asked), calm_s / 4)

    @property
    def _is_calm(self) -> bool:
        """Whether the server was asked often enough for now."""
        if self._asked < QUICK_REQUESTS or self._asked % CALM_REQUESTS or not self._clock.trusted:
            return False
        return self._asked >= MOST_QUICK_REQUESTS or (self._clock.error_ms or 0.0) <= CLOSE_MS

    async def _send_heartbeats(self, connection: Connection) -> None:
        told, told_at = None, 0.0
        while True:
            self._heartbeat_due.clear()
            heartbeat, now = await self._duties.heartbeat(), self._clock.monotonic()
            if now - told_at >= WHOLE_EVERY_S or is_news(told, heartbeat):
                await connection.publish(self._topics.heartbeat(self._identity.node), heartbeat.to_json())
                told, told_at = heartbeat, now
            else:
                await connection.publish(self._topics.heartbeat(self._identity.node), AS_IT_WAS)
            await _wait(self._heartbeat_due, self._duties.heartbeat_s())
            await asyncio.sleep(self._duties.gather_s())

    async def _send_rehearsed(self, connection: Connection) -> None:
        while True:
            message = await self._rehearsed.get()
            await connection.publish(self._topics.rehearsed(message.node), message.to_json())

    async def _send_reports(self, connection: Connection) -> None:
        sent: dict[str, float] = {}
        while True:
            self._news.clear()
            reports = await self._duties.pending_reports()
            now = self._clock.monotonic()
            sent = {report.report: sent[report.report] for report in reports if report.report in sent}
            for report in reports:
                if now - sent.get(report.report, -RESEND_S) >= RESEND_S:
                    await connection.publish(self._topics.reports(report.node), report.to_json())
                    sent[report.report] = now
            await _wait(self._news, RESEND_S)
            await asyncio.sleep(self._duties.gather_s())

    async def _hear(self, connection: Connection) -> None:
        async for message in connection.messages():
            try:
                if await self._ear.hear(message):
                    self._acknowledged.set()
                    self._news.set()
            except WireError as error:
                self._duties.not_obeyed(message.topic, error)


def pause_after(before_s: float | None, lasted_s: float, at_most_s: float) -> float:
    """How long to wait before connecting again: longer each time, unless the last connection held for a while."""
    if before_s is None or lasted_s > LONGEST_PAUSE_S:
        return FIRST_PAUSE_S
    return min(at_most_s, before_s * 2)


def longest_pause(trouble: BaseException | None, alone_s: float) -> float:
    """How long that pause is at most, by what the last try met and how long there was no connection."""
    is_refused = isinstance(trouble, CredentialRefused | CertificateUnknown)
    return LONGEST_PAUSE_S if is_refused or alone_s >= SHORT_FOR_S else SHORT_PAUSE_S


async def _wait(event: asyncio.Event, limit_s: float) -> None:
    """Wait for an event, at most so long."""
    try:
        async with asyncio.timeout(limit_s):
            await event.wait()
    except TimeoutError:
        return
