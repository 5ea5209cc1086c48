"""HTTP to the commune's server, believing whom the node believes at that moment; and the way out for VLC."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from urllib.parse import quote, unquote

import httpx

from players.tls import context_believing

log = logging.getLogger(__name__)
MAX_REQUEST_BYTES = 16 * 1024
REQUEST_WITHIN_S = 10.0
RADIO_PATH = b"/radio/"


class PinnedHttp(httpx.AsyncBaseTransport):
    """Believes the authorities that `authorities` gives, also when they change; without any, those of the machine."""

    def __init__(self, authorities: Callable[[], tuple[str, ...]]) -> None:
        self._authorities = authorities
        self._believed: tuple[str, ...] | None = None
        self._inner: httpx.AsyncHTTPTransport | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See `httpx.AsyncBaseTransport`."""
        wanted, former = self._authorities(), self._inner
        if former is not None and wanted == self._believed:
            return await former.handle_async_request(request)
        made = httpx.AsyncHTTPTransport(verify=context_believing(wanted), trust_env=False)
        self._inner, self._believed = made, wanted
        if former is not None:
            await former.aclose()
        return await made.handle_async_request(request)

    async def aclose(self) -> None:
        """See `httpx.AsyncBaseTransport`."""
        if self._inner is not None:
            await self._inner.aclose()


class StreamRelay:
    """Streams for a player that cannot be told whom to believe, nor counts what it takes: plain on this board.

    Its address holds a secret, so that nothing else on the board can use it. It hands over `/streams/…` of the server,
    and the radio stations that a broadcast names.

    Args:
        client: to the commune's server.
        radio: to anywhere else.
    """

    def __init__(self, client: httpx.AsyncClient, radio: httpx.AsyncClient) -> None:
        self._client = client
        self._radio = radio
        self._secret = secrets.token_urlsafe(16)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Its address, in place of the server's."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=MAX_REQUEST_BYTES)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/{self._secret}"
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_WITHIN_S):
                request = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)
            prefix = f"/{self._secret}".encode()
            path = request[1].removeprefix(prefix)
            is_ours = request[0] == b"GET" and path != request[1]
            if is_ours and path.startswith(b"/streams/"):
                await _hand_over(self._client, path.decode("ascii"), writer)
            elif is_ours and path.startswith(RADIO_PATH):
                await _hand_over(self._radio, unquote(path.removeprefix(RADIO_PATH).decode("ascii")), writer)
            else:
                writer.write(b"HTTP/1.0 404 Not Found\r\n\r\n")
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
            log.debug("a stream was not asked for as it should be, or is no longer wanted: %s", error)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            log.warning("a stream broke off: %s", error or type(error).__name__)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


def radio_url(relay: str, source: str) -> str:
    """Where the relay at `relay` hands over the radio station at `source`."""
    return f"{relay}{RADIO_PATH.decode()}{quote(source, safe='')}"


async def _hand_over(client: httpx.AsyncClient, url: str, writer: asyncio.StreamWriter) -> None:
    async with client.stream("GET", url) as answer:
        kind = answer.headers.get("content-type", "application/octet-stream")
        writer.write(
            f"HTTP/1.0 {answer.status_code} {answer.reason_phrase}\r\nContent-Type: {kind}\r\n\r\n".encode("ascii")
        )
        async for block in answer.aiter_raw():
            writer.write(block)
            await writer.drain()
