"""The node's clocks, and the commune's time as far as it knows it. Only this file and `board_clock` read a clock.

The server's time is learnt from signed answers to the node's own nonces, as in NTP (RFC 5905, section 8): an
answer that was `delay` under way is off by at most `delay / 2`. Several such spans together leave less room than each
(Marzullo's intersection): one answer was held up on its way there, another on its way back. The time is kept against
the seconds since the board was started, so that nothing that happens to the system's own date moves a broadcast. How
fast the board's crystal runs is learnt from answers that lie far apart (`rate`): a board alone would else have to
distrust itself after half a day.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from players.node.board_clock import BoardClock, plain_board
from players.node.rate import UNKNOWN, Rate, RateFilter

KEPT_SAMPLES = 12
KEPT_FOR_S = 1200.0
WEIGHED_FOR_S = 30.0
"""What the samples say together is carried on for so long: all of them run off alike."""
LIKELY_PART = 0.2
"""Of what a crystal might run off between two answers, what it really does."""
LEAST_DOUBT_S = 1e-4
MAX_WAIT_S = 5.0
"""A reply that took longer says too little about the time."""
MAX_ASKED = 16
LEAST_CALM_S, SHORTEST_CALM_S, LONGEST_CALM_S = 3.0, 64.0, 1024.0
WORTH_ASKING_S = 0.003
"""What a crystal may have run off before the server is asked again,"""
WORTH_ASKING_PART = 0.25
"""or this part of what the time may be off anyway, if that is more: a slow line says no more by being asked more."""
RTC_ERROR_S = 0.1
"""How closely the board's own date, that goes on without power, is read."""
RTC_DRIFT = 50e-6


@dataclass(frozen=True, slots=True)
class Instant:
    """What the node knows of the time at one moment."""

    at: datetime
    """By the synchronised clock; the best guess while `trusted` is false."""
    trusted: bool
    """Whether the node knows the time closely enough to sound what is planned."""
    awake_since: datetime
    """When this process began, on the same scale as `at`."""


@dataclass(frozen=True, slots=True)
class KeptTime:
    """What the node knew of the time when it was last written down; kept on disk."""

    at: datetime
    """The commune's time then."""
    error_s: float
    told_at: datetime
    """When the server last told it."""
    boot: str
    """Which start of the board it was."""
    uptime_s: float
    """Seconds since that start."""
    rtc_ahead_s: float | None
    """The date of the board's battery clock minus `at`; none without such a clock."""
    rate: Rate


