"""What a pole is told last, when it is trusted no longer: be silent."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from broadcast.communes import get_commune
from broadcast.models import Node, WireVersion
from broadcast.nodes import zones_of_node
from players.messages import NodeConfig, Stop
from players.versions import next_version

STOP_VALID = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Farewell:
    """Sent before the broker throws the pole out; one that is out of reach goes on with what it holds."""

    config: NodeConfig
    """Without hours: nothing planned sounds any more, though the pole may hold a week of it."""
    stop: Stop
    """Of whatever sounds, an emergency too."""


def farewell_to(session: Session, node: Node, now: datetime) -> Farewell:
    """The last words for a pole of ours."""
    commune, known = get_commune(session), session.get(WireVersion, f"nodes/{node.slug}/config")
    config = NodeConfig(
        commune=commune.slug,
        version=next_version(None if known is None else known.version, now),
        issued_at=now,
        node=node.slug,
        name=node.name,
        zones=tuple(zone.slug for zone in zones_of_node(session, node)),
        timezone=commune.timezone,
        windows=(),
        gain_db=commune.gain_db,
        heartbeat_s=commune.heartbeat_s,
        keys_version=commune.keys_version,
        renewal=node.renewal,
    )
    order = f"farewell-{node.slug}-{int(now.timestamp() * 1000)}"
    return Farewell(config, Stop(order=order, commune=commune.slug, issued_at=now, expires_at=now + STOP_VALID))
