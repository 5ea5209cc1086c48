"""One contract, two transports: the broker in this process, and a real Mosquitto."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import aiomqtt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from players.broker import MosquittoBroker
from players.child import Pauses
from players.errors import CredentialRefused, PlayersError, TransportClosed
from players.memory import MemoryBroker, MemoryTransport
from players.mqtt import MqttTransport
from players.topics import Topics, topic_matches
from players.transport import Connection, Incoming, Transport
from tests.light.wire import LeanTransport

TOPICS = Topics("hoa-binh-an")
NODES = ("loa-1", "loa-2")
ZONE = "thon-dong"
ORDERS = TOPICS.zone_orders(ZONE)


class Wire(Protocol):
    """What the contract needs of each implementation: the server's end, a node's end, and ways to break it."""

    def server(self) -> Transport: ...
    def node(self, name: str, will: Incoming | None = None) -> Transport: ...
    async def cut(self, name: str) -> None: ...
    async def crash(self) -> None: ...


class MemoryWire:
    """The broker in this process."""

    def __init__(self) -> None:
        self.broker = MemoryBroker()

    def server(self) -> Transport:
        return MemoryTransport(self.broker, "server")

    def node(self, name: str, will: Incoming | None = None) -> Transport:
        return MemoryTransport(self.broker, name, will)

    async def cut(self, name: str) -> None:
        self.broker.cut(name)

    async def crash(self) -> None:
        self.broker.stop()


class Relay:
    """A TCP relay that can be cut like a cable."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> asyncio.Server:
        server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        self._writers |= {writer, far_writer}
        await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()


class MqttWire:
    """A real Mosquitto; each node behind a relay of its own."""

    def __init__(
        self,
        broker: MosquittoBroker,
        relays: dict[str, Relay],
        transport: type[MqttTransport | LeanTransport] = MqttTransport,
    ) -> None:
        self.broker = broker
        self.relays = relays
        self._transport = transport

    def server(self) -> Transport:
        return self.broker.hub_transport()

    def node(self, name: str, will: Incoming | None = None) -> Transport:
        return self._transport("127.0.0.1", self.relays[name].port, name, name, f"password of {name}", will)

    async def cut(self, name: str) -> None:
        self.relays[name].cut()

    async def crash(self) -> None:
        self.broker.kill()


@asynccontextmanager
async def mqtt_wire(
    folder: Path, transport: type[MqttTransport | LeanTransport] = MqttTransport
) -> AsyncIterator[MqttWire]:
    broker = MosquittoBroker(
        folder / "broker", TOPICS, clock=lambda: datetime.now(UTC), pauses=Pauses(first_s=5, most_s=5)
    )
    await broker.start()
    relays = {name: Relay(broker.port) for name in NODES}
    servers = [await relay.start() for relay in relays.values()]
    try:
        for name in NODES:
            await broker.admin().add_node(name, f"password of {name}", [ZONE])
        yield MqttWire(broker, relays, transport)
    finally:
        for relay, server in zip(relays.values(), servers, strict=True):
            relay.cut()
            server.close()
            await server.wait_closed()
        await broker.stop()


@asynccontextmanager
async def memory_wire(_: Path) -> AsyncIterator[MemoryWire]:
    yield MemoryWire()


def lean_wire(folder: Path) -> AbstractAsyncContextManager[MqttWire]:
    return mqtt_wire(folder, LeanTransport)


@pytest.fixture(params=[memory_wire, mqtt_wire, lean_wire], ids=["memory", "mqtt", "lean"])
async def wire(request: pytest.FixtureRequest, open_folder: Path) -> AsyncIterator[Wire]:
    make: Callable[[Path], AbstractAsyncContextManager[Wire]] = request.param
    async with make(open_folder) as made:
        yield made


async def take(connection: Connection, count: int = 1) -> list[Incoming]:
    found: list[Incoming] = []
    async with asyncio.timeout(10):
        async for message in connection.messages():
            found.append(message)
            if len(found) == count:
                break
    return found


async def lost(awaitable: Awaitable[object]) -> None:
    async with asyncio.timeout(10):
        with pytest.raises(TransportClosed):
            await awaitable


async def read_to_the_end(connection: Connection) -> list[Incoming]:
    found: list[Incoming] = []
    async with asyncio.timeout(10):
        try:
            async for message in connection.messages():
                found.append(message)  # noqa: PERF401 - the loop ends by an error
        except TransportClosed:
            return found
    pytest.fail("the messages ended without an error")


