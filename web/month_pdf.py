"""A report as PDF: a heading, a line, tables, and room to sign. The one door to fpdf2."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from fpdf import FPDF
from fpdf.fonts import FontFace

from web.errors import Refusal

_FONTS = Path("/usr/share/fonts/truetype/dejavu")
"""Debian's fonts-dejavu-core: every letter of Vietnamese."""
_SHADE = (235, 235, 235)


def write_pdf(
    commune: str, title: str, summary: str, tables: Mapping[str, Sequence[Sequence[str]]], at: datetime
) -> bytes:
    """The report as a file.

    Args:
        commune: who reports.
        title: what.
        summary: the whole of it in a line.
        tables: by their headings; the first row of each names its columns.
        at: the day it is dated, in local time.

    Raises:
        Refusal: 503, the font is not installed on the server.
    """
    if not (_FONTS / "DejaVuSans.ttf").is_file():
        raise Refusal(503, "no-font", "Máy chủ thiếu phông chữ DejaVu. Hãy in trang này bằng trình duyệt.")
    pdf = FPDF(format="A4")
    pdf.set_title(title)
    pdf.set_lang("vi")
    pdf.add_font("DejaVu", "", _FONTS / "DejaVuSans.ttf")
    pdf.add_font("DejaVu", "B", _FONTS / "DejaVuSans-Bold.ttf")
    pdf.set_auto_page_break(auto=True, margin=18)
    pdf.add_page()
    _line(pdf, commune, 11, bold=True)
    _line(pdf, title, 15, bold=True)
    _line(pdf, summary, 10)
    for heading, rows in tables.items():
        _line(pdf, heading, 12, bold=True)
        _table(pdf, rows)
    _line(pdf, f"Ngày {at.day} tháng {at.month} năm {at.year}", 10, align="R")
    _line(pdf, "Người lập báo cáo                         Lãnh đạo xã", 10, bold=True, align="R")
    return bytes(pdf.output())


def _line(pdf: FPDF, text: str, size: int, *, bold: bool = False, align: str = "L") -> None:
    pdf.set_font("DejaVu", "B" if bold else "", size)
    pdf.multi_cell(0, size * 0.55, text, align=align, new_x="LMARGIN", new_y="NEXT")
    pdf.ln(2)


def _table(pdf: FPDF, rows: Sequence[Sequence[str]]) -> None:
    pdf.set_font("DejaVu", "", 9)
    others = len(rows[0]) - 1
    with pdf.table(
        text_align=("LEFT", *["RIGHT"] * others),
        col_widths=(3, *[1.6] * others),
        headings_style=FontFace(emphasis="B", fill_color=_SHADE),
    ) as table:
        for cells in rows:
            row = table.row()
            for cell in cells:
                row.cell(cell)
    pdf.ln(4)
