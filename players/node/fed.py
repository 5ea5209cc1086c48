"""A sound whose output asks for its samples, block by block, and knows when each block will sound."""

import asyncio
from collections.abc import Callable
from threading import Lock
from typing import Protocol

import numpy as np

from players.errors import OutputFailed
from players.node.feed import Samples
from players.node.output import SAMPLE_RATE, Sounded

_FADE_FRAMES = SAMPLE_RATE // 200
_STOP_WITHIN_S = 0.5


class SampleSource(Protocol):
    """Where the samples come from: see `feed.Feed`, which is one."""

    def take(self, out: Samples) -> tuple[int, bool]:
        """Fill from the beginning, without waiting: how many samples there were, and whether more will come."""
        ...

    @property
    def failure(self) -> str | None:
        """Why it broke off, if it did."""
        ...

    def close(self) -> None:
        """Nothing more is wanted."""
        ...


class FedPlaying:
    """A `Playing` for outputs that pull. `render` is called in the audio thread, everything else on the event loop.

    Args:
        feed: opened.
        monotonic: the node's clock.
        release: called once when it is over, in whatever thread that is found out.
    """

    def __init__(
        self, feed: SampleSource, monotonic: Callable[[], float], release: Callable[["FedPlaying"], None]
    ) -> None:
        self._feed = feed
        self._monotonic = monotonic
        self._release = release
        self._loop = asyncio.get_running_loop()
        self._lock = Lock()
        self._start_at: float | None = None
        self._stopping = False
        self._over = False
        self._starved = 0
        self._first: float | None = None
        self._last: float | None = None
        self._started: asyncio.Future[float] = self._loop.create_future()
        self._finished: asyncio.Future[float] = self._loop.create_future()
        self._silent = asyncio.Event()

    @property
    def note(self) -> str | None:
        """See `Playing`."""
        return f"{self._starved} underruns" if self._starved else None

    def start(self, at: float) -> None:
        """See `Playing`."""
        with self._lock:
            self._start_at = max(at, self._monotonic())

    async def started(self) -> float:
        """See `Playing`."""
        return await self._reached(self._started)

    async def finished(self) -> float:
        """See `Playing`."""
        return await self._reached(self._finished)

    async def stop(self) -> Sounded:
        """See `Playing`."""
        with self._lock:
            self._stopping = True
            if self._first is None:
                self._end(None)
        try:
            async with asyncio.timeout(_STOP_WITHIN_S):
                await self._silent.wait()
        except TimeoutError:
            self.fail("the output does not answer")
        if self._last is not None:
            await asyncio.sleep(self._last - self._monotonic())
        return Sounded(self._first, self._last)

    def fail(self, why: str) -> None:
        """The device is gone: nothing more will sound. From any thread."""
        with self._lock:
            self._end(why)

    def starved(self) -> None:
        """The device ran dry once. From any thread."""
        self._starved += self._first is not None

    def render(self, out: Samples, first_at: float) -> None:
        """Write this sound's samples into a block of silence.

        Args:
            out: mono, to be filled where this sound is to be heard.
            first_at: when the first sample of the block will sound.
        """
        with self._lock:
            if self._over or self._start_at is None:
                return
            offset = 0
            if self._first is None:
                offset = max(0, round((self._start_at - first_at) * SAMPLE_RATE))
                if offset >= len(out):
                    return
                self._first = first_at + offset / SAMPLE_RATE
                self._settle(self._started, self._first)
            self._fill(out[offset:], first_at + offset / SAMPLE_RATE)

    def _fill(self, out: Samples, first_at: float) -> None:
        count, more = self._feed.take(out)
        if self._stopping:
            count = min(count, _FADE_FRAMES)
            out[:count] *= np.linspace(1, 0, count, dtype=np.float32)
            out[count:] = 0
        self._last = first_at + count / SAMPLE_RATE
        if self._stopping or not more:
            self._end(self._feed.failure)
        elif count < len(out):
            self._starved += 1

    def _end(self, why: str | None) -> None:
        """Over, with the lock held."""
        if self._over:
            return
        self._over = True
        if why is not None:
            self._settle(self._started, OutputFailed(why))
            self._settle(self._finished, OutputFailed(why))
        elif self._last is not None:
            self._settle(self._finished, self._last)
        self._loop.call_soon_threadsafe(self._silent.set)
        self._feed.close()
        self._release(self)

    def _settle(self, future: "asyncio.Future[float]", result: float | OutputFailed) -> None:
        self._loop.call_soon_threadsafe(_set, future, result)

    async def _reached(self, future: "asyncio.Future[float]") -> float:
        instant = await asyncio.shield(future)
        await asyncio.sleep(instant - self._monotonic())
        return instant


def _set(future: "asyncio.Future[float]", result: float | OutputFailed) -> None:
    if future.done():
        return
    if isinstance(result, OutputFailed):
        future.set_exception(result)
        future.exception()  # nobody has to ask
    else:
        future.set_result(result)
