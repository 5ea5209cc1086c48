"""What poles hear while it is made: an upper radio fetched once, somebody who speaks; who may hear it, how it ends."""

import asyncio
import errno
import io
from collections.abc import AsyncIterator
from datetime import date, time, timedelta
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fastapi import FastAPI
from sqlmodel import select

from broadcast.airings import note_duration
from broadcast.communes import get_commune
from broadcast.entries import create_entry
from broadcast.models import (
    AuditEntry,
    Broadcast,
    BroadcastRelay,
    BroadcastState,
    LiveAnnouncement,
    ProgrammePartKind,
)
from broadcast.programme_parts import ProgrammePartDraft
from broadcast.programmes import ProgrammeDraft, add_programme
from broadcast.users import get_user
from tests.broadcast.airing_kit import render
from tests.fakes.fake_radio import FakeRadio, Misdeed
from tests.fakes.sent_files import encoded
from tests.fakes.sounds import RATE, Wave, find, noise
from tests.scheduler.planning import plan_timetable
from tests.web.conftest import NOW, Clock, Commune, Programs, serving
from tests.web.test_nodes_door import NodeBox, add_node
from web.parts import START_ORDER, bell, renderers
from web.settings import StreamsSettings

RADIO = noise(30, 61)


@pytest.fixture
async def app(commune: Commune, clock: Clock) -> AsyncIterator[FastAPI]:
    """A server that renders and plans nothing by itself, and may relay this machine."""
    settings = commune.settings.model_copy(update={"streams": StreamsSettings(relay_local=True)})
    without = tuple(start for start in START_ORDER if start not in {renderers, bell})
    async with serving(settings, clock, without) as app:
        yield app


@pytest.fixture
async def radio(tmp_path: Path) -> AsyncIterator[FakeRadio]:
    async with FakeRadio(RADIO, tmp_path, good_s=4.0).running() as radio:
        yield radio


async def paired(app: FastAPI, api: Programs, slug: str, zone: str) -> NodeBox:
    node = NodeBox(app)
    assert (await node.pair(await add_node(api, slug, zone))).status_code == 200
    return node


def relaying(commune: Commune, url: str) -> str:
    """A broadcast of Thôn Đông on the air, its relay due now."""
    parts = [
        ProgrammePartDraft(ProgrammePartKind.GREETING, "Chào."),
        ProgrammePartDraft(ProgrammePartKind.RELAY, "Đài tỉnh", url=url, minutes=5),
    ]
    with commune.work() as session:
        leader = get_user(session, "leader")
        programme = add_programme(session, get_commune(session), ProgrammeDraft("Sáng", parts), NOW, leader)
        on = date(2026, 9, 22)
        create_entry(session, programme, zones=["thon-dong"], airs_at=time(12), from_on=on, now=NOW, actor="officer")
        plan_timetable(session, NOW)
        broadcast = session.get_one(Broadcast, "e-1-20260922T1200")
        render(session, broadcast, NOW)
        note_duration(session, broadcast)
        broadcast.state, broadcast.starts_at = BroadcastState.ON_AIR, NOW - timedelta(seconds=31)
        session.add(broadcast)
        return broadcast.id


def heard_in(data: bytes) -> Wave:
    samples, rate = soundfile.read(io.BytesIO(data), dtype="float64")
    assert rate == RATE
    return np.asarray(samples)


