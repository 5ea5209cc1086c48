from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.windows import ALL_DAY, fits_windows, say_windows, stored_windows, windows_of
from players.messages import Window

VIET_NAM = ZoneInfo("Asia/Ho_Chi_Minh")
INSTANTS = st.integers(0, 274 * 24 * 60).map(
    lambda minute: datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=minute)
)
DAY = (Window(opens=time(5), closes=time(11)), Window(opens=time(16), closes=time(20)))


@pytest.mark.parametrize(
    ("local", "minutes", "fits"),
    [("03:15", 5, False), ("04:59", 5, False), ("05:00", 5, True),
     ("10:55", 5, True), ("10:56", 5, False), ("11:00", 1, False),
     ("10:00", 400, False), ("16:00", 240, True), ("20:00", 0, False)],
)  # fmt: skip
def test_nothing_sounds_outside_the_windows(local: str, minutes: int, fits: bool) -> None:
    at = datetime.combine(date(2026, 6, 1), time.fromisoformat(local), VIET_NAM).astimezone(UTC)
    assert fits_windows(DAY, VIET_NAM, at, timedelta(minutes=minutes)) is fits


def test_a_day_without_windows_is_silent_and_an_open_one_is_not() -> None:
    at = datetime(2026, 6, 1, 16, 59, tzinfo=UTC)  # a minute before midnight in Viet Nam
    assert not fits_windows((), VIET_NAM, at, timedelta(minutes=1))
    assert fits_windows(ALL_DAY, VIET_NAM, at, timedelta(hours=3))


@given(
    INSTANTS,
    st.integers(0, 3000),
    st.sampled_from(["Asia/Ho_Chi_Minh", "Europe/Berlin", "America/St_Johns"]),
)
def test_a_whole_day_is_whole_also_when_clocks_change(at: datetime, minutes: int, zone: str) -> None:
    assert fits_windows(ALL_DAY, ZoneInfo(zone), at, timedelta(minutes=minutes))


@given(INSTANTS, st.integers(0, 600), st.integers(0, 600))
def test_a_sound_fits_when_its_two_halves_fit(at: datetime, first: int, second: int) -> None:
    start = at
    whole = fits_windows(DAY, VIET_NAM, start, timedelta(minutes=first + second))
    if whole:
        assert fits_windows(DAY, VIET_NAM, start, timedelta(minutes=first))


def test_windows_are_kept_and_said() -> None:
    assert windows_of(stored_windows(DAY)) == DAY
    assert say_windows((*DAY, Window(opens=time(21), closes=time.min))) == "05:00–11:00, 16:00–20:00, 21:00–24:00"


WEEKEND = Window(opens=time(6), closes=time(11), days=(5, 6))


@pytest.mark.parametrize(("day", "fits"), [(6, False), (7, True), (8, True), (9, False)])
def test_a_window_of_single_weekdays_counts_on_those(day: int, fits: bool) -> None:
    """7 March 2026 is a Saturday."""
    at = datetime(2026, 3, day, 8, tzinfo=VIET_NAM)
    assert fits_windows((WEEKEND,), VIET_NAM, at, timedelta(minutes=1)) is fits


@pytest.mark.parametrize(
    ("days", "said"),
    [((0, 1, 2, 3, 4), "T2-T6 "), ((5, 6), "T7+CN "), ((0, 2), "T2+T4 "), ((6,), "CN "), ((), "")],
)
def test_weekdays_are_kept_and_said(days: tuple[int, ...], said: str) -> None:
    window = WEEKEND.model_copy(update={"days": days})
    assert windows_of(stored_windows((window,))) == (window,)
    assert say_windows((window,)) == f"{said}06:00–11:00"
