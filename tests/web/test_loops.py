"""The server's loops: one that fails is run again, the page says so, and the others notice nothing."""

import asyncio
import errno
from collections.abc import AsyncIterator, Callable, Iterable

import pytest
from fastapi import FastAPI
from sse_starlette import ServerSentEvent

from broadcast.db import reading, session_of
from broadcast.models import Rendering, RenderingState
from broadcast.renderings import want_rendering
from players.child import Pauses
from players.messages import Urgency
from tests.web.conftest import Browser, Programs, SignIn
from web.live import LiveFeed, Part
from web.loops import kept_running

AT_ONCE = Pauses(first_s=0.01, most_s=0.02, well_after_s=30)
NODES, COMING = Part("nodes", "all"), Part("coming", "all")


def no_room(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


async def until(is_so: Callable[[], bool]) -> None:
    for _ in range(3_000):
        if is_so():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it does not come about")


def alarms(browser: Browser) -> list[str]:
    return [" ".join(note.text(separator=" ").split()) for note in browser.page.css('[sse-swap="alarms"] .note')]


async def test_a_loop_that_fails_is_run_again_and_the_page_says_so(app: FastAPI, api: Programs, browse: SignIn) -> None:
    runs, goes_well = [0], asyncio.Event()

    async def run() -> None:
        runs[0] += 1
        if not goes_well.is_set():
            no_room()
        await asyncio.Event().wait()

    station = app.state.station
    async with kept_running(run, "streams", station.runner, Pauses(first_s=0.01, most_s=0.02, well_after_s=0.05)):
        await until(lambda: runs[0] > 2)
        await station.alarms.look()
        officer = await browse("officer")
        assert [alarm for alarm in alarms(officer) if "streams" in alarm] == [
            "Một bước của máy chủ gặp lỗi: streams OSError: [Errno 28] No space left on device"
        ]
        health = (await api("officer").get("/api/health")).json()
        assert not health["ok"]
        assert {"name": "streams", "state": "pausing"} in health["processes"]
        goes_well.set()
        await until(lambda: not station.runner.troubles)
    assert "streams" not in (await api("officer").get("/api/health")).text


async def test_a_loop_that_fails_while_it_is_stopped_holds_nothing_up(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    runs = [0]

    async def run() -> None:
        runs[0] += 1
        try:
            await asyncio.Event().wait()
        finally:
            no_room()

    async with asyncio.timeout(30):
        async with kept_running(run, "streams", app.state.station.runner, AT_ONCE):
            await until(lambda: runs[0] > 0)
    assert runs == [1]
    assert "streams did not end in order" in caplog.text


async def test_a_loop_that_has_done_its_work_is_not_run_again(app: FastAPI) -> None:
    runs = [0]

    async def run() -> None:
        runs[0] += 1

    async with kept_running(run, "streams", app.state.station.runner, AT_ONCE):
        await asyncio.sleep(0.2)
    assert runs == [1]


async def test_a_part_that_cannot_be_rendered_keeps_no_other_from_the_pages(app: FastAPI) -> None:
    shown = {NODES: "no poles", COMING: "nothing"}
    is_broken = asyncio.Event()

    def render(parts: Iterable[Part]) -> dict[Part, str]:
        if is_broken.is_set() and NODES in parts:
            raise ValueError("a pole that nobody foresaw")
        return {part: shown[part] for part in parts}

    async def next_of(events: AsyncIterator[ServerSentEvent]) -> tuple[str | None, str | None]:
        async with asyncio.timeout(30):
            event = await anext(events)
        return event.event, event.data

    station = app.state.station
    feed = LiveFeed(render, max_clients=2)
    async with kept_running(feed.run, "pages", station.runner, AT_ONCE):
        events = feed.events([NODES, COMING], lambda: True)
        assert {await next_of(events), await next_of(events)} == {("nodes", "no poles"), ("coming", "nothing")}
        is_broken.set()
        for number in range(3):
            shown[COMING] = f"bulletin {number}"
            feed.changed()
            assert await next_of(events) == ("coming", f"bulletin {number}")
        await until(lambda: [trouble.step for trouble in station.runner.troubles] == ["pages"])
        is_broken.clear()
        shown[NODES] = "one pole"
        feed.changed()
        assert await next_of(events) == ("nodes", "one pole")


async def test_a_lane_of_the_renderers_that_fails_is_run_again_and_the_page_says_so(speaking_app: FastAPI) -> None:
    station, fails = speaking_app.state.station, [True]

    def break_once() -> None:
        if fails:
            fails.clear()
            raise RuntimeError("unable to perform operation")

    def say(text: str) -> str:
        with session_of(station.engine) as session:
            rendering = want_rendering(session, text, "espeak-vi", None, Urgency.EMERGENCY, station.clock())
            return rendering.key

    def is_said(key: str) -> bool:
        with reading(station.engine) as session:
            return session.get_one(Rendering, key).state is RenderingState.RENDERED

    await until(lambda: station.renderers.loaded is not None)  # before, the other lane would do it too
    station.renderers.listen(break_once)
    first = say("Lũ về.")
    station.nudge()
    await until(lambda: not fails)
    assert [trouble.step for trouble in station.runner.troubles] == ["emergency-lane"]
    second = say("Vỡ đê.")
    station.nudge()
    await until(lambda: is_said(first) and is_said(second))
