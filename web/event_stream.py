"""Live parts as an answer: server-sent events to somebody who is signed in, for as long as they are."""

from collections.abc import Iterable

from sse_starlette import EventSourceResponse

from web.auth import visitor_of
from web.deps import Door
from web.errors import SAID, Refusal
from web.fragments import scope_of
from web.live import Part, TooManyClients

SEND_TIMEOUT_S = 30
_NO_PING_OF_ITS_OWN = 24 * 3600


def event_stream(door: Door, parts: Iterable[Part], *, is_urgent: bool = False) -> EventSourceResponse:
    """The events of these parts; `is_urgent` has places that no other page takes.

    Raises:
        Refusal: 503, as many live pages as allowed are open.
    """
    try:
        events = door.station.live.events(parts, lambda: is_still_signed_in(door), is_urgent=is_urgent)
    except TooManyClients as error:
        raise Refusal(503, *SAID[503], headers={"retry-after": "30"}) from error
    return EventSourceResponse(events, ping=_NO_PING_OF_ITS_OWN, send_timeout=SEND_TIMEOUT_S)


def scope_at(door: Door) -> str:
    """Whose parts these are. In a worker thread."""
    with door.read() as session:
        return scope_of(session, door.user)


def is_still_signed_in(door: Door) -> bool:
    """Whether the session or token that opened the stream still holds. In a worker thread."""
    station = door.station
    with door.read() as session:
        is_secure = station.settings.http.is_secure
        return visitor_of(session, door.request, station.clock(), is_secure=is_secure) is not None
