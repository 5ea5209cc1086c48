from datetime import date, datetime, time, timedelta

import pytest
from sqlmodel import Session, col, select

from broadcast.airings import deliveries_of, end_before_start, parts_of, renderings_of, zone_ids_of
from broadcast.bulletins import approve_bulletin, submit_bulletin, withdraw_bulletin, write_bulletin
from broadcast.entries import create_entry, set_entry_active
from broadcast.lifecycle import WhyNot
from broadcast.models import Broadcast, BroadcastState, Bulletin, Programme, TimetableEntry, row_id
from broadcast.nodes import create_node
from broadcast.programmes import create_programme
from broadcast.zones import zones_by_slug
from scheduler.planner import plan_entries, planned_together
from tests.broadcast.conftest import House
from tests.scheduler.planning import plan_timetable

MONDAY = date(2026, 6, 1)


@pytest.fixture
def morning(unit: Session, house: House, now: datetime) -> TimetableEntry:
    create_node(unit, house.commune, "dong-1", "Đông 1", ["thon-dong"], now)
    programme = create_programme(unit, house.commune, name="Sáng", greeting="Chào.", closing="", now=now, actor="canbo")
    unit.flush()
    return create_entry(
        unit, programme, zones=["thon-dong"], airs_at=time(5, 30), from_on=MONDAY, now=now, actor="canbo"
    )


def place(unit: Session, house: House, entry: TimetableEntry, now: datetime, script: str = "Tin.") -> Bulletin:
    bulletin = write_bulletin(
        unit, house.officer, title="Tin", script=script, zones=["thon-dong"], programmes=[entry.programme_id], now=now
    )
    submit_bulletin(unit, bulletin.id, house.officer, now)
    return approve_bulletin(unit, bulletin.id, house.leader, 1, now)


def broadcasts(unit: Session) -> list[Broadcast]:
    return list(unit.exec(select(Broadcast).order_by(col(Broadcast.starts_at), col(Broadcast.id))))


def snapshot(unit: Session) -> list[tuple[object, ...]]:
    return [
        (b.id, b.state, b.reason, b.starts_at, tuple(p.rendering_key for p in parts_of(unit, b.id)),
         tuple(d.node_id for d in deliveries_of(unit, b.id)))
        for b in broadcasts(unit)
    ]  # fmt: skip


def test_a_week_is_planned_with_parts_and_deliveries(
    unit: Session, house: House, morning: TimetableEntry, now: datetime
) -> None:
    place(unit, house, morning, now)
    plan_timetable(unit, now)
    planned = broadcasts(unit)
    assert [b.id for b in planned] == [f"e-1-2026060{day}T0530" for day in range(2, 9)]
    assert all(b.state is BroadcastState.PLANNED for b in planned)
    assert [len(parts_of(unit, b.id)) for b in planned] == [2, 2, 0, 0, 0, 0, 0]
    assert [len(deliveries_of(unit, b.id)) for b in planned] == [1] * 7
    assert planned[0].title == "Sáng, 02/06"


@pytest.mark.parametrize("minutes", [0, 1, 300])
def test_planning_again_changes_nothing_but_the_far_end(
    unit: Session, house: House, morning: TimetableEntry, now: datetime, minutes: int
) -> None:
    place(unit, house, morning, now)
    plan_timetable(unit, now)
    before = snapshot(unit)
    plan_timetable(unit, now + timedelta(minutes=minutes))
    assert snapshot(unit)[: len(before)] == before


def test_what_is_approved_later_goes_in_and_what_is_withdrawn_goes_out(
    unit: Session, house: House, morning: TimetableEntry, now: datetime
) -> None:
    first = place(unit, house, morning, now, "Một.")
    plan_timetable(unit, now)
    place(unit, house, morning, now, "Hai.")
    plan_timetable(unit, now)
    tomorrow = broadcasts(unit)[0]
    assert [r.spoken for r in renderings_of(unit, tomorrow.id)] == ["Chào.", "Một.", "Hai."]
    withdraw_bulletin(unit, first.id, house.leader, now)
    plan_timetable(unit, now)
    assert [r.spoken for r in renderings_of(unit, tomorrow.id)] == ["Chào.", "Hai."]


def test_what_has_begun_is_left_as_it_is(unit: Session, house: House, morning: TimetableEntry, now: datetime) -> None:
    place(unit, house, morning, now, "Một.")
    plan_timetable(unit, now)
    tomorrow = broadcasts(unit)[0]
    assert tomorrow.starts_at is not None
    place(unit, house, morning, now, "Hai.")
    plan_timetable(unit, tomorrow.starts_at)
    assert [r.spoken for r in renderings_of(unit, tomorrow.id)] == ["Chào.", "Một."]
    assert tomorrow.state is BroadcastState.PLANNED


