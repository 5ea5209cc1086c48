"""What a node says of itself, and what it is answered."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import (
    AwareDatetime,
    Field,
    StringConstraints,
    model_validator,
)

from players.messages.parts import (
    Id,
    Message,
    Sha256,
    Slug,
)


class ReportAck(Message):
    """Down, `nodes/<node>/acks`: these reports are in the database; the node may forget them."""

    reports: tuple[Id, ...] = Field(max_length=1000)


class TimeRequest(Message):
    """Up, `nodes/<node>/time-request`: what time is it? The nonce ties the answer to the question."""

    nonce: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{16,64}$")]


class TimeReply(Message):
    """Down, signed, `nodes/<node>/time`: the server's time when it answered that nonce."""

    commune: Slug
    node: Slug
    nonce: str
    server_at: AwareDatetime


class Presence(Message):
    """Up, retained, and the node's last will, `nodes/<node>/presence`: a hint; heartbeats are the proof."""

    node: Slug
    online: bool


class NodeActivity(StrEnum):
    """What a node is doing."""

    IDLE = "idle"
    PLAYING = "playing"


class DataUsage(Message):
    """What a node's line has carried in a month, in bytes, both ways."""

    month: Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]
    """By the commune's time."""
    control: int = Field(default=0, ge=0)
    clips: int = Field(default=0, ge=0)
    """Fetched over HTTP."""
    streams: int = Field(default=0, ge=0)
    """Of the server, and of radio stations."""
    emergencies: int = Field(default=0, ge=0)
    """Clips that were pushed."""

    @property
    def total(self) -> int:
        """All of them."""
        return self.control + self.clips + self.streams + self.emergencies


class Heartbeat(Message):
    """Up, `nodes/<node>/heartbeat`: the node is alive, and this is how it is."""

    node: Slug
    at: AwareDatetime
    """By the node's own synchronised clock."""
    activity: NodeActivity
    broadcast: Id | None = None
    """What it plays, when it plays."""
    output: str = Field(max_length=50)
    output_error: str | None = Field(default=None, max_length=300)
    cued: tuple[Id, ...] = Field(default=(), max_length=5000)
    """Broadcasts of its timetable whose clips are all in its store."""
    clock_offset_ms: float | None = None
    """Server time minus the node's system clock; none until it is known."""
    clock_error_ms: float | None = Field(default=None, ge=0)
    clock_age_ms: float | None = Field(default=None, ge=0)
    """How long ago the server told the time that it goes by."""
    clock_trusted: bool = True
    """Whether it knows the time well enough to sound what is planned; emergencies it sounds anyway."""
    disk_error: str | None = Field(default=None, max_length=300)
    """Why it cannot keep its state: what it knows is in memory alone."""
    outbox: int = Field(ge=0)
    """Reports not yet acknowledged."""
    disk_free_bytes: int = Field(ge=0)
    version: str = Field(max_length=50)
    keys_version: int = Field(default=0, ge=0)
    """Of the `CommuneKeys` it holds."""
    refused: int = Field(default=0, ge=0)
    """Messages and orders that it has not obeyed since it started."""
    refused_at: AwareDatetime | None = None
    refused_why: str | None = Field(default=None, max_length=300)
    """The last of them: when, and why."""
    gain_db: float | None = Field(default=None, ge=-60, le=12)
    """What its configuration adds to what it plays."""
    volume_percent: int | None = Field(default=None, ge=0, le=100)
    """How loud its sound card is set; 0 also when muted. Here and below: none when the board does not tell."""
    temperature_c: int | None = Field(default=None, ge=-60, le=200)
    """Of its hottest sensor."""
    under_voltage: bool | None = None
    """Whether its supply is outside what it needs."""
    signal: Literal["wifi", "mobile"] | None = None
    """The network that `signal_percent` is about."""
    signal_percent: int | None = Field(default=None, ge=0, le=100)
    uptime_s: int | None = Field(default=None, ge=0)
    """Since the board was started."""
    running_s: int | None = Field(default=None, ge=0)
    """Since the player was started."""
    restarting: Id | None = None
    """The `Restart` that it carries out: the next word comes from a new start."""
    memory_free_bytes: int | None = Field(default=None, ge=0)
    processor_percent: int | None = Field(default=None, ge=0, le=100)
    data: DataUsage | None = None
    """What its line has carried this month."""

    @model_validator(mode="after")
    def _playing_something(self) -> Self:
        if (self.activity is NodeActivity.PLAYING) != (self.broadcast is not None):
            raise ValueError("a node that plays names its broadcast, and only then")
        return self


