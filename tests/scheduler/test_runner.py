"""The runner with real parts: APScheduler, renderer processes, the hub over a broker in memory, a pole, real time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, select

from broadcast.db import session_of
from broadcast.emergency import raise_emergency
from broadcast.models import Broadcast, UserSession
from broadcast.rendering import RendererPool
from broadcast.users import SESSION_LASTS, open_session
from scheduler.clock import utc_now
from scheduler.runner import Runner
from tests.broadcast.airing_kit import add_broadcast
from tests.broadcast.stage import Stage, running
from tests.broadcast.test_rendering import fake_renderers, working
from tts.clip_store import ClipStore


@asynccontextmanager
async def on_duty(stage: Stage, root: Path) -> AsyncIterator[Runner]:
    pool = RendererPool(
        stage.engine,
        *fake_renderers(root / "clips"),
        ClipStore(root / "clips"),
        utc_now,
    )
    runner = Runner(stage.engine, pool, stage.playout, utc_now, stage.changed)
    async with stage.connected(), working(pool):
        await runner.start()
        try:
            yield runner
        finally:
            await runner.stop()


@pytest.fixture
def stage(house_engine: Engine, tmp_path: Path) -> Stage:
    stage = Stage(house_engine, tmp_path, utc_now)
    stage.now = utc_now()
    return stage


def alarm(stage: Stage) -> str:
    def work(session: Session) -> str:
        head = stage.house(session).head_east
        return raise_emergency(session, head, ["thon-dong"], "Lũ về!", utc_now(), "press-0001").id

    return stage.do(work)


async def test_an_emergency_is_on_its_way_without_waiting_for_a_tick(stage: Stage, tmp_path: Path) -> None:
    east = stage.pole("dong-1", "thon-dong")
    async with running(east), on_duty(stage, tmp_path) as runner:
        # Everything is warm once something has been rendered and aired.
        await stage.until(lambda: stage.hub.connected)
        pressed_at = utc_now()
        broadcast = alarm(stage)
        runner.nudge()
        await east.until(lambda n: n.orders)
        took = utc_now() - pressed_at
        await stage.until(lambda: stage.told(broadcast)[0] == "aired")
    assert took < timedelta(seconds=5)
    assert stage.told(broadcast)[2] == {"dong-1": ("played", None)}
    assert runner.troubles == ()


async def test_a_broadcast_seconds_away_begins_at_its_instant_and_is_closed(stage: Stage, tmp_path: Path) -> None:
    east = stage.pole("dong-1", "thon-dong")
    async with running(east), on_duty(stage, tmp_path) as runner:
        await stage.until(lambda: stage.hub.connected)
        at = utc_now() + timedelta(seconds=5)  # time to be listed, also on a machine with much else to do
        broadcast = stage.do(lambda s: add_broadcast(s, stage.house(s), utc_now(), at=at - utc_now()).id)
        stage.render(broadcast)
        runner.nudge()
        await east.until(lambda n: n.listed == [broadcast])
        await stage.until(lambda: stage.told(broadcast)[0] in {"cued", "on-air"})
        await stage.until(lambda: stage.told(broadcast)[0] == "on-air", within_s=30)
        late = utc_now() - (stage.row(broadcast).starts_at or at)
        await east.plays_listed(broadcast)
        await stage.until(lambda: stage.told(broadcast)[0] == "aired")
    assert timedelta() <= late < timedelta(seconds=1.5)  # the tick alone comes every two seconds


async def test_a_step_that_fails_is_shown_and_the_others_go_on(stage: Stage, tmp_path: Path) -> None:
    east = stage.pole("dong-1", "thon-dong")

    def spoil(session: Session) -> None:
        # A row that planning cannot read: its weekdays are no list.
        programme = "INSERT INTO programme (id, commune_id, name, when_empty, revision) VALUES (7, 1, 'x', 'skip', 1)"
        entry = (
            "INSERT INTO timetableentry (commune_id, programme_id, airs_at, weekdays, from_on, is_active, created_at) "
            "VALUES (1, 7, '05:30:00', '7', '2026-01-01', 1, '2026-01-01 00:00:00')"
        )
        for statement in (programme, entry):
            session.connection().execute(text(statement))

    stage.do(spoil)
    async with running(east), on_duty(stage, tmp_path) as runner:
        broadcast = alarm(stage)
        runner.nudge()
        await stage.until(lambda: stage.told(broadcast)[0] == "aired")
        assert [trouble.step for trouble in runner.troubles] == ["plan"]
        with session_of(stage.engine) as session:
            session.connection().execute(text("UPDATE timetableentry SET weekdays = '[]'"))
        runner.nudge()
        await stage.until(lambda: not runner.troubles)


async def test_a_server_that_was_killed_takes_up_where_it_was(stage: Stage, tmp_path: Path) -> None:
    east = stage.pole("dong-1", "thon-dong")
    async with running(east):
        async with on_duty(stage, tmp_path):
            broadcast = alarm(stage)  # nobody nudges: the server dies at once
        async with on_duty(stage, tmp_path):
            await stage.until(lambda: stage.told(broadcast)[0] == "aired")
        assert len(east.orders) == 1
    with session_of(stage.engine) as session:
        assert len(session.exec(select(Broadcast)).all()) == 1


async def test_what_is_long_over_is_forgotten_by_itself(stage: Stage, tmp_path: Path) -> None:
    def sessions(session: Session) -> int:
        return len(session.exec(select(UserSession)).all())

    stage.do(lambda s: open_session(s, stage.house(s).officer, utc_now() - SESSION_LASTS))
    assert stage.do(sessions) == 1
    async with running(stage.pole("dong-1", "thon-dong")), on_duty(stage, tmp_path) as runner:
        broadcast = alarm(stage)
        runner.nudge()
        await stage.until(lambda: stage.told(broadcast)[0] == "aired", within_s=30)
    assert stage.do(sessions) == 0
