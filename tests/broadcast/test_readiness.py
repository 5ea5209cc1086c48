"""The silent drill: its day, its rows and figures, and the whole way to fake poles and back."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select

from broadcast.errors import NotAllowed
from broadcast.models import (
    AuditEntry,
    Broadcast,
    Clip,
    ReadinessDrill,
    ReadinessRow,
    Rendering,
    RenderingState,
    row_id,
)
from broadcast.pruning import forget_old
from broadcast.readiness import (
    KEPT,
    PoleReadiness,
    Verdict,
    ask_for_drill,
    asked_drill,
    begin_drill,
    compute_p95,
    due_on,
    end_broken_off,
    end_drill,
    latest_drill,
    note_answers,
    readiness_of_poles,
)
from broadcast.readiness_desk import ReadinessDesk
from players.messages import Rehearsed, Urgency
from tests.broadcast.airing_kit import add_pole
from tests.broadcast.conftest import NOW, House
from tests.broadcast.stage import Stage, running

AT = time(2, 30)
LIMIT_MS = 3000
ALL_POLES = ("dong-1", "dong-2", "tay-1")


def local(hour: int, minute: int) -> datetime:
    """An instant of a day in June, by the commune's clock."""
    return datetime(2026, 6, 2, hour, minute, tzinfo=UTC) - timedelta(hours=7)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], None), ([5], 5), ([1, 2], 2), (list(range(1, 21)), 19), (list(range(1, 31)), 29), ([9, 1, 5], 9)],
)
def test_the_95th_percentile_is_of_the_nearest_rank(values: list[int], expected: int | None) -> None:
    assert compute_p95(values) == expected


@pytest.mark.parametrize(
    ("hour", "minute", "is_due"), [(2, 29, False), (2, 30, True), (3, 29, True), (3, 30, False), (14, 30, False)]
)
def test_the_days_own_drill_is_due_for_an_hour(
    unit: Session, house: House, hour: int, minute: int, is_due: bool
) -> None:
    assert (due_on(unit, AT, local(hour, minute)) is not None) is is_due


def test_it_is_made_once_a_day(unit: Session, house: House) -> None:
    now = local(2, 30)
    begun = begin_drill(unit, now, scheduled_on=due_on(unit, AT, now))
    assert due_on(unit, AT, now + timedelta(minutes=5)) is None
    end_drill(unit, begun.drill_id, now)
    assert due_on(unit, AT, now + timedelta(minutes=5)) is None
    assert due_on(unit, AT, now + timedelta(days=1)) is not None


def test_only_the_administrator_may_press(unit: Session, house: House) -> None:
    with pytest.raises(NotAllowed):
        ask_for_drill(unit, NOW, house.officer)
    drill = ask_for_drill(unit, NOW, house.administrator)
    entry = unit.exec(select(AuditEntry).where(AuditEntry.action == "press-readiness")).one()
    assert (entry.actor, entry.subject) == (house.administrator.username, str(drill.id))


def test_who_asked_and_found_no_server_is_not_waited_for(unit: Session, house: House) -> None:
    drill = ask_for_drill(unit, NOW)
    assert asked_drill(unit, NOW + timedelta(minutes=1)) == drill.id
    assert asked_drill(unit, NOW + timedelta(minutes=3)) is None


def test_each_drill_says_what_was_never_said(unit: Session, house: House) -> None:
    keys = {begin_drill(unit, NOW).rendering_key for _ in range(3)}
    assert len(keys) == 3
    assert {row.urgency for row in unit.exec(select(Rendering))} == {Urgency.EMERGENCY}


def answer(node: str, pressed_at: datetime, after_ms: int, error: str | None = None) -> Rehearsed:
    at = pressed_at + timedelta(milliseconds=after_ms)
    return Rehearsed(node=node, order="rehearse-1", at=at, output="silent", error=error)


def drilled(session: Session, now: datetime, times: dict[str, int | str]) -> int:
    """A drill that is over; a text is an error."""
    begun = begin_drill(session, now)
    answers = [
        answer(node, now, value) if isinstance(value, int) else answer(node, now, 10, value)
        for node, value in times.items()
    ]
    note_answers(session, begun.drill_id, answers)
    end_drill(session, begun.drill_id, now + timedelta(minutes=1))
    return begun.drill_id


