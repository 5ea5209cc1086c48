"""Bringing parts back into a text that may have been edited, and putting them aside again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts.import_document.draft import make_draft
from tts.import_document.paper import AsideKind, Block, SetAside
from tts.import_document.restoring import bring_back, is_back, put_aside

TEXT = "THÔNG BÁO\n\nHọp lúc 8h.\n\nMời bà con."
PARTS = [
    SetAside(AsideKind.MOTTO, "CỘNG HÒA\nĐộc lập", 1, 0),
    SetAside(AsideKind.NUMBER, "Số: 1/TB", 1, 0),
    SetAside(AsideKind.PAGE_NUMBER, "2", 2, 22),
    SetAside(AsideKind.SIGNATURE, "CHỦ TỊCH", 2, len(TEXT)),
]


@pytest.mark.parametrize(
    ("script", "index", "brought"),
    [
        (TEXT, 0, "CỘNG HÒA\nĐộc lập\n\nTHÔNG BÁO\n\nHọp lúc 8h.\n\nMời bà con."),
        (TEXT, 1, "Số: 1/TB\n\nTHÔNG BÁO\n\nHọp lúc 8h.\n\nMời bà con."),
        (TEXT, 2, "THÔNG BÁO\n\nHọp lúc 8h.\n\n2\n\nMời bà con."),
        (TEXT, 3, "THÔNG BÁO\n\nHọp lúc 8h.\n\nMời bà con.\n\nCHỦ TỊCH"),
        ("CỘNG HÒA\r\nĐộc lập\r\n\r\nTHÔNG BÁO", 1, "CỘNG HÒA\nĐộc lập\n\nSố: 1/TB\n\nTHÔNG BÁO"),
        ("Số: 1/TB\n\nTHÔNG BÁO", 0, "CỘNG HÒA\nĐộc lập\n\nSố: 1/TB\n\nTHÔNG BÁO"),
        ("Thêm ở đầu.\nHọp lúc 8h.\nĐã sửa.", 2, "Thêm ở đầu.\nHọp lúc 8h.\n\n2\n\nĐã sửa."),
        ("Viết lại hết.", 0, "CỘNG HÒA\nĐộc lập\n\nViết lại hết."),
        ("Viết lại hết.", 3, "Viết lại hết.\n\nCHỦ TỊCH"),
        ("", 3, "CHỦ TỊCH"),
    ],
)
def test_a_part_comes_back_at_its_place(script: str, index: int, brought: str) -> None:
    assert bring_back(script, TEXT, PARTS, index) == brought
    assert is_back(brought, PARTS[index])


def test_an_edited_part_is_not_taken_away() -> None:
    script = "THÔNG BÁO\n\nCHỦ TỊCH XÃ"
    assert not is_back(script, PARTS[3])
    assert put_aside(script, PARTS[3]) == script


PAPER = ["UBND XÃ AN BÌNH", "Số: 1/TB-UBND", "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "THÔNG BÁO", "Họp lúc 8h.", "- Một",
         "- Hai", "TM. ỦY BAN NHÂN DÂN", "CHỦ TỊCH", "Nguyễn Văn An"]  # fmt: skip


@given(st.permutations(range(5)), st.permutations(range(5)))
def test_all_brought_back_is_the_paper_and_all_put_aside_the_text(there: list[int], back: list[int]) -> None:
    draft = make_draft([Block(line) for line in PAPER], pages=1, warnings=(), max_script=1000)
    wanted = [index for index in there if index < len(draft.set_aside)]
    script = draft.text
    for index in wanted:
        script = bring_back(script, draft.text, draft.set_aside, index)
    assert [line for line in script.split("\n") if line] == PAPER
    for index in [index for index in back if index < len(draft.set_aside)]:
        script = put_aside(script, draft.set_aside[index])
    assert script.split() == draft.text.split()
