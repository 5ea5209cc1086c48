from datetime import datetime, time, timedelta

import pytest
from sqlmodel import Session, select

from broadcast.airings import deliveries_of, renderings_of
from broadcast.airtime import (
    NOW_WITHIN,
    begin_due,
    begin_now,
    close_finished,
    mark_cued,
    next_due,
    ready_now,
    refresh_coming,
)
from broadcast.as_run import store_reports
from broadcast.communes import set_windows
from broadcast.models import Broadcast, BroadcastState, DeliveryState, IssuedOrder
from broadcast.nodes import revoke_node
from broadcast.orders import FETCH_TURN, NOW_LEAD, due_orders, has_missed_its_start, mark_sent, time_missed_starts
from broadcast.rendering import MAX_ATTEMPTS, store_failed
from players.messages import Outcome, Play, Window
from tests.broadcast.airing_kit import LASTS, Pole, add_broadcast, add_pole, delivery_of, render
from tests.broadcast.conftest import House

HOUR = timedelta(hours=1)
DAYTIME = [Window(opens=time(5), closes=time(20))]


def told(unit: Session, broadcast: Broadcast) -> tuple[str, str | None, list[tuple[str, str | None]]]:
    deliveries = [(one.state.value, one.reason) for one in deliveries_of(unit, broadcast.id)]
    return broadcast.state.value, broadcast.reason, deliveries


@pytest.fixture
def planned(unit: Session, house: House, now: datetime) -> Broadcast:
    add_pole(unit, house, "dong-1", "thon-dong", now)
    return add_broadcast(unit, house, now, at=HOUR)


def test_a_scheduled_broadcast_goes_its_way(unit: Session, house: House, planned: Broadcast, now: datetime) -> None:
    render(unit, planned, now)
    assert planned.duration_ms == 30_000
    assert mark_cued(unit, {planned.id}) == [planned.id]
    assert mark_cued(unit, {planned.id}) == []
    starts_at = now + HOUR
    assert next_due(unit, now) == starts_at
    assert begin_due(unit, starts_at - timedelta(milliseconds=1)) == []
    assert begin_due(unit, starts_at) == [planned.id]
    assert begin_due(unit, starts_at) == []
    assert next_due(unit, starts_at) == starts_at + LASTS + timedelta(seconds=10)
    store_reports(unit, [Pole("dong-1", planned.id, starts_at).says(Outcome.PLAYED)], starts_at + LASTS)
    assert close_finished(unit, starts_at + LASTS) == [planned.id]
    assert told(unit, planned) == ("aired", None, [("played", None)])


def test_a_broadcast_whose_clip_is_not_ready_at_its_minute_is_missed(
    unit: Session, planned: Broadcast, now: datetime
) -> None:
    begin_due(unit, now + HOUR)
    assert told(unit, planned) == ("missed", "clip-not-ready", [("missed", "clip-not-ready")])


def test_a_broadcast_whose_rendering_failed_says_so_beforehand_and_is_missed(
    unit: Session, planned: Broadcast, now: datetime
) -> None:
    (rendering,) = renderings_of(unit, planned.id)
    for _ in range(MAX_ATTEMPTS):
        store_failed(unit, rendering, "hỏng", now)
    refresh_coming(unit, now)
    assert (planned.state, planned.reason) == (BroadcastState.PLANNED, "rendering-failed")
    begin_due(unit, now + HOUR)
    assert told(unit, planned) == ("missed", "rendering-failed", [("missed", "rendering-failed")])


def test_quiet_hours_hold_back_what_was_ready_and_let_it_go_when_they_change(
    unit: Session, planned: Broadcast, now: datetime
) -> None:
    render(unit, planned, now)
    mark_cued(unit, {planned.id})
    set_windows(unit, [Window(opens=time(5), closes=time(16, 0, 10))], "quantri", now)
    refresh_coming(unit, now)  # it would run from 16:00:00 to 16:00:30
    assert (planned.state, planned.reason) == (BroadcastState.PLANNED, "quiet-hours")
    set_windows(unit, DAYTIME, "quantri", now)
    refresh_coming(unit, now)
    assert (planned.state, planned.reason) == (BroadcastState.PLANNED, None)
    set_windows(unit, [], "quantri", now)
    begin_due(unit, now + HOUR)
    assert told(unit, planned) == ("missed", "quiet-hours", [("missed", "quiet-hours")])


@pytest.mark.parametrize(("late", "reason"), [(timedelta(), "not-sent"), (timedelta(hours=5), "server-off")])
def test_what_was_never_published_is_missed_and_never_aired_late(
    unit: Session, planned: Broadcast, now: datetime, late: timedelta, reason: str
) -> None:
    render(unit, planned, now)
    begin_due(unit, now + HOUR + late)
    assert told(unit, planned) == ("missed", reason, [("missed", reason)])


def test_what_the_poles_had_before_the_server_went_off_is_theirs_to_tell(
    unit: Session, planned: Broadcast, now: datetime
) -> None:
    render(unit, planned, now)
    mark_cued(unit, {planned.id})
    morning_after = now + timedelta(hours=15)
    assert begin_due(unit, morning_after) == [planned.id]
    assert close_finished(unit, morning_after) == [planned.id]
    assert told(unit, planned) == ("missed", "nodes-silent", [("silent", None)])
    store_reports(unit, [Pole("dong-1", planned.id, now + HOUR).says(Outcome.PLAYED)], morning_after)
    assert told(unit, planned) == ("aired", None, [("played", None)])


