"""An event loop whose "threads" do at once what they are given: memory is not waited for.

Poles by the hundred in one process would spend its time handing Python's lock from thread to thread.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import uvloop


class AtOnceLoop(uvloop.Loop):
    """uvloop's loop without worker threads."""

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> "asyncio.Future[Any]":  # type: ignore[override]
        """Do it here and now; see `asyncio.loop.run_in_executor`."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - whatever it is, who waits for the future is told
            future.set_exception(error)
        return future
