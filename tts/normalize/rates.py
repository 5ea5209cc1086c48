"""The slash behind an amount: /ha, /năm, /24h, /10.000 dân; and the slash between words, which is silent."""

import re
from collections.abc import Iterator

from tts.normalize.draft import TAKEN, Draft, Reading
from tts.normalize.numbers import NUMBER_ANYWHERE
from tts.normalize.tables import units, words
from tts.spoken import SpanKind

_RATE = re.compile(
    rf"(?<=[^\W_{TAKEN}]|{TAKEN})(?<!\d)\s?/\s?(?:(?P<n>{NUMBER_ANYWHERE})\s?)?(?P<u>[^\W\d_]{{1,8}}[23]?|%)(?![^\W_])"
)
_BETWEEN = re.compile(rf"(?<=[^\W\d_]|{TAKEN}|\))\s?/\s?(?=[^\W\d_]|{TAKEN}|\()")
_LAST_WORD = re.compile(r"[^\W\d_]+\Z")
_AMOUNTS = {
    SpanKind.MEASURE,
    SpanKind.MONEY,
    SpanKind.PERCENT,
    SpanKind.CARDINAL,
    SpanKind.DECIMAL,
    SpanKind.RANGE,
    SpanKind.RATIO,
    SpanKind.TIME,
}
_TECHNICAL = {"s", "h", "m2", "m3", "l", "ml", "dl", "km2", "kg"}


def read_rates(draft: Draft) -> Iterator[Reading]:
    """Read "per": "trên" before technical units, "một" before what people count."""
    yield from draft.search(_RATE, _read_rate)
    yield from draft.search(_RATE, _read_rate)


def read_word_slashes(draft: Draft) -> Iterator[Reading]:
    """Silence the slash between words: và/hoặc, nam/nữ."""
    yield from draft.search(_BETWEEN, _silence)


def _read_rate(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    measured = _behind_amount(draft, match.start())
    denominator = match["u"]
    unit = units().get(denominator)
    if not measured or (unit is None and denominator.lower() not in words("counted") and not match["n"]):
        return
    technical = unit is not None and denominator in _TECHNICAL
    if match["n"]:
        number = draft.numbers.written(match["n"])
        end, spoken = match.end("n"), f"trên {number}"
        if unit is not None:
            end, spoken = match.end(), f"trên {number} {unit.spoken}"
    else:
        name = unit.spoken if unit is not None else denominator.lower()
        end, spoken = match.end(), f"{'trên' if technical else 'một'} {name}"
    yield Reading(match.start(), end, spoken, SpanKind.MEASURE)


def _behind_amount(draft: Draft, position: int) -> bool:
    reading = draft.reading_to(position)
    if reading is not None:
        return reading.kind in _AMOUNTS
    last = _LAST_WORD.search(draft.before(position))
    return last is not None and (
        last[0] in words("counted") or last[0] in {"đồng", "tấn", "tạ", "yến", "lít", "phần", "độ", "triệu", "nghìn"}
    )


def _silence(_draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    yield Reading(*match.span(), ",", SpanKind.PAUSE)
