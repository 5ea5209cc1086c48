"""Every message of the wire, one frozen class each.

Down (server → node): `Timetable`, `NodeConfig`, `Emergencies`, `PreparedPack`, `Play`, `Stop`, `Rehearse`,
`Restart`, `ReportAck`, `TimeReply`.
Up (node → server): `Presence`, `Heartbeat`, `PlaybackReport`, `TimeRequest`, `Rehearsed`.
Between poles: `LocalOrder`.
Over HTTP: at pairing `PairingRequest`, `PairingReply`; when keys change `CommuneKeys`, `RenewalRequest`.

All down messages but `ReportAck` travel as JWS (see `players.signing`). Instants are aware and travel as
RFC 3339 in UTC; lengths are whole milliseconds. An unknown field, a missing one or an impossible combination
is refused.
"""

from datetime import datetime, time
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    ValidationError,
    model_serializer,
    model_validator,
)

from players.errors import MalformedMessage

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}$")]
"""An identifier that is safe in a topic, a path and a log line."""
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,49}$")]
"""A commune, zone or node: one level of a topic."""
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Pem = Annotated[str, StringConstraints(max_length=8 * 1024, pattern=r"^-----BEGIN CERTIFICATE-----\n")]
"""One certificate."""
MAX_CLIP_BYTES = 32 * 1024 * 1024
MAX_PUSHED_CLIP_BYTES = 1024 * 1024
"""The largest clip that is pushed over MQTT (about five minutes of speech); a larger one is fetched."""
MAX_CLIPS = 64
MAX_RELAYS = 4
"""Relays in one broadcast."""
MOST_CARDS = 999_999_999


class Urgency(StrEnum):
    """How much a broadcast may push aside (Circular 39/2020/TT-BTTTT)."""

    NORMAL = "normal"
    PRIORITY = "priority"
    EMERGENCY = "emergency"

    @property
    def rank(self) -> int:
        """The higher rank sounds."""
        return (Urgency.NORMAL, Urgency.PRIORITY, Urgency.EMERGENCY).index(self)


class Severity(StrEnum):
    """How bad an emergency is: the words of CAP 1.2 (OASIS, section 3.2.2). Of two, the worse sounds."""

    MINOR = "minor"
    MODERATE = "moderate"
    SEVERE = "severe"
    EXTREME = "extreme"

    @property
    def rank(self) -> int:
        """The higher rank sounds."""
        return (Severity.MINOR, Severity.MODERATE, Severity.SEVERE, Severity.EXTREME).index(self)


class Message(BaseModel):
    """What all messages share: frozen, exact, JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def to_json(self) -> bytes:
        """The message as it travels."""
        return self.model_dump_json().encode()

    @classmethod
    def from_json(cls, payload: bytes) -> Self:
        """Read a message.

        Raises:
            MalformedMessage: the payload is not exactly such a message.
        """
        try:
            return cls.model_validate_json(payload)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise MalformedMessage(f"{cls.__name__}: {where or 'payload'}: {first['msg']}") from error


class ClipRef(Message):
    """A clip by its content: SHA-256 of its bytes, their number, and how long it sounds."""

    sha256: Sha256
    size_bytes: int = Field(gt=0, le=MAX_CLIP_BYTES)
    duration_ms: int = Field(gt=0, le=4 * 3600 * 1000)


class OnFailure(StrEnum):
    """What a pole does for the rest of a relay's time when the relay does not come, or breaks off."""

    SILENCE = "silence"
    """It waits for the instant of what follows."""
    CLIP = "clip"
    """It plays a clip, as far as the time goes."""
    NEXT = "next"
    """It goes on with what follows at once."""


class RelayPart(Message):
    """A part of a broadcast that is made while it sounds: an upper radio, or somebody who speaks."""

    after_clips: int = Field(ge=0, le=MAX_CLIPS)
    """How many of the broadcast's clips sound before it."""
    starts_ms: int = Field(ge=0, le=4 * 3600 * 1000)
    """When it begins, counted from the start of the broadcast."""
    lasts_ms: int = Field(gt=0, le=4 * 3600 * 1000)
    source: str = Field(max_length=1000, pattern=r"^(/streams/[A-Za-z0-9_.:-]+/[0-9]{1,2}|https?://[!-~]+)$")
    """A path on the server (asked with the node's ticket), or an address that needs none; it gives MP3, endlessly."""
    on_failure: OnFailure = OnFailure.SILENCE
    fallback: ClipRef | None = None
    """The clip of `OnFailure.CLIP`."""
    may_end: bool = False
    """It may be over before its time, and then what follows comes at once: somebody who speaks."""

    @model_validator(mode="after")
    def _has_its_clip(self) -> Self:
        if (self.fallback is not None) != (self.on_failure is OnFailure.CLIP):
            raise ValueError("a relay that is replaced by a clip names it, and only then")
        return self


