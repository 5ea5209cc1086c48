"""A press of the emergency button: what was asked for, how bad it is, what would be said, and raising it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlmodel import Session, col, select

from broadcast.cap.raising import check_waiting, get_message, raise_message, words_meant, zones_meant
from broadcast.emergency import all_clear, raise_correction, raise_emergency, raise_prepared
from broadcast.errors import Conflict, InvalidInput, NotAllowed, NotFound
from broadcast.models import AuditEntry, Broadcast, Follows, Role, User, Zone, row_id
from broadcast.orders import zones_of
from broadcast.permissions import Action, require
from broadcast.prepared import fill, get_prepared
from broadcast.prepared_texts import ALL_CLEAR
from broadcast.typed_text import MAX_EMERGENCY, clean_text
from broadcast.zones import zones_by_slug
from players.messages import Severity, Urgency

KEY_LENGTHS = range(8, 101)


class PressKind(StrEnum):
    """What a press asks for. All but an alert and a message from outside follow an emergency that was raised."""

    ALERT = "alert"
    CAP = "cap"
    """What a source outside says, put to the leader; `follows` is the message's number, `text` other words for it."""
    REPEAT = "repeat"
    CORRECTION = "correction"
    ALL_CLEAR = "all-clear"


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """What a person asked for. `key` names the press: sent twice it is one.

    Attributes:
        zones: villages by slug; what follows an emergency goes where that went.
        text: typed words, of an alert or a correction; or
        template: the key of a prepared message, with `slots` by name.
        follows: the broadcast that is repeated, corrected or ended.
        is_drill: an exercise; what follows a drill is one.
    """

    key: str
    zones: Sequence[str] = ()
    kind: PressKind = PressKind.ALERT
    text: str = ""
    template: str = ""
    slots: Mapping[str, str] = field(default_factory=dict)
    follows: str = ""
    is_drill: bool = False

    def kept(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "zones": list(self.zones), "slots": dict(self.slots)}

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> "Press":
        """From what `kept` gave."""
        return cls(**{**kept, "kind": PressKind(kept["kind"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """What a press means: where, what is said (without what goes around it), and how bad that is."""

    zones: Sequence[Zone]
    said: str
    severity: Severity
    is_drill: bool


def press_id(user: User, key: str) -> str:
    """The id of the broadcast that this user's press with that key makes."""
    return "x-" + hashlib.sha256(f"{user.id}|{key}".encode()).hexdigest()[:32]


def read_press(session: Session, user: User, asked: Press) -> Meant:
    """What a press means, for a user who may do it. Nothing is changed.

    Typed words can say anything: what is asked of who presses is what the worst asks.

    Raises:
        NotAllowed: the user may raise no emergency, or not there.
        NotFound: there is no such prepared message, or no such emergency to follow.
        InvalidInput, Conflict: a field cannot be used; the prepared message is switched off.
    """
    require(user, Action.RAISE_EMERGENCY)
    if len(asked.key) not in KEY_LENGTHS:
        raise InvalidInput("bad-key", "Mã của lần nhấn không hợp lệ. Hãy tải lại trang.", "key")
    if asked.kind is PressKind.CAP:
        return _reported(session, user, asked)
    if asked.kind is not PressKind.ALERT:
        return _follower(session, user, asked)
    zones = zones_by_slug(session, asked.zones)
    _require_own(user, zones)
    if not asked.template:
        said = clean_text(asked.text, "text", max_chars=MAX_EMERGENCY)
        return Meant(zones=zones, said=said, severity=Severity.EXTREME, is_drill=asked.is_drill)
    message = get_prepared(session, asked.template)
    if not message.is_active:
        raise Conflict("prepared-off", "Mẫu tin khẩn cấp này đã được tắt.")
    said = fill(message, asked.slots)
    return Meant(zones=zones, said=said, severity=message.severity, is_drill=asked.is_drill)


def raise_press(session: Session, user: User, asked: Press, now: datetime) -> Broadcast:
    """Have it aired, whatever the commune asks of who presses: `button.press_button` looks after that.

    Raises:
        NotAllowed, NotFound, InvalidInput, Conflict: as `read_press`; the key was used for another emergency.
    """
    if asked.kind is PressKind.CAP:
        message, meant = get_message(session, asked.follows), _reported(session, user, asked)
        check_waiting(message, press_id(user, asked.key), now)
        slugs = [zone.slug for zone in meant.zones]
        return raise_message(session, user, message, slugs, meant.said, now, asked.key)
    if asked.kind is PressKind.ALL_CLEAR:
        return all_clear(session, user, asked.follows, now, asked.key, asked.slots)
    if asked.kind is PressKind.CORRECTION:
        return raise_correction(session, user, asked.follows, asked.text, now, asked.key)
    if asked.template and asked.kind is PressKind.ALERT:
        return raise_prepared(
            session, user, asked.zones, asked.template, asked.slots, now, asked.key, is_drill=asked.is_drill
        )
    if asked.kind is PressKind.REPEAT:
        meant = read_press(session, user, asked)
        slugs = [zone.slug for zone in meant.zones]
        return raise_emergency(
            session, user, slugs, meant.said, now, asked.key, severity=meant.severity, is_drill=meant.is_drill
        )
    return raise_emergency(session, user, asked.zones, asked.text, now, asked.key, is_drill=asked.is_drill)


def emergency_of(session: Session, broadcast_id: str) -> Broadcast:
    """An emergency.

    Raises:
        NotFound: there is none.
    """
    broadcast = session.get(Broadcast, broadcast_id)
    if broadcast is None or broadcast.urgency is not Urgency.EMERGENCY:
        raise NotFound("no-emergency", "Không có tin khẩn cấp này.")
    return broadcast


def words_of(session: Session, broadcast: Broadcast) -> str:
    """What an emergency said, as it was typed or filled in; empty when nobody knows any more."""
    first_id = broadcast.follows_id if broadcast.follows_as is Follows.REPEAT else broadcast.id
    query = select(AuditEntry).where(AuditEntry.subject == first_id, col(AuditEntry.action).startswith("raise-"))
    entry = session.exec(query.order_by(col(AuditEntry.id)).limit(1)).first()
    return str(entry.detail.get("text", "")) if entry else ""


def _reported(session: Session, user: User, asked: Press) -> Meant:
    message = get_message(session, asked.follows)
    zones = zones_by_slug(session, zones_meant(session, message, asked.zones))
    _require_own(user, zones)
    said = clean_text(words_meant(message, asked.text), "text", max_chars=MAX_EMERGENCY)
    severity = Severity.EXTREME if asked.text.strip() else message.severity
    return Meant(zones=zones, said=said, severity=severity, is_drill=message.is_drill)


def _follower(session: Session, user: User, asked: Press) -> Meant:
    followed = emergency_of(session, asked.follows)
    zones = zones_of(session, followed.id)
    _require_own(user, zones)
    severity = followed.severity or Severity.SEVERE
    if asked.kind is PressKind.ALL_CLEAR:
        said = fill(get_prepared(session, ALL_CLEAR), asked.slots)
    elif asked.kind is PressKind.CORRECTION:
        said, severity = clean_text(asked.text, "text", max_chars=MAX_EMERGENCY), Severity.EXTREME
    else:
        said = words_of(session, followed)
    return Meant(zones=zones, said=said, severity=severity, is_drill=followed.is_drill)


def _require_own(user: User, zones: Sequence[Zone]) -> None:
    if user.role is Role.VILLAGE_HEAD and {row_id(zone.id) for zone in zones} != {user.zone_id}:
        raise NotAllowed("other-village", "Trưởng thôn chỉ phát khẩn cấp cho thôn của mình.")