async def test_a_zone_wide_order_is_one_publish_and_reaches_every_node(wire: Wire) -> None:
    async with (
        wire.server().connect() as server,
        wire.node("loa-1").connect() as one,
        wire.node("loa-2").connect() as two,
    ):
        await one.subscribe(*TOPICS.for_zone(ZONE))
        await two.subscribe(*TOPICS.for_zone(ZONE))
        await server.publish(ORDERS, "lệnh\0".encode())
        for node in (one, two):
            assert await take(node) == [Incoming(ORDERS, "lệnh\0".encode(), retained=False)]


async def test_one_message_comes_once_although_two_subscriptions_match(wire: Wire) -> None:
    async with wire.server().connect() as server:
        await server.subscribe(TOPICS.heartbeat("+"), TOPICS.heartbeat("loa-1"))
        async with wire.node("loa-1").connect() as node:
            await node.publish(TOPICS.heartbeat("loa-1"), b"1")
            await node.publish(TOPICS.heartbeat("loa-1"), b"2")
        assert [message.payload for message in await take(server, 2)] == [b"1", b"2"]


async def test_who_did_not_ask_hears_nothing(wire: Wire) -> None:
    async with wire.server().connect() as server, wire.node("loa-1").connect() as node:
        await node.subscribe(TOPICS.node_orders("loa-1"))
        await server.publish(TOPICS.node_orders("loa-2"), b"for another")
        await server.publish(TOPICS.node_orders("loa-1"), b"for you")
        assert [message.payload for message in await take(node)] == [b"for you"]


async def test_what_is_kept_greets_who_comes_later_and_says_that_it_was_kept(wire: Wire) -> None:
    async with wire.server().connect() as server:
        await server.publish(TOPICS.timetable(ZONE), b"old", retain=True)
        await server.publish(TOPICS.timetable(ZONE), b"new", retain=True)
        async with wire.node("loa-1").connect() as node:
            await node.subscribe(*TOPICS.for_zone(ZONE))
            assert await take(node) == [Incoming(TOPICS.timetable(ZONE), b"new", retained=True)]
            await server.publish(TOPICS.timetable(ZONE), b"newer", retain=True)
            assert await take(node) == [Incoming(TOPICS.timetable(ZONE), b"newer", retained=False)]


async def test_an_empty_message_forgets_what_was_kept(wire: Wire) -> None:
    async with wire.server().connect() as server:
        await server.publish(TOPICS.timetable(ZONE), b"old", retain=True)
        await server.publish(TOPICS.timetable(ZONE), b"", retain=True)
        async with wire.node("loa-1").connect() as node:
            await node.subscribe(*TOPICS.for_zone(ZONE))
            await server.publish(ORDERS, b"only this")
            assert [message.payload for message in await take(node)] == [b"only this"]


WILL = Incoming(TOPICS.presence("loa-1"), b"gone", retained=True)


async def test_a_broken_line_sends_the_will(wire: Wire) -> None:
    async with wire.server().connect() as server:
        await server.subscribe(TOPICS.presence("+"))
        async with wire.node("loa-1", WILL).connect() as node:
            await node.publish(WILL.topic, b"here", retain=True)
            await wire.cut("loa-1")
            assert [message.payload for message in await take(server, 2)] == [b"here", b"gone"]
            await read_to_the_end(node)


async def test_a_node_that_takes_its_leave_sends_no_will(wire: Wire) -> None:
    async with wire.server().connect() as server:
        await server.subscribe(TOPICS.presence("+"), TOPICS.heartbeat("+"))
        async with wire.node("loa-1", WILL).connect() as node:
            await node.publish(WILL.topic, b"here", retain=True)
        async with wire.node("loa-2").connect() as other:
            await other.publish(TOPICS.heartbeat("loa-2"), b"after")
        assert [message.payload for message in await take(server, 2)] == [b"here", b"after"]


async def test_after_a_cut_everything_says_so_and_a_new_connection_works(wire: Wire) -> None:
    transport = wire.node("loa-1")
    async with transport.connect() as node:
        await node.subscribe(ORDERS)
        await wire.cut("loa-1")
        assert await read_to_the_end(node) == []
        await lost(node.publish(TOPICS.heartbeat("loa-1"), b"x"))
        await lost(node.subscribe(ORDERS))
        assert await read_to_the_end(node) == []
    async with transport.connect() as node, wire.server().connect() as server:
        await node.subscribe(ORDERS)
        await server.publish(ORDERS, b"again")
        assert [message.payload for message in await take(node)] == [b"again"]