class CuedBroadcast(Message):
    """One airing that a node is to play by itself: what, when, and for how long it may still be joined late."""

    broadcast: Id
    urgency: Urgency
    starts_at: AwareDatetime
    clips: tuple[ClipRef, ...] = Field(min_length=1, max_length=MAX_CLIPS)
    stream: str | None = Field(default=None, pattern=r"^/streams/[A-Za-z0-9_.:-]+$")
    """Path on the server from which the same sound can be streamed by a node that has not the clips."""
    join_within_ms: int = Field(default=60_000, ge=0, le=24 * 3600 * 1000)
    """A node that is late by less than this joins at the right place; one that is later reports it missed."""
    resume_within_ms: int = Field(default=0, ge=0, le=24 * 3600 * 1000)
    """Broken off (power, something more urgent, the output), it goes on where it was if that is possible so soon after.

    0: never. An emergency always begins again while its order is valid.
    """

    late_within_ms: int = Field(default=0, ge=0, le=24 * 3600 * 1000)
    """Later than it could be joined, a node may still play it from its beginning within this after `starts_at`.

    0: never.
    """
    severity: Severity | None = None
    """Of an emergency: of two that are due, the worse sounds, of equals the newer; the other begins again after it."""
    lead_ms: int = Field(default=0, ge=0, le=60_000)
    """So much of its beginning is a chime: a node that is late skips part of that, to say the words with the others."""
    growing: bool = False
    """More clips follow: the same order comes again with all of them. A node begins with what it has."""
    relays: tuple[RelayPart, ...] = Field(default=(), max_length=MAX_RELAYS)
    """What sounds between the clips, in order. A node whose outputs play no streams has it fail."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        clips = 0
        ends_ms = 0
        for relay in self.relays:
            if not clips <= relay.after_clips <= len(self.clips):
                raise ValueError("relays come in order, between clips that are there")
            ends_ms += sum(clip.duration_ms for clip in self.clips[clips : relay.after_clips])
            if relay.starts_ms < ends_ms:
                raise ValueError("a relay begins after what comes before it")
            clips, ends_ms = relay.after_clips, relay.starts_ms + relay.lasts_ms
        if self.urgency is not Urgency.EMERGENCY and (self.severity is not None or self.growing):
            raise ValueError("only an emergency has a severity, and only an emergency grows")
        if self.growing and (self.relays or self.stream is not None):
            raise ValueError("what grows is clips alone")
        if self.relays and self.stream is not None:
            raise ValueError("what has relays is not streamed as a whole")
        return self

    @model_serializer(mode="wrap")
    def _short(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without what only emergencies have: a week's timetable holds thousands of others."""
        written: dict[str, Any] = write(self)
        if self.urgency is not Urgency.EMERGENCY:
            for name in ("severity", "lead_ms", "growing"):
                written.pop(name, None)
        return written

    @property
    def is_emergency(self) -> bool:
        """Whether it may sound at any hour."""
        return self.urgency is Urgency.EMERGENCY

    @property
    def duration_ms(self) -> int:
        """How long it sounds from its start to its end, in milliseconds."""
        last = self.relays[-1] if self.relays else None
        after, ends_ms = (last.after_clips, last.starts_ms + last.lasts_ms) if last is not None else (0, 0)
        return ends_ms + sum(clip.duration_ms for clip in self.clips[after:])

    @property
    def all_clips(self) -> tuple[ClipRef, ...]:
        """What a node keeps for it: its clips, and those that replace relays that fail."""
        return (*self.clips, *(relay.fallback for relay in self.relays if relay.fallback is not None))


class _Versioned(Message):
    """A retained document: equal version is nothing new, lower is refused."""

    commune: Slug
    version: int = Field(gt=0)
    issued_at: AwareDatetime


class Timetable(_Versioned):
    """Down, retained, `zones/<zone>/timetable`: all that the zone will air in the coming days.

    A broadcast that is no longer listed and has not begun is not to be played.
    """

    zone: Slug
    broadcasts: tuple[CuedBroadcast, ...] = Field(max_length=5000)


