"""Bulletins that a commune writes again and again."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from broadcast.models.columns import EnumText, UtcInstant
from players.messages import Urgency


class BulletinTemplate(SQLModel, table=True):
    """A bulletin with slots (`broadcast.templates_slots`) in its title and text."""

    __table_args__ = (UniqueConstraint("commune_id", "key"),)
    id: int | None = Field(default=None, primary_key=True)
    commune_id: int = Field(foreign_key="commune.id", index=True)
    key: str | None = Field(default=None, max_length=50)
    """Of one that came with the house; it is not offered a second time, also once it is removed."""
    name: str
    title: str
    script: str
    urgency: Urgency = Field(default=Urgency.NORMAL, sa_type=EnumText(Urgency))
    revision: int = 1
    """Grows with every change: of two people who change it at once the second is told."""
    edited_at: datetime = Field(sa_type=UtcInstant)
    removed_at: datetime | None = Field(default=None, sa_type=UtcInstant)
