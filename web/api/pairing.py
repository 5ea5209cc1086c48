"""A new pole shows its one-time code and its public key, and learns whom to obey and where."""

import anyio.from_thread
from fastapi import APIRouter, Request
from sqlmodel import Session

from broadcast.communes import get_commune
from broadcast.db import session_of
from broadcast.models import Node
from broadcast.nodes import pair_node, zones_of_node
from players.errors import BrokerError, MalformedMessage
from players.messages import PairingReply, PairingRequest
from players.signing import checked_public_jwk
from web.auth import Wait
from web.deps import StationDep
from web.errors import SAID, Refusal, answers
from web.pages.sign_in import too_many
from web.station import Station
from web.throttle import address_key

router = APIRouter(prefix="/api", tags=["nodes"])


@router.post("/pairing", responses=answers(403, 409, 413, 422, 429, 503))
def pair(asked: PairingRequest, request: Request, station: StationDep) -> PairingReply:
    """Pair a node. Tries are throttled by address; a code is used once and lives ten minutes."""
    now = station.clock()
    wait = station.pairing_throttle.take(address_key(request.client.host if request.client else None), now)
    if wait:
        raise too_many(Wait(wait))
    try:
        key = checked_public_jwk(asked.public_key)
    except MalformedMessage as error:
        raise Refusal(422, "bad-public-key", "Khóa của cụm loa không hợp lệ.", "public_key") from error
    with session_of(station.engine) as session:
        # Before the commit: a pole that the broker does not let in is not paired, and its code stays good.
        reply = admit(session, pair_node(session, asked.code, key, now), request, station)
    station.nudge()
    return reply


def admit(session: Session, node: Node, request: Request, station: Station) -> PairingReply:
    """Have the broker let in a node by its key, and say all that it must know. In a worker thread.

    Raises:
        Refusal: 503, the broker cannot be told now.
    """
    zones = tuple(zone.slug for zone in zones_of_node(session, node))
    kid = checked_public_jwk(node.public_key or {})["kid"]
    commune, ring = get_commune(session), station.keeper.ring
    try:
        password = anyio.from_thread.run(station.let_in, node.slug, kid, zones)
    except BrokerError as error:
        raise Refusal(503, *SAID[503]) from error
    return PairingReply(
        commune=commune.slug,
        commune_name=commune.name,
        node=node.slug,
        node_name=node.name,
        zones=zones,
        commune_keys=ring.public_keys,
        mqtt_host=station.mqtt_host_for(request.url.hostname or "127.0.0.1"),
        mqtt_port=station.broker.port,
        mqtt_username=node.slug,
        mqtt_password=password,
        mqtt_tls=station.settings.mqtt_speaks_tls,
        authorities=ring.authorities,
        keys_version=ring.version,
        renewal=node.renewal,
        server_at=station.clock(),
    )
