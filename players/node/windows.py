"""When and how loud the node may sound anything but an emergency, by its configuration. Pure."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from players.messages import NodeConfig, Window

_MAX_STEPS = 48


def is_open(config: NodeConfig | None, at: datetime, zones: Collection[str] = ()) -> bool:
    """Whether a window is open at an instant. Without a configuration none is."""
    return closes_at(config, at, zones) is not None


def closes_at(config: NodeConfig | None, at: datetime, zones: Collection[str] = ()) -> datetime | None:
    """When the windows that are open at an instant close (UTC), at most two days ahead; none when they are closed.

    Windows that touch or overlap count as one. Of zones that have hours of their own, all must be open.
    """
    if config is None:
        return None
    zone = ZoneInfo(config.timezone)
    own = [rules.windows for rules in config.rules if rules.zone in zones and rules.windows]
    ends = [_closing(windows, at, zone) for windows in (config.windows, *own)]
    known = [end for end in ends if end is not None]
    return min(known) if len(known) == len(ends) else None


def gain_db_at(config: NodeConfig | None, at: datetime) -> float:
    """How loud what is planned sounds when it begins then, in decibels."""
    if config is None:
        return 0.0
    zone = ZoneInfo(config.timezone)
    by_hour = (volume.gain_db for volume in config.volumes if _end_of(volume, at, zone) is not None)
    return config.gain_db + next(by_hour, 0.0)


def emergency_gain_db(config: NodeConfig | None) -> float:
    """How loud an emergency sounds at any hour: never less than full volume."""
    return 0.0 if config is None else max(0.0, config.gain_db)


def _closing(windows: Sequence[Window], at: datetime, zone: ZoneInfo) -> datetime | None:
    """When the windows that are open at an instant close."""
    reached = at
    for _ in range(_MAX_STEPS):
        further = max(
            (end for window in windows if (end := _end_of(window, reached, zone)) is not None),
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
    if window.days and day.weekday() not in window.days:
        return None
    opens = datetime.combine(day, window.opens, zone)
    last = day + timedelta(days=1) if window.closes == time.min else day
    closes = datetime.combine(last, window.closes, zone)
    return closes.astimezone(UTC) if opens <= local < closes else None
