"""The wire that can be cut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.crash.relay import Relay
from web.demo.run import free_port


@asynccontextmanager
async def _wire() -> AsyncIterator[tuple[Relay, int]]:
    """A relay to something that echoes."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = free_port()
    relay = Relay("127.0.0.1", port, server.sockets[0].getsockname()[:2])
    await relay.start()
    try:
        async with asyncio.timeout(20):
            yield relay, port
    finally:
        await relay.close()
        server.close()
        await server.wait_closed()


async def test_a_frozen_wire_delivers_afterwards_what_was_sent_meanwhile() -> None:
    async with _wire() as (relay, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"one")
        assert await reader.readexactly(3) == b"one"
        await relay.cut(freeze=True)
        writer.write(b"two")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.readexactly(3), 0.3)
        await relay.mend()
        assert await reader.readexactly(3) == b"two"
        writer.close()
        await writer.wait_closed()


async def test_a_torn_wire_ends_its_connections_and_refuses_new_ones_until_it_is_mended() -> None:
    async with _wire() as (relay, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"one")
        assert await reader.readexactly(3) == b"one"
        await relay.cut(freeze=False)
        with pytest.raises(ConnectionError):
            await reader.readexactly(3)
        writer.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        await relay.mend()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"two")
        assert await reader.readexactly(3) == b"two"
        writer.close()
        await writer.wait_closed()
