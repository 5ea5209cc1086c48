"""Airings and how they went; stopping and cancelling them; the as-run log."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from broadcast.lifecycle import why_text
from broadcast.models import Clip
from broadcast.views import BroadcastCard, DeliveryRow
from players.messages import ClipRef
from web.api.schemas import (
    BroadcastMade,
    BroadcastReply,
    ClipReply,
    DeliveriesReply,
    DeliveryReply,
    StopRequest,
    VoiceReply,
)
from web.deps import Door, scoped
from web.errors import answers
from web.pages.broadcasts import visible_card

router = APIRouter(prefix="/api", tags=["broadcasts"])
Reader = Annotated[Door, Depends(scoped("read"))]
Writer = Annotated[Door, Depends(scoped("write"))]
ERRORS = answers(401, 403, 404, 409, 413, 422)


@router.get("/broadcasts/{broadcast_id}", responses=answers(401, 403, 404, 422))
def read_broadcast(broadcast_id: str, door: Reader) -> BroadcastReply:
    """One airing, node by node."""
    return reply_of(door, visible_card(door, broadcast_id))


@router.post("/broadcasts/{broadcast_id}/cancel", responses=ERRORS)
async def cancel(broadcast_id: str, door: Writer) -> BroadcastMade:
    """Take it back before it begins."""
    await door.station.playout.cancel(broadcast_id, door.user)
    return BroadcastMade(broadcast=broadcast_id)


@router.post("/broadcasts/{broadcast_id}/stop", responses=ERRORS)
async def stop(broadcast_id: str, asked: StopRequest, door: Writer) -> BroadcastMade:
    """Stop what sounds, everywhere or at one node."""
    await door.station.playout.stop(broadcast_id, door.user, asked.node)
    return BroadcastMade(broadcast=broadcast_id)


@router.get("/as-run", responses=answers(401, 403, 404, 422))
def as_run(door: Reader, broadcast: Annotated[str, Query(max_length=100)]) -> DeliveriesReply:
    """What each node did with a broadcast, by the node's own clock."""
    return DeliveriesReply(deliveries=[_delivery(row) for row in visible_card(door, broadcast).deliveries])


def reply_of(door: Door, card: BroadcastCard) -> BroadcastReply:
    """A broadcast as the API says it."""
    row = card.row
    return BroadcastReply(
        id=row.id,
        title=row.title,
        urgency=row.urgency,
        state=row.state,
        reason=row.reason,
        reason_text=row.why,
        zones=list(row.zone_slugs),
        starts_at=row.starts_at,
        duration_ms=row.duration_ms,
        ended_at=row.ended_at,
        is_now=row.is_now,
        bulletin=row.bulletin_id,
        clips=_clips(door, card.clips or ()),
        spoken=card.spoken,
        deliveries=[_delivery(delivery) for delivery in card.deliveries],
    )


def _clips(door: Door, refs: tuple[ClipRef, ...]) -> list[ClipReply]:
    with door.read() as session:
        found = [clip for ref in refs if (clip := session.get(Clip, ref.sha256)) is not None]
    return [
        ClipReply(
            sha256=clip.sha256,
            size_bytes=clip.size_bytes,
            duration_ms=clip.duration_ms,
            voice=VoiceReply(engine=clip.engine, name=clip.voice),
            fallback_reason=clip.fallback_reason,
        )
        for clip in found
    ]


def _delivery(row: DeliveryRow) -> DeliveryReply:
    return DeliveryReply(
        node=row.node,
        node_name=row.node_name,
        state=row.state,
        reason=row.reason,
        reason_text=why_text(row.reason),
        detail=row.detail,
        output=row.output,
        clip_sha256=row.clip_sha256,
        started_at=row.started_at,
        finished_at=row.finished_at,
        reported_at=row.reported_at,
    )
