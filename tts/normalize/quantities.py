"""Amounts with their unit: 4.250m3, 15-20 kg, 38-40°C, 6,6%, 1.250.000đ, 2x3m, 1m65, -2°C."""

import re
from collections.abc import Iterator
from functools import cache

from tts.normalize.draft import Draft, Reading
from tts.normalize.numbers import parse_decimal
from tts.normalize.tables import Unit, units
from tts.spoken import SpanKind

_N = r"\d{1,24}(?:[.,]\d{1,12}){0,8}"
_SPACED_N = r"\d{1,3}(?: \d{3}){1,5}(?:,\d{1,4})?"
_START = r"(?<!\d[.,])(?<![\w/])"
_SEP = r"\s?(?:-|÷|~|đến|tới)\s?"
_KINDS = {"money": SpanKind.MONEY, "percent": SpanKind.PERCENT, "time": SpanKind.TIME}
_BELOW_ZERO = re.compile(r"(?:^|[\s(:;,])\Z")
_MONEY_WORDS = r"(?:nghìn|ngàn|triệu|tỷ|tỉ|trăm|tr|chục)"
_MONEY_MARK = re.compile(
    rf"(?<=[\s\d])(?<!\w\w\w\w\w\w\w)(?P<word>{_MONEY_WORDS})?\s?(?P<mark>đ|Đ|vnđ|VNĐ|VND|vnd|₫)(?![^\W_])"
)
_AFTER_MAGNITUDE = re.compile(rf"(?<!\w){_MONEY_WORDS}\s?\Z")
_LONE_MARK = re.compile(r"(?<![^\W_])(?:[đĐ](?!/[cC])|vnđ|VNĐ|VND|vnd|₫|USD|\$|€|%|‰|°C|°F|°)(?![^\W_])")
_MIXED = re.compile(rf"{_START}(?P<a>\d{{1,3}})(?P<unit>m|kg|km)(?P<b>\d{{1,2}})(?![\w]|[.,/]\d|\s?m\b)")
_PREFIX_MONEY = re.compile(rf"(?<!\w)(?P<sign>\$|€|£|US\$)\s?(?P<n>{_N})(?![^\W_])")
_DEGREES = re.compile(
    rf"{_START}(?P<d>\d{{1,3}}(?:,\d+)?)\s?°\s?(?:(?P<m>\d{{1,2}}(?:,\d+)?)\s?')?\s?(?:(?P<s>\d{{1,2}}(?:[,.]\d{{1,3}})?)\s?(?:\"|''))?\s?(?P<pole>[NSEWBĐT])(?![^\W_])"
)
_POLES = {"N": "bắc", "S": "nam", "E": "đông", "W": "tây", "B": "bắc", "Đ": "đông", "T": "tây"}
_POLE_NUMBER = re.compile(rf"{_START}(?P<n>\d{{1,3}}[.,]\d{{1,3}}|\d{{1,3}})\s?(?P<pole>[NSEW])(?![^\W_])")
_POLE_BEFORE = re.compile(r"(?<!\w)(?:vĩ tuyến|kinh tuyến|vĩ độ|kinh độ|tọa độ|bắc|nam|đông|tây|khoảng|[;,(-])\s*\Z")


@cache
def _unit_pattern() -> str:
    names = sorted(units(), key=len, reverse=True)
    return "|".join(re.escape(name) for name in names)


@cache
def _amount() -> re.Pattern[str]:
    unit = _unit_pattern()
    return re.compile(
        rf"{_START}(?P<minus>-)?(?P<a>{_SPACED_N}(?=\s?(?:{unit})(?![^\W_]))|{_N})"
        rf"(?:(?:\s?(?P<ua>{unit})(?![^\W_]))?{_SEP}(?P<minus_b>-)?(?P<b>{_N}))?\s?(?P<u>{unit})(?![^\W_]|\d)"
    )


@cache
def _sizes() -> re.Pattern[str]:
    unit = _unit_pattern()
    return re.compile(
        rf"{_START}(?P<a>{_N})\s?(?:(?P<ua>{unit})(?=\s?[xX×*]))?\s?[xX×*]\s?(?P<b>{_N})\s?(?:(?P<ub>{unit})(?=\s?[xX×*]))?(?:\s?[xX×*]\s?(?P<c>{_N}))?(?:\s?(?P<u>{unit}))?(?![^\W_])"
    )


def read_quantities(draft: Draft) -> Iterator[Reading]:
    """Read coordinates, sizes, then every number or range that has a unit."""
    yield from draft.search(_DEGREES, _read_degrees)
    yield from draft.search(_POLE_NUMBER, _read_pole)
    yield from draft.search(_sizes(), _read_size)
    yield from draft.search(_MIXED, _read_mixed)
    yield from draft.search(_PREFIX_MONEY, _read_prefixed)
    yield from draft.search(_amount(), _read_amount)
    yield from draft.search(_MONEY_MARK, _read_money_mark)
    yield from draft.search(_LONE_MARK, _read_lone_mark)


