"""Reports on their way into the database: in batches, and acknowledged only when they are stored."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from players.messages import PlaybackReport

log = logging.getLogger(__name__)

GATHER_S = 0.1
"""Reports that come together are stored together: each batch costs a commit to disk."""
MAX_BATCH = 200
MAX_WAITING = 20_000
FIRST_PAUSE_S = 0.5
MOST_PAUSE_S = 10.0


class ReportIntake:
    """Takes reports one by one, stores them in batches, and says which are stored.

    A report that is not stored is not acknowledged, and its node will send it again: nothing is kept here for it. After
    a failure reports are tried one at a time, so that one that cannot be stored does not hold up the others; then the
    batches grow again.

    Args:
        store: Commits reports, or raises.
        stored: Told of those that were committed.
    """

    def __init__(
        self,
        store: Callable[[Sequence[PlaybackReport]], Awaitable[None]],
        stored: Callable[[Sequence[PlaybackReport]], Awaitable[None]],
    ) -> None:
        self._store = store
        self._stored = stored
        self._waiting: dict[tuple[str, str], PlaybackReport] = {}
        self._has_some = asyncio.Event()
        self._most = MAX_BATCH
        self._pause_s = 0.0

    def take(self, report: PlaybackReport) -> None:
        """Accept a report; a copy of one that waits already is the same report."""
        if len(self._waiting) >= MAX_WAITING and _name(report) not in self._waiting:
            log.warning("too many reports wait to be stored: one of %s will have to come again", report.node)
            return
        self._waiting[_name(report)] = report
        self._has_some.set()

    async def run(self) -> None:
        """Store what comes, until cancelled."""
        while True:
            await self._has_some.wait()
            if len(self._waiting) < self._most:
                await asyncio.sleep(GATHER_S)
            batch = [self._waiting.pop(name) for name in list(self._waiting)[: self._most]]
            if not self._waiting:
                self._has_some.clear()
            await self._store_batch(batch)
            if self._pause_s:
                await asyncio.sleep(self._pause_s)

    async def _store_batch(self, batch: Sequence[PlaybackReport]) -> None:
        try:
            await self._store(batch)
        # Whatever the database says, the wire goes on, and the node sends its report again.
        except Exception:
            log.exception("%d reports could not be stored", len(batch))
            for report in batch if len(batch) > 1 else ():
                self._waiting.setdefault(_name(report), report)
                self._has_some.set()
            self._pause_s = min(max(self._pause_s * 2, FIRST_PAUSE_S), MOST_PAUSE_S) if len(batch) == 1 else 0.0
            self._most = 1
        else:
            self._most = min(self._most * 2, MAX_BATCH)
            self._pause_s = 0.0
            await self._stored(batch)


def _name(report: PlaybackReport) -> tuple[str, str]:
    """What makes a report itself: a node's own id for it says nothing of another node's."""
    return report.node, report.report
