"""What is done to one pole from its page: a real server, Mosquitto and node, TLS between them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from selectolax.lexbor import LexborHTMLParser as HTMLParser
from sqlmodel import col, select

from broadcast.db import open_engine, session_of
from broadcast.models import Role, User
from broadcast.users import open_session
from players.tls import context_believing, fingerprint_of
from tests.e2e.tls_commune import NODE, TlsCommune
from web.auth import cookie_name
from web.settings import DATABASE_FILE

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
PAGE = f"/cum-loa/{NODE}"


@pytest.fixture
async def commune(tmp_path: Path) -> AsyncIterator[TlsCommune]:
    commune = TlsCommune(tmp_path)
    try:
        await commune.start_server()
        status, said = await commune.pair(fingerprint_of(commune.ring.authority.certificate))
        assert status == 0, said
        await commune.node.start()
        await commune.until_online()
        yield commune
    finally:
        await commune.node.stop()
        await commune.server.stop()


@pytest.fixture
async def admin(commune: TlsCommune) -> AsyncIterator[httpx.AsyncClient]:
    """The administrator's browser."""
    engine = open_engine(f"sqlite:///{commune.data / DATABASE_FILE}")
    with session_of(engine) as session:
        user = session.exec(select(User).where(col(User.role) == Role.ADMINISTRATOR)).one()
        cookie, _ = open_session(session, user, datetime.now(UTC))
    engine.dispose()
    async with httpx.AsyncClient(
        base_url=commune.url, verify=context_believing(commune.ring.authorities), trust_env=False, timeout=30
    ) as client:
        client.cookies.set(cookie_name(is_secure=True), cookie)
        yield client


async def press(admin: httpx.AsyncClient, act: str) -> httpx.Response:
    page = HTMLParser((await admin.get(PAGE)).text)
    button, secret = page.css_first(f'button[formaction="{PAGE}/{act}"]'), page.css_first('#act input[name="csrf"]')
    assert button is not None
    assert secret is not None
    answer = await admin.post(f"{PAGE}/{act}", data={"csrf": secret.attributes["value"] or ""})
    assert answer.status_code == 303, answer.text
    return answer


async def outcome_of_restart(admin: httpx.AsyncClient) -> str:
    found = HTMLParser((await admin.get(PAGE)).text).css_first("[data-restart]")
    return "" if found is None else found.attributes["data-restart"] or ""


async def test_it_is_started_again_and_when_it_is_stolen_silent_at_once(
    commune: TlsCommune, admin: httpx.AsyncClient
) -> None:
    await press(admin, "khoi-dong-lai")
    await commune.until(lambda: commune.node.pid is None)
    assert await outcome_of_restart(admin) == "received"
    await commune.node.start()  # as its service does

    async def is_back() -> bool:
        return await outcome_of_restart(admin) == "done"

    await commune.until(is_back)
    assert "Đã khởi động lại lúc" in (await admin.get(f"{PAGE}/khoi-dong-lai")).text

    text = "Nước lũ đang lên rất nhanh, bà con khẩn trương sơ tán lên chỗ cao. " * 6
    playing = asyncio.create_task(commune.plays(text))
    await commune.until(lambda: any(event["event"] == "playing" for event in commune.events))
    await press(admin, "thu-hoi")
    assert await playing == "cut"
    await commune.until(lambda: any(event["event"] == "disconnected" for event in commune.events))
    cut = next(event for event in commune.events if event["event"] == "cut")
    assert cut["reason"] == "stopped"
    nodes = (await commune.ask("GET", "/api/nodes", commune.tokens.administrator))["nodes"]
    assert [node["is_revoked"] for node in nodes if node["slug"] == NODE] == [True]
    await commune.until(lambda: "refuses to renew this node's key (401)" in commune.log())
