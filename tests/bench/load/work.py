"""What goes on meanwhile: bulletins are aired one after another, others are listened to before they are submitted."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from random import Random

import httpx

from tests.bench.load.browsers import Browser
from tests.bench.load.evidence import Evidence
from web.demo.client import Client

SYLLABLES = (
    "bà con mưa lũ đê điều hộ dân họp thôn sáng mai tiêm phòng trâu bò điện nước khẩn trương thu hoạch lúa ngô "
    "khoai trường học trẻ em y tế xã đường cầu chợ rác thải cây trồng giống phân bón sâu bệnh bão gió thuyền ao cá"
)
AIRED_WITHIN_S = 180.0
LOOK_EVERY_S = 0.5
_ROW = re.compile(r'<tr data-node="([^"]+)">.*?tone-(\w+)', re.DOTALL)
_DONE = frozenset({"good", "bad", "warn"})


def dice(seed: int | str) -> Random:
    """Chances that are the same at every run."""
    return Random(seed)  # noqa: S311 - to be repeated, not to be secret


async def until(is_so: Callable[[], Awaitable[bool]], within_s: float) -> None:
    """Ask another process until it says yes.

    Raises:
        TimeoutError: it did not in time.
    """
    async with asyncio.timeout(within_s):
        while True:
            if await is_so():
                return
            await asyncio.sleep(LOOK_EVERY_S)


def sentences(random: Random, words: int) -> str:
    """A text that nobody has rendered before."""
    taken = [random.choice(SYLLABLES.split()) for _ in range(words)]
    lines = [" ".join(taken[first : first + 12]).capitalize() + "." for first in range(0, words, 12)]
    return " ".join(lines)


class Airing:
    """Airs bulletins one after another, each as soon as the one before has ended at every pole.

    Args:
        client: officer and leader.
        watcher: a browser that looks at the broadcast's page meanwhile.
        zones: where to.
        seen: takes a line when a pole's last word is first seen on that page.
    """

    def __init__(self, client: Client, watcher: Browser, zones: Sequence[str], seen: Evidence) -> None:
        self._client = client
        self._watcher = watcher
        self._zones = tuple(zones)
        self._seen = seen
        self.aired: list[str] = []
        """The broadcasts, in order."""

    def pages(self) -> Sequence[tuple[str, str]]:
        """What no menu names: the latest broadcast's page and a phone's menu."""
        more = [("/them", "/them")]
        return [*more, *((f"/luot-phat/{broadcast}", "/luot-phat/…") for broadcast in self.aired[-1:])]

    async def go_on(self, random: Random, *, words: int = 70) -> None:
        """Until cancelled. By itself a notice of 70 words sounds for half a minute, as notices do."""
        while True:
            title = f"Bản tin {len(self.aired) + 1}"
            bulletin = await self._client.air_now(title, sentences(random, words), self._zones)
            broadcast = (await self._client.broadcasts_of(bulletin))[0]
            self.aired.append(broadcast)
            await self._watch_to_its_end(broadcast)

    async def _watch_to_its_end(self, broadcast: str) -> None:
        waiting: set[str] = {"unknown"}
        is_over = asyncio.Event()
        known: set[str] = set()

        def on_event(name: str, html: str) -> None:
            if name != "deliveries":
                return
            now, rows = time.time(), dict(_ROW.findall(html))
            for node in {node for node, tone in rows.items() if tone in _DONE} - known:
                known.add(node)
                self._seen.note(broadcast=broadcast, node=node, seen_at=round(now, 4), tone=rows[node])
            waiting.clear()
            waiting.update(rows.keys() - known)
            if rows and not waiting:
                is_over.set()

        watching = asyncio.create_task(self._watcher.watch(on_event, f"/truc-tiep?luot-phat={broadcast}"))
        try:
            async with asyncio.timeout(AIRED_WITHIN_S):
                await is_over.wait()
        except TimeoutError:
            self._seen.note(broadcast=broadcast, never_ended=sorted(waiting))
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


async def listen_on(browser: Browser, random: Random, note: Callable[..., None], *, words: int = 90) -> None:
    """Have one text after another rendered, as the button beside the form does, until cancelled."""
    while True:
        form = {"csrf": browser.csrf, "title": "Nghe thử", "script": sentences(random, words), "urgency": "normal"}
        begun = time.perf_counter()
        answer = await browser.http.post("/soan/nghe", data=form, timeout=180)
        note(path="listen", seconds=round(time.perf_counter() - begun, 2), status=answer.status_code)
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            await asyncio.sleep(float(answer.headers.get("retry-after", "6")))
