"""A process that stays dead until it is started again: what systemd would do is done by the run."""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Sequence
from pathlib import Path

from players import leash

_OPEN_FILES = 4096
_STOPS_WITHIN_S = 15.0


class Unit:
    """One process of the commune. It dies with us.

    Args:
        name: for the journal.
        module: `python -m module`.
        arguments: of it.
        said: where its standard error goes, appended.
        events: where its standard output goes, appended.
        before: called before each start.
    """

    def __init__(
        self,
        name: str,
        module: str,
        arguments: Sequence[str],
        said: Path,
        events: Path,
        before: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self._command = [sys.executable, "-m", module, *arguments]
        self._said = said
        self._events = events
        self._before = before
        self._process: Process | None = None

    @property
    def pid(self) -> int | None:
        """Of the present run; none when it does not run."""
        process = self._process
        return None if process is None or process.returncode is not None else process.pid

    async def start(self) -> None:
        """Start it, if it does not run."""
        if self.pid is not None:
            return
        self._before()
        leashed = [sys.executable, "-I", "-S", leash.__file__, str(os.getpid()), "-1", "-1", str(_OPEN_FILES)]
        with self._said.open("ab") as said, self._events.open("ab") as events:
            self._process = await asyncio.create_subprocess_exec(
                *leashed, *self._command, stdin=DEVNULL, stdout=events, stderr=said, start_new_session=True
            )

    async def kill(self) -> None:
        """`kill -9`."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """Ask it to end, then kill it."""
        try:
            async with asyncio.timeout(_STOPS_WITHIN_S):
                await self._end(signal.SIGTERM)
        except TimeoutError:
            await self._end(signal.SIGKILL)

    async def _end(self, how: signal.Signals) -> None:
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(how)
        await process.wait()


def children_of(pid: int) -> dict[int, list[str]]:
    """The command lines of a process's children, from /proc."""
    found: dict[int, list[str]] = {}
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in task.read_text().split():
                with contextlib.suppress(OSError):
                    found[int(child)] = Path(f"/proc/{child}/cmdline").read_text().split("\0")
    return found


def child_named(pid: int, name: str) -> int | None:
    """The server's child of that name: `mosquitto`, `renderer` or `emergency-renderer`."""
    for child, command in children_of(pid).items():
        is_renderer = "tts.renderer" in command
        found = "emergency-renderer" if "--warm" in command else "renderer" if is_renderer else command[0]
        if found == name or found.endswith(f"/{name}"):
            return child
    return None