def by_slug(session: Session) -> dict[str, PoleReadiness]:
    return {pole.slug: pole for pole in readiness_of_poles(session, LIMIT_MS)}


def test_last_percentile_and_verdict_of_each_pole(unit: Session, house: House) -> None:
    for slug, zone in zip((*ALL_POLES, "tay-2"), ("thon-dong", "thon-dong", "thon-tay", "thon-tay"), strict=True):
        add_pole(unit, house, slug, zone, NOW)
    for number in range(35):
        drilled(unit, NOW + timedelta(days=number), {"dong-1": 100 + number, "dong-2": 300})
    drilled(unit, NOW + timedelta(days=40), {"dong-1": 500, "dong-2": 9000, "tay-1": "no such device"})
    poles = by_slug(unit)
    assert (poles["dong-1"].last_ms, poles["dong-1"].p95_ms, poles["dong-1"].drills) == (500, 134, 30)
    assert (poles["dong-2"].verdict, poles["dong-2"].last_ms) == (Verdict.SLOW, 9000)
    assert (poles["tay-1"].verdict, poles["tay-1"].error) == (Verdict.FAILED, "no such device")
    assert (poles["tay-2"].verdict, poles["tay-2"].missed, poles["tay-2"].p95_ms) == (Verdict.SILENT, 30, None)
    assert poles["dong-1"].zone_slugs == ("thon-dong",)


def test_a_drill_that_reached_nobody_blames_nobody(unit: Session, house: House) -> None:
    add_pole(unit, house, "dong-1", "thon-dong", NOW)
    begun = begin_drill(unit, NOW)
    end_drill(unit, begun.drill_id, NOW, "no broker")
    assert by_slug(unit)["dong-1"].verdict is Verdict.UNTRIED


def test_a_server_that_died_in_a_drill_blames_nobody(unit: Session, house: House) -> None:
    add_pole(unit, house, "dong-1", "thon-dong", NOW)
    begin_drill(unit, NOW)
    end_broken_off(unit, NOW + timedelta(minutes=1))
    drill = latest_drill(unit)
    assert drill is not None
    assert drill.error is not None
    assert unit.exec(select(ReadinessRow)).all() == []


def test_a_poles_first_word_counts_and_a_stranger_is_passed_over(unit: Session, house: House) -> None:
    add_pole(unit, house, "dong-1", "thon-dong", NOW)
    begun = begin_drill(unit, NOW)
    assert not note_answers(unit, begun.drill_id, [answer("nobody", NOW, 5)])
    assert note_answers(unit, begun.drill_id, [answer("dong-1", NOW, 400), answer("dong-1", NOW, 900)])
    end_drill(unit, begun.drill_id, NOW)
    assert by_slug(unit)["dong-1"].last_ms == 400


def test_a_pole_whose_clock_is_behind_was_not_ready_before_the_press(unit: Session, house: House) -> None:
    add_pole(unit, house, "dong-1", "thon-dong", NOW)
    drilled(unit, NOW, {"dong-1": -3})
    assert by_slug(unit)["dong-1"].last_ms == 0


def test_rows_are_kept_for_half_a_year(unit: Session, house: House) -> None:
    add_pole(unit, house, "dong-1", "thon-dong", NOW)
    drilled(unit, NOW - KEPT - timedelta(days=1), {"dong-1": 1})
    drilled(unit, NOW - KEPT + timedelta(days=1), {"dong-1": 2})
    forget_old(unit, NOW)
    assert [row.ready_ms for row in unit.exec(select(ReadinessRow))] == [2]
    assert len(unit.exec(select(ReadinessDrill)).all()) == 1


