from datetime import datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session, func, select

from broadcast.airings import ensure_deliveries
from broadcast.airtime import begin_due, close_finished, mark_cued
from broadcast.as_run import store_reports
from broadcast.conclusion import conclude
from broadcast.models import Broadcast, BroadcastState, Delivery, DeliveryState, Node, StoredReport
from broadcast.stopping import cancel_broadcast, stop_broadcast
from broadcast.views import delivery_rows
from players.messages import Outcome, Reason
from tests.broadcast.airing_kit import LASTS, Pole, add_broadcast, add_pole, delivery_of, render
from tests.broadcast.conftest import House

IN_AN_HOUR = timedelta(hours=1)


@pytest.fixture
def pole(unit: Session, house: House, now: datetime) -> Node:
    return add_pole(unit, house, "dong-1", "thon-dong", now)


@pytest.fixture
def on_air(unit: Session, house: House, pole: Node, now: datetime) -> Broadcast:
    broadcast = add_broadcast(unit, house, now, at=IN_AN_HOUR)
    render(unit, broadcast, now)
    mark_cued(unit, {broadcast.id})
    begin_due(unit, now + IN_AN_HOUR)
    assert broadcast.state is BroadcastState.ON_AIR
    return broadcast


WHOLE = (Outcome.RECEIVED, Outcome.CUED, Outcome.PLAYING, Outcome.PLAYED)


@pytest.mark.parametrize("order", list(permutations(WHOLE)), ids=lambda order: " ".join(o.value for o in order))
def test_the_order_in_which_reports_come_does_not_matter(
    unit: Session, on_air: Broadcast, pole: Node, now: datetime, order: tuple[Outcome, ...]
) -> None:
    says = Pole("dong-1", on_air.id, now + IN_AN_HOUR).says
    for outcome in order:
        store_reports(unit, [says(outcome)], now + IN_AN_HOUR + LASTS)
    delivery = delivery_of(unit, on_air, pole)
    assert (delivery.state, delivery.started_at, delivery.finished_at, delivery.output) == (
        DeliveryState.PLAYED,
        now + IN_AN_HOUR,
        now + IN_AN_HOUR + LASTS,
        "record",
    )
    assert delivery.final_report == "dong-1-played"


def test_a_report_is_counted_once(unit: Session, on_air: Broadcast, pole: Node, now: datetime) -> None:
    played = Pole("dong-1", on_air.id, now + IN_AN_HOUR).says(Outcome.PLAYED)
    at = now + IN_AN_HOUR + LASTS
    assert store_reports(unit, [played, played], at) == [on_air.id]
    assert store_reports(unit, [played], at + timedelta(days=1)) == []
    assert unit.exec(select(func.count()).select_from(StoredReport)).one() == 1
    assert delivery_of(unit, on_air, pole).reported_at == at


def test_the_first_last_word_stands(unit: Session, on_air: Broadcast, pole: Node, now: datetime) -> None:
    says = Pole("dong-1", on_air.id, now + IN_AN_HOUR).says
    store_reports(unit, [says(Outcome.CUT, reason=Reason.PREEMPTED)], now)
    store_reports(unit, [says(Outcome.PLAYED), says(Outcome.FAILED, reason=Reason.OUTPUT_FAILED)], now)
    delivery = delivery_of(unit, on_air, pole)
    assert (delivery.state, delivery.reason) == (DeliveryState.CUT, "preempted")


def test_a_silent_pole_is_silent_until_its_own_word_comes(
    unit: Session, on_air: Broadcast, pole: Node, now: datetime
) -> None:
    over = now + IN_AN_HOUR + LASTS + timedelta(seconds=10)
    assert close_finished(unit, over - timedelta(milliseconds=1)) == []
    assert close_finished(unit, over) == [on_air.id]
    delivery = delivery_of(unit, on_air, pole)
    assert (delivery.state, on_air.state, on_air.reason) == ("silent", "missed", "nodes-silent")
    assert close_finished(unit, over) == []
    says = Pole("dong-1", on_air.id, now + IN_AN_HOUR).says
    next_day = over + timedelta(days=1)
    store_reports(unit, [says(Outcome.PLAYING)], next_day)
    assert delivery.state is DeliveryState.SILENT
    store_reports(unit, [says(Outcome.PLAYED)], next_day)
    assert (delivery.state, on_air.state, on_air.reason) == ("played", "aired", None)


def test_a_pole_that_says_it_missed_replaces_silence_with_its_reason(
    unit: Session, on_air: Broadcast, pole: Node, now: datetime
) -> None:
    close_finished(unit, now + IN_AN_HOUR + LASTS * 2)
    says = Pole("dong-1", on_air.id, now + IN_AN_HOUR).says
    store_reports(unit, [says(Outcome.MISSED, reason=Reason.TOO_LATE)], now + timedelta(hours=3))
    delivery = delivery_of(unit, on_air, pole)
    assert (delivery.state, delivery.reason) == (DeliveryState.MISSED, "too-late")
    assert on_air.state is BroadcastState.MISSED


