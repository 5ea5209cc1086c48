"""The loops that run as long as the server does: one that ends by an error is said to be in trouble, and run again."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from players.child import Pauses
from scheduler.runner import Runner

logger = logging.getLogger(__name__)


@asynccontextmanager
async def kept_running(
    run: Callable[[], Awaitable[None]], name: str, runner: Runner, pauses: Pauses | None = None
) -> AsyncIterator[None]:
    """Have `run` run as long as this is entered, and again, after a growing pause, when it raises.

    Args:
        run: Cancelled at the end; one that returns has done its work.
        name: As the log and the page call it.
        runner: Told of its trouble, until it has run well again.
        pauses: How long to wait before it is run again.
    """
    task = asyncio.create_task(_keep(run, name, runner, pauses or Pauses()), name=name)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s did not end in order", name, exc_info=error)


async def _keep(run: Callable[[], Awaitable[None]], name: str, runner: Runner, pauses: Pauses) -> None:
    loop, pause_s = asyncio.get_running_loop(), None
    while True:
        begun = loop.time()
        with _later(pauses.well_after_s, lambda: runner.mend(name)):
            try:
                return await run()
            # Whatever ended it: a commune must not lose a part of its server until somebody starts it again.
            except Exception as error:
                if (task := asyncio.current_task()) is not None and task.cancelling():
                    raise
                pause_s = pauses.following(pause_s, loop.time() - begun)
                logger.critical("%s has stopped; again in %.1f s", name, pause_s, exc_info=True)
                runner.fail(name, error)
        await asyncio.sleep(pause_s)


@contextmanager
def _later(seconds: float, do: Callable[[], None]) -> Iterator[None]:
    timer = asyncio.get_running_loop().call_later(seconds, do)
    try:
        yield
    finally:
        timer.cancel()
