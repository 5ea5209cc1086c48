"""The line-by-line command: one line in, one line out, at once."""

import io
import json
from collections.abc import Iterator

import pytest

from tts.normalize.stream import normalize_lines


def test_a_line_in_a_line_out() -> None:
    out = io.StringIO()
    normalize_lines(["Họp lúc 14g00\n", "\n", "351 hộ"], out)
    assert out.getvalue() == "Họp lúc mười bốn giờ\n\nba trăm năm mươi mốt hộ\n"


def test_each_line_is_answered_before_the_next_is_read() -> None:
    out = io.StringIO()
    seen: list[str] = []

    def ask() -> Iterator[str]:
        yield "thôn 1\n"
        seen.append(out.getvalue())
        yield "thôn 2\n"

    normalize_lines(ask(), out)
    assert seen == ["thôn một\n"]


def test_json_gives_spans_and_counts_doubts() -> None:
    out = io.StringIO()
    normalize_lines(["Hạn 31/2 tại UBND xã\n"], out, as_json=True)
    record = json.loads(out.getvalue())
    assert record["written"] == "Hạn 31/2 tại UBND xã"
    assert record["spoken"] == "Hạn ba mươi mốt tháng hai tại ủy ban nhân dân xã"
    assert record["doubts"] == 1
    assert [(s["start"], s["end"], s["written"], s["kind"], s["certain"]) for s in record["spans"]] == [
        (4, 8, "31/2", "date", False),
        (13, 17, "UBND", "abbreviation", True),
    ]


@pytest.mark.parametrize("odd", ["\u2028", "\x0b", "a\rb"])
def test_odd_line_breaks_do_not_make_lines(odd: str) -> None:
    out = io.StringIO()
    normalize_lines([f"một{odd}hai\n"], out)
    assert out.getvalue().count("\n") == 1
