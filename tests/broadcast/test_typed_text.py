import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.errors import InvalidInput
from broadcast.typed_text import clean_line, clean_slug, clean_text


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (unicodedata.normalize("NFD", "Thông báo lũ"), "Thông báo lũ"),
        ("  một\r\nhai\rba\tbốn  ", "một\nhai\nba bốn"),
        ("đọc \u202eegassem\u202c này", "đọc egassem này"),
        ("\ufeffcó BOM\u200b", "có BOM"),
        ("\u061c\u2067số\u2069 \u200f12\u200c3\u200d4\U000e0031", "số 1234"),
    ],
)
def test_text_is_kept_as_it_is_seen(typed: str, kept: str) -> None:
    assert clean_text(typed, "script", max_chars=100) == kept


@pytest.mark.parametrize(
    ("typed", "code"),
    [("", "empty"), (" \n\u200b ", "empty"), ("a" * 101, "too-long"), ("a" * 100_000, "too-long"),
     ("a\x00b", "control-characters"),
     ("a\x1b[31m", "control-characters"), ("a\ud800", "control-characters")],
)  # fmt: skip
def test_text_that_cannot_be_read_is_refused_in_vietnamese(typed: str, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        clean_text(typed, "script", max_chars=100)
    assert (refused.value.code, refused.value.field) == (code, "script")
    assert refused.value.message.endswith(".")


@given(st.text(max_size=120))
def test_cleaning_twice_is_cleaning_once(typed: str) -> None:
    try:
        kept = clean_text(typed, "script", max_chars=100)
    except InvalidInput:
        return
    assert clean_text(kept, "script", max_chars=100) == kept
    assert 1 <= len(kept) <= 100


def test_a_line_is_one_line() -> None:
    assert clean_line(" Lịch \n cắt\tđiện ", "title") == "Lịch cắt điện"


@pytest.mark.parametrize("slug", ["", "Thon", "thôn", "a/b", "a+", "-a", "a" * 51, "a\n"])
def test_a_slug_reaches_no_other_topic(slug: str) -> None:
    with pytest.raises(InvalidInput, match="bad-slug"):
        clean_slug(slug, "slug")
