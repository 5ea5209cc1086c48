"""What the phone does with presses that did not get through: the page's own modules in Chromium.

The server here answers what a test has it answer, as the real one can: so that each way to fail is had at will.
"""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Request, Route, expect

from web.pages.emergency_app import show_offline
from web.templating import STATIC

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]
SITE = "https://xa.test"
START = datetime.fromisoformat("2026-11-23T22:00:00+07:00")
FIELDS = {"csrf": "c", "key": "k", "kind": "alert", "text": "", "template": "lu", "follows": "", "drill": ""}
HIDDEN = "".join(f'<input type="hidden" name="{n}" value="{v}">' for n, v in {**FIELDS, "zones": "thon-dong"}.items())
PAGE = f"""<!doctype html><meta charset="utf-8"><title>Khẩn cấp</title><script src="/static/loalang.js"></script>
<script src="/static/emergency.js" type="module"></script>
<div id="act"><input type="hidden" name="csrf" value="c"></div>
<main data-app data-user="truong"><div id="press-state" hidden></div>
<form method="post" action="/khan-cap" data-press data-said="Lũ">{HIDDEN}
<button class="alarm hold" type="submit">PHÁT NGAY<small></small></button></form></main>"""
Answer = tuple[int, dict[str, Any]] | None
"""Status and JSON; none: there is no network."""


def refused(status: int, code: str, message: str) -> Answer:
    return status, {"error": {"code": code, "message": message, "field": None}}


def taken(key: str) -> Answer:
    return 201, {"state": "raised", "press": f"x-{key}", "broadcast": f"x-{key}"}


class Phone:
    """A phone with the page open, and what its server heard."""

    def __init__(self, context: BrowserContext) -> None:
        self.page = context.new_page()
        self.answer: Callable[[str], Answer] = lambda _: None
        self.asked: list[str] = []
        self.plain: list[str] = []
        context.route("**/*", self._serve)

    def open(self, *kept: dict[str, Any]) -> None:
        """The confirmation page, with presses from before in the phone's memory."""
        self.page.clock.install(time=START)
        self.page.goto(f"{SITE}/static/icon.svg")
        self.page.evaluate("(kept) => localStorage.setItem('loalang.presses', JSON.stringify(kept))", list(kept))
        self.page.goto(f"{SITE}/khan-cap/xem-truoc")

    def hold(self) -> str:
        """Press; the key of the press."""
        key = str(self.page.locator("[name=key]").input_value())
        button = self.page.locator("button.hold")
        button.dispatch_event("pointerdown", {"isPrimary": True, "button": 0})
        self.page.clock.run_for(1300)
        return key

    def pass_time(self, length: timedelta) -> None:
        self.page.clock.run_for(round(length.total_seconds() * 1000))

    @property
    def kept(self) -> list[str]:
        return [
            press["body"]["key"] for press in json.loads(self.page.evaluate("localStorage.getItem('loalang.presses')"))
        ]

    @property
    def said(self) -> Any:
        return expect(self.page.locator("#press-state"))

    def _serve(self, route: Route, request: Request) -> None:
        path = request.url.removeprefix(SITE).partition("?")[0]
        if path.startswith("/static/"):
            route.fulfill(path=STATIC / path.removeprefix("/static/"))
        elif path == "/api/emergencies":
            key = json.loads(request.post_data or "")["key"]
            self.asked.append(key)
            answer = self.answer(key)
            route.abort() if answer is None else route.fulfill(status=answer[0], json=answer[1])
        elif path == "/khan-cap/ngoai-tuyen":
            route.fulfill(body=bytes(show_offline().body), content_type="text/html; charset=utf-8")
        elif request.method == "POST":
            self.plain.append(request.post_data or "")
            route.fulfill(body="Đã nhận bằng biểu mẫu", content_type="text/plain; charset=utf-8")
        else:
            route.fulfill(body=PAGE if "xem-truoc" in path else f"<title>{path}</title>", content_type="text/html")


@pytest.fixture
def phone(chromium: Browser) -> Iterator[Phone]:
    context = chromium.new_context(locale="vi-VN")
    context.set_default_timeout(20_000)
    yield Phone(context)
    context.close()


def before(key: str, age: timedelta) -> dict[str, Any]:
    """A press that the phone kept."""
    pressed_at = (START - age).timestamp() * 1000
    return {"body": {"key": key}, "said": f"Bão {key}", "user": "truong", "pressedAt": pressed_at}


MINUTE = timedelta(minutes=1)


def test_a_new_press_is_sent_while_an_older_one_always_fails(phone: Phone) -> None:
    phone.answer = lambda key: refused(507, "disk-full", "Ổ đĩa của máy chủ đã đầy.") if key == "old" else taken(key)
    phone.open(before("old", MINUTE))
    phone.said.to_contain_text("Ổ đĩa của máy chủ đã đầy.")
    new = phone.hold()
    expect(phone.page).to_have_title(f"/khan-cap/luot/x-{new}")
    assert phone.kept == ["old"]
    assert phone.asked.index(new) > 0


