"""A browser as the server sees one: signed in by the form, one live page held open, others read one after another."""

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import httpx

from tests.bench.load.evidence import Evidence

THINKS_S = 6.0
"""The mean time between two pages of one person."""
_FIELD = re.compile(r'name="csrf" value="([^"]+)"')
_MENU = re.compile(r'<a href="(/[a-z-]*)"')
_NO_PAGES = frozenset({"/mat-khau", "/dang-xuat"})


class Browser:
    """One signed-in browser.

    Args:
        base_url: the server's.
        address: where it comes from: the sign-in is throttled by address.
        who: the user's name and password.
        pages: takes one line for each page: `path`, `ms`, `status`.
    """

    def __init__(self, base_url: str, address: str, who: tuple[str, str], pages: Evidence) -> None:
        transport = httpx.AsyncHTTPTransport(local_address=address, verify=False, trust_env=False)
        self.http = httpx.AsyncClient(base_url=base_url, transport=transport, timeout=30, trust_env=False)
        self.username, self._password = who
        self._pages = pages
        self.csrf = ""
        self.pages: tuple[str, ...] = ()

    async def close(self) -> None:
        """Close the browser."""
        await self.http.aclose()

    async def sign_in(self) -> None:
        """By the form; learns which pages this user's menu has."""
        form = await self.http.get("/dang-nhap")
        fields = {"csrf": _csrf_in(form.text), "username": self.username, "password": self._password, "tiep": "/"}
        answer = await self.http.post("/dang-nhap", data=fields)
        if answer.status_code != httpx.codes.SEE_OTHER:
            raise RuntimeError(f"{self.username} could not sign in: {answer.status_code}")
        first = await self.http.get("/")
        self.csrf = _csrf_in(first.text)
        self.pages = tuple(dict.fromkeys(path for path in _MENU.findall(first.text) if path not in _NO_PAGES))

    async def read(self, path: str, kind: str | None = None) -> None:
        """Fetch a page whole, and note how long that took; status 0 means that nobody answered."""
        begun, status = time.perf_counter(), 0
        try:
            status = (await self._get(path)).status_code
        except httpx.TransportError as error:
            self._pages.note(trouble=repr(error), user=self.username)
        ms = (time.perf_counter() - begun) * 1000
        self._pages.note(path=kind or path, ms=round(ms, 2), status=status, user=self.username)
        if not status:
            await asyncio.sleep(1)

    async def _get(self, path: str) -> httpx.Response:
        """As a browser does: once more where the server has just let go of the connection that was kept."""
        try:
            return await self.http.get(path)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            return await self.http.get(path)

    async def wander(self, random: Random, others: Callable[[], Sequence[tuple[str, str]]]) -> None:
        """Read one page after another, until cancelled. `others` are pages of the day: their paths and their kinds."""
        while True:
            await asyncio.sleep(random.expovariate(1 / THINKS_S))
            choices = [*((path, path) for path in self.pages), *others()]
            path, kind = random.choice(choices)
            await self.read(path, kind)

    async def watch(self, on_event: Callable[[str, str], Any], path: str = "/truc-tiep") -> None:
        """Hold a live page open, as htmx does: again when the connection ends. Until cancelled."""
        while True:
            try:
                async with self.http.stream("GET", path, timeout=httpx.Timeout(30, read=60)) as answer:
                    answer.raise_for_status()
                    await _follow(answer, on_event)
            except httpx.TransportError:
                await asyncio.sleep(1)


async def _follow(answer: httpx.Response, on_event: Callable[[str, str], Any]) -> None:
    name, data = "", []
    async for line in answer.aiter_lines():
        if line.startswith("event:"):
            name = line[6:].strip()
        elif line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and name:
            on_event(name, "\n".join(data))
            name, data = "", []


def _csrf_in(html: str) -> str:
    found = _FIELD.search(html)
    if found is None:
        raise RuntimeError("a page without its form's secret")
    return found[1]
