"""`python -m tests.screenshots`: every page of a commune that is at work, as a desktop and a phone show it.

A real server, two real poles that play to nowhere, bulletins in each state. The pictures go to `docs/screenshots/`.
"""

import argparse
import asyncio
import io
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from broadcast.commune_map import place_node
from broadcast.db import open_engine, session_of
from scheduler.clock import utc_now
from tests.fakes.piper_voice import VOICE_NAME, vietnamese_voice_dir
from tests.web.e2e.conftest import CHROMIUM, FLAGS, NODE, NODES, SCREENS, House, People, free_port, process
from web.demo.client import Client, Tokens
from web.demo.commune import prepare_commune

FOLDER = Path("docs/screenshots")
COLOURS = 128
NOTICE = (
    "Kính mời bà con thôn Đông 19h30 ngày 25/11 đến nhà văn hóa thôn họp bàn việc làm đường. "
    "Mỗi hộ cử 01 người đi họp. Điện thoại trưởng thôn: 0912 345 678."
)
PLACES = {"dong-1": (20.9512, 105.8121), "tay-1": (20.9478, 105.8014)}
PEOPLE = ("canbo", "lanhdao", "truongthon-dong", "quantri")
"""Each page is shown as the first of these sees it."""
MORE = {
    "canbo": ("/lich-phat/tuan", "/bao-cao", "/mau-tin", "/cum-loa/dong-1"),
    "quantri": ("/cum-loa/dong-1/tai-cho", "/hai-lop", "/nguon-tin-cap"),
}
"""What no menu names."""


def main() -> int:
    """Make all pictures."""
    parser = argparse.ArgumentParser(prog="python -m tests.screenshots", description=__doc__)
    parser.add_argument("--out", type=Path, default=FOLDER)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="loalang-screenshots-") as scratch, ExitStack() as stack:
        house, tokens = _running(Path(scratch), stack)
        broadcast = asyncio.run(_aired(house, tokens))
        browser = stack.enter_context(sync_playwright()).chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        stack.callback(browser.close)
        for screen in SCREENS:
            for name, page in _pages(house, browser, screen, broadcast):
                _keep(page.screenshot(full_page=True, animations="disabled"), out / f"{name}-{screen}.png")
                sys.stderr.write(f"· {name} ({screen})\n")
    return 0


def _running(folder: Path, stack: ExitStack) -> tuple[House, Tokens]:
    vietnamese_voice_dir(folder / "voices")
    os.environ["LOALANG_VOICE__DIRECTORY"] = str(folder / "voices")
    seeded, tokens = prepare_commune(f"sqlite:///{folder / 'loalang.sqlite3'}", folder, VOICE_NAME)
    house = House(folder, free_port(), free_port(), dict(seeded.passwords))
    stack.callback(house.stop)
    house.start()
    for node in NODES:
        box = house.pair(*node)
        _place(folder, node[0])
        stack.enter_context(process([*NODE, "run", "--data", str(box)], folder / f"{node[0]}.log"))
    return house, tokens


def _place(folder: Path, slug: str) -> None:
    engine = open_engine(f"sqlite:///{folder / 'loalang.sqlite3'}")
    with session_of(engine) as session:
        place_node(session, slug, PLACES[slug], utc_now(), "quantri")
    engine.dispose()


async def _aired(house: House, tokens: Tokens) -> str:
    """A bulletin that sounds; gives its broadcast."""
    client = Client(house.url, tokens)
    try:
        bulletin = await client.air_now("Họp thôn Đông", NOTICE, ("thon-dong",))
        return (await client.broadcasts_of(bulletin))[0]
    finally:
        await client.close()


def _pages(house: House, browser: Browser, screen: str, broadcast: str) -> Iterator[tuple[str, Page]]:
    """Each page once, with its name: what the menus lead to, and some that no menu names."""
    people, shown = People(browser, house), set[str]()
    for username in PEOPLE:
        page = people.sign_in(username, screen)
        page.goto(f"/luot-phat/{broadcast}")
        expect(page.locator("[data-node]").first).to_be_visible()
        if "/luot-phat" not in shown:
            yield "luot-phat", page
        page.goto("/")
        menu = page.locator("nav a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
        paths = [path for path in dict.fromkeys(menu) if re.fullmatch(r"/[a-z/-]*", path)]
        for path in [*paths, *MORE.get(username, ())]:
            if path not in shown:
                page.goto(path)
                yield path.strip("/").replace("/", "_") or "dang-phat", page
        shown |= {"/luot-phat", *paths, *MORE.get(username, ())}
    for context in people.contexts:
        context.close()


def _keep(picture: bytes, file: Path) -> None:
    """As small as it can be: the pictures are part of the guide."""
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(COLOURS).save(file, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
