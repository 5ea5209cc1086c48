"""The slash behind an amount: /ha, /năm, /24h, /10.000 dân; and the slash between words, which is silent."""

import re
from collections.abc import Iterator

from tts.normalize.draft import TAKEN, Draft, Reading
from tts.normalize.nouns import counts_next
from tts.normalize.numbers import NUMBER_ANYWHERE
from tts.normalize.tables import units
from tts.spoken import SpanKind

_RATE = re.compile(
    rf"(?<=[^\W_{TAKEN}]|{TAKEN})(?<!\d)\s?/\s?(?:(?P<n>{NUMBER_ANYWHERE})\s?)?(?P<u>[^\W\d_]{{1,8}}[23]?|%)(?![^\W_])"
)
_BARE_RATE = re.compile(r"(?<=\d)/(?=[^\W\d_]{2,8}(?![^\W_]))")
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
_AMOUNT_WORDS = {
    "đồng",
    "tấn",
    "tạ",
    "yến",
    "lít",
    "độ",
    "triệu",
    "nghìn",
    "tỷ",
    "tỉ",
    "phút",
    "giờ",
    "giây",
    "mét",
    "sào",
}
_NEAR = 32
_NEAR_AMOUNT = re.compile(rf"[\d{TAKEN}][^,.;:()\n]*\Z")
_TECHNICAL = {"s", "h", "m2", "m3", "l", "ml", "dl", "km2", "kg"}


def read_rates(draft: Draft) -> Iterator[Reading]:
    """Read "per": "trên" before technical units, "một" before what people count."""
    yield from draft.search(_RATE, _read_rate)
    yield from draft.search(_RATE, _read_rate)
    yield from draft.search(_BARE_RATE, _read_bare_rate)


def read_word_slashes(draft: Draft) -> Iterator[Reading]:
    """Silence the slash between words: và/hoặc, nam/nữ."""
    yield from draft.search(_BETWEEN, _silence)


def _read_rate(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    name, number = match["u"], match["n"]
    unit = units().get(name)
    direct = _behind_amount(draft, match.start())
    near = direct or _NEAR_AMOUNT.search(draft.open[max(0, match.start() - _NEAR) : match.start()]) is not None
    before = draft.reading_to(match.start())
    pole = before is not None and before.kind in {SpanKind.RATIO, SpanKind.ADDRESS}
    if name == "KH" and direct:
        share = before is not None and before.kind is SpanKind.PERCENT
        yield Reading(match.start(), match.start("u"), "" if share else "trên", SpanKind.MEASURE)
        return
    counted = unit is not None or number is not None or (counts_next(draft, match.start("u")) and not pole)
    if not near or not (direct or counted):
        return
    said = f"trên {draft.numbers.written(number)}" if number else "trên" if name in _TECHNICAL else "một"
    if unit is not None:
        yield Reading(match.start(), match.end(), f"{said} {unit.spoken}", SpanKind.MEASURE)
    elif number:
        yield Reading(match.start(), match.end("n"), said, SpanKind.MEASURE)
    else:
        yield Reading(match.start(), match.start("u"), said, SpanKind.MEASURE)


def _read_bare_rate(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    """Read the rate behind a number without a unit: 25.000/suất."""
    if counts_next(draft, match.end()):
        yield Reading(*match.span(), "một", SpanKind.MEASURE)


def _behind_amount(draft: Draft, position: int) -> bool:
    reading = draft.reading_to(position)
    if reading is not None:
        return reading.kind in _AMOUNTS
    last = _LAST_WORD.search(draft.before(position))
    return last is not None and last[0] in _AMOUNT_WORDS


def _silence(_draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    yield Reading(*match.span(), ",", SpanKind.PAUSE)
