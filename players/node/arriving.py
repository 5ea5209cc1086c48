"""Samples as a decoder of somebody else brings them, until the output takes them."""

from collections import deque
from threading import Lock

import numpy as np

from players.node.feed import Samples, fill_from
from players.node.output import SAMPLE_RATE

SHORT_FRAMES = SAMPLE_RATE // 2
"""A stream may end so much sooner than announced: its codec works in frames."""
_MOST_AHEAD_FRAMES = 60 * SAMPLE_RATE


class ArrivingFeed:
    """A `SampleSource` that another thread fills.

    Args:
        gain_db: applied to what comes.
        expected_ms: how long it should be; when it ends much sooner it broke off. None: whatever comes is whole.
    """

    def __init__(self, gain_db: float, expected_ms: int | None) -> None:
        self._gain = np.float32(10 ** (gain_db / 20))
        self._expected = 0 if expected_ms is None else expected_ms * SAMPLE_RATE // 1000 - SHORT_FRAMES
        self._lock = Lock()
        self._blocks: deque[Samples] = deque()
        self._waiting = 0
        self._came = 0
        self._at_end = False
        self._failure: str | None = None

    def put(self, samples: bytes) -> None:
        """A block of mono 16-bit samples."""
        block = np.frombuffer(samples, "<i2").astype(np.float32) * (self._gain / np.float32(32768))
        with self._lock:
            if self._waiting > _MOST_AHEAD_FRAMES:
                self._failure = "more came than was played"
                return
            self._blocks.append(np.clip(block, -1, 1))
            self._waiting += len(block)
            self._came += len(block)

    def end(self, failure: str | None = None) -> None:
        """No more comes."""
        with self._lock:
            self._at_end = True
            if self._came < self._expected:
                failure = failure or f"the stream broke off after {self._came / SAMPLE_RATE:.1f} s"
            self._failure = self._failure or failure

    @property
    def came(self) -> int:
        """How many samples have come."""
        return self._came

    @property
    def at_end(self) -> bool:
        """Whether all has come."""
        return self._at_end

    def take(self, out: Samples) -> tuple[int, bool]:
        """See `SampleSource`."""
        with self._lock:
            done = fill_from(self._blocks, out)
            self._waiting -= done
            return done, bool(self._blocks) or not (self._at_end or self._failure)

    @property
    def failure(self) -> str | None:
        """See `SampleSource`."""
        return self._failure

    def close(self) -> None:
        """See `SampleSource`."""
        with self._lock:
            self._at_end = True
            self._blocks.clear()
