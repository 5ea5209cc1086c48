"""A bulletin that is withdrawn while it plays, by itself or within a programme; renamed programmes."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta

import pytest
from sqlmodel import Session, col, select

from broadcast.airings import parts_of
from broadcast.airtime import begin_due, mark_cued
from broadcast.bulletins import approve_bulletin, submit_bulletin, withdraw_bulletin, write_bulletin
from broadcast.entries import create_entry
from broadcast.lifecycle import why_text
from broadcast.models import Broadcast, BroadcastState, Bulletin, IssuedOrder, Programme, WhenEmpty, row_id
from broadcast.programme_parts import framed_by
from broadcast.programmes import ProgrammeDraft, create_programme, edit_programme
from broadcast.stopping import OBEYS_WITHIN, stop_stragglers
from tests.broadcast.airing_kit import LASTS, add_broadcast, add_pole, render
from tests.broadcast.conftest import House
from tests.scheduler.planning import plan_timetable

DUE = datetime.fromisoformat("2026-06-02T05:30+07:00")


def stops(unit: Session, broadcast: Broadcast) -> list[IssuedOrder]:
    orders = unit.exec(select(IssuedOrder).where(IssuedOrder.broadcast_id == broadcast.id)).all()
    return [order for order in orders if order.document["kind"] == "stop"]


def bulletin_in(unit: Session, house: House, programme: Programme, script: str, now: datetime) -> Bulletin:
    bulletin = write_bulletin(
        unit,
        house.officer,
        title=script,
        script=script,
        zones=["thon-dong"],
        programmes=[row_id(programme.id)],
        now=now,
    )
    submit_bulletin(unit, bulletin.id, house.officer, now)
    return approve_bulletin(unit, bulletin.id, house.leader, 1, now)


@pytest.fixture
def programme(unit: Session, house: House, now: datetime) -> Programme:
    add_pole(unit, house, "dong-1", "thon-dong", now)
    made = create_programme(unit, house.commune, name="Sáng", greeting="Chào.", closing="", now=now, actor="canbo")
    create_entry(unit, made, zones=["thon-dong"], airs_at=time(5, 30), from_on=date(2026, 6, 2), now=now, actor="canbo")
    return made


def on_air(unit: Session, now: datetime) -> Broadcast:
    """The first morning's programme, just begun."""
    plan_timetable(unit, now)
    broadcast = unit.exec(select(Broadcast).order_by(col(Broadcast.id)).limit(1)).one()
    render(unit, broadcast, now)
    mark_cued(unit, {broadcast.id})
    begin_due(unit, DUE)
    assert broadcast.state is BroadcastState.ON_AIR
    return broadcast


def test_by_itself_it_is_stopped_and_says_why(unit: Session, house: House, now: datetime) -> None:
    add_pole(unit, house, "dong-1", "thon-dong", now)
    broadcast = add_broadcast(unit, house, now, at=timedelta(minutes=5))
    render(unit, broadcast, now)
    mark_cued(unit, {broadcast.id})
    at = now + timedelta(minutes=5, seconds=3)
    begin_due(unit, at)
    withdraw_bulletin(unit, broadcast.bulletin_id or "", house.officer, at)
    assert (broadcast.state, broadcast.reason) == (BroadcastState.CUT, "bulletin-withdrawn")
    assert why_text(broadcast.reason) == "Bản tin đã được rút lại."
    assert len(stops(unit, broadcast)) == 1
    # A pole that was out of reach and still plays it is stopped again.
    later = at + OBEYS_WITHIN + timedelta(seconds=1)
    assert stop_stragglers(unit, {"dong-1": broadcast.id}, later) == ["dong-1"]


@pytest.mark.parametrize(
    ("which", "after", "state"),
    [
        (0, timedelta(seconds=1), BroadcastState.CUT),
        (0, 2 * LASTS + timedelta(seconds=30), BroadcastState.CUT),
        (0, 2 * LASTS + timedelta(minutes=2), BroadcastState.ON_AIR),
        (1, 2 * LASTS + timedelta(minutes=1), BroadcastState.CUT),
    ],
)
def test_in_a_programme_it_stops_what_says_it_or_has_it_still_to_say(
    unit: Session,
    house: House,
    programme: Programme,
    now: datetime,
    which: int,
    after: timedelta,
    state: BroadcastState,
) -> None:
    bulletins = [bulletin_in(unit, house, programme, script, now) for script in ("Một.", "Hai.")]
    broadcast = on_air(unit, now)
    withdraw_bulletin(unit, bulletins[which].id, house.leader, DUE + after)
    assert broadcast.state is state
    assert bool(stops(unit, broadcast)) == (state is BroadcastState.CUT)


def test_what_says_something_else_goes_on(unit: Session, house: House, programme: Programme, now: datetime) -> None:
    bulletin_in(unit, house, programme, "Một.", now)
    broadcast = on_air(unit, now)
    other = bulletin_in(unit, house, programme, "Tin khác hẳn.", DUE)
    withdraw_bulletin(unit, other.id, house.leader, DUE + timedelta(seconds=1))
    assert broadcast.state is BroadcastState.ON_AIR


@pytest.mark.parametrize(
    ("when_empty", "parts", "reason"), [(WhenEmpty.SKIP, 0, "nothing-to-air"), (WhenEmpty.GREETING, 1, None)]
)
def test_a_day_without_a_bulletin_is_left_out_or_greets(
    unit: Session,
    house: House,
    programme: Programme,
    now: datetime,
    when_empty: WhenEmpty,
    parts: int,
    reason: str | None,
) -> None:
    draft = ProgrammeDraft("Sáng", framed_by("Chào.", "Hết."), when_empty)
    edit_programme(unit, row_id(programme.id), 1, draft, now, house.leader)
    plan_timetable(unit, now)
    broadcast = unit.exec(select(Broadcast).order_by(col(Broadcast.id)).limit(1)).one()
    assert len(parts_of(unit, broadcast.id)) == parts
    render(unit, broadcast, now)
    if parts:
        mark_cued(unit, {broadcast.id})
    begin_due(unit, DUE)
    assert (broadcast.state, broadcast.reason) == (
        BroadcastState.ON_AIR if parts else BroadcastState.MISSED, reason,
    )  # fmt: skip
    assert why_text(reason) == ("" if parts else "Chương trình không có bản tin đã duyệt nào cho hôm đó.")


def test_a_renamed_programme_renames_what_is_planned_of_it(
    unit: Session, house: House, programme: Programme, now: datetime
) -> None:
    plan_timetable(unit, now)
    draft = replace(ProgrammeDraft("Sáng", framed_by("Chào.", "")), name="Bản tin bình minh")
    edit_programme(unit, row_id(programme.id), 1, draft, now, house.leader)
    plan_timetable(unit, now)
    titles = [one.title for one in unit.exec(select(Broadcast).order_by(col(Broadcast.starts_at)))]
    assert titles[:2] == ["Bản tin bình minh, 02/06", "Bản tin bình minh, 03/06"]
    assert not any(title.startswith("Sáng") for title in titles)


def test_what_has_begun_keeps_its_name(unit: Session, house: House, programme: Programme, now: datetime) -> None:
    bulletin_in(unit, house, programme, "Một.", now)
    broadcast = on_air(unit, now)
    draft = replace(ProgrammeDraft("Sáng", framed_by("Chào.", "")), name="Mới")
    edit_programme(unit, row_id(programme.id), 1, draft, DUE, house.leader)
    plan_timetable(unit, DUE + timedelta(seconds=1))
    assert broadcast.title == "Sáng, 02/06"
