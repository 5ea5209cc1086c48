"""Without the server: who holds a card, what a pole's button starts, and what poles tell afterwards of both."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from broadcast.audit import record
from broadcast.communes import get_commune
from broadcast.errors import Conflict, InvalidInput, NotAllowed, NotFound
from broadcast.models import (
    Broadcast,
    BroadcastState,
    BroadcastZone,
    Node,
    NodeZone,
    OfflineToken,
    User,
    Zone,
    row_id,
)
from broadcast.permissions import Action, may, require
from broadcast.prepared import get_prepared
from broadcast.users import get_user
from broadcast.zones import zones_by_slug
from players.errors import WireError
from players.messages import (
    MOST_NEIGHBOURS,
    LocalOrder,
    OfflineCard,
    Outcome,
    PlaybackReport,
    PoleKey,
    Reason,
    Urgency,
)
from players.offline import Card, claimed, jwk_of, new_card, open_local

LONGEST = timedelta(days=366)
DEFAULT_DAYS = 180


@dataclass(frozen=True, slots=True)
class ZoneOffline:
    """What the poles of a village are to believe without the server."""

    button: str | None
    poles: tuple[PoleKey, ...]
    cards: tuple[OfflineCard, ...]


@dataclass(frozen=True, slots=True)
class CardRow:
    """A card as the page lists it."""

    number: int
    holder: str
    zone: str
    valid_until: datetime
    is_revoked: bool


def issue_card(
    session: Session, issuer: User, username: str, zone_slug: str, days: int, now: datetime
) -> tuple[OfflineToken, Card]:
    """Give a person a card for a village. What is on it is kept nowhere: it is shown once.

    Raises:
        NotAllowed: the issuer may not give cards, or the person may raise no emergency there.
        NotFound: there is no such person.
        InvalidInput: the village is not known, or the days are out of bounds.
        Conflict: the village's poles can keep no more cards.
    """
    require(issuer, Action.MANAGE_NODES)
    holder, (zone,) = get_user(session, username), zones_by_slug(session, [zone_slug], field="zone")
    if not 1 <= days <= LONGEST.days:
        raise InvalidInput("out-of-range", f"Thẻ có hạn từ 1 đến {LONGEST.days} ngày.", "days")
    if not may(holder, Action.RAISE_EMERGENCY) or holder.zone_id not in {None, zone.id}:
        raise NotAllowed("not-for-this-holder", "Người này không có quyền phát khẩn cấp ở thôn đó.")
    in_force = select(OfflineToken.id).where(OfflineToken.zone_id == zone.id, col(OfflineToken.valid_until) > now)
    if len(session.exec(in_force).all()) >= MOST_NEIGHBOURS:
        raise Conflict("too-many-cards", f"Thôn này đã có {MOST_NEIGHBOURS} thẻ còn hạn. Hãy chờ thẻ cũ hết hạn.")
    token = OfflineToken(
        user_id=row_id(holder.id),
        zone_id=row_id(zone.id),
        public_key="",
        valid_from=now,
        valid_until=now + timedelta(days=days),
        issued_at=now,
        issued_by_id=row_id(issuer.id),
    )
    session.add(token)
    session.flush()
    card = new_card(row_id(token.id))
    token.public_key = card.key(get_commune(session).slug).public_jwk()["x"]
    session.add(token)
    detail = {"holder": username, "zone": zone_slug, "until": token.valid_until.isoformat()}
    record(session, now, issuer.username, "issue-card", str(token.id), detail)
    return token, card


def revoke_card(session: Session, user: User, number: int, now: datetime) -> None:
    """End a card: poles refuse it from their next rules on. Twice changes nothing.

    Raises:
        NotAllowed: the user may not.
        NotFound: there is no such card.
    """
    require(user, Action.MANAGE_NODES)
    token = session.get(OfflineToken, number)
    if token is None:
        raise NotFound("no-card", "Không có thẻ này.")
    if token.revoked_at is None:
        token.revoked_at = now
        session.add(token)
        record(session, now, user.username, "revoke-card", str(number))


def choose_button(session: Session, user: User, zone_slug: str, key: str | None, now: datetime) -> None:
    """Say which prepared message the buttons of a village's poles start; none: they start nothing.

    Raises:
        NotAllowed: the user may not.
        InvalidInput, NotFound: the village or the message is not known.
    """
    require(user, Action.MANAGE_NODES)
    (zone,) = zones_by_slug(session, [zone_slug], field="zone")
    if key is not None:
        get_prepared(session, key)
    if zone.button_key != key:
        record(session, now, user.username, "choose-button", zone_slug, {"before": zone.button_key, "after": key})
        zone.button_key = key
        session.add(zone)


def cards(session: Session, now: datetime) -> list[CardRow]:
    """The cards that have not expired, the newest first."""
    query = select(OfflineToken, User.name, Zone.name).join(User, col(User.id) == OfflineToken.user_id)
    query = query.join(Zone, col(Zone.id) == OfflineToken.zone_id).where(col(OfflineToken.valid_until) > now)
    return [
        CardRow(row_id(token.id), holder, zone, token.valid_until, token.revoked_at is not None)
        for token, holder, zone in session.exec(query.order_by(col(OfflineToken.id).desc()))
    ]


def offline_of_zones(session: Session, now: datetime) -> Mapping[int, ZoneOffline]:
    """By the village's id: its button, the keys of its poles as far as a pack holds them, and its cards. Only reads."""
    poles: dict[int, list[PoleKey]] = {}
    query = select(NodeZone.zone_id, Node).join(Node).where(col(Node.revoked_at).is_(None))
    for zone_id, node in session.exec(query.order_by(col(Node.slug))):
        if key := (node.public_key or {}).get("x"):
            poles.setdefault(zone_id, []).append(PoleKey(pole=node.slug, key=key))
    held: dict[int, list[OfflineCard]] = {}
    active = dict(session.exec(select(User.id, User.is_active)).all())
    tokens = select(OfflineToken).where(col(OfflineToken.valid_until) > now)
    for token in session.exec(tokens.order_by(col(OfflineToken.id))):
        held.setdefault(token.zone_id, []).append(
            OfflineCard(
                number=row_id(token.id),
                key=token.public_key,
                valid_from=token.valid_from,
                valid_until=token.valid_until,
                revoked=token.revoked_at is not None or not active.get(token.user_id, False),
            )
        )
    return {
        row_id(zone.id): ZoneOffline(
            zone.button_key,
            tuple(poles.get(row_id(zone.id), ())[:MOST_NEIGHBOURS]),
            tuple(held.get(row_id(zone.id), ())),
        )
        for zone in session.exec(select(Zone))
    }


