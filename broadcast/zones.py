"""The villages."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlmodel import Session, col, func, select

from broadcast.audit import record
from broadcast.collation import vietnamese_key
from broadcast.errors import Conflict, InvalidInput, NotFound
from broadcast.models import (
    BroadcastZone,
    BulletinZone,
    Commune,
    EntryZone,
    NodeZone,
    OfflineToken,
    PhoneContact,
    User,
    Zone,
    row_id,
)
from broadcast.typed_text import clean_line, clean_slug

_HOLDS = {
    "cụm loa ({count})": col(NodeZone.zone_id),
    "tài khoản trưởng thôn ({count})": col(User.zone_id),
    "lịch phát ({count})": col(EntryZone.zone_id),
    "bản tin ({count})": col(BulletinZone.zone_id),
    "lượt phát ({count})": col(BroadcastZone.zone_id),
    "số điện thoại gọi khẩn ({count})": col(PhoneContact.zone_id),
    "thẻ phát khẩn cấp ({count})": col(OfflineToken.zone_id),
}
"""What names a village, and by which column."""


def create_zone(
    session: Session, commune: Commune, *, slug: str, name: str, now: datetime, actor: str = "loalang"
) -> Zone:
    """Add a village.

    Raises:
        Conflict: the slug is taken.
        InvalidInput: the slug or the name cannot be used.
    """
    slug = clean_slug(slug, "slug")
    if any(zone.slug == slug for zone in list_zones(session)):
        raise Conflict("zone-exists", f"Đã có khu vực với tên ngắn «{slug}».")
    zone = Zone(commune_id=row_id(commune.id), slug=slug, name=clean_line(name, "name"))
    session.add(zone)
    record(session, now, actor, "create-zone", slug, {"name": zone.name})
    return zone


def get_zone(session: Session, slug: str) -> Zone:
    """A village by its slug.

    Raises:
        NotFound: there is no such village.
    """
    zone = session.exec(select(Zone).where(Zone.slug == slug)).one_or_none()
    if zone is None:
        raise NotFound("no-zone", "Không có khu vực này.")
    return zone


def rename_zone(session: Session, slug: str, name: str, now: datetime, actor: str) -> Zone:
    """Call a village otherwise on screens; its slug stays.

    Raises:
        NotFound: there is no such village.
        InvalidInput: the name cannot be used.
    """
    zone = get_zone(session, slug)
    before, zone.name = zone.name, clean_line(name, "name")
    session.add(zone)
    if zone.name != before:
        record(session, now, actor, "rename-zone", slug, {"before": before, "after": zone.name})
    return zone


def uses_of_zone(session: Session, zone: Zone) -> list[str]:
    """What is bound to a village, in words; of nothing none. Also what is over: the as-run log names its villages."""
    counted = {said: session.exec(select(func.count()).where(held == zone.id)).one() for said, held in _HOLDS.items()}
    return [said.format(count=count) for said, count in counted.items() if count]


def remove_zone(session: Session, slug: str, now: datetime, actor: str) -> None:
    """Forget a village that nothing is bound to.

    Raises:
        NotFound: there is no such village.
        Conflict: something is bound to it; it says what.
    """
    zone = get_zone(session, slug)
    uses = uses_of_zone(session, zone)
    if uses:
        raise Conflict("zone-in-use", f"Chưa xóa được «{zone.name}»: còn {', '.join(uses)}.")
    session.delete(zone)
    record(session, now, actor, "remove-zone", slug, {"name": zone.name})


def list_zones(session: Session) -> Sequence[Zone]:
    """All villages by name."""
    return sorted_by_name(session.exec(select(Zone)))


def sorted_by_name(zones: Iterable[Zone]) -> list[Zone]:
    """Villages as a person looks for them."""
    return sorted(zones, key=lambda zone: (vietnamese_key(zone.name), zone.slug))


def zones_by_slug(session: Session, slugs: Iterable[str], *, field: str = "zones") -> list[Zone]:
    """The villages of those slugs, each once, in the order of `list_zones`.

    Raises:
        InvalidInput: none was named, or one is not known.
    """
    wanted = set(slugs)
    if not wanted:
        raise InvalidInput("no-zone", "Chưa chọn khu vực (thôn) nào.", field)
    found = [zone for zone in list_zones(session) if zone.slug in wanted]
    unknown = sorted(wanted - {zone.slug for zone in found})
    if unknown:
        raise InvalidInput("unknown-zone", f"Không có khu vực «{unknown[0][:50]}».", field)
    return found


def zones_open_to(session: Session, user: User) -> Sequence[Zone]:
    """The villages a user may speak to: a village head's own, everybody else's all."""
    zones = list_zones(session)
    return zones if user.zone_id is None else [zone for zone in zones if zone.id == user.zone_id]


def zones_of_each_node(session: Session) -> dict[int | None, list[Zone]]:
    """The villages every pole speaks for, by name; a pole without any is left out."""
    zones = {zone.id: zone for zone in list_zones(session)}
    place = {zone_id: number for number, zone_id in enumerate(zones)}
    found: dict[int | None, list[Zone]] = {}
    pairs = session.exec(select(NodeZone.node_id, NodeZone.zone_id)).all()
    for node_id, zone_id in sorted(pairs, key=lambda pair: place[pair[1]]):
        found.setdefault(node_id, []).append(zones[zone_id])
    return found
