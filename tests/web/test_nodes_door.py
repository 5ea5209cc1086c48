"""What a node does over HTTP: it pairs once, fetches clips whole and in parts, and streams what it lacks."""

import asyncio
import hashlib
import io
from datetime import datetime, timedelta

import av
import httpx
import pytest
from fastapi import FastAPI
from sqlmodel import Session, select

from broadcast.airings import deliveries_of
from broadcast.emergency import raise_emergency
from broadcast.models import AuditEntry, Broadcast, BroadcastState, DeliveryState
from broadcast.users import get_user
from players.messages import PairingReply
from players.signing import NodeKey
from players.tickets import make_ticket
from tests.web.conftest import NOW, Clock, Commune, Programs, SignIn
from web.brokers import InMemory


@pytest.fixture
async def app(speaking_app: FastAPI) -> FastAPI:
    """Here the renderers are needed."""
    return speaking_app


def http_of(app: FastAPI, address: str = "10.0.0.50") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 999))
    return httpx.AsyncClient(transport=transport, base_url="http://loa.test")


class NodeBox:
    """A pole's box: its key, its slug, its way to the server."""

    def __init__(self, app: FastAPI) -> None:
        self.key = NodeKey.generate()
        self.http = http_of(app)
        self.slug = ""

    async def pair(self, code: str) -> httpx.Response:
        body = {"code": code, "public_key": self.key.public_jwk(), "version": "1.0"}
        answer = await self.http.post("/api/pairing", json=body)
        if answer.status_code == 200:
            self.slug = PairingReply.model_validate(answer.json()).node
        return answer

    async def get(self, path: str, now: datetime = NOW, **headers: str) -> httpx.Response:
        ticket = make_ticket(self.key, self.slug, path.partition("?")[0], now)
        return await self.http.get(path, headers={"authorization": f"Bearer {ticket}", **headers})


async def add_node(api: Programs, slug: str = "dong-1", zone: str = "thon-dong") -> str:
    answer = await api("admin").post("/api/nodes", json={"slug": slug, "name": f"Cột {slug}", "zones": [zone]})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["pairing_code"])


async def paired(app: FastAPI, api: Programs, slug: str = "dong-1", zone: str = "thon-dong") -> NodeBox:
    box = NodeBox(app)
    assert (await box.pair(await add_node(api, slug, zone))).status_code == 200
    return box


async def test_a_node_learns_whom_to_obey_and_where(app: FastAPI, api: Programs) -> None:
    box = NodeBox(app)
    answer = await box.pair(await add_node(api))
    reply = PairingReply.model_validate(answer.json())
    assert (reply.commune, reply.node, reply.zones) == ("hoa-binh-an", "dong-1", ("thon-dong",))
    assert reply.commune_keys == (app.state.station.key.public_jwk(),)
    assert (reply.mqtt_host, reply.mqtt_username) == ("loa.test", "dong-1")
    broker = app.state.station.broker
    assert isinstance(broker, InMemory)
    assert broker.door.nodes == {"dong-1": ("thon-dong",)}


async def test_a_code_is_used_once(app: FastAPI, api: Programs) -> None:
    code = await add_node(api)
    assert (await NodeBox(app).pair(code)).status_code == 200
    again = await NodeBox(app).pair(code)
    assert (again.status_code, again.json()["error"]["code"]) == (403, "wrong-pairing-code")


async def test_a_code_ends(app: FastAPI, api: Programs, clock: Clock) -> None:
    code = await add_node(api)
    clock.pass_time(timedelta(minutes=10, seconds=1))
    answer = await NodeBox(app).pair(code)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "expired-pairing-code")


async def test_guessing_codes_is_slow_for_one_address_only(app: FastAPI, api: Programs) -> None:
    body = {"code": "AAAAAAAA", "public_key": NodeKey.generate().public_jwk(), "version": "1"}
    async with http_of(app, "10.9.9.9") as stranger:
        answers = [(await stranger.post("/api/pairing", json=body)).status_code for _ in range(11)]
    assert answers == [403] * 10 + [429]
    assert (await NodeBox(app).pair(await add_node(api))).status_code == 200


@pytest.mark.parametrize("key", [{}, {"kty": "RSA"}, {"kty": "OKP", "crv": "Ed25519", "x": "short"}])
async def test_a_key_that_is_none_is_refused_and_the_code_stays_good(
    app: FastAPI, api: Programs, key: dict[str, str]
) -> None:
    code = await add_node(api)
    async with http_of(app) as box:
        answer = await box.post("/api/pairing", json={"code": code, "public_key": key, "version": "1"})
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, "public_key")
    assert (await NodeBox(app).pair(code)).status_code == 200