class Voice:
    """A renderer that speaks at once what is wanted, or cannot."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.is_broken = False
        self.listeners: list[Callable[[], None]] = []

    def listen(self, on_rendered: Callable[[], None]) -> None:
        self.listeners.append(on_rendered)

    def nudge(self) -> None:
        for key in self.stage.do(lambda s: s.exec(select(Rendering.key)).all()):
            if self.is_broken:
                self.stage.do(partial(_give_up, key=key))
            else:
                self.stage.render_key(key)
        for listener in self.listeners:
            listener()


def _give_up(session: Session, key: str) -> None:
    rendering = session.get_one(Rendering, key)
    rendering.state, rendering.error = RenderingState.FAILED, "no voice"
    session.add(rendering)


@pytest.fixture
def stage(house_engine: Engine, tmp_path: Path) -> Stage:
    return Stage(house_engine, tmp_path)


def desk_of(stage: Stage, voice: Voice) -> ReadinessDesk:
    return ReadinessDesk(stage.engine, stage.hub, voice, stage.clips, AT, stage.clock, lambda: stage.changed("drill"))


async def test_a_drill_goes_to_every_pole_and_back_and_leaves_nothing_behind(stage: Stage) -> None:
    poles = [stage.pole("dong-1", "thon-dong"), stage.pole("tay-1", "thon-tay")]
    desk = desk_of(stage, Voice(stage))
    async with stage.connected(), running(*poles):
        stage.do(ask_for_drill_now)
        await asyncio.wait_for(desk.look(), 30)
    for pole in poles:
        assert [order.clip.sha256 for order in pole.rehearsed] == list(pole.clips), "the bytes were pushed beside it"
        assert (pole.orders, pole.played) == ([], [])
    with stage_view(stage) as session:
        assert {pole.verdict for pole in readiness_of_poles(session, LIMIT_MS)} == {Verdict.READY}
        assert session.exec(select(Broadcast)).all() == []
        assert session.exec(select(Rendering)).all() == []
        assert session.exec(select(Clip)).all() == []
    assert not any(stage.clips.has(sha256) for sha256 in poles[0].clips)


async def test_poles_that_cannot_decode_are_told_apart(stage: Stage) -> None:
    well, sick = stage.pole("dong-1", "thon-dong"), stage.pole("tay-1", "thon-tay")
    sick.cannot_decode = "no such device"
    desk = desk_of(stage, Voice(stage))
    async with stage.connected(), running(well, sick):
        stage.do(ask_for_drill_now)
        await asyncio.wait_for(desk.look(), 30)
    with stage_view(stage) as session:
        verdicts = {pole.slug: pole.verdict for pole in readiness_of_poles(session, LIMIT_MS)}
    assert verdicts == {"dong-1": Verdict.READY, "tay-1": Verdict.FAILED}


async def test_who_does_not_answer_within_the_time_is_silent(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broadcast.readiness_desk.ANSWER_WITHIN", timedelta(seconds=1.5))
    well, mute = stage.pole("dong-1", "thon-dong"), stage.pole("tay-1", "thon-tay")
    mute.keeps_silent = True
    desk = desk_of(stage, Voice(stage))
    async with stage.connected(), running(well, mute):
        stage.do(ask_for_drill_now)
        await asyncio.wait_for(desk.look(), 30)
    with stage_view(stage) as session:
        assert {p.slug: p.verdict for p in readiness_of_poles(session, LIMIT_MS)}["tay-1"] is Verdict.SILENT


async def test_without_a_voice_or_a_broker_the_drill_says_so(stage: Stage) -> None:
    voice = Voice(stage)
    desk = desk_of(stage, voice)
    stage.do(ask_for_drill_now)
    await asyncio.wait_for(desk.look(), 30)
    assert "không nối được" in drill_error(stage)
    voice.is_broken = True
    stage.do(ask_for_drill_now)
    await asyncio.wait_for(desk.look(), 30)
    assert "không tạo được âm thanh: no voice" in drill_error(stage)


async def test_an_emergency_is_not_disturbed(stage: Stage) -> None:
    stage.do(lambda s: s.add(_emergency(s, stage)))
    drill_id = stage.do(ask_for_drill_now)
    await desk_of(stage, Voice(stage)).look()
    with stage_view(stage) as session:
        assert session.get_one(ReadinessDrill, drill_id).pressed_at is None


def ask_for_drill_now(session: Session) -> int:
    return row_id(ask_for_drill(session, NOW).id)


def drill_error(stage: Stage) -> str:
    with stage_view(stage) as session:
        drill = latest_drill(session)
        assert drill is not None
        return drill.error or ""


def _emergency(session: Session, stage: Stage) -> Broadcast:
    commune_id = row_id(stage.house(session).commune.id)
    return Broadcast(id="x-1", commune_id=commune_id, title="Cháy", urgency=Urgency.EMERGENCY, created_at=NOW)


def stage_view(stage: Stage) -> Session:
    return Session(stage.engine)