def test_an_entry_switched_off_is_cancelled_and_switched_on_is_planned_anew(
    unit: Session, house: House, morning: TimetableEntry, now: datetime
) -> None:
    plan_timetable(unit, now)
    set_entry_active(unit, 1, now, "canbo", is_active=False)
    plan_timetable(unit, now)
    assert {(b.state, b.reason) for b in broadcasts(unit)} == {("cancelled", "timetable-changed")}
    set_entry_active(unit, 1, now, "canbo", is_active=True)
    for _ in range(2):
        plan_timetable(unit, now)
        fresh = [b.id for b in broadcasts(unit) if b.state is BroadcastState.PLANNED]
        assert fresh == [f"e-1-2026060{day}T0530-2" for day in range(2, 9)]


def test_what_a_person_cancelled_is_not_planned_again(
    unit: Session, house: House, morning: TimetableEntry, now: datetime
) -> None:
    plan_timetable(unit, now)
    first = broadcasts(unit)[0]
    end_before_start(unit, first, BroadcastState.CANCELLED, WhyNot.CANCELLED_BY_USER, now, house.officer)
    plan_timetable(unit, now)
    assert first.state is BroadcastState.CANCELLED
    assert len(broadcasts(unit)) == 7


def test_a_server_off_for_two_weeks_writes_down_what_it_missed(
    unit: Session, house: House, morning: TimetableEntry, now: datetime
) -> None:
    place(unit, house, morning, now)
    plan_timetable(unit, now)
    later = now + timedelta(days=14)
    plan_timetable(unit, later)
    slept = [b for b in broadcasts(unit) if b.starts_at and b.starts_at <= later]
    assert len(slept) == 14
    # The first week had been planned, and may have been aired by the nodes alone: that is for their reports to say.
    assert [b.state for b in slept] == ["planned"] * 7 + ["missed"] * 7
    assert {(b.reason, d.state, d.reason) for b in slept[7:] for d in deliveries_of(unit, b.id)} == {
        ("server-off", "missed", "server-off")
    }
    before = snapshot(unit)
    plan_timetable(unit, later)
    assert snapshot(unit) == before


def test_a_new_entry_misses_nothing_that_was_before_it(
    unit: Session, house: House, morning: TimetableEntry, now: datetime
) -> None:
    plan_timetable(unit, now)
    assert all(b.starts_at and b.starts_at > now for b in broadcasts(unit))


def test_clocks_that_jump_back_plan_nothing_twice(
    unit: Session, house: House, morning: TimetableEntry, now: datetime
) -> None:
    for at in (now + timedelta(days=3), now, now + timedelta(days=3)):
        plan_timetable(unit, at)
        planned = [b.starts_at for b in broadcasts(unit) if b.state is BroadcastState.PLANNED]
        assert len(planned) == len(set(planned))
        assert set(planned) >= {b.starts_at for b in broadcasts(unit) if b.starts_at and b.starts_at > at}


def test_entries_of_one_programme_are_planned_together_and_say_what_is_for_their_villages(
    unit: Session, house: House, morning: TimetableEntry, now: datetime
) -> None:
    programme = unit.get_one(Programme, morning.programme_id)
    evening = create_entry(
        unit, programme, zones=["thon-tay"], airs_at=time(17), from_on=MONDAY, now=now, actor="canbo"
    )
    place(unit, house, morning, now)
    together = [row_id(one.id) for one in (morning, evening)]
    assert planned_together(unit) == [together]
    plan_entries(unit, together, now)
    said = {b.id: ([r.spoken for r in renderings_of(unit, b.id)], zone_ids_of(unit, b.id)) for b in broadcasts(unit)}
    east, west = zones_by_slug(unit, ["thon-dong"]), zones_by_slug(unit, ["thon-tay"])
    assert said["e-1-20260602T0530"] == (["Chào.", "Tin."], {east[0].id})
    assert said["e-2-20260602T1700"] == ([], {west[0].id})
    assert len(said) == 14
    before = snapshot(unit)
    for entry_id in together:
        plan_entries(unit, [entry_id], now)
    assert snapshot(unit) == before, "one by one it is the same"


def test_few_entries_are_planned_at_a_time(unit: Session, house: House, morning: TimetableEntry, now: datetime) -> None:
    programme = unit.get_one(Programme, morning.programme_id)
    for hour in range(6, 16):
        create_entry(unit, programme, zones=["thon-dong"], airs_at=time(hour), from_on=MONDAY, now=now, actor="canbo")
    assert [len(ids) for ids in planned_together(unit)] == [8, 3]
