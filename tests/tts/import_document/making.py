"""Papers made for the tests as communes make them: by Word, OpenOffice, a printer, a scanner and a phone."""

import io
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import docx
import numpy as np
import pillow_heif
from docx.document import Document
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from fpdf import FPDF
from PIL import Image, ImageDraw, ImageFont

from tts.normalize.legacy import LegacyEncoding, convert_legacy

FONTS = Path("/usr/share/fonts/truetype")
SERIF = FONTS / "freefont" / "FreeSerif.ttf"
SANS = FONTS / "freefont" / "FreeSans.ttf"
DEJAVU = FONTS / "dejavu" / "DejaVuSans.ttf"
INK = 25

HEAD = (
    ("ỦY BAN NHÂN DÂN\nXÃ HÒA BÌNH AN", "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM\nĐộc lập - Tự do - Hạnh phúc"),
    ("Số: 112/TB-UBND", "Hòa Bình An, ngày 08 tháng 9 năm 2026"),
)
BODY = (
    "THÔNG BÁO",
    "Về việc tiêm phòng vắc xin dại cho đàn chó, mèo đợt 2 năm 2026",
    (
        "Thực hiện Kế hoạch số 45/KH-UBND ngày 20/8/2026 của UBND tỉnh về phòng, chống bệnh dại ở động vật, UBND xã "
        "Hòa Bình An thông báo lịch tiêm phòng cho đàn chó, mèo trên địa bàn xã như sau:"
    ),
)
SCHEDULE = (
    ("STT", "Thôn", "Thời gian", "Địa điểm"),
    ("1", "Thôn Đông", "7h30 ngày 15/9", "Nhà văn hóa"),
    ("2", "Thôn Tây", "14h ngày 15/9", "Sân kho cũ"),
)
SCHEDULE_READ = (
    "Thôn Đông: thời gian 7h30 ngày 15/9; địa điểm Nhà văn hóa.",
    "Thôn Tây: thời gian 14h ngày 15/9; địa điểm Sân kho cũ.",
)
CLOSING = "Đề nghị các hộ gia đình xích, nhốt chó, mèo và đưa đến điểm tiêm đúng giờ./."
FOOT = (
    "Nơi nhận:\n- TT Đảng ủy, HĐND xã (b/c);\n- Trưởng các thôn;\n- Lưu: VT.",
    "TM. ỦY BAN NHÂN DÂN\nKT. CHỦ TỊCH\nPHÓ CHỦ TỊCH\n\n(Đã ký)\n\nNguyễn Văn An",
)
KINDS_SET_ASIDE = {"agency", "number", "motto", "place-date", "recipients", "signature"}


def make_letter() -> Document:
    """An official notice: head and foot in tables without lines, the schedule in a table, a page number below."""
    document = docx.Document()
    fill_table(document, HEAD)
    for text in BODY:
        document.add_paragraph(text)
    fill_table(document, SCHEDULE, style="Table Grid")
    document.add_paragraph(CLOSING)
    fill_table(document, (FOOT,))
    add_page_number(document)
    return document


def fill_table(document: Document, rows: Sequence[Sequence[str]], style: str | None = None) -> None:
    table = document.add_table(len(rows), len(rows[0]), style=style)
    for cells, texts in zip(table.rows, rows, strict=True):
        for cell, text in zip(cells.cells, texts, strict=True):
            cell.text = ""
            for at, line in enumerate(text.split("\n")):
                (cell.paragraphs[0] if at == 0 else cell.add_paragraph()).add_run(line)


def add_page_number(document: Document) -> None:
    """ "Trang " and Word's own field, whose text Word keeps in the file."""
    paragraph = document.sections[0].footer.paragraphs[0]
    paragraph.add_run("Trang ")
    run = paragraph.add_run()
    for kind, text in (("begin", ""), ("instrText", " PAGE "), ("separate", ""), ("text", "1"), ("end", "")):
        if kind in {"instrText", "text"}:
            node = OxmlElement("w:instrText" if kind == "instrText" else "w:t")
            node.text = text
        else:
            node = OxmlElement("w:fldChar")
            node.set(qn("w:fldCharType"), kind)
        run._r.append(node)


def legacy(text: str, encoding: LegacyEncoding) -> str:
    """A text as it was typed before Unicode: each letter by what the conversion gives it back from."""
    units = _units(encoding)
    return "".join(units.get(char, char) for char in text)


def _units(encoding: LegacyEncoding) -> dict[str, str]:
    signs = [chr(code) for code in range(0xA1, 0x100)] + ["\u00ad"]
    letters = [*"aeiouyAEIOUYôöÔÖ"]
    written = signs + [letter + sign for letter in letters for sign in signs]
    found: dict[str, str] = {}
    for unit in written:
        read = convert_legacy(unit, encoding)
        if len(read) == 1 and read != unit:
            found.setdefault(read, unit)
    return found


