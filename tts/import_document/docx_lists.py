"""The marks of Word's automatic lists, which stand in no text: "- ", "1.", "a)"."""

import re
from collections import defaultdict

from docx.document import Document
from docx.oxml.ns import qn
from docx.text.paragraph import Paragraph
from lxml import etree

_LEVEL = re.compile(r"%([1-9])")
_BULLET = "-"
_ROMAN = ((10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))


class ListMarks:
    """Counts through the lists of one document, paragraph by paragraph."""

    def __init__(self, document: Document) -> None:
        self._levels = _levels_of(document)
        self._counts: dict[str, list[int]] = defaultdict(lambda: [0] * 9)

    def next_mark(self, paragraph: Paragraph) -> str:
        """The mark before this paragraph; empty if it is in no list."""
        number, depth = _number_of(paragraph)
        level = self._levels.get((number, depth))
        if level is None:
            return ""
        kind, pattern = level
        if kind == "bullet":
            return _BULLET
        if kind == "none":
            return ""
        counts = self._counts[number]
        counts[depth] += 1
        counts[depth + 1 :] = [0] * (8 - depth)
        return _LEVEL.sub(lambda match: self._said(number, int(match[1]) - 1), pattern)

    def _said(self, number: str, depth: int) -> str:
        kind, _ = self._levels.get((number, depth), ("decimal", ""))
        count = max(1, self._counts[number][depth])
        if kind in {"lowerLetter", "upperLetter"}:
            letter = "abcdefghijklmnopqrstuvwxyz"[(count - 1) % 26]
            return letter.upper() if kind == "upperLetter" else letter
        return _roman(count) if kind in {"lowerRoman", "upperRoman"} else str(count)


def xml_of(paragraph: Paragraph) -> etree._Element:
    """The paragraph's element; python-docx documents this way for what it has no word for."""
    return paragraph._p  # noqa: SLF001


def _roman(count: int) -> str:
    said = ""
    for value, sign in _ROMAN:
        said += sign * (count // value)
        count %= value
    return said


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
            return _value(numbering, "w:numId"), int(_value(numbering, "w:ilvl") or 0)
    return "", 0


def _value(parent: etree._Element, name: str) -> str:
    found = parent.find(qn(name))
    return "" if found is None else str(found.get(qn("w:val")) or "")


def _levels_of(document: Document) -> dict[tuple[str, int], tuple[str, str]]:
    """Kind and pattern of each level of each list."""
    part = next((one.target_part for one in document.part.rels.values() if one.reltype.endswith("/numbering")), None)
    if part is None:
        return {}
    root = part.element
    kinds = {
        one.get(qn("w:abstractNumId")): {
            int(level.get(qn("w:ilvl")) or 0): (_value(level, "w:numFmt") or "decimal", _value(level, "w:lvlText"))
            for level in one.findall(qn("w:lvl"))
        }
        for one in root.findall(qn("w:abstractNum"))
    }
    return {
        (str(one.get(qn("w:numId"))), depth): level
        for one in root.findall(qn("w:num"))
        for depth, level in kinds.get(_value(one, "w:abstractNumId"), {}).items()
    }
