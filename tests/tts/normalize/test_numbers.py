"""Numbers, dates and times of day are read so that a listener gets back what was written."""

from datetime import date, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.tts.normalize.reader import date_from, number_from, time_from
from tts.normalize import NORTH, SOUTH, ReadingStyle, normalize
from tts.normalize.numbers import NumberReader, parse_decimal, parse_whole

NUMBERS = NumberReader()


def said(text: str) -> str:
    return normalize(text).spoken


def test_every_number_to_ten_thousand_and_its_neighbour() -> None:
    seen: dict[str, int] = {}
    for value in range(10_001):
        words = NUMBERS.cardinal(value)
        assert number_from(words) == value
        assert words not in seen
        seen[words] = value


@settings(max_examples=3000, deadline=None)
@given(st.integers(0, 10**15))
@example(10**15)
@example(10**9)
@example(1_000_005)
@example(10**12 + 4)
@example(1_000_000_000_000_015)
def test_numbers_to_a_million_billion(value: int) -> None:
    words = NUMBERS.cardinal(value)
    assert number_from(words) == value
    assert NUMBERS.cardinal(value + 1) != words


@settings(max_examples=500, deadline=None)
@given(st.integers(0, 10**15))
def test_a_grouped_number_in_a_text(value: int) -> None:
    written = f"{value:,}".replace(",", ".")
    assert number_from(said(f"có {written} hộ").removeprefix("có ").removesuffix(" hộ")) == value


def test_every_minute_of_the_day_in_every_way_of_writing() -> None:
    for minute in range(24 * 60):
        hour, rest = divmod(minute, 60)
        for written in (
            f"{hour}h{rest:02}",
            f"{hour:02}:{rest:02}",
            f"{hour} giờ {rest:02} phút",
            f"{hour:02}g{rest:02}",
        ):
            assert time_from(said(f"lúc {written}").removeprefix("lúc ")) == (hour, rest), written


@pytest.mark.parametrize("form", ["{d}/{m}/{y}", "{d:02}/{m:02}/{y}", "{d}-{m}-{y}", "{d:02}.{m:02}.{y}"])
def test_every_day_of_a_leap_year_and_of_the_next(form: str) -> None:
    day = date(2028, 1, 1)
    while day.year < 2030:
        written = form.format(d=day.day, m=day.month, y=day.year)
        spoken = normalize(f"ngày {written}")
        assert date_from(spoken.spoken.removeprefix("ngày ")) == (day.day, day.month, day.year), written
        assert all(span.certain for span in spoken.spans)
        day += timedelta(days=1)


def test_every_day_without_its_year() -> None:
    day = date(2028, 1, 1)
    while day.year < 2029:
        for written in (
            f"ngày {day.day}/{day.month}",
            f"sáng {day.day:02}/{day.month:02}",
            f"ngày {day.day}.{day.month}",
        ):
            words = said(written).split(" ", 1)[1]
            assert date_from(words) == (day.day, day.month, None), written
        day += timedelta(days=1)


@pytest.mark.parametrize("impossible", ["31/2", "30/02/2026", "29/2/2027", "31/4/2026", "ngày 32/1"])
def test_impossible_dates_are_read_and_doubted(impossible: str) -> None:
    spoken = normalize(impossible if impossible.startswith("ngày") else f"ngày {impossible}")
    assert " tháng " in spoken.spoken
    assert not all(span.certain for span in spoken.spans)


@pytest.mark.parametrize("impossible", ["25h70", "24:75", "26h"])
def test_impossible_times_are_read_and_doubted(impossible: str) -> None:
    spoken = normalize(f"lúc {impossible}")
    assert " giờ" in spoken.spoken
    assert not all(span.certain for span in spoken.spans)


@pytest.mark.parametrize(
    ("text", "north", "south"),
    [
        ("1.024 hộ", "một nghìn không trăm hai mươi tư hộ", "một ngàn không trăm hai mươi bốn hộ"),
        ("105 em", "một trăm linh năm em", "một trăm lẻ năm em"),
        ("thứ 4, tháng 4", "thứ tư, tháng tư", "thứ tư, tháng tư"),
    ],
)
def test_regional_readings(text: str, north: str, south: str) -> None:
    assert normalize(text, style=NORTH).spoken == north
    assert normalize(text, style=SOUTH).spoken == south


def test_early_days_may_have_their_word() -> None:
    style = ReadingStyle(early_days="mùng")
    assert (
        normalize("từ ngày 5/9 đến ngày 15/9", style=style).spoken
        == "từ ngày mùng năm tháng chín đến ngày mười lăm tháng chín"
    )


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("1.050.000", "một triệu không trăm năm mươi nghìn"),
        ("4,25", "bốn phẩy hai mươi lăm"),
        ("2,05", "hai phẩy không năm"),
        ("0,125", "không phẩy một trăm hai mươi lăm"),
        ("2.5", "hai phẩy năm"),
        ("1,234,567", "một triệu hai trăm ba mươi tư nghìn năm trăm sáu mươi bảy"),
        ("07", "bảy"),
        ("0912", "không chín một hai"),
        ("1.2.3", "một chấm hai chấm ba"),
        ("12345678901234567890", "một hai ba bốn năm sáu bảy tám chín không một hai ba bốn năm sáu bảy tám chín không"),
    ],
)
def test_written_numbers(written: str, words: str) -> None:
    assert NUMBERS.written(written) == words


def test_values_of_written_numbers() -> None:
    assert parse_whole("1.660") == 1660
    assert parse_whole("1,5") is None
    assert parse_decimal("1.250,5") == 1250.5
    assert parse_decimal("1.2.3") is None


def test_negative_is_no_cardinal() -> None:
    with pytest.raises(ValueError, match="not a cardinal"):
        NUMBERS.cardinal(-1)
