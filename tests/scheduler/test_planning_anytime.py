"""Whatever the clock does, each time of an entry has one broadcast: planned, or missed with its reason."""

from datetime import date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, col, select

from broadcast.airings import deliveries_of, set_parts
from broadcast.airtime import begin_due, close_finished, mark_cued, refresh_coming
from broadcast.documents import build_documents
from broadcast.entries import EntryDraft, add_entry
from broadcast.models import Broadcast, BroadcastState, Clip, Rendering, RenderingState, WhenEmpty, Zone, row_id
from broadcast.nodes import create_node
from broadcast.programmes import create_programme
from broadcast.rules import Rules, set_commune_rules
from broadcast.zones import zones_by_slug
from players.messages import Window
from scheduler.forecast import lines_of_zones
from scheduler.planner import HORIZON
from scheduler.week import Fate, load_week
from tests.broadcast.airing_kit import add_pole
from tests.broadcast.conftest import House
from tests.scheduler.planning import plan_timetable

MONDAY = date(2026, 6, 1)
MINUTES = st.times().map(lambda at: at.replace(second=0, microsecond=0))
STEPS = st.lists(
    st.one_of(
        st.integers(0, 36 * 60),  # time passes
        st.integers(-3 * 24 * 60, -1),  # the clock is put back
        st.integers(6 * 24 * 60, 9 * 24 * 60),  # the server is off for a week
    ).map(lambda minutes: timedelta(minutes=minutes)),
    max_size=6,
)


def add(unit: Session, house: House, now: datetime, airs_at: time, zone: str = "thon-dong") -> int:
    programme = create_programme(unit, house.commune, name="Tin", greeting="Chào.", closing="", now=now, actor="canbo")
    programme.when_empty = WhenEmpty.GREETING
    draft = EntryDraft(programme_id=row_id(programme.id), zones=(zone,), airs_at=airs_at, from_on=MONDAY)
    return row_id(add_entry(unit, draft, now, "canbo").id)


def stored(unit: Session) -> list[tuple[str, str, str | None, datetime]]:
    query = select(Broadcast).order_by(col(Broadcast.id))
    return [(one.id, one.state, one.reason, one.starts_at or one.created_at) for one in unit.exec(query)]


def speak(unit: Session, now: datetime, minutes: int) -> None:
    """Have everything that is planned rendered, each broadcast so long."""
    length_ms = minutes * 60_000
    unit.add(Clip(sha256="0" * 64, size_bytes=1, duration_ms=length_ms, engine="tone", voice="", created_at=now))
    unit.flush()
    for rendering in unit.exec(select(Rendering)):
        rendering.state, rendering.clip_sha256 = RenderingState.RENDERED, "0" * 64
        unit.add(rendering)
    unit.flush()
    key = unit.exec(select(Rendering.key)).first()
    assert key is not None
    for broadcast in unit.exec(select(Broadcast)).all():
        set_parts(unit, broadcast, [key])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(airs_at=MINUTES, steps=STEPS)
def test_each_day_has_one_broadcast_whatever_the_clock_does(
    unit: Session, house: House, now: datetime, airs_at: time, steps: list[timedelta]
) -> None:
    undo = unit.begin_nested()
    try:
        add(unit, house, now, airs_at)
        instants = [now]
        for step in steps:
            instants.append(max(now, instants[-1] + step))
        for instant in instants:
            plan_timetable(unit, instant)
            once = stored(unit)
            plan_timetable(unit, instant)
            assert stored(unit) == once, "running twice changes nothing"
        every = stored(unit)
        # What the clock jumped over has one more.
        last_of = {one[0][:12]: one for one in sorted(every, key=lambda one: (len(one[0]), one[0]))}
        found = list(last_of.values())
        over = [one for one in every if one not in found]
        assert all(state is BroadcastState.MISSED for _, state, _, _ in over)
        assert not over or min(steps) < timedelta()
        first, last = now, max(instants) + timedelta(days=7)
        starts = sorted(starts_at for _, _, _, starts_at in found)
        assert first < starts[0] < first + timedelta(days=1)
        assert last - timedelta(days=1) <= starts[-1] < last
        assert all(two - one == timedelta(days=1) for one, two in pairwise(starts))
        for _, state, reason, _ in every:
            assert state in {BroadcastState.PLANNED, BroadcastState.MISSED}
            assert (reason == "server-off") == (state is BroadcastState.MISSED)
        for _, state, _, starts_at in found:
            is_ahead = instants[-1] < starts_at < instants[-1] + HORIZON
            assert state is BroadcastState.PLANNED or not is_ahead, "what is ahead will be aired"
    finally:
        undo.rollback()