def system_wall() -> datetime:
    """The date as the operating system believes it."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class _Sample:
    """The commune's time `server_s` (seconds since 1970) at `taken`, in seconds since the board's start."""

    server_s: float
    doubt_s: float
    taken: float

    def time_s(self, uptime: float, rate: Rate) -> float:
        return self.server_s + (uptime - self.taken) * (1 + rate.ahead)

    def error_s(self, uptime: float, rate: Rate) -> float:
        return self.doubt_s + rate.error * max(0.0, uptime - self.taken)

    def weight(self, uptime: float, rate: Rate) -> float:
        """What it counts beside others that agree with it."""
        run_off_s = rate.error * max(0.0, uptime - self.taken)
        return (LEAST_DOUBT_S + self.doubt_s + LIKELY_PART * run_off_s) ** -2


class NodeClock:
    """Monotonic time for playing, and the commune's time as an offset to it.

    Args:
        max_error_s: a clock that may be wrong by more than this is not trusted.
        kept: what was written down of the time before this process; the guess never lies before it.
        board: what goes on while the process does not.
        wall: the system's date; `monotonic`: seconds that never jump.
    """

    def __init__(
        self,
        *,
        max_error_s: float = 2.0,
        kept: KeptTime | None = None,
        board: BoardClock | None = None,
        wall: Callable[[], datetime] = system_wall,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.monotonic = monotonic
        self._wall = wall
        self._max_error_s = max_error_s
        self._board = board or plain_board(monotonic)
        self._asked: dict[str, float] = {}
        self._rates = RateFilter(None if kept is None else kept.rate)
        carried = None if kept is None else _carried(kept, self._board)
        self._samples: tuple[_Sample, ...] = () if carried is None else (carried,)
        self._told_at = None if kept is None or carried is None else kept.told_at
        self._born = self._uptime()
        self._weighed: _Sample | None = None
        self._weighed_of: tuple[tuple[_Sample, ...], Rate] = (self._samples, self._rates.rate)
        guess = wall() if kept is None else max(wall(), kept.at)
        self._guess = _Sample(guess.timestamp(), 0.0, self._born)

    def ask(self) -> str:
        """A fresh nonce to send in a `TimeRequest`; the round trip is counted from here."""
        nonce = secrets.token_urlsafe(18)
        self._asked[nonce] = self._uptime()
        while len(self._asked) > MAX_ASKED:
            del self._asked[next(iter(self._asked))]
        return nonce

    def answered(self, nonce: str, server_at: datetime, came: float) -> bool:
        """Take a verified reply. False when it answers no question of ours, or came too late to be of use.

        Args:
            nonce: the question's.
            server_at: the server's time.
            came: the monotonic instant at which the reply came, before it was verified.
        """
        received = came + self._slept()
        asked = self._asked.pop(nonce, None)
        if asked is None or received - asked > min(MAX_WAIT_S, 2 * self._max_error_s):
            return False
        half_s = (received - asked) / 2
        sample = _Sample(server_at.timestamp(), half_s, received - half_s)
        self._samples = _closest((*self._samples, sample), received, self._rates.rate)
        best = self._best() or sample
        self._rates.learn(best.taken, best.server_s - best.taken, best.doubt_s)
        self._told_at = self.at(self.monotonic())
        return True

    @property
    def trusted(self) -> bool:
        """Whether the time is known closely enough."""
        best = self._best()
        return best is not None and best.error_s(self._uptime(), self._rates.rate) <= self._max_error_s

    def at(self, monotonic: float) -> datetime:
        """The commune's time at a monotonic instant."""
        best = self._best() or self._guess
        return datetime.fromtimestamp(best.time_s(monotonic + self._slept(), self._rates.rate), UTC)

    def monotonic_of(self, at: datetime) -> float:
        """The monotonic instant at which the commune's time is `at`."""
        best, rate = self._best() or self._guess, self._rates.rate
        return (at.timestamp() - best.server_s) / (1 + rate.ahead) + best.taken - self._slept()

    def now(self) -> Instant:
        """What is known of the time, now."""
        best, rate, uptime = self._best(), self._rates.rate, self._uptime()
        known = best or self._guess
        return Instant(
            at=datetime.fromtimestamp(known.time_s(uptime, rate), UTC),
            trusted=best is not None and best.error_s(uptime, rate) <= self._max_error_s,
            awake_since=datetime.fromtimestamp(known.time_s(self._born, rate), UTC),
        )

    @property
    def offset_ms(self) -> float | None:
        """The commune's time minus the system's date; none until it is known."""
        if not self._samples:
            return None
        return (self.at(self.monotonic()) - self._wall()) / timedelta(milliseconds=1)

    @property
    def error_ms(self) -> float | None:
        """By how much the synchronised time may be wrong; grows with the age of the last good answer."""
        best = self._best()
        return None if best is None else best.error_s(self._uptime(), self._rates.rate) * 1000

    @property
    def calm_s(self) -> float:
        """How long a clock stays as close as it is, by what is known of its crystal, before it has to ask again.

        One that is barely trusted asks before it is not any more: it would hold an emergency's order.
        """
        error_s, error = (self.error_ms or 0.0) / 1000, self._rates.rate.error
        worth_s = max(WORTH_ASKING_S, WORTH_ASKING_PART * error_s)
        likely = error if error >= UNKNOWN else LIKELY_PART * error
        calm_s = min(LONGEST_CALM_S, max(SHORTEST_CALM_S, worth_s / likely))
        return max(LEAST_CALM_S, min(calm_s, (self._max_error_s - error_s) / error / 2))

    @property
    def age_ms(self) -> float | None:
        """How long ago the server last told the time."""
        return None if self._told_at is None else (self.now().at - self._told_at) / timedelta(milliseconds=1)

    def keep(self) -> KeptTime | None:
        """What is to be written down of the time; none while it is not trusted. Blocks for a second at most."""
        rtc_s = self._board.rtc() if self.trusted else None
        best, rate, uptime = self._best(), self._rates.rate, self._uptime()
        if best is None or self._told_at is None or not self.trusted:
            return None
        now_s = best.time_s(uptime, rate)
        return KeptTime(
            at=datetime.fromtimestamp(now_s, UTC),
            error_s=best.error_s(uptime, rate),
            told_at=self._told_at,
            boot=self._board.boot,
            uptime_s=uptime,
            rtc_ahead_s=None if rtc_s is None else rtc_s - now_s,
            rate=rate,
        )

    def _uptime(self) -> float:
        return self._board.uptime()

    def _slept(self) -> float:
        """What the board's seconds are ahead of the monotonic ones, which stand still while it sleeps."""
        return self._board.uptime() - self.monotonic()

    def _best(self) -> _Sample | None:
        """What the samples say together, now; weighed anew when there is another, or after a while."""
        uptime, rate, held = self._uptime(), self._rates.rate, self._weighed
        samples_then, rate_then = self._weighed_of
        is_same = samples_then is self._samples and rate_then is rate
        if held is None or not is_same or not 0 <= uptime - held.taken < WEIGHED_FOR_S:
            held = self._weighed = self._weigh(uptime, rate)
            self._weighed_of = (self._samples, rate)
        return held

    def _weigh(self, uptime: float, rate: Rate) -> _Sample | None:
        """What the samples say together.

        The closest of those that most others bear out comes first; an outlier is passed over. What agrees with it
        narrows the room that is left, and their mean is believed within that room, the closer ones weighing more.
        """
        spans = [(sample.time_s(uptime, rate), sample.error_s(uptime, rate), sample) for sample in self._samples[::-1]]
        if not spans:
            return None
        votes = [sum(abs(at - other) <= error + doubt for other, doubt, _ in spans) for at, error, _ in spans]
        _, (at, error, _) = max(zip(votes, spans, strict=True), key=lambda one: (one[0], -one[1][1]))
        low, high, weighed, weights = at - error, at + error, 0.0, 0.0
        for other, doubt, sample in sorted(spans, key=lambda span: span[1]):
            if other - doubt <= high and other + doubt >= low:
                low, high = max(low, other - doubt), min(high, other + doubt)
                weight = sample.weight(uptime, rate)
                weighed, weights = weighed + weight * (other - at), weights + weight
        mean = min(max(at + weighed / weights, low), high)
        return _Sample(mean, max(high - mean, mean - low), uptime)


