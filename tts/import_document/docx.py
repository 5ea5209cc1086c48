"""Word documents, by python-docx: paragraphs, tables, text boxes and notes in order, list marks, legacy fonts."""

from collections.abc import Iterator
from pathlib import Path
from zipfile import BadZipFile

import docx
from docx.document import Document
from docx.opc.exceptions import OpcError
from docx.oxml.ns import qn
from docx.oxml.parser import parse_xml
from docx.section import Section
from docx.text.paragraph import Paragraph
from lxml import etree

from tts.import_document.archive import check_archive
from tts.import_document.docx_lists import ListMarks, xml_of
from tts.import_document.docx_tree import TABLE, boxes_in, content_of, is_box, is_read, rows_of, within
from tts.import_document.fonts import Run, unicode_of
from tts.import_document.marks import part_columns
from tts.import_document.paper import Block, Desk, Table
from tts.import_document.refusals import Refused, refusal
from tts.import_document.texts import has_words

_SIGNS = {
    qn("w:tab"): "\t",
    qn("w:ptab"): "\t",
    qn("w:br"): "\n",
    qn("w:cr"): "\n",
    qn("w:noBreakHyphen"): "-",
    qn("w:softHyphen"): "\u00ad",  # in a font of TCVN3 the letter ư, as converters write it
}
_LINE = "\n"
_SCANNED = frozenset({"image/jpeg", "image/png"})
_NOTES = {qn("w:footnoteReference"): qn("w:footnote"), qn("w:endnoteReference"): qn("w:endnote")}


def read_docx(path: Path, desk: Desk) -> Iterator[Block | Table]:
    """The document's text. Its pages are not known: Word makes them when it prints.

    Raises:
        DocumentRefused: it is a bomb, locked or damaged.
    """
    check_archive(path, desk.limits)
    try:
        document = docx.Document(str(path))
        desk.progress(1, 1)
        reading = _Reading(document)
        for section in document.sections:
            yield from reading.margins(section)
        is_bare = True
        for found in reading.content(document.element.body):
            is_bare = is_bare and isinstance(found, Block) and not has_words(found.text)
            yield found
        if is_bare:
            yield from _pictures(document, desk)
    except (OpcError, BadZipFile, KeyError, ValueError, AttributeError, etree.LxmlError) as error:
        # python-docx's own errors for damaged files are few: most damage surfaces as one of these.
        raise refusal(Refused.BROKEN_FILE) from error


def _pictures(document: Document, desk: Desk) -> Iterator[Block | Table]:
    """What stands on the pictures of a document that is nothing but these: a scan that was put into Word."""
    from tts.import_document.ocr import read_picture  # noqa: PLC0415 - as the worker does: most have text
    from tts.import_document.pictures import open_pictures  # noqa: PLC0415

    named = dict.fromkeys(str(node.get(qn("r:embed"))) for node in document.element.body.iter(qn("a:blip")))
    parts = [part for name in named if (part := document.part.related_parts.get(name)) is not None]
    scans = [part for part in parts if part.content_type in _SCANNED][: desk.limits.max_pages]
    for page, part in enumerate(scans, start=1):
        desk.progress(page, len(scans))
        file = desk.folder / "picture"
        file.write_bytes(part.blob)
        for picture, _ in open_pictures(file, desk.limits):
            yield from read_picture(picture, page, desk)


class _Reading:
    """What is remembered from one paragraph to the next: the counters of lists, the fonts of styles, the notes."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._marks = ListMarks(document)
        self._default_font = _default_font(document)
        self._notes = _notes_of(document)

    def margins(self, section: Section) -> Iterator[Block]:
        """Headers and footers."""
        for margin in (section.header, section.first_page_header, section.footer, section.first_page_footer):
            if not margin.is_linked_to_previous:
                for line in self._lines_in(margin._element):  # noqa: SLF001 - the way to its content controls
                    yield Block(line, is_margin=True)

    def content(self, parent: etree._Element) -> Iterator[Block | Table]:
        """Paragraphs and tables below an element, each followed by the text boxes and the notes that hang on it."""
        for node in content_of(parent):
            if node.tag == TABLE:
                yield Table(tuple(self._rows(node)))
            else:
                yield from (Block(line) for line in self._lines(node))
                for box in boxes_in(node):
                    yield from self.content(box)
            for note in within(node, *_NOTES):
                key = (_NOTES[note.tag], str(note.get(qn("w:id"))))
                if key in self._notes:
                    yield from (Block(line, is_note=True) for line in self._lines_in(self._notes[key]))

    def _rows(self, table: etree._Element) -> Iterator[tuple[tuple[str, ...], ...]]:
        """The lines of each cell; one over several rows is read once, so that its lists are counted once."""
        read: dict[etree._Element, tuple[str, ...]] = {}
        for row in rows_of(table):
            read |= {cell: tuple(self._lines_in(cell)) for cell in row if cell is not None and cell not in read}
            yield tuple(() if cell is None else read[cell] for cell in row)

    def _lines_in(self, parent: etree._Element) -> Iterator[str]:
        """All lines below an element; of a table within it, a line for each row."""
        for node in content_of(parent):
            if node.tag == TABLE:
                for row in self._rows(node):
                    yield ", ".join(" ".join(cell) for cell in row if cell)
            else:
                yield from self._lines(node)
                for box in boxes_in(node):
                    yield from self._lines_in(box)

    def _lines(self, node: etree._Element) -> list[str]:
        """The paragraph's lines, parted where somebody pressed Shift and Enter."""
        paragraph = Paragraph(node, self._document)
        lines: list[list[Run]] = [[]]
        for text, font in self._runs(paragraph):
            first, *others = text.split(_LINE)
            lines[-1].append((first, font))
            lines += [[(other, font)] for other in others]
        texts = [text for line in lines for text in part_columns(unicode_of(line))]
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
            if is_box(node) or not is_read(node):
                continue
            if node.tag == qn("w:t"):
                runs.append((node.text or "", _font_of_run(node.getparent()) or style_font))
            elif node.tag in _SIGNS and node.getparent().tag == qn("w:r"):
                runs.append((_SIGNS[node.tag], _font_of_run(node.getparent()) or style_font))
            else:
                waiting.extend(reversed(node))
        return runs


def _notes_of(document: Document) -> dict[tuple[str, str], etree._Element]:
    """Footnotes and endnotes by kind and id; python-docx does not know them."""
    kinds = ("/footnotes", "/endnotes")
    parts = [one.target_part for one in document.part.rels.values() if one.reltype.endswith(kinds)]
    return {(str(note.tag), str(note.get(qn("w:id")))): note for part in parts for note in parse_xml(part.blob)}


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
