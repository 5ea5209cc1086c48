"""Has the running server follow its keys: every second it looks at the disk, and brings what runs in line with it."""

import asyncio
import logging
from collections.abc import Mapping

from sqlalchemy.exc import SQLAlchemyError

from broadcast.db import reading
from broadcast.nodes import paired_nodes, zones_of_node
from players.broker_admin import NodeAccess
from players.errors import PlayersError, TransportClosed
from players.signing import checked_public_jwk
from web.brokers import ExternalBroker
from web.key_keeper import KeyChange
from web.station import Station

logger = logging.getLogger(__name__)
LOOK_EVERY_S = 1.0


async def let_in_known_nodes(station: Station) -> None:
    """Have our own broker let in exactly the nodes that are trusted.

    Raises:
        BrokerError: it cannot be reached or refuses.
    """
    if not isinstance(station.broker, ExternalBroker):  # one that others use too has clients we know nothing of
        await station.node_door.reconcile(await asyncio.to_thread(_node_access, station))


def _node_access(station: Station) -> Mapping[str, NodeAccess]:
    wanted = {}
    with reading(station.engine) as session:
        for node in paired_nodes(session):
            kid = checked_public_jwk(node.public_key or {})["kid"]
            zones = tuple(zone.slug for zone in zones_of_node(session, node))
            wanted[node.slug] = NodeAccess(station.broker.node_password(node.slug, kid), zones)
    return wanted


async def follow_keys(station: Station) -> None:
    """Do so until cancelled. What fails is done again with the next look."""
    undone = KeyChange.NOTHING
    told = ""
    while True:
        try:
            undone |= await asyncio.to_thread(station.keeper.look, _held_keys(station))
            await _carry_out(station, undone)
        except (PlayersError, SQLAlchemyError, OSError) as error:
            if str(error) != told:
                logger.warning("the keys on the disk cannot be followed yet: %s", error)
            told = str(error)
        else:
            undone, told = KeyChange.NOTHING, ""
        await asyncio.sleep(LOOK_EVERY_S)


def _held_keys(station: Station) -> dict[str, int]:
    rows = station.presence.snapshot(station.clock()).values()
    return {row.node: row.heartbeat.keys_version for row in rows if row.heartbeat is not None}


async def _carry_out(station: Station, changes: KeyChange) -> None:
    """Bring what runs in line with the keys."""
    if KeyChange.RING in changes:
        station.hub.sign_with(station.keeper.key)
        logger.info("messages are signed with the key %s", station.keeper.key.kid)
    if KeyChange.CERTIFICATE in changes:
        await asyncio.to_thread(station.keeper.show_certificate)
    needs_broker = KeyChange.BROKER in changes or (
        KeyChange.CERTIFICATE in changes and station.settings.mqtt_speaks_tls and station.settings.mqtt.mode == "own"
    )
    if needs_broker:
        await station.broker.stop()
        station.broker.reload_secrets()
        await station.broker.start()
    if changes:
        await let_in_known_nodes(station)
    if KeyChange.RING in changes:
        try:
            await station.playout.republish()
        except TransportClosed:
            logger.info("documents are published with the next connection")
        station.nudge()
