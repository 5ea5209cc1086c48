"""`python -m tests.bench.bench_pages`: what the pages cost a browser, at a real server. Closes with one JSON line.

- weight: each page of each role's menu, opened for the first time: bytes as they come over the wire.
- readiness: the same with the processor slowed four times: when its document and all its modules are there.
- sight: how long after a real pole begins or ends to sound the open first page shows it, by both clocks (one machine).
- memory: the first page stays open while many light poles sound short bulletins one after another; its JavaScript heap
  after a forced collection of garbage, and its DOM nodes. In `--minutes` it sees more changes than a commune has in an
  hour (`CHANGES_AN_HOUR` a pole).

Raw evidence lies in `bench-out/pages/`.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, CDPSession, Page, expect, sync_playwright

from tests.web.e2e.conftest import CHROMIUM, FLAGS, NODE, House, People, free_port, process
from web.demo.client import Tokens
from web.demo.commune import prepare_commune

PEOPLE = ("canbo", "lanhdao", "truongthon-dong", "quantri")
MORE = ("/cong-khai", "/cum-loa/dong-1", "/lich-phat/tuan", "/bao-cao", "/24-gio-toi", "/them")
LIMITS = {
    "heaviest_page_kb": 150.0, "ready_max_ms": 1000, "change_on_screen_max_s": 1.0, "now_heap_growth_mb": 1.0,
}  # fmt: skip
SLOWED = 4
AIRINGS = 6
CHANGES_AN_HOUR = 60
"""Of one pole: a bulletin every two minutes, each of which begins and ends."""
SAMPLE_EVERY_S = 60.0
STILL_OPEN = {"pending", "cued", "playing"}
NOTICE = "Mời bà con họp thôn tối nay."
_WATCH = """slug => {
  window.seen = [];
  let last;
  const look = () => {
    const sign = document.querySelector(`.pole[data-node="${slug}"]`)?.dataset.sign;
    if (sign !== last) window.seen.push([last = sign, Date.now()]);
  };
  new MutationObserver(look).observe(document.body, {subtree: true, childList: true, attributes: true});
  look();
}"""


@dataclass(frozen=True, slots=True)
class Opened:
    """A page that was opened for the first time: its weight, and when it was ready on a slow processor."""

    username: str
    path: str
    bytes: int
    ready_ms: float


def main() -> int:
    """Measure; the exit status is 0 when every limit was kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bench_pages", description=__doc__)
    parser.add_argument("--nodes", type=int, default=200, help="light poles of the part on memory")
    parser.add_argument("--minutes", type=float, default=20.0, help="how long that part lasts; 0 leaves it out")
    parser.add_argument("--out", type=Path, default=Path("bench-out/pages"))
    parser.add_argument("--only-memory", action="store_true", help="only that part")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="loalang-pages-") as scratch, ExitStack() as stack:
        house, tokens = _running(Path(scratch), stack)
        browser = stack.enter_context(sync_playwright()).chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        stack.callback(browser.close)
        people = People(browser, house)
        if not options.only_memory:
            figures |= _first_sight(people, tokens, options.out)
        if options.minutes:
            _light_poles(stack, house, tokens, options.nodes)
            samples = _memory(people, tokens, options.minutes * 60)
            _keep(options.out / "memory.jsonl", samples)
            figures["now_heap_growth_mb"] = growth_mb([float(one["heap_mb"]) for one in samples])
            figures["now_hours_of_changes"] = round(samples[-1]["changes"] / CHANGES_AN_HOUR, 1)
    broken = [name for name, limit in LIMITS.items() if figures.get(name, 0) > limit]
    sys.stderr.write("".join(f"not kept: {one}\n" for one in broken))
    sys.stdout.write(json.dumps(figures) + "\n")
    return 1 if broken else 0


def _first_sight(people: People, tokens: Tokens, out: Path) -> dict[str, Any]:
    opened = list(_opened(people))
    _keep(out / "opened.jsonl", [asdict(one) for one in opened])
    sights = _sights(people, tokens)
    _keep(out / "sights.jsonl", sights)
    return {
        "heaviest_page_kb": round(max(one.bytes for one in opened) / 1000, 1),
        "ready_max_ms": round(max(one.ready_ms for one in opened)),
        "change_on_screen_max_s": round(max(float(one["late_s"]) for one in sights), 3),
    }


