"""The demo's processes: started as a list, stopped in reverse, none left behind, each supervised."""

import asyncio
import logging
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from players.child import Child, ChildPhase

OPEN_FILES = 4096


class Processes:
    """Everything the demo started, in order. What they say goes to one log file."""

    def __init__(self, log_file: Path, clock: Callable[[], datetime]) -> None:
        self.log_file = log_file
        self._clock = clock
        self._children: list[Child] = []
        self._handler = logging.FileHandler(log_file, encoding="utf-8")
        self._handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        self._logger = logging.getLogger("players.child")

    def open_log(self) -> None:
        """Send the children's words to the log file instead of the terminal."""
        self._logger.addHandler(self._handler)
        self._logger.propagate = False

    async def start(self, name: str, module: str, arguments: Sequence[str], *, piped: bool = False) -> Child:
        """Start `python -m module arguments`; with `piped`, its standard output is ours to read."""
        command = [sys.executable, "-m", module, *arguments]
        child = Child(name, command, clock=self._clock, has_pipes=piped, open_files=OPEN_FILES, stop_within_s=10.0)
        self._children.append(child)
        await child.start()
        return child

    def first_ended(self) -> str | None:
        """The name of a process that ended by itself, if one did.

        One that ended well was asked to, from its pole's page: it is started again, as its service would.
        """
        ended = (child.state for child in self._children if child.state.exit_code)
        return next((state.name for state in ended if state.restarts or state.phase is ChildPhase.PAUSING), None)

    async def stop_all(self) -> None:
        """End them in reverse order."""
        while self._children:
            await self._children.pop().stop()
        self._logger.removeHandler(self._handler)
        self._logger.propagate = True
        self._handler.close()


async def run_to_end(module: str, arguments: Sequence[str], within_s: float) -> tuple[int, str]:
    """Run `python -m module arguments` once; its exit status and what it said.

    Raises:
        TimeoutError: it did not end in time; it was killed.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), within_s)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    return process.returncode or 0, said.decode(errors="replace").strip()
