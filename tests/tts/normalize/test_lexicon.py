"""The commune's own lexicon: it wins, it travels as TSV, and it says what is wrong in Vietnamese."""

import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts.errors import LexiconError
from tts.normalize import Lexicon, LexiconEntry, dump_lexicon, load_lexicon, normalize
from tts.normalize.lexicon import read_lines
from tts.spoken import SpanKind


def said(text: str, *entries: tuple[str, str]) -> str:
    return normalize(text, Lexicon(tuple(LexiconEntry(*entry) for entry in entries))).spoken


def test_it_wins_over_ours_in_every_kind_of_token() -> None:
    assert said("BCH họp", ("BCH", "ban cán sự")) == "ban cán sự họp"
    assert said("thôn 3A", ("3A", "ba anh")) == "thôn ba anh"
    assert said("lúc 7h30", ("7h30", "bảy rưỡi")) == "lúc bảy rưỡi"
    assert said("xem www.xa.vn", ("www.xa.vn", "trang của xã")) == "xem trang của xã"


def test_the_longest_entry_is_taken_and_the_later_of_two() -> None:
    entries = (("Pác", "pát"), ("Bản Pác", "bản pạc"), ("Pác Bó", "một"), ("Pác Bó", "pác bó"))
    assert said("Bản Pác và Pác Bó và Pác", *entries) == "bản pạc và pác bó và pát"


def test_words_match_in_any_case_and_capitals_only_in_capitals() -> None:
    assert said("BẢN PHÙNG, bản phùng, Bản Phùng", ("Bản Phùng", "bản phuồng")) == "bản phuồng, bản phuồng, bản phuồng"
    assert said("HA và ha hả", ("HA", "huyết áp")) == "huyết áp và ha hả"


def test_only_whole_words_are_taken() -> None:
    assert said("Bản Phùngg, xBản Phùng", ("Bản Phùng", "a")) == "Bản Phùngg, xBản Phùng"


def test_spelling_variants_are_one_word() -> None:
    assert said("thôn Hoà Bình", ("Hòa Bình", "hòa bền")) == "thôn hòa bền"
    assert said("thôn Ho\u0061\u0300 Bình", ("Hoà Bình", "hòa bền")) == "thôn hòa bền"


def test_signs_are_compared_as_texts_have_them_ironed() -> None:
    assert said("đập 5–7 và 5-7", ("5–7", "năm bảy")) == "đập năm bảy và năm bảy"
    assert said("cửa xả m³/s-A", ("m³/s-A", "xả A")) == "cửa xả xả A"


def test_many_entries_that_begin_alike_cost_nothing_that_is_felt() -> None:
    few = Lexicon((LexiconEntry("Nà Lạc", "nà lạc"),))
    many = Lexicon(tuple(LexiconEntry(f"Nà {'xyz'[n % 3] * (n % 20)} {n}a", "nà") for n in range(3000)) + few.entries)
    text = "Bà con Nà Lạc nghe tin nắng nóng. " * 300
    assert many.find(text) == few.find(text)
    assert seconds(many, text) < 20 * seconds(few, text)


def seconds(lexicon: Lexicon, text: str) -> float:
    return min(timeit.repeat(lambda: lexicon.find(text), number=1, repeat=5))


def test_a_span_of_the_lexicon_says_so() -> None:
    spoken = normalize("Thôn Đắk Xế họp", Lexicon((LexiconEntry("Đắk Xế", "đắc xế"),)))
    (span,) = spoken.spans
    assert (span.kind, span.written, span.spoken, span.certain) == (SpanKind.LEXICON, "Đắk Xế", "đắc xế", True)
    assert spoken.written[span.start : span.end] == "Đắk Xế"


def test_entries_in_use_are_found() -> None:
    lexicon = Lexicon((LexiconEntry("Bản Phùng", "bản phuồng"), LexiconEntry("CTĐ", "chữ thập đỏ")))
    assert [entry.written for _, _, entry in lexicon.find("Hội CTĐ xã, hội ctđ")] == ["CTĐ"]
    assert lexicon.find("thôn Đông") == []


def test_tsv_there_and_back() -> None:
    entries = (LexiconEntry("Bản Phùng", "bản phuồng", "người già nói thế"), LexiconEntry("CTĐ", "chữ thập đỏ"))
    assert load_lexicon(dump_lexicon(entries)).entries == entries
    assert load_lexicon("\ufeffviết\tđọc\r\n# ghi chú\r\n\r\nCTĐ\tchữ thập đỏ\r\n").entries == entries[1:2]


def test_what_a_spreadsheet_does_to_a_table_is_undone() -> None:
    tsv = '\ufeffVIẾT\tĐọc\tGhi chú\t\r\n"Nà ""Lạc"""\t"nà, lạc"\t\t\r\n'
    assert load_lexicon(tsv).entries == (LexiconEntry('Nà "Lạc"', "nà, lạc"),)


@pytest.mark.parametrize("written", ["#tin", '"Nà Lạc"', '"Nà', "viết"])
def test_whatever_a_word_begins_with_comes_back(written: str) -> None:
    entries = (LexiconEntry(written, "đọc"),)
    assert load_lexicon(dump_lexicon(entries)).entries == entries


def test_every_line_says_what_is_wrong_with_it() -> None:
    found = dict(read_lines("CTĐ\tchữ thập đỏ\nmột cột\n\nUB\tủy ban 5\n"))
    assert found[1] == LexiconEntry("CTĐ", "chữ thập đỏ")
    assert {number: str(error)[:12] for number, error in found.items() if number > 1} == {
        2: "cần hai hoặc",
        4: "Cách đọc chỉ",
    }


LINES = st.lists(st.text(alphabet="abĐà5 \t#,\ufeff", max_size=12), max_size=6)


@given(LINES.map("\n".join))
def test_any_tsv_loads_or_says_which_line(tsv: str) -> None:
    bad = None
    try:
        entries = load_lexicon(tsv).entries
    except LexiconError as error:
        bad = str(error)
    assert load_lexicon(dump_lexicon(entries)).entries == entries if bad is None else bad.startswith("Dòng ")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("chỉ một cột", "Dòng 2: cần hai hoặc ba cột"),
        ("a\tb\tc\td", "Dòng 2: cần hai hoặc ba cột"),
        ("\tđọc gì", "Dòng 2: Chữ viết phải có từ 1 đến 100 ký tự"),
        ("CTĐ\t", "Dòng 2: Cách đọc chỉ gồm chữ"),
        ("CTĐ\tsố 5", "Dòng 2: Cách đọc chỉ gồm chữ"),
        ("x" * 101 + "\txe", "Dòng 2: Chữ viết phải có từ 1 đến 100 ký tự"),
    ],
)
def test_a_bad_line_is_named_in_vietnamese(line: str, message: str) -> None:
    with pytest.raises(LexiconError) as raised:
        load_lexicon(f"viết\tđọc\n{line}\n")
    assert str(raised.value).startswith(message)
