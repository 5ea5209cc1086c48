"""A bulletin that is withdrawn while it plays, by itself or within a programme; renamed programmes."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta

import pytest
from sqlmodel import Session, col, select

from broadcast.airings import parts_of
from broadcast.airtime import begin_due, close_finished, mark_cued
from broadcast.as_run import store_reports
from broadcast.bulletins import approve_bulletin, submit_bulletin, withdraw_bulletin, write_bulletin
from broadcast.entries import create_entry
from broadcast.lifecycle import why_text
from broadcast.models import (
    Broadcast,
    BroadcastState,
    Bulletin,
    IssuedOrder,
    Programme,
    ProgrammePartKind,
    TimetableEntry,
    WhenEmpty,
    row_id,
)
from broadcast.programme_parts import ProgrammePartDraft, framed_by
from broadcast.programmes import ProgrammeDraft, add_programme, create_programme, edit_programme
from broadcast.stopping import OBEYS_WITHIN, stop_stragglers
from players.messages import Outcome
from tests.broadcast.airing_kit import LASTS, Pole, add_broadcast, add_pole, render
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
    store_reports(unit, [Pole("dong-1", broadcast.id, DUE).says(Outcome.PLAYING)], DUE)
    withdraw_bulletin(unit, bulletins[which].id, house.leader, DUE + after)
    assert broadcast.state is state
    assert bool(stops(unit, broadcast)) == (state is BroadcastState.CUT)


def test_what_is_said_after_a_relay_is_stopped_while_the_relay_sounds(
    unit: Session, house: House, now: datetime
) -> None:
    add_pole(unit, house, "dong-1", "thon-dong", now)
    relay = ProgrammePartDraft(ProgrammePartKind.RELAY, "Đài tỉnh", url="http://radio.example/live", minutes=15)
    greeting = ProgrammePartDraft(ProgrammePartKind.GREETING, "Chào.")
    parts = [greeting, relay, ProgrammePartDraft(ProgrammePartKind.BULLETINS)]
    made = add_programme(unit, house.commune, ProgrammeDraft("Sáng", parts), now, house.leader)
    create_entry(unit, made, zones=["thon-dong"], airs_at=time(5, 30), from_on=date(2026, 6, 2), now=now, actor="canbo")
    bulletin = bulletin_in(unit, house, made, "Một.", now)
    broadcast = on_air(unit, now)
    assert broadcast.duration_ms == 16 * 60_000
    store_reports(unit, [Pole("dong-1", broadcast.id, DUE).says(Outcome.PLAYING)], DUE)
    withdraw_bulletin(unit, bulletin.id, house.leader, DUE + timedelta(minutes=10))
    assert (broadcast.state, broadcast.reason) == (BroadcastState.CUT, "bulletin-withdrawn")
    assert len(stops(unit, broadcast)) == 1


def test_what_was_said_before_a_relay_lets_the_relay_go_on(unit: Session, house: House, now: datetime) -> None:
    add_pole(unit, house, "dong-1", "thon-dong", now)
    relay = ProgrammePartDraft(ProgrammePartKind.RELAY, "Đài tỉnh", url="http://radio.example/live", minutes=15)
    parts = [ProgrammePartDraft(ProgrammePartKind.BULLETINS), relay]
    made = add_programme(unit, house.commune, ProgrammeDraft("Sáng", parts), now, house.leader)
    create_entry(unit, made, zones=["thon-dong"], airs_at=time(5, 30), from_on=date(2026, 6, 2), now=now, actor="canbo")
    bulletin = bulletin_in(unit, house, made, "Một.", now)
    broadcast = on_air(unit, now)
    store_reports(unit, [Pole("dong-1", broadcast.id, DUE).says(Outcome.PLAYING)], DUE)
    withdraw_bulletin(unit, bulletin.id, house.leader, DUE + timedelta(minutes=5))
    assert broadcast.state is BroadcastState.ON_AIR
    assert not stops(unit, broadcast)


def test_a_pole_that_began_late_is_stopped_and_those_that_have_said_it_go_on(
    unit: Session, house: House, programme: Programme, now: datetime
) -> None:
    add_pole(unit, house, "dong-2", "thon-dong", now)
    add_pole(unit, house, "dong-3", "thon-dong", now)
    add_pole(unit, house, "dong-4", "thon-dong", now, is_paired=False)
    bulletins = [bulletin_in(unit, house, programme, script, now) for script in ("Một.", *"234567")]
    broadcast = on_air(unit, now)
    began = [Pole("dong-1", broadcast.id, DUE), Pole("dong-2", broadcast.id, DUE + timedelta(minutes=2))]
    store_reports(unit, [pole.says(Outcome.PLAYING) for pole in began], DUE + timedelta(minutes=2))
    withdraw_bulletin(unit, bulletins[0].id, house.leader, DUE + timedelta(minutes=3))
    assert broadcast.state is BroadcastState.ON_AIR
    assert [order.nodes for order in stops(unit, broadcast)] == [["dong-2", "dong-3"]]


@pytest.mark.parametrize("is_late", [False, True])
def test_where_a_pole_may_begin_it_anew_it_is_stopped_as_a_whole(
    unit: Session, house: House, programme: Programme, now: datetime, is_late: bool
) -> None:
    add_pole(unit, house, "dong-2", "thon-dong", now)
    entry = unit.exec(select(TimetableEntry)).one()
    entry.late_within_minutes = 30 if is_late else 0
    unit.add(entry)
    bulletins = [bulletin_in(unit, house, programme, script, now) for script in ("Một.", *"234567")]
    broadcast = on_air(unit, now)
    store_reports(unit, [Pole("dong-1", broadcast.id, DUE).says(Outcome.PLAYING)], DUE)
    withdraw_bulletin(unit, bulletins[0].id, house.leader, DUE + timedelta(minutes=3))
    assert broadcast.state is (BroadcastState.CUT if is_late else BroadcastState.ON_AIR)
    assert [order.nodes for order in stops(unit, broadcast)] == [[] if is_late else ["dong-2"]]


def test_what_waits_its_turn_is_stopped_although_the_server_had_given_it_up(
    unit: Session, house: House, now: datetime
) -> None:
    add_pole(unit, house, "dong-1", "thon-dong", now)
    broadcast = add_broadcast(unit, house, now, at=timedelta(minutes=5))
    render(unit, broadcast, now)
    mark_cued(unit, {broadcast.id})
    begin_due(unit, now + timedelta(minutes=5))
    close_finished(unit, now + timedelta(minutes=10))
    assert (broadcast.state, broadcast.reason) == (BroadcastState.MISSED, "nodes-silent")
    withdraw_bulletin(unit, broadcast.bulletin_id or "", house.officer, now + timedelta(minutes=20))
    assert (broadcast.state, broadcast.reason) == (BroadcastState.CUT, "bulletin-withdrawn")
    assert len(stops(unit, broadcast)) == 1


def test_what_was_over_long_ago_is_left_as_it_was(unit: Session, house: House, now: datetime) -> None:
    add_pole(unit, house, "dong-1", "thon-dong", now)
    broadcast = add_broadcast(unit, house, now, at=timedelta(minutes=5))
    render(unit, broadcast, now)
    mark_cued(unit, {broadcast.id})
    begin_due(unit, now + timedelta(minutes=5))
    close_finished(unit, now + timedelta(minutes=10))
    withdraw_bulletin(unit, broadcast.bulletin_id or "", house.officer, now + timedelta(hours=2))
    assert (broadcast.state, broadcast.reason) == (BroadcastState.MISSED, "nodes-silent")
    assert not stops(unit, broadcast)


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