def _read_amount(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    unit = units()[match["u"]]
    if not _fits(draft, match, unit):
        return
    start = match.start()
    below = False
    if match["minus"]:
        below = unit.family == "temperature" or _BELOW_ZERO.search(draft.text[max(0, start - 1) : start]) is not None
        below = below and not (start == 0 and unit.family != "temperature")
        start += 0 if below else 1
    said = ("âm " if below else "") + draft.numbers.written(match["a"].replace(" ", "."))
    if match["ua"]:
        if not match["b"]:
            return
        first = units()[match["ua"]]
        said += "" if first == unit else f" {first.spoken}"
    if match["b"]:
        minus = "âm " if match["minus_b"] else ""
        said += f" đến {minus}{draft.numbers.written(match['b'])}"
    kind = _KINDS.get(unit.family, SpanKind.MEASURE)
    yield Reading(start, match.end(), f"{said} {unit.spoken}", kind, _rising(match))


def _rising(match: re.Match[str]) -> bool:
    """Tell whether a range goes up, as ranges do."""
    if not match["b"]:
        return True
    a, b = parse_decimal(match["a"].replace(" ", ".")), parse_decimal(match["b"])
    below = -1 if match["minus"] else 1
    return a is not None and b is not None and (a * below < b or match["ua"] is not None)


def _fits(draft: Draft, match: re.Match[str], unit: Unit) -> bool:
    """Refuse one-letter units where the letter is more likely a name: lớp 5 A, thôn 3A, 4G."""
    if unit.family == "electric-letter":
        if unit.written == "A":
            return (
                re.search(
                    r"(?:dòng|aptomat|áp tô mát|cầu dao|ampe|cb|atomat|điện)\W*(?:\w+\s){0,2}\Z",
                    draft.before(match.start()),
                )
                is not None
            )
        return len(match["a"]) >= 2 or "," in match["a"]
    if unit.family == "attached":
        return match.end("a") == match.start("u") or match.end("b") == match.start("u")
    if (
        unit.family == "gram"
        and match["b"] is None
        and re.search(r"(?<!\w)(?:mạng|sóng)\s*\Z", draft.before(match.start()))
    ):
        return False
    return not (unit.written in {"'", '"', "''"} and match.start("u") != max(match.end("a"), match.end("b")))


def _read_size(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    said = draft.numbers.written(match["a"]) + (f" {units()[match['ua']].spoken}" if match["ua"] else "")
    said += f" nhân {draft.numbers.written(match['b'])}" + (f" {units()[match['ub']].spoken}" if match["ub"] else "")
    said += f" nhân {draft.numbers.written(match['c'])}" if match["c"] else ""
    said += f" {units()[match['u']].spoken}" if match["u"] else ""
    yield Reading(*match.span(), said, SpanKind.MEASURE)


def _read_mixed(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    unit = units()[match["unit"]].spoken
    rest = draft.numbers.cardinal(int(match["b"])) if match["b"][0] != "0" else draft.numbers.digits(match["b"])
    if len(match["b"]) == 1 and match["b"] in "23" and match["unit"] in {"m", "km"}:
        return
    yield Reading(*match.span(), f"{draft.numbers.cardinal(int(match['a']))} {unit} {rest}", SpanKind.MEASURE)


def _read_prefixed(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    unit = units()[match["sign"][-1]]
    yield Reading(*match.span(), f"{draft.numbers.written(match['n'])} {unit.spoken}", SpanKind.MONEY)


def _read_money_mark(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    start = match.start("mark")
    if not match["word"] and not _AFTER_MAGNITUDE.search(draft.before(start)):
        return
    yield Reading(start, match.end(), "đồng", SpanKind.MONEY)


def _read_lone_mark(_draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    unit = units()[match[0]]
    yield Reading(
        *match.span(), unit.spoken, _KINDS.get(unit.family, SpanKind.MEASURE), len(match[0]) > 1 or match[0] == "%"
    )


def _read_degrees(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    said = f"{draft.numbers.written(match['d'])} độ"
    said += f" {draft.numbers.written(match['m'])} phút" if match["m"] else ""
    said += f" {draft.numbers.written(match['s'])} giây" if match["s"] else ""
    yield Reading(*match.span(), f"{said} {_POLES[match['pole']]}", SpanKind.MEASURE)


def _read_pole(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    if not _POLE_BEFORE.search(draft.before(match.start())) and "," not in match["n"] and "." not in match["n"]:
        return
    yield Reading(*match.span(), f"{draft.numbers.written(match['n'])} độ {_POLES[match['pole']]}", SpanKind.MEASURE)