async def test_without_the_broker_nothing_is_paired_and_the_code_stays_good(app: FastAPI, api: Programs) -> None:
    code, box, door = await add_node(api), NodeBox(app), app.state.station.broker.door
    door.is_down = True
    assert (await box.pair(code)).status_code == 503
    door.is_down = False
    nodes = (await api("admin").get("/api/nodes")).json()["nodes"]
    assert [node["is_paired"] for node in nodes] == [False]
    assert (await box.pair(code)).status_code == 200


async def test_a_revoked_node_is_shut_out_everywhere(app: FastAPI, api: Programs, commune: Commune) -> None:
    box = await paired(app, api)
    sha256 = await emergency_clip(app, api, commune)
    assert (await box.get(f"/clips/{sha256}")).status_code == 200
    assert (await api("admin").post("/api/nodes/dong-1/revoke")).status_code == 204
    assert app.state.station.broker.door.nodes == {}
    refused = await box.get(f"/clips/{sha256}")
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "unknown-node")


async def emergency_clip(app: FastAPI, api: Programs, commune: Commune) -> str:
    """Have an emergency rendered by the real renderer; its clip's hash."""
    body = {"zones": ["thon-dong"], "text": "Nước lên.", "key": "k" * 16}
    broadcast = (await api("leader").post("/api/emergencies", json=body)).json()["broadcast"]
    async with asyncio.timeout(60):
        while not (found := (await api("leader").get(f"/api/broadcasts/{broadcast}")).json())["clips"]:
            await app.state.station.next_change()
    return str(found["clips"][0]["sha256"])


async def test_a_clip_comes_whole_and_in_parts(app: FastAPI, api: Programs, commune: Commune) -> None:
    box = await paired(app, api)
    sha256 = await emergency_clip(app, api, commune)
    path = f"/clips/{sha256}"
    whole = await box.get(path)
    assert hashlib.sha256(whole.content).hexdigest() == sha256
    assert whole.headers["content-type"] == "audio/ogg"
    middle = await box.get(path, range="bytes=100-199")
    assert (middle.status_code, middle.content) == (206, whole.content[100:200])
    rest = await box.get(path, range="bytes=100-")
    assert (rest.status_code, rest.content) == (206, whole.content[100:])
    beyond = await box.get(path, range=f"bytes={len(whole.content)}-")
    assert beyond.status_code == 416
    by_query = await box.http.get(path, params={"ticket": make_ticket(box.key, box.slug, path, NOW)})
    assert by_query.content == whole.content


@pytest.mark.parametrize("is_there", [True, False])
async def test_a_damaged_clip_is_sent_to_nobody_and_made_again(
    app: FastAPI, api: Programs, commune: Commune, is_there: bool
) -> None:
    """The pole's first try heals it: it asks again, or is told of the new clip."""
    box = await paired(app, api)
    sha256 = await emergency_clip(app, api, commune)
    file = app.state.station.clips.path_of(sha256)
    file.write_bytes(bytes(file.stat().st_size))
    if not is_there:
        file.unlink()
    refused = await box.get(f"/clips/{sha256}", range="bytes=0-")
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "no-clip")
    async with asyncio.timeout(60):
        while (await box.get(f"/clips/{await emergency_clip(app, api, commune)}")).status_code != 200:
            await app.state.station.next_change()


async def test_a_ticket_opens_its_path_for_its_minute_only(app: FastAPI, api: Programs, commune: Commune) -> None:
    box = await paired(app, api)
    sha256 = await emergency_clip(app, api, commune)
    path = f"/clips/{sha256}"
    for_another = {"authorization": f"Bearer {make_ticket(box.key, box.slug, '/clips/' + '0' * 64, NOW)}"}
    by_a_stranger = {"authorization": f"Bearer {make_ticket(NodeKey.generate(), box.slug, path, NOW)}"}
    for_nobody = {"authorization": f"Bearer {make_ticket(box.key, 'nobody', path, NOW)}"}
    for headers in (for_another, by_a_stranger, for_nobody, {"authorization": "Bearer a.b.c"}, {}):
        assert (await box.http.get(path, headers=headers)).status_code == 401
    assert (await box.get(path, NOW - timedelta(minutes=5))).status_code == 401
    assert (await box.get("/clips/" + "0" * 64)).status_code == 404
    assert (await box.get("/clips/" + "../" * 5 + "etc")).status_code in {404, 422}


