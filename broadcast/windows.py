"""When a commune's horns may sound, in its local time. Pure; emergencies are not asked here."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from players.messages import Window

ALL_DAY = (Window(opens=time.min, closes=time.min),)


def windows_of(stored: Sequence[dict[str, str]]) -> tuple[Window, ...]:
    """A commune's windows as it keeps them: `[{"opens": "05:00", "closes": "20:00"}, …]`."""
    return tuple(Window.model_validate(window) for window in stored)


def stored_windows(windows: Sequence[Window]) -> list[dict[str, str]]:
    """The other way."""
    return [{"opens": f"{w.opens:%H:%M}", "closes": f"{w.closes:%H:%M}"} for w in windows]


def fits_windows(windows: Sequence[Window], zone: ZoneInfo, starts_at: datetime, lasts: timedelta) -> bool:
    """Whether a sound that starts then and lasts that long stays wholly inside the windows.

    Windows that touch are one: what runs on over midnight fits a commune that is open all day.
    """
    reached, ends_at = starts_at, starts_at + lasts
    while True:
        closes_at = closes_after(windows, zone, reached)
        if closes_at is None:
            return False
        if ends_at <= closes_at:
            return True
        reached = closes_at


def closes_after(windows: Sequence[Window], zone: ZoneInfo, at: datetime) -> datetime | None:
    """When the window that is open at `at` closes (UTC); none when none is open. Its opening minute is in it."""
    day = at.astimezone(zone).date()
    for window in windows:
        opens_at = datetime.combine(day, window.opens, zone).astimezone(UTC)
        last_day = day + timedelta(days=1) if window.closes == time.min else day
        closes_at = datetime.combine(last_day, window.closes, zone).astimezone(UTC)
        if opens_at <= at < closes_at:
            return closes_at
    return None


def say_windows(windows: Sequence[Window]) -> str:
    """For the screen: "05:00–20:00, 21:00–24:00"."""
    return ", ".join(f"{w.opens:%H:%M}–{'24:00' if w.closes == time.min else f'{w.closes:%H:%M}'}" for w in windows)