async def test_poles_hear_one_radio_and_are_told_when_it_dies(
    app: FastAPI, api: Programs, commune: Commune, radio: FakeRadio
) -> None:
    nodes = [await paired(app, api, f"dong-{n}", "thon-dong") for n in (1, 2)]
    broadcast = relaying(commune, radio.url(Misdeed.DIES))
    async with asyncio.timeout(60):
        answers = await asyncio.gather(*(node.get(f"/streams/{broadcast}/0") for node in nodes))
    assert radio.listeners == ["dies"], "it is fetched once for the commune"
    for answer in answers:
        assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/mpeg")
        _, likeness = find(heard_in(answer.content)[RATE // 4 : RATE], RADIO)
        assert likeness > 0.9
    relay = await until_failed(commune, broadcast)
    assert relay.failure == "ended"
    page = await api("leader").get(f"/api/broadcasts/{broadcast}")
    assert page.status_code == 200


async def until_failed(commune: Commune, broadcast: str) -> BroadcastRelay:
    """What the server wrote down of it, which it does in its own time."""
    for _ in range(200):
        with commune.work() as session:
            relay = session.get_one(BroadcastRelay, (broadcast, 0))
            if relay.failure is not None:
                session.expunge(relay)
                return relay
        await asyncio.sleep(0.05)
    raise AssertionError("no failure was written down")


async def test_a_radio_that_refuses_is_told_at_once(
    app: FastAPI, api: Programs, commune: Commune, radio: FakeRadio
) -> None:
    node = await paired(app, api, "dong-1", "thon-dong")
    broadcast = relaying(commune, radio.url(Misdeed.NOT_FOUND))
    async with asyncio.timeout(60):
        answer = await node.get(f"/streams/{broadcast}/0")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "relay-failed")
    assert (await until_failed(commune, broadcast)).failure == "refused"
    assert "đài từ chối" in answer.json()["error"]["message"]


async def test_a_server_with_too_many_open_files_tries_a_radio_again(
    app: FastAPI, api: Programs, commune: Commune, radio: FakeRadio, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = await paired(app, api, "dong-1", "thon-dong")

    async def too_many(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    async with asyncio.timeout(120):
        with monkeypatch.context() as patch:
            patch.setattr(asyncio, "create_subprocess_exec", too_many)
            broadcast = relaying(commune, radio.url(Misdeed.DIES))
            answer = await node.get(f"/streams/{broadcast}/0")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "relay-failed")
        clock.pass_time(timedelta(seconds=4))
        answer = await node.get(f"/streams/{broadcast}/0")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/mpeg")


async def test_only_poles_of_its_villages_hear_it(
    app: FastAPI, api: Programs, commune: Commune, radio: FakeRadio
) -> None:
    node, stranger = await paired(app, api, "dong-1", "thon-dong"), await paired(app, api, "tay-1", "thon-tay")
    broadcast = relaying(commune, radio.url())
    assert (await stranger.get(f"/streams/{broadcast}/0")).status_code == 403
    assert (await node.get(f"/streams/{broadcast}/1")).status_code == 404
    assert (await node.http.get(f"/streams/{broadcast}/0")).status_code == 401
    assert (await api("leader").get(f"/streams/{broadcast}/0")).status_code == 403
    with commune.work() as session:
        session.get_one(Broadcast, broadcast).state = BroadcastState.CANCELLED
    assert (await node.get(f"/streams/{broadcast}/0")).status_code == 409
    assert radio.listeners == []


async def test_what_is_said_is_heard_and_kept(app: FastAPI, api: Programs, commune: Commune, tmp_path: Path) -> None:
    node, officer = await paired(app, api, "dong-1", "thon-dong"), api("officer")
    opened = await officer.post("/api/live", json={"zones": ["thon-dong"], "key": "k" * 20})
    assert opened.status_code == 201
    live = opened.json()["broadcast"]
    assert opened.json()["is_over"] is False
    said = encoded(tmp_path, ".webm", "-c:a", "libopus", seconds=4.0, seed=8).read_bytes()
    async with asyncio.timeout(60):
        hearing = asyncio.create_task(node.get(f"/streams/{live}/0"))
        for _ in range(1000):
            if (await officer.get(f"/api/live/{live}")).json()["listeners"]:
                break
            await asyncio.sleep(0.02)
        size = len(said) // 5 + 1
        for part in range(5):
            piece = said[part * size : (part + 1) * size]
            for _ in range(2):  # the second time it was not answered, as far as the phone knows
                answer = await officer.post(f"/api/live/{live}/sound/{part}", content=piece)
                assert answer.json() == {"next_part": part + 1}
        missing = await officer.post(f"/api/live/{live}/sound/9", content=b"x")
        assert (missing.status_code, missing.json()["error"]["code"]) == (409, "part-missing")
        other = await api("officer2").post(f"/api/live/{live}/sound/5", content=b"x")
        assert other.status_code == 404
        stopped = await officer.post(f"/api/live/{live}/stop")
        heard = await hearing
    assert stopped.json()["is_over"] is True
    place, likeness = find(heard_in(heard.content)[RATE : 3 * RATE], noise(4.0, 8))
    assert likeness > 0.9
    assert place / RATE == pytest.approx(1, abs=0.2)
    late = await officer.post(f"/api/live/{live}/sound/5", content=b"x")
    assert (late.status_code, late.json()["error"]["code"]) == (404, "live-over")
    with commune.work() as session:
        kept = session.get_one(LiveAnnouncement, live).clip_sha256
        actions = [entry.action for entry in session.exec(select(AuditEntry))]
    assert kept is not None
    assert actions.count("open-live") == actions.count("end-live") == 1
    assert (await officer.get(f"/clips/{kept}")).status_code == 200


async def test_who_is_refused_is_written_down(app: FastAPI, api: Programs, commune: Commune) -> None:
    refused = await api("head").post("/api/live", json={"zones": ["thon-tay"], "key": "k" * 20})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "other-village")
    with commune.work() as session:
        entry = session.exec(select(AuditEntry).where(AuditEntry.action == "refuse-live")).one()
        assert (entry.actor, entry.subject) == ("head", "other-village")


async def test_a_phone_that_goes_silent_ends_it(app: FastAPI, api: Programs, commune: Commune, clock: Clock) -> None:
    officer = api("officer")
    opened = await officer.post("/api/live", json={"zones": ["thon-dong"], "key": "k" * 20})
    assert opened.status_code == 201
    clock.pass_time(timedelta(seconds=13))
    for _ in range(600):
        with commune.work() as session:
            live = session.exec(select(LiveAnnouncement)).one()
            if live.ended_at is not None:
                assert live.clip_sha256 is None, "nothing was said"
                return
        await asyncio.sleep(0.05)
    raise AssertionError("it goes on")
