"""The marks of OpenDocument's lists, which stand in no text: "- ", "1.", "a)"."""

from collections.abc import Iterable
from dataclasses import dataclass

from lxml import etree

from tts.import_document.list_numbers import written_number
from tts.import_document.odt_names import name, number_of

_BULLET = "-"
_DEPTHS = 10
_MOST = 9999
_KINDS = {"a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman", "1": "decimal"}


@dataclass(frozen=True, slots=True)
class _Level:
    """How one depth of a list is counted; without a kind it is a bullet, with an empty one it has no mark.

    `shown` is how many depths its mark shows: 2 in "1.2.".
    """

    kind: str | None = None
    before: str = ""
    after: str = ""
    start: int = 1
    shown: int = 1


class OdtMarks:
    """Counts through the lists of one document, item by item."""

    def __init__(self, roots: Iterable[etree._Element]) -> None:
        self._levels: dict[tuple[str, int], _Level] = {}
        self._counts: dict[str, list[int | None]] = {}
        for root in roots:
            for style in root.iter(name("text:list-style")):
                for level in style:
                    depth = number_of(level, "text:level", 1, _DEPTHS) - 1
                    self._levels[str(style.get(name("style:name"))), depth] = _level(level)

    def begin(self, style: str, *, goes_on: bool) -> None:
        """A list that is in no other begins."""
        if not goes_on:
            self._counts[style] = [None] * _DEPTHS

    def next_mark(self, style: str, depth: int, start: int | None) -> str:
        """The mark of the next item.

        Args:
            style: of the list.
            depth: how many lists this one is in.
            start: what the item itself says that it counts.
        """
        depth = min(depth, _DEPTHS - 1)
        level = self._levels.get((style, depth), _Level())
        if not level.kind:
            return _BULLET if level.kind is None else ""
        counts = self._counts.setdefault(style, [None] * _DEPTHS)
        before = counts[depth]
        counts[depth] = start if start is not None else level.start if before is None else before + 1
        counts[depth + 1 :] = [None] * (_DEPTHS - 1 - depth)
        shown = [self._said(style, at, counts[at]) for at in range(max(0, depth + 1 - level.shown), depth + 1)]
        return level.before + ".".join(shown) + level.after

    def _said(self, style: str, depth: int, count: int | None) -> str:
        level = self._levels.get((style, depth), _Level())
        return written_number(_KINDS.get(level.kind or "", "decimal"), level.start if count is None else count)


def _level(level: etree._Element) -> _Level:
    if level.tag != name("text:list-level-style-number"):
        return _Level()
    return _Level(
        kind=str(level.get(name("style:num-format")) or ""),
        before=str(level.get(name("style:num-prefix")) or ""),
        after=str(level.get(name("style:num-suffix")) or ""),
        start=number_of(level, "text:start-value", 1, _MOST),
        shown=number_of(level, "text:display-levels", 1, _DEPTHS),
    )
