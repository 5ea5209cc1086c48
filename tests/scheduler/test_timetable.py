from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.models import Entry
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
        "title": "Bản tin sáng",
        "airs_at": time(5, 30),
        "weekdays": frozenset(range(7)),
        "from_on": date(2026, 1, 1),
        "until_on": None,
        "zone_ids": frozenset({1}),
        "planned_from": START,
    }
    return Entry(**(fields | changes))  # type: ignore[arg-type]


ENTRIES = st.builds(
    lambda airs_at, weekdays, from_on, length: entry(
        airs_at=airs_at.replace(second=0, microsecond=0),
        weekdays=weekdays,
        from_on=from_on,
        until_on=None if length is None else from_on + timedelta(days=length),
    ),
    st.times(),
    st.frozensets(st.integers(0, 6)),
    DAYS,
    st.none() | st.integers(0, 400),
)


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


@given(ENTRIES, ZONES, INSTANTS, st.lists(st.integers(0, 20 * 24 * 60), max_size=5))
def test_splitting_the_window_anywhere_changes_nothing(
    one: Entry, zone: ZoneInfo, since: datetime, cuts: list[int]
) -> None:
    until = since + timedelta(days=20)
    whole = occurrences(one, zone, since, until)
    edges = [since, *sorted(since + timedelta(minutes=cut) for cut in cuts), until]
    pieces = [o for a, b in pairwise(edges) for o in occurrences(one, zone, a, b)]
    assert tuple(pieces) == whole


@given(ENTRIES, ZONES, INSTANTS)
def test_once_a_day_on_its_days_and_never_outside_them(one: Entry, zone: ZoneInfo, since: datetime) -> None:
    found = occurrences(one, zone, since, since + timedelta(days=30))
    assert len({o.on for o in found}) == len(found)
    for o in found:
        assert o.on.weekday() in one.weekdays
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
