"""What programs send and get: checked here, at the door."""

from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from broadcast.models import BroadcastState, BulletinState, DeliveryState, ImportState, PartKind, Role
from players.messages import Urgency
from players.presence import PresenceState
from tts.import_document import AsideKind

Scope = Literal["read", "write", "admin"]
SCOPES: tuple[Scope, ...] = ("read", "write", "admin")
"""`read` looks, `write` writes bulletins, decides and stops, `admin` adds and revokes nodes; a role limits each."""
ShortText = Annotated[str, Field(max_length=1000)]
SlugText = Annotated[str, Field(max_length=50)]


class Sent(BaseModel):
    """What all requests share: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SessionRequest(Sent):
    """A program signs in for a user."""

    username: ShortText
    password: Annotated[str, Field(max_length=1000, repr=False)]
    code: Annotated[str | None, Field(max_length=40, repr=False)] = None
    """The second factor, of users who have one: from the phone, or a recovery code."""
    name: ShortText = "API"
    """What the user will find it under among their tokens."""
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1, max_length=len(SCOPES))] = SCOPES
    lifetime_s: int = Field(default=12 * 3600, gt=0, le=366 * 24 * 3600)


class TokenReply(BaseModel):
    """A program's token that still holds; the token itself is not kept."""

    id: int
    username: str
    name: str
    scopes: list[str]
    created_at: AwareDatetime
    expires_at: AwareDatetime


class TokensReply(BaseModel):
    """Tokens by whose they are."""

    tokens: list[TokenReply]


class SessionReply(BaseModel):
    """The bearer token, shown once: `Authorization: Bearer …`."""

    token: str = Field(repr=False)
    expires_at: AwareDatetime


class PartRequest(Sent):
    """A part of a bulletin: a text, or a recording by its id."""

    script: str | None = None
    recording: SlugText | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.script is None) == (self.recording is None):
            raise ValueError("a part is a script or a recording")
        return self


class BulletinRequest(Sent):
    """A bulletin as it is written."""

    title: str
    script: str = ""
    """All of it; or `parts`."""
    parts: tuple[PartRequest, ...] = Field(default=(), max_length=20)
    """What it is made of, in order, when that is more than one text."""
    urgency: Literal["normal", "priority"] = "normal"
    zones: tuple[SlugText, ...] = Field(max_length=500)
    airs_now: bool = False
    airs_at: AwareDatetime | None = None
    programmes: tuple[int, ...] = Field(default=(), max_length=100)
    is_read_twice: bool = False
    """Say all of it again, after "xin nhắc lại"."""


class BulletinChange(BulletinRequest):
    """A bulletin as it is to be from now on, and the revision that was read."""

    revision: int


class Approval(Sent):
    """Approve the text of that revision."""

    revision: int
    heard: bool = False
    """Whether somebody listened to it before: it is written down beside the name."""


class Return(Sent):
    """Give it back."""

    reason: str


class PartReply(BaseModel):
    """A part of a bulletin; of a recorded one its recording, and the very clip that is aired: `GET /clips/{sha256}`."""

    kind: PartKind
    script: str | None
    recording: str | None
    name: str | None
    language: str | None
    """ISO 639-3."""
    clip_sha256: str | None


class BulletinReply(BaseModel):
    """A bulletin and what became of it."""

    id: str
    title: str
    script: str
    """All that is written in it."""
    parts: list[PartReply]
    urgency: Urgency
    state: BulletinState
    revision: int
    zones: list[str]
    airs_now: bool
    airs_at: AwareDatetime | None
    programmes: list[int]
    is_read_twice: bool
    return_reason: str | None
    broadcasts: list[str]
    """Their ids, the first first."""


class BulletinsReply(BaseModel):
    """Bulletins, the last edited first."""

    bulletins: list[BulletinReply]


class VoiceReply(BaseModel):
    """Who spoke."""

    engine: str
    name: str


class ClipReply(BaseModel):
    """A clip: `GET /clips/{sha256}`."""

    sha256: str
    size_bytes: int
    duration_ms: int
    voice: VoiceReply
    fallback_reason: str | None
    """Why another voice than the chosen one spoke."""


