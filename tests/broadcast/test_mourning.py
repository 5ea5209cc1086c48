"""On a day of mourning nothing sounds but emergencies, by whatever way it would have come to the poles."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import Session, select

from broadcast.airtime import begin_due, mark_cued, ready_now, refresh_coming
from broadcast.as_run import store_reports
from broadcast.bulletins import approve_bulletin, submit_bulletin, write_bulletin
from broadcast.documents import build_documents
from broadcast.emergency import raise_emergency
from broadcast.errors import Conflict, InvalidInput
from broadcast.hours import Hours
from broadcast.inbox import take_item
from broadcast.lifecycle import WhyNot
from broadcast.live import open_live
from broadcast.models import Broadcast, BroadcastState, Bulletin, SpecialDayKind
from broadcast.prepared import seed_prepared
from broadcast.rules import Rules, set_commune_rules
from broadcast.sources_kept import SecretFiles, add_source
from broadcast.special_days import clear_special_day, set_special_day
from broadcast.trying import try_pole
from broadcast.windows import ALL_DAY
from players.messages import Outcome, Urgency, Window
from tests.broadcast.airing_kit import Pole, add_broadcast, add_pole, render
from tests.broadcast.conftest import House
from tests.broadcast.test_inbox import DRAFT, item

TODAY = date(2026, 6, 1)
TOMORROW = date(2026, 6, 2)
IN_2_H = timedelta(hours=2)
LOCAL = ZoneInfo("Asia/Ho_Chi_Minh")


def mourn(unit: Session, house: House, now: datetime, on: date = TODAY) -> None:
    set_special_day(
        unit, house.commune, on=on, name="Quốc tang", kind=SpecialDayKind.MOURNING, like_weekday=None, now=now,
        actor="lanhdao",
    )  # fmt: skip


@pytest.fixture
def coming(unit: Session, house: House, now: datetime) -> Broadcast:
    """A bulletin with its own hour, today at 17:00, rendered and on the poles."""
    add_pole(unit, house, "dong-1", "thon-dong", now)
    broadcast = add_broadcast(unit, house, now, at=IN_2_H)
    render(unit, broadcast, now)
    refresh_coming(unit, now)
    mark_cued(unit, {broadcast.id})
    store_reports(unit, [Pole("dong-1", broadcast.id, now).says(Outcome.CUED)], now)
    return broadcast


def test_a_bulletin_with_its_own_hour_is_taken_off_the_poles_and_missed_saying_why(
    unit: Session, house: House, coming: Broadcast, now: datetime
) -> None:
    assert build_documents(unit, now).listed == {coming.id}
    mourn(unit, house, now)
    assert (coming.state, coming.reason) == (BroadcastState.PLANNED, "mourning-day")
    assert build_documents(unit, now).listed == set()
    begin_due(unit, now + IN_2_H)
    assert (coming.state, coming.reason) == (BroadcastState.MISSED, "mourning-day")


def test_taken_back_the_day_is_as_any_other(unit: Session, house: House, coming: Broadcast, now: datetime) -> None:
    mourn(unit, house, now)
    clear_special_day(unit, house.commune, TODAY, now, "lanhdao")
    assert (coming.state, coming.reason) == (BroadcastState.PLANNED, None)
    assert build_documents(unit, now).listed == {coming.id}
    mark_cued(unit, {coming.id})
    begin_due(unit, now + IN_2_H)
    assert coming.state is BroadcastState.ON_AIR


def test_the_day_before_and_the_day_after_sound(unit: Session, house: House, coming: Broadcast, now: datetime) -> None:
    mourn(unit, house, now, TOMORROW)
    mourn(unit, house, now, TODAY - timedelta(days=1))
    assert build_documents(unit, now).listed == {coming.id}


def test_a_day_that_follows_another_weekday_silences_nothing(
    unit: Session, house: House, coming: Broadcast, now: datetime
) -> None:
    kind = SpecialDayKind.LIKE_WEEKDAY
    set_special_day(unit, house.commune, on=TODAY, name="Làm bù", kind=kind, like_weekday=0, now=now, actor="x")
    assert build_documents(unit, now).listed == {coming.id}


def test_nothing_is_written_for_that_day_nor_approved(unit: Session, house: House, now: datetime) -> None:
    waiting = _submitted(unit, house, now, airs_at=now + IN_2_H)
    mourn(unit, house, now)
    with pytest.raises(InvalidInput, match="mourning-day") as refused:
        _submitted(unit, house, now, airs_at=now + IN_2_H)
    assert (refused.value.field, refused.value.message) == (
        "airs_at", "Ngày 01/06 là ngày để tang: chỉ phát tin khẩn cấp.",
    )  # fmt: skip
    with pytest.raises(Conflict, match="mourning-day"):
        approve_bulletin(unit, waiting.id, house.leader, 1, now)
    assert not unit.exec(select(Broadcast)).all()


def test_nothing_airs_now(unit: Session, house: House, now: datetime) -> None:
    add_pole(unit, house, "dong-1", "thon-dong", now)
    approved, waiting = add_broadcast(unit, house, now), _submitted(unit, house, now, airs_now=True)
    render(unit, approved, now)
    mourn(unit, house, now)
    assert ready_now(unit, now) == []
    assert (approved.state, approved.reason) == (BroadcastState.MISSED, "mourning-day")
    with pytest.raises(Conflict, match="mourning-day"):
        approve_bulletin(unit, waiting.id, house.leader, 1, now)


def test_nobody_speaks_live_and_no_pole_is_tried_out(unit: Session, house: House, now: datetime) -> None:
    add_pole(unit, house, "dong-1", "thon-dong", now)
    mourn(unit, house, now)
    with pytest.raises(Conflict, match="not-now") as unheard:
        open_live(unit, house.officer, ["thon-dong"], now, key="lan-nhan-1", lasts_at_most=IN_2_H)
    with pytest.raises(Conflict, match="not-now") as untried:
        try_pole(unit, "dong-1", house.officer, now)
    for refused in (unheard, untried):
        assert refused.value.message.endswith("Ngày để tang: chỉ phát tin khẩn cấp.")
    assert not unit.exec(select(Broadcast)).all()


@pytest.mark.parametrize(
    ("mourned", "windows", "airs_at"),
    [
        ([TODAY], ALL_DAY, "2026-06-02T00:00"),
        ([TODAY, TOMORROW], [Window(opens=time(5), closes=time(20))], "2026-06-03T05:00"),
        # Only at week-ends: the next open hour is days ahead.
        ([date(2026, 6, 6)], [Window(opens=time(5), closes=time(20), days=(5, 6))], "2026-06-07T05:00"),
    ],
)
def test_an_item_of_priority_without_approval_waits_for_the_next_day_that_may_be_loud(
    unit: Session, house: House, now: datetime, tmp_path: Path, mourned: list[date], windows: list[Window], airs_at: str
) -> None:
    set_commune_rules(unit, Rules(windows=windows), now, "lanhdao")
    seed_prepared(unit, now)
    for on in mourned:
        mourn(unit, house, now, on)
    draft = replace(DRAFT, needs_approval=False)
    source = add_source(unit, "tinh", draft, SecretFiles(tmp_path / "secrets"), house.administrator, now)
    row = take_item(unit, source, item(urgency="priority"), now)
    bulletin = unit.get_one(Bulletin, row.bulletin_id)
    assert bulletin.airs_at == datetime.fromisoformat(airs_at).replace(tzinfo=LOCAL)


def test_an_emergency_sounds_and_a_drill_does_not(unit: Session, house: House, now: datetime) -> None:
    add_pole(unit, house, "dong-1", "thon-dong", now)
    seed_prepared(unit, now)
    mourn(unit, house, now)
    alarm = raise_emergency(unit, house.head_east, ["thon-dong"], "Lũ về!", now, "lan-nhan-1")
    render(unit, alarm, now)
    assert [ready.id for ready in ready_now(unit, now)] == [alarm.id]
    with pytest.raises(Conflict, match="mourning-day"):
        raise_emergency(unit, house.head_east, ["thon-dong"], "Lũ về!", now, "lan-nhan-2", is_drill=True)


@pytest.mark.parametrize(
    ("starts_at", "minutes", "why"),
    [
        ("2026-06-01T23:50", 10, None),
        ("2026-06-01T23:50", 11, WhyNot.MOURNING_DAY),
        ("2026-06-02T00:00", 0, WhyNot.MOURNING_DAY),
        ("2026-06-02T23:59", 60, WhyNot.MOURNING_DAY),
        ("2026-06-03T00:00", 60, None),
    ],
)
def test_what_runs_over_into_the_day_does_not_sound_either(starts_at: str, minutes: int, why: WhyNot | None) -> None:
    hours = Hours(ALL_DAY, LOCAL, frozenset({TOMORROW}))
    at = datetime.fromisoformat(starts_at).replace(tzinfo=LOCAL)
    assert hours.why_closed(at, timedelta(minutes=minutes)) is why


def _submitted(
    unit: Session, house: House, now: datetime, *, airs_at: datetime | None = None, airs_now: bool = False
) -> Bulletin:
    bulletin = write_bulletin(
        unit, house.officer, title="Tin", script="Họp thôn.", zones=["thon-dong"], urgency=Urgency.NORMAL, now=now,
        airs_at=airs_at, airs_now=airs_now,
    )  # fmt: skip
    return submit_bulletin(unit, bulletin.id, house.officer, now)