def test_an_entrys_time_that_the_clock_jumped_over_for_a_moment_is_aired(
    unit: Session, house: House, now: datetime
) -> None:
    add_pole(unit, house, "dong-1", "thon-dong", now)
    add(unit, house, now, time(17))
    plan_timetable(unit, now)
    speak(unit, now, minutes=1)
    tonight = now + timedelta(hours=2)
    mark_cued(unit, build_documents(unit, now).listed)
    for at in (now + timedelta(days=1), now + timedelta(days=1, seconds=2)):
        begin_due(unit, at)
        close_finished(unit, at)
        plan_timetable(unit, at)
    assert stored(unit)[0] == ("e-1-20260601T1700", "missed", "nodes-silent", tonight)
    back = now + timedelta(minutes=1)
    plan_timetable(unit, back)
    refresh_coming(unit, back)
    (again,) = unit.exec(select(Broadcast).where(Broadcast.starts_at == tonight, Broadcast.state == "planned")).all()
    assert again.id == "e-1-20260601T1700-2"
    assert again.id in build_documents(unit, back).listed
    mark_cued(unit, {again.id})
    begin_due(unit, tonight)
    assert again.state is BroadcastState.ON_AIR


def test_an_entry_over_midnight_belongs_to_the_evening_and_sounds_whole(
    unit: Session, house: House, now: datetime
) -> None:
    create_node(unit, house.commune, "dong-1", "Đông 1", ["thon-dong"], now)
    add(unit, house, now, time(23, 55))
    plan_timetable(unit, now)
    assert stored(unit)[0][0] == "e-1-20260601T2355"
    speak(unit, now, minutes=20)
    week = load_week(unit, _zone(unit, "thon-dong"), MONDAY, now)
    assert [len(day.blocks) for day in week.days] == [1] * 7
    (tonight,) = week.days[0].blocks
    assert tonight.fate is Fate.SOUNDS
    assert tonight.ends_at - tonight.starts_at == timedelta(minutes=20)
    (line, *_) = lines_of_zones(unit, [_zone(unit, "thon-dong")], now, now + timedelta(days=1))
    assert line.ends_at == line.starts_at + timedelta(minutes=20)


def test_an_entry_over_midnight_does_not_sound_where_the_hours_end_there(
    unit: Session, house: House, now: datetime
) -> None:
    windows = (Window(opens=time(5), closes=time(0)),)
    set_commune_rules(unit, Rules(windows=windows), now, "lanhdao")
    add(unit, house, now, time(23, 55))
    plan_timetable(unit, now)
    speak(unit, now, minutes=20)
    for _before_and_after_the_rules_were_looked_at in range(2):
        (tonight,) = load_week(unit, _zone(unit, "thon-dong"), MONDAY, now).days[0].blocks
        assert (tonight.fate, tonight.line.sounds_at) == (Fate.TROUBLE, None)
        assert tonight.troubles == ("Ngoài giờ được phép phát của xã hoặc của thôn (giờ yên tĩnh).",)
        refresh_coming(unit, now)
    stored_one = unit.get_one(Broadcast, tonight.line.broadcast)
    assert stored_one.reason == "quiet-hours", "the server, not a pole"


def test_a_village_without_poles_is_planned_and_says_that_nobody_hears(
    unit: Session, house: House, now: datetime
) -> None:
    add(unit, house, now, time(5, 30), "thon-tay")
    plan_timetable(unit, now)
    found = stored(unit)
    assert len(found) == 7
    assert [deliveries_of(unit, id_) for id_, *_ in found] == [[]] * 7
    assert not load_week(unit, _zone(unit, "thon-tay"), MONDAY, now).has_poles
    create_node(unit, house.commune, "tay-1", "Tây 1", ["thon-tay"], now)
    assert load_week(unit, _zone(unit, "thon-tay"), MONDAY, now).has_poles


@pytest.mark.parametrize("first", [date(2028, 2, 27), date(2026, 12, 29), date(2026, 2, 26)])
def test_a_week_over_the_end_of_a_month_has_each_day_once(
    unit: Session, house: House, now: datetime, first: date
) -> None:
    add(unit, house, now, time(5, 30))
    week = load_week(unit, _zone(unit, "thon-dong"), first, now)
    assert [day.on for day in week.days] == [first + timedelta(days=n) for n in range(7)]
    expected = [1 if day.on > MONDAY else 0 for day in week.days]
    assert [len(day.blocks) for day in week.days] == expected


def _zone(unit: Session, slug: str) -> Zone:
    return zones_by_slug(unit, [slug])[0]
