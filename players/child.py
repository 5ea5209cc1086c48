"""A supervised child process: started again with a growing pause, never left behind.

The child dies with us even by `kill -9` (see `players.leash`). The leash is held by the thread that forked, which is
the event loop's: when that thread ends, nobody supervises any more.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from players.errors import ChildStopped

log = logging.getLogger(__name__)

LEASH = Path(__file__).with_name("leash.py")
KEPT_LINES = 20
MAX_LINE = 500
"""A longer line of the child's is cut in the log."""


class ChildPhase(StrEnum):
    """What a supervised process is doing."""

    STOPPED = "stopped"
    RUNNING = "running"
    PAUSING = "pausing"
    """It ended by itself and will be started again."""


@dataclass(frozen=True, slots=True)
class ChildState:
    """A child as the page shows it."""

    name: str
    phase: ChildPhase
    since: datetime
    pid: int | None = None
    restarts: int = 0
    starts_again_at: datetime | None = None
    exit_code: int | None = None
    """How it ended last; negative: by that signal."""
    last_lines: tuple[str, ...] = ()
    """What it wrote last to stderr."""


@dataclass(frozen=True, slots=True)
class Pauses:
    """How long to wait before a start, in seconds: doubled with each failure, from `first_s` to `most_s`."""

    first_s: float = 0.5
    most_s: float = 30.0
    well_after_s: float = 10.0
    """A child that ran this long ran well: the next pause is the first one again."""

    def following(self, last_s: float | None, ran_s: float) -> float:
        """The pause after a run of `ran_s` that itself came after a pause of `last_s`."""
        if last_s is None or ran_s >= self.well_after_s:
            return self.first_s
        return min(last_s * 2, self.most_s)


@dataclass(frozen=True, slots=True)
class RunAs:
    """The user a child runs as, when we may choose (root)."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class ChildPipes:
    """The pipes of one run of a child. When that run ends, `stdout` is at its end: ask for the next run's."""

    stdin: asyncio.StreamWriter
    stdout: asyncio.StreamReader


