"""What of a board's clocks goes on while the node's process does not: seconds since its start, and a battery clock."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_RTC = Path("/sys/class/rtc/rtc0/since_epoch")
_TICK_WITHIN_S = 1.5
_LOOK_EVERY_S = 0.01


def _no_rtc() -> float | None:
    return None


@dataclass(frozen=True, slots=True)
class BoardClock:
    """A board's clocks."""

    boot: str
    """Another at each start of the board."""
    uptime: Callable[[], float]
    """Seconds since then, those it slept included."""
    rtc: Callable[[], float | None] = _no_rtc
    """The battery clock's date in seconds since 1970; none without one. May block until its second changes."""


def plain_board(uptime: Callable[[], float]) -> BoardClock:
    """A board of which nothing outlives the process."""
    return BoardClock(boot=f"process {time.time_ns()}", uptime=uptime)


def linux_board() -> BoardClock:
    """This machine."""
    boot = ""
    with suppress(OSError):
        boot = _BOOT_ID.read_text("ascii").strip()
    return BoardClock(boot=boot or f"process {time.time_ns()}", uptime=_seconds_since_boot, rtc=read_rtc)


def read_rtc(path: Path = _RTC) -> float | None:
    """The date of the battery clock at the moment its second changes; none if there is none, or it stands still."""
    try:
        first = int(path.read_text("ascii"))
        until = time.monotonic() + _TICK_WITHIN_S
        while time.monotonic() < until:
            now = int(path.read_text("ascii"))
            if now != first:
                return float(now)
            time.sleep(_LOOK_EVERY_S)
    except (OSError, ValueError):
        return None
    return None


def _seconds_since_boot() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
