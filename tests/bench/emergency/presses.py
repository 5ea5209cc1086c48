"""Presses of the emergency button through the server's own door, each noted with its instant."""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

import httpx

from tests.bench.load.evidence import Evidence

PREPARED = "thu-may"
TRY_FOR_S, ANSWERED_WITHIN_S = 10.0, 60.0


class Button:
    """Presses as the leader.

    Args:
        base_url: the server's.
        token: the leader's.
        presses: takes a line for each press.
    """

    def __init__(self, base_url: str, token: str, presses: Evidence) -> None:
        self._http = httpx.AsyncClient(
            base_url=base_url, timeout=TRY_FOR_S, trust_env=False, headers={"Authorization": f"Bearer {token}"}
        )
        self._presses = presses

    async def close(self) -> None:
        """Let the connection go."""
        await self._http.aclose()

    async def press(self, series: str, zones: Sequence[str], said: Mapping[str, Any]) -> tuple[str, float]:
        """Press, again by the same key until there is an answer; the broadcast's id, and when the first request left.

        Raises:
            TimeoutError: there was none.
        """
        body = {"key": uuid4().hex, "zones": list(zones), **said}
        pressed = time.monotonic()
        answer = (await self._sent(body)).raise_for_status()
        answered, broadcast = time.monotonic(), str(answer.json()["broadcast"])
        self._presses.note(
            series=series, broadcast=broadcast, zones=list(zones), pressed=pressed, answered_ms=_ms(answered - pressed)
        )
        return broadcast, pressed

    async def _sent(self, body: Mapping[str, Any]) -> httpx.Response:
        async with asyncio.timeout(ANSWERED_WITHIN_S):
            while True:
                with contextlib.suppress(httpx.TransportError):
                    return await self._http.post("/api/emergencies", json=body)

    async def stop(self, broadcast: str) -> None:
        """Silence it."""
        answer = await self._http.post(f"/api/broadcasts/{broadcast}/stop", json={})
        if answer.status_code != httpx.codes.CONFLICT:  # it is over by itself
            answer.raise_for_status()

    async def deliveries(self, broadcast: str) -> list[dict[str, Any]]:
        """What the server knows of each pole."""
        answer = await self._http.get("/api/as-run", params={"broadcast": broadcast})
        rows: list[dict[str, Any]] = answer.raise_for_status().json()["deliveries"]
        return rows


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
