"""A server on a fresh database, its broker in memory; browsers and programs that talk to it."""

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from selectolax.lexbor import LexborHTMLParser as HTMLParser
from selectolax.lexbor import LexborNode
from sqlalchemy import Engine
from sqlmodel import Session

from broadcast.communes import create_commune
from broadcast.db import migrate, open_engine, session_of
from broadcast.models import Role, User
from broadcast.users import add_user, get_user, make_token, open_session
from broadcast.windows import ALL_DAY
from broadcast.zones import create_zone
from web.app import create_app
from web.parts import START_ORDER, Start, renderers
from web.settings import Settings, load_settings

NOW = datetime(2026, 9, 22, 3, 0, tzinfo=UTC)
"""10:00 in the commune."""
ROLES = {
    "officer": Role.OFFICER,
    "officer2": Role.OFFICER,
    "leader": Role.LEADER,
    "head": Role.VILLAGE_HEAD,
    "admin": Role.ADMINISTRATOR,
}


@dataclass
class Clock:
    """A clock that goes when it is told to."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_time(self, length: timedelta) -> None:
        self.now += length


@dataclass
class Commune:
    """The seeded commune: its people's passwords and where its data are."""

    settings: Settings
    engine: Engine
    passwords: dict[str, str]

    def work(self) -> AbstractContextManager[Session]:
        return session_of(self.engine)


def seed(session: Session, now: datetime) -> dict[str, str]:
    commune = create_commune(
        session, slug="hoa-binh-an", name="Xã Hòa Bình An", windows=ALL_DAY, now=now, voice="espeak"
    )
    session.flush()
    create_zone(session, commune, slug="thon-dong", name="Thôn Đông", now=now)
    create_zone(session, commune, slug="thon-tay", name="Thôn Tây", now=now)
    session.flush()
    passwords = {}
    for username, role in ROLES.items():
        zone = "thon-dong" if role is Role.VILLAGE_HEAD else None
        _, passwords[username] = add_user(
            session, commune, username=username, name=f"Bà {username}", role=role, zone=zone, now=now
        )
    return passwords


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A database with its people, made once: hashing passwords is meant to be slow."""
    path = tmp_path_factory.mktemp("seeded") / "loalang.sqlite3"
    engine = open_engine(f"sqlite:///{path}")
    migrate(engine)
    with session_of(engine) as session:
        passwords = seed(session, NOW)
    engine.dispose()
    return path, passwords


@pytest.fixture
def commune(tmp_path: Path, seeded: tuple[Path, dict[str, str]]) -> Iterator[Commune]:
    settings = load_settings(None, {}, data_dir=tmp_path / "data", mqtt={"mode": "memory"})
    settings.data_dir.mkdir()
    path, passwords = seeded
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("VACUUM INTO ?", (str(settings.data_dir / "loalang.sqlite3"),))
    engine = open_engine(settings.database_url)
    yield Commune(settings, engine, passwords)
    engine.dispose()


@asynccontextmanager
async def serving(
    settings: Settings, clock: Clock, start_order: tuple[Start, ...] = START_ORDER
) -> AsyncIterator[FastAPI]:
    """The app between its start and its stop."""
    app = create_app(settings, clock, start_order)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def app(commune: Commune, clock: Clock) -> AsyncIterator[FastAPI]:
    """A server that renders nothing: its renderer processes are not started."""
    without = tuple(start for start in START_ORDER if start is not renderers)
    async with serving(commune.settings, clock, without) as app:
        yield app


@pytest.fixture
async def speaking_app(commune: Commune, clock: Clock) -> AsyncIterator[FastAPI]:
    """A whole server."""
    async with serving(commune.settings, clock) as app:
        yield app


class Browser:
    """A browser that follows links and sends forms as they stand in the page."""

    def __init__(self, app: FastAPI, address: str = "10.0.0.9") -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 1234))
        self.http = httpx.AsyncClient(transport=transport, base_url="http://loa.test", follow_redirects=False)
        self.page = HTMLParser("")
        self.answer = httpx.Response(0)

    async def get(self, path: str) -> HTMLParser:
        self.answer = await self.http.get(path)
        return await self._arrive()

    async def send(self, selector: str = "main form", button: str = "", **typed: str | list[str]) -> HTMLParser:
        """Fill in and send the first form that fits; `button` is the name=value of what is pressed."""
        form = self.page.css_first(selector)
        assert form is not None, f"no {selector} on {self.answer.url}"
        data: dict[str, list[str]] = {}
        for name, value in form_values(form):
            data.setdefault(name, []).append(value)
        for name, given in typed.items():
            data[name] = [given] if isinstance(given, str) else given
        if button:
            name, _, value = button.partition("=")
            assert form.css_first(f'button[name="{name}"][value="{value}"]') is not None, f"no button {button}"
            data[name] = [value]
        self.answer = await self.http.post(form.attributes["action"] or self.answer.url.path, data=data)
        return await self._arrive()

    async def press(self, selector: str) -> HTMLParser:
        """Press a button that belongs to the page's form of actions."""
        button = self.attributes(selector)
        data = {"csrf": self.attributes('#act input[name="csrf"]')["value"]}
        if "name" in button:
            data[button["name"]] = button["value"]
        self.answer = await self.http.post(button["formaction"], data=data)
        return await self._arrive()

    async def sign_in(self, username: str, password: str) -> HTMLParser:
        await self.get("/dang-nhap")
        return await self.send(username=username, password=password)

    @property
    def path(self) -> str:
        return self.answer.url.path

    def text(self, selector: str) -> str:
        found = self.page.css_first(selector)
        assert found is not None, f"no {selector} on {self.path}: {self.page.text()[:500]}"
        return " ".join(found.text(separator=" ").split())

    def attributes(self, selector: str) -> dict[str, str]:
        found = self.page.css_first(selector)
        assert found is not None, f"no {selector} on {self.path}"
        return {name: value or "" for name, value in found.attributes.items()}

    async def _arrive(self) -> HTMLParser:
        for _ in range(5):
            if self.answer.status_code != 303:
                break
            self.answer = await self.http.get(self.answer.headers["location"])
        self.page = HTMLParser(self.answer.text)
        return self.page


