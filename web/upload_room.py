"""Room on the disk for files on their way: what is promised to one sender is not promised to the next."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from web.errors import SAID, Refusal

RESERVE_BYTES = 200_000_000
"""What files that are sent leave on the disk: what is aired, and its reports, must find some."""


class UploadRoom:
    """Counts what is coming, all senders together. For one event loop.

    Args:
        reserve_bytes: What is left free.
    """

    def __init__(self, reserve_bytes: int = RESERVE_BYTES) -> None:
        self._reserve_bytes = reserve_bytes
        self._promised = 0

    @asynccontextmanager
    async def promised(self, folder: Path, size_bytes: int) -> AsyncIterator[None]:
        """Hold so much free in a folder while a file comes; what has come already counts twice, to be sure.

        Raises:
            Refusal: 507, there is no room for it beside what is coming already.
        """
        usage = await asyncio.to_thread(shutil.disk_usage, folder)
        if usage.free < self._promised + size_bytes + self._reserve_bytes:
            raise Refusal(507, *SAID[507])
        self._promised += size_bytes
        try:
            yield
        finally:
            self._promised -= size_bytes
