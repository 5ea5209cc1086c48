"""Keys change while all runs: real server, Mosquitto and node, TLS by the commune's own authority between them."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from players.errors import KeyUnusable
from players.invitation import Invitation
from players.keyring import KeyRing, KeyRingFile
from players.messages import PairingReply
from players.node.pairing import IDENTITY_FILE
from players.tls import context_believing, fingerprint_of
from tests.crash.unit import Unit
from web.demo.client import Tokens
from web.demo.commune import prepare_commune
from web.demo.processes import run_to_end
from web.demo.run import free_port
from web.settings import DATABASE_FILE

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
NODE = "dong-9"
WITHIN_S = 90.0


class TlsCommune:
    """A server and a pole on this machine, as they would be on a network."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.http_port, self.mqtt_port = free_port(), free_port()
        self.url = f"https://127.0.0.1:{self.http_port}"
        self.data, self.pole = root / "server", root / "pole"
        self.settings = root / "server.toml"
        self.settings.write_text(
            f'data_dir = "{self.data}"\n[http]\ntls = "own-ca"\nport = {self.http_port}\n'
            f'[mqtt]\ntls = true\nport = {self.mqtt_port}\n[voice]\ndirectory = "{root / "voices"}"\n'
        )
        self.tokens: Tokens = prepare_commune(f"sqlite:///{self.data / DATABASE_FILE}", self.data, "espeak-vi")[1]
        self.server = Unit(
            "server", "web.cli", ["serve", "--config", str(self.settings)], root / "server.log", root / "out"
        )
        self.node = Unit(
            NODE,
            "players.node.cli",
            ["--log-level", "DEBUG", "run", "--data", str(self.pole), "--events"],
            root / "pole.log",
            root / "events",
        )

    @property
    def ring(self) -> KeyRing:
        return KeyRingFile(self.data / "keys").load()

    @property
    def identity(self) -> PairingReply:
        return PairingReply.from_json((self.pole / IDENTITY_FILE).read_bytes())

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.root / "events").read_text().splitlines() if line.endswith("}")]

    def log(self, name: str = "pole.log") -> str:
        return (self.root / name).read_text()

    async def keys(self, *arguments: str) -> str:
        status, said = await run_to_end("web.cli", ["keys", *arguments, "--config", str(self.settings)], 60)
        assert status == 0, said
        return said

    async def ask(self, method: str, path: str, token: str, body: object = None) -> Any:
        tls = context_believing(self.ring.authorities)
        async with httpx.AsyncClient(verify=tls, trust_env=False, timeout=30) as client:
            answer = await client.request(
                method, f"{self.url}{path}", json=body, headers={"authorization": f"Bearer {token}"}
            )
        assert answer.is_success, answer.text
        return answer.json()

    async def start_server(self) -> None:
        await self.server.start()

        async def is_healthy() -> bool:
            try:
                return (await self.ask("GET", "/api/health", self.tokens.leader))["broker_connected"] is True
            except (httpx.HTTPError, AssertionError, KeyUnusable):
                return False

        await self.until(is_healthy)

    async def pair(self, fingerprint: str | None) -> tuple[int, str]:
        body = {"slug": NODE, "name": "Cụm loa Đông 9", "zones": ["thon-dong"]}
        slugs = [row["slug"] for row in (await self.ask("GET", "/api/nodes", self.tokens.administrator))["nodes"]]
        path = f"/api/nodes/{NODE}/pairing-code" if NODE in slugs else "/api/nodes"
        code = (await self.ask("POST", path, self.tokens.administrator, body))["pairing_code"]
        text = Invitation(self.url, code, fingerprint).as_text()
        return await run_to_end(
            "players.node.cli", ["pair", "--text", text, "--data", str(self.pole), "--output", "silent"], 60
        )

    async def until_online(self) -> None:
        async def is_online() -> bool:
            rows = (await self.ask("GET", "/api/nodes", self.tokens.administrator))["nodes"]
            return any(row["slug"] == NODE and row["presence"] == "online" for row in rows)

        await self.until(is_online)

    async def plays(self, text: str) -> str:
        """Raise an emergency; what the pole says came of it."""
        body = {"zones": ["thon-dong"], "text": text, "key": secrets.token_hex(10)}
        made = (await self.ask("POST", "/api/emergencies", self.tokens.leader, body))["broadcast"]

        async def has_ended() -> bool:
            return any(
                event.get("broadcast") == made and event["event"] in {"played", "cut", "failed", "missed"}
                for event in self.events
            )

        await self.until(has_ended)
        return next(str(e["event"]) for e in reversed(self.events) if e.get("broadcast") == made)

    async def until(self, is_so: Callable[[], Any]) -> None:
        """Ask other processes until they say yes."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                answer = is_so()
                if await answer if asyncio.iscoroutine(answer) else answer:
                    return
                await asyncio.sleep(0.2)


@pytest.fixture
async def commune(tmp_path: Path) -> AsyncIterator[TlsCommune]:
    commune = TlsCommune(tmp_path)
    try:
        yield commune
    finally:
        await commune.node.stop()
        await commune.server.stop()


async def test_keys_and_certificates_change_under_a_pole_that_nobody_visits(commune: TlsCommune) -> None:
    await commune.start_server()
    status, said = await commune.pair("AAAA-BBBB-CCCC-DDDD-EEEE-FFFF")
    assert status == 1
    assert "this is not the commune's server" in said
    first = commune.ring
    status, said = await commune.pair(fingerprint_of(first.authority.certificate))
    assert status == 0, said
    await commune.node.start()
    await commune.until_online()
    assert await commune.plays("Nước lên.") == "played"

    # The commune's key: announced, held by the pole, used, and the old one dropped.
    assert "announced" in await commune.keys("rotate")
    await commune.until(lambda: not commune.ring.is_changing)
    second = commune.ring
    assert second.key.kid != first.key.kid
    await commune.until(lambda: [key["kid"] for key in commune.identity.commune_keys] == [second.key.kid])
    assert await commune.plays("Nước vẫn lên.") == "played"

    # The authority, and so the certificates of both doors; then the certificate alone.
    await commune.keys("rotate", "--authority")
    await commune.until(lambda: not commune.ring.is_changing)
    third = commune.ring
    assert third.authority.certificate != first.authority.certificate
    await commune.until(lambda: commune.identity.authorities == (third.authority.certificate,))
    await commune.keys("renew-certificate")
    await commune.until_online()
    assert await commune.plays("Nước rút.") == "played"

    # The broker's secrets: the pole is refused, and fetches its new password by a new key of its own.
    password = commune.identity.mqtt_password
    await commune.keys("rotate-broker")
    await commune.until(lambda: commune.identity.mqtt_password != password)
    await commune.until_online()
    assert await commune.plays("Đã an toàn.") == "played"
    assert "this node's key is now" in commune.log()
    assert commune.identity.mqtt_password not in commune.log() + commune.log("server.log")
    assert [event for event in commune.events if event["event"] == "refused"] == []


async def test_a_pole_that_was_away_for_two_changes_follows_when_it_comes_back(commune: TlsCommune) -> None:
    await commune.start_server()
    status, said = await commune.pair(fingerprint_of(commune.ring.authority.certificate))
    assert status == 0, said
    first = commune.ring
    for what in ("rotate", "rotate --authority", "rotate"):
        await commune.keys(*what.split(), "--force")
    await commune.keys("rotate-broker")
    await commune.until(lambda: len(commune.ring.statements) == len(first.statements) + 6)
    await commune.node.start()
    await commune.until_online()
    assert [key["kid"] for key in commune.identity.commune_keys] == [commune.ring.key.kid]
    assert await commune.plays("Nước lên.") == "played"


async def test_a_server_that_nobody_vouches_for_is_refused_and_the_pole_plays_alone(commune: TlsCommune) -> None:
    await commune.start_server()
    fingerprint = fingerprint_of(commune.ring.authority.certificate)
    status, said = await commune.pair(None)
    assert status == 0, said
    assert f"nobody vouches for this server: compare {fingerprint}" in said
    await commune.node.start()
    await commune.until_online()
    before = commune.identity
    # A stranger at the same address: all its keys are its own.
    await commune.server.stop()
    (commune.data / "keys").rename(commune.root / "true-keys")
    await commune.start_server()
    await commune.until(lambda: "the server is not believed" in commune.log())
    await commune.until(lambda: "nobody whom this node believes vouches for other keys" in commune.log())
    assert commune.identity == before
    assert commune.node.pid is not None
    # The true one comes back.
    await commune.server.stop()
    (commune.data / "keys").rename(commune.root / "false-keys")
    (commune.root / "true-keys").rename(commune.data / "keys")
    await commune.start_server()
    await commune.until_online()
    assert await commune.plays("Nước lên.") == "played"
