"""The inbox and the sources, on pages without JavaScript and for programs; the server asks its sources by itself."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

from fastapi import FastAPI

from broadcast.bulletins import submit_bulletin, write_bulletin
from broadcast.communes import get_commune
from broadcast.inbox import take_item
from broadcast.models import SourceKind
from broadcast.programmes import create_programme
from broadcast.sources import Item
from broadcast.sources_kept import SecretFiles, SourceDraft, add_source, get_source
from broadcast.users import get_user
from players.messages import Urgency
from tests.web.conftest import NOW, Commune, Programs, SignIn

FORM = {"slug": "tinh", "name": "Đài tỉnh", "officer": "officer", "leader": "leader"}


def item(id_: str, **changed: object) -> Item:
    said = {"format": "loalang-item/1", "id": id_, "title": f"Tin {id_}", "text": f"Nội dung {id_}.", **changed}
    return Item.model_validate(said)


def receive(commune: Commune, *items: Item, programme: int | None = None) -> None:
    draft = SourceDraft(
        name="Đài tỉnh", kind=SourceKind.FOLDER, address="/khong-co", officer="officer", leader="leader",
        programme_id=programme,
    )  # fmt: skip
    files = SecretFiles(commune.settings.sources_dir)
    with commune.work() as session:
        add_source(session, "tinh", draft, files, get_user(session, "admin"), NOW)
        for one in items:
            take_item(session, get_source(session, "tinh"), one, NOW)


async def test_an_item_is_chosen_and_another_put_aside(browse: SignIn, commune: Commune) -> None:
    receive(commune, item("a", zones=["thon-tay"]), item("b"))
    officer = await browse("officer")
    await officer.get("/hop-thu")
    assert [one.text() for one in officer.page.css("[data-item] h2")] == ["Tin b", "Tin a"]
    await officer.send('[data-item="2"] form.sheet', "act=set-aside", reason="")
    assert officer.answer.status_code == 422
    assert officer.text("#error-2") == "Chưa nhập nội dung."
    await officer.send('[data-item="2"] form.sheet', "act=set-aside", reason="Không thuộc xã.")
    assert "Không thuộc xã." in officer.text('[data-done="2"]')
    await officer.send('[data-item="1"] form.acts', "act=choose")
    assert officer.path.startswith("/soan/")
    assert officer.text("#script") == "Nội dung a."
    assert "checked" in officer.attributes('input[value="thon-tay"]')
    await officer.get(officer.path.replace("/soan/", "/ban-tin/"))
    assert officer.text("[data-source]") == "Đài tỉnh (a, lần 1)"


async def test_the_order_of_two_of_priority_is_chosen(browse: SignIn, commune: Commune) -> None:
    with commune.work() as session:
        here = get_commune(session)
        programme = create_programme(session, here, name="Sáng", greeting="", closing="", now=NOW, actor="officer")
        session.flush()
        author, programme_id = get_user(session, "officer2"), programme.id or 0
        own = write_bulletin(
            session, author, title="Của xã", script="Xã.", zones=["thon-dong"], urgency=Urgency.PRIORITY,
            programmes=[programme_id], now=NOW,
        )  # fmt: skip
        submit_bulletin(session, own.id, author, NOW)
    receive(commune, item("a", urgency="priority"), programme=programme_id)
    officer = await browse("officer")
    await officer.get("/hop-thu")
    assert "Chưa ai chọn: đọc tin của xã trước." in officer.text("[data-clash]")
    await officer.send("[data-clash] form", "act=source-first")
    assert "Đã chọn: tin của nguồn trước." in officer.text("[data-clash]")


async def test_a_source_is_set_up_and_its_trouble_shown(browse: SignIn, commune: Commune, tmp_path: Path) -> None:
    admin = await browse("admin")
    await admin.get("/nguon-tin/moi")
    await admin.send("#source", **FORM, kind="http", address="http://tinh.vn/tin")
    assert admin.answer.status_code == 422
    assert "https://" in admin.text("#error-address")
    await admin.send("#source", kind="http", address="http://tinh.vn/tin", secret="mot-khoa-chung-dai", is_active=[])
    assert "Tạm ngừng" in admin.text('[data-source="tinh"]')
    await admin.get("/nguon-tin/tinh")
    assert admin.attributes("#secret").get("value", "") == ""
    assert "mot-khoa" not in admin.answer.text
    await admin.send("#source", name="Tỉnh ta")
    assert SecretFiles(commune.settings.sources_dir).load("tinh").secret == "mot-khoa-chung-dai"
    await admin.get("/nguon-tin/tinh")
    await admin.send("#source", kind="folder", address=str(tmp_path / "chua-co"), is_active="1", new_secrets="1")
    assert SecretFiles(commune.settings.sources_dir).load("tinh").secret == ""


async def test_the_server_asks_its_sources_by_itself(app: FastAPI, browse: SignIn, tmp_path: Path) -> None:
    folder = tmp_path / "tin"
    folder.mkdir()
    (folder / "1.json").write_text(item("a").model_dump_json())
    (folder / "2.json").write_text("{")
    admin, officer = await browse("admin"), await browse("officer")
    await admin.get("/nguon-tin/moi")
    await admin.send("#source", **FORM, kind="folder", address=str(folder))
    async with asyncio.timeout(120):
        while not admin.page.css_first('[data-source="tinh"] .tone-good'):
            await app.state.station.next_change(timedelta(seconds=0.2))
            await admin.get("/nguon-tin")
    await officer.get("/hop-thu")
    assert "Tin a" in officer.text("[data-item]")
    assert "2.json: Nội dung không phải JSON" in officer.text("[data-done]")


async def test_programs_read_the_inbox_and_set_sources(api: Programs, commune: Commune) -> None:
    receive(commune, item("a"), item("b"))
    officer, admin = api("officer"), api("admin")
    got = (await officer.get("/api/inbox")).json()["items"]
    assert [(one["source"], one["item"], one["state"]) for one in got] == [
        ("tinh", "b", "waiting"), ("tinh", "a", "waiting"),
    ]  # fmt: skip
    draft = await officer.post(f"/api/inbox/{got[0]['id']}/choose")
    assert (draft.status_code, draft.json()["title"]) == (201, "Tin b")
    aside = await officer.post(f"/api/inbox/{got[1]['id']}/set-aside", json={"reason": "Không hợp."})
    assert (aside.json()["state"], aside.json()["reason"]) == ("set-aside", "Không hợp.")
    order = await officer.post(f"/api/inbox/{got[1]['id']}/order", json={"order": "own-first"})
    assert (order.status_code, order.json()["error"]["code"]) == (409, "no-clash")
    assert (await officer.get("/api/inbox/clashes")).json() == {"items": []}
    body = {"name": "B", "kind": "http", "address": "https://b.vn/tin", "officer": "officer", "leader": "admin"}
    made = await admin.post("/api/sources", json={**body, "slug": "b", "token": "bi-mat"})
    assert made.status_code == 201
    assert "bi-mat" not in json.dumps(made.json())
    assert (await admin.put("/api/sources/b", json={**body, "is_active": False})).json()["is_active"] is False
    assert [one["slug"] for one in (await admin.get("/api/sources")).json()["sources"]] == ["b", "tinh"]
