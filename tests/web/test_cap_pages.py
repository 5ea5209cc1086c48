"""CAP on pages without JavaScript: a source is set up, a certificate trusted, the leader decides; our own feed."""

import asyncio
from pathlib import Path

from lxml import etree

from broadcast.cap.document import MAX_MESSAGE_BYTES, parse_document
from broadcast.cap.model import MsgType, Status
from broadcast.cap.places import set_rules
from broadcast.cap.reading import read_alert
from broadcast.emergency import all_clear, raise_emergency
from broadcast.models import CapMessage, CapState
from broadcast.stopping import stop_broadcast
from broadcast.users import get_user
from tests.broadcast.cap.kit import HERE, info, message, new_signer
from tests.web.conftest import NOW, Commune, Programs, SignIn

SCHEMA = Path("tests/data/cap/cap-1.2.rng")
FORM = {"slug": "kttv", "name": "Khí tượng tỉnh", "officer": "officer", "leader": "leader", "kind": "cap-folder"}
EXPIRES = "2026-09-22T05:00:00+00:00"


async def test_a_source_is_set_up_tried_and_the_leader_decides(
    browse: SignIn, commune: Commune, tmp_path: Path
) -> None:
    folder = tmp_path / "cap"
    folder.mkdir()
    said = message("a-1", info(expires=EXPIRES), sent="2026-09-22T02:50:00+00:00")
    await asyncio.to_thread((folder / "a.xml").write_bytes, said)
    admin, leader, head = await browse("admin"), await browse("leader"), await browse("head")
    await admin.get("/nguon-tin-cap")
    await admin.send("form.sheet", "", **{"calls-": "xa=01\nXã Hòa Bình An"})
    await admin.get("/nguon-tin/cap/moi")
    await admin.send("#source", "", **{**FORM, "address": "cap"})
    assert admin.answer.status_code == 422
    await admin.send("#source", "", **{**FORM, "address": str(folder), "every_s": "86400"})
    await admin.send('form[action$="/thu"]', "")
    assert "Đọc được lần cuối" in admin.text("[data-result]")
    assert "Chờ lãnh đạo" in admin.text("[data-message]")
    await admin.send('form[action$="/chung-thu"]', "", pem="abc")
    assert admin.answer.status_code == 422
    await admin.send('form[action$="/chung-thu"]', "", pem=new_signer("Dai tinh").pem)
    assert "CN=Dai tinh" in admin.text("[data-certificate]")
    await admin.get("/nguon-tin")
    assert "Cảnh báo CAP, thư mục" in admin.text('[data-source="kttv"]')
    await head.get("/khan-cap")
    assert not head.page.css("[data-reported]")
    await leader.get("/khan-cap")
    assert "Lũ đang lên trên sông Hồng" in leader.text("[data-reported]")
    await leader.get("/khan-cap/cap/1")
    assert "Nước lên nhanh. Bà con lên nơi cao ngay." in leader.text("#text")
    await leader.send('form[action="/khan-cap/cap/1"]', "")
    assert "Khí tượng" not in leader.text(".said")
    await leader.send("form[data-press]", "")
    assert leader.path.startswith("/khan-cap/luot/x-")
    assert "Lũ đang lên trên sông Hồng (Khí tượng tỉnh)" in leader.answer.text
    with commune.work() as session:
        assert session.get_one(CapMessage, 1).state is CapState.RAISED


async def test_a_message_is_put_aside(browse: SignIn, commune: Commune, tmp_path: Path) -> None:
    folder = tmp_path / "cap"
    folder.mkdir()
    said = message("a-1", info(expires=EXPIRES, language="en"), sent="2026-09-22T02:50:00+00:00")
    await asyncio.to_thread((folder / "a.xml").write_bytes, said)
    admin, leader = await browse("admin"), await browse("leader")
    await admin.get("/nguon-tin/cap/moi")
    await admin.send("#source", "", **{**FORM, "address": str(folder), "every_s": "86400"})
    await admin.send('form[action$="/thu"]', "")
    await leader.get("/khan-cap/cap/1")
    assert "tiếng nước ngoài (en)" in leader.text("[data-cap]")
    await leader.send('form[action="/khan-cap/cap/1"]', "", text="")
    assert leader.answer.status_code == 422
    await leader.send('form[action$="/bo"]', "", reason="Không ở xã ta.")
    assert leader.path == "/khan-cap"
    await leader.get("/khan-cap/cap/1")
    assert "Đã bỏ qua" in leader.answer.text
    assert not leader.page.css('form[action="/khan-cap/cap/1"]')


async def test_our_emergencies_are_a_feed_of_valid_messages_with_their_sound(api: Programs, commune: Commune) -> None:
    with commune.work() as session:
        leader = get_user(session, "leader")
        set_rules(session, "", {**HERE, "thon-dong": ["thon=d"]}, get_user(session, "admin"), NOW, is_feed_open=False)
        first = raise_emergency(session, leader, ["thon-dong"], "Nước lên, chạy ngay.", NOW, "lan-nhan-1")
        drill = raise_emergency(session, leader, ["thon-tay"], "Thử còi.", NOW, "lan-nhan-2", is_drill=True)
        over = all_clear(session, leader, first.id, NOW, "lan-nhan-3")
        stop_broadcast(session, drill.id, leader, NOW)
        ids = [first.id, drill.id, over.id]
    program = api("officer", ("read",))
    feed = etree.fromstring((await program.get("/cap/tin.atom")).content)
    links = [one.get("href") for one in feed.iter("{http://www.w3.org/2005/Atom}link") if one.get("rel") == "alternate"]
    assert len(links) == 4
    found = {}
    for link in links:
        data = (await program.get(link)).content
        etree.RelaxNG(etree.parse(str(SCHEMA))).assertValid(etree.fromstring(data))
        alert = read_alert(parse_document(data, max_bytes=MAX_MESSAGE_BYTES))
        found[alert.identifier] = alert
    raised, tried, ended, stopped = (found[one] for one in (*ids, f"{drill.id}.dung"))
    assert (raised.status, raised.msg_type, raised.references) == (Status.ACTUAL, MsgType.ALERT, ())
    assert raised.infos[0].description == "Nước lên, chạy ngay."
    assert raised.infos[0].areas[0].geocodes[0].value == "d"
    assert (tried.status, stopped.msg_type) == (Status.EXERCISE, MsgType.CANCEL)
    assert [(one.identifier, one.sender) for one in ended.references] == [(first.id, raised.sender)]
    assert (ended.msg_type, [one.identifier for one in stopped.references]) == (MsgType.CANCEL, [drill.id])


async def test_the_feed_is_closed_until_it_is_opened(api: Programs, commune: Commune) -> None:
    program, bare = api("officer", ("read",)), {"authorization": ""}
    assert (await program.get("/cap/tin.atom", headers=bare)).status_code == 401
    assert (await program.get("/cap/tin/khong-co.xml")).status_code == 404
    with commune.work() as session:
        set_rules(session, "", {}, get_user(session, "admin"), NOW, is_feed_open=True)
    answer = await program.get("/cap/tin.atom", headers=bare)
    assert answer.status_code == 200
    again = await program.get("/cap/tin.atom", headers={**bare, "if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
