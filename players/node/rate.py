"""How fast a board's crystal runs against the server's time, learnt from answers that lie far apart. Pure."""

from dataclasses import dataclass

UNKNOWN = 50e-6
"""How far a crystal may run away: 50 parts in a million, as usual for boards without a trimmed one."""
WANDER = 2e-6
"""How far it wanders from its mean with the day's warmth, averaged over days."""
LONGEST_S = 7 * 86400.0
_EVERY_S = 3600.0
_SOONEST_S = 60.0
"""Answers that lie so far apart already tell more than nothing, where the line is quick."""
_ABOUT = 1.25
"""A newer rate takes the place of one that was known about as well,"""
_WORTH = UNKNOWN / 2
"""if it says clearly more than what is usual: most crystals run far better than they must."""
_MOST_ANCHORS = 169


@dataclass(frozen=True, slots=True)
class Rate:
    """By how much the commune's seconds run ahead of the board's (a part of a second in a second)."""

    ahead: float = 0.0
    error: float = UNKNOWN
    """It may be off by this much."""


@dataclass(frozen=True, slots=True)
class _Anchor:
    taken: float
    offset_s: float
    doubt_s: float


class RateFilter:
    """Learns the rate: from the first answer of the last seven days to the newest.

    Args:
        kept: as it was known before this process.
    """

    def __init__(self, kept: Rate | None) -> None:
        self._anchors: tuple[_Anchor, ...] = ()
        self.rate = kept or Rate()

    def learn(self, taken: float, offset_s: float, doubt_s: float) -> None:
        """Take an answer.

        Args:
            taken: when, in seconds since the board's start.
            offset_s: the commune's time minus that.
            doubt_s: how far off it may be.
        """
        anchor = _Anchor(taken, offset_s, doubt_s)
        if self._anchors and taken - self._anchors[-1].taken < _SOONEST_S and doubt_s < self._anchors[-1].doubt_s:
            self._anchors = (*self._anchors[:-1], anchor)  # several are asked for in a row: the closest counts
        elif not self._anchors or taken - self._anchors[-1].taken >= _EVERY_S:
            anchors = (*self._anchors, anchor)[-_MOST_ANCHORS:]
            self._anchors = tuple(one for one in anchors if taken - one.taken <= LONGEST_S)
        self._judge(anchor)

    def _judge(self, newest: _Anchor) -> None:
        old = [anchor for anchor in self._anchors if newest.taken - anchor.taken >= _SOONEST_S]
        if not old:
            return
        found = min((_between(anchor, newest) for anchor in old), key=lambda rate: rate.error)
        if abs(found.ahead) - found.error > UNKNOWN:
            # No crystal does that: the server's own clock was set in between.
            self._anchors = (newest,)
        elif found.error <= min(_ABOUT * self.rate.error, _WORTH):
            self.rate = found


def _between(first: _Anchor, last: _Anchor) -> Rate:
    span_s = last.taken - first.taken
    return Rate((last.offset_s - first.offset_s) / span_s, (last.doubt_s + first.doubt_s) / span_s + WANDER)
