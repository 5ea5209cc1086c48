"""The bell. APScheduler says when, our tables say what: a missed or doubled ring changes nothing.

The only file that knows APScheduler.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy import Engine
from sqlmodel import Session

from broadcast.airtime import next_due
from broadcast.db import look_at, work_on
from broadcast.delegations import end_overdue, has_overdue
from broadcast.documents import next_expiry
from broadcast.emergency_repeats import next_repeat
from broadcast.playout import Playout
from broadcast.pruning import forget_old
from broadcast.rendering import RendererPool
from broadcast.renderings import warm_up
from broadcast.rereading import reread_coming
from scheduler.planner import plan_entries, planned_together

log = logging.getLogger(__name__)

TICK_S = 2.0
REPORTS_GATHER_S = 0.3
NEWS_GATHER_S = 2.0
"""What was rendered, began or ended changes what is planned and published: looked at so much later, for all of it."""
PLAN_EVERY = timedelta(seconds=30)
"""Without news the timetable is looked through this often: the slow tick that repairs everything."""
FORGET_EVERY = timedelta(hours=1)
ORDERS_WITHIN_S = 0.5
"""What is planned and published waits so long for orders that were just decided,"""
AFTER_ORDERS_S = 1.0
"""and so long once one has gone out: first the poles sound."""
_INSTANT = "instant"


@dataclass(frozen=True, slots=True)
class Trouble:
    """A step that failed when it was last run."""

    step: str
    since: datetime
    error: str


class Runner:
    """Runs the steps of the flow: at once when nudged, at each instant that is due, and every few seconds anyway.

    What airs at once has a loop of its own, so that an emergency waits for no planning.

    Args:
        engine: The database.
        renderers: Nudged with us; tells us when something is rendered.
        playout: Whose steps are run; tells us when reports come.
        clock: The present.
        on_change: Told what has changed, for live pages: "troubles".
        aside: A step that may take long, such as asking other servers: run by itself, with every tick.
        is_held: Whether the clock is not to be gone by: then only what airs at once is done.
    """

    def __init__(
        self,
        engine: Engine,
        renderers: RendererPool,
        playout: Playout,
        clock: Callable[[], datetime],
        on_change: Callable[[str], None],
        aside: tuple[str, Callable[[], Awaitable[None]]] | None = None,
        is_held: Callable[[], bool] = lambda: False,
    ) -> None:
        self._is_held = is_held
        self._aside_step = aside
        self._engine = engine
        self._renderers = renderers
        self._playout = playout
        self._clock = clock
        self._on_change = on_change
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        self._orders = asyncio.Event()
        self._orders_out = asyncio.Event()
        self._routine_after = 0.0
        self._words = asyncio.Event()
        self._urgent = asyncio.Event()
        self._routine = asyncio.Event()
        self._soon: dict[Callable[[], None], asyncio.TimerHandle] = {}
        self._prompt = asyncio.Event()
        self._aside = asyncio.Event()
        self._changed_entries: set[int] = set()
        self._has_news = True
        self._planned_at: datetime | None = None
        self._forgot_at: datetime | None = None
        self._troubles: dict[str, Trouble] = {}
        self._tasks: list[asyncio.Task[None]] = []
        renderers.listen(self._look_at_all_soon)
        playout.listen(self._look_soon)

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """What does not work just now, for the page."""
        return tuple(self._troubles.values())

    async def start(self) -> None:
        """Ring from now on."""
        self._scheduler.start()
        self._scheduler.add_job(self._tick, IntervalTrigger(seconds=TICK_S), coalesce=True, max_instances=1)
        self._tasks = [
            asyncio.create_task(self._loop(self._orders, self._run_orders), name="orders"),
            asyncio.create_task(self._loop(self._words, self._run_words), name="words"),
            asyncio.create_task(self._loop(self._urgent, self._run_urgent), name="urgent steps"),
            asyncio.create_task(self._loop(self._prompt, self._run_prompt), name="prompt steps"),
            asyncio.create_task(self._loop(self._routine, self._run_routine), name="routine steps"),
            asyncio.create_task(self._loop(self._aside, self._run_aside), name="steps aside"),
            asyncio.create_task(asyncio.to_thread(warm_up), name="warm-up"),
        ]
        self.nudge()

    async def stop(self) -> None:
        """Ring no more; a step that is under way is left to its transaction."""
        self._scheduler.shutdown(wait=False)
        for timer in self._soon.values():
            timer.cancel()
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        self._tasks = []

    def fail(self, name: str, error: Exception) -> None:
        """A step, or another part of the server that is run again, has failed: the page says so. On the event loop."""
        since = self._troubles[name].since if name in self._troubles else self._clock()
        self._troubles[name] = Trouble(name, since, f"{type(error).__name__}: {error}"[:300])
        self._on_change("troubles")

    def mend(self, name: str) -> None:
        """It works, again or as ever. On the event loop."""
        if self._troubles.pop(name, None) is not None:
            self._on_change("troubles")

    def nudge(self) -> None:
        """Something was decided: plan, render, publish and air now. On the event loop."""
        self._orders_out.clear()
        self._orders.set()
        self._renderers.nudge()
        self._look_at_all()

    def replan(self, entry_id: int) -> None:
        """An entry was changed: have it planned and on the nodes before everything is looked at. On the event loop."""
        self._changed_entries.add(entry_id)
        self._prompt.set()

    def _look_at_all(self) -> None:
        """What is planned or published may have to change."""
        self._has_news = True
        self._look()

    def _look_at_all_soon(self) -> None:
        """The same, in a while for all that comes until then; what it begins or ends is looked at now."""
        self._look()
        self._gather(NEWS_GATHER_S, self._look_at_all)

    def _look(self) -> None:
        """Time has passed, or reports came: what is planned and published stays as it is."""
        self._words.set()
        self._urgent.set()
        self._routine.set()

    def _look_soon(self) -> None:
        """Reports came, and more will: what they may end is looked at once for all of them. On the event loop."""
        self._gather(REPORTS_GATHER_S, self._look)

    def _gather(self, seconds: float, look: Callable[[], None]) -> None:
        """Look in a while, once for all who ask meanwhile. On the event loop."""

        def look_now() -> None:
            del self._soon[look]
            look()

        if look not in self._soon:
            self._soon[look] = asyncio.get_running_loop().call_later(seconds, look_now)

    async def _tick(self) -> None:
        self._aside.set()
        self._look()

    async def _ring(self) -> None:
        self._look_at_all_soon()

    async def _loop(self, event: asyncio.Event, run: Callable[[], Awaitable[None]]) -> None:
        while True:
            await event.wait()
            event.clear()
            await run()

    async def _run_orders(self) -> None:
        """What a press has decided: it waits for no other step."""
        await self._step("orders of emergencies", self._send_orders)
        self._orders_out.set()

    async def _send_orders(self) -> None:
        if await self._playout.send_orders():
            self._routine_after = asyncio.get_running_loop().time() + AFTER_ORDERS_S

    async def _let_orders_go_first(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(ORDERS_WITHIN_S):
                await self._orders_out.wait()
        await asyncio.sleep(self._routine_after - asyncio.get_running_loop().time())

    async def _run_words(self) -> None:
        """What was spoken of an emergency that sounds: it waits for no other step either."""
        await self._step("words of emergencies", self._playout.grow_emergencies)

    async def _run_urgent(self) -> None:
        await self._let_orders_go_first()
        await self._step("emergencies again", self._playout.air_due_repeats)
        await self._step("air now", self._air_ready_now)
        await self._step("orders", self._playout.send_orders)
        await self._step("orders again", self._playout.repeat_orders)

    async def _air_ready_now(self) -> None:
        if await self._playout.air_ready_now():
            self._look_at_all_soon()  # the list of active emergencies has changed

    async def _run_aside(self) -> None:
        if self._aside_step is not None:
            await self._step(*self._aside_step)

    async def _run_prompt(self) -> None:
        if self._is_held():
            return
        if self._changed_entries:
            changed, self._changed_entries = self._changed_entries, set()
            await self._step(
                "plan changed entries", partial(work_on, self._engine, plan_entries, changed, self._clock())
            )
        await self._step("rules", self._playout.apply_rules)
        await self._step("documents", self._playout.publish_documents)
        self.nudge()

    async def _run_routine(self) -> None:
        await self._let_orders_go_first()
        if self._is_held():
            return
        playout = self._playout
        await self._run(("begin", playout.begin_due), ("close", playout.close_finished))
        await self._run(("stragglers", playout.stop_stragglers))
        if self._is_time_for_all():
            await self._run(
                ("prepared messages", self._playout.want_pack),
                ("plan", self._plan),
                ("read anew", self._reread),
                ("outlook", playout.refresh_coming),
                ("documents", playout.publish_documents),
                ("begin what is due now", playout.begin_due),
                ("delegations", self._end_delegations),
            )
        if self._is_time_to_forget():
            await self._run(("forget", self._forget), ("forget what was only heard", self._playout.forget_heard))
        await self._run(("next instant", self._ring_next))

    def _is_time_to_forget(self) -> bool:
        now, before = self._clock(), self._forgot_at
        if before is not None and timedelta() <= now - before < FORGET_EVERY:
            return False
        self._forgot_at = now
        return True

    async def _forget(self) -> None:
        await work_on(self._engine, forget_old, self._clock())

    async def _end_delegations(self) -> None:
        if await look_at(self._engine, has_overdue, self._clock()):
            await work_on(self._engine, end_overdue, self._clock())

    def _is_time_for_all(self) -> bool:
        now, before = self._clock(), self._planned_at
        is_due = before is None or not timedelta() <= now - before < PLAN_EVERY
        if not (self._has_news or is_due):
            return False
        self._has_news, self._planned_at = False, now
        return True

    async def _run(self, *steps: tuple[str, Callable[[], Awaitable[object]]]) -> None:
        for name, step in steps:
            await self._step(name, step)

    async def _step(self, name: str, step: Callable[[], Awaitable[object]]) -> None:
        """Run one step. Whatever goes wrong in it, the others go on, and it is run again with the next ring."""
        try:
            await step()
        # A commune must not fall silent because of one broadcast that we did not foresee.
        except Exception as error:
            log.exception("the step %r failed", name)
            self.fail(name, error)
        else:
            self.mend(name)

    async def _plan(self) -> None:
        """Plan some entries at a time, in units of work of their own: an emergency's order gets its turn in between."""
        for entry_ids in await look_at(self._engine, planned_together):
            await work_on(self._engine, plan_entries, entry_ids, self._clock())

    async def _reread(self) -> None:
        if await asyncio.to_thread(reread_coming, self._engine, self._clock()):
            self._on_change("broadcasts")

    async def _ring_next(self) -> None:
        """Have a date job ring at the next instant at which something begins, ends or expires."""
        at = await look_at(self._engine, _next_instant, self._clock())
        if at is not None:
            self._scheduler.add_job(
                self._ring, DateTrigger(at), id=_INSTANT, replace_existing=True, misfire_grace_time=None
            )


def _next_instant(session: Session, now: datetime) -> datetime | None:
    instants = (next_due(session, now), next_expiry(session, now), next_repeat(session, now))
    return min((at for at in instants if at is not None), default=None)