@pytest.mark.parametrize(
    ("is_stopped", "state", "reason"),
    [(False, BroadcastState.AIRED, None), (True, BroadcastState.CUT, "stopped-by-user")],
    ids=["concluded", "stopped by a person"],
)
def test_what_was_cut_at_one_pole_turns_out_aired_when_another_comes_back_and_played_it(
    unit: Session,
    house: House,
    on_air: Broadcast,
    pole: Node,
    now: datetime,
    is_stopped: bool,
    state: BroadcastState,
    reason: str | None,
) -> None:
    add_pole(unit, house, "dong-2", "thon-dong", now)
    ensure_deliveries(unit, on_air)
    over = now + IN_AN_HOUR + LASTS * 2
    if is_stopped:
        stop_broadcast(unit, on_air.id, house.officer, now + IN_AN_HOUR)
    store_reports(unit, [Pole("dong-1", on_air.id, now).says(Outcome.CUT, reason=Reason.RESTARTED)], over)
    close_finished(unit, over)
    assert on_air.state is BroadcastState.CUT
    store_reports(unit, [Pole("dong-2", on_air.id, now + IN_AN_HOUR).says(Outcome.PLAYED)], over)
    assert (on_air.state, on_air.reason) == (state, reason)


def test_a_broadcast_is_not_called_silent_any_more_once_its_poles_have_said_that_they_missed_it(
    unit: Session, on_air: Broadcast, pole: Node, now: datetime
) -> None:
    over = now + IN_AN_HOUR + LASTS * 2
    close_finished(unit, over)
    assert on_air.reason == "nodes-silent"
    says = Pole("dong-1", on_air.id, now + IN_AN_HOUR).says
    store_reports(unit, [says(Outcome.MISSED, reason=Reason.TOO_LATE)], over)
    assert (on_air.state, on_air.reason) == (BroadcastState.MISSED, "no-node-played")


def test_a_cancelled_broadcast_that_played_says_so_and_one_that_did_not_stays_cancelled(
    unit: Session, house: House, pole: Node, now: datetime
) -> None:
    for outcome, reason, state in (
        (Outcome.CUT, Reason.STOPPED, DeliveryState.CUT),
        (Outcome.MISSED, Reason.WITHDRAWN, DeliveryState.CANCELLED),
    ):
        broadcast = add_broadcast(unit, house, now, at=IN_AN_HOUR)
        cancel_broadcast(unit, broadcast.id, house.officer, now)
        store_reports(unit, [Pole("dong-1", broadcast.id, now).says(outcome, broadcast.id, reason)], now)
        delivery = delivery_of(unit, broadcast, pole)
        assert delivery.state is state
        assert delivery.final_report == broadcast.id
        assert broadcast.state is BroadcastState.CANCELLED


def test_what_nobody_expected_is_written_down_too(
    unit: Session, house: House, on_air: Broadcast, now: datetime
) -> None:
    west = add_pole(unit, house, "tay-1", "thon-tay", now)
    store_reports(unit, [Pole("tay-1", on_air.id, now).says(Outcome.PLAYED)], now)
    assert delivery_of(unit, on_air, west).state is DeliveryState.PLAYED


def test_a_pole_that_came_after_the_end_did_not_miss_it(
    unit: Session, house: House, on_air: Broadcast, now: datetime
) -> None:
    close_finished(unit, now + IN_AN_HOUR + LASTS * 2)
    add_pole(unit, house, "dong-2", "thon-dong", now)
    store_reports(unit, [Pole("dong-2", on_air.id, now).says(Outcome.MISSED, reason=Reason.TOO_LATE)], now)
    assert [row.node for row in delivery_rows(unit, on_air.id)] == ["dong-1"]


def test_reports_of_strangers_and_of_unknown_broadcasts_change_nothing(
    unit: Session, on_air: Broadcast, pole: Node, now: datetime
) -> None:
    assert store_reports(unit, [Pole("nobody", on_air.id, now).says(Outcome.PLAYED)], now) == []
    assert store_reports(unit, [Pole("dong-1", "b-restored-backup", now).says(Outcome.PLAYED)], now) == []
    assert delivery_of(unit, on_air, pole).state is DeliveryState.PENDING


def test_one_poles_report_id_is_not_anothers(unit: Session, house: House, on_air: Broadcast, now: datetime) -> None:
    other = add_pole(unit, house, "dong-2", "thon-dong", now)
    for slug in ("dong-1", "dong-2"):
        store_reports(unit, [Pole(slug, on_air.id, now).says(Outcome.PLAYED, "r1")], now)
    assert delivery_of(unit, on_air, other).state is DeliveryState.PLAYED


@given(st.lists(st.sampled_from(DeliveryState), max_size=6))
def test_aired_is_what_a_pole_played_whole_and_nothing_else(states: list[DeliveryState]) -> None:
    state, reason = conclude([Delivery(broadcast_id="b", node_id=n, state=s, reason="x") for n, s in enumerate(states)])
    played = {DeliveryState.PLAYED, DeliveryState.HEARD}
    assert (state is BroadcastState.AIRED) == bool(played & set(states))
    assert (reason is None) == (state is BroadcastState.AIRED)
