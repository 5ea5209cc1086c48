"""What a commune has ready for the worst, and how an emergency is said again."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, UniqueConstraint
from sqlmodel import Field, SQLModel

from broadcast.models.columns import EnumText, UtcInstant
from broadcast.models.states import PreparedPurpose
from players.messages import Severity


class PreparedMessage(SQLModel, table=True):
    """A message that is spoken and on every pole before it is needed. `broadcast.prepared` makes and fills it."""

    __table_args__ = (UniqueConstraint("commune_id", "key"),)
    id: int | None = Field(default=None, primary_key=True)
    commune_id: int = Field(foreign_key="commune.id", index=True)
    key: str = Field(max_length=50)
    purpose: PreparedPurpose = Field(default=PreparedPurpose.ALERT, sa_type=EnumText(PreparedPurpose))
    position: int = 0
    """The order of the buttons, the first foremost."""
    title: str
    icon: str = Field(max_length=40)
    """The name of the button's picture, e.g. "storm"."""
    text: str
    """What is said; `{name}` stands for the slot of that name."""
    slots: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    """As `broadcast.prepared.Slot` writes them."""
    severity: Severity = Field(default=Severity.SEVERE, sa_type=EnumText(Severity))
    said_times: int = 1
    """How often the words are said in one airing."""
    repeat_every_minutes: int | None = None
    """It is aired again this often until the all-clear; none: it is aired once."""
    repeat_opens: str | None = Field(default=None, max_length=5)
    repeat_closes: str | None = Field(default=None, max_length=5)
    """Only between these local times, as "07:00" and "20:00"; none: day and night."""
    is_active: bool = True


class EmergencyRepeat(SQLModel, table=True):
    """How an emergency is aired again, until its all-clear, its correction or its stop."""

    broadcast_id: str = Field(foreign_key="broadcast.id", primary_key=True)
    """The first airing."""
    every_minutes: int
    opens: str | None = Field(default=None, max_length=5)
    closes: str | None = Field(default=None, max_length=5)
    next_at: datetime = Field(sa_type=UtcInstant, index=True)
    aired_again: int = 0
    ended_at: datetime | None = Field(default=None, sa_type=UtcInstant)
