"""A wire that can be cut: a TCP relay between a node and its server."""

import asyncio
import contextlib
import socket
import struct

_CHUNK = 64 * 1024


class Relay:
    """Listens at one address and forwards to another, until it is cut.

    A frozen wire keeps what was under way and delivers it afterwards, as TCP does; a torn one resets its connections
    and refuses new ones.
    """

    def __init__(self, host: str, port: int, target: tuple[str, int]) -> None:
        self._address = (host, port)
        self._target = target
        self._server: asyncio.Server | None = None
        self._open = asyncio.Event()
        self._open.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, *self._address, family=socket.AF_INET)

    async def cut(self, *, freeze: bool) -> None:
        """Let nothing through from now on."""
        if freeze:
            self._open.clear()
        else:
            await self._hang_up()

    async def mend(self) -> None:
        """Let everything through again."""
        self._open.set()
        if self._server is None:
            await self.start()

    async def close(self) -> None:
        """End."""
        await self._hang_up()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _hang_up(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for writer in self._writers:
            # Closed with nothing lingering, TCP resets the connection instead of ending it politely.
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        if server is not None:
            await server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._relay(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self._closed, writer)
            self._writers.add(writer)
            await self._open.wait()
            try:
                far_reader, far_writer = await asyncio.open_connection(*self._target)
            except OSError:
                return
            stack.push_async_callback(self._closed, far_writer)
            self._writers.add(far_writer)
            pumps = [asyncio.create_task(self._pump(*ends)) for ends in ((reader, far_writer), (far_reader, writer))]
            try:
                # Either end that closes ends both: neither MQTT nor our HTTP uses half-closed connections.
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                await self._open.wait()
                writer.write(data)
                await writer.drain()

    async def _closed(self, writer: asyncio.StreamWriter) -> None:
        self._writers.discard(writer)
        # What is written is let out first; on a broken connection there is nothing to wait for.
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            await asyncio.wait_for(writer.wait_closed(), 1.0)
