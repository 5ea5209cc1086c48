"""A clock that jumps a day ahead and back, with a bulletin that has its own hour in between."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from broadcast.airtime import begin_due, close_finished, mark_cued, refresh_coming
from broadcast.as_run import store_reports
from broadcast.bulletins import draft_of, edit_bulletin, withdraw_bulletin
from broadcast.documents import build_documents
from broadcast.jumped_over import has_jumped_over, plan_jumped_over
from broadcast.models import Broadcast, BroadcastState, Bulletin, DeliveryState
from broadcast.nodes import list_nodes
from players.messages import Outcome, Reason
from tests.broadcast.airing_kit import Pole, add_broadcast, add_pole, delivery_of, render
from tests.broadcast.conftest import House
from tests.broadcast.stage import Stage, running

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def cued(unit: Session, house: House, now: datetime) -> Broadcast:
    for slug in ("dong-1", "dong-2"):
        add_pole(unit, house, slug, "thon-dong", now)
    broadcast = add_broadcast(unit, house, now, at=HOUR)
    render(unit, broadcast, now)
    refresh_coming(unit, now)
    mark_cued(unit, {broadcast.id})
    return broadcast


def jump(unit: Session, at: datetime) -> None:
    """One look at a clock that is wrong."""
    begin_due(unit, at)
    close_finished(unit, at)


def test_back_again_it_is_planned_listed_and_begun(unit: Session, cued: Broadcast, now: datetime) -> None:
    assert not has_jumped_over(unit, now)
    jump(unit, now + DAY)
    assert (cued.state, cued.reason) == (BroadcastState.MISSED, "nodes-silent")
    assert has_jumped_over(unit, now)
    plan_jumped_over(unit, now)
    assert not has_jumped_over(unit, now)
    assert (cued.state, cued.reason, cued.ended_at) == (BroadcastState.PLANNED, None, None)
    assert build_documents(unit, now).listed == {cued.id}
    mark_cued(unit, {cued.id})
    assert begin_due(unit, now + HOUR) == [cued.id]
    store_reports(unit, [Pole("dong-1", cued.id, now + HOUR).says(Outcome.PLAYED)], now + HOUR)
    jump(unit, now + 2 * HOUR)
    assert cued.state is BroadcastState.AIRED


def test_a_pole_that_had_its_last_word_keeps_it(unit: Session, house: House, cued: Broadcast, now: datetime) -> None:
    jump(unit, now + DAY)
    store_reports(unit, [Pole("dong-1", cued.id, now).says(Outcome.MISSED, reason=Reason.TOO_LATE)], now + DAY)
    plan_jumped_over(unit, now)
    states = [delivery_of(unit, cued, node).state for node in list_nodes(unit)]
    assert states == [DeliveryState.MISSED, DeliveryState.PENDING]


def test_what_is_only_past_is_not_aired(unit: Session, cued: Broadcast, now: datetime) -> None:
    jump(unit, now + DAY)
    assert not has_jumped_over(unit, now + HOUR)


@pytest.mark.parametrize("is_edited", [False, True])
def test_what_nobody_wants_any_more_is_not_aired(
    unit: Session, house: House, cued: Broadcast, now: datetime, is_edited: bool
) -> None:
    jump(unit, now + DAY)
    bulletin = unit.get_one(Bulletin, cued.bulletin_id)
    if is_edited:
        edit_bulletin(unit, bulletin.id, house.officer, bulletin.revision, now, draft_of(unit, bulletin))
    else:
        withdraw_bulletin(unit, bulletin.id, house.officer, now)
    assert not has_jumped_over(unit, now)


async def test_the_poles_have_it_in_their_timetables_again(house_engine: Engine, tmp_path: Path) -> None:
    stage = Stage(house_engine, tmp_path)
    pole = stage.pole("dong-1", "thon-dong")
    broadcast = stage.broadcast(at=HOUR)
    stage.render(broadcast)
    async with stage.connected(), running(pole):
        await _look(stage)
        await pole.until(lambda one: one.listed == [broadcast])
        before, stage.now = stage.now, stage.now + 2 * DAY
        await _look(stage)
        stage.now = before
        await _look(stage)
        await pole.until(lambda one: len(one.timetables) > 1 and one.listed == [broadcast])
        assert stage.told(broadcast)[0] == "cued"


async def _look(stage: Stage) -> None:
    for step in ("begin_due", "close_finished", "refresh_coming", "publish_documents"):
        await getattr(stage.playout, step)()
