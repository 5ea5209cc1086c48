"""What others call the commune and its villages, and what it is called itself."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from broadcast.audit import record
from broadcast.cap.areas import Place, codes_and_names
from broadcast.cap.model import Point
from broadcast.communes import get_commune
from broadcast.errors import InvalidInput
from broadcast.models import CapRules, Node, NodeZone, User, row_id
from broadcast.permissions import Action, require
from broadcast.typed_text import clean_line
from broadcast.zones import list_zones

MOST_CALLS = 50
_SENDER = re.compile(r"[^\s,<&]{3,200}")


def rules_of(session: Session) -> CapRules:
    """The commune's settings for CAP; without a row, as nobody has set them."""
    commune_id = row_id(get_commune(session).id)
    return session.get(CapRules, commune_id) or CapRules(commune_id=commune_id)


def own_sender(session: Session) -> str:
    """Who sends our own messages, as CAP's `sender`."""
    return rules_of(session).sender or f"loalang@{get_commune(session).slug}"


def load_places(session: Session) -> tuple[Place, list[Place]]:
    """The commune and its villages, as messages may call them."""
    calls = rules_of(session).places
    query = select(NodeZone.zone_id, Node.latitude, Node.longitude).join(Node, col(Node.id) == col(NodeZone.node_id))
    standing: dict[int, list[Point]] = {}
    for zone_id, latitude, longitude in session.exec(query.where(col(Node.revoked_at).is_(None))):
        if latitude is not None and longitude is not None:
            standing.setdefault(zone_id, []).append(Point(latitude, longitude))
    villages = [_place(zone.slug, calls, standing.get(row_id(zone.id), [])) for zone in list_zones(session)]
    return _place("", calls, []), villages


def set_rules(
    session: Session, sender: str, calls: Mapping[str, Sequence[str]], user: User, now: datetime, *, is_feed_open: bool
) -> CapRules:
    """Say what the commune and its villages are called, and who may read our feed.

    Args:
        session: a writing session.
        sender: of our own messages; empty: made of the commune's short name.
        calls: by village (empty: the commune): geocodes as `name=value`, and names.
        user: who says so.
        now: the present.
        is_feed_open: anybody may read it.

    Raises:
        NotAllowed: the user does not manage sources.
        InvalidInput: a field cannot be used.
    """
    require(user, Action.MANAGE_SOURCES)
    if sender and not _SENDER.fullmatch(sender):
        raise InvalidInput("bad-sender", "Tên gửi không có khoảng trắng, dấu phẩy, < hoặc &.", "sender")
    known = {"", *(zone.slug for zone in list_zones(session))}
    rules = rules_of(session)
    rules.sender, rules.is_feed_open = sender, is_feed_open
    rules.places = {slug: _calls(slug, listed) for slug, listed in calls.items() if slug in known and listed}
    session.add(rules)
    session.flush()
    said = {"sender": rules.sender, "places": rules.places, "is_feed_open": is_feed_open}
    record(session, now, user.username, "set-cap-rules", "cap", said)
    return rules


def _place(slug: str, calls: Mapping[str, Sequence[str]], points: Sequence[Point]) -> Place:
    codes, names = codes_and_names(calls.get(slug, ()))
    return Place(slug=slug, codes=codes, names=names, points=tuple(points))


def _calls(slug: str, listed: Sequence[str]) -> list[str]:
    if len(listed) > MOST_CALLS:
        raise InvalidInput("too-many-calls", f"Mỗi nơi tối đa {MOST_CALLS} dòng.", f"calls-{slug}")
    return [clean_line(one, f"calls-{slug}") for one in listed]
