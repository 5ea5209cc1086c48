"""Who approves bulletins: the commune's setting, and who stands in for a leader who is away."""

from datetime import date, datetime

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from broadcast.models.columns import EnumText, UtcInstant
from players.messages import Urgency


class ApprovalRule(SQLModel, table=True):
    """Which roles approve bulletins of one urgency; without a row: the leaders."""

    commune_id: int = Field(foreign_key="commune.id", primary_key=True)
    urgency: Urgency = Field(sa_type=EnumText(Urgency), primary_key=True)
    roles: list[str] = Field(sa_type=JSON)
    """Values of `Role`."""


class Delegation(SQLModel, table=True):
    """Somebody who may approve has named a deputy, who approves for them until the end of a day."""

    id: int | None = Field(default=None, primary_key=True)
    principal_id: int = Field(foreign_key="user.id", index=True)
    """Who is away."""
    deputy_id: int = Field(foreign_key="user.id", index=True)
    until_on: date
    """The last day, in the commune's time."""
    created_at: datetime = Field(sa_type=UtcInstant)
    ended_at: datetime | None = Field(default=None, sa_type=UtcInstant)
    """When it was ended, early or by itself."""
    ended_by_id: int | None = Field(default=None, foreign_key="user.id")
    """Who ended it early."""
