"""The server's own clock, watched: poles and plan follow it, so one that is wrong must not lead them.

It is judged by the last instant that was seen, which is in the database. Behind it, or far ahead of it, the clock is
not believed. Then the server goes by the time that its poles know; where none knows it, it holds: it plans, begins and
forgets nothing and tells no pole the time, until its clock is right or an administrator says that it is.
"""

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median_low

from sqlmodel import Session, col, select

from broadcast.lifecycle import COMING
from broadcast.models import Broadcast, BroadcastState, SeenInstant
from players.messages import Urgency

BEHIND_MOST = timedelta(minutes=5)
AHEAD_MOST = timedelta(days=30)
"""A server that was off for longer is asked about once."""
APART = timedelta(minutes=1)
"""What a message may be under way, and more: what poles say is not followed more closely."""
STEADY_FOR_S = 600.0
"""A clock that has just jumped may do so again (network time after a start): it is written down only after so long."""
WRITE_EVERY = timedelta(minutes=1)


class ClockState(StrEnum):
    """Whose time the server goes by."""

    SOUND = "sound"
    BY_POLES = "by-poles"
    HELD = "held"


class ServerClock:
    """The present, as far as the server knows it. Called from any thread.

    Args:
        system: The machine's clock.
        monotonic: Seconds that never jump.
    """

    def __init__(self, system: Callable[[], datetime], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._system = system
        self._monotonic = monotonic
        self._ahead = timedelta()
        self._seen: datetime | None = None
        self._jump: tuple[float, float] | None = None
        self._is_pressing = False
        self.state = ClockState.SOUND

    def __call__(self) -> datetime:
        """The present instant."""
        if self.state is ClockState.BY_POLES:  # the machine's clock may have been put right
            self._judge(())
        return self._carried()

    def _carried(self) -> datetime:
        return self._system() + self._ahead

    @property
    def is_held(self) -> bool:
        """Whether nobody knows what time it is. Judged now: the machine's clock may have jumped since the last look."""
        self._judge(())
        return self.state is ClockState.HELD

    @property
    def may_be_told(self) -> bool:
        """Whether poles may be told the time. In an emergency even a wrong one: they obey nothing without."""
        return not self.is_held or self._is_pressing

    @property
    def system_at(self) -> datetime:
        """What the machine's clock says."""
        return self._system()

    @property
    def seen_at(self) -> datetime | None:
        """The last instant seen before."""
        return self._seen

    def know(self, seen: datetime | None) -> None:
        """Go by this as the last instant seen, from the database or from who confirms the clock."""
        self._seen = seen
        self._judge(())

    def look(self, aheads: Sequence[timedelta], *, is_pressing: bool) -> datetime | None:
        """Judge the clock; the instant that is to be written down as seen, now and then.

        Args:
            aheads: By how much poles that know the time were ahead of this clock, since the last look.
            is_pressing: Whether an emergency is to sound.
        """
        self._is_pressing = is_pressing
        self._judge(aheads)
        now = self()
        if not self._is_steady() or self.is_held or (self._seen is not None and now - self._seen < WRITE_EVERY):
            return None
        self._seen = now
        return now

    def _judge(self, aheads: Sequence[timedelta]) -> None:
        if self._is_believable(self._system()):
            self._ahead, self.state = timedelta(), ClockState.SOUND
            return
        # What was heard before the clock jumped does not fit any more, and falls out here.
        fitting = [ahead for ahead in aheads if self._is_believable(self._carried() + ahead)]
        if fitting and (self.state is not ClockState.BY_POLES or abs(median_low(fitting)) > APART):
            self._ahead += median_low(fitting)
            self.state = ClockState.BY_POLES
        elif self.state is not ClockState.BY_POLES or not self._is_believable(self._carried()):
            self._ahead, self.state = timedelta(), ClockState.HELD

    def _is_believable(self, at: datetime) -> bool:
        return self._seen is None or self._seen - BEHIND_MOST <= at <= self._seen + AHEAD_MOST

    def _is_steady(self) -> bool:
        """Whether the machine's clock has not jumped for a while."""
        seconds = self._monotonic()
        offset = self._system().timestamp() - seconds
        if self._jump is None or abs(offset - self._jump[0]) > APART.total_seconds():
            self._jump = offset, seconds
        return seconds - self._jump[1] >= STEADY_FOR_S


def load_seen(session: Session) -> datetime | None:
    """The last instant that was seen; none on a new server."""
    found = session.exec(select(SeenInstant)).first()
    return None if found is None else found.at


def keep_seen(session: Session, at: datetime) -> None:
    """Write down an instant as the last that was seen."""
    session.merge(SeenInstant(id=1, at=at))


def has_emergency(session: Session) -> bool:
    """Whether an emergency is to sound, or sounds."""
    is_open = col(Broadcast.state).in_({*COMING, BroadcastState.ON_AIR})
    query = select(Broadcast.id).where(is_open, Broadcast.urgency == Urgency.EMERGENCY)
    return session.exec(query.limit(1)).first() is not None
