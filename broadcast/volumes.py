"""How loud poles are by time of day: set for a village or for one pole, heeded by the pole itself.

An emergency sounds at full volume at any hour.
"""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlmodel import Session, select

from broadcast.audit import record
from broadcast.errors import InvalidInput, NotFound
from broadcast.models import Node, Zone
from broadcast.windows import days_of, open_until, say_window, stored_window
from players.messages import Volume

MAX_VOLUMES = 12
LEAST_DB, MOST_DB = -60.0, 12.0


def set_zone_volumes(session: Session, slug: str, volumes: Sequence[Volume], now: datetime, actor: str) -> Zone:
    """How loud the poles of a village are by time of day. Raises as `set_node_volumes`."""
    zone = session.exec(select(Zone).where(Zone.slug == slug)).one_or_none()
    if zone is None:
        raise NotFound("no-zone", "Không có khu vực này.")
    _set(session, zone, volumes, now, actor)
    return zone


def set_node_volumes(session: Session, slug: str, volumes: Sequence[Volume], now: datetime, actor: str) -> Node:
    """How loud one pole is by time of day, in place of what its villages say; none: as they say.

    Raises:
        NotFound: there is no such village or pole.
        InvalidInput: there are too many.
    """
    node = session.exec(select(Node).where(Node.slug == slug)).one_or_none()
    if node is None:
        raise NotFound("no-node", "Không có cụm loa này.")
    _set(session, node, volumes, now, actor)
    return node


def volumes_of(of: Zone | Node) -> tuple[Volume, ...]:
    """The volumes of a village or a pole."""
    return tuple(Volume.model_validate({**volume, "days": days_of(volume)}) for volume in of.volumes)


def volumes_for(node: Node, its_zones: Sequence[Zone]) -> tuple[Volume, ...]:
    """What counts at a pole: its own, else those of the first of its villages that has some."""
    own = volumes_of(node)
    return own or next((found for zone in its_zones if (found := volumes_of(zone))), ())


def volume_at(volumes: Sequence[Volume], local: ZoneInfo, at: datetime) -> float:
    """What these add at an instant, in decibels: of several that count then the first, as a pole takes them."""
    return next((one.gain_db for one in volumes if open_until((one,), local, at) is not None), 0.0)


def say_volumes(volumes: Sequence[Volume]) -> str:
    """For the screen and its form: "05:00–06:00 -9, 20:00–22:00 -12"."""
    return ", ".join(f"{say_window(volume)} {volume.gain_db:+g}" for volume in volumes)


def _set(session: Session, of: Zone | Node, volumes: Sequence[Volume], now: datetime, actor: str) -> None:
    if len(volumes) > MAX_VOLUMES:
        raise InvalidInput("too-many-volumes", f"Tối đa {MAX_VOLUMES} khoảng giờ.", "volumes")
    before = of.volumes
    of.volumes = [{**stored_window(volume), "gain_db": f"{volume.gain_db:g}"} for volume in volumes]
    session.add(of)
    session.flush()
    if of.volumes != before:
        said = {"before": before, "after": of.volumes}
        record(session, now, actor, f"set-{type(of).__name__.lower()}-volumes", of.slug, said)
