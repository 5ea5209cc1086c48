from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.lifecycle import WhyNot
from broadcast.vietnamese_days import holiday_name, lunar_day
from scheduler.models import CommuneDay, DayChange, Entry
from scheduler.planner import plan_broadcasts
from scheduler.timetable import occurrences

VIET_NAM = ZoneInfo("Asia/Ho_Chi_Minh")
ZONES = st.sampled_from(["Asia/Ho_Chi_Minh", "Europe/Berlin", "America/St_Johns", "Pacific/Apia", "UTC"]).map(ZoneInfo)
START = datetime(2026, 1, 1, tzinfo=UTC)
INSTANTS = st.integers(0, 3 * 365 * 24 * 60).map(lambda minute: START + timedelta(minutes=minute))
DAYS = st.integers(0, 3 * 365).map(lambda day: date(2026, 1, 1) + timedelta(days=day))


def entry(**changes: object) -> Entry:
    fields: dict[str, object] = {
        "id": 1,
        "commune_id": 1,
        "title": "Bản tin sáng",
        "programme_id": 1,
        "airs_at": time(5, 30),
        "weekdays": frozenset(range(7)),
        "from_on": date(2026, 1, 1),
        "until_on": None,
        "zone_ids": frozenset({1}),
        "planned_from": START,
    }
    return Entry(**(fields | changes))  # type: ignore[arg-type]


MINUTES = st.times().map(lambda at: at.replace(second=0, microsecond=0))
CHANGES = st.builds(DayChange, st.booleans(), st.none() | MINUTES, st.none() | st.integers(2, 3))
ENTRIES = st.builds(
    lambda from_on, length, **fields: entry(
        from_on=from_on, until_on=None if length is None else from_on + timedelta(days=length), **fields
    ),
    from_on=DAYS,
    length=st.none() | st.integers(0, 400),
    airs_at=MINUTES,
    weekdays=st.frozensets(st.integers(0, 6)),
    dates=st.frozensets(DAYS, max_size=3),
    lunar_days=st.frozensets(st.sampled_from([1, 15])),
    skips_holidays=st.booleans(),
    changes=st.dictionaries(DAYS, CHANGES, max_size=3),
)
CALENDARS = st.dictionaries(DAYS, st.builds(CommuneDay, st.booleans(), st.none() | st.integers(0, 6)), max_size=4)


def local_times(one: Entry, zone: ZoneInfo, first: date, last: date) -> list[str]:
    since = datetime.combine(first, time(), zone).astimezone(UTC)
    until = datetime.combine(last, time(), zone).astimezone(UTC)
    return [f"{o.starts_at.astimezone(zone):%Y-%m-%d %H:%M}" for o in occurrences(one, zone, since, until)]


@pytest.mark.parametrize(
    ("changes", "first", "last", "said"),
    [
        ({}, date(2026, 2, 27), date(2026, 3, 2), ["2026-02-27 05:30", "2026-02-28 05:30", "2026-03-01 05:30"]),
        ({}, date(2028, 2, 28), date(2028, 3, 1), ["2028-02-28 05:30", "2028-02-29 05:30"]),
        ({"weekdays": frozenset({0, 4})}, date(2026, 6, 1), date(2026, 6, 8), ["2026-06-01 05:30", "2026-06-05 05:30"]),
        ({"from_on": date(2026, 6, 2), "until_on": date(2026, 6, 2)}, date(2026, 6, 1), date(2026, 6, 9),
         ["2026-06-02 05:30"]),
        ({"airs_at": time(0)}, date(2026, 12, 31), date(2027, 1, 2), ["2026-12-31 00:00", "2027-01-01 00:00"]),
        ({"weekdays": frozenset()}, date(2026, 6, 1), date(2026, 6, 8), []),
    ],
)  # fmt: skip
def test_days_months_leap_days_and_limits(changes: dict[str, object], first: date, last: date, said: list[str]) -> None:
    assert local_times(entry(**changes), VIET_NAM, first, last) == said


@pytest.mark.parametrize(
    ("day", "airs_at", "said"),
    [
        (date(2026, 3, 29), time(2, 30), "2026-03-29 03:30"),  # clocks go from 2:00 to 3:00
        (date(2026, 10, 25), time(2, 30), "2026-10-25 02:30"),  # 2:30 comes twice
        (date(2026, 10, 25), time(3, 30), "2026-10-25 03:30"),
    ],
)
def test_a_day_on_which_clocks_change_has_its_broadcast_once(day: date, airs_at: time, said: str) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert local_times(entry(airs_at=airs_at), berlin, day, day + timedelta(days=1)) == [said]


@given(ENTRIES, ZONES, INSTANTS, st.lists(st.integers(0, 20 * 24 * 60), max_size=5), CALENDARS)
def test_splitting_the_window_anywhere_changes_nothing(
    one: Entry, zone: ZoneInfo, since: datetime, cuts: list[int], calendar: dict[date, CommuneDay]
) -> None:
    until = since + timedelta(days=20)
    whole = occurrences(one, zone, since, until, calendar)
    edges = [since, *sorted(since + timedelta(minutes=cut) for cut in cuts), until]
    pieces = [o for a, b in pairwise(edges) for o in occurrences(one, zone, a, b, calendar)]
    assert tuple(pieces) == whole


