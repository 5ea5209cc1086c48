"""Our emergencies for others: an Atom feed of CAP 1.2 messages, each message, and its sound."""

import hashlib
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request
from sqlmodel import Session
from starlette.responses import FileResponse, Response

from broadcast.cap.audio import MEDIA_TYPE as SOUND
from broadcast.cap.model import MEDIA_TYPE, Resource
from broadcast.cap.outgoing import Own, alert_of, find_own, list_own
from broadcast.cap.places import own_sender, rules_of
from broadcast.cap.writing import write_alert
from broadcast.communes import get_commune, local_zone
from broadcast.db import reading
from web.auth import visitor_of
from web.cap_feed import make_feed
from web.deps import StationDep
from web.errors import SAID, SCOPE_MISSING, Refusal
from web.station import Station

router = APIRouter(prefix="/cap", include_in_schema=False)


def reader(request: Request, station: StationDep) -> Station:
    """Let pass who may read the feed: everybody where the commune's setting says so, else who is signed in, or a token.

    Raises:
        Refusal: 401, 403: nobody is at the door, or the token reads nothing.
    """
    with reading(station.engine) as session:
        if rules_of(session).is_feed_open:
            return station
        visitor = visitor_of(session, request, station.clock(), is_secure=station.settings.http.is_secure)
    if visitor is None:
        raise Refusal(401, *SAID[401], headers={"www-authenticate": "Bearer"})
    if visitor.scopes is not None and not visitor.scopes & {"read", "*"}:
        raise Refusal(403, *SCOPE_MISSING)
    return station


Reader = Annotated[Station, Depends(reader)]


@router.get("/tin.atom", name="send_feed_of_cap")
def send_feed(station: Reader, request: Request, known: Annotated[str, Header(alias="if-none-match")] = "") -> Response:
    """The feed; 304 to who has it already."""
    now = station.clock()
    with reading(station.engine) as session:
        feed = make_feed(
            list_own(session, now),
            get_commune(session).name,
            own_sender(session),
            str(request.url_for("send_feed_of_cap")),
            lambda own: str(request.url_for("send_message", identifier=own.identifier)),
            now,
        )
    tag = f'"{hashlib.sha256(feed).hexdigest()[:32]}"'
    if tag in known:
        return Response(status_code=304, headers={"etag": tag})
    return Response(feed, media_type="application/atom+xml", headers={"etag": tag})


@router.get("/tin/{identifier}.xml")
def send_message(identifier: str, station: Reader, request: Request) -> Response:
    """One message."""
    with reading(station.engine) as session:
        own = _find(station, session, identifier)

        def audio(broadcast_id: str) -> Resource | None:
            found = station.emergency_sounds.sound_of(session, broadcast_id)
            if found is None:
                return None
            uri = str(request.url_for("send_sound", identifier=broadcast_id))
            return Resource(
                description="Âm thanh của bản tin", media_type=SOUND, size_bytes=found.size_bytes, uri=uri,
                sha1=found.sha1,
            )  # fmt: skip

        alert = alert_of(session, own, audio)
        zone = local_zone(get_commune(session))
    return Response(write_alert(alert, zone), media_type=MEDIA_TYPE)


@router.get("/am-thanh/{identifier}.ogg")
def send_sound(identifier: str, station: Reader) -> Response:
    """The sound of one."""
    with reading(station.engine) as session:
        own = _find(station, session, identifier)
        found = None if own.is_stop else station.emergency_sounds.sound_of(session, own.broadcast.id)
    if found is None:
        raise Refusal(404, *SAID[404])
    return FileResponse(found.path, media_type=SOUND)


def _find(station: Station, session: Session, identifier: str) -> Own:
    own = find_own(session, identifier, station.clock())
    if own is None:
        raise Refusal(404, *SAID[404])
    return own
