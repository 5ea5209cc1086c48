"""When samples leave a device, from what it says each time that it asks for some: it is a little off each time.

The device's own clock is steady; what is said of it comes through a sound server and a scheduler, and jumps by
milliseconds on a busy board. The mean of the last second's words is close to the truth.
"""

from collections import deque
from statistics import fmean

KEPT = 48
"""So many of the device's requests: about a second."""
JUMP_S = 0.01
"""The device's words are further off than this only when it has really moved: it ran dry, or a server gave it room."""
JUMPS = 3
"""So many words in a row make a move."""


class DacTimeline:
    """The line between a stream's samples and the instants at which they leave the device.

    Args:
        sample_rate: hertz.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._position = 0
        self._zeros: deque[float] = deque(maxlen=KEPT)
        self._apart: list[float] = []

    def begins_at(self, frames: int, said_at: float) -> float:
        """When the first of the next `frames` samples will leave, the device saying that this is at `said_at`."""
        zero = said_at - self._position / self._rate
        if self._zeros and abs(zero - fmean(self._zeros)) > JUMP_S:
            self._apart.append(zero)
            if len(self._apart) >= JUMPS:
                self._zeros.clear()
                self._zeros.extend(self._apart)
                self._apart.clear()
        else:
            self._apart.clear()
            self._zeros.append(zero)
        begins_at = fmean(self._zeros) + self._position / self._rate
        self._position += frames
        return begins_at

    def ran_dry(self) -> None:
        """What was known is no longer true: samples were missing, and the next leave later."""
        self._zeros.clear()
        self._apart.clear()
