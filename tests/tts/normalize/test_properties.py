"""What holds for every text: readable output, exact offsets, a second pass that changes nothing."""

import re
import unicodedata

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.tts.normalize.golden import rows
from tts.normalize import normalize
from tts.spoken import SpokenText

WRITTEN = [row.written for row in rows()]
READABLE = re.compile(
    r"[a-zàáảãạăằắẳẵặâầấẩẫậđèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵ .,;:?!]*", re.IGNORECASE
)

NASTY = [
    *["", " ", "\n\n", "\x00", "\ud800", "\ufffe", "\u202eabc", "﷽", "ﷺ 12", "①②③", "Ⅷ", "½ kg", "10²", "١٢٣", "㎏"],
    *[
        "１２：３０",
        "𝟏𝟐/𝟓",
        "Z̸̢͝ạ̶l̷g̴o̵",
        "👨‍👩‍👧‍👦🇻🇳",
        "中文，你好。",
        "Здравствуйте 5 раз",
        "ñandú",
        "İstanbul 5%",
        "ǅ",
        "ß",
    ],
    *[
        "e\u0323\u0302",
        "\u200b".join("UBND"),
        "°C",
        "/",
        "//",
        "/ha",
        "5/",
        "/5",
        "5//5",
        "./.",
        "...",
        "*",
        "#",
        "@",
        "@a",
    ],
    *["#a", "a@b", "a@b.c", "www.", "http://", "1e10", "0x1F", "NaN", "-5-5-5-5", "5--5", "../../etc/passwd"],
    *["<script>alert(1)</script>", "'; DROP TABLE loa;--", "%s%n%x", "${jndi:ldap://x}", "{{7*7}}", "a\tb\tc\n1\t2\t3"],
    *[
        unit * 1500
        for unit in ("a", "1", "1/", "1-", "1.1,", "(", "a.b@", "http://", "./.", "h", "7h", "XVI", "Đ", "&")
    ],
    *[
        unit * 1500
        for unit in ("- ", "\t", "%", "1%", "A1", "TT ", "ngày ", "5 đến ", "từ 1 - ", "kg/", "\n", "I.", "ㄱ")
    ],
]


TOKEN_LIST = """
    7h30 11h 14g00 05:30 24/24h 19/5/2026 3-8/6 30/4 31/2 25h70 cấp 6-7 thứ 4 tháng 12/2026 quý IV XIII DI
    82/KH-UBND 18-NQ/TW 0377.123.456 19001515 1.263.600đ/năm 15-20 kg/sào 38-40°C -2°C 4.250m3/s 450m2 QL 32 Km
    45+500 BĐ2 UBND HĐND (UBND) TT CT KH BCH P. TP. đ/c v/v H5N6 TBR225 3A NPK 16-16-8 VNeID Zalo www.xa.gov.vn
    a@b.vn #tin 5% 1/3 7/9 thôn hộ diện tích / - & + = ( ) \" ' ./. ; : , . ? ! … – x × ngày từ đến và của Sáng CN
    ỦY BAN NHÂN DÂN XÃ hoà Uỷ ban đ a) 1. • 2,5 1,234 0,05 007 1.2.3 10.1 2x3m 1m65 50k $5 α 🎉 中 Møn ngày12/6
    5ngày bão ha m Đ. Nguyễn Văn A Đắk Lắk
"""


def letters_of(text: str) -> str:
    """Give the letters of a text without case, spaces and marks of punctuation."""
    folded = unicodedata.normalize("NFC", text).lower()
    return "".join(char for char in folded if char.isalpha())


def rebuilt(spoken: SpokenText) -> str:
    """Replace every span in the written text by what is said for it."""
    parts, done = [], 0
    for span in spoken.spans:
        parts += [spoken.written[done : span.start], span.spoken]
        done = span.end
    return "".join([*parts, spoken.written[done:]])


def check(text: str) -> None:
    """Check all that holds for any text."""
    spoken = normalize(text)
    assert READABLE.fullmatch(spoken.spoken), re.sub(READABLE, "", spoken.spoken)[:80]
    assert spoken.written == text
    last = 0
    for sentence in spoken.sentences:
        assert text[sentence.start : sentence.end] == sentence.written
        assert sentence.start >= last
        last = sentence.end
        for span in sentence.spans:
            assert sentence.start <= span.start < span.end <= sentence.end
    ends = 0
    for span in spoken.spans:
        assert text[span.start : span.end] == span.written
        assert span.start >= ends
        ends = span.end
    again = normalize(spoken.spoken)
    assert again.spoken == spoken.spoken


@settings(max_examples=10_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text())
def test_any_string(text: str) -> None:
    check(text)


TOKENS = st.sampled_from(re.split(" +|\n +", TOKEN_LIST.strip()))


@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(TOKENS, max_size=14), st.sampled_from([" ", " ", " ", "", "\n"]))
def test_any_row_of_tokens(tokens: list[str], joint: str) -> None:
    check(joint.join(tokens))


@settings(max_examples=800, deadline=None)
@given(st.text(alphabet="0123456789.,-/:%hđmkg°'\" abcIVXUBNDĐ()+x\n", max_size=40))
def test_any_string_of_number_characters(text: str) -> None:
    check(text)


@pytest.mark.parametrize("text", NASTY, ids=[ascii(text)[:30] for text in NASTY])
def test_nasty_string(text: str) -> None:
    check(text)


@pytest.mark.parametrize("written", WRITTEN)
def test_golden_rows_hold_the_same(written: str) -> None:
    check(written)


@pytest.mark.parametrize("written", WRITTEN)
def test_spans_account_for_every_difference(written: str) -> None:
    spoken = normalize(written)
    assert letters_of(rebuilt(spoken)) == letters_of(spoken.spoken)


@settings(max_examples=800, deadline=None)
@given(st.lists(TOKENS, max_size=14))
@example(["Møn", "5"])
def test_spans_account_for_every_difference_in_any_row(tokens: list[str]) -> None:
    spoken = normalize(" ".join(tokens))
    assert letters_of(rebuilt(spoken)) == letters_of(spoken.spoken)


@pytest.mark.parametrize("written", [row for row in WRITTEN if len(row) > 60][:60])
def test_unicode_variants_are_read_the_same(written: str) -> None:
    expected = normalize(written).spoken
    assert normalize(unicodedata.normalize("NFD", written)).spoken == expected
    assert normalize("\ufeff" + written.replace("-", "–")).spoken == expected
    assert normalize(written.replace(" ", "\u00a0")).spoken == expected
    wide = written.translate({ord(d): 0xFF10 + int(d) for d in "0123456789"})
    assert normalize(wide).spoken == expected
