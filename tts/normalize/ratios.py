"""One number over another: 7/9 thôn, 3/4 diện tích, 148/148 xã, tỷ lệ 1:500, tỷ số 2-1, số 12/5A."""

import re
from collections.abc import Iterator

from tts.normalize.draft import Draft, Reading
from tts.normalize.letters import spell
from tts.normalize.nouns import counts_next, shares_next
from tts.normalize.numbers import parse_decimal
from tts.normalize.quantities import unit_pattern
from tts.normalize.tables import context
from tts.spoken import SpanKind

_N = r"\d{1,9}(?:\.\d{3}){0,4}(?:,\d{1,4})?"
_HOUSE = re.compile(
    r"(?<!\d[.,])(?<![\w/-])(?P<parts>\d{1,5}[A-Za-zđĐ]?(?:/\d{1,5}[A-Za-zđĐ]?){1,5})(?![^\W_]|[.,/]\d)"
)
_ADDRESS_BEFORE = re.compile(r"(?<!\w)(?:số|số nhà|nhà số|nhà|ngõ|ngách|hẻm|kiệt|địa chỉ|đ/c)[\s:]*\Z")
_SLASH = re.compile(
    rf"(?<!\d[.,])(?<![\w/])(?<!\d-)(?P<a>{_N})\s?/\s?(?P<b>{_N})(?![.,/]\d)(?=(?:{unit_pattern()})(?![^\W_])|(?![^\W_]))"
)
_COLON = re.compile(rf"(?<!\d[.,])(?<![\w/:-])(?P<a>{_N})\s?:\s?(?P<b>{_N})(?![^\W_]|[.,/:]\d)")
_SCORE = re.compile(r"(?<!\d[.,])(?<![\w/-])(?P<a>\d{1,3})\s?[-:]\s?(?P<b>\d{1,3})(?![^\W_]|[.,/-]\d)")
_SCORE_BEFORE = re.compile(
    r"(?<!\w)(?:tỷ số|tỉ số|thắng|thua|hòa|dẫn|gỡ hòa|chung cuộc|với kết quả|chiến thắng)(?:\s[^\W\d_]+){0,6}[\s:]*\Z"
)
_SCORE_JOINT = re.compile(r"\s?[(,;]\s?\Z")
_SCALE_BEFORE = re.compile(r"(?<!\w)(?:tỷ lệ|tỉ lệ|bản đồ|pha|pha loãng|độ dốc|mái)[\s:]*(?:\w+\s){0,2}\Z")
_SHARE_BEFORE = re.compile(rf"(?<!\w)(?:{context('share')})\s*\Z")
_CROWD_AFTER = re.compile(rf"\A(?:{context('crowd')})(?!\w)")
_GRADE_BEFORE = re.compile(
    r"(?<!\w)(?:thương binh|hạng|loại|huyết áp|mắt|thị lực|bệnh binh|xếp thứ|xếp hạng|đạt|tỷ lệ)[\s:]*\Z"
)
_TIGHT = re.compile(r"\S{1,40}")
_QUORUMS = {(1, 3), (2, 3), (1, 4), (3, 4)}
_SIMPLE = {2, 3, 4, 5, 10, 100, 1000}


def read_ratios(draft: Draft) -> Iterator[Reading]:
    """Read house numbers, scores, scales and what is left of "a/b"."""
    yield from draft.search(_HOUSE, _read_house)
    yield from draft.search(_SCORE, _read_score)
    yield from draft.search(_SLASH, _read_slash)
    yield from draft.search(_COLON, _read_colon)


def _read_house(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    parts = match["parts"].split("/")
    lettered = any(part[-1].isalpha() for part in parts)
    if not (_ADDRESS_BEFORE.search(draft.before(match.start())) or lettered or len(parts) > 2):
        return
    said = []
    for part in parts:
        digits = part.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZđĐ")
        said.append(f"{draft.numbers.written(digits)} {spell(part[len(digits) :])}".strip())
    yield Reading(*match.span(), " trên ".join(said), SpanKind.ADDRESS, certain=len(parts) <= 4)


def _read_score(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    told = _SCORE_BEFORE.search(draft.before(match.start())) is not None or _follows_score(draft, match.start())
    if told and not counts_next(draft, match.end()):
        said = " ".join(draft.numbers.written(match[part]) for part in "ab")
        yield Reading(*match.span(), said, SpanKind.RATIO)


def _follows_score(draft: Draft, position: int) -> bool:
    """Tell whether only a bracket or a comma stands between this place and a score: 3-1 (25-20, 22-25)."""
    gap = _SCORE_JOINT.search(draft.text, max(0, position - 4), position)
    before = draft.reading_to(gap.start()) if gap else None
    return before is not None and before.kind is SpanKind.RATIO and "-" in draft.text[before.start : before.end]


def _read_slash(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    a, b = parse_decimal(match["a"]), parse_decimal(match["b"])
    said_a, said_b = (draft.numbers.written(match[part]) for part in "ab")
    share, sure = _is_share(draft, match, a, b)
    if share:
        last = "tư" if match["b"] == "4" else said_b
        yield Reading(*match.span(), f"{said_a} phần {last}", SpanKind.FRACTION, sure)
    else:
        yield Reading(*match.span(), f"{said_a} trên {said_b}", SpanKind.RATIO, sure)


def _is_share(draft: Draft, match: re.Match[str], a: float | None, b: float | None) -> tuple[bool, bool]:
    """Tell a fraction from an "out of", and how surely."""
    before = draft.before(match.start())
    if (
        a is None
        or b is None
        or a >= b
        or b not in _SIMPLE
        or _SCALE_BEFORE.search(before)
        or _GRADE_BEFORE.search(before)
    ):
        return False, True
    if shares_next(draft, match.end()):
        return True, True
    if (a, b) in _QUORUMS and _CROWD_AFTER.search(draft.after(match.end())):
        return True, _SHARE_BEFORE.search(before) is not None
    if counts_next(draft, match.end()):
        half = (a, b) == (1, 2)
        return half or (b <= 5 and _SHARE_BEFORE.search(before) is not None), not half
    if _SHARE_BEFORE.search(before):
        return True, True
    return b <= 5, False


def _read_colon(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    said_a, said_b = (draft.numbers.written(match[part]) for part in "ab")
    if not _TIGHT.fullmatch(match[0]) and not _SCALE_BEFORE.search(draft.before(match.start())):
        return
    scale = _SCALE_BEFORE.search(draft.before(match.start())) is not None
    a, b = parse_decimal(match["a"]), parse_decimal(match["b"])
    joint = ", " if a is not None and b is not None and a > b else " trên "
    yield Reading(*match.span(), joint.join((said_a, said_b)), SpanKind.RATIO, scale)
