"""What programs and the phone's page send and get around the emergency button."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, Field

from broadcast.models import BroadcastState
from broadcast.press_progress import PoleStep
from broadcast.presses import Press, PressKind
from web.api.schemas import Sent, ShortText, SlugText


class EmergencyRequest(Sent):
    """A press of the emergency button. The same `key` sent twice is one press."""

    key: str = Field(min_length=8, max_length=100, pattern=r"^[A-Za-z0-9_-]+$")
    kind: PressKind = PressKind.ALERT
    zones: tuple[SlugText, ...] = Field(default=(), max_length=500)
    """Of an alert; what follows an emergency goes where that went."""
    text: str = ""
    """Typed words of an alert or a correction; or"""
    template: SlugText = ""
    """a prepared message, with"""
    slots: dict[SlugText, ShortText] = Field(default={}, max_length=20)
    follows: Annotated[str, Field(max_length=100)] = ""
    """The broadcast that is repeated, corrected or ended."""
    drill: bool = False
    pin: Annotated[str, Field(max_length=100, repr=False)] = ""
    """Where the commune asks for it."""

    def press(self) -> Press:
        """As the house knows it."""
        return Press(
            key=self.key,
            kind=self.kind,
            zones=self.zones,
            text=self.text,
            template=self.template,
            slots=self.slots,
            follows=self.follows,
            is_drill=self.drill,
        )


class EmergencyMade(BaseModel):
    """What came of a press: `raised` with its broadcast, or `waiting` for a second person to confirm `press`."""

    state: Literal["raised", "waiting"]
    press: str
    broadcast: str | None


class BoardZone(BaseModel):
    """A village the user may speak to."""

    slug: str
    name: str


class BoardMessage(BaseModel):
    """A prepared message as it is said with its slots left empty."""

    key: str
    title: str
    said: str
    needs_pin: bool


class BoardReply(BaseModel):
    """What the phone remembers for when there is no network: nothing secret but `csrf`, which it does not keep."""

    username: str
    csrf: str = Field(repr=False)
    zones: list[BoardZone]
    messages: list[BoardMessage]


class PoleReply(BaseModel):
    """An emergency at one pole."""

    node: str
    name: str
    step: PoleStep
    reason: str | None
    reason_text: str
    started_at: AwareDatetime | None


class ProgressReply(BaseModel):
    """An emergency pole by pole: it sounds or has sounded at `sounded` of `total`."""

    broadcast: str
    title: str
    state: BroadcastState
    reason: str | None
    is_drill: bool
    is_final: bool
    sounded: int
    total: int
    poles: list[PoleReply]
