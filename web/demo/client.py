"""The API as the demo's people use it."""

from dataclasses import dataclass
from typing import Any

import httpx


class DemoError(Exception):
    """The demo cannot go on; the text says why."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """A bearer token for each person the demo acts for."""

    officer: str
    leader: str
    administrator: str


class Client:
    """Speaks JSON to the commune server. All calls raise `DemoError` on a refusal or when nobody answers."""

    def __init__(self, base_url: str, tokens: Tokens) -> None:
        self.base_url = base_url
        self._tokens = tokens
        self._http = httpx.AsyncClient(base_url=base_url, timeout=httpx.Timeout(30, connect=5), trust_env=False)

    async def close(self) -> None:
        """Let the connections go."""
        await self._http.aclose()

    async def is_healthy(self) -> bool:
        """Whether the server answers and all its parts run."""
        try:
            answer = await self._http.get("/api/health")
        except httpx.TransportError:
            return False
        return answer.status_code == httpx.codes.OK

    async def node_slugs(self) -> set[str]:
        """The poles that the commune already has."""
        nodes = await self._call("GET", "/api/nodes", self._tokens.administrator)
        return {node["slug"] for node in nodes["nodes"]}

    async def add_node(self, slug: str, name: str, zone: str) -> str:
        """Add a pole and give its one-time pairing code."""
        body = {"slug": slug, "name": name, "zones": [zone]}
        return str((await self._call("POST", "/api/nodes", self._tokens.administrator, body))["pairing_code"])

    async def new_pairing_code(self, slug: str) -> str:
        """A fresh one-time code for a pole that is there already."""
        path = f"/api/nodes/{slug}/pairing-code"
        return str((await self._call("POST", path, self._tokens.administrator))["pairing_code"])

    async def nodes_online(self) -> set[str]:
        """The poles whose heartbeats are heard."""
        nodes = await self._call("GET", "/api/nodes", self._tokens.administrator)
        return {node["slug"] for node in nodes["nodes"] if node["presence"] == "online"}

    async def air_now(self, title: str, script: str, zones: tuple[str, ...]) -> str:
        """The officer writes and submits, the leader approves; gives the bulletin's id."""
        body = {"title": title, "script": script, "urgency": "normal", "zones": list(zones), "airs_now": True}
        bulletin = await self._call("POST", "/api/bulletins", self._tokens.officer, body)
        path = f"/api/bulletins/{bulletin['id']}"
        bulletin = await self._call("POST", f"{path}/submit", self._tokens.officer)
        await self._call("POST", f"{path}/approve", self._tokens.leader, {"revision": bulletin["revision"]})
        return str(bulletin["id"])

    async def broadcasts_of(self, bulletin: str) -> list[str]:
        """The broadcasts that a bulletin has become."""
        found = await self._call("GET", f"/api/bulletins/{bulletin}", self._tokens.officer)
        return [str(broadcast) for broadcast in found["broadcasts"]]

    async def broadcast(self, broadcast: str) -> dict[str, Any]:
        """One broadcast with its deliveries."""
        return await self._call("GET", f"/api/broadcasts/{broadcast}", self._tokens.officer)

    async def clip(self, sha256: str) -> bytes:
        """The bytes of a clip."""
        return (await self._send("GET", f"/clips/{sha256}", self._tokens.officer)).content

    async def _call(self, method: str, path: str, token: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer: dict[str, Any] = (await self._send(method, path, token, body)).json()
        return answer

    async def _send(self, method: str, path: str, token: str, body: dict[str, Any] | None = None) -> httpx.Response:
        try:
            answer = await self._http.request(method, path, headers={"Authorization": f"Bearer {token}"}, json=body)
        except httpx.TransportError as error:
            raise DemoError(f"{method} {path}: the server does not answer ({error})") from error
        if answer.is_error:
            raise DemoError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer
