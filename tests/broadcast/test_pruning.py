from datetime import datetime, timedelta

import pytest
from sqlmodel import Session, func, select

from broadcast.airtime import begin_now
from broadcast.as_run import store_reports
from broadcast.models import IssuedOrder, StoredReport, UserSession
from broadcast.pruning import ORDERS_KEPT, REPORTS_KEPT, forget_old
from broadcast.users import SESSION_LASTS, open_session
from broadcast.views import delivery_rows
from players.messages import Outcome
from tests.broadcast.airing_kit import Pole, add_broadcast, add_pole, render
from tests.broadcast.conftest import House

A_MOMENT = timedelta(seconds=1)


def count_of(session: Session, table: type) -> int:
    return session.exec(select(func.count()).select_from(table)).one()


@pytest.fixture
def aired(unit: Session, house: House, now: datetime) -> str:
    """A broadcast that was ordered and told of."""
    add_pole(unit, house, "dong-1", "thon-dong", now)
    broadcast = add_broadcast(unit, house, now)
    render(unit, broadcast, now)
    assert begin_now(unit, broadcast.id, now)
    store_reports(unit, [Pole("dong-1", broadcast.id, now).says(Outcome.PLAYED)], now)
    return broadcast.id


@pytest.mark.usefixtures("aired")
def test_reports_and_orders_are_kept_for_their_time_and_not_longer(unit: Session, now: datetime) -> None:
    expires_at = unit.exec(select(IssuedOrder.expires_at)).one()
    forget_old(unit, expires_at + ORDERS_KEPT)
    assert (count_of(unit, StoredReport), count_of(unit, IssuedOrder)) == (1, 1)
    forget_old(unit, expires_at + ORDERS_KEPT + A_MOMENT)
    assert (count_of(unit, StoredReport), count_of(unit, IssuedOrder)) == (1, 0)
    forget_old(unit, now + REPORTS_KEPT + A_MOMENT)
    assert count_of(unit, StoredReport) == 0


def test_a_report_that_comes_again_after_it_was_forgotten_changes_nothing(
    unit: Session, aired: str, now: datetime
) -> None:
    before = delivery_rows(unit, aired)
    later = now + REPORTS_KEPT + A_MOMENT
    forget_old(unit, later)
    store_reports(unit, [Pole("dong-1", aired, now).says(outcome) for outcome in (Outcome.CUED, Outcome.PLAYED)], later)
    (told,), (again,) = before, delivery_rows(unit, aired)
    assert (again.state, again.started_at, again.finished_at) == (told.state, told.started_at, told.finished_at)


def test_sessions_that_are_over_go_and_others_stay(unit: Session, house: House, now: datetime) -> None:
    open_session(unit, house.officer, now)
    forget_old(unit, now + SESSION_LASTS - A_MOMENT)
    assert count_of(unit, UserSession) == 1
    forget_old(unit, now + SESSION_LASTS)
    assert count_of(unit, UserSession) == 0
