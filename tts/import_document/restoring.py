"""Bringing a part that was set aside back into a text, edited or not, and putting it aside again. Pure.

Nothing is remembered between: a part is in the text when its lines stand there, one after another.
"""

from collections.abc import Sequence
from itertools import groupby

from tts.import_document.paper import SetAside


def is_back(script: str, part: SetAside) -> bool:
    """Whether the part stands in the text, line for line."""
    return _find(_lines(script), _lines(part.text)) is not None


def bring_back(script: str, text: str, parts: Sequence[SetAside], index: int) -> str:
    """The text with that part at its place: next to what it stood next to on paper, as far as that is still there.

    Args:
        script: The text as it is now.
        text: The text as it was read.
        parts: All that was set aside, in order.
        index: Which of them comes back.
    """
    order = _order(text, parts)
    place = order.index(index)
    lines = script.replace("\r\n", "\n").split("\n")
    at = _place(
        lines, [_shown(one, parts) for one in order[:place]], [_shown(one, parts) for one in order[place + 1 :]]
    )
    before, after = "\n".join(lines[:at]).strip("\n"), "\n".join(lines[at:]).strip("\n")
    return "\n\n".join(piece for piece in (before, parts[index].text, after) if piece)


def put_aside(script: str, part: SetAside) -> str:
    """The text without that part; as it is when the part does not stand in it."""
    lines = script.replace("\r\n", "\n").split("\n")
    filled = [at for at, line in enumerate(lines) if line.strip()]
    wanted = _lines(part.text)
    found = _find([lines[at].strip() for at in filled], wanted)
    if found is None:
        return script
    begin, end = filled[found], filled[found + len(wanted) - 1] + 1
    before, after = "\n".join(lines[:begin]).rstrip("\n"), "\n".join(lines[end:]).lstrip("\n")
    return "\n\n".join(piece for piece in (before, after) if piece)


def _order(text: str, parts: Sequence[SetAside]) -> list[str | int]:
    """The paper from its beginning to its end: lines that were read, and the numbers of parts that were not."""
    order: list[str | int] = []
    done = 0
    for offset, indices in groupby(range(len(parts)), lambda index: parts[index].offset):
        order += _lines(text[done:offset])
        order += indices
        done = offset
    return order + list(_lines(text[done:]))


def _shown(one: str | int, parts: Sequence[SetAside]) -> list[str]:
    return [one] if isinstance(one, str) else _lines(parts[one].text)


def _place(lines: Sequence[str], above: Sequence[list[str]], below: Sequence[list[str]]) -> int:
    """Before which line of the text it belongs."""
    stripped = [line.strip() for line in lines]
    for neighbour in reversed(above):
        if (at := _find_last(stripped, neighbour[-1])) is not None:
            return at + 1
    for neighbour in below:
        if neighbour[0] in stripped:
            return stripped.index(neighbour[0])
    return len(lines) if above else 0


def _find_last(lines: Sequence[str], wanted: str) -> int | None:
    return next((at for at in range(len(lines) - 1, -1, -1) if lines[at] == wanted), None)


def _find(lines: Sequence[str], wanted: Sequence[str]) -> int | None:
    last = len(lines) - len(wanted)
    return next((at for at in range(last + 1) if list(lines[at : at + len(wanted)]) == list(wanted)), None)


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
