"""What the light nodes print, read while they print it."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

_LOOK_EVERY_S = 0.05


class Tape:
    """Several growing files of JSON lines as one."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._files = [path.open("rb") for path in paths]
        self._rests = [b"" for _ in paths]

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            file.close()

    def news(self) -> Iterator[dict[str, Any]]:
        """The whole lines that have come since."""
        for number, file in enumerate(self._files):
            *lines, self._rests[number] = (self._rests[number] + file.read()).split(b"\n")
            for line in lines:
                if line.startswith(b"{"):
                    yield json.loads(line)

    async def until(self, is_enough: Callable[[Mapping[str, Any]], bool], within_s: float) -> bool:
        """Hand over each line until one says that it is enough; whether that came in time."""
        try:
            async with asyncio.timeout(within_s):
                while True:
                    for line in self.news():
                        if is_enough(line):
                            return True
                    await asyncio.sleep(_LOOK_EVERY_S)
        except TimeoutError:
            return False
