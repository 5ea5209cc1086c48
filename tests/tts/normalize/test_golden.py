"""Every row of the golden tables is read as a commune's announcer would."""

import pytest

from tests.tts.normalize.golden import Row, plain, rows
from tts.normalize import normalize

ROWS = rows()


def test_tables_are_large_and_cover_every_kind() -> None:
    assert len(ROWS) >= 600
    assert len({row.category for row in ROWS}) >= 15
    assert len({row.written for row in ROWS}) > 0.97 * len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.category}:{row.written[:40]}" for row in ROWS])
def test_row_is_read_right(row: Row) -> None:
    said = normalize(row.written).spoken
    assert row.accepts(said), f"gold: {row.spoken}\nsaid: {said}"


def test_the_comparison_tells_wrong_from_right() -> None:
    row = Row("time", "lúc 7h05", "lúc bảy giờ {không|linh|} năm {phút|}")
    assert row.accepts("Lúc bảy giờ, lẻ năm.")
    assert row.accepts("lúc bảy giờ năm phút")
    assert not row.accepts("lúc bảy giờ năm mươi phút")
    assert not row.accepts("lúc 7h05")
    assert plain("Hoà thuỷ quý") == plain("hòa thủy quí")
    assert plain("100%") != plain("100")