def write_odt(path: Path, content: str, *, styles: str = "", more: Iterable[tuple[str, bytes]] = ()) -> None:
    """An OpenDocument text around the XML of its body."""
    names = " ".join(
        f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for prefix, name in (
            ("office", "office"),
            ("text", "text"),
            ("table", "table"),
            ("style", "style"),
            ("fo", "xsl-fo-compatible"),
            ("svg", "svg-compatible"),
            ("draw", "drawing"),
        )
    )
    document = (
        f"<?xml version='1.0'?><office:document-content {names}><office:automatic-styles>{styles}"
        f"</office:automatic-styles><office:body><office:text>{content}</office:text></office:body>"
        "</office:document-content>"
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr("content.xml", document)
        for name, body in more:
            archive.writestr(name, body)


class Sheet(FPDF):
    """A PDF in a font with Vietnamese letters."""

    def __init__(self) -> None:
        super().__init__(format="A4")
        self.add_font("serif", fname=SERIF)
        self.set_font("serif", size=13)
        self.set_margins(25, 20)


def write_pdf_letter(path: Path) -> None:
    """The notice as a PDF with text in it, on two pages."""
    pdf = Sheet()
    pdf.add_page()
    for left, right in HEAD:
        top = pdf.get_y()
        pdf.multi_cell(65, 7, left, align="C", new_x="RIGHT", new_y="TOP")
        pdf.set_xy(90, top)
        pdf.multi_cell(100, 7, right, align="C")
        pdf.set_y(top + 7 * (left.count("\n") + 1))
    pdf.ln(6)
    pdf.cell(0, 8, BODY[0], align="C", new_x="LMARGIN", new_y="NEXT")
    pdf.cell(0, 8, BODY[1], align="C", new_x="LMARGIN", new_y="NEXT")
    pdf.ln(4)
    pdf.multi_cell(0, 7, BODY[2], align="J", new_x="LMARGIN", new_y="NEXT")
    with pdf.table(width=160, first_row_as_headings=False) as table:
        for row in SCHEDULE:
            cells = table.row()
            for text in row:
                cells.cell(text)
    pdf.set_auto_page_break(auto=False)
    pdf.set_y(-20)
    pdf.cell(0, 8, "1", align="C")
    pdf.add_page()
    pdf.multi_cell(0, 7, CLOSING, new_x="LMARGIN", new_y="NEXT")
    pdf.ln(6)
    top = pdf.get_y()
    pdf.multi_cell(75, 6, FOOT[0], new_x="RIGHT", new_y="TOP")
    pdf.set_xy(105, top)
    pdf.multi_cell(80, 6, FOOT[1], align="C")
    pdf.set_y(-20)
    pdf.cell(0, 8, "2", align="C")
    pdf.output(str(path))


def print_page(
    text: str,
    font: Path,
    *,
    skew: float = 0.0,
    dpi: int = 150,
    points: float = 13,
    noise: float = 12,
    specks: float = 0.001,
    is_cut: bool = False,
) -> Image.Image:
    """A printed A4 page as a cheap scanner sees it: turned by `skew` degrees, grainy, with specks.

    `specks`: the share of black ones, and of white ones.
    `is_cut`: without the empty paper below, which takes long to read.
    """
    width, height = round(8.27 * dpi), round(11.69 * dpi)
    letters = ImageFont.truetype(font, round(points * dpi / 72))
    page = Image.new("L", (width, height), 255)
    draw = ImageDraw.Draw(page)
    top = round(0.8 * dpi)
    for line in wrapped(text, letters, width - round(1.8 * dpi)):
        draw.text((dpi, top), line, font=letters, fill=INK)
        top += round(points * 1.5 * dpi / 72)
    assert top < height - dpi / 2, "the text is too long for a page"
    page = page.crop((0, 0, width, min(height, top + 2 * dpi))) if is_cut else page
    turned = page.rotate(skew, Image.Resampling.BICUBIC, fillcolor=255)
    random = np.random.default_rng(1)
    seen = np.asarray(turned, dtype=np.float32) + random.normal(0, noise, turned.size[::-1])
    struck = random.random(seen.shape)
    seen[struck < specks] = 0
    seen[struck > 1 - specks] = 255
    return Image.fromarray(np.clip(seen, 0, 255).astype(np.uint8))


def wrapped(text: str, letters: ImageFont.FreeTypeFont, width: float) -> Iterable[str]:
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}".strip()
            if line and letters.getlength(longer) > width:
                yield line
                longer = word
            line = longer
        yield line


def as_phone_photo(page: Image.Image) -> Image.Image:
    """The page as a phone sees it on a table: a shadow across it."""
    light = np.linspace(1.0, 0.55, page.width, dtype=np.float32)[None, :]
    return Image.fromarray((np.asarray(page, dtype=np.float32) * light).astype(np.uint8)).convert("RGB")


def write_heic(path: Path, page: Image.Image) -> None:
    pillow_heif.from_pillow(page).save(path, quality=80)


def write_scan(path: Path, pages: Sequence[Image.Image]) -> None:
    """Pages as a scanner's PDF: pictures only."""
    pages[0].save(path, "PDF", resolution=150, save_all=True, append_images=list(pages[1:]))


def deflated(size: int) -> bytes:
    """A .docx whose one part unpacks to so many zeros."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("word/document.xml", "w") as part:
        for _ in range(size // 2**20):
            part.write(b"\0" * 2**20)
    return buffer.getvalue()
