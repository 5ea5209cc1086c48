"""`python -m tests.screenshots`: every page of a commune that is at work, as a desktop and a phone show it.

A real server, two real poles that play to nowhere, bulletins in each state; some pages also dark. The pictures go to
`docs/screenshots/`.
"""

import argparse
import io
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from broadcast.commune_map import place_node, set_outline
from broadcast.db import open_engine, session_of
from broadcast.residents import set_public
from broadcast.webhooks import WebhookDraft, add_webhook
from scheduler.clock import utc_now
from tests.broadcast.test_notify_sending import receiving
from tests.fakes.piper_voice import VOICE_NAME, vietnamese_voice_dir
from tests.web.e2e.conftest import CHROMIUM, FLAGS, NODE, NODES, SCREENS, House, People, free_port, process
from tts.voice_install import install_from
from web.demo.client import Tokens
from web.demo.commune import prepare_commune

FOLDER = Path("docs/screenshots")
COLOURS = 64
DARK = ("dang-phat", "soan", "duyet", "khan-cap")
"""What is also shown as it is at night, on the phone."""
NOTICE = (
    "Kính mời bà con thôn Đông 19h30 ngày 25/11 đến nhà văn hóa thôn họp bàn việc làm đường. "
    "Mỗi hộ cử 01 người đi họp. Điện thoại trưởng thôn: 0912 345 678."
)
LONG_NOTICE = " ".join([NOTICE] * 4)
"""Sounds while the first page is shown."""
DRAFT = "Mời bà con họp lúc 14h30 ngày 22/9/2026 tại NVH thôn, bàn việc làm 1,5 km đường. Kinh phí 250.000.000đ."
PLACES = {"dong-1": (20.9512, 105.8121), "tay-1": (20.9478, 105.8014)}
OUTLINES = {
    "thon-dong": ((20.956, 105.8075), (20.9555, 105.816), (20.947, 105.8165), (20.9465, 105.808)),
    "thon-tay": ((20.9525, 105.797), (20.953, 105.8068), (20.9455, 105.8072), (20.944, 105.798)),
}
PEOPLE = ("canbo", "lanhdao", "truongthon-dong", "quantri")
"""Each page is shown as the first of these sees it."""
MORE = {
    "canbo": (
        "/lich-phat/tuan", "/lich-phat/moi", "/24-gio-toi", "/bao-cao", "/mau-tin", "/chuong-trinh", "/ngay-dac-biet",
        "/cum-loa/dong-1", "/cong-khai",
    ),
    "quantri": (
        "/cum-loa/dong-1", "/cum-loa/dong-1/tai-cho", "/ban-do", "/ban-do/thon/thon-dong", "/thon/thon-dong",
        "/vai-tro", "/quy-tac-duyet", "/khan-cap/quy-dinh", "/hai-lop", "/ma-truy-cap", "/nguon-tin-cap", "/webhook/1",
    ),
}  # fmt: skip
"""What no menu names."""


def main() -> int:
    """Make all pictures."""
    parser = argparse.ArgumentParser(prog="python -m tests.screenshots", description=__doc__)
    parser.add_argument("--out", type=Path, default=FOLDER)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="loalang-screenshots-") as scratch, ExitStack() as stack:
        house, tokens = _running(Path(scratch), stack)
        _waiting(house, tokens)
        browser = stack.enter_context(sync_playwright()).chromium.launch(
            executable_path=CHROMIUM, args=[*FLAGS, "--lang=vi"], env={**os.environ, "LANGUAGE": "vi"}
        )
        stack.callback(browser.close)
        for screen in SCREENS:
            broadcast = _aired(house, tokens)
            for name, page in _pages(house, browser, screen, broadcast):
                _keep(_picture(page), out / f"{name}-{screen}.png")
                if name in DARK and screen == "phone":
                    page.emulate_media(color_scheme="dark")
                    _keep(_picture(page), out / f"{name}-toi.png")
                    page.emulate_media(color_scheme="light")
                sys.stderr.write(f"· {name} ({screen})\n")
    return 0


def _running(folder: Path, stack: ExitStack) -> tuple[House, Tokens]:
    install_from(vietnamese_voice_dir(folder / "source"), folder / "voices", now=utc_now())
    os.environ |= {"LOALANG_VOICE__DIRECTORY": str(folder / "voices"), "LOALANG_NOTIFY__ALLOW_INNER": "true"}
    seeded, tokens = prepare_commune(f"sqlite:///{folder / 'loalang.sqlite3'}", folder, VOICE_NAME)
    house = House(folder, free_port(), free_port(), dict(seeded.passwords))
    stack.callback(house.stop)
    house.start()
    for node in NODES:
        box = house.pair(*node)
        _place(folder, node[0])
        stack.enter_context(process([*NODE, "run", "--data", str(box)], folder / f"{node[0]}.log"))
    _tell(folder, stack.enter_context(receiving()).url)
    return house, tokens


def _place(folder: Path, slug: str) -> None:
    engine = open_engine(f"sqlite:///{folder / 'loalang.sqlite3'}")
    with session_of(engine) as session:
        place_node(session, slug, PLACES[slug], utc_now(), "quantri")
        for village, outline in OUTLINES.items():
            set_outline(session, village, outline, utc_now(), "quantri")
        set_public(session, utc_now(), "quantri", is_public=True)
    engine.dispose()


