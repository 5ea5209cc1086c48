from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.models import Zone
from broadcast.vietnamese_days import lunar_day
from players.messages import Urgency, Window
from scheduler.forecast import Line
from scheduler.lengths import Length
from scheduler.week import Block, Fate, Week, WeekDay
from web.week_grid import DAY_MINUTES, TOUCH_MINUTES, lay_out, quiet_of

VIET_NAM = ZoneInfo("Asia/Ho_Chi_Minh")
DAY = date(2026, 6, 1)


def window(opens: str, closes: str) -> Window:
    return Window(opens=time.fromisoformat(opens), closes=time.fromisoformat(closes))


def week(times: list[tuple[int, int]], windows: tuple[Window, ...] = ()) -> Week:
    """One day of blocks: minutes since midnight and lengths in minutes."""
    midnight = datetime.combine(DAY, time(), VIET_NAM)
    blocks = []
    for number, (minute, lasts) in enumerate(times):
        at, length = (midnight + timedelta(minutes=minute)).astimezone(UTC), timedelta(minutes=lasts)
        line = Line(f"b{number}", "Tin", Urgency.NORMAL, at, (), lasts=length, sounds_at=at, ends_at=at + length)
        blocks.append(Block(line, DAY, Length(length, is_estimate=False), Fate.SOUNDS))
    zone = Zone(id=1, commune_id=1, slug="thon-dong", name="Thôn Đông")
    return Week(zone, (WeekDay(DAY, lunar_day(DAY), None, None, tuple(blocks)),), windows, has_poles=True)


@pytest.mark.parametrize(
    ("windows", "quiet"),
    [
        ((), [(0, 1440)]),
        ((window("00:00", "00:00"),), []),
        ((window("05:00", "11:00"), window("16:00", "21:30")), [(0, 300), (660, 960), (1290, 1440)]),
        ((window("20:00", "00:00"), window("05:00", "06:00")), [(0, 300), (360, 1200)]),
        (
            (Window(opens=time(5), closes=time(0), days=(0,)), Window(opens=time(0), closes=time(9), days=(1,))),
            [(0, 300)],
        ),
    ],
)  # fmt: skip
def test_what_no_window_covers_is_quiet(windows: tuple[Window, ...], quiet: list[tuple[int, int]]) -> None:
    assert quiet_of(windows, DAY) == quiet


def test_lengths_are_to_scale_and_neighbours_stand_beside_each_other() -> None:
    grid, (column,) = lay_out(week([(330, 12), (340, 3), (1020, 60)]), VIET_NAM)
    assert (grid.top, grid.minutes) == (240, 1080)
    assert [(one.top, one.height, one.lane, one.lanes) for one in column.placed] == [
        (90, 12, 0, 2), (100, 3, 1, 2), (780, 60, 0, 1),
    ]  # fmt: skip


def test_what_runs_over_midnight_ends_with_the_grid_and_says_so() -> None:
    grid, (column,) = lay_out(week([(1430, 30)]), VIET_NAM)
    (last,) = column.placed
    assert grid.top + grid.minutes == DAY_MINUTES
    assert (last.height, last.ends_next_day) == (10, True)


def test_the_asked_minute_is_in_its_day_only() -> None:
    at = datetime.combine(DAY, time(17), VIET_NAM)
    assert lay_out(week([]), VIET_NAM, at)[1][0].asked == 17 * 60 - 240
    assert lay_out(week([]), VIET_NAM, at + timedelta(days=1))[1][0].asked is None


@given(st.lists(st.tuples(st.integers(0, 1439), st.integers(0, 200)), max_size=15))
def test_no_two_blocks_cover_each_other(times: list[tuple[int, int]]) -> None:
    grid, (column,) = lay_out(week(times), VIET_NAM)
    assert len(column.placed) == len(times)
    assert len({one.id for one in column.placed}) == len(times)
    for one in column.placed:
        assert 0 <= one.top <= one.top + one.height <= grid.minutes
        assert 0 <= one.lane < one.lanes
        for other in column.placed:
            if one is not other and one.lane / one.lanes == other.lane / other.lanes:
                apart = one.top + max(one.height, TOUCH_MINUTES) <= other.top
                assert apart or other.top + max(other.height, TOUCH_MINUTES) <= one.top or one.lanes != other.lanes