class Child:
    """Keeps a process running.

    Args:
        name: For logs and the page.
        command: The program and its arguments; no shell is involved.
        clock: The present, for `state`.
        environment: Its whole environment; none: ours.
        has_pipes: Whether we speak with it over stdin and stdout; if not, stdout is logged like stderr.
        is_idle: Give it only the time nobody else wants (SCHED_IDLE).
        run_as: Another user; needs root.
        open_files: How many files it may open, if the hard limit allows.
        line_limit: The longest line on stdout, in bytes.
        pauses: How long to wait before starting it again.
        stop_within_s: How long it has to end by itself when asked to.
        on_change: Called with each new state, on the event loop.
        on_line: Told of each line it writes; true: dealt with, so neither kept nor logged.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        clock: Callable[[], datetime],
        environment: Mapping[str, str] | None = None,
        has_pipes: bool = False,
        is_idle: bool = False,
        run_as: RunAs | None = None,
        open_files: int = 1024,
        line_limit: int = 1024 * 1024,
        pauses: Pauses | None = None,
        stop_within_s: float = 5.0,
        on_change: Callable[[ChildState], None] | None = None,
        on_line: Callable[[str], bool] | None = None,
    ) -> None:
        self.name = name
        self._command = tuple(command)
        self._clock = clock
        self._environment = environment
        self._has_pipes = has_pipes
        self._is_idle = is_idle
        self._run_as = run_as
        self._open_files = open_files
        self._line_limit = line_limit
        self._pauses = pauses or Pauses()
        self._stop_within_s = stop_within_s
        self._on_change = on_change
        self._on_line = on_line
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._state = ChildState(name, ChildPhase.STOPPED, clock())
        self._changed = asyncio.Condition()
        self._process: Process | None = None
        self._supervising: asyncio.Task[None] | None = None

    @property
    def state(self) -> ChildState:
        """What it is doing now."""
        return replace(self._state, last_lines=tuple(self._lines))

    async def start(self) -> None:
        """Start it, and start it again whenever it ends; returns when it runs for the first time."""
        if self._supervising is None:
            self._supervising = asyncio.create_task(self._supervise(), name=f"child {self.name}")
            await self._until(lambda state: state.phase is not ChildPhase.STOPPED)

    async def stop(self) -> None:
        """End it for good: it is asked, then killed."""
        supervising, self._supervising = self._supervising, None
        if supervising is not None:
            supervising.cancel()
            await asyncio.wait({supervising})
        await self._become(ChildPhase.STOPPED)

    def kill(self) -> None:
        """End this run at once, as when it does not answer any more; it is started again."""
        if self._process is not None and self._process.returncode is None:
            _kill_group(self._process.pid)

    async def pipes(self) -> ChildPipes:
        """The pipes of the present run; waits until it runs.

        Raises:
            ChildStopped: it was stopped for good, or never started.
        """
        await self._until(lambda state: self._supervising is None or state.phase is ChildPhase.RUNNING)
        process = self._process
        if self._supervising is None or process is None or process.stdin is None or process.stdout is None:
            raise ChildStopped(f"{self.name} does not run")
        return ChildPipes(process.stdin, process.stdout)

    async def ended(self) -> ChildState:
        """Wait until the present run is over."""
        await self._until(lambda state: state.phase is not ChildPhase.RUNNING)
        return self.state

    async def _supervise(self) -> None:
        pause_s: float | None = None
        while True:
            begun = asyncio.get_running_loop().time()
            await self._run_once()
            pause_s = self._pauses.following(pause_s, asyncio.get_running_loop().time() - begun)
            log.warning("%s ended (%s), starts again in %.1f s", self.name, self._state.exit_code, pause_s)
            await self._become(ChildPhase.PAUSING, starts_again_at=self._clock() + timedelta(seconds=pause_s))
            await asyncio.sleep(pause_s)

    async def _run_once(self) -> None:
        restarts = self._state.restarts + (self._state.phase is ChildPhase.PAUSING)
        try:
            process = await self._spawn()
        except OSError as error:
            self._hear(f"cannot be started: {error.strerror}".encode())
            return
        self._process = process
        draining = asyncio.create_task(self._drain(process))
        try:
            if self._is_idle:
                with contextlib.suppress(ProcessLookupError):
                    os.sched_setscheduler(process.pid, os.SCHED_IDLE, os.sched_param(0))
            await self._become(ChildPhase.RUNNING, pid=process.pid, restarts=restarts)
            log.info("%s runs as process %d", self.name, process.pid)
            await process.wait()
        finally:
            await self._end(process, draining)
            self._state = replace(self._state, exit_code=process.returncode)

    async def _spawn(self) -> Process:
        who = self._run_as or RunAs(-1, -1)
        numbers = [str(number) for number in (os.getpid(), who.uid, who.gid, self._open_files)]
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-S",
            str(LEASH),
            *numbers,
            *self._command,
            stdin=PIPE if self._has_pipes else DEVNULL,
            stdout=PIPE,
            stderr=PIPE if self._has_pipes else STDOUT,
            env=None if self._environment is None else dict(self._environment),
            limit=self._line_limit,
            # A Ctrl-C at the terminal is for us; we stop our children in order.
            start_new_session=True,
        )

    async def _drain(self, process: Process) -> None:
        """Log what it says. What came from strangers (client ids) must not forge a line of the log."""
        said = process.stderr if self._has_pipes else process.stdout
        rest = b""
        while said is not None and (chunk := await said.read(4096)):
            *lines, rest = (rest + chunk).split(b"\n")
            rest = rest[-64 * 1024 :]
            for line in lines:
                self._hear(line)
        if rest:
            self._hear(rest)

    def _hear(self, line: bytes) -> None:
        text = line[:MAX_LINE].decode(errors="replace").rstrip()
        text = "".join(letter if letter.isprintable() else "�" for letter in text)
        if self._on_line is None or not self._on_line(text):
            self._lines.append(text)
            log.info("%s: %s", self.name, text)

    async def _end(self, process: Process, draining: asyncio.Task[None]) -> None:
        """Make sure that nothing of this run is left: itself, what it started, its pipes."""
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), self._stop_within_s)
        _kill_group(process.pid)
        await process.wait()
        if process.stdin is not None:
            process.stdin.close()
        await asyncio.wait({draining}, timeout=1.0)
        draining.cancel()

    async def _become(
        self, phase: ChildPhase, pid: int | None = None, restarts: int = 0, starts_again_at: datetime | None = None
    ) -> None:
        """Take a new state and tell of it."""
        self._state = ChildState(
            self.name,
            phase,
            self._clock(),
            pid=pid,
            restarts=max(restarts, self._state.restarts),
            starts_again_at=starts_again_at,
            exit_code=self._state.exit_code,
        )
        async with self._changed:
            self._changed.notify_all()
        if self._on_change is not None:
            self._on_change(self.state)

    async def _until(self, is_so: Callable[[ChildState], bool]) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: is_so(self._state))


def _kill_group(pid: int) -> None:
    """Kill a child and whatever it started; each child leads a group of its own."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
