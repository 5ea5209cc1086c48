"""What was noticed over time: of poles, for the graphs on their pages; of the server's own clock."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from broadcast.models.columns import UtcInstant


class PresenceChange(SQLModel, table=True):
    """From `at` on a pole was `state` (`players.presence.PresenceState`), until its next change."""

    id: int | None = Field(default=None, primary_key=True)
    node_id: int = Field(foreign_key="node.id", index=True)
    at: datetime = Field(sa_type=UtcInstant, index=True)
    state: str = Field(max_length=20)


class ClockSample(SQLModel, table=True):
    """How far off a pole's clock was, by its own account."""

    id: int | None = Field(default=None, primary_key=True)
    node_id: int = Field(foreign_key="node.id", index=True)
    at: datetime = Field(sa_type=UtcInstant, index=True)
    offset_ms: float
    """Server time minus the board's own clock."""
    error_ms: float
    """How wrong the pole says it may be, at most."""


class SeenInstant(SQLModel, table=True):
    """The last instant that the server has seen, by which its clock is judged. One row."""

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=UtcInstant)
