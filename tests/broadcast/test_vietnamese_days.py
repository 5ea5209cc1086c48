from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.vietnamese_days import LunarDay, holiday_name, lunar_day, say_lunar

TET = [
    # The Chinese new year was or will be a day, in 1985 a month, later.
    date(1968, 1, 29), date(1985, 1, 21), date(2007, 2, 17), date(2030, 2, 2), date(2053, 2, 18),
    # The same day in both calendars.
    date(2000, 2, 5), date(2020, 1, 25), date(2023, 1, 22), date(2024, 2, 10), date(2025, 1, 29), date(2026, 2, 17),
]  # fmt: skip
DAYS = st.dates(date(1901, 1, 1), date(2099, 12, 30))


@pytest.mark.parametrize("tet", TET)
def test_tet_is_the_first_day_of_the_vietnamese_year(tet: date) -> None:
    assert lunar_day(tet) == LunarDay(1, 1, tet.year, is_leap=False)
    assert holiday_name(tet) == "Tết Nguyên Đán"
    eve = lunar_day(tet - timedelta(days=1))
    assert (eve.month, eve.year) == (12, tet.year - 1)
    assert eve.day in {29, 30}


@given(DAYS)
def test_each_day_follows_the_one_before(on: date) -> None:
    today, tomorrow = lunar_day(on), lunar_day(on + timedelta(days=1))
    if tomorrow.day == 1:
        assert today.day in {29, 30}
        leap_follows = tomorrow.is_leap and tomorrow.month == today.month
        next_month = not tomorrow.is_leap and tomorrow.month == today.month % 12 + 1
        assert leap_follows or next_month
        assert tomorrow.year == today.year + (next_month and tomorrow.month == 1)
    else:
        assert tomorrow == LunarDay(today.day + 1, today.month, today.year, today.is_leap)


@pytest.mark.parametrize(
    ("on", "said"),
    [
        (date(2026, 2, 17), "mùng 1 tháng Giêng năm Bính Ngọ"),
        (date(2025, 7, 25), "mùng 1 tháng 6 nhuận năm Ất Tỵ"),
        (date(2025, 9, 6), "rằm tháng 7 năm Ất Tỵ"),
        (date(2026, 2, 10), "ngày 23 tháng Chạp năm Ất Tỵ"),
        (date(2026, 1, 2), "ngày 14 tháng Mười một năm Ất Tỵ"),
    ],
)
def test_said_as_people_say_it(on: date, said: str) -> None:
    assert say_lunar(lunar_day(on)) == said


@pytest.mark.parametrize("on", [date(1, 1, 1), date(1900, 12, 31), date(2100, 1, 1)])
def test_a_year_nobody_computed_is_refused(on: date) -> None:
    with pytest.raises(ValueError, match=str(on.year)):
        lunar_day(on)


def test_holidays() -> None:
    assert holiday_name(date(2026, 9, 2)) == "Quốc khánh"
    assert holiday_name(date(2026, 4, 27)) == "Ngày Giỗ Tổ Hùng Vương (nghỉ bù)"
    assert holiday_name(date(2026, 11, 23)) is None
    assert [holiday_name(date(*on)) for on in ((2024, 2, 8), (2027, 2, 4))] == ["29 Tết", "28 Tết"]
