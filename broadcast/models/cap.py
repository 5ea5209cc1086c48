"""Alerts in the Common Alerting Protocol: how their sources are believed, what came, and what the commune's own say."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, UniqueConstraint
from sqlmodel import Field, SQLModel

from broadcast.models.columns import EnumText, UtcInstant
from players.messages import Severity


class CapState(StrEnum):
    """What became of a message."""

    WAITING = "waiting"
    """For somebody who may raise emergencies."""
    RAISED = "raised"
    """It was aired."""
    IN_INBOX = "in-inbox"
    """It is no emergency: it went the way of every item of a source."""
    REPLACED = "replaced"
    """By a later one of its source."""
    CANCELLED = "cancelled"
    """By its source."""
    SET_ASIDE = "set-aside"
    """By a person, with a reason."""
    NOTED = "noted"
    """There was nothing to do; the reason says why."""


class CapOptions(SQLModel, table=True):
    """What a source of CAP messages has beside what every source has."""

    source_id: int = Field(primary_key=True, foreign_key="source.id")
    airs_at_once: bool = False
    """Emergencies are aired without asking; otherwise they are put to the leader."""
    needs_signature: bool = False
    """What is not signed by a trusted certificate is refused."""
    etag: str = Field(default="", max_length=200)
    modified: str = Field(default="", max_length=100)
    """What the feed called its state when it was read last (`ETag`, `Last-Modified`)."""
    seen: list[str] = Field(default_factory=list, sa_type=JSON)
    """Digests of the feed's entries that were read."""


class CapCertificate(SQLModel, table=True):
    """A certificate that the administrator trusts to sign a source's messages."""

    __table_args__ = (UniqueConstraint("source_id", "fingerprint"),)
    id: int | None = Field(default=None, primary_key=True)
    source_id: int = Field(foreign_key="source.id", index=True)
    pem: str
    subject: str
    fingerprint: str = Field(max_length=64)
    """SHA-256, hexadecimal."""
    ends_at: datetime = Field(sa_type=UtcInstant)
    trusted_by_id: int = Field(foreign_key="user.id")
    trusted_at: datetime = Field(sa_type=UtcInstant)


class CapMessage(SQLModel, table=True):
    """A message that came. The same one comes once."""

    __table_args__ = (UniqueConstraint("source_id", "sender", "identifier"),)
    id: int | None = Field(default=None, primary_key=True)
    source_id: int = Field(foreign_key="source.id", index=True)
    sender: str = Field(max_length=200)
    identifier: str = Field(max_length=200, index=True)
    sent: datetime = Field(sa_type=UtcInstant)
    msg_type: str = Field(max_length=20)
    """As CAP says it: `Alert`, `Update`, `Cancel`, …"""
    names: list[str] = Field(default_factory=list, sa_type=JSON)
    """The messages that it updates or cancels, as `sender,identifier`."""
    state: CapState = Field(sa_type=EnumText(CapState), index=True)
    reason: str = ""
    """Why it is where it is, in Vietnamese."""
    is_drill: bool = False
    is_signed: bool = False
    """By a certificate that was trusted when it came."""
    severity: Severity = Field(default=Severity.SEVERE, sa_type=EnumText(Severity))
    title: str
    said: str = ""
    """What would be said; empty when somebody must find the words (it is in another language)."""
    text: str = ""
    """What it says in its own words."""
    language: str = Field(default="", max_length=40)
    places: str = ""
    """Where, in its own words."""
    zones: list[str] = Field(default_factory=list, sa_type=JSON)
    """The villages it is for, by their short names."""
    expires_at: datetime | None = Field(default=None, sa_type=UtcInstant)
    received_at: datetime = Field(sa_type=UtcInstant)
    broadcast_id: str | None = Field(default=None, foreign_key="broadcast.id", index=True)
    item_id: int | None = Field(default=None, foreign_key="sourceitem.id")
    decided_by_id: int | None = Field(default=None, foreign_key="user.id")


class CapRules(SQLModel, table=True):
    """What the commune is called in CAP, and who may read its own feed."""

    commune_id: int = Field(primary_key=True, foreign_key="commune.id")
    sender: str = Field(default="", max_length=200)
    """Of our own messages; empty: made of the commune's short name."""
    is_feed_open: bool = False
    """Anybody may read our feed; otherwise a token is needed."""
    places: dict[str, list[str]] = Field(default_factory=dict, sa_type=JSON)
    """What others call the commune (`""`) and its villages (by short name): geocodes as `name=value`, and names."""
