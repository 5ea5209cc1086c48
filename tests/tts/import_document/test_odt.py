"""What an OpenDocument text holds beside plain paragraphs: nothing that is on the paper is lost, nothing told twice."""

from pathlib import Path

import pytest

from tests.tts.import_document.making import write_odt
from tts.import_document.paper import Draft, Limits
from tts.import_document.worker import StdoutDesk, read_document

LIST = (
    '<text:list-style style:name="L">'
    '<text:list-level-style-number text:level="1" style:num-format="I" style:num-suffix="."/>'
    '<text:list-level-style-number text:level="2" style:num-format="1" style:num-suffix="." text:display-levels="2"/>'
    '<text:list-level-style-number text:level="3" style:num-format="a" style:num-prefix="(" style:num-suffix=")" '
    'text:start-value="3"/></text:list-style>'
    '<text:list-style style:name="B"><text:list-level-style-bullet text:level="1"/>'
    '<text:list-level-style-number text:level="2" style:num-format=""/></text:list-style>'
)


def paragraph(text: str) -> str:
    return f"<text:p>{text}</text:p>"


def item(text: str, within: str = "", **more: int) -> str:
    start = "".join(f' text:{key.replace("_", "-")}="{value}"' for key, value in more.items())
    return f"<text:list-item{start}>{paragraph(text)}{within}</text:list-item>"


def listed(*items: str, style: str = "", more: str = "") -> str:
    named = f' text:style-name="{style}"' if style else ""
    return f"<text:list{named}{more}>{''.join(items)}</text:list>"


def read(content: str, folder: Path) -> Draft:
    write_odt(folder / "a.odt", content, styles=LIST)
    return read_document(folder / "a.odt", StdoutDesk(Limits(), folder))


def lines(draft: Draft) -> list[str]:
    return [line for line in draft.text.split("\n") if line]


GOES_ON = ' text:continue-numbering="true"'


TIME, PLACE = item("Giờ"), item("Nơi")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            listed(item("Giờ", listed(item("Sáng"), item("Chiều"))), PLACE, style="L"),
            ["I. Giờ", "I.1. Sáng", "I.2. Chiều", "II. Nơi"],
        ),
        (
            listed(TIME, style="L") + paragraph("Rồi") + listed(PLACE, style="L", more=GOES_ON),
            ["I. Giờ", "Rồi", "II. Nơi"],
        ),
        (listed(TIME, style="L") + paragraph("Rồi") + listed(PLACE, style="L"), ["I. Giờ", "Rồi", "I. Nơi"]),
        (listed(TIME, item("Nơi", start_value=5), item("Ai"), style="L"), ["I. Giờ", "V. Nơi", "VI. Ai"]),
        (
            listed(item("A", listed(item("B", listed(item("C"), item("D"))))), style="L"),
            ["I. A", "I.1. B", "(c) C", "(d) D"],
        ),
        (listed(item("Gậy", listed(item("Dây"))), style="B"), ["- Gậy", "Dây"]),
        (listed(item("Gậy") + f"<text:list-header>{paragraph('Thêm')}</text:list-header>"), ["- Gậy", "Thêm"]),
    ],
)
def test_lists_are_counted_as_they_are_shown(content: str, said: list[str], tmp_path: Path) -> None:
    assert lines(read(content, tmp_path)) == said


def test_text_boxes_follow_their_paragraph_and_notes_are_set_aside(tmp_path: Path) -> None:
    frame = f"<draw:frame><draw:text-box>{paragraph('Cấm tắm')}</draw:text-box></draw:frame>"
    shape = f"<draw:custom-shape>{paragraph('ở sông.')}</draw:custom-shape>"
    body = f"<text:note-body>{paragraph('Theo Nghị định.')}</text:note-body>"
    note = f"<text:note><text:note-citation>1</text:note-citation>{body}</text:note>"
    remark = f"<office:annotation>{paragraph('Sửa lại!')}</office:annotation>"
    hung = f"Họp {frame}<text:span>lúc{note}{shape}</text:span> 8h{remark}."
    cell = f"<table:table-cell>{paragraph(hung)}</table:table-cell>"
    draft = read(paragraph(hung) + f"<table:table><table:table-row>{cell}</table:table-row></table:table>", tmp_path)
    assert lines(draft) == ["Họp lúc 8h.", "Cấm tắm", "ở sông."] * 2
    assert [(part.kind.value, part.text) for part in draft.set_aside] == [("footnote", "Theo Nghị định.")] * 2


def test_a_cell_over_several_rows_is_told_with_each(tmp_path: Path) -> None:
    def cell(text: str, more: str = "") -> str:
        return f"<table:table-cell{more}>{paragraph(text)}</table:table-cell>"

    tall, covered = ' table:number-rows-spanned="2"', "<table:covered-table-cell/>"
    rows = (
        [cell("Thôn", tall), cell("Lịch", ' table:number-columns-spanned="2"'), covered],
        [covered, cell("Ngày"), cell("Giờ")],
        [cell("Đông"), cell("15/9", tall), cell("7h")],
        [cell("Tây"), covered, cell("14h")],
    )
    table = "".join(f"<table:table-row>{''.join(row)}</table:table-row>" for row in rows)
    draft = read(f"<table:table><table:table-header-rows>{table}</table:table-header-rows></table:table>", tmp_path)
    assert lines(draft) == ["Đông: ngày 15/9; giờ 7h.", "Tây: ngày 15/9; giờ 14h."]
