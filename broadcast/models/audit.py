"""Who did what."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from broadcast.models.columns import UtcInstant


class AuditEntry(SQLModel, table=True):
    """Who did what, appended only; `digest` chains each entry to the one before."""

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=UtcInstant)
    actor: str
    action: str
    subject: str
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    digest: str