class DeliveryReply(BaseModel):
    """A broadcast at one node; instants by the node's own synchronised clock."""

    node: str
    node_name: str
    state: DeliveryState
    reason: str | None
    reason_text: str
    """`reason` in Vietnamese."""
    detail: str | None
    output: str | None
    clip_sha256: str | None
    reported_at: AwareDatetime | None
    started_at: AwareDatetime | None
    finished_at: AwareDatetime | None


class DeliveriesReply(BaseModel):
    """A broadcast at each of its nodes."""

    deliveries: list[DeliveryReply]


class BroadcastReply(BaseModel):
    """One airing and how it went, node by node."""

    id: str
    title: str
    urgency: Urgency
    state: BroadcastState
    reason: str | None
    reason_text: str
    zones: list[str]
    starts_at: AwareDatetime | None
    duration_ms: int | None
    ended_at: AwareDatetime | None
    is_now: bool
    bulletin: str | None
    clips: list[ClipReply]
    """Its clips in order; empty until all are rendered."""
    spoken: str
    """All that is said, as it is read."""
    deliveries: list[DeliveryReply]


class StopRequest(Sent):
    """Stop what sounds, everywhere or at one node."""

    node: SlugText | None = None


class BroadcastMade(BaseModel):
    """The id of the broadcast that was made."""

    broadcast: str


class NodeRequest(Sent):
    """A new pole."""

    slug: SlugText
    name: ShortText
    zones: tuple[SlugText, ...] = Field(max_length=64)


class NodeReply(BaseModel):
    """A pole as it is known and as it is heard."""

    slug: str
    name: str
    zones: list[str]
    is_paired: bool
    is_revoked: bool
    presence: PresenceState
    last_seen_at: AwareDatetime | None
    playing: str | None
    """The broadcast it plays."""
    output: str | None
    output_error: str | None
    clock_offset_ms: float | None
    clock_error_ms: float | None
    cued: int
    """How many coming broadcasts it holds whole."""
    outbox: int | None
    version: str | None
    volume_percent: int | None
    """0 also when its sound card is muted. This and what follows: none when its board does not tell."""
    temperature_c: int | None
    under_voltage: bool | None
    signal: Literal["wifi", "mobile"] | None
    signal_percent: int | None
    uptime_s: int | None
    memory_free_bytes: int | None
    processor_percent: int | None
    disk_free_bytes: int | None


class NodesReply(BaseModel):
    """All poles."""

    nodes: list[NodeReply]


class NodeMade(BaseModel):
    """A pole waits for pairing with this one-time code, valid for ten minutes."""

    node: str
    pairing_code: str = Field(repr=False)


class ProcessReply(BaseModel):
    """A supervised part of the server."""

    name: str
    state: str


class HealthReply(BaseModel):
    """Whether the server can do its work."""

    ok: bool
    broker_connected: bool
    processes: list[ProcessReply]


class NormalizeRequest(Sent):
    """A text to be read."""

    text: str = Field(max_length=20_000)


class SpanReply(BaseModel):
    """A part that is read otherwise than it is spelled; offsets are in characters of the text given."""

    start: int
    end: int
    written: str
    spoken: str
    kind: str
    certain: bool


class NormalizeReply(BaseModel):
    """How it is read."""

    spoken: str
    sentences: list[str]
    spans: list[SpanReply]


class SetAsideReply(BaseModel):
    """A part of a document that nobody reads aloud; `offset`: where in `text` it would stand, in characters."""

    kind: AsideKind
    text: str
    page: int
    offset: int


class WarnedReply(BaseModel):
    """What should be compared with the paper; without a page: the whole."""

    code: str
    message: str
    page: int | None


class ImportProblem(BaseModel):
    """Why nothing came of a document."""

    code: str
    message: str


class ImportReply(BaseModel):
    """A document on its way to becoming a draft."""

    id: str
    file_name: str
    state: ImportState
    waiting_before: int
    """How many are read before it."""
    page: int
    """The page that is read now, or was last."""
    pages: int | None
    """How many there are, once that is known."""
    bulletin: str | None
    """The draft it became."""
    text: str
    """What is to be read aloud, as it was found."""
    set_aside: list[SetAsideReply]
    warnings: list[WarnedReply]
    problem: ImportProblem | None


class UserReply(BaseModel):
    """Who the caller is."""

    username: str
    name: str
    role: Role
    zone: str | None
