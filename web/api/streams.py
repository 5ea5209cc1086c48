"""A broadcast as one running MP3, for a pole whose store lacks its clips."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import StreamingResponse

from broadcast.db import reading
from broadcast.lifecycle import COMING, OPEN_DELIVERIES, WhyNot
from broadcast.models import BroadcastState, DeliveryState, User
from broadcast.nodes import get_node, zones_of_node
from broadcast.views import BroadcastCard, broadcast_card
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


def _may_still_sound(card: BroadcastCard, node: str | None) -> bool:
    """Whether it is not over; at a pole that had others to play first, not before it has had its last word."""
    if card.row.state in {*COMING, BroadcastState.ON_AIR}:
        return True
    is_taken_back = card.row.state is BroadcastState.CANCELLED or card.row.reason == WhyNot.STOPPED_BY_USER
    waits = any(row.node == node and row.state in {*OPEN_DELIVERIES, DeliveryState.SILENT} for row in card.deliveries)
    return waits and not is_taken_back


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


def _begun(paths: list[Path], offset_ms: int) -> Iterator[bytes]:
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