def _tell(folder: Path, url: str) -> None:
    """A program that is told of alarms."""
    engine = open_engine(f"sqlite:///{folder / 'loalang.sqlite3'}")
    with session_of(engine) as session:
        add_webhook(session, WebhookDraft("Phòng trực ban", url), utc_now(), "quantri", allows_inner=True)
    engine.dispose()


def _waiting(house: House, tokens: Tokens) -> None:
    """A bulletin that waits for the leader, and a resident's word."""
    with _http(house) as http:
        headers = {"authorization": f"Bearer {tokens.officer}"}
        noon = (utc_now() + timedelta(days=1)).replace(hour=10, minute=0, second=0, microsecond=0)
        body = {"title": "Tiêm phòng dại", "script": NOTICE, "zones": ["thon-tay"], "airs_at": noon.isoformat()}
        bulletin = http.post("/api/bulletins", json=body, headers=headers).raise_for_status().json()["id"]
        http.post(f"/api/bulletins/{bulletin}/submit", json={}, headers=headers).raise_for_status()
        said = {"kind": "too-loud", "loa": "dong-1", "words": "Sáng sớm loa to quá, nhà có cháu nhỏ."}
        for word in ({"written": "Nà Lạc", "spoken": "nà lác"}, {"written": "HTX", "spoken": "hợp tác xã"}):
            http.post("/api/lexicon", json=word, headers=headers).raise_for_status()
        http.post("/cong-khai/gop-y", data=said, follow_redirects=True).raise_for_status()


def _aired(house: House, tokens: Tokens) -> str:
    """A bulletin that sounds; gives its broadcast."""
    officer, leader = ({"authorization": f"Bearer {token}"} for token in (tokens.officer, tokens.leader))
    with _http(house) as http:
        body = {"title": "Họp thôn Đông", "script": LONG_NOTICE, "zones": ["thon-dong"], "airs_now": True}
        bulletin = http.post("/api/bulletins", json=body, headers=officer).raise_for_status().json()["id"]
        http.post(f"/api/bulletins/{bulletin}/submit", json={}, headers=officer).raise_for_status()
        http.post(f"/api/bulletins/{bulletin}/approve", json={"revision": 1}, headers=leader).raise_for_status()
        answer = http.get(f"/api/bulletins/{bulletin}", headers=officer).raise_for_status()
    return str(answer.json()["broadcasts"][0])


def _http(house: House) -> httpx.Client:
    return httpx.Client(base_url=house.url, trust_env=False, timeout=60)


def _pages(house: House, browser: Browser, screen: str, broadcast: str) -> Iterator[tuple[str, Page]]:
    """Each page once, with its name: what the menus lead to, and some that no menu names."""
    people, shown = People(browser, house), set[str]()
    page = people.open(screen)
    page.goto("/dang-nhap")
    yield "dang-nhap", page
    for username in PEOPLE:
        page = people.sign_in(username, screen)
        page.goto("/")
        menu = page.locator("nav a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
        paths = [path for path in dict.fromkeys(menu) if re.fullmatch(r"/[a-z/-]*", path)]
        if username == PEOPLE[0]:
            expect(page.locator("article.live")).to_be_visible(timeout=400_000)
            expect(page.locator('[data-map="watch"][data-ready]')).to_be_visible()
            yield "dang-phat", page
            page.goto(f"/luot-phat/{broadcast}")
            yield "luot-phat", page
            expect(page.locator("[data-node]", has_text="Đã phát")).to_be_visible(timeout=180_000)
            shown |= {"/", "/luot-phat"}
        for path in [*paths, *MORE.get(username, ())]:
            if path not in shown or (username, path) == ("quantri", "/cum-loa/dong-1"):
                page.goto(path)
                if path == "/soan":
                    _write(page)
                yield path.strip("/").replace("/", "_"), page
        shown |= {*paths, *MORE.get(username, ())}
    for context in people.contexts:
        context.close()


def _write(page: Page) -> None:
    """Half a bulletin, with a place that is looked at."""
    page.get_by_label("Tiêu đề").fill("Họp làm đường")
    page.get_by_label("Nội dung bản tin").fill(DRAFT)
    page.get_by_label("Thôn Đông").check()
    page.get_by_label("Ngay sau khi duyệt").check()
    expect(page.locator("#cost [data-days]")).to_be_visible()
    page.locator("#reading mark", has_text="NVH").click()
    expect(page.locator("#choice")).to_be_visible()


def _picture(page: Page) -> bytes:
    """All of it: the screen is made as high as the page, so that what sticks to an edge hides nothing."""
    size = page.viewport_size or {"width": 1280, "height": 860}
    page.evaluate("scrollTo(0, 0)")
    height = int(page.evaluate("document.documentElement.scrollHeight"))
    page.set_viewport_size({"width": size["width"], "height": max(size["height"], height)})
    picture = page.screenshot(animations="disabled")
    page.set_viewport_size(size)
    return picture


def _keep(picture: bytes, file: Path) -> None:
    """As small as it can be: the pictures are part of the guide."""
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(COLOURS).save(file, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
