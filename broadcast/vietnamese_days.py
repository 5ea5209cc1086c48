"""The days of the Vietnamese year: the lunar calendar and the public holidays. The one door to both libraries.

The Vietnamese lunar calendar is reckoned at 105° east and differs from the Chinese one in some years: Tết was on
17 February in 2007 and will be on 2 February in 2030, each a day before the Chinese new year.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from types import MappingProxyType

from holidays import country_holidays
from lunar_vn import can_chi, solar_to_lunar

FIRST_YEAR, LAST_YEAR = 1901, 2099
"""Years whose days are all known."""
_LAST_BUT_ONE = re.compile(r"29 (\w+)")
"""So the package names the last day but one of every year: it is the 28th when the last month has 29 days."""
_LAST_OF_TEN = 10
_FULL_MOON = 15
_MONTHS = {1: "Giêng", 11: "Mười một", 12: "Chạp"}


@dataclass(frozen=True, slots=True)
class LunarDay:
    """A day of the lunar calendar: day 1–30, month 1–12, the year numbered as the solar year in which it begins."""

    day: int
    month: int
    year: int
    is_leap: bool
    """Its month is the leap month (tháng nhuận), which follows the plain one of the same number."""


def lunar_day(on: date) -> LunarDay:
    """The lunar day of a solar one.

    Raises:
        ValueError: the year is not between `FIRST_YEAR` and `LAST_YEAR`.
    """
    if not FIRST_YEAR <= on.year <= LAST_YEAR:
        raise ValueError(f"no lunar calendar for the year {on.year}")
    lunar = solar_to_lunar(on)
    return LunarDay(lunar.day, lunar.month, lunar.year, lunar.leap)


def say_lunar(lunar: LunarDay) -> str:
    """As people write it: "mùng 1 tháng Giêng năm Bính Ngọ", "rằm tháng 7 năm Ất Tỵ", "ngày 23 tháng Chạp …"."""
    plain = f"{'mùng' if lunar.day <= _LAST_OF_TEN else 'ngày'} {lunar.day}"
    day = "rằm" if lunar.day == _FULL_MOON else plain
    leap = " nhuận" if lunar.is_leap else ""
    return f"{day} tháng {_MONTHS.get(lunar.month, str(lunar.month))}{leap} năm {can_chi.get_year_can_chi(lunar.year)}"


def holiday_name(on: date) -> str | None:
    """The public holiday on a day, in Vietnamese, days off in lieu included; none on a working day.

    What the government shifts by decision each year is known only once the `holidays` package knows it.
    """
    name = _holidays_of(on.year).get(on)
    counted = _LAST_BUT_ONE.fullmatch(name or "")
    return f"{lunar_day(on).day} {counted[1]}" if counted else name


@lru_cache(maxsize=8)
def _holidays_of(year: int) -> Mapping[date, str]:
    return MappingProxyType(dict(country_holidays("VN", years=year, language="vi", expand=False)))
