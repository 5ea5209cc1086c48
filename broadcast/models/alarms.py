"""What is or was wrong, until somebody has acknowledged it, and who is still to be told."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, UniqueConstraint
from sqlmodel import Field, SQLModel

from broadcast.models.columns import EnumText, UtcInstant


class AlarmKind(StrEnum):
    """What an alarm is about; its subject says which pole, broadcast or part of the server."""

    POLE_SILENT = "pole-silent"
    POLE_NO_OUTPUT = "pole-no-output"
    POLE_VOLUME = "pole-volume"
    POLE_REFUSED = "pole-refused"
    POLE_CLOCK = "pole-clock"
    POLE_DISK = "pole-disk"
    POLE_HOT = "pole-hot"
    POLE_POWER = "pole-power"
    POLE_DOUBLE = "pole-double"
    POLE_UNREADY = "pole-unready"
    DELIVERY_SILENT = "delivery-silent"
    BROADCAST_MISSED = "broadcast-missed"
    RELAY_FAILED = "relay-failed"
    MORNING = "morning"
    SERVER_PROCESS = "server-process"
    SERVER_STEP = "server-step"
    SERVER_DISK = "server-disk"
    SERVER_CLOCK = "server-clock"
    BROKER_LOST = "broker-lost"
    BROKER_DOOR = "broker-door"
    WIRE_REFUSED = "wire-refused"
    VOICE_FALLBACK = "voice-fallback"
    RENDERER_BEHIND = "renderer-behind"
    NOTIFY_FAILED = "notify-failed"
    PRESS_WAITING = "press-waiting"
    CAP_WAITING = "cap-waiting"
    CAP_SOURCE = "cap-source"


class Alarm(SQLModel, table=True):
    """One thing that is or was wrong: one row however often it is seen or comes back."""

    __table_args__ = (UniqueConstraint("commune_id", "kind", "subject"),)
    id: int | None = Field(default=None, primary_key=True)
    commune_id: int = Field(foreign_key="commune.id", index=True)
    kind: AlarmKind = Field(sa_type=EnumText(AlarmKind))
    subject: str = Field(max_length=120)
    is_bad: bool
    """Something does not sound, or soon will not; otherwise it is a warning."""
    title: str
    detail: str = ""
    zones: list[str] = Field(default_factory=list, sa_type=JSON)
    """The villages it is about; none: the commune."""
    first_seen_at: datetime = Field(sa_type=UtcInstant)
    """Since when, this time."""
    last_seen_at: datetime = Field(sa_type=UtcInstant)
    over_since: datetime | None = Field(default=None, sa_type=UtcInstant, index=True)
    times: int = 1
    """How often it came."""
    acknowledged_at: datetime | None = Field(default=None, sa_type=UtcInstant, index=True)
    acknowledged_by_id: int | None = Field(default=None, foreign_key="user.id")
    note: str = ""
    """What who acknowledged it wants others to know."""


class NoticeChannel(StrEnum):
    """How somebody is told."""

    WEBHOOK = "webhook"
    MAIL = "mail"


class NoticeEvent(StrEnum):
    """What happened to an alarm."""

    OPENED = "opened"
    OVER = "over"
    ACKNOWLEDGED = "acknowledged"


class Webhook(SQLModel, table=True):
    """A program that the commune has told of its alarms, beside the one that the settings may name."""

    id: int | None = Field(default=None, primary_key=True)
    commune_id: int = Field(foreign_key="commune.id", index=True)
    name: str = Field(max_length=100)
    url: str = Field(max_length=500)
    secret: str = Field(repr=False, max_length=100)
    """What its posts are signed with: kept as it is, because signing takes it."""
    is_active: bool = True
    created_at: datetime = Field(sa_type=UtcInstant)


class AlarmNotice(SQLModel, table=True):
    """Somebody is to be told of an alarm: kept until that succeeded or was given up."""

    id: int | None = Field(default=None, primary_key=True)
    channel: NoticeChannel = Field(sa_type=EnumText(NoticeChannel))
    webhook_id: int | None = Field(default=None, foreign_key="webhook.id", index=True)
    """Which of the commune's own webhooks; none: mail, or the webhook of the settings."""
    event: NoticeEvent = Field(sa_type=EnumText(NoticeEvent))
    document: dict[str, Any] = Field(sa_type=JSON)
    """The alarm as it was then (`broadcast.notify.document_of`)."""
    created_at: datetime = Field(sa_type=UtcInstant)
    attempts: int = 0
    try_after: datetime | None = Field(default=None, sa_type=UtcInstant)
    done_at: datetime | None = Field(default=None, sa_type=UtcInstant, index=True)
    """When it was sent, or given up."""
    error: str | None = None
    """Why it did not go out, the last time; with `done_at`: why it never did."""


class MorningCheck(SQLModel, table=True):
    """Somebody, or the clock, asked whether everything will sound until noon; the server answers in `result`."""

    id: int | None = Field(default=None, primary_key=True)
    scheduled_on: date | None = Field(default=None, unique=True)
    """The day whose own check it is; none: it was asked for besides."""
    asked_at: datetime = Field(sa_type=UtcInstant, index=True)
    done_at: datetime | None = Field(default=None, sa_type=UtcInstant)
    result: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    """`broadcast.morning.MorningResult`, as JSON."""