async def test_what_came_before_the_cut_is_still_given(wire: Wire) -> None:
    async with wire.node("loa-1").connect() as node, wire.server().connect() as server:
        await node.subscribe(ORDERS, TOPICS.acks("loa-1"))
        await server.publish(ORDERS, b"first")
        await server.publish(TOPICS.acks("loa-1"), b"second")
        assert [message.payload for message in await take(node)] == [b"first"]
        await wire.cut("loa-1")
        assert [message.payload for message in await read_to_the_end(node)] == [b"second"]


async def test_sessions_are_clean_nothing_waits_for_who_was_away(wire: Wire) -> None:
    async with wire.server().connect() as server:
        async with wire.node("loa-1").connect() as node:
            await node.subscribe(ORDERS)
        await server.publish(ORDERS, b"while away")
        async with wire.node("loa-1").connect() as node:
            await node.subscribe(ORDERS)
            await server.publish(ORDERS, b"now")
            assert [message.payload for message in await take(node)] == [b"now"]


async def test_the_same_client_coming_again_takes_over(wire: Wire) -> None:
    async with wire.node("loa-1").connect() as first:
        await first.subscribe(ORDERS)
        async with wire.node("loa-1").connect() as second, wire.server().connect() as server:
            assert await read_to_the_end(first) == []
            await second.subscribe(ORDERS)
            await server.publish(ORDERS, b"x")
            assert [message.payload for message in await take(second)] == [b"x"]


async def test_a_broker_that_crashes_closes_every_connection_and_refuses_new_ones(wire: Wire) -> None:
    async with wire.server().connect() as server, wire.node("loa-1").connect() as node:
        waiting = asyncio.create_task(read_to_the_end(node))
        await wire.crash()
        assert await waiting == []
        await read_to_the_end(server)
    with pytest.raises(TransportClosed):
        async with wire.server().connect():
            pass


@pytest.mark.parametrize("topic", ["", "#", "loalang/+/x", "loalang/#"])
async def test_nobody_publishes_to_a_pattern(wire: Wire, topic: str) -> None:
    async with wire.server().connect() as server:
        with pytest.raises(ValueError, match="not a topic"):
            await server.publish(topic, b"x")
        await server.publish(ORDERS, b"the connection lives on")


async def test_many_at_once_all_arrive(wire: Wire) -> None:
    async with wire.server().connect() as server, wire.node("loa-1").connect() as node:
        await server.subscribe(TOPICS.reports("+"))
        await asyncio.gather(*(node.publish(TOPICS.reports("loa-1"), str(n).encode()) for n in range(500)))
        assert {int(message.payload) for message in await take(server, 500)} == set(range(500))


# What only MQTT can suffer: no foreign error escapes


