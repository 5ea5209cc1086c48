"""Speaking live: open, send what is said as it is said (or have the office's microphone heard), stop."""

import asyncio
from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, Field

from broadcast.airings import clips_of
from broadcast.live import get_live
from broadcast.live_desk import MAX_PART_BYTES
from broadcast.models import Broadcast, BroadcastState
from web.api.schemas import Sent, SlugText
from web.deps import Door, scoped
from web.errors import Refusal, answers
from web.talks import LiveWish, open_talk

router = APIRouter(prefix="/api/live", tags=["live"])
Writer = Annotated[Door, Depends(scoped("write"))]
Reader = Annotated[Door, Depends(scoped("read"))]
LiveId = Annotated[str, Path(max_length=100)]


class LiveRequest(Sent):
    """Where to speak; `key` names this press: sent twice it is one announcement."""

    zones: tuple[SlugText, ...] = Field(max_length=500)
    key: str = Field(max_length=200)
    microphone: Literal["own", "office"] = "own"
    """Who asks sends the sound; or the server hears its own microphone."""
    device: str = Field(default="", max_length=100)
    """Which one of the server's, by the sound system's name or number; empty: as the settings say."""
    minutes: int | None = Field(default=None, ge=1, le=120)
    """The limit, if less than the commune's."""


class LiveReply(BaseModel):
    """An announcement: when the speaker is heard from, once the poles have been told, and whether it is over."""

    broadcast: str
    state: BroadcastState
    speaks_at: datetime | None
    """When the chime is over."""
    ends_at: datetime | None
    """When its time is over."""
    is_over: bool
    listeners: int
    """How many poles hear it from this server just now."""
    now: datetime
    """By the server's clock, for a phone whose own is wrong."""


class PartReply(BaseModel):
    """Which part of the sound is wanted next."""

    next_part: int


@router.post("", status_code=201, responses=answers(401, 403, 404, 409, 413, 422))
async def open_announcement(asked: LiveRequest, door: Writer) -> LiveReply:
    """Chime at once in these villages, then let who asked be heard. Refusals are in the audit log."""
    wish = LiveWish(
        zones=asked.zones,
        key=asked.key,
        is_office=asked.microphone == "office",
        device=asked.device,
        minutes=asked.minutes,
    )
    live = await open_talk(door, wish)
    return await asyncio.to_thread(_reply, door, live.broadcast_id)


@router.get("/{broadcast_id}", responses=answers(401, 403, 404, 422))
def read_announcement(broadcast_id: LiveId, door: Reader) -> LiveReply:
    """How one's own announcement stands."""
    return _reply(door, broadcast_id)


@router.post(
    "/{broadcast_id}/sound/{part}",
    responses=answers(401, 403, 404, 409, 413, 422),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def take_sound(
    broadcast_id: LiveId, part: Annotated[int, Path(ge=0, le=1_000_000)], request: Request, door: Writer
) -> PartReply:
    """The next stretch of sound, counted from 0, as the browser's recorder makes it (WebM, Ogg or MP4)."""
    await asyncio.to_thread(_require_own, door, broadcast_id)
    data = await request.body()
    if len(data) > MAX_PART_BYTES:
        raise Refusal(413, "body-too-long", "Đoạn âm thanh quá dài.")
    return PartReply(next_part=await door.station.talks.take(broadcast_id, part, data))


@router.post("/{broadcast_id}/stop", responses=answers(401, 403, 404, 409, 413, 422))
async def stop_announcement(broadcast_id: LiveId, door: Writer) -> LiveReply:
    """Be heard no more, at once. What was said is kept."""
    await asyncio.to_thread(_require_own, door, broadcast_id)
    await door.station.talks.end(broadcast_id)
    door.station.nudge()
    return await asyncio.to_thread(_reply, door, broadcast_id)


def _require_own(door: Door, broadcast_id: str) -> None:
    with door.read() as session:
        get_live(session, broadcast_id, door.user)


def _reply(door: Door, broadcast_id: str) -> LiveReply:
    with door.read() as session:
        live = get_live(session, broadcast_id, door.user)
        broadcast = session.get_one(Broadcast, broadcast_id)
        clips = clips_of(session, broadcast_id) or ()
    speaks_at = ends_at = None
    if broadcast.starts_at is not None and clips:
        speaks_at = broadcast.starts_at + timedelta(milliseconds=sum(clip.duration_ms for clip in clips))
        ends_at = broadcast.starts_at + timedelta(milliseconds=broadcast.duration_ms or 0)
    is_over = live.ended_at is not None or not door.station.talks.is_open(broadcast_id)
    return LiveReply(
        broadcast=broadcast_id,
        state=broadcast.state,
        speaks_at=speaks_at,
        ends_at=ends_at,
        is_over=is_over,
        listeners=door.station.talks.listeners(broadcast_id),
        now=door.station.clock(),
    )
