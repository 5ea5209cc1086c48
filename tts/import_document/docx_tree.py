"""What a Word document's XML holds at which depth: paragraphs and tables also in content controls and text boxes."""

from collections.abc import Iterator

from docx.oxml.ns import qn
from lxml import etree

PARAGRAPH = qn("w:p")
TABLE = qn("w:tbl")
_BOX = qn("w:txbxContent")
_CONTROL = qn("w:sdt")
_UNREAD = frozenset(
    {
        qn("w:del"),
        qn("w:moveFrom"),
        qn("w:pPr"),
        qn("w:sdtPr"),
        "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback",
    }
)
_WIDEST_SPAN = 63
"""A table of Word has no more columns."""


def is_read(node: etree._Element) -> bool:
    """Whether what is below an element is on the paper: not what was deleted, is hidden, or waits to be typed over."""
    if node.tag == _CONTROL:
        return node.find(f"{qn('w:sdtPr')}/{qn('w:showingPlcHdr')}") is None
    if node.tag == qn("w:r"):
        return not _is_on(node.find(f"{qn('w:rPr')}/{qn('w:vanish')}"))
    if node.tag == qn("w:tr"):
        return node.find(f"{qn('w:trPr')}/{qn('w:del')}") is None
    return node.tag not in _UNREAD


def _is_on(switch: etree._Element | None) -> bool:
    return switch is not None and switch.get(qn("w:val")) not in {"0", "false", "off"}


def within(parent: etree._Element, *tags: str) -> Iterator[etree._Element]:
    """The nearest elements of these kinds below another, in order, whatever they are wrapped in."""
    for node in parent:
        if node.tag in tags:
            if is_read(node):
                yield node
        elif is_read(node):
            yield from within(node, *tags)


def content_of(parent: etree._Element) -> Iterator[etree._Element]:
    """The paragraphs and tables of a body, a cell, a header or a text box."""
    return within(parent, PARAGRAPH, TABLE)


def boxes_in(paragraph: etree._Element) -> Iterator[etree._Element]:
    """The text boxes that hang on a paragraph."""
    return within(paragraph, _BOX)


def is_box(node: etree._Element) -> bool:
    """Whether an element is the inside of a text box: not of the line it hangs on."""
    return bool(node.tag == _BOX)


def rows_of(table: etree._Element) -> Iterator[list[etree._Element | None]]:
    """The cells of a table, row by row, each in its column.

    A cell over several columns is in the first of them, with None in the others; one over several rows is in each.
    """
    above: list[etree._Element | None] = []
    for row in within(table, qn("w:tr")):
        cells: list[etree._Element | None] = [None] * _number(row, "w:trPr/w:gridBefore", 0)
        for cell in within(row, qn("w:tc")):
            at, span = len(cells), _number(cell, "w:tcPr/w:gridSpan", 1)
            goes_on = cell.find(f"{qn('w:tcPr')}/{qn('w:vMerge')}")
            is_below = goes_on is not None and goes_on.get(qn("w:val")) != "restart"
            cells += [above[at] if is_below and at < len(above) else cell, *[None] * (span - 1)]
        yield cells
        above = cells


def _number(node: etree._Element, path: str, least: int) -> int:
    found = node.find("/".join(qn(name) for name in path.split("/")))
    text = str(found.get(qn("w:val"))) if found is not None else ""
    return min(max(int(text), least), _WIDEST_SPAN) if text.isascii() and text.isdigit() else least
