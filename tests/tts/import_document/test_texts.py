"""Lines joined into paragraphs, cells into sentences, words at their places into lines."""

import pytest

from tts.import_document.lines import Segment, Word, blocks_of_page, segments_of
from tts.import_document.paper import Block, Table
from tts.import_document.tables import lay_out
from tts.import_document.texts import continues, even_capitals, join_lines, tidy


@pytest.mark.parametrize(
    ("above", "below", "joined"),
    [
        ("bàn việc làm đường bê tông và", "thu quỹ thôn", "bàn việc làm đường bê tông và thu quỹ thôn"),
        ("tiêm vắc xin phòng co-", "vid", "tiêm vắc xin phòng covid"),
        ("theo Quyết định số 5/QĐ-", "UBND", "theo Quyết định số 5/QĐ-UBND"),
        ("đường Hà Nội -", "hải Phòng", "đường Hà Nội - hải Phòng"),
    ],
)
def test_lines_of_one_paragraph_are_joined(above: str, below: str, joined: str) -> None:
    assert continues(above, below)
    assert join_lines(above, below) == joined


@pytest.mark.parametrize(
    ("above", "below"),
    [
        ("Mời bà con đến họp.", "đúng giờ"),
        ("Thời gian và địa điểm như sau:", "sáng ngày 15/9"),
        ("chuẩn bị các việc sau", "- phát quang đường làng"),
        ("chuẩn bị các việc sau", "a) phát quang đường làng"),
        ("THÔNG BÁO", "về việc cắt điện"),
        ("Mời bà con thôn Đông", "Kính gửi các hộ"),
    ],
)
def test_what_begins_anew_is_not_joined(above: str, below: str) -> None:
    assert not continues(above, below)


@pytest.mark.parametrize(
    ("found", "tidied"),
    [
        ("  Họp\u00a0 lúc\t8h ,mời\n", "Họp lúc 8h ,mời"),
        ("Họp lúc 8h , mời bà con !", "Họp lúc 8h, mời bà con!"),
        ("a\u0302\u0301p", "ấp"),
        ("covid\u200b", "covid"),
        ("nh\u00ad sau", "nh\u00ad sau"),
        ("\uf0b7 Thôn Đông", "- Thôn Đông"),
        ("\ud800\ue123x\x00", "x"),
    ],
)
def test_a_line_is_tidied(found: str, tidied: str) -> None:
    assert tidy(found) == tidied


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("KT. CHủ TịCH", "KT. CHỦ TỊCH"),
        ("ủY BAN Xã HòA BìNH", "ỦY BAN Xã HÒA BÌNH"),
        ("Xã Hà Mỹ, Ủy ban, ông Ó, UBND xã, 5kW ở Đà Lạt", "Xã Hà Mỹ, Ủy ban, ông Ó, UBND xã, 5kW ở Đà Lạt"),
    ],
)
def test_capitals_that_could_not_be_typed_are_made_even(typed: str, meant: str) -> None:
    assert even_capitals(typed) == meant


def rows(*texts: tuple[str, ...]) -> Table:
    return Table(tuple(tuple((cell,) if cell else () for cell in row) for row in texts))


@pytest.mark.parametrize(
    ("table", "read"),
    [
        (
            rows(("TT", "Thôn", "Giờ"), ("1", "Đông", "7h30"), ("2", "Tây", "14h")),
            ["Đông: giờ 7h30.", "Tây: giờ 14h."],
        ),
        (rows(("Thôn", "Giờ"), ("Đông", "7h30"), ("", "đến 9h")), ["Đông: giờ 7h30 đến 9h."]),
        (
            rows(
                ("TT", "Thôn", "Lịch", ""),
                ("TT", "Thôn", "Ngày", "Giờ"),
                ("1", "Đông", "5/9", "7h"),
                ("2", "Tây", "6/9", ""),
            ),
            ["Đông: ngày 5/9; giờ 7h.", "Tây: ngày 6/9."],
        ),
        (rows(("Đông", "ông Ba"), ("Tây", "bà Sáu")), ["Đông, ông Ba.", "Tây, bà Sáu."]),
        (rows(("Thời gian:", "8h ngày 5/9"), ("Địa điểm:", "Nhà văn hóa")), None),
        (rows(("Họp lúc 8h.",)), ["Họp lúc 8h."]),
        (
            rows(("UBND XÃ", "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"), ("Số: 1/TB-UBND", "Độc lập - Tự do - Hạnh phúc")),
            ["UBND XÃ", "Số: 1/TB-UBND", "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập - Tự do - Hạnh phúc"],
        ),
        (Table(()), []),
        (Table(((),)), []),
    ],
)
def test_a_table_is_read_row_by_row_or_a_letters_head_column_by_column(table: Table, read: list[str] | None) -> None:
    said = [block.text for block in lay_out(table)]
    if read is None:  # whatever the words between, no cell is lost
        assert all(cell in " ".join(said) for row in table.rows for lines in row for cell in lines)
    else:
        assert said == read


LETTER = 10.0


def line(text: str, top: float, left: float = 0.0) -> list[Word]:
    """Words of a fixed-width font, 10 high and each letter 6 wide."""
    words, at = [], left
    for word in text.split():
        words.append(Word(word, at, at + 6 * len(word), top, top + LETTER))
        at += 6 * (len(word) + 1)
    return words


def page(*lines: list[Word]) -> list[Block | Table]:
    segments: list[Segment] = [segment for words in lines for segment in segments_of(words)]
    return list(blocks_of_page(segments, 1))


def test_a_line_belongs_to_the_paragraph_unless_its_first_word_would_have_fitted_above() -> None:
    found = page(
        line("Mời toàn thể bà con thôn Đông đến họp", 0),
        line("tại nhà văn hóa vào lúc tám giờ sáng", 14),
        line("mai.", 28),
        line("Xin cảm ơn bà con đã chú ý lắng nghe!", 42),
    )
    assert [block.text for block in found if isinstance(block, Block)] == [
        "Mời toàn thể bà con thôn Đông đến họp tại nhà văn hóa vào lúc tám giờ sáng mai.",
        "Xin cảm ơn bà con đã chú ý lắng nghe!",
    ]


def test_columns_under_each_other_are_a_table_also_where_words_come_near() -> None:
    found = page(
        [*line("Thôn", 0), *line("Thời gian", 0, 150)],
        [*line("Thôn Đông ở trên", 14), *line("7h30", 14, 150)],
        [*line("Tây", 28), *line("14h", 28, 150)],
        line("Đề nghị bà con đến đúng giờ đã ghi ở trên.", 60),
    )
    table, closing = found
    assert table == rows(("Thôn", "Thời gian"), ("Thôn Đông ở trên", "7h30"), ("Tây", "14h"))
    assert closing == Block("Đề nghị bà con đến đúng giờ đã ghi ở trên.", 1)


def test_a_lists_numbers_hang_far_from_their_items_and_are_no_column() -> None:
    found = page(
        [*line("1.", 0), *line("Xích chó, mèo trước giờ tiêm.", 0, 60)],
        [*line("2.", 14), *line("Nộp tiền công.", 14, 60)],
    )
    assert [block.text for block in found if isinstance(block, Block)] == [
        "1. Xích chó, mèo trước giờ tiêm.",
        "2. Nộp tiền công.",
    ]


def test_lines_far_apart_are_not_one_paragraph() -> None:
    found = page(line("Nguyễn Văn An", 0), line("2", 200))
    assert [block.text for block in found if isinstance(block, Block)] == ["Nguyễn Văn An", "2"]