def test_only_the_forms_own_press_brings_back_the_button_when_it_is_refused(phone: Phone) -> None:
    phone.open(before("old", MINUTE))
    phone.said.to_contain_text("Đang gửi")
    new = phone.hold()
    expect(phone.page.locator("form")).to_be_hidden()
    phone.answer = lambda key: refused(403, "pin-wrong", "Mã PIN không đúng.") if key == "old" else None
    phone.pass_time(timedelta(seconds=10))
    phone.said.to_contain_text("“Bão old” Không gửi được: Mã PIN không đúng.")
    phone.said.to_contain_text("“Lũ” Đang gửi…")
    expect(phone.page.locator("form")).to_be_hidden()
    assert phone.kept == [new]
    phone.answer = lambda _: refused(403, "pin-wrong", "Mã PIN không đúng.")
    phone.pass_time(timedelta(seconds=10))
    expect(phone.page.locator("form")).to_be_visible()
    assert phone.kept == []
    assert phone.page.locator("[name=key]").input_value() != new


def test_a_press_of_last_night_is_asked_about_when_the_line_is_back(phone: Phone) -> None:
    phone.open()
    key = phone.hold()
    phone.said.to_contain_text("Đang gửi")
    sent = len(phone.asked)
    phone.page.context.set_offline(True)
    phone.page.clock.fast_forward(round(timedelta(hours=7.5).total_seconds() * 1000))
    phone.answer = taken
    phone.page.context.set_offline(False)
    phone.page.evaluate("dispatchEvent(new Event('online'))")
    phone.said.to_contain_text("Có một tin bấm trước đây chưa gửi được: “Lũ”.")
    assert phone.kept == [key]
    assert len(phone.asked) <= sent + 1
    phone.page.get_by_role("button", name="Gửi ngay").click()
    expect(phone.page).to_have_title(f"/khan-cap/luot/x-{key}")


def test_what_is_asked_about_is_asked_again_when_its_answer_grew_old_too(phone: Phone) -> None:
    phone.open(before("old", timedelta(hours=1)))
    phone.page.get_by_role("button", name="Gửi ngay").click()
    phone.said.to_contain_text("Đang gửi")
    phone.page.clock.fast_forward(3600_000)
    phone.said.to_contain_text("Có một tin bấm trước đây chưa gửi được")


@pytest.mark.parametrize(
    "lacks",
    [
        "delete AbortSignal.timeout",
        "delete AbortSignal.timeout; delete Array.prototype.findLast; delete Array.prototype.at",
    ],
)
def test_an_older_browser_sends_by_script_as_well(phone: Phone, lacks: str) -> None:
    phone.page.add_init_script(lacks)
    phone.answer = taken
    phone.open()
    key = phone.hold()
    expect(phone.page).to_have_title(f"/khan-cap/luot/x-{key}")


@pytest.mark.parametrize(
    "fault",
    [
        "delete globalThis.AbortController",
        "globalThis.fetch = undefined",
        """const set = Storage.prototype.setItem;
        Storage.prototype.setItem = function (key, value) {
          if (value.includes('"Lũ"')) throw new DOMException("full", "QuotaExceededError");
          return set.call(this, key, value);
        }""",
    ],
    ids=["no AbortController", "no fetch", "memory full"],
)
def test_what_the_script_cannot_do_the_form_does(phone: Phone, fault: str) -> None:
    phone.page.add_init_script(fault)
    phone.open()
    key = phone.hold()
    expect(phone.page.locator("body")).to_have_text("Đã nhận bằng biểu mẫu")
    assert phone.asked == []
    assert [f"key={key}" in body for body in phone.plain] == [True]
    assert phone.kept == []


def test_a_request_that_cannot_be_read_is_refused_not_tried_for_ever(phone: Phone) -> None:
    phone.answer = lambda _: refused(400, "bad-request", "Yêu cầu không đọc được.")
    phone.open()
    phone.hold()
    phone.said.to_have_text("Không gửi được: Yêu cầu không đọc được.")
    expect(phone.page.locator("form")).to_be_visible()
    assert len(phone.asked) == 1


def test_without_a_network_a_village_and_a_pin_are_asked_for_before_anything_is_kept(phone: Phone) -> None:
    zones = [{"slug": "thon-dong", "name": "Thôn Đông"}, {"slug": "thon-tay", "name": "Thôn Tây"}]
    message = {"key": "lu", "title": "Lũ", "said": "Lũ về.", "needs_pin": True}
    board = {"username": "truong", "zones": zones, "messages": [message]}
    phone.open()
    phone.page.evaluate("(board) => localStorage.setItem('loalang.board', JSON.stringify(board))", board)
    phone.page.goto(f"{SITE}/khan-cap/ngoai-tuyen")
    phone.page.get_by_role("button", name="Lũ").click()
    phone.hold()
    assert phone.kept == [], "no village, no PIN"
    phone.page.get_by_label("Thôn Tây").check()
    phone.hold()
    assert phone.kept == [], "no PIN"
    phone.page.locator("#pin").fill("408173")
    key = phone.hold()
    assert phone.kept == [key]
