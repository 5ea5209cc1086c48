"""`loalang demo --once`: one bulletin through everything, and what each pole sounded as a WAV beside the as-run log."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tts.clip_file import decode_clip, write_wav
from web.demo.client import Client, DemoError
from web.demo.plan import Pole

FINAL = frozenset({"played", "cut", "failed", "missed", "cancelled", "silent"})
PLAYED = frozenset({"played", "heard"})
_LOOK_EVERY_S = 0.25
_MARGIN_S = 90.0
"""On top of its own length: rendering on a slow machine, and the server's grace for late reports."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: the as-run record, and whether every pole played it whole."""

    as_run: dict[str, Any]
    is_whole: bool


async def air_once(client: Client, title: str, script: str, zones: tuple[str, ...]) -> dict[str, Any]:
    """Air a bulletin now and wait until every delivery is final; gives the broadcast as the API shows it."""
    bulletin = await client.air_now(title, script, zones)
    seen: dict[str, Any] = {}
    deadline = asyncio.get_running_loop().time() + _MARGIN_S
    extended = False
    while asyncio.get_running_loop().time() < deadline:
        for broadcast in await client.broadcasts_of(bulletin):
            seen = await client.broadcast(broadcast)
        if seen and _is_over(seen):
            return seen
        if seen.get("duration_ms") and not extended:
            deadline += seen["duration_ms"] / 1000
            extended = True
        await asyncio.sleep(_LOOK_EVERY_S)
    raise DemoError(f"not every pole had finished in time: {json.dumps(seen, ensure_ascii=False)}")


def _is_over(broadcast: dict[str, Any]) -> bool:
    deliveries = broadcast["deliveries"]
    ended = broadcast["state"] in {"missed", "cancelled"}
    return ended or (bool(deliveries) and all(delivery["state"] in {*FINAL, *PLAYED} for delivery in deliveries))


def is_played_whole(broadcast: dict[str, Any], poles: tuple[Pole, ...]) -> bool:
    """Whether every pole, and no other, says that it played the broadcast to its end."""
    played = {delivery["node"] for delivery in broadcast["deliveries"] if delivery["state"] in PLAYED}
    return played == {pole.slug for pole in poles}


async def write_record(client: Client, broadcast: dict[str, Any], poles: tuple[Pole, ...], folder: Path) -> Outcome:
    """Write `clip.wav` and `as-run.json` into `folder`, beside the `<node>.wav` that the outputs have written."""
    sha256 = broadcast["clips"][0]["sha256"] if broadcast["clips"] else None
    if sha256 is not None:
        await _write_clip(client, sha256, folder)
    recordings = {pole.slug: _recording_started_at(pole) for pole in poles}
    deliveries = [
        {
            "node": delivery["node"],
            "state": delivery["state"],
            "reason": delivery["reason"],
            "output": delivery["output"],
            "started_at": delivery["started_at"],
            "finished_at": delivery["finished_at"],
            "clip_sha256": delivery["clip_sha256"],
            "recording_started_at": recordings.get(delivery["node"]),
        }
        for delivery in broadcast["deliveries"]
    ]
    as_run = {
        "broadcast": broadcast["id"],
        "state": broadcast["state"],
        "reason": broadcast["reason"],
        "planned_at": broadcast["starts_at"],
        "voice": broadcast["clips"][0]["voice"] if broadcast["clips"] else None,
        "spoken": broadcast["spoken"],
        "deliveries": deliveries,
    }
    (folder / "as-run.json").write_text(json.dumps(as_run, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return Outcome(as_run, is_whole=is_played_whole(broadcast, poles))


async def _write_clip(client: Client, sha256: str, folder: Path) -> None:
    data = await client.clip(sha256)

    def write() -> None:
        write_wav(folder / "clip.wav", decode_clip(data))

    await asyncio.to_thread(write)


def _recording_started_at(pole: Pole) -> str | None:
    if pole.record_to is None:
        return None
    try:
        sidecar = json.loads(Path(f"{pole.record_to}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return str(sidecar["recording_started_at"])
