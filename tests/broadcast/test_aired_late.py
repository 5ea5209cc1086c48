"""Missed at its time, a programme is aired within the minutes its entry allows, or missed with its reason."""

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from broadcast.airings import deliveries_of, parts_of, renderings_of
from broadcast.airtime import LATE_LEAD, begin_due, close_finished, mark_cued
from broadcast.bulletins import approve_bulletin, submit_bulletin, withdraw_bulletin, write_bulletin
from broadcast.documents import build_documents
from broadcast.entries import create_entry, draft_of_entry, edit_entry, set_entry_active
from broadcast.errors import InvalidInput
from broadcast.models import Broadcast, BroadcastState, Bulletin, TimetableEntry, row_id
from broadcast.programmes import create_programme
from broadcast.rules import Rules, set_commune_rules
from players.messages import Window
from tests.broadcast.airing_kit import add_pole, render
from tests.broadcast.conftest import House, load_house
from tests.scheduler.planning import plan_timetable

MONDAY = date(2026, 6, 1)
DUE = datetime.fromisoformat("2026-06-02T05:30+07:00")


def add_entry(unit: Session, house: House, now: datetime, late: int) -> TimetableEntry:
    programme = create_programme(unit, house.commune, name="Sáng", greeting="Chào.", closing="", now=now, actor="canbo")
    return create_entry(
        unit, programme, zones=["thon-dong"], airs_at=time(5, 30), from_on=MONDAY, now=now, actor="canbo",
        late_within_minutes=late,
    )  # fmt: skip


def place(unit: Session, house: House, entry: TimetableEntry, now: datetime) -> Bulletin:
    bulletin = write_bulletin(
        unit, house.officer, title="Tin", script="Tin.", zones=["thon-dong"], programmes=[entry.programme_id], now=now
    )
    submit_bulletin(unit, bulletin.id, house.officer, now)
    return approve_bulletin(unit, bulletin.id, house.leader, 1, now)


def first(unit: Session) -> Broadcast:
    unit.flush()
    return unit.exec(select(Broadcast).order_by(col(Broadcast.id)).limit(1)).one()


@pytest.fixture
def entry(unit: Session, house: House, now: datetime) -> TimetableEntry:
    """It may be aired fifteen minutes late, and has something to say."""
    add_pole(unit, house, "dong-1", "thon-dong", now)
    entry = add_entry(unit, house, now, 15)
    place(unit, house, entry, now)
    return entry


def wake(unit: Session, at: datetime, *, is_rendered: bool = True) -> Broadcast:
    """The server starts: it plans, and has what was slept through rendered."""
    plan_timetable(unit, at)
    broadcast = first(unit)
    if is_rendered:
        render(unit, broadcast, at)
    begin_due(unit, at)
    return broadcast


@pytest.mark.parametrize("minutes", [0, 1, 7, 14])
def test_within_its_minutes_it_is_put_off_a_little_and_then_aired(
    unit: Session, entry: TimetableEntry, now: datetime, minutes: int
) -> None:
    at = DUE + timedelta(minutes=minutes, seconds=5)
    broadcast = wake(unit, at)
    assert (broadcast.state, broadcast.starts_at, broadcast.due_at) == (BroadcastState.PLANNED, at + LATE_LEAD, DUE)
    plan_timetable(unit, at + timedelta(seconds=2))
    documents = build_documents(unit, at + timedelta(seconds=2))
    (listed,) = (
        one
        for one in documents.timetables["zones/thon-dong/timetable"].broadcasts
        if one.starts_at < now + timedelta(days=1)
    )
    assert listed.starts_at == at + LATE_LEAD
    assert timedelta(milliseconds=listed.late_within_ms) == DUE + timedelta(minutes=15) - listed.starts_at
    mark_cued(unit, documents.listed)
    begin_due(unit, at + LATE_LEAD)
    assert broadcast.state is BroadcastState.ON_AIR


@pytest.mark.parametrize(("minutes", "late"), [(15, 15), (60, 15), (2, 0), (14.6, 15)])
def test_too_late_it_is_missed_with_its_reason(
    unit: Session, house: House, now: datetime, minutes: float, late: int
) -> None:
    add_pole(unit, house, "dong-1", "thon-dong", now)
    place(unit, house, add_entry(unit, house, now, late), now)
    plan_timetable(unit, now)
    broadcast = wake(unit, DUE + timedelta(minutes=minutes))
    assert (broadcast.state, broadcast.reason) == (BroadcastState.MISSED, "server-off")
    assert {one.reason for one in deliveries_of(unit, broadcast.id)} == {"server-off"}


def test_it_waits_for_its_sound_as_long_as_it_may(unit: Session, entry: TimetableEntry, now: datetime) -> None:
    plan_timetable(unit, now)
    broadcast = wake(unit, DUE + timedelta(minutes=2), is_rendered=False)
    assert (broadcast.state, broadcast.starts_at) == (BroadcastState.PLANNED, DUE)
    render(unit, broadcast, now)
    begin_due(unit, DUE + timedelta(minutes=5))
    assert broadcast.starts_at == DUE + timedelta(minutes=5) + LATE_LEAD


def test_a_sound_that_never_comes_is_missed(unit: Session, entry: TimetableEntry, now: datetime) -> None:
    plan_timetable(unit, now)
    broadcast = wake(unit, DUE + timedelta(seconds=30), is_rendered=False)
    begin_due(unit, DUE + timedelta(minutes=15))
    assert (broadcast.state, broadcast.reason) == (BroadcastState.MISSED, "server-off")


