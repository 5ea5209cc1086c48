"""The poles: known here first, then paired by a one-time code, trusted until revoked."""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, delete, select

from broadcast.audit import record
from broadcast.errors import Conflict, InvalidInput, NotAllowed, NotFound
from broadcast.models import Commune, Node, NodeZone, Zone, row_id
from broadcast.typed_text import clean_line, clean_slug
from broadcast.zones import sorted_by_name, zones_by_slug

PAIRING_LASTS = timedelta(minutes=10)
LEAST_DELAY_MS, MOST_DELAY_MS = -200, 2000
MOST_DATA_MB = 10_000_000
_CODE_SIGNS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # without I, O, 0 and 1: it is read out and typed on a pole
_CODE_LENGTH = 8


def create_node(
    session: Session,
    commune: Commune,
    slug: str,
    name: str,
    zones: Iterable[str],
    now: datetime,
    actor: str = "loalang",
) -> tuple[Node, str]:
    """Add a pole to its villages; the second value is its one-time pairing code, kept here only as a hash.

    Raises:
        Conflict: the slug is taken.
        InvalidInput: the slug, the name or a village cannot be used.
    """
    slug = clean_slug(slug, "slug")
    if session.exec(select(Node.id).where(Node.slug == slug)).first() is not None:
        raise Conflict("node-exists", f"Đã có cụm loa với tên ngắn «{slug}».")
    its_zones = zones_by_slug(session, zones)
    node = Node(commune_id=row_id(commune.id), slug=slug, name=clean_line(name, "name"), created_at=now)
    session.add(node)
    session.flush()
    session.add_all(NodeZone(node_id=row_id(node.id), zone_id=row_id(zone.id)) for zone in its_zones)
    record(session, now, actor, "create-node", slug, {"zones": [zone.slug for zone in its_zones]})
    return node, _give_code(session, node, now)


def new_pairing_code(session: Session, slug: str, now: datetime, actor: str = "loalang") -> str:
    """A fresh code for a pole; the one before it is void. A pole that is paired stays so until the code is used.

    Raises:
        NotFound: there is no such pole.
        Conflict: it has been revoked.
    """
    node = get_node(session, slug)
    if node.revoked_at is not None:
        raise Conflict("node-revoked", "Cụm loa đã bị thu hồi quyền.")
    record(session, now, actor, "new-pairing-code", slug)
    return _give_code(session, node, now)


def pair_node(session: Session, code: str, public_key: Mapping[str, str], now: datetime) -> Node:
    """Trust the pole that knows the code, from now on by its key. The code is used up.

    Raises:
        NotAllowed: the code is wrong, used or expired.
        InvalidInput: the key is not an Ed25519 public JWK (RFC 8037).
        Conflict: another pole has that key.
    """
    key = _checked_key(public_key)
    node = _node_of_code(session, code)
    if node is None or node.revoked_at is not None:
        raise NotAllowed("wrong-pairing-code", "Mã ghép không đúng hoặc đã được dùng.")
    if node.pairing_expires_at is None or now >= node.pairing_expires_at:
        raise NotAllowed("expired-pairing-code", "Mã ghép đã hết hạn. Hãy tạo mã mới.")
    key = _unused_key(session, node, key)
    node.public_key, node.paired_at = key, now
    node.renewal = session.exec(select(Commune.renewal)).one()
    node.pairing_code_hash = node.pairing_expires_at = None
    session.add(node)
    record(session, now, f"node:{node.slug}", "pair-node", node.slug, {"key": key["x"]})
    return node


def revoke_node(session: Session, slug: str, now: datetime, actor: str = "loalang") -> Node:
    """Trust the pole no longer; it gets no more broadcasts. Revoking twice changes nothing.

    Raises:
        NotFound: there is no such pole.
    """
    node = get_node(session, slug)
    if node.revoked_at is None:
        node.revoked_at = now
        node.public_key = node.pairing_code_hash = node.pairing_expires_at = None
        session.add(node)
        record(session, now, actor, "revoke-node", slug)
    return node


