"""Seeded random days: the server dies between any two steps, the broker comes and goes, poles answer late and twice."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, event
from sqlmodel import Session, func, select

from broadcast.airtime import NOW_WITHIN
from broadcast.db import reading
from broadcast.emergency import raise_emergency
from broadcast.lifecycle import COMING, OPEN_DELIVERIES
from broadcast.models import Broadcast, BroadcastState, Delivery, DeliveryState
from players.messages import Play
from tests.broadcast.stage import Stage, running
from tests.fakes.fake_node import FakeNode

STEPS = ("air_ready_now", "send_orders", "refresh_coming", "publish_documents", "begin_due", "close_finished")


class Killed(BaseException):
    """The process is gone: nothing after this line is run."""


class Killer:
    """Ends a playout step at one of its commits: what it committed and sent before stands, the rest never was."""

    def __init__(self) -> None:
        self.kills = 0
        self._commits_left: ContextVar[list[int] | None] = ContextVar("commits left", default=None)

    def arm(self, commits: int) -> None:
        """For the calling task alone, and the threads it works in."""
        self._commits_left.set([commits])

    def disarm(self) -> None:
        self._commits_left.set(None)

    def before_commit(self, _session: object) -> None:
        left = self._commits_left.get()
        if left is not None:
            left[0] -= 1
            if left[0] < 0:
                self.kills += 1
                raise Killed


class Day:
    """A day of a commune with two poles, driven step by step."""

    def __init__(self, engine: Engine, root: Path, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - a seeded day, to be had again
        self.engine, self.root = engine, root
        self.stage = Stage(engine, root)
        self.killer = Killer()
        self.poles: list[FakeNode] = []
        self.made: list[str] = []
        self.unrendered: list[str] = []
        self.played_listed: set[tuple[str, str]] = set()

    async def step(self) -> None:
        """One thing happens, or the server dies while it happens and a new one takes its place."""
        deeds: list[Callable[[], Awaitable[None]]] = [self._make, self._render, self._wait, self._minute, self._flaky]
        deed = self.chance.choice([*deeds, *(self._playout_step for _ in range(8))])
        await deed()

    async def _playout_step(self) -> None:
        name = self.chance.choice(STEPS)
        if self.chance.random() < 0.4:
            self.killer.arm(self.chance.randrange(3))
        try:
            await getattr(self.stage.playout, name)()
        except Killed:
            # What was in memory is lost; what the broker has, it has.
            self.stage.start_playout()
        finally:
            self.killer.disarm()

    async def _make(self) -> None:
        kind = self.chance.randrange(3)
        if kind == 0:
            self.made.append(self.stage.do(self._alarm))
        else:
            at = None if kind == 1 else timedelta(seconds=self.chance.randrange(5, 240))
            self.made.append(self.stage.broadcast(at=at))
        self.unrendered.append(self.made[-1])

    def _alarm(self, session: Session) -> str:
        head = self.stage.house(session).head_east
        return raise_emergency(session, head, ["thon-dong"], "Lũ về!", self.stage.now, f"press-{len(self.made):04}").id

    async def _render(self) -> None:
        if self.unrendered:
            self.stage.render(self.unrendered.pop(0))

    async def _wait(self) -> None:
        self.stage.now += timedelta(seconds=self.chance.choice([0.1, 1, 5, 30, 60]))

    async def _minute(self) -> None:
        """Each pole plays what its timetable lists and whose minute has come, once."""
        for pole in self.poles:
            for item in pole.timetables[-1].broadcasts if pole.timetables else ():
                late = self.stage.now - item.starts_at
                if timedelta() <= late < timedelta(minutes=1) and (pole.node, item.broadcast) not in self.played_listed:
                    self.played_listed.add((pole.node, item.broadcast))
                    await pole.plays_listed(item.broadcast)
        await asyncio.sleep(0.02)

    async def _flaky(self) -> None:
        pole = self.chance.choice(self.poles)
        pole.holds_back, pole.repeats = self.chance.random() < 0.5, self.chance.choice([1, 1, 3])
        if not pole.holds_back:
            await pole.release()

    async def end(self) -> None:
        """Everybody is heard, everything is run, time passes."""
        for pole in self.poles:
            await pole.release()
        for _ in range(4):
            for name in STEPS:
                await getattr(self.stage.playout, name)()
            await asyncio.sleep(0.1)
            self.stage.now += NOW_WITHIN


@pytest.mark.parametrize("seed", range(12))
async def test_every_broadcast_and_delivery_ends_in_a_true_state(
    house_engine: Engine, tmp_path: Path, seed: int, request: pytest.FixtureRequest
) -> None:
    day = Day(house_engine, tmp_path, seed)
    event.listen(Session, "before_commit", day.killer.before_commit)
    request.addfinalizer(lambda: event.remove(Session, "before_commit", day.killer.before_commit))
    day.poles = [day.stage.pole("dong-1", "thon-dong"), day.stage.pole("dong-2", "thon-dong")]
    async with day.stage.connected(), running(*day.poles):
        for _ in range(60):
            await day.step()
        await day.end()
        for pole in day.poles:
            await pole.until(lambda one: set(one.acked) == one.made)
    assert day.killer.kills
    with reading(house_engine) as session:
        for broadcast in session.exec(select(Broadcast)):
            judge(session, broadcast, day)
        count = session.exec(select(func.count()).select_from(Delivery)).one()
    assert count == 2 * len(day.made)


def judge(session: Session, broadcast: Broadcast, day: Day) -> None:
    assert broadcast.state not in {*COMING, BroadcastState.ON_AIR}, broadcast
    deliveries = session.exec(select(Delivery).where(Delivery.broadcast_id == broadcast.id)).all()
    played = {pole.node for pole in day.poles if broadcast.id in pole.played}
    assert len(deliveries) == 2
    for delivery in deliveries:
        node = day.poles[delivery.node_id - 1]
        assert delivery.state not in OPEN_DELIVERIES
        assert (delivery.state is DeliveryState.PLAYED) == (node.node in played), (broadcast, delivery)
        assert node.played.count(broadcast.id) <= 1
        assert delivery.state is DeliveryState.PLAYED or delivery.reason or delivery.state is DeliveryState.SILENT
    assert (broadcast.state is BroadcastState.AIRED) == bool(played)
    assert broadcast.reason or played
    plays = {order.order for pole in day.poles for order in pole.orders if isinstance(order, Play)}
    assert len({name for name in plays if name.endswith(broadcast.id)}) <= 1
