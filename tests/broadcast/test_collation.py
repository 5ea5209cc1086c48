import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from broadcast.collation import vietnamese_key


def test_names_are_in_the_order_of_the_alphabet() -> None:
    names = ["Thôn 2", "Thôn An", "Thôn Ân", "Thôn Bình", "Thôn Dương", "Thôn Đông", "Thôn Ô", "Thôn Tây", "Thôn Yên"]
    assert sorted(set(names), key=vietnamese_key) == names


def test_tones_decide_last() -> None:
    assert sorted(["má lan", "ma", "mạ", "mà", "má", "mã", "mả"], key=vietnamese_key) == [
        "ma", "mà", "mả", "mã", "má", "mạ", "má lan",
    ]  # fmt: skip


@given(st.text(max_size=20))
def test_a_name_has_one_place_however_it_is_composed(name: str) -> None:
    assert vietnamese_key(unicodedata.normalize("NFD", name)) == vietnamese_key(unicodedata.normalize("NFC", name))
