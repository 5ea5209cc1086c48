"""The server's certificate changes while connections are being made: every one of them sees one of the two, whole."""

import asyncio
import ssl
from contextlib import suppress
from datetime import timedelta

import pytest

from players.tls import context_believing
from tests.web.conftest import NOW, Clock, Commune
from web.key_keeper import KeyKeeper

CHANGES = 150


@pytest.fixture
def listening() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)


@pytest.fixture
def keeper(commune: Commune, clock: Clock, listening: ssl.SSLContext) -> KeyKeeper:
    return KeyKeeper(commune.settings, "hoa-binh-an", commune.engine, clock, listening)


def renew(keeper: KeyKeeper, number: int) -> None:
    keeper.certificate.bring_up_to_date(keeper.ring, ["loa.test"], NOW + timedelta(seconds=number), anew=True)


async def serial_shown(port: int, believing: ssl.SSLContext) -> str:
    """Of the certificate that a new connection sees."""
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=believing)
    try:
        return str(writer.get_extra_info("peercert")["serialNumber"])
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def test_no_connection_fails_while_the_certificate_changes(keeper: KeyKeeper, listening: ssl.SSLContext) -> None:
    def leave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(leave, "127.0.0.1", 0, ssl=listening)
    port = server.sockets[0].getsockname()[1]
    believing = context_believing(keeper.ring.authorities)
    seen = set()
    async with server:

        async def connect_on() -> None:
            while True:
                seen.add(await serial_shown(port, believing))

        connecting = asyncio.create_task(connect_on())
        for number in range(CHANGES):
            await asyncio.to_thread(renew, keeper, number)
            await asyncio.to_thread(keeper.show_certificate)
            if connecting.done():
                break
        assert not connecting.done(), connecting.exception()
        connecting.cancel()
        with suppress(asyncio.CancelledError):
            await connecting
    assert len(seen) > 1
