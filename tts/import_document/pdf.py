"""PDF documents: their text by pdfplumber, pages that are only pictures by pdfium and tesseract."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pdfplumber
from pdfminer.pdfdocument import PDFPasswordIncorrect
from pdfminer.pdfexceptions import PDFException
from pdfminer.psexceptions import PSException
from pdfplumber.page import Page
from pdfplumber.table import Table as RuledTable
from pdfplumber.utils.exceptions import PdfminerException
from PIL import Image

from tts.import_document.fonts import unicode_of
from tts.import_document.lines import Segment, Word, blocks_of_page, rows_of, segments_of
from tts.import_document.ocr import read_picture
from tts.import_document.paper import Block, Desk, Table
from tts.import_document.refusals import Refused, refusal
from tts.import_document.texts import share_of_syllables, tidy

_DPI = 300
_MOST_PIXELS = 12_000_000
_FEWEST_LETTERS = 20
_READABLE = 0.45
"""Below this share of possible syllables the text layer is rubbish: letters drawn by a font that does not say which."""
_BAD_LAYER = "Trang {page}: chữ trong tệp PDF bị lỗi phông nên đã đọc lại từ hình ảnh. Hãy so lại với bản giấy."


def read_pdf(path: Path, desk: Desk) -> Iterator[Block | Table]:
    """The document's text, page by page.

    Raises:
        DocumentRefused: locked, damaged, or with more pages than allowed; or there is no tesseract for a scanned page.
    """
    try:
        with pdfplumber.open(path, unicode_norm=None) as document:
            pages = len(document.pages)
            if pages > desk.limits.max_pages:
                raise refusal(Refused.TOO_MANY_PAGES, found=pages, most=desk.limits.max_pages)
            if not pages:
                raise refusal(Refused.BROKEN_FILE)
            for number, page in enumerate(document.pages, start=1):
                desk.progress(number, pages)
                yield from _read_page(page, number, desk)
                page.close()
    except PdfminerException as error:
        is_locked = isinstance(error.args[0] if error.args else None, PDFPasswordIncorrect)
        raise refusal(Refused.ENCRYPTED if is_locked else Refused.BROKEN_FILE) from error
    except (PDFException, PSException, ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        # pdfminer's own errors for damaged files are few: most damage surfaces as one of these.
        raise refusal(Refused.BROKEN_FILE) from error


def _read_page(page: Page, number: int, desk: Desk) -> Iterator[Block | Table]:
    words = [_word(word) for word in page.extract_words(extra_attrs=["fontname"], keep_blank_chars=False)]
    text = " ".join(word.text for word in words)
    letters = sum(char.isalpha() for char in text)
    if letters < _FEWEST_LETTERS and (page.images or not letters):
        yield from read_picture(_drawn(page), number, desk)
    elif letters >= _FEWEST_LETTERS and share_of_syllables(text) < _READABLE:
        desk.warn("bad-text-layer", _BAD_LAYER.format(page=number), number)
        yield from read_picture(_drawn(page), number, desk)
    else:
        yield from _blocks(page, words, number)


def _word(found: dict[str, Any]) -> Word:
    text = unicode_of([(found["text"], found["fontname"])])
    return Word(text, found["x0"], found["x1"], found["top"], found["bottom"])


def _drawn(page: Page) -> Image.Image:
    """The page as a picture; of a giant page a smaller one."""
    inches = float(page.width) * float(page.height) / 72**2
    resolution = min(_DPI, int((_MOST_PIXELS / max(inches, 1e-3)) ** 0.5))
    return page.to_image(resolution=max(resolution, 1)).original.convert("L")


def _blocks(page: Page, words: list[Word], number: int) -> Iterator[Block | Table]:
    """Ruled tables by their rules, everything else by where it stands."""
    tables = [found for found in page.find_tables() if len(found.rows) > 1 and len(found.rows[0].cells) > 1]
    top = 0.0
    for table in sorted(tables, key=lambda found: float(found.bbox[1])):
        above = [word for word in words if top <= (word.top + word.bottom) / 2 < table.bbox[1]]
        yield from _flow(above, number)
        yield Table(tuple(_rows(table)), number)
        top = table.bbox[3]
    yield from _flow([word for word in words if (word.top + word.bottom) / 2 >= top], number)


def _rows(table: RuledTable) -> Iterator[tuple[tuple[str, ...], ...]]:
    """The lines of each cell; one over several rows is told with each of them."""
    held: dict[int, tuple[float, tuple[str, ...]]] = {}
    for row, texts in zip(table.rows, table.extract(), strict=True):
        for column, (box, text) in enumerate(zip(row.cells, texts, strict=True)):
            bottom, _ = held.get(column, (0.0, ()))
            if box is not None:
                held[column] = float(box[3]), _cell(text)
            elif bottom <= row.bbox[1] + 1:  # it belongs to the cell on its left
                held[column] = 0.0, ()
        yield tuple(held[column][1] for column in range(len(row.cells)))


def _cell(text: str | None) -> tuple[str, ...]:
    return tuple(line for part in (text or "").split("\n") if (line := tidy(part)))


def _flow(words: list[Word], number: int) -> Iterator[Block | Table]:
    rows = rows_of(Segment((word,)) for word in words)
    lines = ([word for segment in row for word in segment.words] for row in rows)
    yield from blocks_of_page([segment for line in lines for segment in segments_of(line)], number)
