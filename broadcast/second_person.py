"""Presses that a second person must confirm: somebody else who may press there, within the commune's minutes."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from broadcast.audit import record
from broadcast.errors import Conflict, NotAllowed, NotFound
from broadcast.models import Broadcast, HeldPress, HeldState, Role, User, Zone, row_id
from broadcast.permissions import Action, may, require
from broadcast.policy import policy_of
from broadcast.presses import Meant, Press, press_id, raise_press
from broadcast.zones import list_zones


def hold_press(session: Session, user: User, asked: Press, meant: Meant, now: datetime) -> HeldPress:
    """Keep a press until somebody confirms it; the same press again is the same.

    Raises:
        Conflict: its time is over, it was declined, or its key was used for another press.
    """
    held = session.get(HeldPress, press_id(user, asked.key))
    if held is None:
        held = HeldPress(
            id=press_id(user, asked.key),
            user_id=row_id(user.id),
            key=asked.key,
            asked=asked.kept(),
            zones=[zone.slug for zone in meant.zones],
            said=meant.said,
            asked_at=now,
            until=now + timedelta(minutes=policy_of(session).confirm_minutes),
        )
        session.add(held)
        session.flush()
        detail = {"zones": held.zones, "text": held.said, "is_drill": meant.is_drill}
        record(session, now, user.username, "hold-press", held.id, detail)
    elif held.asked != asked.kept():
        raise Conflict("key-in-use", "Lần nhấn này đã dùng cho một tin khẩn cấp khác. Hãy tải lại trang.")
    elif held.state is HeldState.DECLINED:
        raise Conflict("press-declined", "Người thứ hai đã từ chối tin này.")
    elif now >= held.until:
        raise Conflict("press-expired", "Không ai xác nhận kịp. Hãy phát lại nếu vẫn cần.")
    return held


def confirm_press(session: Session, press: str, user: User, now: datetime) -> Broadcast:
    """Let a press of somebody else go on the air; confirming twice is once.

    Raises:
        NotFound: there is none that this user may see.
        NotAllowed: it is the user's own.
        Conflict: its time is over, or it was declined.
    """
    held, presser = _decide(session, press, user)
    broadcast = session.get(Broadcast, held.id)
    if held.state is HeldState.CONFIRMED and broadcast is not None:
        return broadcast
    if held.state is HeldState.DECLINED:
        raise Conflict("press-declined", "Tin này đã bị từ chối.")
    if now >= held.until:
        raise Conflict("press-expired", "Đã quá giờ xác nhận. Người bấm phải bấm lại.")
    held.state, held.decided_by_id, held.decided_at = HeldState.CONFIRMED, user.id, now
    session.add(held)
    record(session, now, user.username, "confirm-press", held.id, {"pressed_by": presser.username})
    return raise_press(session, presser, Press.of(held.asked), now)


def decline_press(session: Session, press: str, user: User, now: datetime) -> HeldPress:
    """Have a press not go on the air; who pressed may take it back so too. Declining twice is once.

    Raises:
        NotFound: there is none that this user may see.
        Conflict: it was confirmed.
    """
    held = get_held(session, press, user)
    if held.state is HeldState.CONFIRMED:
        raise Conflict("press-confirmed", "Tin này đã được xác nhận và phát.")
    if held.state is HeldState.WAITING:
        held.state, held.decided_by_id, held.decided_at = HeldState.DECLINED, user.id, now
        session.add(held)
        record(session, now, user.username, "decline-press", held.id)
    return held


def get_held(session: Session, press: str, user: User) -> HeldPress:
    """A press that waits or waited, for its presser and for who may confirm it.

    Raises:
        NotFound: there is none that this user may see.
    """
    held = session.get(HeldPress, press)
    if held is None or not (held.user_id == user.id or _answers_for(user, _zones(session, held.zones))):
        raise NotFound("no-press", "Không có tin nào chờ xác nhận như vậy.")
    return held


def waiting_for(session: Session, user: User, now: datetime) -> list[HeldPress]:
    """What this user may confirm now, the oldest first."""
    query = select(HeldPress).where(HeldPress.state == HeldState.WAITING, col(HeldPress.until) > now)
    rows = session.exec(query.order_by(col(HeldPress.asked_at))).all()
    return [row for row in rows if row.user_id != user.id and _answers_for(user, _zones(session, row.zones))]


def all_waiting(session: Session, now: datetime) -> list[tuple[HeldPress, User]]:
    """What waits for a second person now, with who pressed; the oldest first."""
    query = select(HeldPress, User).join(User, col(User.id) == col(HeldPress.user_id))
    query = query.where(HeldPress.state == HeldState.WAITING, col(HeldPress.until) > now)
    return list(session.exec(query.order_by(col(HeldPress.asked_at))))


def who_may_confirm(session: Session, held: HeldPress) -> list[User]:
    """Everybody who may confirm it, by name."""
    zones = _zones(session, held.zones)
    users = session.exec(select(User).order_by(col(User.name))).all()
    return [user for user in users if user.id != held.user_id and _answers_for(user, zones)]


def _decide(session: Session, press: str, user: User) -> tuple[HeldPress, User]:
    require(user, Action.RAISE_EMERGENCY)
    held = get_held(session, press, user)
    if held.user_id == user.id:
        raise NotAllowed("own-press", "Người xác nhận phải là người khác với người bấm.")
    return held, session.get_one(User, held.user_id)


def _answers_for(user: User, zones: Sequence[Zone]) -> bool:
    if not may(user, Action.RAISE_EMERGENCY):
        return False
    return user.role is not Role.VILLAGE_HEAD or [zone.id for zone in zones] == [user.zone_id]


def _zones(session: Session, slugs: Sequence[str]) -> list[Zone]:
    return [zone for zone in list_zones(session) if zone.slug in slugs]
