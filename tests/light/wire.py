"""MQTT 3.1.1 (OASIS, 2014) for poles by the hundred in one process: what a node needs of it, and nothing in between.

Every pole has a connection, a credential and subscriptions of its own, and acknowledges what comes; only the layers of
a general client are left out, which would be measured instead of the server. `tests/players/test_transport.py` holds
it to the same contract as the node's own transport.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from struct import pack, unpack_from
from typing import cast

from players.errors import CredentialRefused, SubscriptionRefused, TransportClosed
from players.transport import Connection, Incoming

KEEPALIVE_S = 15
ANSWERS_WITHIN_S = 10.0
_CONNECT, _CONNACK, _PUBLISH, _PUBACK, _SUBSCRIBE, _SUBACK, _PING = 0x10, 2, 3, 4, 0x82, 9, b"\xc0\x00"
_QOS1, _RETAIN, _REFUSED = 0x02, 0x01, 0x80
_BAD_CREDENTIAL = frozenset({2, 4, 5})


class _Wire(asyncio.Protocol):
    """Bytes from and to one connection."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._last_id = 0
        self._answers: dict[int, asyncio.Future[bytes]] = {}
        self._ping: asyncio.TimerHandle | None = None
        self.inbox: asyncio.Queue[Incoming | None] = asyncio.Queue()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is not a child of it

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._transport = None
        if self._ping is not None:
            self._ping.cancel()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(TransportClosed("the connection was lost"))
                answer.exception()  # who asked may be gone
        self.inbox.put_nowait(None)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._buffer += data
        at = 0
        while (found := _packet_at(self._buffer, at)) is not None:
            body, end = found
            self._take(self._buffer[at], bytes(self._buffer[body:end]))
            at = end
        del self._buffer[:at]

    async def ask(self, kind: int, packet_id: int, body: bytes) -> bytes:
        """Send a packet that is answered under its id (0: the first of all); the rest of the answer."""
        if self._transport is None:
            raise TransportClosed("the connection is gone")
        answer: asyncio.Future[bytes] = self._loop.create_future()
        self._answers[packet_id] = answer
        self._transport.write(_packet(kind, body))
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_S):
                return await answer
        except TimeoutError as error:
            raise TransportClosed("the broker did not answer") from error
        finally:
            del self._answers[packet_id]

    def next_id(self) -> int:
        """For a packet that is to be answered."""
        self._last_id = self._last_id % 0xFFFF + 1
        return self._last_id

    def keep_alive(self) -> None:
        """Say now and then that we are there."""
        if self._transport is not None:
            self._transport.write(_PING)
            self._ping = self._loop.call_later(KEEPALIVE_S * 0.7, self.keep_alive)

    def hang_up(self, *, politely: bool) -> None:
        """End the connection; politely, and the will is not sent."""
        if self._transport is not None:
            if politely:
                self._transport.write(b"\xe0\x00")
            self._transport.close()

    def _take(self, first: int, body: bytes) -> None:
        kind = first >> 4
        if kind == _PUBLISH:
            self._published(first, body)
        elif kind in {_PUBACK, _SUBACK, _CONNACK}:
            packet_id = 0 if kind == _CONNACK else unpack_from("!H", body)[0]
            answer = self._answers.get(packet_id)
            if answer is not None and not answer.done():
                answer.set_result(body if kind == _CONNACK else body[2:])

    def _published(self, first: int, body: bytes) -> None:
        end = 2 + unpack_from("!H", body)[0]
        topic = body[2:end].decode()
        if first & 0x06:
            if self._transport is not None:
                self._transport.write(b"\x40\x02" + body[end : end + 2])
            end += 2
        self.inbox.put_nowait(Incoming(topic, body[end:], bool(first & _RETAIN)))


class LeanConnection:
    """A `Connection`."""

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire

    async def subscribe(self, *topics: str) -> None:
        """See `Connection`."""
        packet_id = self._wire.next_id()
        asked = b"".join(_text(topic) + b"\x01" for topic in topics)
        codes = await self._wire.ask(_SUBSCRIBE, packet_id, pack("!H", packet_id) + asked)
        if any(code & _REFUSED for code in codes):
            raise SubscriptionRefused(f"the broker does not let us hear one of {', '.join(topics)}")

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """See `Connection`."""
        if not topic or "+" in topic or "#" in topic:
            raise ValueError(f"not a topic to publish to: {topic!r}")
        packet_id = self._wire.next_id()
        kind = _PUBLISH << 4 | _QOS1 | (_RETAIN if retain else 0)
        await self._wire.ask(kind, packet_id, _text(topic) + pack("!H", packet_id) + payload)

    async def messages(self) -> AsyncIterator[Incoming]:
        """See `Connection`."""
        while (message := await self._wire.inbox.get()) is not None:
            yield message
        self._wire.inbox.put_nowait(None)
        raise TransportClosed("the connection was lost")


class LeanTransport:
    """A `Transport` to a broker without TLS. Arguments as `MqttTransport`."""

    def __init__(
        self, host: str, port: int, client_id: str, username: str, password: str, will: Incoming | None = None
    ) -> None:
        self._host = host
        self._port = port
        self._hello = _hello(client_id, username, password, will)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Connection]:
        """See `Transport`."""
        try:
            _, wire = await asyncio.get_running_loop().create_connection(_Wire, self._host, self._port)
        except OSError as error:
            raise TransportClosed(str(error)) from error
        is_in = False
        try:
            code = (await wire.ask(_CONNECT, 0, self._hello))[1]
            if code:
                kind = CredentialRefused if code in _BAD_CREDENTIAL else TransportClosed
                raise kind(f"the broker refuses us: {code}")
            is_in = True
            wire.keep_alive()
            yield LeanConnection(wire)
        finally:
            wire.hang_up(politely=is_in)


def _hello(client_id: str, username: str, password: str, will: Incoming | None) -> bytes:
    """The body of CONNECT: a clean session, a name, a password, a will."""
    flags = 0xC2 if will is None else 0xC2 | 0x04 | 0x08 | (0x20 if will.retained else 0)
    parts = [client_id.encode()]
    parts += [] if will is None else [will.topic.encode(), will.payload]
    parts += [username.encode(), password.encode()]
    said = b"".join(pack("!H", len(part)) + part for part in parts)
    return _text("MQTT") + bytes((4, flags)) + pack("!H", KEEPALIVE_S) + said


def _text(text: str) -> bytes:
    coded = text.encode()
    return pack("!H", len(coded)) + coded


def _packet(kind: int, body: bytes) -> bytes:
    left, length = len(body), bytearray()
    while True:
        left, digit = divmod(left, 0x80)
        length.append(digit | (0x80 if left else 0))
        if not left:
            return bytes((kind,)) + length + body


def _packet_at(buffer: bytearray, at: int) -> tuple[int, int] | None:
    """Where the body of the packet there begins and ends; none while it has not come whole."""
    length = 0
    for place in range(1, 5):
        if at + place >= len(buffer):
            return None
        digit = buffer[at + place]
        length |= (digit & 0x7F) << 7 * (place - 1)
        if digit < 0x80:
            body = at + place + 1
            return None if body + length > len(buffer) else (body, body + length)
    raise ValueError("no MQTT: a length of more than four bytes")
