"""From a template to a bulletin in the form, without JavaScript; the commune's own templates; the same for programs."""

from tests.web.conftest import Browser, Programs, SignIn
from web.navigation import NOTICES


async def open_named(browser: Browser, name: str) -> None:
    await browser.get("/mau-tin")
    link = next(one for one in browser.page.css("[data-template] a") if one.text() == name)
    await browser.get(link.attributes["href"] or "")


async def test_a_template_is_filled_and_opens_in_the_form(browse: SignIn) -> None:
    officer = await browse("officer")
    await officer.get("/soan")
    assert officer.page.css_first('.head a[href="/mau-tin"]') is not None
    await open_named(officer, "Phun thuốc diệt muỗi")
    labels = [label.text() for label in officer.page.css("#fill label")]
    assert labels == ["Khu vực", "Từ giờ", "Đến giờ", "Ngày phun", "Số phút"]
    assert officer.attributes("#slot-2")["type"] == "time"
    assert officer.attributes("#slot-4")["type"] == "date"
    values = {"slot-1": "thôn Tây", "slot-2": "05:00", "slot-3": "08:00", "slot-4": "2026-10-01"}
    await officer.send("#fill", **values, **{"slot-5": "nhiều"})
    assert officer.answer.status_code == 422
    assert "cần một số" in officer.text("#error-5")
    assert officer.attributes("#slot-1")["value"] == "thôn Tây"
    await officer.send("#fill", **{"slot-5": "45"})
    assert officer.path.startswith("/soan/")
    assert officer.text("[role=status]") == NOTICES["da-dien-mau"]
    assert officer.attributes("#title")["value"] == "Phun thuốc diệt muỗi thứ năm, ngày 1/10/2026"
    assert "từ 5 giờ đến 8 giờ, thứ năm, ngày 1/10/2026" in officer.text("#script")
    assert "năm giờ" in officer.text("#reading .reading")
    await officer.send("#compose", "act=submit", zones=["thon-tay"], when="now")
    assert "Chờ duyệt" in officer.text(".head")


async def test_a_commune_adds_changes_and_removes_its_own(browse: SignIn) -> None:
    officer, other = await browse("officer"), await browse("officer2")
    await officer.get("/mau-tin/moi")
    await officer.send("#template", "act=save", name="Họp tổ", title="Họp tổ {tổ: số}", script="Lúc {giờ: phút}.")
    assert officer.answer.status_code == 422
    assert "Không có loại ô “phút”" in officer.text("#error-script")
    assert officer.attributes("#title")["value"] == "Họp tổ {tổ: số}"
    await officer.send("#template", "act=save", script="Lúc {giờ: giờ}.")
    await open_named(officer, "Họp tổ")
    change = officer.path + "/sua"
    await officer.get(change)
    await other.get(change)
    await officer.send("#template", "act=save", script="Lúc {giờ họp: giờ}.")
    await other.send("#template", "act=save", script="Tối nay.")
    assert other.answer.status_code == 409
    assert other.text("#script") == "Tối nay."
    await officer.get(change)
    await officer.send("#template", "act=remove")
    assert "Họp tổ" not in officer.text("main .card")
    await other.get(change)
    assert other.answer.status_code == 404


async def test_programs_fill_templates_too(api: Programs) -> None:
    officer = api("officer")
    body = {"name": "Họp", "title": "Họp {thôn: nơi}", "script": "Lúc {giờ: giờ}.", "urgency": "priority"}
    made = (await officer.post("/api/templates", json=body)).json()
    assert made["slots"] == [
        {"name": "giờ", "kind": "giờ", "is_optional": False},
        {"name": "thôn", "kind": "nơi", "is_optional": False},
    ]
    address = f"/api/templates/{made['id']}"
    wrong = await officer.post(f"{address}/bulletins", json={"values": {"giờ": "25:00", "thôn": "thôn Đông"}})
    assert (wrong.status_code, wrong.json()["error"]["field"]) == (422, "giờ")
    draft = await officer.post(f"{address}/bulletins", json={"values": {"giờ": "19:30", "thôn": "thôn Đông"}})
    assert draft.status_code == 201
    assert {name: draft.json()[name] for name in ("title", "script", "urgency", "state")} == {
        "title": "Họp thôn Đông", "script": "Lúc 19 giờ 30 phút.", "urgency": "priority", "state": "draft",
    }  # fmt: skip
    assert (await officer.put(address, json={**body, "name": "Họp thôn", "revision": 1})).json()["revision"] == 2
    assert (await officer.delete(address)).status_code == 204
    assert (await officer.get(address)).status_code == 404
