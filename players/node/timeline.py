"""A sound card that is not there: time itself asks for the samples. `record` and `silent` play on it."""

import asyncio
from collections.abc import Callable
from threading import Event, Lock, Thread
from typing import Protocol

import numpy as np

from players.errors import OutputFailed, OutputMissing
from players.node.fed import FedPlaying, SampleSource
from players.node.feed import Feed, Samples
from players.node.output import SAMPLE_RATE, Sound

_TURN_S = 0.02
_MOST_FRAMES = SAMPLE_RATE
_JOIN_WITHIN_S = 5.0


class Sink(Protocol):
    """Where the samples of a timeline go."""

    def open(self, opened: float) -> None:
        """Begin; `opened` is the monotonic instant of sample 0.

        Raises:
            OutputMissing: it cannot be written.
        """
        ...

    def write(self, position: int, samples: Samples) -> None:
        """Take the samples of a turn.

        Raises:
            OutputFailed: they could not be kept.
        """
        ...

    def close(self) -> None:
        """End."""
        ...


class TimelineOutput:
    """An output whose samples sound exactly when they are due.

    Args:
        name: for reports.
        sink: where they go.
        monotonic: the node's clock.
    """

    def __init__(self, name: str, sink: Sink, monotonic: Callable[[], float]) -> None:
        self.name = name
        self._sink = sink
        self._monotonic = monotonic
        self._lock = Lock()
        self._playing: tuple[FedPlaying, ...] = ()
        self._opened = 0.0
        self._position = 0
        self._ending = Event()
        self._thread = Thread(target=self._run, name=f"output-{name}", daemon=True)
        self._error: str | None = None

    @property
    def plays_streams(self) -> bool:
        """See `AudioOutput`."""
        return False

    @property
    def error(self) -> str | None:
        """See `AudioOutput`."""
        return self._error

    async def open(self) -> None:
        """See `AudioOutput`."""
        self._opened = self._monotonic()
        await asyncio.to_thread(self._sink.open, self._opened)
        self._thread.start()

    async def prepare(self, sound: Sound) -> FedPlaying:
        """See `AudioOutput`."""
        if not sound.paths:
            raise OutputMissing(f"output {self.name!r} plays no streams")
        feed = Feed(sound.paths, sound.from_ms, sound.gain_db)
        await asyncio.to_thread(feed.open)
        return self.attach(feed)

    def attach(self, source: SampleSource) -> FedPlaying:
        """Play from any source of samples."""
        playing = FedPlaying(source, self._monotonic, self._released)
        with self._lock:
            self._playing = (*self._playing, playing)
        return playing

    async def close(self) -> None:
        """See `AudioOutput`."""
        self._ending.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, _JOIN_WITHIN_S)
        for playing in self._playing:
            playing.fail("the output was closed")
        await asyncio.to_thread(self._sink.close)

    def _released(self, playing: FedPlaying) -> None:
        with self._lock:
            self._playing = tuple(other for other in self._playing if other is not playing)

    def _run(self) -> None:
        while not self._ending.wait(_TURN_S):
            self._turn(int((self._monotonic() - self._opened) * SAMPLE_RATE))

    def _turn(self, due: int) -> None:
        """Render and hand over all that is due."""
        while self._position < due:
            count = min(due - self._position, _MOST_FRAMES)
            samples = np.zeros(count, np.float32)
            for playing in self._playing:
                playing.render(samples, self._opened + self._position / SAMPLE_RATE)
            self._hand_over(samples)
            self._position += count

    def _hand_over(self, samples: Samples) -> None:
        try:
            self._sink.write(self._position, samples)
        except OutputFailed as error:
            self._error = str(error)
            for playing in self._playing:
                playing.fail(str(error))
        else:
            self._error = None
