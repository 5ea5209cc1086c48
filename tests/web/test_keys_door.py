"""A pole that renews its key, and a server that follows its keys on disk while it runs."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from sqlmodel import Session

from broadcast.communes import get_commune
from broadcast.db import reading
from broadcast.nodes import create_node, get_node, pair_node, revoke_node, want_renewal
from players.keyring import KeyRing, KeyRingFile, announce
from players.messages import CommuneKeys, CommuneKeysChain, Heartbeat, NodeActivity, PairingReply
from players.signing import NodeKey, open_signed
from players.tickets import make_ticket
from players.tls import fingerprint_of
from players.topics import Topics
from tests.web.conftest import NOW, Clock, Commune, SignIn
from web.key_keeper import GRACE
from web.qr import draw_qr
from web.station import Station

NODE = "dong-1"


def http_of(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://loa.test")


@pytest.fixture
def key(commune: Commune) -> NodeKey:
    """Of a paired pole."""
    key = NodeKey.generate()
    with commune.work() as session:
        _, code = create_node(session, get_commune(session), NODE, "Cột 1", ["thon-dong"], NOW)
        pair_node(session, code, key.public_jwk(), NOW)
    return key


async def renewed(app: FastAPI, signer: NodeKey, fresh: NodeKey, **changes: str) -> httpx.Response:
    path = f"/api/renewal/{changes.get('kid', fresh.kid)}"
    ticket = make_ticket(signer, changes.get("node", NODE), changes.get("audience", path), NOW)
    body = {"public_key": fresh.public_jwk(), "version": "1"}
    async with http_of(app) as http:
        return await http.post(path, json=body, headers={"authorization": f"Bearer {ticket}"})


def trusted_x(session: Session) -> str | None:
    return (get_node(session, NODE).public_key or {}).get("x")


async def test_a_pole_renews_its_key_and_learns_all_anew(app: FastAPI, commune: Commune, key: NodeKey) -> None:
    with commune.work() as session:
        want_renewal(session, NOW)
    fresh = NodeKey.generate()
    answer = await renewed(app, key, fresh)
    reply = PairingReply.model_validate(answer.json())
    station: Station = app.state.station
    assert (reply.node, reply.renewal, reply.zones) == (NODE, 1, ("thon-dong",))
    assert (reply.authorities, reply.keys_version) == (station.keeper.ring.authorities, station.keeper.ring.version)
    # Asked again after a lost answer, by either key: the old one is over, the new one changes nothing more.
    assert (await renewed(app, key, fresh)).status_code == 401
    assert (await renewed(app, fresh, fresh)).status_code == 200
    with reading(commune.engine) as session:
        assert trusted_x(session) == fresh.public_jwk()["x"]
        assert get_node(session, NODE).renewal == 1


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"audience": "/api/renewal/other"}, 401),
        ({"audience": "/clips/" + "0" * 64}, 401),
        ({"node": "tay-1"}, 401),
        ({"kid": "A" * 43}, 422),
        ({"kid": "none"}, 422),
    ],
)
async def test_a_ticket_is_for_one_pole_and_one_new_key(
    app: FastAPI, commune: Commune, key: NodeKey, changes: dict[str, str], status: int
) -> None:
    assert (await renewed(app, key, NodeKey.generate(), **changes)).status_code == status
    with reading(commune.engine) as session:
        assert trusted_x(session) == key.public_jwk()["x"]


async def test_a_stolen_pole_renews_nothing_once_it_is_revoked(app: FastAPI, commune: Commune, key: NodeKey) -> None:
    assert (await renewed(app, NodeKey.generate(), NodeKey.generate())).status_code == 401
    with commune.work() as session:
        revoke_node(session, NODE, NOW)
    assert (await renewed(app, key, NodeKey.generate())).status_code == 401


async def test_a_pole_cannot_take_anothers_key(app: FastAPI, commune: Commune, key: NodeKey) -> None:
    other = NodeKey.generate()
    with commune.work() as session:
        _, code = create_node(session, get_commune(session), "tay-1", "Cột 2", ["thon-tay"], NOW)
        pair_node(session, code, other.public_jwk(), NOW)
    answer = await renewed(app, key, other)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "key-in-use")


async def test_without_the_broker_nothing_is_renewed(app: FastAPI, commune: Commune, key: NodeKey) -> None:
    app.state.station.broker.door.is_down = True
    assert (await renewed(app, key, NodeKey.generate())).status_code == 503
    with reading(commune.engine) as session:
        assert trusted_x(session) == key.public_jwk()["x"]


def beat(keys_version: int) -> Heartbeat:
    return Heartbeat(
        node=NODE,
        at=NOW,
        activity=NodeActivity.IDLE,
        output="silent",
        outbox=0,
        disk_free_bytes=10**9,
        version="1",
        keys_version=keys_version,
    )


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110 - a loop of the server's, which looks at the disk
            await asyncio.sleep(0.05)


def rotate(commune: Commune) -> KeyRing:
    """As `loalang keys rotate` does beside a running server."""
    file = KeyRingFile(commune.settings.keys_dir)
    return file.change(lambda ring: announce(ring, NOW, key=True, authority=False))


async def test_the_server_signs_by_the_new_key_once_every_pole_holds_it(
    app: FastAPI, commune: Commune, key: NodeKey
) -> None:
    station: Station = app.state.station
    before = station.key
    announced = rotate(commune)
    await until(lambda: station.keeper.ring == announced)
    station.presence.heard(beat(announced.version - 1), NOW)
    await asyncio.sleep(2.5)  # it looks twice meanwhile, and must not be content
    assert station.key.kid == before.kid
    station.presence.heard(beat(announced.version), NOW)
    await until(lambda: station.key.kid != before.kid)
    async with http_of(app) as http:
        chain = CommuneKeysChain.model_validate((await http.get("/api/keys")).json())
    topic = Topics("hoa-binh-an").keys
    last = open_signed(chain.statements[-1].encode(), [station.key.public_jwk()], CommuneKeys, topic)
    assert last.keys == (station.key.public_jwk(),)
    with reading(commune.engine) as session:
        assert get_node(session, NODE).keys_version == announced.version


async def test_a_silent_pole_is_waited_for_for_a_week(
    app: FastAPI, commune: Commune, clock: Clock, key: NodeKey
) -> None:
    station: Station = app.state.station
    before = station.key
    announced = rotate(commune)
    await until(lambda: station.keeper.ring == announced)
    assert station.key.kid == before.kid
    clock.pass_time(GRACE)
    await until(lambda: station.key.kid != before.kid)


async def test_the_page_hands_over_code_address_and_fingerprint(app: FastAPI, browse: SignIn) -> None:
    admin = await browse("admin")
    await admin.get("/cum-loa")
    await admin.send('form[action="/cum-loa"]', name="Cột 1", slug="cot-1", zones="thon-dong")
    code = admin.text(".code")
    invitation = admin.text("[data-invitation]")
    assert invitation.startswith(f"loalang:pair?server=http%3A%2F%2Floa.test&code={code}")
    squares = admin.attributes("[data-qr] path[stroke]")["d"]
    assert f'd="{squares}"' in draw_qr(invitation, "")
    async with http_of(app) as http:
        authority = (await http.get("/api/authority")).text
    assert fingerprint_of(authority) == fingerprint_of(app.state.station.keeper.ring.authority.certificate)


async def test_the_page_shows_what_a_pole_refused(app: FastAPI, browse: SignIn, commune: Commune, key: NodeKey) -> None:
    refused = beat(0).model_copy(
        update={"refused": 3, "refused_at": NOW - timedelta(hours=1), "refused_why": "zones/thon-dong/orders: expired"}
    )
    app.state.station.presence.heard(refused, NOW)
    admin = await browse("admin")
    await admin.get("/cum-loa")
    assert "Đã từ chối 3 tin không đáng tin, lần cuối: zones/thon-dong/orders: expired" in admin.text(
        f'[data-node="{NODE}"]'
    )
