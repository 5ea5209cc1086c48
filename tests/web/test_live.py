"""Live pages: what changed is sent once, to those who may see it, and an open page ends with its session."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from sse_starlette import ServerSentEvent

from broadcast.bulletins import approve_bulletin, submit_bulletin, write_bulletin
from broadcast.users import get_user, set_active
from players.messages import Heartbeat, NodeActivity
from tests.web.conftest import NOW, Commune, Programs, SignIn
from web.live import RESERVED, LiveFeed, Part, TooManyClients

NODES, COMING = Part("nodes", "all"), Part("coming", "all")


class Shown:
    """What the pages would show now, and how often it was asked for."""

    def __init__(self) -> None:
        self.html = {NODES: "no poles", COMING: "nothing"}
        self.asked = 0

    def __call__(self, parts: Iterable[Part]) -> dict[Part, str]:
        self.asked += 1
        return {part: self.html[part] for part in parts}


@pytest.fixture
async def shown() -> Shown:
    return Shown()


@pytest.fixture
async def feed(shown: Shown) -> AsyncIterator[LiveFeed]:
    feed = LiveFeed(shown, max_clients=2)
    running = asyncio.create_task(feed.run())
    yield feed
    running.cancel()


async def next_event(events: AsyncIterator[ServerSentEvent]) -> tuple[str | None, str | None]:
    async with asyncio.timeout(5):
        event = await anext(events)
    return event.event, event.data


async def test_a_page_begins_with_what_there_is_and_then_hears_what_changed(feed: LiveFeed, shown: Shown) -> None:
    events = feed.events([NODES], lambda: True)
    assert await next_event(events) == ("nodes", "no poles")
    shown.html[NODES] = "one pole"
    feed.changed()
    assert await next_event(events) == ("nodes", "one pole")


async def test_what_did_not_change_is_not_sent(feed: LiveFeed, shown: Shown) -> None:
    events = feed.events([NODES, COMING], lambda: True)
    assert {await next_event(events), await next_event(events)} == {("nodes", "no poles"), ("coming", "nothing")}
    shown.html[COMING] = "a bulletin at five"
    feed.changed()
    assert await next_event(events) == ("coming", "a bulletin at five")


async def test_one_rendering_serves_all_who_see_the_same(feed: LiveFeed, shown: Shown) -> None:
    both = [feed.events([NODES], lambda: True), feed.events([NODES], lambda: True)]
    for events in both:
        await next_event(events)
    shown.html[NODES], asked = "one pole", shown.asked
    feed.changed()
    feed.changed()
    assert [await next_event(events) for events in both] == [("nodes", "one pole")] * 2
    assert shown.asked == asked + 1


async def test_a_page_that_does_not_read_gets_only_the_newest(feed: LiveFeed, shown: Shown) -> None:
    slow, quick = feed.events([NODES], lambda: True), feed.events([NODES], lambda: True)
    await next_event(slow)
    await next_event(quick)
    for number in range(3):
        shown.html[NODES] = f"{number} poles"
        feed.changed()
        await next_event(quick)
    assert await next_event(slow) == ("nodes", "2 poles")


async def test_no_more_pages_than_allowed_and_a_closed_one_makes_room(feed: LiveFeed) -> None:
    open_pages = [feed.events([NODES], lambda: True), feed.events([NODES], lambda: True)]
    for events in open_pages:
        await next_event(events)
    with pytest.raises(TooManyClients):
        feed.events([NODES], lambda: True)
    await open_pages[0].aclose()  # type: ignore[attr-defined]
    assert feed.clients == 1
    assert await next_event(feed.events([NODES], lambda: True)) == ("nodes", "no poles")


async def test_an_emergencys_page_finds_a_place_when_all_others_are_taken(feed: LiveFeed) -> None:
    open_pages = [feed.events([NODES], lambda: True, is_urgent=number > 1) for number in range(2 + RESERVED)]
    for events in open_pages:
        await next_event(events)
    for is_urgent in (False, True):
        with pytest.raises(TooManyClients):
            feed.events([NODES], lambda: True, is_urgent=is_urgent)


async def test_a_silent_page_has_a_heartbeat_and_ends_with_its_session(feed: LiveFeed) -> None:
    allowed = iter([True, False])
    events = feed.events([NODES], lambda: next(allowed), heartbeat=timedelta(milliseconds=20))
    await next_event(events)
    async with asyncio.timeout(5):
        assert (await anext(events)).comment == "still here"
    assert await next_event(events) == ("ended", "")
    with pytest.raises(StopAsyncIteration):
        await anext(events)


class AnnouncingServer(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()


@pytest.fixture
async def served(app: FastAPI) -> AsyncIterator[str]:
    """The app behind a real HTTP server: streams do not pass through the test transport."""
    config = uvicorn.Config(app, port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=2)
    server = AnnouncingServer(config)
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        await server.is_up.wait()
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await serving


class Stream:
    """An open event stream."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines

    async def until(self, event: str, text: str) -> str:
        """The first data of such an event that holds the text."""
        name = ""
        data: list[str] = []
        async with asyncio.timeout(15):
            async for line in self._lines:
                if line.startswith("event: "):
                    name, data = line.removeprefix("event: "), []
                elif line.startswith("data: "):
                    data.append(line.removeprefix("data: "))
                elif not line and name == event and text in "\n".join(data):
                    return "\n".join(data)
        raise AssertionError(f"the stream ended before {event} with {text!r}")


