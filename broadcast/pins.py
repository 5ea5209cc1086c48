"""PINs for the emergency button: set by their owner, kept as hashes, ended by time or by the administrator.

How often a PIN may be tried is the door's business, as with passwords.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError
from sqlmodel import Session, select

from broadcast.audit import record
from broadcast.errors import InvalidInput
from broadcast.models import EmergencyPin, User, row_id
from broadcast.permissions import Action, require
from broadcast.policy import policy_of
from broadcast.users import get_user

PIN_LENGTHS = range(6, 13)
_STEPS = ("0123456789" * 2, "9876543210" * 2)


class PinState(StrEnum):
    """What a user has."""

    UNSET = "unset"
    VALID = "valid"
    EXPIRED = "expired"


class PinCheck(StrEnum):
    """What a PIN that was typed is worth."""

    RIGHT = "right"
    WRONG = "wrong"
    EXPIRED = "expired"
    UNSET = "unset"
    NOT_GIVEN = "not-given"


def set_pin(session: Session, user: User, pin: str, now: datetime) -> None:
    """Let a user choose a PIN; the one before is gone.

    Raises:
        NotAllowed: the user presses no emergency button.
        InvalidInput: it is not 6 to 12 digits, or one that everybody tries first.
    """
    require(user, Action.RAISE_EMERGENCY)
    if not (pin.isascii() and pin.isdigit() and len(pin) in PIN_LENGTHS):
        raise InvalidInput("pin-form", "Mã PIN gồm 6 đến 12 chữ số.", "pin")
    if len(set(pin)) < 3 or any(pin in steps for steps in _STEPS):
        raise InvalidInput("pin-easy", "Mã PIN này quá dễ đoán. Hãy chọn mã khác.", "pin")
    row = session.get(EmergencyPin, row_id(user.id))
    hashed = _hasher().hash(pin)
    if row is None:
        row = EmergencyPin(user_id=row_id(user.id), pin_hash=hashed, set_at=now)
    row.pin_hash, row.set_at = hashed, now
    session.add(row)
    record(session, now, user.username, "set-pin", user.username)


def reset_pin(session: Session, username: str, now: datetime, by: User) -> None:
    """Take a user's PIN away, so that they set a new one. Twice changes nothing.

    Raises:
        NotAllowed: only who manages users may.
        NotFound: there is no such user.
    """
    require(by, Action.MANAGE_USERS)
    row = session.get(EmergencyPin, row_id(get_user(session, username).id))
    if row is not None:
        session.delete(row)
        record(session, now, by.username, "reset-pin", username)


def pin_state(session: Session, user: User, now: datetime) -> PinState:
    """Whether a user has a PIN that holds."""
    return _state(session, session.get(EmergencyPin, row_id(user.id)), now)


def pin_states(session: Session, now: datetime) -> dict[int, PinState]:
    """The same for everybody who ever set one, by the user's key."""
    return {row.user_id: _state(session, row, now) for row in session.exec(select(EmergencyPin))}


def check_pin(session: Session, user: User, pin: str, now: datetime) -> PinCheck:
    """What a PIN is worth. Without one set the work is the same; an expired one is looked at all the same."""
    if not pin:
        return PinCheck.NOT_GIVEN
    row = session.get(EmergencyPin, row_id(user.id))
    try:
        _hasher().verify(row.pin_hash if row else _nobodys_hash(), pin[: PIN_LENGTHS.stop])
    except (VerifyMismatchError, VerificationError, InvalidHashError):
        return PinCheck.WRONG if row else PinCheck.UNSET
    return PinCheck.RIGHT if _state(session, row, now) is PinState.VALID else PinCheck.EXPIRED


def _state(session: Session, row: EmergencyPin | None, now: datetime) -> PinState:
    if row is None:
        return PinState.UNSET
    holds = timedelta(days=policy_of(session).pin_days)
    return PinState.VALID if now < row.set_at + holds else PinState.EXPIRED


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _nobodys_hash() -> str:
    return _hasher().hash("no-pin-of-anybody")
