"""What a pole asks when keys change: whom to believe from now on, and a new key and password of its own."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import PlainTextResponse

from broadcast.db import reading, session_of
from broadcast.errors import NotFound
from broadcast.nodes import get_node, renew_node
from players.errors import MalformedMessage, WireError
from players.messages import CommuneKeysChain, PairingReply, RenewalRequest
from players.signing import checked_public_jwk
from players.tickets import check_ticket, ticket_subject
from web.api.pairing import admit
from web.deps import StationDep
from web.errors import Refusal, answers

router = APIRouter(prefix="/api", tags=["nodes"])
KidPath = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{43}$")]
BAD_TICKET = (401, "bad-ticket", "Cụm loa không chứng minh được mình.")


@router.get("/keys")
def read_keys(station: StationDep) -> CommuneKeysChain:
    """The commune's signed words on its keys, oldest first. They hold nothing secret, and count by their signatures."""
    return CommuneKeysChain(statements=station.keeper.ring.statements)


@router.get("/authority", response_class=PlainTextResponse)
def read_authority(station: StationDep) -> str:
    """The commune's own authority (PEM): for poles that compare its fingerprint, and for browsers."""
    return station.keeper.ring.authority.certificate


@router.post("/renewal/{kid}", responses=answers(401, 403, 409, 413, 422, 503))
def renew(kid: KidPath, asked: RenewalRequest, request: Request, station: StationDep) -> PairingReply:
    """Trust a paired node by another key, named in the path and so in the ticket that its present key signs."""
    try:
        key = checked_public_jwk(asked.public_key)
    except MalformedMessage as error:
        raise Refusal(422, "bad-public-key", "Khóa của cụm loa không hợp lệ.", "public_key") from error
    if key["kid"] != kid:
        raise Refusal(422, "bad-public-key", "Khóa của cụm loa không phải khóa được nêu.", "public_key")
    node = _require_node(request, station)
    with session_of(station.engine) as session:
        reply = admit(session, renew_node(session, node, key, station.clock()), request, station)
    station.nudge()
    return reply


def _require_node(request: Request, station: StationDep) -> str:
    """The trusted node whose ticket this is.

    Raises:
        Refusal: 401, there is none.
    """
    scheme, _, ticket = request.headers.get("authorization", "").partition(" ")
    try:
        if scheme.lower() != "bearer":
            raise MalformedMessage("no ticket")
        with reading(station.engine) as session:
            node = get_node(session, ticket_subject(ticket.strip()))
        if node.public_key is None or node.revoked_at is not None:
            raise Refusal(*BAD_TICKET)
        return check_ticket(ticket.strip(), checked_public_jwk(node.public_key), request.url.path, station.clock())
    except (WireError, NotFound) as error:
        raise Refusal(*BAD_TICKET) from error
