"""Number plates: 29A-123.45, 43B1-678.90."""

import re
from collections.abc import Iterator

from tts.normalize.draft import Draft, Reading
from tts.normalize.letters import spell
from tts.spoken import SpanKind

_PLATE = re.compile(
    r"(?<![\w/-])(?P<place>\d{2})\s?-?\s?(?P<series>[A-ZĐ]{1,2}\d?)\s?[-. ]?\s?"
    r"(?P<number>\d{3}\.\d{2}|\d{4,5})(?![\w]|[.,/-]\d)"
)
_SAID = re.compile(
    r"(?<!\w)(?:biển số|biển kiểm soát|bks|bs|biển|xe|ô tô|mô tô|xe máy|số đăng ký)(?:\s\w{1,8}){0,3}[\s:.]*\Z"
)


def read_plates(draft: Draft) -> Iterator[Reading]:
    """Read number plates: the province and the series, then digit by digit."""
    yield from draft.search(_PLATE, _read_plate)


def _read_plate(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    if "." not in match["number"] and not _SAID.search(draft.before(match.start())):
        return
    letters = spell(re.sub(r"\d", "", match["series"]))
    digit = draft.numbers.digits(match["series"])
    said = " ".join(filter(None, (draft.numbers.cardinal(int(match["place"])), letters, digit)))
    yield Reading(*match.span(), f"{said}, {draft.numbers.digits(match['number'])}", SpanKind.PLATE)
