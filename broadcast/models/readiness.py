"""The silent drill that proves every day how soon each pole would speak."""

from datetime import date, datetime

from sqlmodel import Field, SQLModel

from broadcast.models.columns import UtcInstant


class ReadinessDrill(SQLModel, table=True):
    """One drill, from the press until every pole has answered or the time for it is over."""

    id: int | None = Field(default=None, primary_key=True)
    scheduled_on: date | None = Field(default=None, unique=True)
    """The day whose own drill it is; none: somebody asked for it."""
    asked_at: datetime = Field(sa_type=UtcInstant, index=True)
    asked_by_id: int | None = Field(default=None, foreign_key="user.id")
    """Who pressed; none: the clock, or somebody at the server's terminal."""
    pressed_at: datetime | None = Field(default=None, sa_type=UtcInstant)
    """When it began: the poles' times are counted from here."""
    sent_at: datetime | None = Field(default=None, sa_type=UtcInstant)
    """When its text was spoken and on its way to the poles."""
    done_at: datetime | None = Field(default=None, sa_type=UtcInstant, index=True)
    error: str | None = None
    """Why no pole could be asked."""


class ReadinessRow(SQLModel, table=True):
    """One pole in one drill. Without `ready_ms` and `error` it did not answer."""

    drill_id: int = Field(primary_key=True, foreign_key="readinessdrill.id")
    node_id: int = Field(primary_key=True, foreign_key="node.id", index=True)
    ready_ms: int | None = None
    """From the press until its output was ready to sound the words, by the pole's own clock."""
    error: str | None = None
    """Why it would not have sounded them, in its own words."""
