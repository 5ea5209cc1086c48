"""A broker in this process: the twin of `mqtt` for tests and for nodes simulated by the hundred."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from players.errors import TransportClosed
from players.topics import topic_matches
from players.transport import Connection, Incoming


class MemoryBroker:
    """Shared by several `MemoryTransport`s. Keeps retained messages; fans out; sends wills."""

    def __init__(self) -> None:
        self._connections: dict[str, MemoryConnection] = {}
        self._retained: dict[str, bytes] = {}
        self._running = True

    def stop(self) -> None:
        """Drop every connection and refuse new ones; like a kill -9, retained messages are gone."""
        self._running = False
        self._retained.clear()
        for connection in list(self._connections.values()):
            self.drop(connection, will=False)

    def start(self) -> None:
        """Accept connections again."""
        self._running = True

    def cut(self, client_id: str) -> None:
        """Lose one client's connection, as a broken line does; its will is sent."""
        connection = self._connections.get(client_id)
        if connection is not None:
            self.drop(connection, will=True)

    def retained(self, topic: str) -> bytes | None:
        """What is kept under a topic."""
        return self._retained.get(topic)

    def admit(self, client_id: str, will: Incoming | None) -> "MemoryConnection":
        """A new connection; one that has the same client id is dropped, as MQTT asks."""
        if not self._running:
            raise TransportClosed("the broker does not run")
        former = self._connections.get(client_id)
        if former is not None:
            self.drop(former, will=True)
        connection = MemoryConnection(self, client_id, will)
        self._connections[client_id] = connection
        return connection

    def drop(self, connection: "MemoryConnection", *, will: bool) -> None:
        """End a connection, and send its will unless it took its leave."""
        if self._connections.get(connection.client_id) is not connection:
            return
        del self._connections[connection.client_id]
        connection.close()
        if will and connection.will is not None:
            self.fan_out(connection.will.topic, connection.will.payload, retain=connection.will.retained)

    def fan_out(self, topic: str, payload: bytes, *, retain: bool) -> None:
        """Give a message to whoever asked for its topic; an empty one that is to be kept forgets what was kept."""
        if retain and payload:
            self._retained[topic] = payload
        elif retain:
            self._retained.pop(topic, None)
        for connection in list(self._connections.values()):
            connection.take(Incoming(topic, payload))

    def kept(self, pattern: str) -> list[Incoming]:
        """What a new subscription gets first."""
        return [Incoming(topic, kept, True) for topic, kept in self._retained.items() if topic_matches(pattern, topic)]


class MemoryConnection:
    """A `Connection` to a `MemoryBroker`."""

    def __init__(self, broker: MemoryBroker, client_id: str, will: Incoming | None) -> None:
        self.client_id = client_id
        self.will = will
        self._broker = broker
        self._patterns: list[str] = []
        self._inbox: asyncio.Queue[Incoming | None] = asyncio.Queue()
        self._is_open = True

    def take(self, message: Incoming) -> None:
        """Called by the broker."""
        if any(topic_matches(pattern, message.topic) for pattern in self._patterns):
            self._inbox.put_nowait(message)

    def close(self) -> None:
        """Called by the broker, and when the context is left."""
        if self._is_open:
            self._is_open = False
            self._inbox.put_nowait(None)

    async def subscribe(self, *topics: str) -> None:
        """See `Connection`."""
        await self._round_trip()
        for pattern in topics:
            if pattern not in self._patterns:
                self._patterns.append(pattern)
            for message in self._broker.kept(pattern):
                self._inbox.put_nowait(message)

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """See `Connection`."""
        if not topic or "+" in topic or "#" in topic:
            raise ValueError(f"not a topic to publish to: {topic!r}")
        await self._round_trip()
        self._broker.fan_out(topic, payload, retain=retain)

    async def messages(self) -> AsyncIterator[Incoming]:
        """See `Connection`."""
        while (message := await self._inbox.get()) is not None:
            yield message
        self._inbox.put_nowait(None)
        raise TransportClosed("the connection was lost")

    async def _round_trip(self) -> None:
        # Others get their turn, as they would while a broker answers.
        await asyncio.sleep(0)
        if not self._is_open:
            raise TransportClosed("the connection was lost")


class MemoryTransport:
    """A `Transport` to a `MemoryBroker`."""

    def __init__(self, broker: MemoryBroker, client_id: str, will: Incoming | None = None) -> None:
        self._broker = broker
        self._client_id = client_id
        self._will = will

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Connection]:
        """See `Transport`."""
        await asyncio.sleep(0)
        connection = self._broker.admit(self._client_id, self._will)
        try:
            yield connection
        finally:
            self._broker.drop(connection, will=False)
