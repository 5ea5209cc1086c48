"""Who approves: set and shown on pages and by programs; a deputy's way; approving after hearing."""

from datetime import timedelta

import pytest

from tests.web.conftest import Browser, Clock, Programs, SignIn
from tests.web.test_bulletin_pages import write

APPROVE = 'form:has(button[value="approve"])'


async def set_rule(browser: Browser, **roles: list[str]) -> None:
    await browser.get("/quy-tac-duyet")
    await browser.send("#rules", "act=save", **roles)


async def test_a_rule_is_set_shown_and_followed(browse: SignIn) -> None:
    admin, officer, other = await browse("admin"), await browse("officer"), await browse("officer2")
    await other.get("/duyet")
    assert other.answer.status_code == 403
    await set_rule(admin, normal=["officer", "administrator"])
    assert admin.text("[role=status]") == "Đã lưu quy tắc duyệt."
    assert admin.text('[data-approvers="normal"]') == "Hiện nay: Bà admin, Bà officer, Bà officer2."
    await officer.get("/soan")
    assert "Ai duyệt tin thông thường : Bà admin, Bà officer2." in officer.text("[data-approvers]")
    assert "Ai duyệt tin ưu tiên : Bà leader." in officer.text("[data-approvers]")
    bulletin = await write(officer)
    assert officer.text("dd[data-approvers]") == "Bà admin, Bà officer2"
    assert other.page.css_first('nav a[href="/duyet"]') is None
    await other.get("/duyet")
    assert "Họp thôn" in other.text("main .card")
    assert other.page.css_first('nav a[href="/duyet"]') is not None
    await other.get(f"/ban-tin/{bulletin}")
    await other.send(APPROVE, "act=approve", heard="yes")
    assert other.path == "/duyet"
    leader = await browse("leader")
    await leader.get(f"/ban-tin/{bulletin}")
    assert "Bà officer2" in leader.text(".facts")


async def test_what_a_leader_may_not_approve_any_more_is_not_offered(browse: SignIn) -> None:
    leader, officer = await browse("leader"), await browse("officer")
    await set_rule(leader, normal=["administrator"])
    normal, priority = await write(officer), await write(officer, urgency="priority")
    await leader.get("/duyet")
    assert [one.attributes["data-bulletin"] for one in leader.page.css("[data-bulletin]")] == [priority]
    await leader.get(f"/ban-tin/{normal}")
    assert leader.page.css_first('button[value="approve"]') is None


@pytest.mark.parametrize("roles", [[], ["village-head"], ["king"]])
async def test_a_rule_that_cannot_be_is_refused_beside_it(browse: SignIn, roles: list[str]) -> None:
    admin = await browse("admin")
    await set_rule(admin, priority=roles)
    assert admin.answer.status_code == 422
    assert admin.text("#error-priority")


async def test_an_administrator_who_approves_reads_bulletins(browse: SignIn) -> None:
    admin, officer = await browse("admin"), await browse("officer")
    bulletin = await write(officer)
    await admin.get(f"/ban-tin/{bulletin}")
    assert admin.answer.status_code == 403
    await set_rule(admin, normal=["administrator"])
    await admin.get(f"/ban-tin/{bulletin}")
    await admin.send(APPROVE, "act=approve", heard="yes")
    assert admin.text('[role="status"].note').startswith("Đã duyệt.")


async def test_approving_asks_whether_it_was_heard(browse: SignIn) -> None:
    officer, leader = await browse("officer"), await browse("leader")
    first, second = await write(officer), await write(officer)
    await leader.get(f"/ban-tin/{first}")
    await leader.send(APPROVE, "act=approve")
    assert leader.answer.status_code == 422
    assert leader.text("#error-heard").startswith("Hãy nghe bản tin")
    await leader.send(APPROVE, "act=approve", heard="yes")
    await leader.get(f"/ban-tin/{first}")
    assert "đã nghe" in leader.text(".facts")
    await leader.get(f"/ban-tin/{second}")
    await leader.send(APPROVE, "act=approve-unheard")
    await leader.get(f"/ban-tin/{second}")
    assert "chưa nghe" in leader.text(".facts")


async def test_a_leader_who_is_away_names_a_deputy(browse: SignIn, clock: Clock) -> None:
    leader, officer, other = await browse("leader"), await browse("officer"), await browse("officer2")
    await leader.get("/quy-tac-duyet")
    await leader.send("#delegate", "act=delegate", deputy="officer2", until_on="2026-09-01")
    assert leader.text("#error-until_on").startswith("Chọn ngày cuối")
    await leader.send("#delegate", "act=delegate", deputy="officer2", until_on="2026-09-24")
    assert "Bà officer2 duyệt thay Bà leader" in leader.text("[data-delegation]")
    bulletin = await write(officer)
    await other.get("/duyet")
    assert "Bạn duyệt thay Bà leader đến hết ngày 24/09/2026" in other.text(".note")
    await other.get(f"/ban-tin/{bulletin}")
    await other.send(APPROVE, "act=approve", heard="yes")
    await officer.get(f"/ban-tin/{bulletin}")
    assert "Bà officer2 (thay Bà leader)" in officer.text(".facts")
    clock.pass_time(timedelta(days=3))
    await other.http.get("/")
    assert (await other.http.get("/duyet")).status_code in {403, 303}


async def test_a_delegation_is_ended_on_the_page(browse: SignIn) -> None:
    leader, other = await browse("leader"), await browse("officer2")
    await leader.get("/quy-tac-duyet")
    await leader.send("#delegate", "act=delegate", deputy="officer2", until_on="2026-09-24")
    await other.get("/duyet")
    await other.press('button[formaction^="/uy-quyen/"]')
    assert other.text('[role="status"].note') == "Đã kết thúc ủy quyền."
    await leader.get("/quy-tac-duyet")
    assert leader.page.css_first("[data-delegation]") is None


async def test_programs_read_and_set_it_too(api: Programs) -> None:
    leader, officer = api("leader"), api("officer")
    rules = {"normal": ["leader", "officer"], "priority": ["leader"]}
    assert (await leader.put("/api/approval-rules", json=rules)).status_code == 200
    got = (await officer.get("/api/approval-rules")).json()
    assert {name: sorted(roles) for name, roles in got.items()} == rules
    made = await leader.post("/api/delegations", json={"deputy": "officer2", "until_on": "2026-09-24"})
    assert made.status_code == 201
    assert (await officer.get("/api/delegations")).json() == {"delegations": [made.json()]}
    address = f"/api/delegations/{made.json()['id']}"
    assert (await officer.delete(address)).status_code == 403
    assert (await leader.delete(address)).status_code == 204
    assert (await leader.delete(address)).json()["error"]["code"] == "already-ended"
