"""A bulletin's parts as one string to be rendered: texts, and marks where a recorded clip goes.

It is what `Rendering.script` holds, so that a text is read anew (see `broadcast.rereading`) with its recorded parts in
their places. A mark is written with a private-use sign that nobody can type: `broadcast.typed_text` refuses it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_SIGN = "\ue000"
_MARK = re.compile(rf"{_SIGN}([0-9a-f]{{64}}){_SIGN}")


@dataclass(frozen=True, slots=True)
class ClipMark:
    """A clip of the store, by its SHA-256."""

    sha256: str


def join_said(parts: Iterable[str | ClipMark]) -> str:
    """The parts as one string; one text alone is itself."""
    return "\n\n".join(
        f"{_SIGN}{part.sha256}{_SIGN}" if isinstance(part, ClipMark) else part.replace(_SIGN, "") for part in parts
    )


def split_said(script: str) -> list[str | ClipMark]:
    """The parts again; texts that stood beside each other are one."""
    pieces = _MARK.split(script)
    parts: list[str | ClipMark] = []
    for place, piece in enumerate(pieces):
        if place % 2:
            parts.append(ClipMark(piece))
        elif text := piece.strip("\n"):
            parts.append(text)
    return parts