async def test_the_now_page_shows_a_new_broadcast_and_a_pole_without_reloading(
    served: str, app: FastAPI, browse: SignIn, commune: Commune
) -> None:
    officer = await browse("officer")
    cookies = {"loalang": officer.http.cookies["loalang"]}
    async with (
        httpx.AsyncClient(base_url=served, cookies=cookies, timeout=20) as client,
        client.stream("GET", "/truc-tiep") as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        stream = Stream(answer.aiter_lines())
        await stream.until("coming", "Chưa có lượt phát nào")
        with commune.work() as session:
            author, leader = get_user(session, "officer"), get_user(session, "leader")
            airs_at = NOW + timedelta(hours=2)
            bulletin = write_bulletin(
                session, author, title="Cắt điện", script="Cắt điện.", zones=["thon-dong"], airs_at=airs_at, now=NOW
            )
            submit_bulletin(session, bulletin.id, author, NOW)
            approve_bulletin(session, bulletin.id, leader, 1, NOW)
        app.state.station.nudge()
        html = await stream.until("coming", "Cắt điện")
        assert "22/09/2026 12:00" in html
        assert 'formaction="/luot-phat/' in html


async def test_programs_hear_the_presence_of_nodes(served: str, app: FastAPI, api: Programs) -> None:
    program = api("admin")
    made = await program.post("/api/nodes", json={"slug": "cot-1", "name": "Cột 1", "zones": ["thon-dong"]})
    assert made.status_code == 201
    headers = {"authorization": program.headers["authorization"]}
    async with (
        httpx.AsyncClient(base_url=served, headers=headers, timeout=20) as client,
        client.stream("GET", "/api/events") as answer,
    ):
        stream = Stream(answer.aiter_lines())
        first = json.loads(await stream.until("status", "cot-1"))
        assert first == {"on_air": [], "nodes": {"cot-1": {"presence": "offline", "playing": None}}}
        beat = Heartbeat(
            node="cot-1", at=NOW, activity=NodeActivity.IDLE, output="silent", outbox=0, disk_free_bytes=1, version="1"
        )
        app.state.station.presence.heard(beat, NOW)
        app.state.station.changed("presence")
        assert json.loads(await stream.until("status", "online"))["nodes"]["cot-1"]["presence"] == "online"


async def test_a_stream_needs_a_session_and_ends_with_it(served: str, browse: SignIn, commune: Commune) -> None:
    async with httpx.AsyncClient(base_url=served, timeout=20) as nobody:
        assert (await nobody.get("/truc-tiep")).status_code == 303
        assert (await nobody.get("/truc-tiep", headers={"hx-request": "true"})).status_code == 401
        assert (await nobody.get("/api/events")).status_code == 401
    officer = await browse("officer")
    with commune.work() as session:
        set_active(session, "officer", NOW, "admin", is_active=False)
    cookies = {"loalang": officer.http.cookies["loalang"]}
    async with httpx.AsyncClient(base_url=served, cookies=cookies, timeout=20) as locked:
        assert (await locked.get("/truc-tiep")).status_code == 303


async def test_a_page_that_is_opened_shows_what_others_were_just_shown_until_somebody_does_something(
    shown: Shown,
) -> None:
    feed = LiveFeed(shown, max_clients=2, fresh=timedelta(hours=1))
    running = asyncio.create_task(feed.run())
    assert feed.latest([NODES]) is None
    events = feed.events([NODES], lambda: True)
    await next_event(events)
    feed.changed()
    shown.html[NODES] = "one pole"
    assert feed.latest([NODES]) is None, "what was rendered before somebody acted"
    assert await next_event(events) == ("nodes", "one pole")
    shown.html[NODES] = "two poles"
    feed.changed("presence")
    assert await next_event(events) == ("nodes", "two poles")
    assert feed.latest([NODES]) == {NODES: "two poles"}
    feed.changed("deliveries")
    assert feed.latest([NODES]) == {NODES: "two poles"}
    assert feed.latest([NODES, COMING]) is None, "nobody watches the other"
    feed.changed("broadcasts")
    assert feed.latest([NODES]) is None
    running.cancel()


async def test_what_is_older_is_rendered_anew(shown: Shown) -> None:
    feed = LiveFeed(shown, max_clients=2, fresh=timedelta())
    await next_event(feed.events([NODES], lambda: True))
    assert feed.latest([NODES]) is None
