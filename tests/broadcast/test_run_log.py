from datetime import datetime, timedelta

import pytest
from sqlmodel import Session

from broadcast.airings import end_before_start, ensure_deliveries
from broadcast.as_run import store_reports
from broadcast.bulletins import approve_bulletin, submit_bulletin, write_bulletin
from broadcast.lifecycle import WhyNot
from broadcast.models import Broadcast, BroadcastState
from broadcast.nodes import set_node_zones
from broadcast.run_log import approvals_of, as_run_log
from broadcast.stopping import cancel_broadcast
from players.messages import Outcome, Reason
from tests.broadcast.airing_kit import LASTS, Pole, add_broadcast, add_pole
from tests.broadcast.conftest import House

IN_AN_HOUR = timedelta(hours=1)
A_MOMENT = timedelta(milliseconds=1)


@pytest.fixture
def planned(unit: Session, house: House, now: datetime) -> Broadcast:
    for slug in ("dong-2", "dong-1"):
        add_pole(unit, house, slug, "thon-dong", now)
    broadcast = add_broadcast(unit, house, now, at=IN_AN_HOUR)
    ensure_deliveries(unit, broadcast)
    return broadcast


def test_each_pole_has_its_own_times_reason_and_villages(
    unit: Session, house: House, planned: Broadcast, now: datetime
) -> None:
    at = now + IN_AN_HOUR + timedelta(milliseconds=20)
    set_node_zones(unit, "dong-2", ["thon-tay", "thon-dong"], now, "quantri")
    store_reports(unit, [Pole("dong-1", planned.id, at).says(Outcome.PLAYED)], at)
    store_reports(unit, [Pole("dong-2", planned.id, at).says(Outcome.FAILED, reason=Reason.OUTPUT_MISSING)], at)
    (one,) = as_run_log(unit, now, now + timedelta(days=1))
    assert [(pole.node, pole.state, pole.why, pole.node_zones, pole.finished_at) for pole in one.poles] == [
        ("dong-1", "played", "", ("Thôn Đông",), at + LASTS),
        ("dong-2", "failed", "Cụm loa không có thiết bị âm thanh.", ("Thôn Đông", "Thôn Tây"), None),
    ]


@pytest.mark.parametrize(("most_poles", "named", "left_out"), [(2, ["dong-1", "dong-2"], 0), (1, ["dong-2"], 1)])
def test_of_many_poles_those_that_played_are_counted_only(
    unit: Session, planned: Broadcast, now: datetime, most_poles: int, named: list[str], left_out: int
) -> None:
    store_reports(unit, [Pole("dong-1", planned.id, now).says(Outcome.PLAYED)], now)
    (one,) = as_run_log(unit, now, now + timedelta(days=1), most_poles)
    assert ([pole.node for pole in one.poles], one.left_out) == (named, left_out)


def test_a_broadcast_is_in_one_span_only_and_its_first_instant_belongs_to_it(
    unit: Session, planned: Broadcast, now: datetime
) -> None:
    begins = now + IN_AN_HOUR
    assert as_run_log(unit, now, begins) == []
    assert [one.row.id for one in as_run_log(unit, begins, begins + A_MOMENT)] == [planned.id]
    assert as_run_log(unit, begins + A_MOMENT, now + timedelta(days=1)) == []


def test_nothing_is_missing_whatever_became_of_it(
    unit: Session, house: House, planned: Broadcast, now: datetime
) -> None:
    """Planned and cancelled, never begun for want of sound, still waiting: each in the log once, the latest first."""
    cancel_broadcast(unit, planned.id, house.officer, now)
    unheard = add_broadcast(unit, house, now, zones=("thon-tay",))
    end_before_start(unit, unheard, BroadcastState.MISSED, WhyNot.RENDERING_FAILED, now + timedelta(minutes=5))
    waiting = add_broadcast(unit, house, now, zones=("thon-dong", "thon-tay"))
    log = as_run_log(unit, now, now + timedelta(days=1))
    assert [(one.row.id, one.row.state, one.row.starts_at is None, one.at - now) for one in log] == [
        (planned.id, "cancelled", False, IN_AN_HOUR),
        (unheard.id, "missed", True, timedelta(minutes=5)),
        (waiting.id, "planned", True, timedelta()),
    ]


def test_the_log_names_who_approved_that_bulletin_not_another_of_the_same_words(
    unit: Session, house: House, now: datetime
) -> None:
    ids = []
    for title in ("Tuần này", "Tuần trước"):
        script, zones = "Mời bà con họp.", ["thon-dong"]
        bulletin = write_bulletin(
            unit, house.officer, title=title, script=script, zones=zones, airs_at=now + IN_AN_HOUR, now=now
        )
        submit_bulletin(unit, bulletin.id, house.officer, now)
        approve_bulletin(unit, bulletin.id, house.leader, 1, now)
        ids.append(f"b-{bulletin.id}-r1")
    assert [[one.title for one in approvals_of(unit, id_)] for id_ in ids] == [["Tuần này"], ["Tuần trước"]]
