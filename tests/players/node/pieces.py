"""What a player knows of an emergency that it plays clip by clip, in simulated time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from players.messages import ClipRef, Reason
from players.node.events import Broke, Ended, Lengthen, Prepare

PATIENCE = timedelta(seconds=20)
"""See `players.node.sequel.PATIENCE_S`."""


@dataclass
class Pieces:
    """The clips that were handed over; when they end, and how."""

    broadcast: str
    serial: int
    clips: list[ClipRef]
    is_open: bool
    from_ms: int
    at: datetime | None = None
    over_at: datetime | None = None
    """When the last of them falls silent."""
    end: Ended | Broke | None = None
    """What will be said of it, as things stand."""

    @classmethod
    def prepared(cls, action: Prepare) -> "Pieces | None":
        """As it is opened; none for what is played as one."""
        if action.begin_with is None:
            return None
        clips = list(action.item.clips[: action.begin_with])
        return cls(action.item.broadcast, action.serial, clips, action.is_open, action.from_ms)

    def begin(self, at: datetime) -> tuple[datetime, Ended | Broke]:
        """It sounds: when something will be said of its end, and what."""
        self.at, self.over_at = at, at + _length(self.clips) - timedelta(milliseconds=self.from_ms)
        return self._ending(at, self.over_at)

    def lengthen(self, action: Lengthen, now: datetime) -> tuple[datetime, Ended | Broke] | None:
        """More of it has come, or the word that no more comes; none while it does not sound yet."""
        assert self.is_open, "nothing comes after the last"
        self.clips += action.clips
        self.is_open = not action.is_last
        if self.at is None or self.over_at is None:
            return None
        if action.clips or not self.is_open:
            self.over_at = max(self.over_at, now) + _length(action.clips)
        return self._ending(self.at, self.over_at)

    def _ending(self, at: datetime, over_at: datetime) -> tuple[datetime, Ended | Broke]:
        if self.is_open:
            self.end = Broke(self.broadcast, self.serial, Reason.CLIP_UNAVAILABLE, "no more came", at, over_at)
            return over_at + PATIENCE, self.end
        self.end = Ended(self.broadcast, self.serial, at, over_at)
        return over_at, self.end


def _length(clips: Sequence[ClipRef]) -> timedelta:
    return timedelta(milliseconds=sum(clip.duration_ms for clip in clips))
