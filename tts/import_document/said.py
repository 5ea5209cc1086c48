"""What the process that reads a document says: one JSON object a line."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from tts.import_document.paper import Draft


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Turned(_Line):
    """This page is read now."""

    kind: Literal["turned"] = "turned"
    page: int
    pages: int


class Read(_Line):
    """The end: a draft."""

    kind: Literal["read"] = "read"
    draft: Draft


class NotRead(_Line):
    """The end: why there is none, in English for the terminal and in Vietnamese for the screen."""

    kind: Literal["not-read"] = "not-read"
    code: str
    english: str
    message: str


LINE: TypeAdapter[Turned | Read | NotRead] = TypeAdapter(Turned | Read | NotRead)