def test_what_the_poles_hold_already_is_theirs_to_play(unit: Session, entry: TimetableEntry, now: datetime) -> None:
    plan_timetable(unit, now)
    broadcast = first(unit)
    render(unit, broadcast, now)
    documents = build_documents(unit, now)
    mark_cued(unit, documents.listed)
    begin_due(unit, DUE + timedelta(minutes=3))
    assert (broadcast.state, broadcast.starts_at, broadcast.due_at) == (BroadcastState.ON_AIR, DUE, None)


def test_a_broker_that_stays_away_puts_it_off_again(unit: Session, entry: TimetableEntry, now: datetime) -> None:
    broadcast = wake(unit, DUE + timedelta(minutes=2))
    begin_due(unit, DUE + timedelta(minutes=3))
    assert (broadcast.starts_at, broadcast.due_at) == (DUE + timedelta(minutes=3) + LATE_LEAD, DUE)
    begin_due(unit, DUE + timedelta(minutes=15))
    assert (broadcast.state, broadcast.reason) == (BroadcastState.MISSED, "server-off")


def test_hours_that_have_closed_meanwhile_keep_it_quiet(unit: Session, entry: TimetableEntry, now: datetime) -> None:
    set_commune_rules(unit, Rules(windows=[Window(opens=time(5), closes=time(5, 33))]), now, "quantri")
    broadcast = wake(unit, DUE + timedelta(minutes=5))
    assert (broadcast.state, broadcast.reason) == (BroadcastState.MISSED, "quiet-hours")


def test_what_is_switched_off_or_withdrawn_meanwhile_is_not_aired_late(
    unit: Session, house: House, entry: TimetableEntry, now: datetime
) -> None:
    plan_timetable(unit, now)
    at = DUE + timedelta(minutes=2)
    broadcast = wake(unit, at, is_rendered=False)
    for bulletin in unit.exec(select(Bulletin)).all():
        withdraw_bulletin(unit, bulletin.id, house.leader, at)
    plan_timetable(unit, at)
    assert parts_of(unit, broadcast.id) == []
    set_entry_active(unit, row_id(entry.id), at, "canbo", is_active=False)
    plan_timetable(unit, at)
    assert (broadcast.state, broadcast.reason) == (BroadcastState.CANCELLED, "timetable-changed")


def test_a_new_time_that_has_just_gone_by_is_not_made_up_for(
    unit: Session, house: House, entry: TimetableEntry, now: datetime
) -> None:
    plan_timetable(unit, now)
    draft = draft_of_entry(unit, entry)
    changed = {one.name: getattr(draft, one.name) for one in draft.__dataclass_fields__.values()}
    local = now + timedelta(hours=7) - timedelta(minutes=5)
    edit_entry(unit, row_id(entry.id), 1, type(draft)(**{**changed, "airs_at": local.time()}), now, "canbo")
    plan_timetable(unit, now)
    assert all(one.starts_at and one.starts_at > now for one in unit.exec(select(Broadcast)) if one.state == "planned")


@pytest.mark.parametrize("minutes", [-1, 241])
def test_minutes_that_cannot_be(unit: Session, house: House, now: datetime, minutes: int) -> None:
    with pytest.raises(InvalidInput, match="bad-late"):
        add_entry(unit, house, now, minutes)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    off_s=st.integers(0, 9 * 86_400),
    back_s=st.integers(0, 9 * 86_400),
    late=st.integers(0, 240),
    looks_s=st.lists(st.integers(1, 900), max_size=4),
)
def test_whatever_the_server_sleeps_through_nothing_is_late_beyond_its_minutes_and_nothing_is_without_reason(
    house_engine: Engine, now: datetime, off_s: int, back_s: int, late: int, looks_s: list[int]
) -> None:
    """The server works until it is off for some stretch, then looks a few times; no pole says a word."""
    with Session(house_engine, expire_on_commit=False) as unit:
        house = load_house(unit, {})
        add_pole(unit, house, "dong-1", "thon-dong", now)
        entry = add_entry(unit, house, now, late)
        place(unit, house, entry, now)
        plan_timetable(unit, now)
        at = now + timedelta(seconds=off_s)
        plan_timetable(unit, at)
        at += timedelta(seconds=back_s)
        looks = [at]
        for seconds in (*looks_s, 14_401):
            looks.append(looks[-1] + timedelta(seconds=seconds))
        for look in looks:
            begin_due(unit, look)
            close_finished(unit, look)
            plan_timetable(unit, look)
            for broadcast in unit.exec(select(Broadcast)).all():
                if renderings_of(unit, broadcast.id):
                    render(unit, broadcast, look)
            begin_due(unit, look)
            mark_cued(unit, build_documents(unit, look).listed)
        for broadcast in unit.exec(select(Broadcast)).all():
            due = broadcast.due_at or broadcast.starts_at
            assert due is not None
            assert broadcast.starts_at is not None
            assert timedelta() <= broadcast.starts_at - due <= timedelta(minutes=late)
            if due + timedelta(minutes=late) <= looks[-1]:
                assert broadcast.state not in {BroadcastState.PLANNED, BroadcastState.CUED}
            if broadcast.state in {BroadcastState.MISSED, BroadcastState.CANCELLED}:
                assert broadcast.reason
        unit.rollback()
