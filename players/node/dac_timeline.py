"""When samples leave a device, from what it says each time that it asks for some: it is a little off each time.

A device's own clock is steady; what is said of it is not. A sound server (PulseAudio) guesses between the words that it
exchanges with its clients, and on a busy machine its guesses wander by milliseconds for as long as ten seconds, while
not one sample is out of its place. So words count as long as they are steady; while they wander, what was known is
held. A stream that ran dry has really moved: then the words leap, and what is known leaps with them.
"""

from collections import deque
from collections.abc import Sequence
from statistics import median
from typing import Final

_STEADY_S: Final = 5.0
"""PulseAudio guesses from the words of so many seconds (`SMOOTHER_HISTORY_TIME` in its stream.c)."""
_STEADY_WITHIN_S: Final = 0.0006
"""Words that lie so close together for that long are right. A crystal may run off by 100 parts in a million."""
_HELD_S: Final = 40.0
"""So long what was steady is held against words that wander; after that the middle of what they said is as good."""
_LEAP_S: Final = 0.002
"""The words before and after lie further apart than this: it has really moved. They wander ten times more slowly."""
_LEAP_SPREADS: Final = 6
"""And so many times more by which single words are off just then."""
_BEFORE: Final = 16
_AFTER: Final = 5
"""So many words after are compared with so many before: one or two of them are wild on a busy machine."""
LEAP_WORDS: Final = _AFTER // 2 + 1
"""So many words in a row make a leap."""
_GRAIN_S: Final = 0.25
"""Words of so long are taken for one, their middle."""


class DacTimeline:
    """The line between a stream's samples and the instants at which they leave the device.

    Args:
        sample_rate: hertz.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._position = 0
        self._words: deque[float] = deque(maxlen=_BEFORE + _AFTER)
        self._grains: deque[tuple[float, float]] = deque(maxlen=round(_HELD_S / _GRAIN_S))
        self._zero: float | None = None
        self._steady_at = 0.0

    def begins_at(self, frames: int, said_at: float) -> float:
        """When the first of the next `frames` samples will leave, the device saying that this is at `said_at`."""
        at = self._position / self._rate
        self._words.append(said_at - at)
        self._follow_leap()
        if self._zero is None or not self._grains or at - self._grains[-1][0] >= _GRAIN_S:
            self._grains.append((at, median(self._words)))
            self._zero = self._judge(at)
        self._position += frames
        return self._zero + at

    def ran_dry(self) -> None:
        """What was known is no longer true: samples were missing, and the next leave later."""
        self._words.clear()
        self._grains.clear()
        self._zero = None

    def _judge(self, at: float) -> float:
        """When sample 0 left, or would have."""
        recent = [zero for taken, zero in self._grains if at - taken <= _STEADY_S]
        is_steady = max(recent) - min(recent) <= _STEADY_WITHIN_S
        has_lasted = at - self._grains[0][0] >= _STEADY_S
        if is_steady and has_lasted:
            self._steady_at = at
        elif has_lasted and self._zero is not None and at - self._steady_at <= _HELD_S:
            return self._zero
        return median(recent) if is_steady or not has_lasted else median(zero for _, zero in self._grains)

    def _follow_leap(self) -> None:
        if self._zero is None or len(self._words) < _BEFORE + _AFTER:
            return
        words = tuple(self._words)
        usual, spread = _middle(words[:_BEFORE])
        leap = median(words[_BEFORE:]) - usual
        if abs(leap) > _LEAP_S + _LEAP_SPREADS * spread:
            self._words = deque(words[-LEAP_WORDS:], self._words.maxlen)
            self._grains = deque(((at, zero + leap) for at, zero in self._grains), self._grains.maxlen)
            self._zero += leap


def _middle(words: Sequence[float]) -> tuple[float, float]:
    """The middle one, and how far the others are from it, as a rule."""
    middle = median(words)
    return middle, median(abs(word - middle) for word in words)