def _closest(samples: tuple[_Sample, ...], uptime: float, rate: Rate) -> tuple[_Sample, ...]:
    """The samples to keep, in their order: when there are too many, without an old one or that which says least.

    A quick answer is worth more than eight slow ones after it. Yet none is kept for long: a server whose clock was put
    right is to be followed.
    """
    if len(samples) <= KEPT_SAMPLES:
        return samples
    if uptime - samples[0].taken > KEPT_FOR_S:
        return samples[1:]
    worst = max(samples, key=lambda sample: sample.error_s(uptime, rate))
    return tuple(sample for sample in samples if sample is not worst)


def _carried(kept: KeptTime, board: BoardClock) -> _Sample | None:
    """The time as it was written down, carried to this process: by the board's seconds, or by its battery clock."""
    if kept.boot == board.boot:
        return _Sample(kept.at.timestamp(), kept.error_s, kept.uptime_s)
    rtc_s = None if kept.rtc_ahead_s is None else board.rtc()
    if rtc_s is None or kept.rtc_ahead_s is None:
        return None
    now_s = rtc_s - kept.rtc_ahead_s
    off_s = now_s - kept.at.timestamp()
    if off_s < 0:
        return None  # its battery is empty: it woke in the past
    return _Sample(now_s, kept.error_s + RTC_ERROR_S + RTC_DRIFT * off_s, board.uptime())
