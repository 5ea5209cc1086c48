"""What had to wait for others at a pole, or goes on there: it is not over while it may sound, and can be stopped."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, event
from sqlmodel import Session, select

from broadcast.airings import deliveries_of, ensure_deliveries
from broadcast.airtime import begin_due, close_finished, mark_cued, next_due
from broadcast.as_run import store_reports
from broadcast.errors import Conflict
from broadcast.expecting import GRACE, QUEUED_AT_MOST
from broadcast.models import Broadcast, BroadcastState, IssuedOrder
from broadcast.stopping import stop_broadcast, stop_stragglers
from broadcast.views import broadcast_row, missed
from broadcast.views import on_air as on_air_rows
from players.messages import Heartbeat, NodeActivity, Outcome, Reason
from players.node.airing import QUEUE_PATIENCE
from players.presence import OFFLINE_AFTER
from tests.broadcast.airing_kit import LASTS, Pole, add_broadcast, add_pole, render
from tests.broadcast.conftest import House
from tests.broadcast.stage import Stage, running

IN_5_MIN = timedelta(minutes=5)
SECOND = timedelta(seconds=1)
LATE = 20 * SECOND
"""By so much the pole begins later than was planned: others sounded there."""


@pytest.fixture
def due(now: datetime) -> datetime:
    return now + IN_5_MIN


@pytest.fixture
def on_air(unit: Session, house: House, now: datetime, due: datetime) -> Broadcast:
    add_pole(unit, house, "dong-1", "thon-dong", now)
    return begun(unit, house, now)


def begun(unit: Session, house: House, now: datetime) -> Broadcast:
    """A broadcast of 30 s whose instant, in five minutes, has come."""
    broadcast = add_broadcast(unit, house, now, at=IN_5_MIN)
    render(unit, broadcast, now)
    mark_cued(unit, {broadcast.id})
    begin_due(unit, now + IN_5_MIN)
    assert broadcast.state is BroadcastState.ON_AIR
    return broadcast


def beat(at: datetime, *, plays: str | None = None, queues: tuple[str, ...] = (), knows_time: bool = True) -> Heartbeat:
    return Heartbeat(
        node="dong-1", at=at, activity=NodeActivity.PLAYING if plays else NodeActivity.IDLE, broadcast=plays,
        cued=queues, clock_trusted=knows_time, output="silent", outbox=0, disk_free_bytes=1, version="1",
    )  # fmt: skip


def told(unit: Session, broadcast: Broadcast) -> tuple[str, str | None, list[str]]:
    unit.flush()
    return broadcast.state.value, broadcast.reason, [one.state.value for one in deliveries_of(unit, broadcast.id)]


def stops(unit: Session, broadcast: Broadcast) -> int:
    orders = unit.exec(select(IssuedOrder).where(IssuedOrder.broadcast_id == broadcast.id)).all()
    return sum(order.document["kind"] == "stop" for order in orders)


def test_poles_wait_as_long_as_the_server_thinks() -> None:
    assert QUEUED_AT_MOST == QUEUE_PATIENCE


def test_what_began_late_is_on_the_air_until_the_pole_is_through(
    unit: Session, house: House, on_air: Broadcast, due: datetime
) -> None:
    pole = Pole("dong-1", on_air.id, due + LATE)
    store_reports(unit, [pole.says(Outcome.PLAYING)], due + LATE)
    looked_at = due + LASTS + GRACE + SECOND
    assert close_finished(unit, looked_at) == []
    assert told(unit, on_air) == ("on-air", None, ["playing"])
    assert [row.id for row in on_air_rows(unit, looked_at)] == [on_air.id]
    assert not missed(unit, due)
    store_reports(unit, [pole.says(Outcome.PLAYED)], due + LATE + LASTS)
    assert close_finished(unit, due + LATE + LASTS) == [on_air.id]
    assert told(unit, on_air) == ("aired", None, ["played"])


def test_what_began_late_is_stopped_after_its_planned_end(
    unit: Session, house: House, on_air: Broadcast, due: datetime
) -> None:
    store_reports(unit, [Pole("dong-1", on_air.id, due + LATE).says(Outcome.PLAYING)], due + LATE)
    at = due + LASTS + GRACE + SECOND
    close_finished(unit, at)
    stop_broadcast(unit, on_air.id, house.officer, at)
    assert told(unit, on_air)[:2] == ("cut", "stopped-by-user")
    assert stops(unit, on_air) == 1


def test_what_waits_its_turn_is_not_over_while_the_pole_says_so(
    unit: Session, house: House, on_air: Broadcast, due: datetime
) -> None:
    at = due + LASTS + GRACE
    while at < due + QUEUED_AT_MOST:
        assert close_finished(unit, at, {"dong-1": beat(at, queues=("b-other", on_air.id))}) == []
        at += timedelta(minutes=5)
    assert told(unit, on_air) == ("on-air", None, ["pending"])
    # Its report of the beginning is still on its way.
    assert close_finished(unit, at, {"dong-1": beat(at, plays=on_air.id)}) == []
    much_later = due + 2 * QUEUED_AT_MOST
    assert close_finished(unit, much_later, {"dong-1": beat(much_later, queues=(on_air.id,))}) == [on_air.id]
    assert told(unit, on_air) == ("missed", "nodes-silent", ["silent"])


@pytest.mark.parametrize("says", ["nothing", "other things", "that it does not know the time"])
def test_what_no_pole_has_is_over_when_its_grace_is(
    unit: Session, house: House, on_air: Broadcast, due: datetime, says: str
) -> None:
    at = due + LASTS + GRACE
    beats = {
        "nothing": {},
        "other things": {"dong-1": beat(at, plays="b-other", queues=("b-third",))},
        "that it does not know the time": {"dong-1": beat(at, queues=(on_air.id,), knows_time=False)},
    }[says]
    assert close_finished(unit, at - SECOND, beats) == []
    assert close_finished(unit, at, beats) == [on_air.id]
    assert told(unit, on_air) == ("missed", "nodes-silent", ["silent"])


def test_a_dead_pole_is_silent_beside_one_that_waits(
    unit: Session, house: House, on_air: Broadcast, now: datetime, due: datetime
) -> None:
    add_pole(unit, house, "dong-2", "thon-dong", now)
    ensure_deliveries(unit, on_air)
    at = due + LASTS + GRACE
    beats = {"dong-1": beat(at, queues=(on_air.id,))}
    assert close_finished(unit, at, beats) == [on_air.id]
    assert told(unit, on_air) == ("on-air", None, ["pending", "silent"])
    assert close_finished(unit, at, beats) == []
    store_reports(unit, [Pole("dong-1", on_air.id, at).says(Outcome.PLAYED)], at + LASTS)
    assert close_finished(unit, at + LASTS) == [on_air.id]
    assert told(unit, on_air) == ("aired", None, ["played", "silent"])


def test_a_pole_that_died_while_it_played_is_silent_once_it_would_have_been_through(
    unit: Session, house: House, on_air: Broadcast, due: datetime
) -> None:
    store_reports(unit, [Pole("dong-1", on_air.id, due + LATE).says(Outcome.PLAYING)], due + LATE)
    over = due + LATE + LASTS + GRACE
    assert close_finished(unit, over - SECOND) == []
    assert close_finished(unit, over) == [on_air.id]
    assert told(unit, on_air) == ("missed", "nodes-silent", ["silent"])


def test_a_pole_whose_clock_is_years_ahead_keeps_nothing_on_the_air(
    unit: Session, house: House, on_air: Broadcast, due: datetime
) -> None:
    store_reports(unit, [Pole("dong-1", on_air.id, due + timedelta(days=9999)).says(Outcome.PLAYING)], due)
    assert close_finished(unit, due + LASTS + GRACE) == [on_air.id]


def test_what_was_given_up_is_on_the_air_again_when_the_pole_begins_and_can_be_stopped(
    unit: Session, house: House, on_air: Broadcast, due: datetime
) -> None:
    close_finished(unit, due + LASTS + GRACE)
    began = due + timedelta(minutes=10)
    store_reports(unit, [Pole("dong-1", on_air.id, began).says(Outcome.PLAYING)], began)
    assert told(unit, on_air) == ("on-air", None, ["playing"])
    assert (on_air.ended_at, missed(unit, due)) == (None, [])
    assert close_finished(unit, began + SECOND) == []
    stop_broadcast(unit, on_air.id, house.officer, began + SECOND)
    assert (on_air.reason, stops(unit, on_air)) == ("stopped-by-user", 1)
    store_reports(unit, [Pole("dong-1", on_air.id, began).says(Outcome.CUT, reason=Reason.STOPPED)], began)
    assert told(unit, on_air) == ("cut", "stopped-by-user", ["cut"])


def test_a_beginning_that_is_told_long_after_its_end_changes_nothing(
    unit: Session, house: House, on_air: Broadcast, due: datetime
) -> None:
    close_finished(unit, due + LASTS + GRACE)
    store_reports(unit, [Pole("dong-1", on_air.id, due).says(Outcome.PLAYING)], due + timedelta(hours=3))
    assert told(unit, on_air) == ("missed", "nodes-silent", ["silent"])


def test_what_may_wait_at_a_pole_out_of_reach_is_stopped_there_when_it_is_back(
    unit: Session, house: House, on_air: Broadcast, due: datetime
) -> None:
    at = due + timedelta(minutes=10)
    close_finished(unit, at)
    row = broadcast_row(unit, on_air.id)
    assert row is not None
    assert row.may_sound(at)
    assert not row.may_sound(due + QUEUED_AT_MOST)
    stop_broadcast(unit, on_air.id, house.officer, at)
    assert (on_air.state, on_air.reason) == (BroadcastState.CUT, "stopped-by-user")
    assert stop_stragglers(unit, {"dong-1": on_air.id}, at + timedelta(minutes=5)) == ["dong-1"]


def test_where_it_sounds_on_after_others_were_through_it_is_stopped(
    unit: Session, house: House, on_air: Broadcast, now: datetime, due: datetime
) -> None:
    add_pole(unit, house, "dong-2", "thon-dong", now)
    ensure_deliveries(unit, on_air)
    store_reports(unit, [Pole("dong-1", on_air.id, due).says(Outcome.PLAYED)], due + LASTS)
    close_finished(unit, due + LASTS + GRACE)
    assert told(unit, on_air) == ("aired", None, ["played", "silent"])
    began = due + timedelta(minutes=10)
    with pytest.raises(Conflict, match="already-ended"):
        stop_broadcast(unit, on_air.id, house.officer, began)
    store_reports(unit, [Pole("dong-2", on_air.id, began).says(Outcome.PLAYING)], began)
    assert told(unit, on_air) == ("aired", None, ["played", "playing"])
    row = broadcast_row(unit, on_air.id)
    assert row is not None
    assert row.may_sound(began)
    stop_broadcast(unit, on_air.id, house.officer, began)
    assert (told(unit, on_air)[0], stops(unit, on_air)) == ("aired", 1)


def test_many_that_wait_cost_no_more_statements_than_one(
    unit: Session, house: House, on_air: Broadcast, now: datetime, due: datetime
) -> None:
    at = due + LASTS + GRACE
    unit.flush()
    with statements(unit) as of_one:
        close_finished(unit, at, {"dong-1": beat(at, queues=(on_air.id,))})
    waiting = (on_air.id, *(begun(unit, house, now).id for _ in range(9)))
    unit.flush()
    with statements(unit) as of_ten:
        assert close_finished(unit, at, {"dong-1": beat(at, queues=waiting)}) == []
    assert len(of_ten) == len(of_one)
    assert next_due(unit, at) is None


@contextmanager
def statements(unit: Session) -> Iterator[list[str]]:
    found: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        found.append(statement)

    engine = unit.get_bind()
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def test_two_that_overlap_at_a_pole_are_both_told_truly(house_engine: Engine, tmp_path: Path) -> None:
    stage = Stage(house_engine, tmp_path)
    pole = stage.pole("dong-1", "thon-dong")
    first, second = stage.broadcast(at=IN_5_MIN), stage.broadcast(at=IN_5_MIN + 10 * SECOND)
    for broadcast in (first, second):
        stage.render(broadcast)
    pole.plays_on = True

    async def beats() -> None:
        before = stage.presence.row_of("dong-1", stage.now).heartbeat
        await pole.beats()
        await stage.until(lambda: stage.presence.row_of("dong-1", stage.now).heartbeat != before)

    async with stage.connected(), running(pole):
        await stage.playout.publish_documents()
        await pole.until(lambda one: one.listed == [first, second])
        stage.now += IN_5_MIN
        await pole.plays_listed(first)
        await stage.until_told(first, "dong-1", "playing")
        stage.now += 10 * SECOND
        pole.queues = [second]
        await stage.playout.begin_due()
        # The first was broken off for an emergency and is through long after its planned end; the other waits.
        for _ in range(3):
            stage.now += 50 * SECOND
            await beats()
            await stage.playout.close_finished()
        assert [stage.told(one)[0] for one in (first, second)] == ["on-air", "on-air"]
        await pole.ends(LASTS)
        await stage.until_told(first, "dong-1", "played")
        await pole.begins(second)
        await stage.until_told(second, "dong-1", "playing")
        await stage.playout.close_finished()
        assert [stage.told(one)[0] for one in (first, second)] == ["aired", "on-air"]
        stage.now += LASTS
        await pole.ends(LASTS)
        await stage.until_told(second, "dong-1", "played")
        await stage.playout.close_finished()
        assert stage.told(second) == ("aired", None, {"dong-1": ("played", None)})


async def test_a_pole_that_falls_silent_while_it_queues_is_given_up(house_engine: Engine, tmp_path: Path) -> None:
    stage = Stage(house_engine, tmp_path)
    pole = stage.pole("dong-1", "thon-dong")
    broadcast = stage.broadcast(at=IN_5_MIN)
    stage.render(broadcast)
    async with stage.connected(), running(pole):
        await stage.playout.publish_documents()
        stage.now += IN_5_MIN
        await stage.playout.begin_due()
        stage.now += LASTS + GRACE
        pole.queues = [broadcast]
        await pole.beats()
        await stage.until(lambda: stage.presence.row_of("dong-1", stage.now).heartbeat is not None)
        await stage.playout.close_finished()
        assert stage.told(broadcast)[0] == "on-air"
        stage.now += OFFLINE_AFTER
        await stage.playout.close_finished()
        assert stage.told(broadcast) == ("missed", "nodes-silent", {"dong-1": ("silent", None)})
