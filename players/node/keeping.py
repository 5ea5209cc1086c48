"""The agent's disk: what it decides by, what it has to tell, what it knew of the time, and what sounds. One thread.

A disk that is full or read-only does not stop a pole: what cannot be written stays in memory and is tried again with
the next change, and the heartbeat says so. Nor does one that is slow: what comes while it is busy is written next, in
one transaction, and who cannot wait for that goes on.
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
ANSWER_WITHIN_S = 5.0
"""A card that takes longer is told of."""


class Keeper:
    """Keeps what the agent knows.

    Args:
        store: the file.
        clock: whose time is kept.
        look: the state of now.
        told: takes the reports that have just been written, or that the disk has refused: they may be sent.
    """

    def __init__(
        self,
        store: NodeStore,
        clock: NodeClock,
        look: Callable[[], NodeState],
        told: Callable[[Sequence[PlaybackReport]], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._look = look
        self._thread = store.own_thread()
        self._told = told
        self._newest: NodeState | None = None
        self._stored: NodeState | None = None
        self._untried: list[PlaybackReport] = []
        self._refused: list[PlaybackReport] = []
        self._acknowledged: dict[str, None] = {}
        """Reports that the server has and the disk still holds, in their order."""
        self._on_card = 0
        self._hangs = False
        self._asked = self._tried = 0
        """How often something was to be written, and how much of that was tried."""
        self._due, self._turned = asyncio.Event(), asyncio.Event()
        self._turn = asyncio.Lock()
        self._saved = asyncio.Event()
        self._told_time = asyncio.Event()
        self._error: str | None = None

    @property
    def error(self) -> str | None:
        """Why something could not be read or written; none again once the state could be."""
        hangs = f"the card has not answered for {ANSWER_WITHIN_S:g} s" if self._hangs else None
        return hangs or self._error or self._store.trouble

    def submit(self, call: Callable[..., object], *arguments: Any) -> None:
        """Do something else on the disk, in turn."""
        self._thread.submit(call, *arguments)

    def close(self) -> None:
        """Finish what has been begun."""
        self._thread.shutdown()

    async def run(self) -> None:
        """Write down what is to be saved, what sounds and what time it is, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_changes(), name="state")
            tasks.create_task(self._follow_sound(), name="progress")
            tasks.create_task(self._follow_time(), name="time")

    async def progress(self) -> Progress | None:
        """What was written down last of what sounded, before this start."""
        return await self._on_disk(None, self._store.progress)

    def save(self, state: NodeState, reports: Sequence[PlaybackReport]) -> None:
        """Have the state and the reports that tell of it stored together, after all that was to be stored before."""
        if state is self._stored and not reports:
            return
        self._newest = state
        self._untried += reports
        self._ask()

    async def stored(self, within_s: float | None = None) -> bool:
        """Wait until all that was to be saved has been tried, at most so long. Whether it has."""
        asked = self._asked
        try:
            async with asyncio.timeout(within_s):
                while self._tried < asked:
                    await self._turned.wait()
        except TimeoutError:
            return False
        return True

    async def waiting(self) -> int:
        """How many reports the server has not acknowledged; as known last, where the disk does not answer."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                _, self._on_card = await self._on_disk(([], self._on_card), self._store.pending, 0)
            self._hangs = False
        except TimeoutError:
            self._hangs = True
        return max(0, self._on_card - len(self._acknowledged)) + len(self._refused) + len(self._untried)

    async def pending(self) -> list[PlaybackReport]:
        """The oldest reports that the server has not acknowledged, of those whose writing was tried."""
        nothing: tuple[list[PlaybackReport], int] = ([], 0)
        await self.stored()
        async with self._turn:
            limit = REPORTS_AT_ONCE + len(self._acknowledged)
            reports, _ = await self._on_disk(nothing, self._store.pending, limit)
            return [report for report in (*reports, *self._refused) if report.report not in self._acknowledged]

    def acknowledged(self, reports: Sequence[str]) -> None:
        """The server has these: they are not sent again, also where the disk does not let them be forgotten yet."""
        self._acknowledged.update(dict.fromkeys(reports))
        self._ask()

    def _ask(self) -> None:
        self._asked += 1
        self._due.set()

    async def _follow_changes(self) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            asked = self._asked
            async with self._turn:
                tried = await self._write_newest()
                await self._forget_acknowledged()
            self._tried = asked
            self._turned.set()
            self._turned = asyncio.Event()
            self._saved.set()
            if tried:
                self._told(tried)

    async def _write_newest(self) -> Sequence[PlaybackReport]:
        """Store the state of now, and all reports that are not yet; if that fails, with the next. The new of them."""
        if self._newest is None or (self._newest is self._stored and not (self._untried or self._refused)):
            return ()
        state, tried, self._untried = self._newest, self._untried, []
        reports = [*self._refused, *tried]
        wrote = await self._on_disk(None, self._store.save, state, reports)
        self._refused = reports if wrote is None else []
        if wrote is not None:
            self._stored = state
        if wrote:
            self._error = None
        return tried

    async def _forget_acknowledged(self) -> None:
        known = tuple(self._acknowledged)
        self._refused = [report for report in self._refused if report.report not in self._acknowledged]
        if known and await self._on_disk(None, self._store.acknowledged, known) is not None:
            for report in known:
                self._acknowledged.pop(report, None)

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
