"""How often a node tells how it is: at once when something has changed, else only that it lives. Pure.

A SIM card pays for each word: a pole that said everything every five seconds would send 12 MB a day.
"""

from collections.abc import Mapping
from typing import Final

from players.messages import Heartbeat

WHOLE_EVERY_S: Final = 600.0
"""A whole heartbeat goes out at least this often."""
STEPS: Final[Mapping[str, float]] = {
    "temperature_c": 5,
    "signal_percent": 25,
    "volume_percent": 1,
    "disk_free_bytes": 500e6,
    "memory_free_bytes": float("inf"),
    "processor_percent": 101,
    "clock_offset_ms": 500,
    "clock_error_ms": 500,
    "clock_age_ms": float("inf"),
    "uptime_s": float("inf"),
    "running_s": float("inf"),
}
"""By how much a number must have changed to be news."""


def is_news(told: Heartbeat | None, beat: Heartbeat) -> bool:
    """Whether a heartbeat says more than the last one that was sent."""
    if told is None or told.model_copy(update=_steady(beat)) != beat:
        return True
    return any(_has_moved(getattr(told, name), getattr(beat, name), step) for name, step in STEPS.items())


def _steady(beat: Heartbeat) -> dict[str, object]:
    """What of a heartbeat changes all the time."""
    return {"at": beat.at, "data": beat.data, **{name: getattr(beat, name) for name in STEPS}}


def _has_moved(told: float | None, now: float | None, step: float) -> bool:
    if told is None or now is None:
        return told is not now
    return abs(now - told) >= step
