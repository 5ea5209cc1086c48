"""A dot that shortens a word is no full stop, and a full stop behind an abbreviation stays one."""

import pytest

from tts.normalize import normalize


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("thu 4,5 tr.đồng", "thu bốn phẩy năm triệu đồng"),
        ("vay 30 tr. đồng/hộ", "vay ba mươi triệu đồng một hộ"),
        ("CT.HĐND xã", "chủ tịch hội đồng nhân dân xã"),
        ("PCT. UBND xã", "phó chủ tịch ủy ban nhân dân xã"),
        ("VP.UBND xã", "văn phòng ủy ban nhân dân xã"),
        ("SĐT. 0912345678", "số điện thoại không chín một hai ba bốn năm sáu bảy tám"),
        ("TT. Đảng ủy", "thường trực Đảng ủy"),
    ],
)
def test_a_shortening_dot_is_silent(written: str, spoken: str) -> None:
    said = normalize(written)
    assert said.spoken == spoken
    assert len(said.sentences) == 1


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Họp tại NVH.Đề nghị bà con đến đủ", "Họp tại nhà văn hóa. Đề nghị bà con đến đủ"),
        ("Nộp tại UBND. HĐND giám sát", "Nộp tại ủy ban nhân dân. hội đồng nhân dân giám sát"),
        ("Thưởng 5 tr. Đồng bào phấn khởi", "Thưởng năm triệu. Đồng bào phấn khởi"),
        ("Thu 5.000đ.UBND xã thông báo", "Thu năm nghìn đồng. ủy ban nhân dân xã thông báo"),
    ],
)
def test_a_full_stop_stays(written: str, spoken: str) -> None:
    assert normalize(written).spoken == spoken
