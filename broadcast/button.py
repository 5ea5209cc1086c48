"""The emergency button: who pressed, by what proof, and what came of it. Every press is in the audit log."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from broadcast.audit import record
from broadcast.errors import BroadcastError, NotAllowed
from broadcast.models import Broadcast, HeldPress, HeldState, User
from broadcast.pins import PinCheck
from broadcast.policy import Check, policy_of
from broadcast.presses import Press, press_id, raise_press, read_press
from broadcast.second_person import hold_press

_PIN_REFUSALS = {
    PinCheck.NOT_GIVEN: ("pin-needed", "Hãy nhập mã PIN của bạn để phát."),
    PinCheck.WRONG: ("pin-wrong", "Mã PIN không đúng."),
    PinCheck.EXPIRED: (
        "pin-expired",
        "Mã PIN đã hết hạn. Hãy đặt mã mới ở trang Mã PIN, hoặc nhờ người khác phát.",
    ),
    PinCheck.UNSET: ("pin-unset", "Bạn chưa đặt mã PIN. Hãy đặt ở trang Mã PIN, hoặc nhờ người khác phát."),
}


@dataclass(frozen=True, slots=True)
class Pressed:
    """What came of a press: it is on its way to the poles (`broadcast_id`), or waits for a second person."""

    id: str
    is_raised: bool

    @property
    def broadcast_id(self) -> str | None:
        """The broadcast that was made."""
        return self.id if self.is_raised else None


def needed_check(session: Session, user: User, asked: Press) -> Check:
    """What this press must bring; nothing when it was taken before, so that sending it again is no new press.

    Raises:
        NotAllowed, NotFound, InvalidInput, Conflict: as `read_press`.
    """
    known = press_id(user, asked.key)
    held = session.get(HeldPress, known)
    if session.get(Broadcast, known) is not None and (held is None or held.state is HeldState.CONFIRMED):
        return Check.NOTHING
    return policy_of(session).checks[read_press(session, user, asked).severity]


def press_button(session: Session, user: User, asked: Press, pin: PinCheck, now: datetime) -> Pressed:
    """Have a press aired, or held for a second person, as the commune asks.

    Args:
        session: a writing session.
        user: who pressed.
        asked: what.
        pin: what the PIN that came along is worth; it counts only where one is asked for.
        now: the present.

    Raises:
        NotAllowed: the user may not, or the proof is missing.
        NotFound, InvalidInput, Conflict: as `read_press`.
    """
    check = needed_check(session, user, asked)
    if check is Check.PIN and pin is not PinCheck.RIGHT:
        raise NotAllowed(*_PIN_REFUSALS[pin])
    if check is Check.SECOND_PERSON:
        return Pressed(hold_press(session, user, asked, read_press(session, user, asked), now).id, is_raised=False)
    return Pressed(raise_press(session, user, asked, now).id, is_raised=True)


def note_refused_decision(
    session: Session, user: User, press: str, act: str, refused: BroadcastError, now: datetime
) -> None:
    """Keep in the audit log that somebody's word on another's press was refused, and why."""
    record(session, now, user.username, "refuse-press", press[:100], {"why": refused.code, "act": act[:20]})


def note_throttled(session: Session, user: User, count: int, now: datetime) -> None:
    """Keep in the audit log that so many presses came too fast and were not looked at."""
    record(session, now, user.username, "throttle-press", user.username, {"count": count})


def note_refusal(session: Session, user: User, asked: Press, refused: BroadcastError, now: datetime) -> None:
    """Keep in the audit log that a press was refused, and why. Never its PIN."""
    detail = {
        "why": refused.code,
        "kind": asked.kind.value,
        "zones": [zone[:50] for zone in asked.zones[:50]],
        "template": asked.template[:50],
        "text": asked.text[:200],
        "follows": asked.follows[:100],
        "is_drill": asked.is_drill,
    }
    record(session, now, user.username, "refuse-press", press_id(user, asked.key[:100]), detail)
