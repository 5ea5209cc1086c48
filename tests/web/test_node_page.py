"""A pole's own page: what may be set of it, trying it out, and what was noticed of it."""

from datetime import timedelta

import pytest
from fastapi import FastAPI
from sqlmodel import Session, select

from broadcast.airings import deliveries_of
from broadcast.models import Broadcast, ClockSample, Node, PresenceChange
from broadcast.nodes import get_node
from broadcast.orders import issue_play
from broadcast.pole_history import CHANGES_KEPT, forget_old_history, last_states
from broadcast.pole_watch import PoleWatch
from players.messages import ClipRef, Heartbeat, NodeActivity
from players.presence import PresenceBoard
from players.signing import NodeKey
from tests.web.conftest import NOW, Clock, Commune, Programs, SignIn
from tests.web.test_nodes_door import add_node


def trust(commune: Commune, *slugs: str) -> None:
    with commune.work() as session:
        for slug in slugs:
            node = get_node(session, slug)
            node.public_key, node.paired_at = NodeKey.generate().public_jwk(), NOW
            session.add(node)


def beat(clock: Clock, slug: str = "dong-1", **said: object) -> Heartbeat:
    known: dict[str, object] = {"node": slug, "at": clock(), "activity": NodeActivity.IDLE, "output": "silent"}
    known |= {"outbox": 0, "disk_free_bytes": 10**9, "version": "1.2"}
    return Heartbeat.model_validate(known | said)


def node_of(session: Session) -> Node:
    return get_node(session, "dong-1")


async def test_name_villages_place_and_delay_are_kept(browse: SignIn, api: Programs, commune: Commune) -> None:
    await add_node(api)
    admin = await browse("admin")
    await admin.get("/cum-loa/dong-1")
    await admin.send(
        "form[data-node-form]",
        name="Cột đình",
        zones=["thon-dong", "thon-tay"],
        latitude="16,463713",
        longitude="107.590866",
        delay_ms="-50",
        data_mb="700",
    )
    assert admin.text("h1") == "Cột đình"
    assert admin.attributes("#latitude")["value"] == "16.463713"
    with commune.work() as session:
        node = node_of(session)
        assert (node.latitude, node.longitude, node.delay_ms, node.data_mb) == (16.463713, 107.590866, -50, 700)
    await admin.get("/")
    assert admin.attributes('.pole[data-node="dong-1"]')["data-at"] == "16.463713,107.590866"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"latitude": "91", "longitude": "1"}, "từ -90 đến 90"),
        ({"latitude": "16", "longitude": ""}, "Hãy nhập một số"),
        ({"delay_ms": "5000"}, "từ -200 đến 2000"),
        ({"zones": []}, "Chưa chọn khu vực"),
        ({"name": " "}, "Chưa nhập"),
    ],
)
async def test_what_cannot_be_is_refused_and_nothing_is_kept(
    browse: SignIn, api: Programs, commune: Commune, typed: dict[str, str | list[str]], said: str
) -> None:
    await add_node(api)
    admin = await browse("admin")
    await admin.get("/cum-loa/dong-1")
    await admin.send("form[data-node-form]", "", **typed)
    assert admin.answer.status_code == 422
    assert said in admin.text("main")
    with commune.work() as session:
        node = node_of(session)
        assert (node.name, node.latitude, node.delay_ms) == ("Cột dong-1", None, 0)


async def test_a_village_head_sees_his_own_poles_only(browse: SignIn, api: Programs) -> None:
    await add_node(api)
    await add_node(api, "tay-1", "thon-tay")
    head = await browse("head")
    for path, status in (("dong-1", 200), ("tay-1", 404), ("tay-1/tai-cho", 404), ("tay-1/do-thi.json", 404)):
        await head.get(f"/cum-loa/{path}")
        assert head.answer.status_code == status, path
    await head.get("/cum-loa/dong-1")
    secret = head.attributes('#act input[name="csrf"]')["value"]
    answer = await head.http.post("/cum-loa/tay-1/thu-loa", data={"csrf": secret})
    assert answer.status_code == 404


async def test_one_pole_is_tried_out_and_no_other_is_told(browse: SignIn, api: Programs, commune: Commune) -> None:
    await add_node(api)
    await add_node(api, "dong-2")
    trust(commune, "dong-1", "dong-2")
    officer = await browse("officer")
    await officer.get("/cum-loa/dong-1")
    for _ in range(2):  # a double click is one trial
        await officer.press('button[formaction$="/thu-loa"]')
    with commune.work() as session:
        (trial,) = session.exec(select(Broadcast)).all()
        assert [delivery.node_id for delivery in deliveries_of(session, trial.id)] == [node_of(session).id]
        clip = ClipRef(sha256="0" * 64, size_bytes=1, duration_ms=1000)
        order = issue_play(session, trial, [clip], NOW)
        assert (order.zones, order.nodes) == ([], ["dong-1"])
    assert "Thử loa: Cột dong-1" in trial.title


async def test_a_pole_that_is_not_paired_is_not_tried(browse: SignIn, api: Programs) -> None:
    await add_node(api)
    officer = await browse("officer")
    await officer.get("/cum-loa/dong-1")
    secret = officer.attributes('#act input[name="csrf"]')["value"]
    answer = await officer.http.post("/cum-loa/dong-1/thu-loa", data={"csrf": secret})
    assert (answer.status_code, "chưa được ghép" in answer.text) == (409, True)


async def test_coming_and_going_is_written_once_and_shown(
    app: FastAPI, browse: SignIn, api: Programs, commune: Commune, clock: Clock
) -> None:
    await add_node(api)
    board = PresenceBoard()
    watch = PoleWatch(commune.engine, board, clock)
    board.heard(beat(clock, clock_offset_ms=3.5, clock_error_ms=8.0), clock())
    for _ in range(3):
        watch.look()
    clock.pass_time(timedelta(minutes=1))
    watch.look()
    PoleWatch(commune.engine, board, clock).look()  # another start: nothing new
    with commune.work() as session:
        assert [row.state for row in session.exec(select(PresenceChange))] == ["online", "offline"]
        assert [row.offset_ms for row in session.exec(select(ClockSample))] == [3.5]
        forget_old_history(session, NOW + CHANGES_KEPT + timedelta(days=1))
        assert last_states(session) == {"dong-1": "offline"}
        assert session.exec(select(ClockSample)).all() == []
    officer = await browse("officer")
    await officer.get("/cum-loa/dong-1")
    assert "Mất kết nối" in officer.text('[data-change="offline"]')


async def test_what_a_pole_says_of_itself_is_its_self_test(
    app: FastAPI, browse: SignIn, api: Programs, commune: Commune, clock: Clock
) -> None:
    await add_node(api)
    trust(commune, "dong-1")
    officer = await browse("officer")
    await officer.get("/cum-loa/dong-1/tai-cho")
    assert "Không nghe thấy cụm loa" in officer.text("[data-check]")
    app.state.station.presence.heard(beat(clock, volume_percent=0, output_error="no card"), clock())
    await officer.get("/cum-loa/dong-1/tai-cho")
    said = [" ".join(one.text(separator=" ").split()) for one in officer.page.css("[data-check]")]
    assert "Đầu ra âm thanh no card Có lỗi" in said
    assert "Âm lượng 0 % Có lỗi" in said
    assert officer.answer.headers["permissions-policy"].count("geolocation=(self)") == 1