def growth_mb(heaps: Sequence[float]) -> float:
    """From the second quarter, when all is warm, to the last: the difference of their middles."""
    quarter = max(1, len(heaps) // 4)
    return round(statistics.median(heaps[-quarter:]) - statistics.median(heaps[quarter : 2 * quarter] or heaps), 3)


def _running(folder: Path, stack: ExitStack) -> tuple[House, Tokens]:
    seeded, tokens = prepare_commune(f"sqlite:///{folder / 'loalang.sqlite3'}", folder, "espeak-ng")
    house = House(folder, free_port(), free_port(), dict(seeded.passwords))
    stack.callback(house.stop)
    house.start()
    box = house.pair("dong-1", "Cột đầu thôn Đông", "thon-dong")
    stack.enter_context(process([*NODE, "run", "--data", str(box)], folder / "dong-1.log"))
    return house, tokens


def _opened(people: People) -> Iterator[Opened]:
    for username in PEOPLE:
        signed_in = people.sign_in(username)
        menu = signed_in.locator("nav a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
        paths = dict.fromkeys(path for path in (*menu, *MORE) if re.fullmatch(r"/[a-z0-9/-]*", path))
        for path in paths:
            yield _open_first(people.chromium, people.house, signed_in, username, path)


def _open_first(browser: Browser, house: House, signed_in: Page, username: str, path: str) -> Opened:
    """In a window that has nothing kept but the session: once for its weight, once slowed for readiness."""
    weight, ready = 0, 0.0
    for rate in (1, SLOWED):
        context = browser.new_context(base_url=house.url, storage_state=signed_in.context.storage_state())
        page = context.new_page()
        devtools = context.new_cdp_session(page)
        received = _counted(devtools)
        devtools.send("Emulation.setCPUThrottlingRate", {"rate": rate})
        page.goto(path, wait_until="load")
        if rate == 1:
            page.wait_for_timeout(700)  # what modules fetch by themselves
            weight = round(sum(received.values()))
        else:
            ready = page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
        context.close()
    return Opened(username, path, weight, round(ready, 1))


def _counted(devtools: CDPSession) -> dict[str, float]:
    """Bytes over the wire by request; a stream that never ends counts as far as it came."""
    received: dict[str, float] = {}

    def came(event: dict[str, Any]) -> None:
        received[event["requestId"]] = received.get(event["requestId"], 0) + event["encodedDataLength"]

    def ended(event: dict[str, Any]) -> None:
        received[event["requestId"]] = event["encodedDataLength"]

    devtools.on("Network.dataReceived", came)
    devtools.on("Network.loadingFinished", ended)
    devtools.send("Network.enable")
    return received


def _sights(people: People, tokens: Tokens) -> list[dict[str, Any]]:
    """Each beginning and each end of a sound at the real pole, and how much later the page showed it."""
    page = people.sign_in("canbo")
    pole = page.locator('.pole[data-node="dong-1"]')
    expect(pole).to_have_attribute("data-sign", "online", timeout=60_000)
    page.evaluate(_WATCH, "dong-1")
    found = []
    with _api(people.house) as client:
        for number in range(AIRINGS):
            began = len(page.evaluate("window.seen"))
            broadcast = _air(client, tokens, f"Họp {number}", ["thon-dong"])
            expect(pole).to_have_attribute("data-sign", "playing", timeout=90_000)
            expect(pole).to_have_attribute("data-sign", "online", timeout=90_000)
            seen = dict(page.evaluate("window.seen")[began:])
            [delivery] = _until(partial(_told, client, tokens, broadcast))
            for sign, field in (("playing", "started_at"), ("online", "finished_at")):
                at = datetime.fromisoformat(delivery[field]).timestamp()
                found.append({"broadcast": broadcast, "sign": sign, "late_s": seen[sign] / 1000 - at})
    return found


def _light_poles(stack: ExitStack, house: House, tokens: Tokens, count: int) -> None:
    """Poles by the hundred in a process of their own, all online."""
    with _api(house) as client:
        headers = {"authorization": f"Bearer {tokens.administrator}"}
        codes = {}
        for number in range(count):
            body = {"slug": f"cum-{number:03}", "name": f"Cụm loa {number}", "zones": ["thon-tay"]}
            made = client.post("/api/nodes", json=body, headers=headers).raise_for_status().json()
            codes[body["slug"]] = made["pairing_code"]
        file = house.folder / "codes.json"
        file.write_text(json.dumps(codes))
        data = stack.enter_context(tempfile.TemporaryDirectory(prefix="loalang-light-"))
        command = [sys.executable, "-m", "tests.light", "--server", house.url, "--codes", str(file), "--data", data]
        out = stack.enter_context((house.folder / "light.out").open("wb"))
        poles = subprocess.Popen(command, stdout=out, stderr=out, env=os.environ)
        stack.callback(poles.wait, 60)
        stack.callback(poles.terminate)

        def are_online() -> bool:
            nodes = client.get("/api/nodes", headers=headers).raise_for_status().json()["nodes"]
            return len([node for node in nodes if node["presence"] == "online"]) > count

        _until(are_online, 900)


def _memory(people: People, tokens: Tokens, for_s: float) -> list[dict[str, Any]]:
    """The open first page, minute by minute, while all poles sound again and again."""
    page = people.sign_in("canbo")
    devtools = page.context.new_cdp_session(page)
    page.evaluate(_WATCH, "cum-000")
    samples: list[dict[str, Any]] = []
    began = time.monotonic()
    with _api(people.house) as client:
        number = 0
        while time.monotonic() - began < for_s:
            number += 1
            broadcast = _air(client, tokens, f"Tin {number}", ["thon-tay"])
            _until(partial(_told, client, tokens, broadcast))
            if time.monotonic() - began >= len(samples) * SAMPLE_EVERY_S:
                samples.append(_sample(devtools, page, time.monotonic() - began))
                sys.stderr.write(f"· {json.dumps(samples[-1])}\n")
    samples.append(_sample(devtools, page, time.monotonic() - began))
    return samples


def _sample(devtools: CDPSession, page: Page, at_s: float) -> dict[str, Any]:
    devtools.send("HeapProfiler.collectGarbage")
    heap = devtools.send("Runtime.getHeapUsage")["usedSize"]
    nodes = devtools.send("Memory.getDOMCounters")["nodes"]
    changes = len(page.evaluate("window.seen"))
    return {"at_s": round(at_s), "heap_mb": round(heap / 1e6, 3), "dom_nodes": nodes, "changes": changes}


def _api(house: House) -> httpx.Client:
    # No connection is kept: one that the server just ends would be an error, and browsers would ask again.
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.Client(base_url=house.url, trust_env=False, timeout=60, limits=limits)


def _air(client: httpx.Client, tokens: Tokens, title: str, zones: Sequence[str]) -> str:
    """Written by the officer, approved by the leader, aired as soon as it is rendered."""
    officer, leader = ({"authorization": f"Bearer {token}"} for token in (tokens.officer, tokens.leader))
    body = {"title": title, "script": f"{NOTICE} {title}.", "zones": zones, "airs_now": True}
    made = client.post("/api/bulletins", json=body, headers=officer).raise_for_status().json()
    path = f"/api/bulletins/{made['id']}"
    client.post(f"{path}/submit", json={}, headers=officer).raise_for_status()
    client.post(f"{path}/approve", json={"revision": 1}, headers=leader).raise_for_status()
    return f"b-{made['id']}-r1"


def _told(client: httpx.Client, tokens: Tokens, broadcast: str) -> list[dict[str, Any]]:
    """The poles' last words, once all have said them, be it that they could not."""
    headers = {"authorization": f"Bearer {tokens.officer}"}
    deliveries = client.get(f"/api/broadcasts/{broadcast}", headers=headers).raise_for_status().json()["deliveries"]
    return [] if any(one["state"] in STILL_OPEN for one in deliveries) else deliveries


def _until(what: Callable[[], Any], limit_s: float = 300.0) -> Any:
    """What this gives once it is something.

    Raises:
        TimeoutError: it did not come.
    """
    ends = time.monotonic() + limit_s
    while time.monotonic() < ends:
        if found := what():
            return found
        time.sleep(0.5)
    raise TimeoutError(f"nothing after {limit_s} s")


def _keep(file: Path, lines: Sequence[dict[str, Any]]) -> None:
    file.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))


if __name__ == "__main__":
    sys.exit(main())