@asynccontextmanager
async def speaking(answer: bytes | None) -> AsyncIterator[int]:
    """A server on a port that answers a connection with these bytes and hangs up; none: hangs up at once."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if answer is not None:
            await reader.read(1000)
            writer.write(answer)
            with suppress(OSError):
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def fails_to_connect(transport: Transport) -> TransportClosed:
    with pytest.raises(TransportClosed) as caught:
        async with transport.connect():
            pass
    return caught.value


@pytest.fixture
def short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("players.mqtt.CONNECT_WITHIN_S", 0.5)
    monkeypatch.setattr("players.mqtt.ANSWER_WITHIN_S", 0.5)


@pytest.mark.usefixtures("short_wait")
@pytest.mark.parametrize(
    "answer",
    [None, b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x20\x02\x00\x03", b"\xff" * 64, b"\x20\xff\xff\xff\xff"],
)
async def test_what_is_not_a_broker_is_a_closed_transport(answer: bytes | None) -> None:
    async with speaking(answer) as port:
        error = await fails_to_connect(MqttTransport("127.0.0.1", port, "loa", "loa", "x"))
    assert not isinstance(error, CredentialRefused)


@pytest.mark.usefixtures("short_wait")
@pytest.mark.parametrize("code", [1, 2, 3, 4, 5])
async def test_a_refusal_says_whether_it_is_us(code: int) -> None:
    async with speaking(bytes((0x20, 2, 0, code))) as port:
        error = await fails_to_connect(MqttTransport("127.0.0.1", port, "loa", "loa", "x"))
    assert isinstance(error, CredentialRefused) == (code in {2, 4, 5})


async def test_a_port_where_nobody_listens() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    assert "refused" in str(await fails_to_connect(MqttTransport("127.0.0.1", port, "loa", "loa", "x")))


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 70 + ".vn", "", "..", "xã.vn"])
async def test_a_host_that_cannot_be_found(host: str) -> None:
    await fails_to_connect(MqttTransport(host, 1883, "loa", "loa", "x"))


@pytest.mark.usefixtures("short_wait")
async def test_a_server_that_does_not_speak_tls() -> None:
    async with speaking(b"plain") as port:
        tls = ssl.create_default_context()
        error = await fails_to_connect(MqttTransport("127.0.0.1", port, "loa", "loa", "x", tls=tls))
    assert "SSL" in str(error)


@pytest.mark.parametrize("answer", [None, b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
async def test_a_connection_lost_before_the_answer_is_noticed_at_once(answer: bytes | None) -> None:
    async with speaking(answer) as port, asyncio.timeout(2):
        await fails_to_connect(MqttTransport("127.0.0.1", port, "loa", "loa", "x"))


@pytest.mark.usefixtures("short_wait")
async def test_who_was_not_answered_hangs_up() -> None:
    hung_up = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            pass
        hung_up.set()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    await fails_to_connect(MqttTransport("127.0.0.1", port, "loa", "loa", "x"))
    await asyncio.wait_for(hung_up.wait(), 5)
    server.close()
    await server.wait_closed()


@asynccontextmanager
async def silent_broker(*answers: bytes) -> AsyncIterator[int]:
    """Accepts and says nothing, but for the first packets."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.read(1000)
            writer.write(answer)
        while await reader.read(1000):
            pass
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


@pytest.mark.usefixtures("short_wait")
async def test_a_broker_that_accepts_and_says_nothing() -> None:
    async with silent_broker() as port:
        await fails_to_connect(MqttTransport("127.0.0.1", port, "loa", "loa", "x"))
    async with (
        silent_broker(b"\x20\x02\x00\x00") as port,
        MqttTransport("127.0.0.1", port, "loa", "loa", "x").connect() as connection,
    ):
        await lost(connection.publish("a", b"b"))
        await lost(connection.subscribe("a"))


async def test_giving_up_while_connecting_leaves_no_connection_behind(open_folder: Path) -> None:
    async with mqtt_wire(open_folder) as wire:
        transport = wire.node("loa-1", WILL)

        async def connect() -> None:
            async with transport.connect():
                await asyncio.Event().wait()

        for turns in (0, 1, 2, 3, 5, 8):
            connecting = asyncio.create_task(connect())
            for _ in range(turns):
                await asyncio.sleep(0)
            connecting.cancel()
            async with asyncio.timeout(10):
                with pytest.raises(asyncio.CancelledError):
                    await connecting
        # A connection left behind would throw this one out with its own will, or be thrown out by it.
        async with wire.server().connect() as server:
            await server.subscribe(TOPICS.presence("+"), TOPICS.heartbeat("+"))
            async with transport.connect() as node:
                await node.publish(TOPICS.heartbeat("loa-1"), b"alone")
                assert [message.payload for message in await take(server)] == [b"alone"]


def test_no_error_of_the_library_is_one_of_ours() -> None:
    assert not issubclass(aiomqtt.MqttError, PlayersError)
    assert not issubclass(TransportClosed, aiomqtt.MqttError)


# Matching of topics: paho's own function is the oracle

levels = st.lists(st.sampled_from(["a", "b", "", "$SYS", "zones"]), min_size=1, max_size=4)
pattern_levels = st.lists(st.sampled_from(["a", "b", "", "+", "$SYS", "zones"]), min_size=1, max_size=4)


@given(pattern=pattern_levels, tail=st.booleans(), topic=levels)
def test_topics_match_as_in_mqtt(pattern: list[str], tail: bool, topic: list[str]) -> None:
    wanted, name = "/".join([*pattern, *(["#"] if tail else [])]), "/".join(topic)
    assert topic_matches(wanted, name) == topic_matches_sub(wanted, name)


@pytest.mark.parametrize(
    ("pattern", "topic", "expected"),
    [("#", "a/b", True), ("#", "$SYS/x", False), ("+/x", "$SYS/x", False), ("a/#", "a", True), ("a/+", "a", False)],
)
def test_topics_match(pattern: str, topic: str, expected: bool) -> None:
    assert topic_matches(pattern, topic) is expected
