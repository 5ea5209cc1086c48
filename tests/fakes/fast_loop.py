"""An event loop whose time flies: it never sleeps, but goes on to the next moment at which something is to happen.

Only while nothing is being done in a thread: what takes a moment there takes no time here.
"""

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

_LOOK_AGAIN_S = 5.0


class _FastSelector(selectors.DefaultSelector):
    """Waits only for threads; for anything else it lets time pass instead."""

    loop: "FastLoop"

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or self.loop.working:
            return super().select(_LOOK_AGAIN_S if timeout is None or timeout > 0 else 0)
        if timeout > 0:
            self.loop.seconds += timeout
        return super().select(0)


class FastLoop(asyncio.SelectorEventLoop):
    """The loop. `seconds` is its monotonic time."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.working = 0
        selector = _FastSelector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.seconds

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> "asyncio.Future[Any]":
        future = super().run_in_executor(executor, func, *args)
        self.working += 1
        future.add_done_callback(self._done)
        return future

    def _done(self, _: "asyncio.Future[Any]") -> None:
        self.working -= 1