def tune_node(
    session: Session,
    slug: str,
    now: datetime,
    actor: str = "loalang",
    *,
    delay_ms: int | None = None,
    data_mb: int | None = None,
) -> Node:
    """Set by how much a pole's sound is delayed, and what its SIM card may take in a month.

    What is none stays as it is; `data_mb` of 0 takes the limit away.

    Raises:
        InvalidInput: a number is out of its bounds.
        NotFound: there is no such pole.
    """
    node = get_node(session, slug)
    if delay_ms is not None and not LEAST_DELAY_MS <= delay_ms <= MOST_DELAY_MS:
        raise InvalidInput("delay-out-of-bounds", "Độ trễ phải từ -200 đến 2000 mili giây.", "delay_ms")
    if data_mb is not None and not 0 <= data_mb <= MOST_DATA_MB:
        raise InvalidInput("data-out-of-bounds", "Dung lượng tháng phải từ 0 đến 10.000.000 MB.", "data_mb")
    node.delay_ms = node.delay_ms if delay_ms is None else delay_ms
    node.data_mb = node.data_mb if data_mb is None else data_mb or None
    session.add(node)
    record(session, now, actor, "tune-node", slug, {"delay_ms": node.delay_ms, "data_mb": node.data_mb})
    return node


def rename_node(session: Session, slug: str, name: str, now: datetime, actor: str) -> Node:
    """Call a pole otherwise on screens; its slug stays.

    Raises:
        NotFound: there is no such pole.
        InvalidInput: the name cannot be used.
    """
    node = get_node(session, slug)
    before, node.name = node.name, clean_line(name, "name")
    session.add(node)
    if node.name != before:
        record(session, now, actor, "rename-node", slug, {"before": before, "after": node.name})
    return node


def set_node_zones(session: Session, slug: str, zones: Iterable[str], now: datetime, actor: str) -> Node:
    """Say which villages a pole speaks for.

    Raises:
        NotFound: there is no such pole.
        InvalidInput: a village is not known, or none is named.
    """
    node = get_node(session, slug)
    its_zones = zones_by_slug(session, zones)
    session.exec(delete(NodeZone).where(col(NodeZone.node_id) == node.id))
    session.add_all(NodeZone(node_id=row_id(node.id), zone_id=row_id(zone.id)) for zone in its_zones)
    record(session, now, actor, "set-node-zones", slug, {"zones": [zone.slug for zone in its_zones]})
    return node


def get_node(session: Session, slug: str) -> Node:
    """A pole by its slug.

    Raises:
        NotFound: there is no such pole.
    """
    node = session.exec(select(Node).where(Node.slug == slug)).first()
    if node is None:
        raise NotFound("no-node", "Không có cụm loa này.")
    return node


def list_nodes(session: Session) -> Sequence[Node]:
    """All poles that are not revoked, by name."""
    return session.exec(select(Node).where(col(Node.revoked_at).is_(None)).order_by(col(Node.name), col(Node.id))).all()


def nodes_of_zones(session: Session, zone_ids: Iterable[int]) -> list[Node]:
    """The poles, not revoked, that speak for any of these villages; each once."""
    of_zones = select(NodeZone.node_id).where(col(NodeZone.zone_id).in_(list(zone_ids)))
    query = select(Node).where(col(Node.id).in_(of_zones), col(Node.revoked_at).is_(None)).order_by(col(Node.id))
    return list(session.exec(query))


def zones_of_node(session: Session, node: Node) -> list[Zone]:
    """The villages a pole speaks for, by name."""
    query = select(Zone).join(NodeZone).where(NodeZone.node_id == node.id)
    return sorted_by_name(session.exec(query))


def paired_nodes(session: Session) -> list[Node]:
    """The poles that are trusted now."""
    return [node for node in list_nodes(session) if node.public_key is not None]


def want_keys(session: Session, version: int) -> None:
    """Tell the poles, by their configuration, which word on the commune's keys is the last."""
    commune = session.exec(select(Commune)).one()
    if commune.keys_version != version:
        commune.keys_version = version
        session.add(commune)


