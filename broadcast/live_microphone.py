"""The microphone at the office: a child listens to it, so that a sound library that hangs is only ended."""

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator

from broadcast.errors import Conflict
from players.child import LEASH

_ENDS_WITHIN_S = 2.0
OPENS_WITHIN_S = 10.0
MOST_BYTES_A_SECOND = 96_000 * 2
"""Of 16 bits at any rate that a sound card has."""
_READ_BYTES = 8 * 1024


class Microphone:
    """An open microphone; it is to be closed."""

    def __init__(self, process: Process, first: bytes) -> None:
        self._process = process
        self._first = first

    @classmethod
    async def open(cls, device: str) -> "Microphone":
        """Listen to a device by its name or number; empty: the system's own.

        Raises:
            Conflict: there is none, or it gives no sound.
        """
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), "-1", "-1", "256"),
            *(sys.executable, "-m", "tts.microphone", f"--device={device}"),
            stdin=DEVNULL,
            stdout=PIPE,
            start_new_session=True,
        )
        opened = cls(process, b"")
        try:
            async with asyncio.timeout(OPENS_WITHIN_S):
                opened._first = await opened._read()
        except TimeoutError:
            pass
        except asyncio.CancelledError:
            await opened.close()
            raise
        if not opened._first:
            await opened.close()
            raise Conflict(
                "no-microphone",
                "Không mở được micrô ở trụ sở. Hãy xem lại dây cắm, hoặc nói bằng micrô của máy này.",
            )
        return opened

    async def sounds(self) -> AsyncIterator[bytes]:
        """A WAV file without an end, as it is heard; it ends when the microphone does."""
        data = self._first
        while data:
            yield data
            data = await self._read()

    async def close(self) -> None:
        """Listen no more. Twice changes nothing."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()
        # Its pipe is open until all that hold it have ended; who listens meanwhile reads it to its end.
        with contextlib.suppress(TimeoutError, RuntimeError):
            async with asyncio.timeout(_ENDS_WITHIN_S):
                while await self._read():
                    pass

    async def _read(self) -> bytes:
        return await self._process.stdout.read(_READ_BYTES) if self._process.stdout is not None else b""
