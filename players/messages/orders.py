"""What a node is told to do, once and at once."""

from typing import Annotated, Literal, Self

from pydantic import (
    AwareDatetime,
    Field,
    model_validator,
)

from players.messages.parts import MOST_CARDS, ClipRef, CuedBroadcast, Id, Message, Slug


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


AnyOrder = Annotated[Play | Stop, Field(discriminator="kind")]
