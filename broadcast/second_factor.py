"""The second factor of signing in: a code of six digits from a phone (TOTP, RFC 6238), or one of ten written down."""

import hashlib
import hmac
import secrets
from datetime import datetime

import pyotp
from sqlmodel import Session, col, delete, select

from broadcast.audit import record
from broadcast.errors import Conflict, InvalidInput
from broadcast.models import RecoveryCode, User, row_id

RECOVERY_CODES = 10
_STEP_S = 30
_DRIFT = (0, -1, 1)
"""Steps by which a phone's clock may be off (RFC 6238, section 5.2)."""
_LETTERS_AND_DIGITS = "abcdefghijkmnpqrstuvwxyz23456789"
_MAX_CODE = 40


def begin(session: Session, user: User) -> str:
    """A new secret for a phone, in base32; it counts once `confirm` has seen a code of it.

    Raises:
        Conflict: the user has a second factor already.
    """
    if user.totp_since is not None:
        raise Conflict("has-second-factor", "Tài khoản đã bật xác thực hai lớp.")
    user.totp_secret = pyotp.random_base32()
    session.add(user)
    return user.totp_secret


def confirm(session: Session, user: User, code: str, now: datetime) -> list[str]:
    """Ask for it from now on; gives the recovery codes, which are shown once and kept as hashes.

    Raises:
        Conflict: nothing was begun, or it is asked for already.
        InvalidInput: the code is not the phone's.
    """
    if user.totp_secret is None or user.totp_since is not None:
        raise Conflict("nothing-begun", "Hãy bắt đầu lại việc bật xác thực hai lớp.")
    step = _step_of(user, code, now)
    if step is None:
        raise InvalidInput("wrong-code", "Mã không đúng. Hãy xem lại giờ của điện thoại rồi thử mã mới.", "code")
    user.totp_since, user.totp_step = now, step
    codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
    session.exec(delete(RecoveryCode).where(col(RecoveryCode.user_id) == user.id))
    session.add_all(RecoveryCode(code_sha256=_digest(one), user_id=row_id(user.id)) for one in codes)
    session.add(user)
    record(session, now, user.username, "begin-second-factor", user.username)
    return codes


def opens(session: Session, user: User, code: str, now: datetime) -> bool:
    """Whether a code opens for this user, now and once. Tries are to be throttled by who asks."""
    step = _step_of(user, code, now)
    if step is not None:
        user.totp_step = step
        session.add(user)
        return True
    kept = session.get(RecoveryCode, _digest(code[:_MAX_CODE].strip().lower()))
    if kept is None or kept.user_id != user.id or kept.used_at is not None:
        return False
    kept.used_at = now
    session.add(kept)
    record(session, now, user.username, "use-recovery-code", user.username)
    return True


def end(session: Session, user: User, now: datetime, actor: str) -> None:
    """Ask for it no longer, and forget all of it."""
    user.totp_secret = user.totp_since = user.totp_step = None
    session.exec(delete(RecoveryCode).where(col(RecoveryCode.user_id) == user.id))
    session.add(user)
    record(session, now, actor, "end-second-factor", user.username)


def codes_left(session: Session, user: User) -> int:
    """How many recovery codes have not been used."""
    query = select(RecoveryCode).where(RecoveryCode.user_id == user.id, col(RecoveryCode.used_at).is_(None))
    return len(session.exec(query).all())


def address_of(user: User, commune: str) -> str:
    """What the QR code says to the phone (Key Uri Format of Google Authenticator)."""
    return pyotp.TOTP(user.totp_secret or "").provisioning_uri(name=user.username, issuer_name=f"Loa Làng {commune}")


def _step_of(user: User, code: str, now: datetime) -> int | None:
    """The time step whose code this is, if it is one that was not used yet."""
    digits = "".join(code[:_MAX_CODE].split())
    if user.totp_secret is None or not digits.isascii() or not digits.isdigit():
        return None
    totp, this_step = pyotp.TOTP(user.totp_secret), int(now.timestamp()) // _STEP_S
    for drift in _DRIFT:
        step = this_step + drift
        is_new = user.totp_step is None or step > user.totp_step
        if is_new and hmac.compare_digest(totp.generate_otp(step), digits):
            return step
    return None


def _recovery_code() -> str:
    """Fifty bits: with tries throttled nobody guesses one, and a slow hash would add nothing."""
    return "-".join("".join(secrets.choice(_LETTERS_AND_DIGITS) for _ in range(5)) for _ in range(2))


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
