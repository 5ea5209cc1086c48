"""What residents say of what they heard, or did not hear."""

from datetime import datetime
from enum import StrEnum

from sqlmodel import Field, SQLModel

from broadcast.models.columns import EnumText, UtcInstant


class FeedbackKind(StrEnum):
    """What a resident says."""

    NOT_HEARD = "not-heard"
    TOO_LOUD = "too-loud"
    UNCLEAR = "unclear"
    OTHER = "other"


class Feedback(SQLModel, table=True):
    """A resident's word, without a name; and the officer's answer, shown to everybody with it."""

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=UtcInstant, index=True)
    kind: FeedbackKind = Field(sa_type=EnumText(FeedbackKind))
    words: str
    node_id: int | None = Field(default=None, foreign_key="node.id", index=True)
    broadcast_id: str | None = Field(default=None, foreign_key="broadcast.id", index=True)
    answer: str | None = None
    """None: nobody has answered, and only the commune's people see it."""
    answered_at: datetime | None = Field(default=None, sa_type=UtcInstant)
    answered_by_id: int | None = Field(default=None, foreign_key="user.id")