def form_values(form: LexborNode) -> Iterator[tuple[str, str]]:
    """What a form holds, as a browser would send it without a button."""
    for place in form.css("input[name], textarea[name], select[name]"):
        name, value = place.attributes["name"] or "", place.attributes.get("value") or ""
        if place.tag == "textarea":
            yield name, place.text()
        elif place.tag == "select":
            chosen = place.css_first("option[selected]") or place.css_first("option")
            yield name, (chosen.attributes.get("value") or "") if chosen else ""
        elif place.attributes.get("type") not in {"checkbox", "radio"} or "checked" in place.attributes:
            yield name, value


@pytest.fixture
async def nobody(app: FastAPI) -> AsyncIterator[Browser]:
    browser = Browser(app)
    yield browser
    await browser.http.aclose()


@pytest.fixture
async def browse(app: FastAPI, commune: Commune) -> AsyncIterator["SignIn"]:
    sign_in = SignIn(app, commune)
    yield sign_in
    for browser in sign_in.browsers:
        await browser.http.aclose()


@dataclass
class SignIn:
    """Gives each role its own browser."""

    app: FastAPI
    commune: Commune
    browsers: list[Browser] = field(default_factory=list)

    async def __call__(self, username: str) -> Browser:
        browser = Browser(self.app)
        self.browsers.append(browser)
        # Checking a password is slow on purpose; test_sign_in.py goes by the door.
        with self.commune.work() as session:
            token, _ = open_session(session, get_user(session, username), self.app.state.station.clock())
        browser.http.cookies.set("loalang", token)
        await browser.get("/")
        return browser


@pytest.fixture
async def api(app: FastAPI, commune: Commune) -> AsyncIterator["Programs"]:
    programs = Programs(app, commune)
    yield programs
    for client in programs.clients:
        await client.aclose()


@dataclass
class Programs:
    """Gives each role a program with a bearer token of all scopes."""

    app: FastAPI
    commune: Commune
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    def __call__(self, username: str, scopes: tuple[str, ...] = ("read", "write", "admin")) -> httpx.AsyncClient:
        with self.commune.work() as session:
            user: User = get_user(session, username)
            token = make_token(session, user, "test", scopes, timedelta(days=1), NOW)
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        headers = {"authorization": f"Bearer {token}"}
        client = httpx.AsyncClient(transport=transport, base_url="http://loa.test", headers=headers)
        self.clients.append(client)
        return client
