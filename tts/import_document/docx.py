"""Word documents, by python-docx: paragraphs and tables in order, list marks, legacy fonts run by run."""

from collections.abc import Iterator
from pathlib import Path
from zipfile import BadZipFile

import docx
from docx.document import Document
from docx.opc.exceptions import OpcError
from docx.oxml.ns import qn
from docx.section import Section
from docx.table import Table as DocxTable
from docx.table import _Cell
from docx.text.paragraph import Paragraph
from lxml import etree

from tts.import_document.archive import check_archive
from tts.import_document.docx_lists import ListMarks, xml_of
from tts.import_document.fonts import Run, unicode_of
from tts.import_document.paper import Block, Desk, Table
from tts.import_document.refusals import Refused, refusal
from tts.import_document.texts import tidy

_SKIPPED = frozenset(
    {
        qn("w:del"),
        qn("w:moveFrom"),
        qn("w:txbxContent"),
        qn("w:pPr"),
        "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback",
    }
)
_SIGNS = {qn("w:tab"): "\t", qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:noBreakHyphen"): "-"}
_LINE = "\n"


def read_docx(path: Path, desk: Desk) -> Iterator[Block | Table]:
    """The document's text. Its pages are not known: Word makes them when it prints.

    Raises:
        DocumentRefused: it is a bomb, locked or damaged.
    """
    check_archive(path, desk.limits)
    try:
        document = docx.Document(str(path))
    except (OpcError, BadZipFile, KeyError, ValueError, AttributeError, etree.LxmlError) as error:
        raise refusal(Refused.BROKEN_FILE) from error
    desk.progress(1, 1)
    for section in document.sections:
        yield from _margins(section)
    reading = _Reading(document)
    for content in document.iter_inner_content():
        if isinstance(content, DocxTable):
            yield reading.table(content)
        else:
            yield from (Block(line) for line in reading.lines(content))


def _margins(section: Section) -> Iterator[Block]:
    """Headers and footers; a page number is a field there, which has no text of its own."""
    kinds = (section.header, section.first_page_header, section.footer, section.first_page_footer)
    for margin in kinds:
        if not margin.is_linked_to_previous:
            for paragraph in margin.paragraphs:
                yield Block(
                    tidy("".join(node.text or "" for node in xml_of(paragraph).iter(qn("w:t")))), is_margin=True
                )


class _Reading:
    """What is remembered from one paragraph to the next: the counters of lists, and the fonts of styles."""

    def __init__(self, document: Document) -> None:
        self._marks = ListMarks(document)
        self._default_font = _default_font(document)

    def lines(self, paragraph: Paragraph) -> list[str]:
        """The paragraph's lines, parted where somebody pressed Shift and Enter."""
        runs = self._runs(paragraph)
        lines: list[list[Run]] = [[]]
        for text, font in runs:
            first, *others = text.split(_LINE)
            lines[-1].append((first, font))
            lines += [[(other, font)] for other in others]
        texts = [text for line in lines if (text := tidy(unicode_of(line)))]
        mark = self._marks.next_mark(paragraph)
        if mark and texts:
            texts[0] = f"{mark} {texts[0]}"
        return texts

    def _runs(self, paragraph: Paragraph) -> list[Run]:
        style_font = _font_of_style(paragraph) or self._default_font
        runs: list[Run] = []
        waiting = list(reversed(xml_of(paragraph)))
        while waiting:
            node = waiting.pop()
            if node.tag in _SKIPPED:
                continue
            if node.tag == qn("w:t"):
                runs.append((node.text or "", _font_of_run(node.getparent()) or style_font))
            elif node.tag in _SIGNS and node.getparent().tag == qn("w:r"):
                runs.append((_SIGNS[node.tag], style_font))
            else:
                waiting.extend(reversed(node))
        return runs

    def table(self, table: DocxTable) -> Table:
        """The table's cells; one that spans several is told once."""
        rows = []
        for row in table.rows:
            seen: set[int] = set()
            cells: list[tuple[str, ...]] = []
            for cell in row.cells:
                place = id(cell._tc)  # noqa: SLF001 - python-docx gives a new cell for each column it spans
                cells.append(() if place in seen else tuple(self._cell_lines(cell)))
                seen.add(place)
            rows.append(tuple(cells))
        return Table(tuple(rows))

    def _cell_lines(self, cell: _Cell) -> Iterator[str]:
        for content in cell.iter_inner_content():
            if isinstance(content, DocxTable):
                for row in self.table(content).rows:
                    yield ", ".join(" ".join(inner) for inner in row if inner)
            else:
                yield from self.lines(content)


def _font_of_run(run: etree._Element | None) -> str | None:
    properties = run.find(qn("w:rPr")) if run is not None else None
    return _font_in(properties)


def _font_in(properties: etree._Element | None) -> str | None:
    fonts = properties.find(qn("w:rFonts")) if properties is not None else None
    if fonts is None:
        return None
    named = (fonts.get(qn(f"w:{kind}")) for kind in ("ascii", "hAnsi", "cs"))
    return next((str(font) for font in named if font), None)


def _font_of_style(paragraph: Paragraph) -> str | None:
    style = paragraph.style
    while style is not None:
        if style.font.name:
            return str(style.font.name)
        style = style.base_style
    return None


def _default_font(document: Document) -> str | None:
    found = document.styles.element.find(f"{qn('w:docDefaults')}/{qn('w:rPrDefault')}/{qn('w:rPr')}")
    return _font_in(found)
