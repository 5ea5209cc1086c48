"""What the commune asks of who presses the emergency button, for each severity."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session

from broadcast.audit import record
from broadcast.communes import get_commune
from broadcast.errors import InvalidInput
from broadcast.models import EmergencyPolicy, User, row_id
from broadcast.permissions import Action, require
from players.messages import Severity

PIN_DAYS = range(1, 367)
CONFIRM_MINUTES = range(1, 61)


class Check(StrEnum):
    """What a press must bring beside a signed-in person who may press."""

    NOTHING = "nothing"
    PIN = "pin"
    SECOND_PERSON = "second-person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The commune's setting; `checks` has every severity. Drills are checked like what they exercise."""

    checks: Mapping[Severity, Check]
    pin_days: int
    confirm_minutes: int


def policy_of(session: Session) -> Policy:
    """As it is set; nothing is asked for by a commune that set nothing."""
    row = session.get(EmergencyPolicy, row_id(get_commune(session).id))
    kept = row or EmergencyPolicy(commune_id=0)
    checks = {severity: Check(kept.checks.get(severity, Check.NOTHING)) for severity in Severity}
    return Policy(checks=checks, pin_days=kept.pin_days, confirm_minutes=kept.confirm_minutes)


def set_policy(session: Session, user: User, policy: Policy, now: datetime) -> None:
    """Set it, from the next press on.

    Raises:
        NotAllowed: the user may not.
        InvalidInput: a number is out of bounds.
    """
    require(user, Action.EDIT_RULES)
    if policy.pin_days not in PIN_DAYS:
        raise InvalidInput("pin-days", "Mã PIN có hạn từ 1 đến 366 ngày.", "pin_days")
    if policy.confirm_minutes not in CONFIRM_MINUTES:
        raise InvalidInput("confirm-minutes", "Người thứ hai xác nhận trong 1 đến 60 phút.", "confirm_minutes")
    commune_id = row_id(get_commune(session).id)
    row = session.get(EmergencyPolicy, commune_id) or EmergencyPolicy(commune_id=commune_id)
    row.checks = {severity.value: check.value for severity, check in policy.checks.items()}
    row.pin_days, row.confirm_minutes = policy.pin_days, policy.confirm_minutes
    session.add(row)
    said = {**row.checks, "pin_days": row.pin_days, "confirm_minutes": row.confirm_minutes}
    record(session, now, user.username, "set-emergency-policy", "commune", said)
