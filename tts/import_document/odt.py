"""OpenDocument texts, by their XML: paragraphs, lists and tables in order, legacy fonts span by span."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from tts.import_document.archive import check_archive, parse_xml
from tts.import_document.fonts import Run, unicode_of
from tts.import_document.paper import Block, Desk, Table
from tts.import_document.refusals import Refused, refusal
from tts.import_document.texts import tidy

_OASIS = "urn:oasis:names:tc:opendocument:xmlns:"
_NAMES = {
    "office": f"{_OASIS}office:1.0",
    "text": f"{_OASIS}text:1.0",
    "table": f"{_OASIS}table:1.0",
    "style": f"{_OASIS}style:1.0",
    "fo": f"{_OASIS}xsl-fo-compatible:1.0",
}
_MOST_REPEATED = 50


def _name(short: str) -> str:
    prefix, _, local = short.partition(":")
    return f"{{{_NAMES[prefix]}}}{local}"


_SIGNS = {_name("text:tab"): "\t", _name("text:line-break"): "\n"}
_SKIPPED = frozenset({_name("office:annotation"), _name("text:note"), _name("text:tracked-changes")})
_PARAGRAPHS = frozenset({_name("text:p"), _name("text:h")})


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
    body = content.find(f"{_name('office:body')}/{_name('office:text')}")
    if body is None:
        raise refusal(Refused.BROKEN_FILE)
    desk.progress(1, 1)
    reading = _Reading([root for root in (styles, content) if root is not None])
    if styles is not None:
        yield from reading.margins(styles)
    yield from reading.blocks(body)


class _Reading:
    """The fonts that the document's styles name."""

    def __init__(self, roots: list[etree._Element]) -> None:
        self._fonts: dict[str, str] = {}
        self._parents: dict[str, str] = {}
        for root in roots:
            families = {
                str(face.get(_name("style:name"))): _bare(face.get(f"{{{_OASIS}svg-compatible:1.0}}font-family"))
                for face in root.iter(_name("style:font-face"))
            }
            for style in root.iter(_name("style:style")):
                self._keep(style, families)

    def _keep(self, style: etree._Element, families: dict[str, str]) -> None:
        name = str(style.get(_name("style:name")))
        self._parents[name] = str(style.get(_name("style:parent-style-name")) or "")
        properties = style.find(_name("style:text-properties"))
        if properties is not None:
            face = str(properties.get(_name("style:font-name")) or "")
            font = families.get(face) or face or _bare(properties.get(_name("fo:font-family")))
            if font:
                self._fonts[name] = font

    def _font(self, style: str | None) -> str | None:
        for _ in range(_MOST_REPEATED):
            if not style or style in self._fonts:
                break
            style = self._parents.get(style)
        return self._fonts.get(style or "")

    def margins(self, styles: etree._Element) -> Iterator[Block]:
        """Headers and footers of the pages."""
        for kind in ("style:header", "style:footer"):
            for margin in styles.iter(_name(kind)):
                for line in self._lines_in(margin):
                    yield Block(line, is_margin=True)

    def blocks(self, parent: etree._Element) -> Iterator[Block | Table]:
        """Paragraphs, list items and tables below an element, in order."""
        for node in parent:
            if node.tag in _PARAGRAPHS:
                yield from (Block(line) for line in self._lines(node))
            elif node.tag == _name("text:list"):
                yield from (Block(line) for line in self._items(node))
            elif node.tag == _name("table:table"):
                yield self._table(node)
            elif node.tag not in _SKIPPED:
                yield from self.blocks(node)

    def _items(self, parent: etree._Element) -> Iterator[str]:
        for item in parent.findall(_name("text:list-item")):
            mark = "- "
            for node in item:
                if node.tag in _PARAGRAPHS:
                    for line in self._lines(node):
                        yield mark + line
                        mark = ""
                elif node.tag == _name("text:list"):
                    yield from self._items(node)

    def _table(self, table: etree._Element) -> Table:
        rows = []
        for row in table.iter(_name("table:table-row")):
            cells: list[tuple[str, ...]] = []
            for cell in row:
                if cell.tag in {_name("table:table-cell"), _name("table:covered-table-cell")}:
                    repeated = int(cell.get(_name("table:number-columns-repeated")) or 1)
                    cells += [tuple(self._lines_in(cell))] * min(repeated, _MOST_REPEATED)
            rows.append(tuple(cells))
        return Table(tuple(rows) or ((),))

    def _lines_in(self, parent: etree._Element) -> Iterator[str]:
        for node in parent.iter(*_PARAGRAPHS):
            yield from self._lines(node)

    def _lines(self, paragraph: etree._Element) -> list[str]:
        runs = list(self._runs(paragraph, self._font(paragraph.get(_name("text:style-name")))))
        lines: list[list[Run]] = [[]]
        for text, font in runs:
            first, *others = text.split("\n")
            lines[-1].append((first, font))
            lines += [[(other, font)] for other in others]
        return [text for line in lines if (text := tidy(unicode_of(line)))]

    def _runs(self, node: etree._Element, font: str | None) -> Iterator[Run]:
        if node.text:
            yield node.text.replace("\n", " "), font
        for child in node:
            if child.tag in _SIGNS:
                yield _SIGNS[child.tag], font
            elif child.tag == _name("text:s"):
                yield " ", font
            elif child.tag not in _SKIPPED and isinstance(child.tag, str):
                yield from self._runs(child, self._font(child.get(_name("text:style-name"))) or font)
            if child.tail:
                yield child.tail.replace("\n", " "), font


def _bare(family: str | None) -> str:
    return (family or "").strip("'\" ")
