"""The officer, the leader and the village: they type, submit, approve and press, whatever the server does meanwhile.

Where an answer is lost they do what a person does: look what became of it, then go on from there. What was answered
is written down: it must never be lost.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx

from tests.crash.commune import ZONES
from web.demo.client import Tokens

PATIENCE_S = 600.0
_AGAIN_S = 0.3
_TOO_LATE_TO_STOP = "already-ended"
_FINAL_REFUSALS = frozenset({"time-passed"})


class Unreachable(Exception):
    """Nobody answered; what became of the request is not known."""


class Refused(Exception):
    """The server said no."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code


@dataclass(slots=True)
class Ledger:
    """What the server has answered it has done."""

    bulletins: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By id: the title and script that were kept, and the furthest state that was answered."""
    emergencies: list[str] = field(default_factory=list)
    asked_to_stop: list[str] = field(default_factory=list)
    """Broadcasts that somebody tried to stop, and may have."""
    stopped: list[str] = field(default_factory=list)
    """Broadcasts whose stop was answered."""
    broken_answers: list[str] = field(default_factory=list)
    """Answers of 5xx: nothing a crash of a part excuses."""
    given_up: list[str] = field(default_factory=list)
    """What the people could not do any more, and why: its minute had passed."""

    def took(self, bulletin: dict[str, Any]) -> None:
        """A bulletin as the server has it."""
        self.bulletins[bulletin["id"]] = {key: bulletin[key] for key in ("title", "script", "state")}


class People:
    """Acts for them.

    Args:
        base_url: the server's.
        tokens: who they are.
        say: the journal.
        now: the present.
    """

    def __init__(self, base_url: str, tokens: Tokens, say: Callable[[str], None], now: Callable[[], datetime]) -> None:
        self.http = httpx.AsyncClient(base_url=base_url, timeout=httpx.Timeout(30, connect=5), trust_env=False)
        self.ledger = Ledger()
        self._tokens = tokens
        self._say = say
        self._now = now

    async def close(self) -> None:
        """Let the connections go."""
        await self.http.aclose()

    async def write_draft(self, title: str, script: str) -> None:
        """Keep a draft that goes nowhere."""
        await self._written(title, {"script": script})

    async def air_bulletin(self, title: str, script: str, ahead_s: float | None) -> None:
        """Write, submit and approve a bulletin for now, or for so many seconds from now."""
        at = None if ahead_s is None else (self._now() + timedelta(seconds=ahead_s)).isoformat()
        when = {"airs_now": True} if at is None else {"airs_at": at}
        try:
            bulletin = await self._written(title, {"script": script, **when})
            bulletin = await self._moved(bulletin, "submit", self._tokens.officer, "draft", {})
            body = {"revision": bulletin["revision"]}
            await self._moved(bulletin, "approve", self._tokens.leader, "submitted", body)
        except Refused as error:
            if error.code not in _FINAL_REFUSALS:
                raise
            self._say(f"given up: {error}")
            self.ledger.given_up.append(f"{title}: {error.code}")

    async def raise_emergency(self, text: str, key: str) -> str:
        """Press the button, again and again with one key until it is answered."""
        body = {"zones": list(ZONES), "text": text, "key": key}
        made = await self._insist(lambda: self._call("POST", "/api/emergencies", self._tokens.leader, body))
        self._say("emergency raised")
        self.ledger.emergencies.append(made["broadcast"])
        return str(made["broadcast"])

    async def stop_bulletin(self, title: str) -> None:
        """Silence a bulletin, as soon as it is approved, unless it is over."""

        async def stop() -> dict[str, Any]:
            found = await self._call("GET", "/api/bulletins", self._tokens.officer)
            broadcasts = [name for one in found["bulletins"] if one["title"] == title for name in one["broadcasts"]]
            if not broadcasts:
                raise Unreachable("there is nothing to be stopped yet")
            self.ledger.asked_to_stop.append(broadcasts[0])
            return await self._call(
                "POST", f"/api/broadcasts/{broadcasts[0]}/stop", self._tokens.leader, {"node": None}
            )

        try:
            stopped = await self._insist(stop)
        except Refused as error:
            if error.code != _TOO_LATE_TO_STOP:
                raise
            self._say(f"not stopped: {error}")
        else:
            self._say("stopped")
            self.ledger.stopped.append(stopped["broadcast"])

    async def _written(self, title: str, fields: dict[str, Any]) -> dict[str, Any]:
        body = {"title": title, "zones": list(ZONES), "urgency": "normal", **fields}

        async def write() -> dict[str, Any]:
            found = await self._call("GET", "/api/bulletins", self._tokens.officer)
            known = [bulletin for bulletin in found["bulletins"] if bulletin["title"] == title]
            return known[0] if known else await self._call("POST", "/api/bulletins", self._tokens.officer, body)

        bulletin = await self._insist(write)
        self._say(f"written: {bulletin['id']}")
        self.ledger.took(bulletin)
        return bulletin

    async def _moved(
        self, bulletin: dict[str, Any], verb: str, token: str, before: str, body: dict[str, Any]
    ) -> dict[str, Any]:
        path = f"/api/bulletins/{bulletin['id']}"

        async def move() -> dict[str, Any]:
            found = await self._call("GET", path, self._tokens.officer)
            return found if found["state"] != before else await self._call("POST", f"{path}/{verb}", token, body)

        moved = await self._insist(move)
        self._say(f"{verb}: {moved['state']}")
        self.ledger.took(moved)
        return moved

    async def _insist(self, act: Callable[[], Any]) -> dict[str, Any]:
        """Do it until it is answered."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    done: dict[str, Any] = await act()
                except Unreachable:
                    await asyncio.sleep(_AGAIN_S)
                except Refused as error:
                    if error.status < httpx.codes.INTERNAL_SERVER_ERROR:
                        raise
                    self.ledger.broken_answers.append(str(error))
                    await asyncio.sleep(_AGAIN_S)
                else:
                    return done

    async def _call(self, method: str, path: str, token: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}"}
        try:
            answer = await self.http.request(method, path, headers=headers, json=body or None)
        except httpx.TransportError as error:
            raise Unreachable(f"{method} {path}: {error}") from error
        if answer.is_error:
            code = answer.json()["error"]["code"] if "json" in answer.headers.get("content-type", "") else "no-json"
            raise Refused(answer.status_code, code)
        found: dict[str, Any] = answer.json()
        return found