def learn_local_starts(session: Session, reports: Iterable[PlaybackReport], now: datetime) -> None:
    """Write down what poles started without us, by the signed order in their reports: once each, and who it was.

    An order whose signature is not right makes nothing: its report is then about a broadcast that is unknown.
    """
    for report in reports:
        if report.local_order is None or session.get(Broadcast, report.broadcast) is not None:
            continue
        order = _verified(session, report.local_order.encode())
        if order is None or order.kind != "start" or order.broadcast != report.broadcast:
            record(session, now, f"node:{report.node}", "distrust-local-start", report.broadcast)
        elif report.outcome is Outcome.MISSED and report.reason is Reason.REFUSED:
            record(session, now, _actor(session, order), "refuse-local-start", order.broadcast, _said(order, report))
        else:
            _add_broadcast(session, order, now)
            record(session, now, _actor(session, order), "start-at-pole", order.broadcast, _said(order))
    session.flush()


def who_started(session: Session, broadcast: Broadcast) -> str | None:
    """Who or what started a broadcast without the server, in Vietnamese; none when the server did."""
    if broadcast.started_at_node_id is None:
        return None
    pole = session.get_one(Node, broadcast.started_at_node_id).name
    if broadcast.started_by_token_id is None:
        return f"Nút bấm tại cụm loa {pole}"
    token = session.get_one(OfflineToken, broadcast.started_by_token_id)
    return f"Thẻ số {token.id} của {session.get_one(User, token.user_id).name}, tại cụm loa {pole}"


def _verified(session: Session, signed: bytes) -> LocalOrder | None:
    try:
        said = claimed(signed)
        key = _key_of(session, said)
        return None if key is None else open_local(signed, jwk_of(key), get_commune(session).slug, said.zone)
    except WireError:
        return None


def _key_of(session: Session, said: LocalOrder) -> str | None:
    if said.card is not None:
        token = session.get(OfflineToken, said.card)
        return None if token is None else token.public_key
    node = session.exec(select(Node).where(Node.slug == said.pole)).first()
    return None if node is None or node.public_key is None else node.public_key["x"]


def _actor(session: Session, order: LocalOrder) -> str:
    """For the audit log: the card's holder, or the pole."""
    if order.card is None:
        return f"node:{order.pole}"
    return session.get_one(User, session.get_one(OfflineToken, order.card).user_id).username


def _said(order: LocalOrder, report: PlaybackReport | None = None) -> Mapping[str, str | int | None]:
    said = {"pole": order.pole, "card": order.card, "message": order.message, "zone": order.zone}
    at = {"at": order.issued_at.isoformat()}
    return {**said, **at, **({} if report is None else {"why": report.detail})}


def _add_broadcast(session: Session, order: LocalOrder, now: datetime) -> None:
    zone = session.exec(select(Zone).where(Zone.slug == order.zone)).first()
    node = session.exec(select(Node).where(Node.slug == order.pole)).first()
    token = None if order.card is None else session.get_one(OfflineToken, order.card)
    broadcast = Broadcast(
        id=order.broadcast,
        commune_id=row_id(get_commune(session).id),
        title=_title(session, order.message),
        urgency=Urgency.EMERGENCY,
        state=BroadcastState.ON_AIR,
        is_now=True,
        starts_at=order.issued_at,
        created_at=now,
        made_by_id=None if token is None else token.user_id,
        prepared_key=order.message,
        started_at_node_id=None if node is None else node.id,
        started_by_token_id=None if token is None else token.id,
    )
    session.add(broadcast)
    session.flush()
    if zone is not None:
        session.add(BroadcastZone(broadcast_id=broadcast.id, zone_id=row_id(zone.id)))


def _title(session: Session, key: str | None) -> str:
    try:
        return get_prepared(session, key or "").title
    except NotFound:
        return key or ""


def people_for_cards(session: Session) -> Sequence[User]:
    """Who may be given a card."""
    users = session.exec(select(User).order_by(col(User.name), col(User.id))).all()
    return [user for user in users if may(user, Action.RAISE_EMERGENCY)]
