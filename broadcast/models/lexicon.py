"""The commune's own words."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from broadcast.models.columns import UtcInstant


class LexiconEntry(SQLModel, table=True):
    """A word of the commune and how it is said. `revision` grows with every edit."""

    __table_args__ = (UniqueConstraint("commune_id", "key"),)
    id: int | None = Field(default=None, primary_key=True)
    commune_id: int = Field(foreign_key="commune.id", index=True)
    written: str = Field(max_length=100)
    """As it stands in bulletins: in capitals only, it is meant so; otherwise in any case."""
    key: str = Field(max_length=100)
    """The written form as texts are compared with it: two entries with one key would contradict each other."""
    spoken: str = Field(max_length=300)
    note: str = Field(default="", max_length=300)
    revision: int = 1
    edited_at: datetime = Field(sa_type=UtcInstant)
    edited_by_id: int | None = Field(default=None, foreign_key="user.id")
    """None: at the server's terminal."""