class Window(Message):
    """A part of the day in which a node may sound, in the commune's local time.

    `opens` comes before `closes`; a `closes` of 00:00 is the midnight that ends the day.
    """

    opens: time
    closes: time
    days: tuple[Annotated[int, Field(ge=0, le=6)], ...] = Field(default=(), max_length=7)
    """The weekdays on which it counts, 0 being Monday; none: all."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.closes != time.min and self.opens >= self.closes:
            raise ValueError("a window opens before it closes")
        return self


class Volume(Window):
    """How loud a node is in a part of the day: added to its own `gain_db`. Emergencies do not heed it."""

    gain_db: float = Field(ge=-60, le=12)


class ZoneRules(Message):
    """How much a zone may hear a day of anything but emergencies; none means no limit."""

    zone: Slug
    windows: tuple[Window, ...] = Field(default=(), max_length=24)
    """The zone's own hours, inside the node's `windows`; empty: just those."""
    sessions_a_day: int | None = Field(default=None, ge=0, le=100)
    session_minutes: int | None = Field(default=None, ge=0, le=1440)
    day_minutes: int | None = Field(default=None, ge=0, le=1440)


class NodeConfig(_Versioned):
    """Down, retained, `nodes/<node>/config`: how this node is to behave."""

    node: Slug
    name: str = Field(max_length=300)
    zones: tuple[Slug, ...] = Field(min_length=1, max_length=64)
    timezone: str = Field(max_length=64)
    windows: tuple[Window, ...] = Field(max_length=24)
    """When the node may sound anything but an emergency. Empty: never."""
    gain_db: float = Field(ge=-60, le=12)
    heartbeat_s: float = Field(gt=0, le=300)
    keys_version: int = Field(default=0, ge=0)
    """Of the last `CommuneKeys`: a node that holds an older one asks for them."""
    renewal: int = Field(default=0, ge=0)
    """A node whose `PairingReply` has a lower one renews its key and its password (`RenewalRequest`)."""
    rules: tuple[ZoneRules, ...] = Field(default=(), max_length=64)
    """The node's own copy of its zones' rules: it refuses by them, whatever the server says."""
    volumes: tuple[Volume, ...] = Field(default=(), max_length=24)
    """Volume by time of day; where several count, the first does."""
    delay_ms: int = Field(default=0, ge=-200, le=2000)
    """Everything sounds so much later here, or earlier: to be heard together with poles whose amplifiers are slower."""
    data_mb: int | None = Field(default=None, gt=0, le=10_000_000)
    """What the node's line may carry in a month of the commune's time, in megabytes; none: no limit."""


class Emergencies(_Versioned):
    """Down, retained, `zones/<zone>/emergencies`: the whole list of emergencies still valid in a zone."""

    zone: Slug
    active: tuple["Play", ...] = Field(max_length=64)


class PreparedMessage(Message):
    """A message that a node holds ready. `Play` names its clips when it is to sound."""

    key: Slug
    title: str = Field(max_length=100)
    severity: Severity
    clips: tuple[ClipRef, ...] = Field(min_length=1, max_length=MAX_CLIPS)
    """As an emergency: its chime, its words with nothing typed into them, its closing sound."""
    drill_clips: tuple[ClipRef, ...] = Field(min_length=1, max_length=MAX_CLIPS)
    """As a drill, said to be one before and after."""


PublicX = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
"""`x` of a public Ed25519 JWK (RFC 8037)."""


class PoleKey(Message):
    """A pole of a zone, by whose key its neighbours believe that its button was pressed."""

    pole: Slug
    key: PublicX


class OfflineCard(Message):
    """A card by which a person may start the zone's prepared messages at a pole, without the server."""

    number: int = Field(gt=0, le=MOST_CARDS)
    key: PublicX
    """Follows from the secret that is on the card (`players.offline`)."""
    valid_from: AwareDatetime
    valid_until: AwareDatetime
    revoked: bool = False
    """It is listed until its end, so that a pole can say whose press it refused."""


class PreparedPack(_Versioned):
    """Down, retained, `zones/<zone>/prepared`: what is fetched before all else and never makes room for anything."""

    zone: Slug
    messages: tuple[PreparedMessage, ...] = Field(max_length=64)
    button: Slug | None = None
    """Which of them the buttons of the zone's poles start; none: they start nothing."""
    poles: tuple[PoleKey, ...] = Field(default=(), max_length=500)
    cards: tuple[OfflineCard, ...] = Field(default=(), max_length=500)

    @property
    def clips(self) -> tuple[ClipRef, ...]:
        """All clips, each once, those of emergencies first."""
        listed = [clip for message in self.messages for clip in message.clips]
        listed += [clip for message in self.messages for clip in message.drill_clips]
        return tuple({clip.sha256: clip for clip in listed}.values())