AS_IT_WAS = b""
"""In the place of a `Heartbeat`: the node lives, and is as it said last. A SIM card pays for each byte of it."""


class Outcome(StrEnum):
    """What a node has to say of a broadcast. The last three and `played` are final."""

    RECEIVED = "received"
    CUED = "cued"
    PLAYING = "playing"
    PLAYED = "played"
    CUT = "cut"
    FAILED = "failed"
    MISSED = "missed"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will come of this broadcast from this node."""
        return self in {Outcome.PLAYED, Outcome.CUT, Outcome.FAILED, Outcome.MISSED}


class Reason(StrEnum):
    """Why a node did not play something whole: every way has a name."""

    STOPPED = "stopped"
    PREEMPTED = "preempted"
    QUIET_HOURS = "quiet-hours"
    SESSION_TOO_LONG = "session-too-long"
    TOO_MANY_SESSIONS = "too-many-sessions"
    DAY_FULL = "day-full"
    TOO_LATE = "too-late"
    CLOCK_DISTRUSTED = "clock-distrusted"
    DATA_SPARED = "data-spared"
    """It would have had to be streamed, and what is left of the month's data is for emergencies."""
    CLIP_UNAVAILABLE = "clip-unavailable"
    CLIP_CORRUPT = "clip-corrupt"
    STREAM_FAILED = "stream-failed"
    RELAY_FAILED = "relay-failed"
    """All was played but a relay: it did not come or broke off, and what was chosen for that was done."""
    OUTPUT_MISSING = "output-missing"
    OUTPUT_FAILED = "output-failed"
    DISK_FULL = "disk-full"
    RESTARTED = "restarted"
    SHUT_DOWN = "shut-down"
    WITHDRAWN = "withdrawn"
    REFUSED = "refused"


class PlaybackReport(Message):
    """Up, `nodes/<node>/reports`: what happened at this pole. Sent again until acknowledged."""

    report: Id
    node: Slug
    broadcast: Id
    outcome: Outcome
    at: AwareDatetime
    """When the node wrote this report, by its synchronised clock."""
    started_at: AwareDatetime | None = None
    """When the first sample sounded."""
    finished_at: AwareDatetime | None = None
    """When the last sample sounded."""
    clip_sha256: Sha256 | None = None
    """The first clip of the broadcast, when clips were played."""
    output: str | None = Field(default=None, max_length=50)
    reason: Reason | None = None
    detail: str | None = Field(default=None, max_length=500)
    local_order: str | None = Field(default=None, max_length=2000)
    """The signed `LocalOrder` that started it, when no server did."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.outcome in {Outcome.CUT, Outcome.FAILED, Outcome.MISSED} and self.reason is None:
            raise ValueError("what was not played whole has a reason")
        if self.outcome in {Outcome.PLAYING, Outcome.PLAYED} and self.started_at is None:
            raise ValueError("what sounds has a start")
        if self.outcome is Outcome.PLAYED and self.finished_at is None:
            raise ValueError("what was played has an end")
        if self.started_at and self.finished_at and self.finished_at < self.started_at:
            raise ValueError("an end comes after its start")
        return self


class Rehearsed(Message):
    """Up, `nodes/<node>/rehearsed`: a `Rehearse` was carried out, or could not be. Sent once: it may be lost."""

    node: Slug
    order: Id
    """The `Rehearse`."""
    at: AwareDatetime
    """When its first samples were decoded and the output was ready to sound them, or when that failed."""
    output: str = Field(max_length=50)
    error: str | None = Field(default=None, max_length=300)
    """Why it would not have sounded."""
