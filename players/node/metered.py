"""The node's ways to the server, with what they carry counted: MQTT and HTTP as they are, a meter beside."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import httpx

from players.node.data_budget import Kind, Meter
from players.transport import Connection, Incoming, Transport

PACKET_BYTES: Final = 12 + 2 * 22
"""Of an MQTT packet beside topic and payload, with its acknowledgement (MQTT 3.1.1, sections 3.3 and 3.4), each in a
record of TLS (RFC 8446, section 5.2). Headers of TCP and IP are not counted."""
REQUEST_BYTES: Final = 600
"""Of an HTTP request and the head of its answer, about."""


class MeteredConnection:
    """See `Connection`."""

    def __init__(self, inner: Connection, meter: Meter) -> None:
        self._inner = inner
        self._meter = meter

    async def subscribe(self, *topics: str) -> None:
        """See `Connection`."""
        await self._inner.subscribe(*topics)
        self._meter.add("control", sum(len(topic) + PACKET_BYTES for topic in topics))

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """See `Connection`."""
        await self._inner.publish(topic, payload, retain=retain)
        self._meter.add("control", len(topic) + len(payload) + PACKET_BYTES)

    async def messages(self) -> AsyncIterator[Incoming]:
        """See `Connection`."""
        async for message in self._inner.messages():
            kind: Kind = "emergencies" if "/clips/" in message.topic else "control"
            self._meter.add(kind, len(message.topic) + len(message.payload) + PACKET_BYTES)
            yield message


class MeteredTransport:
    """See `Transport`."""

    def __init__(self, inner: Transport, meter: Meter) -> None:
        self._inner = inner
        self._meter = meter

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Connection]:
        """See `Transport`."""
        async with self._inner.connect() as connection:
            yield MeteredConnection(connection, self._meter)


class MeteredHttp(httpx.AsyncBaseTransport):
    """Counts what answers carry: all as one kind, or else by what was asked for."""

    def __init__(self, inner: httpx.AsyncBaseTransport, meter: Meter, kind: Kind | None = None) -> None:
        self._inner = inner
        self._meter = meter
        self._kind = kind

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See `httpx.AsyncBaseTransport`."""
        response = await self._inner.handle_async_request(request)
        kind = self._kind or _kind_of(request.url.path)
        self._meter.add(kind, REQUEST_BYTES)
        if isinstance(response.stream, httpx.AsyncByteStream):
            response.stream = _CountedStream(response.stream, kind, self._meter)
        return response

    async def aclose(self) -> None:
        """See `httpx.AsyncBaseTransport`."""
        await self._inner.aclose()


class _CountedStream(httpx.AsyncByteStream):
    def __init__(self, inner: httpx.AsyncByteStream, kind: Kind, meter: Meter) -> None:
        self._inner = inner
        self._kind = kind
        self._meter = meter

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for block in self._inner:
            self._meter.add(self._kind, len(block))
            yield block

    async def aclose(self) -> None:
        await self._inner.aclose()


def _kind_of(path: str) -> Kind:
    if path.startswith("/clips/"):
        return "clips"
    return "streams" if path.startswith("/streams/") else "control"
