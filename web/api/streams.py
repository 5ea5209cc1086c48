"""A broadcast as one running MP3, for a pole whose store lacks its clips."""

import asyncio
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import StreamingResponse

from broadcast.db import reading
from broadcast.lifecycle import COMING, OPEN_DELIVERIES, is_taken_back
from broadcast.models import BroadcastRelay, BroadcastState, DeliveryState, User
from broadcast.nodes import get_node, zones_of_node
from broadcast.relay_source import TROUBLE_TEXTS, RelayFailed
from broadcast.views import BroadcastCard, broadcast_card
from players.messages import MAX_RELAYS
from tts.errors import ClipError
from tts.stream import STREAM_TYPE, stream_clips
from web.api.clips import require_listener
from web.deps import StationDep
from web.errors import Refusal, answers
from web.fragments import is_open_to
from web.station import Station

router = APIRouter(tags=["nodes"])


@router.get(
    "/streams/{broadcast_id}",
    response_class=StreamingResponse,
    responses={200: {"content": {STREAM_TYPE: {}}}, **answers(401, 403, 404, 409, 422)},
)
def send_stream(
    broadcast_id: str,
    request: Request,
    station: StationDep,
    offset_ms: Annotated[int, Query(ge=0, le=4 * 3600 * 1000)] = 0,
) -> StreamingResponse:
    """The sound of a broadcast from `offset_ms` on. A node gets what is for its zones, until it has ended there."""
    listener = require_listener(request, station)
    card = _card_for(station, broadcast_id, listener)
    node = listener if isinstance(listener, str) else None
    if not _may_still_sound(card, node):
        raise Refusal(409, "broadcast-over", "Lượt phát này đã kết thúc hoặc đã hủy.")
    if card.clips is None:
        raise Refusal(404, "no-clip", "Lượt phát này chưa có âm thanh.")
    paths = [station.clips.path_of(clip.sha256) for clip in card.clips]
    return StreamingResponse(_begun(paths, offset_ms), media_type=STREAM_TYPE)


@router.get(
    "/streams/{broadcast_id}/{position}",
    response_class=StreamingResponse,
    responses={200: {"content": {STREAM_TYPE: {}}}, **answers(401, 403, 404, 409, 422, 503)},
)
async def send_relay(
    broadcast_id: str,
    position: Annotated[int, Path(ge=0, lt=MAX_RELAYS)],
    request: Request,
    station: StationDep,
) -> StreamingResponse:
    """What is made while it sounds: an upper radio, or somebody who speaks, from where it is. For nodes."""
    is_live = await asyncio.to_thread(_relay_for, station, request, broadcast_id, position)
    if is_live:
        said = station.talks.listen(broadcast_id)
        if said is None:
            raise Refusal(409, "broadcast-over", "Buổi phát trực tiếp đã kết thúc.")
        return StreamingResponse(said, media_type=STREAM_TYPE)
    try:
        return StreamingResponse(await station.relays.listen(broadcast_id, position), media_type=STREAM_TYPE)
    except RelayFailed as error:
        raise Refusal(503, "relay-failed", f"Không tiếp âm được: {TROUBLE_TEXTS[error.trouble]}.") from error


def _relay_for(station: Station, request: Request, broadcast_id: str, position: int) -> bool:
    """Let pass a node that is to hear this; whether somebody speaks."""
    listener = require_listener(request, station)
    if not isinstance(listener, str):
        raise Refusal(403, "nodes-only", "Chỉ cụm loa nghe được luồng này.")
    card = _card_for(station, broadcast_id, listener)
    if not _may_still_sound(card, listener):
        raise Refusal(409, "broadcast-over", "Lượt phát này đã kết thúc hoặc đã hủy.")
    with reading(station.engine) as session:
        relay = session.get(BroadcastRelay, (broadcast_id, position))
    if relay is None:
        raise Refusal(404, "no-relay", "Lượt phát này không có phần tiếp âm ấy.")
    return relay.is_live


def _may_still_sound(card: BroadcastCard, node: str | None) -> bool:
    """Whether it is not over; at a pole that had others to play first, not before it has had its last word."""
    if card.row.state in {*COMING, BroadcastState.ON_AIR}:
        return True
    waits = any(row.node == node and row.state in {*OPEN_DELIVERIES, DeliveryState.SILENT} for row in card.deliveries)
    return waits and not is_taken_back(card.row.state, card.row.reason)


def _card_for(station: Station, broadcast_id: str, listener: str | User) -> BroadcastCard:
    with reading(station.engine) as session:
        card = broadcast_card(session, broadcast_id)
        if isinstance(listener, User):
            if not is_open_to(session, listener, card.row.zone_slugs):
                raise Refusal(404, "no-broadcast", "Không có lượt phát này.")
        else:
            own = {zone.slug for zone in zones_of_node(session, get_node(session, listener))}
            if own.isdisjoint(card.row.zone_slugs):
                raise Refusal(403, "other-zone", "Lượt phát này không dành cho cụm loa.")
        return card


def _begun(paths: list[FilePath], offset_ms: int) -> Iterator[bytes]:
    """The stream, its first block already made: a broken clip is an error answer, not a torn stream."""
    blocks = stream_clips(paths, offset_ms)
    try:
        first = next(blocks, b"")
    except ClipError as error:
        raise Refusal(404, "no-clip", "Đoạn âm thanh của lượt phát bị mất hoặc hỏng.") from error

    def whole() -> Iterator[bytes]:
        yield first
        yield from blocks

    return whole()