def note_keys(session: Session, held: Mapping[str, int]) -> None:
    """Keep what poles say of the keys they hold."""
    for node in session.exec(select(Node).where(col(Node.slug).in_(list(held)))):
        if node.keys_version != held[node.slug]:
            node.keys_version = held[node.slug]
            session.add(node)


def keys_are_held(session: Session, version: int) -> bool:
    """Whether every trusted pole has said that it holds these keys, or later ones."""
    return all(node.keys_version >= version for node in paired_nodes(session))


def want_renewal(session: Session, now: datetime, actor: str = "loalang") -> int:
    """Have every pole take a new key of its own and a new password at the broker; gives how many poles."""
    commune = session.exec(select(Commune)).one()
    commune.renewal += 1
    session.add(commune)
    record(session, now, actor, "renew-nodes", commune.slug, {"renewal": commune.renewal})
    return len(paired_nodes(session))


def renew_node(session: Session, slug: str, public_key: Mapping[str, str], now: datetime) -> Node:
    """Trust a pole by a new key from now on, as it has asked by the old one; the same key twice changes nothing.

    Raises:
        NotFound: there is no such pole.
        NotAllowed: it is not trusted, or no longer.
        InvalidInput, Conflict: as `pair_node`.
    """
    node = get_node(session, slug)
    if node.public_key is None or node.revoked_at is not None:
        raise NotAllowed("unknown-node", "Cụm loa chưa được ghép hoặc đã bị thu hồi.")
    commune = session.exec(select(Commune)).one()
    key = _unused_key(session, node, public_key)
    if (node.public_key.get("x"), node.renewal) != (key["x"], commune.renewal):
        node.public_key, node.renewal = key, commune.renewal
        session.add(node)
        record(session, now, f"node:{node.slug}", "renew-node", node.slug, {"key": key["x"]})
    return node


def distrust_all_nodes(session: Session, now: datetime, actor: str = "loalang") -> int:
    """End every pairing: each pole must be paired again. Gives how many there were."""
    nodes = paired_nodes(session)
    for node in nodes:
        node.public_key = node.paired_at = None
        session.add(node)
    record(session, now, actor, "distrust-nodes", "*", {"nodes": [node.slug for node in nodes]})
    return len(nodes)


def _unused_key(session: Session, node: Node, public_key: Mapping[str, str]) -> dict[str, str]:
    key = _checked_key(public_key)
    has_it = col(Node.public_key)["x"].as_string() == key["x"]
    if session.exec(select(Node.id).where(Node.id != node.id, has_it).limit(1)).first() is not None:
        raise Conflict("key-in-use", "Khóa này đã thuộc về một cụm loa khác.")
    return key


def _give_code(session: Session, node: Node, now: datetime) -> str:
    code = "".join(secrets.choice(_CODE_SIGNS) for _ in range(_CODE_LENGTH))
    node.pairing_code_hash, node.pairing_expires_at = _hash(code), now + PAIRING_LASTS
    session.add(node)
    session.flush()
    return code


def _hash(code: str) -> str:
    # 40 bits that live ten minutes and are tried only through a throttled door: a slow hash would add nothing.
    return hashlib.sha256(code.encode()).hexdigest()


def _node_of_code(session: Session, code: str) -> Node | None:
    tried, found = _hash(code.strip().upper()), None
    for node in session.exec(select(Node).where(col(Node.pairing_code_hash).is_not(None))):
        if hmac.compare_digest(node.pairing_code_hash or "", tried):
            found = node
    return found


def _checked_key(public_key: Mapping[str, str]) -> dict[str, str]:
    if public_key.get("kty") == "OKP" and public_key.get("crv") == "Ed25519" and "d" not in public_key:
        x = public_key.get("x", "")
        try:
            if len(base64.urlsafe_b64decode(x + "=" * (-len(x) % 4))) == 32:
                return {"kty": "OKP", "crv": "Ed25519", "x": x}
        except (binascii.Error, ValueError):
            pass
    raise InvalidInput("bad-public-key", "Khóa của cụm loa không phải khóa công khai Ed25519.", "public_key")
