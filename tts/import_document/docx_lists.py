"""The marks of Word's automatic lists, which stand in no text: "- ", "1.", "a)"."""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from docx.document import Document
from docx.oxml.ns import qn
from docx.text.paragraph import Paragraph
from lxml import etree

from tts.import_document.list_numbers import written_number

_LEVEL = re.compile(r"%([1-9])")
_BULLET = "-"
_DEPTHS = 9


@dataclass(frozen=True, slots=True)
class _Level:
    """How one depth of a list is counted: the kind of its numbers, what stands around them, the first of them."""

    kind: str = "decimal"
    pattern: str = ""
    start: int = 1


@dataclass(frozen=True, slots=True)
class _List:
    """A list as paragraphs name it. Lists of one `counter` go on counting, but for the depths that are `restarted`."""

    counter: str
    levels: Mapping[int, _Level]
    restarted: frozenset[int]

    def said(self, depth: int, count: int | None) -> str:
        """A number as it is written at that depth."""
        level = self.levels.get(depth, _Level())
        return written_number(level.kind, level.start if count is None else count)


class ListMarks:
    """Counts through the lists of one document, paragraph by paragraph."""

    def __init__(self, document: Document) -> None:
        self._lists = _lists_of(document)
        self._counts: dict[str, list[int | None]] = defaultdict(lambda: [None] * _DEPTHS)
        self._begun: set[str] = set()

    def next_mark(self, paragraph: Paragraph) -> str:
        """The mark before this paragraph; empty if it is in no list."""
        number, depth = _number_of(paragraph)
        found = self._lists.get(number)
        level = found.levels.get(depth) if found else None
        if found is None or level is None or level.kind == "none":
            return ""
        if level.kind == "bullet":
            return _BULLET
        counts = self._counts[found.counter]
        if number not in self._begun:
            self._begun.add(number)
            counts[:] = [None if at in found.restarted else count for at, count in enumerate(counts)]
        before = counts[depth]
        counts[depth] = level.start if before is None else before + 1
        counts[depth + 1 :] = [None] * (_DEPTHS - 1 - depth)
        return _LEVEL.sub(lambda match: found.said(int(match[1]) - 1, counts[int(match[1]) - 1]), level.pattern)


def xml_of(paragraph: Paragraph) -> etree._Element:
    """The paragraph's element; python-docx documents this way for what it has no word for."""
    return paragraph._p  # noqa: SLF001


def _number_of(paragraph: Paragraph) -> tuple[str, int]:
    """The list a paragraph is in, by itself or by its style, and how deep."""
    properties = [xml_of(paragraph).pPr]
    style = paragraph.style
    while style is not None:
        properties.append(style.element.find(qn("w:pPr")))
        style = style.base_style
    for found in properties:
        numbering = found.find(qn("w:numPr")) if found is not None else None
        if numbering is not None:
            return _value(numbering, "w:numId"), _number(_value(numbering, "w:ilvl"), 0)
    return "", 0


def _value(parent: etree._Element, name: str) -> str:
    found = parent.find(qn(name))
    return "" if found is None else str(found.get(qn("w:val")) or "")


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 5 else otherwise


def _lists_of(document: Document) -> dict[str, _List]:
    part = next((one.target_part for one in document.part.rels.values() if one.reltype.endswith("/numbering")), None)
    if part is None:
        return {}
    counters = {
        str(one.get(qn("w:abstractNumId"))): dict(map(_level, one.findall(qn("w:lvl"))))
        for one in part.element.findall(qn("w:abstractNum"))
    }
    return {
        str(one.get(qn("w:numId"))): _list(one, _value(one, "w:abstractNumId"), counters)
        for one in part.element.findall(qn("w:num"))
    }


def _level(level: etree._Element) -> tuple[int, _Level]:
    kind = _value(level, "w:numFmt") or "decimal"
    return _number(level.get(qn("w:ilvl")), 0), _Level(
        kind, _value(level, "w:lvlText"), _number(_value(level, "w:start"), 1)
    )


def _list(number: etree._Element, counter: str, counters: Mapping[str, Mapping[int, _Level]]) -> _List:
    """A list with what it has of its own at some depths."""
    levels = dict(counters.get(counter, {}))
    restarted = set()
    for own in number.findall(qn("w:lvlOverride")):
        depth = _number(own.get(qn("w:ilvl")), 0)
        whole, start = own.find(qn("w:lvl")), _value(own, "w:startOverride")
        if whole is not None:
            levels[depth] = _level(whole)[1]
        if start:
            levels[depth] = replace(levels.get(depth, _Level()), start=_number(start, 1))
            restarted.add(depth)
    return _List(counter, levels, frozenset(restarted))