class Order(Message):
    """What every order carries. Its id is remembered on the node until it expires."""

    order: Id
    commune: Slug
    issued_at: AwareDatetime
    expires_at: AwareDatetime

    @model_validator(mode="after")
    def _expires_later(self) -> Self:
        if self.expires_at <= self.issued_at:
            raise ValueError("an order expires after it was issued")
        return self


class Play(Order):
    """Down, `zones/<zone>/orders` or `nodes/<node>/orders`: play this now (its `starts_at` is seconds away)."""

    kind: Literal["play"] = "play"
    item: CuedBroadcast


class Stop(Order):
    """Down, same topics: stop a broadcast, or whatever sounds when `broadcast` is none.

    A broadcast stopped by name does not start again.
    """

    kind: Literal["stop"] = "stop"
    broadcast: Id | None = None


class Rehearse(Order):
    """Down, same topics: have this clip, decode its beginning, sound nothing, and say when that was done."""

    kind: Literal["rehearse"] = "rehearse"
    clip: ClipRef


class Restart(Order):
    """Down, `nodes/<node>/orders` only: end in order what sounds, then the player; its service starts it again."""

    kind: Literal["restart"] = "restart"
    node: Slug


class LocalOrder(Order):
    """Between the poles of a zone, signed by a pole's key or a card's: given at a pole, without the server."""

    zone: Slug
    pole: Slug
    """At which it was given."""
    card: int | None = Field(default=None, gt=0, le=MOST_CARDS)
    """By which; none: by the pole's button."""
    kind: Literal["start", "stop"]
    broadcast: Id
    """What is started, by its own name, or stopped."""
    message: Slug | None = None
    """Of a start: the prepared message."""

    @model_validator(mode="after")
    def _starts_something(self) -> Self:
        if (self.message is not None) != (self.kind == "start"):
            raise ValueError("a start names its message, and nothing else does")
        return self


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


class PairingRequest(Message):
    """HTTP `POST /api/pairing`: a new node shows its one-time code and its public key (an Ed25519 JWK, RFC 8037)."""

    code: Annotated[str, StringConstraints(pattern=r"^[A-Z2-9]{8}$")]
    public_key: dict[str, str]
    version: str = Field(max_length=50)


class PairingReply(Message):
    """The answer: who the node is, whom it obeys, and where the broker is. Kept by the node with mode 0600."""

    commune: Slug
    commune_name: str
    node: Slug
    node_name: str
    zones: tuple[Slug, ...]
    commune_keys: tuple[dict[str, str], ...] = Field(min_length=1)
    """Public Ed25519 JWKs, each with a `kid`, that the node pins."""
    mqtt_host: str
    mqtt_port: int = Field(gt=0, lt=65536)
    mqtt_username: str
    mqtt_password: str = Field(repr=False)
    server_at: datetime
    mqtt_tls: bool = False
    """Whether the broker speaks TLS."""
    authorities: tuple[Pem, ...] = Field(default=(), max_length=4)
    """Certificates (PEM) of the commune's own authority. Some: the node believes no other server, by HTTP or MQTT."""
    keys_version: int = Field(default=0, ge=0)
    """Of the `CommuneKeys` that these keys and authorities are."""
    renewal: int = Field(default=0, ge=0)
    """At which renewal this key and password were given."""


class RenewalRequest(Message):
    """HTTP `POST /api/renewal`, with the node's ticket: its next public key. Answered by a `PairingReply`."""

    public_key: dict[str, str]
    version: str = Field(max_length=50)


class CommuneKeys(_Versioned):
    """HTTP `GET /api/keys`, signed: whom the nodes are to believe from now on, in place of all before.

    It is signed by a key that was believed before it, so that a node that missed some follows them one by one.
    """

    keys: tuple[dict[str, str], ...] = Field(min_length=1, max_length=4)
    """Public Ed25519 JWKs, as in `PairingReply`."""
    authorities: tuple[Pem, ...] = Field(default=(), max_length=4)
    """As in `PairingReply`."""


class CommuneKeysChain(Message):
    """The answer of `GET /api/keys`: the `CommuneKeys` of the last years, oldest first, each as a JWS."""

    statements: tuple[Annotated[str, StringConstraints(max_length=64 * 1024)], ...] = Field(max_length=64)


AnyOrder = Annotated[Play | Stop, Field(discriminator="kind")]
