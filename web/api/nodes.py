"""The poles: added, paired by a one-time code, revoked."""

from typing import Annotated

import anyio.from_thread
from fastapi import APIRouter, Depends

from broadcast.communes import get_commune
from broadcast.farewell import farewell_to
from broadcast.nodes import create_node, new_pairing_code, revoke_node
from broadcast.permissions import Action, require
from broadcast.views import NodeRow, node_rows
from web.api.schemas import NodeMade, NodeReply, NodeRequest, NodesReply
from web.deps import Door, scoped
from web.errors import answers
from web.fragments import EVERYTHING, scope_of

router = APIRouter(prefix="/api/nodes", tags=["nodes"])
_HEALTH = (
    "volume_percent",
    "temperature_c",
    "under_voltage",
    "signal",
    "signal_percent",
    "uptime_s",
    "memory_free_bytes",
    "processor_percent",
    "disk_free_bytes",
)
Reader = Annotated[Door, Depends(scoped("read"))]
Administrator = Annotated[Door, Depends(scoped("admin"))]


@router.get("", responses=answers(401, 403))
def read_nodes(door: Reader) -> NodesReply:
    """The poles, with what was last heard of them; a village head's are those of the village."""
    with door.read() as session:
        scope = scope_of(session, door.user)
        rows = [row for row in node_rows(session) if scope in {EVERYTHING, *row.zone_slugs}]
        return NodesReply(nodes=[reply_of(door, row) for row in rows])


@router.post("", status_code=201, responses=answers(401, 403, 409, 413, 422))
def add(asked: NodeRequest, door: Administrator) -> NodeMade:
    """Add a pole; its one-time pairing code is shown only here."""
    require(door.user, Action.MANAGE_NODES)
    with door.work() as session:
        commune = get_commune(session)
        node, code = create_node(
            session, commune, asked.slug, asked.name, asked.zones, door.now, actor=door.user.username
        )
    door.station.nudge()
    return NodeMade(node=node.slug, pairing_code=code)


@router.post("/{slug}/pairing-code", status_code=201, responses=answers(401, 403, 404, 409, 422))
def give_code(slug: str, door: Administrator) -> NodeMade:
    """A new one-time code for a pole; the one before is void."""
    require(door.user, Action.MANAGE_NODES)
    with door.work() as session:
        return NodeMade(node=slug, pairing_code=new_pairing_code(session, slug, door.now, actor=door.user.username))


@router.post("/{slug}/revoke", status_code=204, responses=answers(401, 403, 404, 422, 507))
def revoke(slug: str, door: Administrator) -> None:
    """Trust a pole no longer, from now on."""
    require(door.user, Action.MANAGE_NODES)
    revoke_everywhere(door, slug)


def revoke_everywhere(door: Door, slug: str) -> None:
    """In the database, then at the pole itself and at the broker. Called in a worker thread.

    Raises:
        NotFound: there is no such pole.
    """
    with door.work() as session:
        farewell = farewell_to(session, revoke_node(session, slug, door.now, actor=door.user.username), door.now)
    anyio.from_thread.run(door.station.shut_out, farewell)
    door.station.nudge()


def reply_of(door: Door, row: NodeRow) -> NodeReply:
    """A pole as the API says it."""
    heard = door.station.heard_of(row.slug)
    beat = heard.heartbeat
    return NodeReply(
        slug=row.slug,
        name=row.name,
        zones=list(row.zones),
        is_paired=row.is_paired,
        is_revoked=row.is_revoked,
        presence=heard.state,
        last_seen_at=heard.last_seen_at or row.last_seen_at,
        playing=beat.broadcast if beat else None,
        output=beat.output if beat else None,
        output_error=beat.output_error if beat else None,
        clock_offset_ms=beat.clock_offset_ms if beat else None,
        clock_error_ms=beat.clock_error_ms if beat else None,
        cued=len(beat.cued) if beat else 0,
        outbox=beat.outbox if beat else None,
        version=beat.version if beat else row.version,
        **{name: getattr(beat, name, None) for name in _HEALTH},
    )
