"""OpenDocument texts, by their XML: paragraphs, lists, tables, text boxes and notes in order, legacy fonts by span."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from tts.import_document.archive import check_archive, parse_xml
from tts.import_document.fonts import Run, unicode_of
from tts.import_document.marks import part_columns
from tts.import_document.odt_lists import OdtMarks
from tts.import_document.odt_names import name, number_of
from tts.import_document.paper import Block, Desk, Table
from tts.import_document.refusals import Refused, refusal

_MOST_REPEATED = 50
_MOST_COUNTED = 9999
_SIGNS = {name("text:tab"): "\t", name("text:line-break"): "\n"}
_NOTE = name("text:note")
_LIST = name("text:list")
_TABLE = name("table:table")
_ROW = name("table:table-row")
_UNREAD = frozenset({name("office:annotation"), name("text:tracked-changes")})
_PARAGRAPHS = frozenset({name("text:p"), name("text:h")})
_DRAWN = f"{{{etree.QName(name('draw:frame')).namespace}}}"


def read_odt(path: Path, desk: Desk) -> Iterator[Block | Table]:
    """The document's text. Its pages are not known.

    Raises:
        DocumentRefused: it is a bomb, locked or damaged.
    """
    check_archive(path, desk.limits)
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if "META-INF/manifest.xml" in names and b":encryption-data" in archive.read("META-INF/manifest.xml"):
                raise refusal(Refused.ENCRYPTED)
            content = parse_xml(archive.read("content.xml"))
            styles = parse_xml(archive.read("styles.xml")) if "styles.xml" in names else None
    except (zipfile.BadZipFile, KeyError, EOFError, OSError, ValueError) as error:
        raise refusal(Refused.BROKEN_FILE) from error
    body = content.find(f"{name('office:body')}/{name('office:text')}")
    if body is None:
        raise refusal(Refused.BROKEN_FILE)
    desk.progress(1, 1)
    reading = _Reading([root for root in (styles, content) if root is not None])
    if styles is not None:
        yield from reading.margins(styles)
    yield from reading.blocks(body)


class _Reading:
    """What is remembered from one paragraph to the next: the counters of lists, and the fonts of styles."""

    def __init__(self, roots: list[etree._Element]) -> None:
        self._marks = OdtMarks(roots)
        self._fonts: dict[str, str] = {}
        self._parents: dict[str, str] = {}
        for root in roots:
            families = {
                str(face.get(name("style:name"))): _bare(face.get(name("svg:font-family")))
                for face in root.iter(name("style:font-face"))
            }
            for style in root.iter(name("style:style")):
                self._keep(style, families)

    def _keep(self, style: etree._Element, families: dict[str, str]) -> None:
        own = str(style.get(name("style:name")))
        self._parents[own] = str(style.get(name("style:parent-style-name")) or "")
        properties = style.find(name("style:text-properties"))
        if properties is not None:
            face = str(properties.get(name("style:font-name")) or "")
            font = families.get(face) or face or _bare(properties.get(name("fo:font-family")))
            if font:
                self._fonts[own] = font

    def _font(self, style: str | None) -> str | None:
        for _ in range(_MOST_REPEATED):
            if not style or style in self._fonts:
                break
            style = self._parents.get(style)
        return self._fonts.get(style or "")

    def margins(self, styles: etree._Element) -> Iterator[Block]:
        """Headers and footers of the pages."""
        for kind in ("style:header", "style:footer"):
            for margin in styles.iter(name(kind)):
                for line in self._lines_in(margin):
                    yield Block(line, is_margin=True)

    def blocks(self, parent: etree._Element) -> Iterator[Block | Table]:
        """Paragraphs, list items and tables below an element, in order."""
        for node in parent:
            if node.tag in _PARAGRAPHS:
                yield from self._paragraph(node)
            elif node.tag == _LIST:
                style = str(node.get(name("text:style-name")) or "")
                goes_on = node.get(name("text:continue-numbering")) == "true" or node.get(name("text:continue-list"))
                self._marks.begin(style, goes_on=bool(goes_on))
                yield from self._items(node, style, 0)
            elif node.tag == _TABLE:
                yield Table(tuple(self._rows(node)) or ((),))
                for note in node.iter(_NOTE):
                    yield from self._note(note)
            elif node.tag not in _UNREAD:
                yield from self.blocks(node)

    def _paragraph(self, node: etree._Element) -> Iterator[Block | Table]:
        """Its lines, then the text boxes and the notes that hang on it."""
        yield from (Block(line) for line in self._lines(node))
        for hung in _hung_on(node):
            if hung.tag == _NOTE:
                yield from self._note(hung)
            else:
                yield from self.blocks(hung)

    def _note(self, note: etree._Element) -> Iterator[Block]:
        yield from (Block(line, is_note=True) for line in self._lines_in(note))

    def _items(self, parent: etree._Element, style: str, depth: int) -> Iterator[Block | Table]:
        for item in parent:
            waits = item.tag == name("text:list-item")
            for node in item:
                if node.tag == _LIST:
                    waits = False
                    yield from self._items(node, str(node.get(name("text:style-name")) or style), depth + 1)
                elif node.tag in _PARAGRAPHS:
                    start = number_of(item, "text:start-value", -1, _MOST_COUNTED)
                    mark = self._marks.next_mark(style, depth, None if start < 0 else start) if waits else ""
                    waits = False
                    yield from _marked(mark, self._paragraph(node))

    def _rows(self, table: etree._Element) -> Iterator[tuple[tuple[str, ...], ...]]:
        """The lines of each cell; one over several rows is told with each of them."""
        below: dict[int, tuple[int, tuple[str, ...]]] = {}
        for row in _nearest(table, _ROW):
            cells: list[tuple[str, ...]] = []
            for cell in row:
                repeated = number_of(cell, "table:number-columns-repeated", 1, _MOST_REPEATED)
                if cell.tag == name("table:table-cell"):
                    lines = tuple(self._lines_in(cell))
                    below[len(cells)] = number_of(cell, "table:number-rows-spanned", 1, _MOST_COUNTED) - 1, lines
                    cells += [lines] * repeated
                elif cell.tag == name("table:covered-table-cell"):
                    for _ in range(repeated):
                        left, lines = below.get(len(cells), (0, ()))
                        below[len(cells)] = left - 1, lines
                        cells.append(lines if left > 0 else ())
            yield tuple(cells)

    def _lines_in(self, parent: etree._Element) -> Iterator[str]:
        """All lines below an element but its notes; of a table within it, a line for each row."""
        for found in self.blocks(parent):
            if isinstance(found, Table):
                yield from (", ".join(" ".join(cell) for cell in row if cell) for row in found.rows)
            elif not found.is_note:
                yield found.text

    def _lines(self, paragraph: etree._Element) -> list[str]:
        runs = list(self._runs(paragraph, self._font(paragraph.get(name("text:style-name")))))
        lines: list[list[Run]] = [[]]
        for text, font in runs:
            first, *others = text.split("\n")
            lines[-1].append((first, font))
            lines += [[(other, font)] for other in others]
        return [text for line in lines for text in part_columns(unicode_of(line))]

    def _runs(self, node: etree._Element, font: str | None) -> Iterator[Run]:
        if node.text:
            yield node.text.replace("\n", " "), font
        for child in node:
            if child.tag in _SIGNS:
                yield _SIGNS[child.tag], font
            elif child.tag == name("text:s"):
                yield " " * number_of(child, "text:c", 1, _MOST_REPEATED), font
            elif isinstance(child.tag, str) and not _hangs(child):
                yield from self._runs(child, self._font(child.get(name("text:style-name"))) or font)
            if child.tail:
                yield child.tail.replace("\n", " "), font


def _marked(mark: str, found: Iterator[Block | Table]) -> Iterator[Block | Table]:
    """A list item's mark before its first line."""
    for one in found:
        if mark and isinstance(one, Block):
            yield Block(f"{mark} {one.text}")
            mark = ""
        else:
            yield one


def _hangs(node: etree._Element) -> bool:
    """Whether what is below an element does not stand on the line where the element is."""
    return node.tag in _UNREAD or node.tag == _NOTE or node.tag.startswith(_DRAWN)


def _hung_on(node: etree._Element) -> Iterator[etree._Element]:
    """The drawings and notes of a paragraph."""
    for child in node:
        if not isinstance(child.tag, str):
            continue
        if not _hangs(child):
            yield from _hung_on(child)
        elif child.tag not in _UNREAD:
            yield child


def _nearest(parent: etree._Element, tag: str) -> Iterator[etree._Element]:
    for node in parent:
        if node.tag == tag:
            yield node
        else:
            yield from _nearest(node, tag)


def _bare(family: str | None) -> str:
    return (family or "").strip("'\" ")
