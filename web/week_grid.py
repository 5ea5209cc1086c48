"""Where the blocks of a week stand in its grid: minutes from its top, and lanes for what is close together. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from players.messages import Window
from scheduler.week import Block, Week, WeekDay

DAY_MINUTES = 24 * 60
TOUCH_MINUTES = 28
"""How many minutes of the grid a finger covers: what begins within this of another stands beside it."""
_MARGIN = 30
_USUAL = (5 * 60, 21 * 60)


@dataclass(frozen=True, slots=True)
class Placed:
    """A block in its column: minutes from the grid's top, its height in minutes, its lane among `lanes`."""

    id: str
    block: Block
    top: float
    height: float
    lane: int
    lanes: int
    ends_next_day: bool


@dataclass(frozen=True, slots=True)
class Quiet:
    """A stretch in which only emergencies may sound, in minutes from the grid's top."""

    id: str
    top: int
    height: int


@dataclass(frozen=True, slots=True)
class Column:
    """A day of the grid."""

    day: WeekDay
    placed: Sequence[Placed]
    quiet: Sequence[Quiet]
    asked: float | None
    """The asked minute, from the grid's top."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The grid as a whole: which minutes of the day it shows, and its full hours."""

    top: int
    minutes: int
    hours: Sequence[int]


def lay_out(week: Week, zone: ZoneInfo, asked_at: datetime | None = None) -> tuple[Grid, list[Column]]:
    """The grid of a week: as many hours as it needs, at least the usual ones that are open."""
    grid = _grid(week, zone)
    return grid, [_column(number, day, week, grid, zone, asked_at) for number, day in enumerate(week.days)]


def quiet_of(windows: Sequence[Window], on: date) -> list[tuple[int, int]]:
    """The stretches of a day, in minutes from midnight, that no window covers."""
    closed, minute = [], 0
    of_day = (one for one in windows if not one.days or on.weekday() in one.days)
    for window in sorted(of_day, key=lambda one: one.opens):
        opens = _minute(window.opens)
        if opens > minute:
            closed.append((minute, opens))
        minute = max(minute, DAY_MINUTES if window.closes == time.min else _minute(window.closes))
    return [*closed, (minute, DAY_MINUTES)] if minute < DAY_MINUTES else closed


def _grid(week: Week, zone: ZoneInfo) -> Grid:
    first, last = _USUAL
    for day in week.days:
        for block in day.blocks:
            start = _from_midnight(block.line.starts_at, day.on, zone)
            end = _from_midnight(block.ends_at, day.on, zone)
            first, last = min(first, int(start)), max(last, int(max(end, start + TOUCH_MINUTES)))
    top = max(0, (first - _MARGIN) // 60 * 60)
    bottom = min(DAY_MINUTES, -(-(last + _MARGIN) // 60) * 60)
    return Grid(top, bottom - top, range(top // 60, bottom // 60))


def _column(number: int, day: WeekDay, week: Week, grid: Grid, zone: ZoneInfo, asked_at: datetime | None) -> Column:
    quiet = []
    for place, (closes, opens) in enumerate(quiet_of(week.windows, day.on)):
        start, end = max(closes, grid.top), min(opens, grid.top + grid.minutes)
        if start < end:
            quiet.append(Quiet(f"q{number}-{place}", start - grid.top, end - start))
    asked = None
    if asked_at is not None and asked_at.astimezone(zone).date() == day.on:
        minute = _from_midnight(asked_at, day.on, zone) - grid.top
        asked = minute if 0 <= minute <= grid.minutes else None
    return Column(day, _place(number, day, grid, zone), quiet, asked)


def _place(number: int, day: WeekDay, grid: Grid, zone: ZoneInfo) -> list[Placed]:
    """Blocks that are close together share the width: each group of them has as many lanes as it needs."""
    found: list[Placed] = []
    group: list[tuple[Block, float, float, int]] = []
    free_at: list[float] = []

    def close_group() -> None:
        for block, top, height, lane in group:
            id_ = f"b{number}-{len(found)}"
            over = top + height > grid.minutes + 0.01 and grid.top + grid.minutes == DAY_MINUTES
            found.append(Placed(id_, block, top, min(height, grid.minutes - top), lane, len(free_at), over))
        group.clear()
        free_at.clear()

    for block in sorted(day.blocks, key=lambda one: (one.starts_at, one.line.broadcast)):
        top = _from_midnight(block.starts_at, day.on, zone) - grid.top
        height = (block.ends_at - block.starts_at) / timedelta(minutes=1)
        if free_at and top >= max(free_at):
            close_group()
        lane = next((one for one, free in enumerate(free_at) if free <= top), len(free_at))
        free_at[lane : lane + 1] = [top + max(height, TOUCH_MINUTES)]
        group.append((block, top, height, lane))
    close_group()
    return found


def _from_midnight(at: datetime, on: date, zone: ZoneInfo) -> float:
    """Minutes by the wall clock since a day began; more than a day's for what is after it."""
    local = at.astimezone(zone)
    return (local.date() - on).days * DAY_MINUTES + local.hour * 60 + local.minute + local.second / 60


def _minute(at: time) -> int:
    return at.hour * 60 + at.minute
