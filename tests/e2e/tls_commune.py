"""A real server, Mosquitto and pole with TLS by the commune's own authority between them, as on a network."""

import asyncio
import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from players.errors import KeyUnusable
from players.invitation import Invitation
from players.keyring import KeyRing, KeyRingFile
from players.messages import PairingReply
from players.node.pairing import IDENTITY_FILE
from players.tls import context_believing
from tests.crash.unit import Unit
from web.demo.client import Tokens
from web.demo.commune import prepare_commune
from web.demo.processes import run_to_end
from web.demo.run import free_port
from web.settings import DATABASE_FILE

NODE = "dong-9"
WITHIN_S = 180.0


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

    async def pair(self, fingerprint: str | None, door: str | None = None) -> tuple[int, str]:
        """Pair the pole, at another address than the server's own where there is something in between."""
        body = {"slug": NODE, "name": "Cụm loa Đông 9", "zones": ["thon-dong"]}
        slugs = [row["slug"] for row in (await self.ask("GET", "/api/nodes", self.tokens.administrator))["nodes"]]
        path = f"/api/nodes/{NODE}/pairing-code" if NODE in slugs else "/api/nodes"
        code = (await self.ask("POST", path, self.tokens.administrator, body))["pairing_code"]
        text = Invitation(door or self.url, code, fingerprint).as_text()
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
