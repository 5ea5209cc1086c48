"""What a Word document holds beside plain paragraphs: nothing that is on the paper is lost, nothing told twice."""

from pathlib import Path

import docx
import pytest
from docx.document import Document
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml import parse_xml

from tests.tts.import_document.making import fill_table
from tts.import_document.paper import Draft, Limits
from tts.import_document.worker import StdoutDesk, read_document

_SPACES = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:v="urn:schemas-microsoft-com:vml" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape"'
)
_FOOTNOTES = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"


def run(text: str, properties: str = "") -> str:
    return f"<w:r><w:rPr>{properties}</w:rPr><w:t>{text}</w:t></w:r>"


def paragraph(*runs: str) -> str:
    return f"<w:p>{''.join(runs)}</w:p>"


def control(content: str, properties: str = "") -> str:
    return f"<w:sdt><w:sdtPr>{properties}</w:sdtPr><w:sdtContent>{content}</w:sdtContent></w:sdt>"


def row(*cells: str) -> str:
    return f"<w:tr>{''.join(cells)}</w:tr>"


def cell(text: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{paragraph(run(text))}</w:tc>"


def add(document: Document, content: str) -> None:
    """Put XML at the document's end."""
    root = parse_xml(f"<w:body {_SPACES}>{content}</w:body>")
    for node in list(root):
        document.element.body[-1].addprevious(node)


def read(document: Document, folder: Path) -> Draft:
    document.save(str(folder / "a.docx"))
    return read_document(folder / "a.docx", StdoutDesk(Limits(), folder))


def lines(draft: Draft) -> list[str]:
    return [line for line in draft.text.split("\n") if line]


def test_what_stands_in_content_controls_is_read(tmp_path: Path) -> None:
    """Templates of offices are full of them: around paragraphs, words, rows and cells."""
    document = docx.Document()
    add(document, control(paragraph(run("Tiêm phòng tại thôn Đông ngày mùng ba."))))
    add(document, paragraph(run("Giờ tiêm: "), control(run("7 giờ 30"))))
    rows = row(control(cell("Thôn")), cell("Giờ")), control(row(cell("Đông"), control(cell("7h30"))))
    add(document, f"<w:tbl>{''.join(rows)}</w:tbl>")
    add(document, control(paragraph(run("Bấm vào đây để nhập văn bản.")), "<w:showingPlcHdr/>"))
    assert lines(read(document, tmp_path)) == [
        "Tiêm phòng tại thôn Đông ngày mùng ba.",
        "Giờ tiêm: 7 giờ 30",
        "Đông: giờ 7h30.",
    ]


def test_a_text_box_is_read_once_after_the_paragraph_it_hangs_on(tmp_path: Path) -> None:
    box = f"<w:txbxContent>{paragraph(run('Cấm tắm'))}{paragraph(run('ở sông Lam.'))}</w:txbxContent>"
    new = f"<mc:Choice Requires='wps'><wps:wsp><wps:txbx>{box}</wps:txbx></wps:wsp></mc:Choice>"
    old = f"<v:shape><v:textbox>{box}</v:textbox></v:shape>"
    both = (
        f"<w:r><mc:AlternateContent>{new}<mc:Fallback><w:pict>{old}</w:pict></mc:Fallback></mc:AlternateContent></w:r>"
    )
    for boxed in (both, f"<w:r><w:pict>{old}</w:pict></w:r>"):
        document = docx.Document()
        add(document, paragraph(run("Thông tin "), boxed, run("về mùa lũ.")))
        add(document, f"<w:tbl>{row(f'<w:tc>{paragraph(boxed)}</w:tc>')}</w:tbl>")
        assert lines(read(document, tmp_path)) == ["Thông tin về mùa lũ.", *["Cấm tắm", "ở sông Lam."] * 2]


def test_what_is_hidden_or_was_deleted_is_not_read(tmp_path: Path) -> None:
    document = docx.Document()
    add(document, paragraph(run("Họp lúc "), run("7h, sửa sau", "<w:vanish/>"), run("8h.", '<w:vanish w:val="0"/>')))
    add(
        document,
        f"<w:tbl>{row(cell('Đông'), cell('8h'))}{'<w:tr><w:trPr><w:del/></w:trPr>' + cell('Tây')}</w:tr></w:tbl>",
    )
    assert lines(read(document, tmp_path)) == ["Họp lúc 8h.", "Đông, 8h."]


@pytest.mark.parametrize("wide", ["\t", "\t\t", "      "])
def test_a_head_set_in_columns_by_tabs_or_spaces_is_parted(wide: str, tmp_path: Path) -> None:
    document = docx.Document()
    for columns in (
        ("UBND XÃ HÒA BÌNH AN", "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"),
        ("Số: 12/TB-UBND", "Độc lập - Tự do - Hạnh phúc"),
        ("Thôn Đông", "họp lúc 8h."),
        ("Nơi nhận:", "TM. ỦY BAN NHÂN DÂN"),
        ("- Các thôn;", "CHỦ TỊCH"),
        ("- Lưu: VT.", "Nguyễn Văn An"),
    ):
        document.add_paragraph(wide.join(columns))
    draft = read(document, tmp_path)
    assert lines(draft) == ["Thôn Đông họp lúc 8h."]
    assert [part.kind.value for part in draft.set_aside][:3] == ["agency", "motto", "number"]


def test_a_soft_hyphen_is_a_letter_in_a_font_of_before_unicode(tmp_path: Path) -> None:
    """In TCVN3 it is ư: LibreOffice writes it as an element when it converts a .doc."""
    document = docx.Document()
    for font, before, after in ((".VnTime", "nh", " sau"), ("Times New Roman", "Covi", "d")):
        fonts = f'<w:rFonts w:ascii="{font}"/>'
        hyphen = f"<w:r><w:rPr>{fonts}</w:rPr><w:softHyphen/></w:r>"
        add(document, paragraph(run(before, fonts), hyphen, run(after, fonts)))
    assert lines(read(document, tmp_path)) == ["như sau", "Covid"]


def test_a_footnote_is_set_aside_at_its_place(tmp_path: Path) -> None:
    document = docx.Document()
    referred = '<w:r><w:footnoteReference w:id="2"/></w:r>'
    add(document, paragraph(run("Mức đóng là 5 phần trăm"), referred, run(" lương cơ sở.")) + paragraph(run("Hết.")))
    note = f'<w:footnote w:id="2">{paragraph(run("Theo Nghị định của Chính phủ."))}</w:footnote>'
    notes = f"<w:footnotes {_SPACES}>{note}</w:footnotes>"
    part = Part(PackURI("/word/footnotes.xml"), _FOOTNOTES, notes.encode(), document.part.package)
    document.part.relate_to(part, RELATIONSHIP_TYPE.FOOTNOTES)
    draft = read(document, tmp_path)
    assert lines(draft) == ["Mức đóng là 5 phần trăm lương cơ sở.", "Hết."]
    assert [(part.kind.value, part.text, draft.text[: part.offset]) for part in draft.set_aside] == [
        ("footnote", "Theo Nghị định của Chính phủ.", "Mức đóng là 5 phần trăm lương cơ sở.")
    ]


def test_a_cell_over_several_rows_is_told_with_each(tmp_path: Path) -> None:
    document = docx.Document()
    fill_table(document, (("Ngày", "Thôn", "Giờ"), ("15/9", "Đông", "7h"), ("", "Tây", "14h")))
    table = document.tables[0]
    table.cell(1, 0).merge(table.cell(2, 0))
    assert lines(read(document, tmp_path)) == ["15/9: thôn Đông; giờ 7h.", "15/9: thôn Tây; giờ 14h."]


NUMBERING = (
    '<w:abstractNum w:abstractNumId="70"><w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="upperRoman"/>'
    '<w:lvlText w:val="%1."/></w:lvl><w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="decimal"/>'
    '<w:lvlText w:val="%1.%2."/></w:lvl></w:abstractNum>'
    '<w:abstractNum w:abstractNumId="71"><w:lvl w:ilvl="0"><w:start w:val="3"/><w:numFmt w:val="lowerLetter"/>'
    '<w:lvlText w:val="%1)"/></w:lvl></w:abstractNum>'
    '<w:num w:numId="70"><w:abstractNumId w:val="70"/></w:num><w:num w:numId="71"><w:abstractNumId w:val="70"/></w:num>'
    '<w:num w:numId="72"><w:abstractNumId w:val="70"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="1"/>'
    '</w:lvlOverride></w:num><w:num w:numId="73"><w:abstractNumId w:val="71"/></w:num>'
)


@pytest.mark.parametrize(
    ("items", "marks"),
    [
        ([(70, 0), (70, 0), (71, 0)], ["I.", "II.", "III."]),
        ([(70, 0), (70, 1), (70, 1), (70, 0), (70, 1)], ["I.", "I.1.", "I.2.", "II.", "II.1."]),
        ([(70, 0), (70, 0), (72, 0), (72, 0), (70, 0)], ["I.", "II.", "I.", "II.", "III."]),
        ([(73, 0), (73, 0)], ["c)", "d)"]),
        ([(0, 0), (99, 0)], ["", ""]),
    ],
)
def test_lists_are_counted_as_word_counts_them(items: list[tuple[int, int]], marks: list[str], tmp_path: Path) -> None:
    document = docx.Document()
    numbering = document.part.numbering_part.element
    made = parse_xml(f"<w:numbering {_SPACES}>{NUMBERING}</w:numbering>")
    for node in list(made):
        numbering.append(node)
    for number, depth in items:
        listed = f'<w:pPr><w:numPr><w:ilvl w:val="{depth}"/><w:numId w:val="{number}"/></w:numPr></w:pPr>'
        add(document, f"<w:p>{listed}{run('Việc.')}</w:p>")
    assert lines(read(document, tmp_path)) == [f"{mark} Việc.".strip() for mark in marks]
