"""A server whose clock is wrong says so, begins nothing and leads no pole; one confirmation, and it goes on."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, time, timedelta

import pytest
from fastapi import FastAPI
from sqlmodel import select

from broadcast.communes import get_commune
from broadcast.entries import create_entry
from broadcast.models import AuditEntry, Broadcast, BroadcastState, ProgrammePartKind
from broadcast.programme_parts import ProgrammePartDraft
from broadcast.programmes import ProgrammeDraft, add_programme
from broadcast.server_clock import keep_seen, load_seen
from broadcast.users import get_user
from players.memory import MemoryTransport
from players.messages import TimeReply, TimeRequest
from players.signing import open_signed
from players.topics import Topics
from tests.scheduler.planning import plan_timetable
from tests.web.conftest import NOW, Browser, Clock, Commune, SignIn, serving
from web.parts import START_ORDER, renderers

YEARS = timedelta(days=365 * 14)
TOPICS = Topics("hoa-binh-an")


@pytest.fixture
async def app(commune: Commune, clock: Clock) -> AsyncIterator[FastAPI]:
    """A server with a planned week, that has seen `NOW` and is started by a clock in 2040."""
    with commune.work() as session:
        leader = get_user(session, "leader")
        parts = [ProgrammePartDraft(ProgrammePartKind.GREETING, "Chào.")]
        programme = add_programme(session, get_commune(session), ProgrammeDraft("Sáng", parts), NOW, leader)
        on = date(2026, 9, 22)
        create_entry(session, programme, zones=["thon-dong"], airs_at=time(17), from_on=on, now=NOW, actor="officer")
        plan_timetable(session, NOW)
        keep_seen(session, NOW)
    clock.now = NOW + YEARS
    async with serving(commune.settings, clock, tuple(one for one in START_ORDER if one is not renderers)) as app:
        yield app


def states(commune: Commune) -> set[BroadcastState]:
    with commune.work() as session:
        return {broadcast.state for broadcast in session.exec(select(Broadcast))}


async def routine_is_run(app: FastAPI) -> None:
    """All steps, as at a ring."""
    await app.state.station.runner._run_routine()


def told(browser: Browser) -> list[str]:
    notes = [" ".join(note.text(separator=" ").split()) for note in browser.page.css('[sse-swap="alarms"] .note')]
    return [note for note in notes if "Đồng hồ" in note]


async def test_a_server_in_2040_loses_nothing_and_says_what_to_do(
    app: FastAPI, commune: Commune, browse: SignIn, clock: Clock
) -> None:
    station = app.state.station
    await routine_is_run(app)
    assert states(commune) == {BroadcastState.PLANNED}
    await station.alarms.look()
    officer = await browse("officer")
    (alarm,) = told(officer)
    assert "đang chỉ" in alarm
    assert "xác nhận" in alarm
    clock.now = NOW + timedelta(minutes=1)
    await routine_is_run(app)
    assert states(commune) == {BroadcastState.PLANNED}, "set right, it goes on by itself"
    assert not station.clock.is_held
    with commune.work() as session:
        assert session.exec(select(AuditEntry).where(AuditEntry.action == "confirm-clock")).first() is None


async def test_an_administrator_confirms_it_and_it_goes_on(
    app: FastAPI, commune: Commune, browse: SignIn, clock: Clock
) -> None:
    admin = await browse("admin")
    await admin.get("/suc-khoe")
    assert "Có lỗi" in admin.page.text()
    await admin.send('form[action="/suc-khoe/dong-ho"]')
    await admin.get("/suc-khoe")
    assert admin.page.css_first('form[action="/suc-khoe/dong-ho"]') is None
    assert not app.state.station.clock.is_held
    with commune.work() as session:
        (entry,) = session.exec(select(AuditEntry).where(AuditEntry.action == "confirm-clock"))
        assert (entry.actor, entry.detail) == ("admin", {"seen": NOW.isoformat()})
        assert load_seen(session) == clock()


async def test_it_tells_no_pole_the_time(app: FastAPI, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    station = app.state.station
    topic = TOPICS.time("dong-1")
    async with asyncio.timeout(30), MemoryTransport(station.broker.broker, "dong-1").connect() as pole:
        await pole.subscribe(topic)
        while not station.is_connected:
            await station.next_change()
        await pole.publish(TOPICS.time_request("dong-1"), TimeRequest(nonce="asked-in-2040-as").to_json())
        while "which this server does not know" not in caplog.text:
            await station.next_change(timedelta(milliseconds=50))
        clock.now = NOW + timedelta(minutes=1)
        await pole.publish(TOPICS.time_request("dong-1"), TimeRequest(nonce="asked-in-2026-as").to_json())
        answer = await anext(aiter(pole.messages()))
    reply = open_signed(answer.payload, [station.key.public_jwk()], TimeReply, topic)
    assert (reply.nonce, reply.server_at) == ("asked-in-2026-as", clock())