def test_a_crash_between_publishing_and_noting_it_loses_nothing(
    unit: Session, planned: Broadcast, now: datetime
) -> None:
    render(unit, planned, now)
    store_reports(unit, [Pole("dong-1", planned.id, now).says(Outcome.CUED)], now)
    begin_due(unit, now + HOUR)
    assert planned.state is BroadcastState.ON_AIR


def test_poles_that_come_before_the_start_get_their_delivery_and_those_that_leave_are_let_go(
    unit: Session, house: House, planned: Broadcast, now: datetime
) -> None:
    late = add_pole(unit, house, "dong-2", "thon-dong", now)
    unpaired = add_pole(unit, house, "dong-3", "thon-dong", now, is_paired=False)
    refresh_coming(unit, now)
    refresh_coming(unit, now)
    assert len(deliveries_of(unit, planned.id)) == 3
    revoke_node(unit, "dong-2", now)
    refresh_coming(unit, now)
    gone = delivery_of(unit, planned, late)
    assert (gone.state, gone.reason) == (DeliveryState.CANCELLED, "node-gone")
    render(unit, planned, now)
    mark_cued(unit, {planned.id})
    begin_due(unit, now + HOUR)
    store_reports(unit, [Pole("dong-1", planned.id, now + HOUR).says(Outcome.PLAYED)], now + HOUR + LASTS)
    close_finished(unit, now + HOUR + LASTS * 2)
    alone = delivery_of(unit, planned, unpaired)
    assert (alone.state, alone.reason, planned.state) == ("missed", "node-not-paired", "aired")


def test_a_pole_that_comes_at_the_last_moment_has_its_delivery(
    unit: Session, house: House, planned: Broadcast, now: datetime
) -> None:
    render(unit, planned, now)
    mark_cued(unit, {planned.id})
    refresh_coming(unit, now)
    late = add_pole(unit, house, "dong-2", "thon-dong", now + HOUR)
    begin_due(unit, now + HOUR)
    assert delivery_of(unit, planned, late).state is DeliveryState.PENDING


def test_a_village_without_poles_is_missed_for_that_reason(unit: Session, house: House, now: datetime) -> None:
    broadcast = add_broadcast(unit, house, now, at=HOUR, zones=("thon-tay",))
    render(unit, broadcast, now)
    mark_cued(unit, {broadcast.id})
    begin_due(unit, now + HOUR)
    close_finished(unit, now + HOUR + LASTS * 2)
    assert told(unit, broadcast) == ("missed", "no-nodes", [])


def test_what_airs_now_is_ordered_once_when_its_clip_is_there(unit: Session, house: House, now: datetime) -> None:
    add_pole(unit, house, "dong-1", "thon-dong", now)
    broadcast = add_broadcast(unit, house, now)
    assert ready_now(unit, now) == []
    render(unit, broadcast, now)
    (ready,) = ready_now(unit, now)
    assert (ready.id, ready.zones, [clip.duration_ms for clip in ready.clips]) == (
        broadcast.id,
        ("thon-dong",),
        [30_000],
    )
    assert begin_now(unit, broadcast.id, now)
    assert not begin_now(unit, broadcast.id, now)
    assert ready_now(unit, now) == []
    (due,) = due_orders(unit, now)
    assert isinstance(due.order, Play)
    assert due.order.item.starts_at == broadcast.starts_at == now + NOW_LEAD + FETCH_TURN
    assert due.zones == ("thon-dong",)
    assert begin_due(unit, now + NOW_LEAD + FETCH_TURN) == []  # not sent yet
    mark_sent(unit, [due.order.order], now)
    assert due_orders(unit, now) == []
    assert begin_due(unit, now + NOW_LEAD + FETCH_TURN) == [broadcast.id]


def test_an_order_that_could_not_go_out_is_sent_with_a_new_start_and_expires_as_it_was(
    unit: Session, house: House, now: datetime
) -> None:
    add_pole(unit, house, "dong-1", "thon-dong", now)
    broadcast = add_broadcast(unit, house, now)
    render(unit, broadcast, now)
    begin_now(unit, broadcast.id, now)
    (first,) = due_orders(unit, now)
    later = now + timedelta(seconds=20)
    assert has_missed_its_start(first.order, later)
    time_missed_starts(unit, later)
    (again,) = due_orders(unit, later)
    assert isinstance(first.order, Play)
    assert isinstance(again.order, Play)
    assert again.order.order == first.order.order
    assert again.order.item.starts_at == broadcast.starts_at == later + NOW_LEAD + FETCH_TURN
    assert again.order.expires_at == first.order.expires_at
    too_late = first.order.expires_at
    assert due_orders(unit, too_late) == []
    begin_due(unit, too_late)
    assert told(unit, broadcast) == ("missed", "not-sent", [("missed", "not-sent")])


def test_what_airs_now_does_not_come_as_a_surprise_later(unit: Session, house: House, now: datetime) -> None:
    add_pole(unit, house, "dong-1", "thon-dong", now)
    unrendered, quiet = (
        add_broadcast(unit, house, now),
        add_broadcast(unit, house, now, zones=("thon-dong", "thon-tay")),
    )
    render(unit, quiet, now)
    set_windows(unit, DAYTIME, "quantri", now)
    assert ready_now(unit, now.replace(hour=14)) == []
    assert quiet.reason == "quiet-hours"
    assert unrendered.reason == "quiet-hours"
    third = add_broadcast(unit, house, now)
    assert ready_now(unit, now + NOW_WITHIN + timedelta(seconds=1)) == []
    assert told(unit, third)[:2] == ("missed", "clip-not-ready")


def test_nothing_is_ordered_for_what_is_scheduled(unit: Session, planned: Broadcast, now: datetime) -> None:
    render(unit, planned, now)
    assert ready_now(unit, now) == []
    assert not unit.exec(select(IssuedOrder)).all()
