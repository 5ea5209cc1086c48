from datetime import datetime, timedelta

import pytest
from sqlmodel import Session, select

from broadcast.airtime import begin_due, begin_now, close_finished, mark_cued
from broadcast.errors import Conflict, NotAllowed, NotFound
from broadcast.lifecycle import move
from broadcast.models import Broadcast, BroadcastState, DeliveryState, IssuedOrder
from broadcast.orders import due_orders, mark_sent
from broadcast.stopping import cancel_broadcast, stop_broadcast, stop_stragglers
from players.messages import Stop
from tests.broadcast.airing_kit import LASTS, add_broadcast, add_pole, delivery_of, render
from tests.broadcast.conftest import House

HOUR = timedelta(hours=1)


@pytest.fixture
def on_air(unit: Session, house: House, now: datetime) -> Broadcast:
    add_pole(unit, house, "dong-1", "thon-dong", now)
    add_pole(unit, house, "tay-1", "thon-tay", now)
    broadcast = add_broadcast(unit, house, now, at=HOUR)
    render(unit, broadcast, now)
    mark_cued(unit, {broadcast.id})
    begin_due(unit, now + HOUR)
    return broadcast


def orders(unit: Session) -> list[tuple[str, list[str], list[str]]]:
    return [(one.document["kind"], one.zones, one.nodes) for one in unit.exec(select(IssuedOrder)).all()]


def test_what_is_on_air_is_stopped_not_cancelled(unit: Session, house: House, on_air: Broadcast, now: datetime) -> None:
    with pytest.raises(Conflict, match="not-coming"):
        cancel_broadcast(unit, on_air.id, house.officer, now + HOUR)
    stop_broadcast(unit, on_air.id, house.officer, now + HOUR)
    assert (on_air.state, on_air.reason, on_air.ended_at) == (BroadcastState.CUT, "stopped-by-user", now + HOUR)
    (due,) = due_orders(unit, now + HOUR)
    assert isinstance(due.order, Stop)
    assert due.order.broadcast == on_air.id
    assert due.order.expires_at == now + HOUR + LASTS + timedelta(minutes=2)


def test_what_a_pole_began_before_the_server_saw_its_minute_is_stopped(
    unit: Session, house: House, now: datetime
) -> None:
    pole = add_pole(unit, house, "dong-1", "thon-dong", now)
    broadcast = add_broadcast(unit, house, now, at=HOUR)
    render(unit, broadcast, now)
    mark_cued(unit, {broadcast.id})
    delivery = delivery_of(unit, broadcast, pole)
    move(delivery, DeliveryState.PLAYING)
    unit.add(delivery)
    stop_broadcast(unit, broadcast.id, house.officer, now + HOUR)
    assert (broadcast.state, broadcast.reason) == (BroadcastState.CUT, "stopped-by-user")
    assert orders(unit) == [("stop", ["thon-dong"], [])]


def test_what_was_sent_and_has_come_to_its_instant_is_stopped_not_cancelled(
    unit: Session, house: House, now: datetime
) -> None:
    add_pole(unit, house, "dong-1", "thon-dong", now)
    broadcast = add_broadcast(unit, house, now)
    render(unit, broadcast, now)
    assert begin_now(unit, broadcast.id, now)
    mark_sent(unit, [due.order.order for due in due_orders(unit, now)], now)
    assert broadcast.starts_at is not None
    stop_broadcast(unit, broadcast.id, house.officer, broadcast.starts_at)
    assert (broadcast.state, broadcast.reason) == (BroadcastState.CUT, "stopped-by-user")
    assert [one.kind for one in (due.order for due in due_orders(unit, now))] == ["stop"]


def test_pressing_stop_again_sends_it_again(unit: Session, house: House, on_air: Broadcast, now: datetime) -> None:
    for second in range(2):
        stop_broadcast(unit, on_air.id, house.officer, now + HOUR + timedelta(seconds=second))
    assert orders(unit) == [("stop", ["thon-dong"], [])] * 2


def test_stopping_at_one_pole_leaves_the_others(unit: Session, house: House, on_air: Broadcast, now: datetime) -> None:
    stop_broadcast(unit, on_air.id, house.officer, now + HOUR, "dong-1")
    assert on_air.state is BroadcastState.ON_AIR
    assert orders(unit) == [("stop", [], ["dong-1"])]
    with pytest.raises(Conflict, match="not-its-node"):
        stop_broadcast(unit, on_air.id, house.officer, now + HOUR, "tay-1")
    with pytest.raises(NotFound, match="no-node"):
        stop_broadcast(unit, on_air.id, house.officer, now + HOUR, "tay-9")


@pytest.mark.parametrize(("reason", "stopped"), [("stopped-by-user", ["dong-1"]), ("restarted", [])])
def test_a_pole_that_plays_on_is_stopped_again_only_when_a_person_stopped_the_broadcast(
    unit: Session, on_air: Broadcast, now: datetime, reason: str, stopped: list[str]
) -> None:
    move(on_air, BroadcastState.CUT, reason)
    unit.flush()
    assert stop_stragglers(unit, {"dong-1": on_air.id}, now + HOUR * 2) == stopped


def test_what_is_over_cannot_be_stopped(unit: Session, house: House, on_air: Broadcast, now: datetime) -> None:
    close_finished(unit, now + HOUR * 2)
    with pytest.raises(Conflict, match="already-ended"):
        stop_broadcast(unit, on_air.id, house.officer, now + HOUR * 2)
    with pytest.raises(NotFound, match="no-broadcast"):
        stop_broadcast(unit, "b-none", house.officer, now)


def test_stopping_what_was_ordered_and_has_not_begun_cancels_it(unit: Session, house: House, now: datetime) -> None:
    add_pole(unit, house, "dong-1", "thon-dong", now)
    for is_sent in (False, True):
        broadcast = add_broadcast(unit, house, now)
        render(unit, broadcast, now)
        begin_now(unit, broadcast.id, now)
        if is_sent:
            mark_sent(unit, [f"play-{broadcast.id}"], now)
        stop_broadcast(unit, broadcast.id, house.officer, now)
        assert broadcast.state is BroadcastState.CANCELLED
    # The first order never goes out; each broadcast is stopped by name, wherever its order has got to.
    assert [due.order.kind for due in due_orders(unit, now)] == ["stop", "stop"]


def test_a_village_head_stops_his_villages_own_and_his_poles(unit: Session, house: House, now: datetime) -> None:
    add_pole(unit, house, "dong-1", "thon-dong", now)
    add_pole(unit, house, "tay-1", "thon-tay", now)
    both = add_broadcast(unit, house, now, at=HOUR, zones=("thon-dong", "thon-tay"))
    with pytest.raises(NotAllowed, match="other-village"):
        cancel_broadcast(unit, both.id, house.head_east, now)
    render(unit, both, now)
    mark_cued(unit, {both.id})
    begin_due(unit, now + HOUR)
    with pytest.raises(NotAllowed, match="other-village"):
        stop_broadcast(unit, both.id, house.head_east, now + HOUR)
    with pytest.raises(NotAllowed, match="other-village"):
        stop_broadcast(unit, both.id, house.head_east, now + HOUR, "tay-1")
    stop_broadcast(unit, both.id, house.head_east, now + HOUR, "dong-1")
    own = add_broadcast(unit, house, now, at=HOUR)
    assert cancel_broadcast(unit, own.id, house.head_east, now).state is BroadcastState.CANCELLED