async def test_a_broadcast_streams_for_its_own_villages_until_it_is_over(
    app: FastAPI, api: Programs, commune: Commune
) -> None:
    box, other = await paired(app, api), await paired(app, api, "tay-1", "thon-tay")
    await emergency_clip(app, api, commune)
    with commune.work() as session:
        broadcast = session.exec(select(Broadcast)).one()
    path = f"/streams/{broadcast.id}"
    whole, late = await box.get(path), await box.get(f"{path}?offset_ms=2000")
    assert whole.headers["content-type"] == "audio/mpeg"
    lengths = [length_of(answer.content) for answer in (whole, late)]
    assert broadcast.duration_ms is not None
    assert lengths[0] == pytest.approx(broadcast.duration_ms / 1000, abs=0.15)
    assert lengths[0] - lengths[1] == pytest.approx(2, abs=0.15)
    assert (await other.get(path)).status_code == 403
    assert (await box.http.get(path)).status_code == 401
    assert (await api("leader").get(path)).status_code == 200
    deaf = await api("leader", ("write",)).get(path)
    assert (deaf.status_code, deaf.json()["error"]["code"]) == (403, "scope-missing")
    with commune.work() as session:
        elsewhere = raise_emergency(session, get_user(session, "leader"), ["thon-tay"], "Nước lên.", NOW, "k" * 20).id
    assert (await api("head").get(path)).status_code == 200
    other_village = await api("head").get(f"/streams/{elsewhere}")
    assert (other_village.status_code, other_village.json()["error"]["code"]) == (404, "no-broadcast")
    for state, wanted in ((DeliveryState.SILENT, 200), (DeliveryState.PLAYED, 409)):
        with commune.work() as session:
            finish(session, broadcast.id, state)
        over = await box.get(path)
        assert over.status_code == wanted  # a pole that had others to play first still gets its turn
    assert over.json()["error"]["code"] == "broadcast-over"


def length_of(mp3: bytes) -> float:
    """Seconds of decoded sound."""
    with av.open(io.BytesIO(mp3), mode="r", format="mp3") as container:
        frames = [frame.samples / frame.sample_rate for frame in container.decode(audio=0)]
    return sum(frames)


def finish(session: Session, broadcast_id: str, state: DeliveryState) -> None:
    broadcast = session.get_one(Broadcast, broadcast_id)
    broadcast.state, broadcast.ended_at = BroadcastState.AIRED, NOW
    for delivery in deliveries_of(session, broadcast_id):
        delivery.state = state
        session.add(delivery)
    session.add(broadcast)


async def test_an_officer_listens_to_a_text_as_it_will_be_aired(app: FastAPI, browse: SignIn, commune: Commune) -> None:
    officer = await browse("officer")
    await officer.get("/soan")
    script = "Mời bà con họp lúc 8h."
    await officer.send("#compose", "act=listen", title="Họp", script=script, zones=["thon-dong"], when="now")
    source = officer.attributes("audio")["src"]
    sound = await officer.http.get(source)
    assert sound.content.startswith(b"OggS")
    assert officer.text("#script") == script
    assert "espeak" in officer.text("#sound")
    await officer.send("#compose", "act=submit")
    bulletin = officer.path.rpartition("/")[2]
    leader = await browse("leader")
    await leader.get(f"/ban-tin/{bulletin}")
    await leader.send('form:has(button[value="listen"])', "act=listen")
    assert leader.attributes("audio")["src"] == source
    with commune.work() as session:
        assert "approve-bulletin" not in {entry.action for entry in session.exec(select(AuditEntry)).all()}


async def test_a_clip_is_not_for_strangers(app: FastAPI, api: Programs, browse: SignIn, commune: Commune) -> None:
    sha256 = await emergency_clip(app, api, commune)
    async with http_of(app) as nobody:
        assert (await nobody.get(f"/clips/{sha256}")).status_code == 401
    officer = await browse("officer")
    assert (await officer.http.get(f"/clips/{sha256}")).status_code == 200


async def test_health_tells_whether_all_parts_run(app: FastAPI) -> None:
    async with http_of(app) as anybody:
        async with asyncio.timeout(20):
            while (answer := await anybody.get("/api/health")).status_code != 200:
                await app.state.station.next_change()
    assert answer.json()["ok"] is True
    assert [process["name"] for process in answer.json()["processes"]] == ["renderer", "emergency-renderer"]
