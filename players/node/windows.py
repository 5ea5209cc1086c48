"""Quiet hours on the node: whether it may sound anything but an emergency, and until when. Pure."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from players.messages import NodeConfig, Window

_MAX_STEPS = 48


def is_open(config: NodeConfig | None, at: datetime) -> bool:
    """Whether a window is open at an instant. Without a configuration none is."""
    return closes_at(config, at) is not None


def closes_at(config: NodeConfig | None, at: datetime) -> datetime | None:
    """When the windows that are open at an instant close (UTC), at most two days ahead; none when they are closed.

    Windows that touch or overlap count as one.
    """
    if config is None:
        return None
    zone = ZoneInfo(config.timezone)
    reached = at
    for _ in range(_MAX_STEPS):
        further = max(
            (end for window in config.windows if (end := _end_of(window, reached, zone)) is not None),
            default=None,
        )
        if further is None or further - at > timedelta(days=2):
            break
        reached = further
    return None if reached == at else reached


def _end_of(window: Window, at: datetime, zone: ZoneInfo) -> datetime | None:
    """The end of a window that is open at an instant."""
    local = at.astimezone(zone)
    day = local.date()
    opens = datetime.combine(day, window.opens, zone)
    last = day + timedelta(days=1) if window.closes == time.min else day
    closes = datetime.combine(last, window.closes, zone)
    return closes.astimezone(UTC) if opens <= local < closes else None
