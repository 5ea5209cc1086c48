"""The clip store over HTTP: for nodes that show a ticket, and for people who listen before they approve."""

import logging
from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import FileResponse, Response

from broadcast.db import reading, session_of
from broadcast.errors import NotFound
from broadcast.hearing import may_hear
from broadcast.models import User
from broadcast.nodes import get_node
from broadcast.renderings import want_lost_clip
from players.errors import WireError
from players.signing import checked_public_jwk
from players.tickets import check_ticket, ticket_subject
from web.auth import visitor_of
from web.deps import StationDep
from web.errors import SAID, SCOPE_MISSING, Refusal, answers
from web.station import Station

log = logging.getLogger(__name__)

router = APIRouter(tags=["nodes"])
MEDIA_TYPE = "audio/ogg"
WHOLE_BYTES = 512 * 1024
"""What is no longer than two minutes is sent in one piece: hundreds of poles ask for the same at once."""
Sha256Path = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


@router.get(
    "/clips/{sha256}",
    response_class=FileResponse,
    responses={206: {"description": "Partial Content"}, **answers(401, 403, 404, 416, 422)},
)
def send_clip(sha256: Sha256Path, request: Request, station: StationDep) -> Response:
    """The bytes of a clip, whole or by `Range`. A clip is named by its SHA-256 and never changes."""
    listener = require_listener(request, station)
    path = station.clips.path_of(sha256)
    if not _may_hear(station, listener, sha256) or not _is_sound(station, sha256, request.headers.get("range")):
        raise Refusal(404, "no-clip", "Không có đoạn âm thanh này.")
    headers = {"cache-control": "private, max-age=31536000, immutable", "accept-ranges": "bytes"}
    file = path.stat()
    if "range" not in request.headers and file.st_size <= WHOLE_BYTES:
        return Response(path.read_bytes(), media_type=MEDIA_TYPE, headers=headers)
    return FileResponse(path, media_type=MEDIA_TYPE, headers=headers, stat_result=file)


def _may_hear(station: Station, listener: str | User, sha256: str) -> bool:
    if isinstance(listener, str):
        return True  # a pole: it was told of the clip by a signed order or timetable
    with reading(station.engine) as session:
        return may_hear(session, listener, sha256)


def _is_sound(station: Station, sha256: str, asked: str | None) -> bool:
    """Whether the clip is in the store, undamaged; one that is not is made again where it was rendered from a text.

    Whoever goes on with what he has begun is not made to wait for all of it to be read: a pole compares in the end.
    """
    if asked is not None and not asked.startswith("bytes=0-"):
        return station.clips.has(sha256)
    if station.clips.is_whole(sha256):
        return True
    with session_of(station.engine) as session:
        wanted = want_lost_clip(session, sha256, station.clock())
    log.warning("the stored clip %s is gone or damaged%s", sha256, "; it is rendered again" if wanted else "")
    if wanted:
        station.nudge()
    return False


def require_listener(request: Request, station: Station) -> str | User:
    """Let pass a paired node by its ticket (its slug is given), or anybody signed in (the user is given).

    The ticket is `Authorization: Bearer …` or, for players that cannot send headers, `?ticket=…`.

    Raises:
        Refusal: 401, neither; 403, a program whose token may not read.
    """
    now = station.clock()
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    ticket = request.query_params.get("ticket") or (bearer.strip() if scheme.lower() == "bearer" else "")
    with reading(station.engine) as session:
        if ticket.count(".") == 2:
            try:
                node = get_node(session, ticket_subject(ticket))
                if node.public_key is None or node.revoked_at is not None:
                    raise Refusal(401, "unknown-node", "Cụm loa chưa được ghép hoặc đã bị thu hồi.")
                return check_ticket(ticket, checked_public_jwk(node.public_key), request.url.path, now)
            except (WireError, NotFound) as error:
                raise Refusal(401, "bad-ticket", "Cụm loa không chứng minh được mình.") from error
        visitor = visitor_of(session, request, now, is_secure=station.settings.http.is_secure)
    if visitor is None:
        raise Refusal(401, *SAID[401])
    if visitor.scopes is not None and not visitor.scopes & {"read", "*"}:
        raise Refusal(403, *SCOPE_MISSING)
    return visitor.user