@given(ENTRIES, ZONES, INSTANTS)
def test_once_a_day_on_its_days_and_never_outside_them(one: Entry, zone: ZoneInfo, since: datetime) -> None:
    found = occurrences(one, zone, since, since + timedelta(days=30))
    assert len({o.on for o in found}) == len(found)
    for o in found:
        is_lunar = lunar_day(o.on).day in one.lunar_days
        assert o.on.weekday() in one.weekdays or o.on in one.dates or is_lunar
        assert o.on >= one.from_on
        assert one.until_on is None or o.on <= one.until_on
    assert sorted(o.starts_at for o in found) == [o.starts_at for o in found]


@given(st.lists(ENTRIES, max_size=4), ZONES, INSTANTS, st.integers(0, 14 * 24 * 60))
def test_planning_later_wants_the_same_broadcasts_of_the_days_both_see(
    entries: list[Entry], zone: ZoneInfo, now: datetime, minutes: int
) -> None:
    first = plan_broadcasts(entries, zone, now)
    assert first == plan_broadcasts(entries, zone, now)
    later = now + timedelta(minutes=minutes)
    overlap_ends = now + timedelta(days=7)
    # The watermark is far back, so the later plan still looks at all that the first one wanted.
    second = {one.id: one.starts_at for one in plan_broadcasts(entries, zone, later)}
    for one in first:
        if now <= one.starts_at < overlap_ends and one.starts_at > later - timedelta(days=31):
            assert second[one.id] == one.starts_at


@given(ENTRIES, ZONES, INSTANTS, st.integers(0, 90))
def test_a_server_that_was_off_finds_what_it_missed_marked_as_past(
    one: Entry, zone: ZoneInfo, planned_from: datetime, days: int
) -> None:
    now = planned_from + timedelta(days=days)
    plan = plan_broadcasts([replace(one, planned_from=planned_from)], zone, now)
    assert all(planned.is_past == (planned.starts_at <= now) for planned in plan)
    oldest = max(planned_from, now - timedelta(days=31))
    expected = occurrences(one, zone, oldest, now + timedelta(days=7))
    assert [planned.starts_at for planned in plan] == [o.starts_at for o in expected]


def said_of(one: Entry, calendar: dict[date, CommuneDay], first: date, days: int) -> list[tuple[str, int, str | None]]:
    since = datetime.combine(first, time(), VIET_NAM)
    found = occurrences(one, VIET_NAM, since, since + timedelta(days=days), calendar)
    return [(f"{o.starts_at.astimezone(VIET_NAM):%d/%m %H:%M}", o.programme_id, o.why_not) for o in found]


def test_single_days_and_lunar_days_are_added_to_the_weekdays() -> None:
    one = entry(weekdays=frozenset({6}), dates=frozenset({date(2026, 2, 12)}), lunar_days=frozenset({1, 15}))
    # Tết is on 17 February 2026, the full moon of tháng Giêng on 3 March.
    assert [when for when, _, _ in said_of(one, {}, date(2026, 2, 9), 24)] == [
        "12/02 05:30", "15/02 05:30", "17/02 05:30", "22/02 05:30", "01/03 05:30", "03/03 05:30",
    ]  # fmt: skip


def test_one_day_may_be_off_at_another_time_or_with_another_programme() -> None:
    monday = date(2026, 6, 1)
    changes = {
        monday: DayChange(is_off=True),
        monday + timedelta(days=1): DayChange(airs_at=time(6)),
        monday + timedelta(days=2): DayChange(airs_at=time(0), programme_id=7),
    }
    assert said_of(entry(changes=changes), {}, monday, 4) == [
        ("01/06 05:30", 1, WhyNot.DAY_OFF),
        ("02/06 06:00", 1, None),
        ("03/06 00:00", 7, None),
        ("04/06 05:30", 1, None),
    ]


def test_a_day_of_mourning_leaves_everything_out_and_a_swapped_day_follows_another_weekday() -> None:
    monday = date(2026, 6, 1)
    calendar = {monday: CommuneDay(is_mourning=True), monday + timedelta(days=2): CommuneDay(like_weekday=6)}
    weekdays_only = entry(weekdays=frozenset(range(5)))
    assert said_of(weekdays_only, calendar, monday, 4) == [
        ("01/06 05:30", 1, WhyNot.MOURNING_DAY),
        ("02/06 05:30", 1, None),
        ("04/06 05:30", 1, None),
    ]
    on_sundays = entry(weekdays=frozenset({6}))
    assert [when for when, _, _ in said_of(on_sundays, calendar, monday, 4)] == ["03/06 05:30"]


@given(ENTRIES, INSTANTS, CALENDARS)
def test_what_is_left_out_says_the_right_reason(one: Entry, since: datetime, calendar: dict[date, CommuneDay]) -> None:
    for o in occurrences(one, VIET_NAM, since, since + timedelta(days=60), calendar):
        if o.on in calendar and calendar[o.on].is_mourning:
            assert o.why_not is WhyNot.MOURNING_DAY
        elif o.on in one.changes and one.changes[o.on].is_off:
            assert o.why_not is WhyNot.DAY_OFF
        else:
            is_holiday = one.skips_holidays and holiday_name(o.on) is not None
            assert o.why_not is (WhyNot.HOLIDAY if is_holiday else None)
