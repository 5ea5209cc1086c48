"""What messages are made of: names, clips, broadcasts."""

from enum import StrEnum
from typing import Annotated, Any, Self

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
MOST_EMERGENCIES = 64
"""Emergencies that a zone's poles are told of at once."""
MOST_PREPARED = 64
"""Messages that a pole holds ready."""
MOST_NEIGHBOURS = 500
"""Poles, and as many cards, that a zone's pack names."""


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


class Versioned(Message):
    """A retained document: equal version is nothing new, lower is refused."""

    commune: Slug
    version: int = Field(gt=0)
    issued_at: AwareDatetime
