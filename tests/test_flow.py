"""The whole way once, rows 1–9 of the flow in docs/architecture.md in order: from typed text to the as-run page.

Everything is real but the broker, which is the shipped one in memory, and the network between server and node.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI
from sqlmodel import SQLModel, select
from sqlmodel.sql.expression import SelectOfScalar

from broadcast.communes import set_voice
from broadcast.models import (
    Broadcast,
    BroadcastState,
    Bulletin,
    BulletinState,
    Clip,
    Delivery,
    DeliveryState,
    Rendering,
    RenderingState,
    StoredReport,
)
from broadcast.users import get_user, make_token
from players.memory import MemoryTransport
from players.messages import PairingReply, PairingRequest, Play
from players.node.agent import Agent
from players.node.cache import ClipStore
from players.node.clock import NodeClock
from players.node.credentials import Credentials
from players.node.health import HealthProbe
from players.node.outputs import choose_outputs
from players.node.parts import NodeParts
from players.node.settings import OutputSection
from players.node.state import Abilities, NodeState
from players.node.store import NodeStore
from players.signing import NodeKey, open_order
from players.topics import Topics
from scheduler.clock import utc_now
from tests.listening import find_sound
from tests.web.conftest import Browser, Commune, commune, seeded
from tts.clip_file import decode_clip, write_wav
from tts.normalize import normalize
from web.app import create_app
from web.brokers import InMemory
from web.station import Station

__all__ = ["commune", "seeded"]  # fixtures

T = TypeVar("T")
Row = TypeVar("Row", bound=SQLModel)
TEXT = "Họp thôn lúc 7h30 ngày 19/5 tại NVH thôn. Mời 351 hộ đến dự."
LIMIT_S = 60.0


async def _until(look: Callable[[], T | None], what: str) -> T:
    """What `look` gives once it gives something."""
    try:
        async with asyncio.timeout(LIMIT_S):
            while (seen := await asyncio.to_thread(look)) is None:  # noqa: ASYNC110 - the database has no events
                await asyncio.sleep(0.05)
            return seen
    except TimeoutError:
        raise AssertionError(f"waited {LIMIT_S:.0f} s for {what}") from None


@asynccontextmanager
async def _pole(app: FastAPI, reply: PairingReply, key: NodeKey, folder: Path) -> AsyncIterator[None]:
    """A real node on the `record` output, its data in `folder`."""
    station: Station = app.state.station
    assert isinstance(station.broker, InMemory)
    store = NodeStore(folder / "state.sqlite3")
    clock = NodeClock()
    outputs = choose_outputs(OutputSection(name="record", record_to=folder / "heard.wav"), clock)
    async with AsyncExitStack() as stack:
        stack.callback(store.close)
        client = await stack.enter_async_context(
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://loa.test")
        )
        for output in outputs.distinct:
            await output.open()
            stack.push_async_callback(output.close)
        agent = Agent(
            NodeParts(
                credentials=Credentials(folder, reply, key),
                server_url="http://loa.test",
                stream_url="http://loa.test",
                state=store.load(NodeState(reply.node, reply.commune, reply.zones, Abilities("record", None, True))),
                store=store,
                clips=ClipStore(folder / "clips", 64 << 20),
                client=client,
                outputs=outputs.by_way,
                clock=clock,
                transport=MemoryTransport(station.broker.broker, reply.node),
                data_dir=folder,
                ahead=timedelta(hours=48),
                jitter_s=0,
                announce=lambda _: None,
                health=HealthProbe(lambda: None, folder),
                clock_improved=outputs.clock_improved,
            )
        )
        running = asyncio.create_task(agent.run())
        try:
            yield
        finally:
            agent.leave()
            await asyncio.wait_for(running, 10)


async def _overhear(app: FastAPI, topic: str, heard: asyncio.Queue[bytes]) -> None:
    station: Station = app.state.station
    assert isinstance(station.broker, InMemory)
    async with MemoryTransport(station.broker.broker, "overhearer").connect() as connection:
        await connection.subscribe(topic)
        async for message in connection.messages():
            heard.put_nowait(message.payload)


class Stage:
    """The commune, its server, and what the test looks at."""

    def __init__(self, app: FastAPI, commune: Commune, folder: Path) -> None:
        self.app = app
        self.commune = commune
        self.folder = folder
        self.orders: asyncio.Queue[bytes] = asyncio.Queue()
        self.officer, self.leader, self.program = Browser(app), Browser(app), Browser(app)

    def one(self, query: SelectOfScalar[Row]) -> Row | None:
        """The only row of a query, if there is one."""
        with self.commune.work() as session:
            return session.exec(query).one_or_none()

    async def pair(self) -> tuple[PairingReply, NodeKey]:
        """Add a pole as the administrator and pair it as its technician."""
        with self.commune.work() as session:
            administrator = get_user(session, "admin")
            token = make_token(session, administrator, "test", ["*"], timedelta(hours=1), utc_now())
        asked = {"slug": "dong-1", "name": "Đông 1", "zones": ["thon-dong"]}
        headers = {"authorization": f"Bearer {token}"}
        made = (await self.program.http.post("/api/nodes", json=asked, headers=headers)).json()
        key = NodeKey.generate()
        request = PairingRequest(code=made["pairing_code"], public_key=key.public_jwk(), version="test")
        headers = {"content-type": "application/json"}
        answer = await self.program.http.post("/api/pairing", content=request.to_json(), headers=headers)
        return PairingReply.from_json(answer.content), key


@asynccontextmanager
async def _stage(commune: Commune, folder: Path) -> AsyncIterator[tuple[Stage, PairingReply]]:
    """A server with one paired pole that runs, an officer and a leader signed in."""
    with commune.work() as session:
        set_voice(session, "espeak-vi", "test", utc_now())
    app = create_app(commune.settings, utc_now)
    async with app.router.lifespan_context(app):
        stage = Stage(app, commune, folder)
        reply, key = await stage.pair()
        overhearing = asyncio.create_task(_overhear(app, Topics(reply.commune).zone_orders("thon-dong"), stage.orders))
        async with _pole(app, reply, key, folder):
            await stage.officer.sign_in("officer", commune.passwords["officer"])
            await stage.leader.sign_in("leader", commune.passwords["leader"])
            yield stage, reply
        overhearing.cancel()
        await asyncio.wait({overhearing})
        for browser in (stage.officer, stage.leader, stage.program):
            await browser.http.aclose()


@pytest.mark.timeout(180)
async def test_a_typed_text_becomes_sound_and_a_line_of_the_as_run_log(commune: Commune, tmp_path: Path) -> None:
    async with _stage(commune, tmp_path) as (stage, reply):
        # 1  an officer's text becomes a bulletin
        officer, leader = stage.officer, stage.leader
        await officer.get("/soan")
        await officer.send(button="act=submit", title="Họp thôn", script=TEXT, zones=["thon-dong"], when="now")
        bulletin = stage.one(select(Bulletin))
        assert bulletin is not None, officer.answer.text[:2000]
        assert (bulletin.script, bulletin.state) == (TEXT, BulletinState.SUBMITTED)

        # 2  the text becomes a spoken text, every changed span kept
        spoken = normalize(TEXT)
        assert [span.written for span in spoken.spans] == ["7h30", "19/5", "NVH", "351"]
        assert "bảy giờ ba mươi phút" in spoken.spoken
        assert not any(sign.isdigit() for sign in spoken.spoken)

        # 3, 4  approved, it becomes speech between chimes: a clip in the store
        await leader.get("/duyet")
        await leader.get(leader.attributes("form.acts a.button")["href"])
        await leader.send('form:has(button[value="approve"])', button="act=approve", heard="yes")
        rendering = await _until(
            lambda: stage.one(
                # The prepared emergencies are rendered, too: theirs are others.
                select(Rendering).where(Rendering.state == RenderingState.RENDERED, Rendering.spoken == spoken.spoken)
            ),
            "the clip",
        )
        clip = stage.one(select(Clip).where(Clip.sha256 == rendering.clip_sha256))
        assert clip is not None
        assert (clip.sha256, clip.engine) == (rendering.clip_sha256, "espeak")
        station: Station = stage.app.state.station
        write_wav(tmp_path / "clip.wav", decode_clip(station.clips.path_of(clip.sha256)))

        # 5  the clip and its zones become a broadcast with one delivery for each node
        broadcast = await _until(
            lambda: stage.one(select(Broadcast).where(Broadcast.starts_at != None)),  # noqa: E711 - SQL
            "the broadcast's instant",
        )
        assert broadcast.bulletin_id == bulletin.id
        assert broadcast.starts_at is not None
        delivery = stage.one(select(Delivery))
        assert delivery is not None
        assert delivery.broadcast_id == broadcast.id

        # 6  the broadcast becomes a signed order on the wire
        async with asyncio.timeout(LIMIT_S):
            payload = await stage.orders.get()
        order = open_order(payload, reply.commune_keys, Topics(reply.commune).zone_orders("thon-dong"))
        assert isinstance(order, Play)
        assert [ref.sha256 for ref in order.item.clips] == [clip.sha256]
        assert order.item.starts_at == broadcast.starts_at

        # 7  its instant becomes sound
        played = await _until(
            lambda: stage.one(select(Delivery).where(Delivery.state == DeliveryState.PLAYED)), "the pole to have played"
        )
        match = find_sound(tmp_path / "heard.wav", tmp_path / "clip.wav")
        assert match.likeness > 0.99

        # 8  the sound becomes a delivery, in the node's own words, counted once each
        assert played.started_at is not None
        assert played.finished_at is not None
        assert abs((played.started_at - broadcast.starts_at).total_seconds()) < 0.5
        assert played.finished_at - played.started_at >= timedelta(milliseconds=clip.duration_ms * 0.9)
        with commune.work() as session:
            outcomes = [report.outcome for report in session.exec(select(StoredReport))]
        assert sorted(outcomes) == ["cued", "played", "playing", "received"]

        # 9  the deliveries become a line of the as-run log
        await _until(
            lambda: stage.one(select(Broadcast).where(Broadcast.state == BroadcastState.AIRED)), "it to be concluded"
        )
        await officer.get("/nhat-ky")
        line = officer.text("main")
        assert "Họp thôn" in line
        assert "Đã phát" in line
        assert f"{played.started_at.astimezone(ZoneInfo('Asia/Ho_Chi_Minh')):%H:%M:%S}" in line
