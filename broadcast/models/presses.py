"""Who may press the emergency button by what proof, and what waits for a second person."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from broadcast.models.columns import EnumText, UtcInstant
from broadcast.models.states import HeldState


class EmergencyPolicy(SQLModel, table=True):
    """What the commune asks of who presses. Without a row: nothing beyond being signed in."""

    commune_id: int = Field(primary_key=True, foreign_key="commune.id")
    checks: dict[str, str] = Field(default_factory=dict, sa_type=JSON)
    """`presses.Check` by severity; what is not there asks nothing."""
    pin_days: int = 180
    """How long a PIN holds after it was set."""
    confirm_minutes: int = 5
    """Within how many minutes the second person must confirm."""


class EmergencyPin(SQLModel, table=True):
    """A user's PIN for the emergency button; `pin_hash` is argon2id."""

    user_id: int = Field(primary_key=True, foreign_key="user.id")
    pin_hash: str = Field(repr=False)
    set_at: datetime = Field(sa_type=UtcInstant)


class HeldPress(SQLModel, table=True):
    """A press that a second person must confirm; its id is the one its broadcast will have."""

    id: str = Field(primary_key=True, max_length=100)
    user_id: int = Field(foreign_key="user.id", index=True)
    key: str = Field(max_length=100)
    asked: dict[str, Any] = Field(sa_type=JSON)
    """The press as it was asked for (`presses.Press`)."""
    zones: list[str] = Field(sa_type=JSON)
    said: str
    """What will be said, for who confirms."""
    state: HeldState = Field(default=HeldState.WAITING, sa_type=EnumText(HeldState), index=True)
    asked_at: datetime = Field(sa_type=UtcInstant)
    until: datetime = Field(sa_type=UtcInstant)
    decided_by_id: int | None = Field(default=None, foreign_key="user.id")
    decided_at: datetime | None = Field(default=None, sa_type=UtcInstant)


class PhoneContact(SQLModel, table=True):
    """A line of a village's phone tree: who is called when no horn can be reached."""

    id: int | None = Field(default=None, primary_key=True)
    zone_id: int = Field(foreign_key="zone.id", index=True)
    position: int
    name: str = Field(max_length=100)
    duty: str = Field(default="", max_length=100)
    number: str = Field(max_length=20)
