"""Bulletins from outside: what a source is, and what an item of one looks like. The format is ours: docs/sources.md.

It is not the exchange format of the ministry's dispatch 2455/BTTTT-TTCS, which we have not read.
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from broadcast.errors import InvalidInput
from broadcast.typed_text import MAX_EMERGENCY, MAX_SCRIPT, MAX_TITLE, clean_line, clean_text
from players.messages import Urgency

FORMAT = "loalang-item/1"
MAX_ITEM_BYTES = 128 * 1024
MAX_ITEMS = 200
"""Of one visit; further ones are read at the next."""
_MAX_ZONES = 200


class SourceUnreachable(Exception):
    """The source could not be read; the text says why, in Vietnamese."""


class BadItem(Exception):
    """An item that cannot be used; the text says why, in Vietnamese."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One item as it came: its bytes, or why they could not be had; `name` is the source's own name for it."""

    name: str
    data: bytes = b""
    problem: str = ""


class BulletinSource(Protocol):
    """Where bulletins come from. An implementation MUST bound what it reads and how long it waits."""

    async def fetch(self) -> Sequence[Parcel]:
        """What is there, at most `MAX_ITEMS`; the same item may be given again and again.

        Raises:
            SourceUnreachable: nothing could be read.
        """

    async def settle(self, parcel: Parcel, problem: str) -> None:
        """The parcel is in the database, as a bad one if there is a problem. It MAY be given no more.

        Raises:
            SourceUnreachable: what was to be noted at the source could not be.
        """


class Status(StrEnum):
    """What a source says of its item."""

    ACTIVE = "active"
    WITHDRAWN = "withdrawn"


class Item(BaseModel):
    """An item, checked. A withdrawn one needs no title and no text."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    format: Literal["loalang-item/1"]
    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$")]
    revision: int = Field(default=1, ge=1, le=1_000_000, strict=True)
    status: Status = Status.ACTIVE
    urgency: Urgency = Urgency.NORMAL
    title: str = ""
    text: str = ""
    zones: Annotated[tuple[str, ...], Field(max_length=_MAX_ZONES)] = ()
    expires_at: AwareDatetime | None = None


def read_item(data: bytes) -> Item:
    """An item from its JSON, its title and text as a person's typing would be.

    Raises:
        BadItem: it is no JSON, no item, or holds a text that cannot be used.
    """
    if len(data) > MAX_ITEM_BYTES:
        raise BadItem(f"Tin dài quá {MAX_ITEM_BYTES // 1024} KB.")
    try:
        item = Item.model_validate(load_json(data))
        if item.status is Status.WITHDRAWN:
            return item
        longest = MAX_EMERGENCY if item.urgency is Urgency.EMERGENCY else MAX_SCRIPT
        title = clean_line(item.title, "title", max_chars=MAX_TITLE)
        return item.model_copy(update={"title": title, "text": clean_text(item.text, "text", max_chars=longest)})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "tin"
        raise BadItem(f"Trường “{where}” không đúng định dạng {FORMAT}.") from error
    except InvalidInput as error:
        raise BadItem(f"Trường “{error.field}”: {error.message}") from error


def load_json(data: bytes) -> Any:
    """Some JSON in UTF-8.

    Raises:
        BadItem: it is none.
    """
    try:
        return json.loads(data.decode("utf-8"))
    # JSON that is nested thousands of times ends the parser's recursion.
    except (ValueError, RecursionError) as error:
        raise BadItem("Nội dung không phải JSON bằng UTF-8.") from error


def bad_name(data: bytes, name: str) -> str:
    """What an item is known by that has no id to be read: the same rubbish is told of once."""
    return "bad-" + hashlib.sha256(data or name.encode()).hexdigest()[:32]


def is_signed(data: bytes, signature: str, secret: str) -> bool:
    """Whether `signature` is the HMAC-SHA256 of the bytes by the shared secret, as `sha256=<hexadecimal>`."""
    wanted = "sha256=" + hmac.new(secret.encode(), data, hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted.encode(), signature.strip().encode())


def has_expired(expires_at: datetime | None, now: datetime) -> bool:
    """Whether it is too late for an item."""
    return expires_at is not None and expires_at <= now
