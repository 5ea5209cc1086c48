"""The node's clocks, and the commune's time as far as the node knows it. No other file of the node reads a clock.

The server's time is learnt from signed answers to the node's own nonces, as in NTP (RFC 5905, section 8): an
answer that was `delay` under way is off by at most `delay / 2`. It is kept against the monotonic clock, so
that nothing that happens to the system's own date moves a broadcast.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

KEPT_SAMPLES = 8
MAX_WAIT_S = 5.0
"""A reply that took longer says too little about the time."""
MAX_ASKED = 16
DRIFT = 50e-6
"""How far a board's crystal may run away: 50 parts in a million, as usual for boards without a trimmed one."""


@dataclass(frozen=True, slots=True)
class Instant:
    """What the node knows of the time at one moment."""

    at: datetime
    """By the synchronised clock; the best guess while `trusted` is false."""
    trusted: bool
    """Whether the server has told this process the time, closely enough."""
    awake_since: datetime
    """When this process began, on the same scale as `at`."""


def system_wall() -> datetime:
    """The date as the operating system believes it."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class _Sample:
    offset_s: float
    delay_s: float
    taken: float

    def error_s(self, monotonic: float) -> float:
        return self.delay_s / 2 + DRIFT * max(0.0, monotonic - self.taken)


class NodeClock:
    """Monotonic time for playing, and the commune's time as an offset to it.

    Args:
        max_error_s: a round trip that leaves more doubt than this does not make the clock trusted.
        not_before: the last time known to be good (kept on disk): the guess never lies before it.
        wall: the system's date; `monotonic`: seconds that never jump.
    """

    def __init__(
        self,
        *,
        max_error_s: float = 2.0,
        not_before: datetime | None = None,
        wall: Callable[[], datetime] = system_wall,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.monotonic = monotonic
        self._wall = wall
        self._max_error_s = max_error_s
        self._asked: dict[str, float] = {}
        self._samples: tuple[_Sample, ...] = ()
        self._born = monotonic()
        guess = wall() if not_before is None else max(wall(), not_before)
        self._guessed_offset_s = guess.timestamp() - self._born

    def ask(self) -> str:
        """A fresh nonce to send in a `TimeRequest`; the round trip is counted from here."""
        nonce = secrets.token_urlsafe(18)
        self._asked[nonce] = self.monotonic()
        while len(self._asked) > MAX_ASKED:
            del self._asked[next(iter(self._asked))]
        return nonce

    def answered(self, nonce: str, server_at: datetime) -> bool:
        """Take a verified reply. False when it answers no question of ours, or came too late to be of use."""
        received = self.monotonic()
        asked = self._asked.pop(nonce, None)
        if asked is None or received - asked > min(MAX_WAIT_S, 2 * self._max_error_s):
            return False
        offset_s = server_at.timestamp() - (asked + received) / 2
        self._samples = (*self._samples, _Sample(offset_s, received - asked, received))[-KEPT_SAMPLES:]
        return True

    @property
    def trusted(self) -> bool:
        """Whether at least one good answer has come."""
        return bool(self._samples)

    def _best(self) -> _Sample | None:
        now = self.monotonic()
        return min(self._samples, key=lambda sample: sample.error_s(now), default=None)

    def _offset_s(self) -> float:
        best = self._best()
        return self._guessed_offset_s if best is None else best.offset_s

    def at(self, monotonic: float) -> datetime:
        """The commune's time at a monotonic instant."""
        return datetime.fromtimestamp(monotonic + self._offset_s(), UTC)

    def monotonic_of(self, at: datetime) -> float:
        """The monotonic instant at which the commune's time is `at`."""
        return at.timestamp() - self._offset_s()

    def now(self) -> Instant:
        """What is known of the time, now."""
        return Instant(at=self.at(self.monotonic()), trusted=self.trusted, awake_since=self.at(self._born))

    @property
    def offset_ms(self) -> float | None:
        """The server's time minus the system's date; none until it is known."""
        if not self.trusted:
            return None
        return (self.at(self.monotonic()) - self._wall()) / timedelta(milliseconds=1)

    @property
    def error_ms(self) -> float | None:
        """By how much the synchronised time may be wrong; grows with the age of the last good answer."""
        best = self._best()
        return None if best is None else best.error_s(self.monotonic()) * 1000
