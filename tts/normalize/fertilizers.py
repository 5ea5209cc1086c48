"""Grades of fertilizer, said as a row of numbers however they are parted: NPK 5.10.3, NPK-S 12:5:10-14."""

import re
from collections.abc import Iterator

from tts.normalize.draft import Draft, Reading
from tts.spoken import SpanKind

_GRADE = re.compile(
    r"(?<![^\W_])(?i:npk)(?:[-+ ]?S)?(?: [A-ZĐÀ-Ỹ][^\W\d_]{0,11}){0,3} ?:? ?\(?"
    r"(?P<parts>\d{1,2}(?: ?[.:-] ?\d{1,2}){2,4})(?![^\W_]|[.,:/-]\d)"
)


def read_fertilizers(draft: Draft) -> Iterator[Reading]:
    """Read grades of fertilizer before their dots and colons look like dates and times."""
    yield from draft.search(_GRADE, _read_grade)


def _read_grade(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    said = " ".join(draft.numbers.written(part) for part in re.findall(r"\d+", match["parts"]))
    yield Reading(*match.span("parts"), said, SpanKind.CODE)
