"""The agent's disk: what it decides by, what it has to tell, what it knew of the time, and what sounds. One thread.

A disk that is full or read-only does not stop a pole: what cannot be written stays in memory and is tried again with
the next change, and the heartbeat says so.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from players.messages import PlaybackReport
from players.node.clock import NodeClock
from players.node.errors import StoreUnusable
from players.node.events import Progress
from players.node.state import NodeState, Phase
from players.node.store import NodeStore

S = TypeVar("S")
T = TypeVar("T")

log = logging.getLogger(__name__)

REPORTS_AT_ONCE = 200
PROGRESS_EVERY_S = 1.0
"""As much may be heard twice after a power cut; less would wear memory cards out."""
TIME_EVERY_S = 600.0


class Keeper:
    """Keeps what the agent knows.

    Args:
        store: the file.
        clock: whose time is kept.
        look: the state of now.
    """

    def __init__(self, store: NodeStore, clock: NodeClock, look: Callable[[], NodeState]) -> None:
        self._store = store
        self._clock = clock
        self._look = look
        self._thread = store.own_thread()
        self._unsaved: list[PlaybackReport] = []
        self._stored: NodeState | None = None
        self._saved = asyncio.Event()
        self._told_time = asyncio.Event()
        self._error: str | None = None

    @property
    def error(self) -> str | None:
        """Why something could not be read or written; none again once the state could be."""
        return self._error or self._store.trouble

    def submit(self, call: Callable[..., object], *arguments: Any) -> None:
        """Do something else on the disk, in turn."""
        self._thread.submit(call, *arguments)

    def close(self) -> None:
        """Finish what has been begun."""
        self._thread.shutdown()

    async def run(self) -> None:
        """Write down what sounds and what time it is, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_sound(), name="progress")
            tasks.create_task(self._follow_time(), name="time")

    async def progress(self) -> Progress | None:
        """What was written down last of what sounded, before this start."""
        return await self._on_disk(None, self._store.progress)

    async def save(self, state: NodeState, reports: Sequence[PlaybackReport]) -> None:
        """Store the state and the reports that tell of it together; if that fails, with the next."""
        if state is self._stored and not reports:
            return
        self._unsaved += reports
        wrote = await self._on_disk(None, self._store.save, state, tuple(self._unsaved))
        if wrote is not None:
            self._unsaved.clear()
            self._stored = state
        if wrote:
            self._error = None
        self._saved.set()

    async def waiting(self) -> int:
        """How many reports the server has not acknowledged."""
        nothing: tuple[list[PlaybackReport], int] = ([], 0)
        _, count = await self._on_disk(nothing, self._store.pending, 0)
        return count + len(self._unsaved)

    async def pending(self) -> list[PlaybackReport]:
        """The oldest reports that the server has not acknowledged."""
        nothing: tuple[list[PlaybackReport], int] = ([], 0)
        reports, _ = await self._on_disk(nothing, self._store.pending, REPORTS_AT_ONCE)
        return [*reports, *self._unsaved]

    async def acknowledged(self, reports: Sequence[str]) -> None:
        """The server has these. If that cannot be written they go out once more, under the same ids."""
        self._unsaved = [report for report in self._unsaved if report.report not in set(reports)]
        await self._on_disk(None, self._store.acknowledged, reports)

    def time_told(self) -> None:
        """The server has told the time."""
        self._told_time.set()

    async def _follow_sound(self) -> None:
        while True:
            await self._saved.wait()
            self._saved.clear()
            while (progress := self._sounding()) is not None:
                await self._on_disk(None, self._store.keep_progress, progress)
                await asyncio.sleep(PROGRESS_EVERY_S)

    def _sounding(self) -> Progress | None:
        track = self._look().sounding
        if track is None or track.phase is not Phase.PLAYING:
            return None
        return Progress(track.item.broadcast, track.serial, self._clock.now().at)

    async def _follow_time(self) -> None:
        while True:
            try:
                async with asyncio.timeout(TIME_EVERY_S):
                    await self._told_time.wait()
            except TimeoutError:
                pass
            self._told_time.clear()
            known = await asyncio.to_thread(self._clock.keep)
            if known is not None:
                await self._on_disk(None, self._store.keep_time, known)

    async def _on_disk(self, otherwise: T, call: Callable[..., S], *arguments: Any) -> S | T:
        """Do it in the store's thread; what comes of it, or `otherwise` if the disk does not let it."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)
        except StoreUnusable as error:
            # It plays on: a pole with a full disk is better heard than silent.
            log.error("%s", error)  # noqa: TRY400 - nothing is learnt from where it happened
            self._error = str(error)
            return otherwise
