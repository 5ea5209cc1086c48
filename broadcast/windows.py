"""When a commune's horns may sound, in its local time. Pure; emergencies are not asked here."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from players.messages import Window

WEEKDAY_SIGNS = ("T2", "T3", "T4", "T5", "T6", "T7", "CN")
_FURTHEST = timedelta(days=2)
ALL_DAY = (Window(opens=time.min, closes=time.min),)


def windows_of(stored: Sequence[dict[str, str]]) -> tuple[Window, ...]:
    """A commune's windows as it keeps them: `[{"opens": "05:00", "closes": "20:00", "days": "56"}, …]`.

    `days`, if any, are digits of weekdays, 0 being Monday.
    """
    return tuple(Window.model_validate({**window, "days": days_of(window)}) for window in stored)


def days_of(stored: Mapping[str, str]) -> tuple[int, ...]:
    """The weekdays of a window as it is kept."""
    return tuple(int(day) for day in stored.get("days", ""))


def stored_windows(windows: Sequence[Window]) -> list[dict[str, str]]:
    """The other way."""
    return [stored_window(window) for window in windows]


def stored_window(window: Window) -> dict[str, str]:
    """One of them."""
    times = {"opens": f"{window.opens:%H:%M}", "closes": f"{window.closes:%H:%M}"}
    return {**times, "days": "".join(map(str, window.days))} if window.days else times


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


def open_until(windows: Sequence[Window], zone: ZoneInfo, at: datetime) -> datetime | None:
    """When the hours that are open at `at` end (UTC), windows that touch taken as one; none when none is open.

    At most two days ahead, as the poles reckon (`players.node.windows.closes_at`).
    """
    reached = closes_after(windows, zone, at)
    while reached is not None and reached < at + _FURTHEST:
        further = closes_after(windows, zone, reached)
        if further is None:
            break
        reached = further
    return reached


def closes_after(windows: Sequence[Window], zone: ZoneInfo, at: datetime) -> datetime | None:
    """When the window that is open at `at` closes (UTC); none when none is open. Its opening minute is in it."""
    day = at.astimezone(zone).date()
    for window in windows:
        if window.days and day.weekday() not in window.days:
            continue
        opens_at = datetime.combine(day, window.opens, zone).astimezone(UTC)
        last_day = day + timedelta(days=1) if window.closes == time.min else day
        closes_at = datetime.combine(last_day, window.closes, zone).astimezone(UTC)
        if opens_at <= at < closes_at:
            return closes_at
    return None


def say_windows(windows: Sequence[Window]) -> str:
    """For the screen: "05:00–20:00, T7-CN 21:00–24:00"."""
    return ", ".join(say_window(window) for window in windows)


def say_window(window: Window) -> str:
    """One of them."""
    closes = "24:00" if window.closes == time.min else f"{window.closes:%H:%M}"
    days = say_weekdays(window.days)
    return f"{days} {window.opens:%H:%M}–{closes}" if days else f"{window.opens:%H:%M}–{closes}"


def say_weekdays(days: Sequence[int]) -> str:
    """Days of the week, 0 being Monday: "T2-T6" for neighbours, "T2+T4" for others; empty for none, which means all."""
    known = sorted(set(days))
    if len(known) > 2 and known[-1] - known[0] == len(known) - 1:
        return f"{WEEKDAY_SIGNS[known[0]]}-{WEEKDAY_SIGNS[known[-1]]}"
    return "+".join(WEEKDAY_SIGNS[day] for day in known)
