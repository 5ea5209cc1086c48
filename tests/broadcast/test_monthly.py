from datetime import datetime, timedelta

import pytest
from sqlmodel import Session

from broadcast.airings import ensure_deliveries
from broadcast.airtime import begin_due, close_finished
from broadcast.as_run import store_reports
from broadcast.models import Broadcast, BroadcastState
from broadcast.monthly import month_report
from players.messages import Outcome, Urgency
from tests.broadcast.airing_kit import LASTS, Pole, add_broadcast, add_pole
from tests.broadcast.conftest import House

IN_AN_HOUR = timedelta(hours=1)
MONTH = timedelta(days=30)


@pytest.fixture
def aired(unit: Session, house: House, now: datetime) -> Broadcast:
    """To three poles of two villages: one on time, one three seconds late, one never heard of again."""
    at = now + IN_AN_HOUR
    for slug, zone in (("dong-1", "thon-dong"), ("tay-1", "thon-tay"), ("tay-2", "thon-tay")):
        add_pole(unit, house, slug, zone, now)
    broadcast = add_broadcast(unit, house, now, at=IN_AN_HOUR, zones=("thon-dong", "thon-tay"))
    ensure_deliveries(unit, broadcast)
    broadcast.state, broadcast.duration_ms = BroadcastState.CUED, round(LASTS.total_seconds() * 1000)
    unit.flush()
    begin_due(unit, at)
    store_reports(unit, [Pole("dong-1", broadcast.id, at).says(Outcome.PLAYED)], at)
    store_reports(unit, [Pole("tay-1", broadcast.id, at + timedelta(seconds=3)).says(Outcome.PLAYED)], at)
    close_finished(unit, at + timedelta(minutes=10))
    return broadcast


def test_villages_and_poles_are_told_apart(unit: Session, aired: Broadcast, now: datetime) -> None:
    report = month_report(unit, now, now + MONTH)
    assert aired.state is BroadcastState.AIRED
    assert (report.sounded, report.missed, report.lasted) == (1, 0, LASTS)
    assert [(one.name, one.sounded, one.lasted) for one in report.villages] == [
        ("Thôn Đông", 1, LASTS),
        ("Thôn Tây", 1, LASTS),
    ]
    assert [(one.name, one.asked, one.played, one.silent, one.timed, one.on_time) for one in report.poles] == [
        ("dong-1", 1, 1, 0, 1, 1),
        ("tay-1", 1, 1, 0, 1, 0),
        ("tay-2", 1, 0, 1, 0, 0),
    ]
    assert [one.is_silent for one in report.poles] == [False, False, True]
    assert report.on_time_part == 0.5


def test_a_village_reports_of_itself_alone(unit: Session, aired: Broadcast, now: datetime) -> None:
    report = month_report(unit, now, now + MONTH, ["thon-dong"])
    assert [one.name for one in report.villages] == ["Thôn Đông"]
    assert [one.name for one in report.poles] == ["dong-1"]
    assert (report.sounded, report.on_time_part) == (1, 1.0)


@pytest.mark.parametrize(("is_drill", "counts"), [(False, (1, 1, 0)), (True, (0, 0, 1))])
def test_a_drill_is_counted_apart(
    unit: Session, aired: Broadcast, now: datetime, is_drill: bool, counts: tuple[int, int, int]
) -> None:
    aired.urgency, aired.is_drill = Urgency.EMERGENCY, is_drill
    unit.add(aired)
    unit.flush()
    report = month_report(unit, now, now + MONTH)
    assert {(one.sounded, one.emergencies, one.drills) for one in report.villages} == {counts}
    assert bool(report.poles) is not is_drill


def test_another_month_knows_nothing_of_it(unit: Session, aired: Broadcast, now: datetime) -> None:
    begins = now + IN_AN_HOUR
    for since, until in ((now, begins), (begins + timedelta(milliseconds=1), now + MONTH)):
        report = month_report(unit, since, until)
        assert (report.sounded, report.poles, report.on_time_part) == (0, (), None)
