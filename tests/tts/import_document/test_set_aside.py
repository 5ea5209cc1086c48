"""What is set aside of papers as communes have them, and that nothing is of ordinary text."""

from pathlib import Path

import pytest

from tests.tts.import_document.making import legacy
from tests.tts.import_document.papers import DATA, read_golden
from tts.import_document.draft import guess_title, make_draft
from tts.import_document.marks import is_agency, is_motto, is_name, is_number, is_place_date, is_recipients
from tts.import_document.paper import AsideKind, Block
from tts.import_document.set_aside import judge
from tts.import_document.texts import tidy
from tts.normalize.legacy import LegacyEncoding

GOLDEN = sorted(DATA.glob("*.tsv"))
BULLETINS = sorted((DATA.parent / "bulletins").glob("*.txt"))


def test_there_are_layouts_enough() -> None:
    assert len(GOLDEN) >= 8
    assert len(BULLETINS) >= 10


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_layout(path: Path) -> None:
    rows = read_golden(path)
    marks = judge([Block(row.text, row.page) for row in rows])
    assert [(mark.value if mark else "read", row.text) for mark, row in zip(marks, rows, strict=True)] == [
        (row.kind, row.text) for row in rows
    ]


@pytest.mark.parametrize("path", BULLETINS, ids=lambda path: path.stem)
def test_ordinary_text_stays_whole(path: Path) -> None:
    lines = [" ".join(line.split()) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    draft = make_draft([Block(line) for line in lines], pages=1, warnings=(), max_script=20_000)
    assert draft.set_aside == ()
    assert [line for line in draft.text.split("\n") if line] == lines


def test_what_is_set_aside_keeps_its_place() -> None:
    rows = read_golden(DATA / "thong-bao.tsv")
    draft = make_draft([Block(row.text, row.page) for row in rows], pages=1, warnings=(), max_script=20_000)
    assert draft.title == "Thông báo về việc tiêm phòng vắc xin dại cho đàn chó, mèo đợt 2 năm 2026"
    head = [part for part in draft.set_aside if part.offset == 0]
    foot = [part for part in draft.set_aside if part.offset == len(draft.text)]
    assert [part.kind for part in head] == [
        AsideKind.AGENCY,
        AsideKind.NUMBER,
        AsideKind.MOTTO,
        AsideKind.PLACE_DATE,
    ]
    assert [part.kind for part in foot] == [AsideKind.RECIPIENTS, AsideKind.SIGNATURE]
    assert foot[1].text.splitlines()[-1] == "Nguyễn Văn An"
    assert len(head) + len(foot) == len(draft.set_aside)
    assert draft.text.startswith("THÔNG BÁO\n\nVề việc tiêm phòng")


@pytest.mark.parametrize(
    "page", [["Mời bà con họp lúc 8h."], ["Ủy ban nhân dân xã báo tin. " * 8], ["Kính gửi bà con", "Họp lúc 8h."]]
)
def test_pages_that_are_alike_are_read(page: list[str]) -> None:
    """A slip copied several times, a paper scanned twice: the page's one block is its own edge."""
    found = [Block(line.strip(), number) for number in (1, 2, 3) for line in page]
    assert judge(found) == [None] * len(found)


def test_a_long_paragraph_is_no_running_header_also_beside_other_text() -> None:
    paragraph = (
        "Căn cứ kế hoạch của Ủy ban nhân dân xã về việc tiêm phòng dại cho đàn chó, mèo trên địa bàn xã năm nay. " * 2
    )
    rows = ((1, paragraph), (1, "Thôn Đông họp."), (2, paragraph), (2, "Thôn Tây nghỉ."))
    assert judge([Block(text.strip(), page) for page, text in rows]) == [None] * 4


def test_what_is_too_long_for_a_bulletin_is_set_aside_whole_paragraphs_at_a_time() -> None:
    draft = make_draft([Block(f"Câu số {n}.") for n in range(10)], pages=1, warnings=(), max_script=40)
    assert draft.text == "Câu số 0.\n\nCâu số 1.\n\nCâu số 2."
    assert [(part.kind, part.text.count("\n"), part.offset) for part in draft.set_aside] == [
        (AsideKind.OVERFLOW, 6, len(draft.text))
    ]


@pytest.mark.parametrize("encoding", LegacyEncoding)
def test_a_paper_of_before_unicode_is_read_whole_also_where_no_font_tells(encoding: LegacyEncoding) -> None:
    """Its short lines cannot be judged by themselves, nor can a soft hyphen, which is ư in TCVN3."""
    rows = [
        "Số: 12/TB-UBND",
        "Nội dung họp",
        "Họp như sau:",
        "Kính mời bà con thôn Trung đến dự họp đúng giờ.",
        "Lưu: VT.",
    ]
    found = [Block(tidy(legacy(row, encoding))) for row in rows]
    draft = make_draft(found, pages=1, warnings=(), max_script=20_000)
    assert [line for line in draft.text.split("\n") if line] == rows


def test_a_soft_hyphen_in_unicode_is_no_letter() -> None:
    draft = make_draft([Block("Tiêm phòng Co\u00advid.")], pages=1, warnings=(), max_script=100)
    assert draft.text == "Tiêm phòng Covid."


@pytest.mark.parametrize(
    ("paragraphs", "title"),
    [
        (["THÔNG BÁO", "V/v ngừng cấp điện", "Nội dung."], "Thông báo về việc ngừng cấp điện"),
        (["GIẤY MỜI", "Dự hội nghị sơ kết quý III", "Kính gửi:"], "Giấy mời: Dự hội nghị sơ kết quý III"),
        (["V/v rà soát hộ nghèo.", "Kính gửi: Trưởng thôn."], "Về việc rà soát hộ nghèo"),
        (["KẾ HOẠCH TIÊM PHÒNG DẠI", "Căn cứ tình hình."], "KẾ HOẠCH TIÊM PHÒNG DẠI"),
        (["Thôn Đông họp lúc 19h.", "Mời bà con."], "Thôn Đông họp lúc 19h"),
        (["rất dài " * 40], "rất dài " * 14 + "rất dài…"),
        ([], ""),
    ],
)
def test_the_title_is_guessed(paragraphs: list[str], title: str) -> None:
    assert guess_title(paragraphs) == title


@pytest.mark.parametrize(
    "text", ["CỘNG HOÀ XÃ HỘI CHỦ NGHĨA VIỆT NAM", "ĐỘC LẬP-TỰ DO-HẠNH PHÚC", "Dộc lập - Tụ do - Hạnh phúc"]
)
def test_the_motto_is_known_also_when_misread(text: str) -> None:
    assert is_motto(text)


@pytest.mark.parametrize(
    ("judged", "is_so"),
    [
        (is_motto("Độc lập và tự do là mong ước của nhân dân ta từ bao đời"), False),
        (is_number("Số:      /GM-UBND"), True),
        (is_number("Số 31-GM/ĐU"), True),
        (is_number("Số điện thoại: 0530 222 333"), False),
        (is_number("Số 5/6 hộ đã nộp đủ tiền điện tháng 9 cho thôn"), False),
        (is_place_date("Hòa Bình An, ngày … tháng … năm 2026"), True),
        (is_place_date("Họp ngày 5 tháng 9 năm 2026 tại nhà văn hóa"), False),
        (is_agency("TRƯỜNG MẦM NON HOA SEN"), True),
        (is_agency("XÃ HÒA BÌNH AN thông báo lịch họp:"), False),
        (is_recipients("Nơi nhận: Nhà văn hóa thôn Đông"), False),
        (is_recipients("Nơi nhận quà: UBND xã"), False),
        (is_recipients("Nơi nhận: Như trên; Lưu VT."), True),
        (is_name("Nguyễn Thị Minh Khai"), True),
        (is_name("BS. Đỗ Thị Mai"), True),
        (is_name("Mời bà con"), False),
    ],
)  # fmt: skip
def test_a_line_is_judged(judged: bool, is_so: bool) -> None:
    assert judged is is_so
