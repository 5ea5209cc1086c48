"""Amounts with their unit: 4.250m3, 15-20 kg, 38-40°C, 6,6%, 1.250.000đ, 2x3m, 1m65, -2°C."""

import re
from collections.abc import Iterator
from functools import cache

from tts.normalize.draft import Draft, Reading
from tts.normalize.letters import spell
from tts.normalize.numbers import NUMBER_WORDS, parse_decimal
from tts.normalize.tables import Unit, context, units
from tts.spoken import SpanKind

_N = r"\d{1,24}(?:[.,]\d{1,12}){0,8}"
_SPACED_N = r"\d{1,3}(?: \d{3}){1,5}(?:,\d{1,4})?"
_START = r"(?<!\d[.,])(?<![\w/])"
_SEP = r"\s?(?:-|÷|~|đến|tới)\s?"
_WITH_DIGITS_ONLY = {"age", "attached", "electric-letter"}
_KINDS = {"money": SpanKind.MONEY, "percent": SpanKind.PERCENT, "time": SpanKind.TIME}
_BELOW_ZERO = re.compile(r"(?:^|[\s(:;,])\Z")
_MONEY_WORDS = r"(?:nghìn|ngàn|triệu|tỷ|tỉ|trăm|tr|chục)"
_MONEY_MARK = re.compile(
    rf"(?<=[\s\d])(?<!\w\w\w\w\w\w\w)(?P<word>{_MONEY_WORDS})?\s?(?P<mark>đ|Đ|vnđ|VNĐ|VND|vnd|₫)(?![^\W_])"
)
_AFTER_MAGNITUDE = re.compile(rf"(?<!\w){_MONEY_WORDS}\s?\Z")
_LONE_MARK = re.compile(r"(?<![^\W_])(?:vnđ|VNĐ|VND|vnd|₫|USD|\$|€|%|‰|°C|°F|°)(?![^\W_])")
_MIXED = re.compile(rf"{_START}(?P<a>\d{{1,3}})(?P<unit>m|kg|km|tr)(?P<b>\d{{1,3}})(?![\w]|[.,/]\d|\s?m\b)")
_PREFIX_MONEY = re.compile(rf"(?<!\w)(?P<sign>\$|€|£|US\$)\s?(?P<n>{_N})(?![^\W_])")
_DEGREES = re.compile(
    rf"{_START}(?:(?P<from>\d{{1,3}}(?:[.,]\d{{1,3}})?)\s?°?\s?[-÷]\s?)?(?P<d>\d{{1,3}}(?:[.,]\d{{1,3}})?)\s?°\s?(?:(?P<m>\d{{1,2}}(?:,\d+)?)\s?')?\s?(?:(?P<s>\d{{1,2}}(?:[,.]\d{{1,3}})?)\s?(?:\"|''))?\s?(?P<pole>[NSEWBĐT])(?![^\W_])"
)
_NO_THOUSANDS = re.compile(rf"(?<!\w)(?:{context('five-k')})(?:\s\w+){{0,3}}\W*\Z")
_AGED = re.compile(rf"(?<!\w)(?:{context('aged')}|mừng thọ[^.;\n]*)(?:\s(?:từ|đủ|trên|dưới))?[\s,≥>]*\Z")
_MARKED = re.compile(r"(?<!\w)(?:điểm|hạng|môn|thi|toán|văn|anh)(?!\w)[^.;\n]*\Z")
_MOST_POINTS = 100
_IN_CHAIN = re.compile(r"[\w%]\s?-\s?\Z")
_LINKED = re.compile(r"(?P<more>\d\s?-\s?)?(?<!\d)\d{1,3}\s?-\s?\Z")
_TERM = re.compile(r"(?<!\w)(?:kỳ hạn|thời hạn|bảo hành|trả góp)\s*\Z")
_COMRADE = re.compile(r"/c(?!\w)")
_ELECTRIC_BEFORE = re.compile(
    r"(?:(?<!\w)(?:dòng|dòng điện|aptomat|áp tô mát|cầu dao|ampe|cb|atomat|điện|cầu chì)|\dv[,;-]?)\W*(?:\w+\s)?\Z"
)
_DIAMETER = re.compile(r"(?<!\w)[ΦφØø⌀Фф]\s?(?=\d)")
_LETTERED = re.compile(r"(?<!\w)(?P<letter>[A-Z])(?P<n>\d{1,3},\d{1,2})\s?(?P<u>m|cm|mm|km)(?![^\W_])")
_TIMES = re.compile(r"(?<=[^\W\d_]\s|\ue000\s|\)\s)[xX×*]\s?(?=\d|\ue000|(?:rộng|dài|cao|sâu|ngang|dày)(?!\w))")
_POLES = {"N": "bắc", "S": "nam", "E": "đông", "W": "tây", "B": "bắc", "Đ": "đông", "T": "tây"}
_POLE_NUMBER = re.compile(
    rf"{_START}(?:(?P<from>\d{{1,3}}(?:[.,]\d{{1,3}})?)\s?[-÷]\s?)?(?P<n>\d{{1,3}}[.,]\d{{1,3}}|\d{{1,3}})\s?(?P<pole>[NSEW])(?![^\W_])"
)
_POLE_AFTER = re.compile(r"[ ,;-]{0,3}\d{1,3}[.,]\d{1,3}\s?[NSEW]\b")
_POLE_BEFORE = re.compile(
    r"(?<!\w)(?:vĩ tuyến|kinh tuyến|vĩ độ|kinh độ|tọa độ|bắc|nam|đông|tây)\s*\Z"
    r"|\d\s?[nsew]\s?(?:[;,-]|đến|tới|và)?\s*\Z"
)


@cache
def unit_pattern() -> str:
    """Give every unit as an alternation, the longest first."""
    names = sorted(units(), key=len, reverse=True)
    return "|".join(re.escape(name) for name in names)


@cache
def _amount() -> re.Pattern[str]:
    unit = unit_pattern()
    return re.compile(
        rf"{_START}(?P<minus>-)?(?P<a>{_SPACED_N}(?=\s?(?:{unit})(?![^\W_]))|{_N})"
        rf"(?:(?:\s?(?P<ua>{unit})(?![^\W_]))?{_SEP}(?P<minus_b>-)?(?P<b>{_N}))?\s?(?P<u>{unit})(?![^\W_]|\d)"
    )


@cache
def _sizes() -> re.Pattern[str]:
    unit = unit_pattern()
    return re.compile(
        rf"{_START}(?P<a>{_N})\s?(?:(?P<ua>{unit})(?=\s?[xX×*]))?\s?[xX×*]\s?(?P<b>{_N})\s?(?:(?P<ub>{unit})(?=\s?[xX×*]))?(?:\s?[xX×*]\s?(?P<c>{_N}))?(?:\s?(?P<u>{unit}))?(?![^\W_])"
    )


def read_quantities(draft: Draft) -> Iterator[Reading]:
    """Read coordinates, sizes, then every number or range that has a unit."""
    yield from draft.search(_DIAMETER, _read_diameter)
    yield from draft.search(_LETTERED, _read_lettered)
    yield from draft.search(_DEGREES, _read_degrees)
    yield from draft.search(_POLE_NUMBER, _read_pole)
    yield from draft.search(_sizes(), _read_size)
    yield from draft.search(_MIXED, _read_mixed)
    yield from draft.search(_PREFIX_MONEY, _read_prefixed)
    yield from _read_amounts(draft)
    yield from draft.search(_MONEY_MARK, _read_money_mark)
    yield from draft.search(_LONE_MARK, _read_lone_mark)
    yield from draft.search(_TIMES, _read_times)


def _read_amounts(draft: Draft) -> Iterator[Reading]:
    """Read amounts from left to right; of a pair that is no range the second is looked at again."""
    text, position = draft.open, 0
    while match := _amount().search(text, position):
        position = match.end("a")
        for reading in _read_amount(draft, match):
            position = reading.end
            yield reading


def _read_amount(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    unit = _unit_of(draft, match)
    if not _fits(draft, match, unit) or _is_linked(draft, match):
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
        said += f" {units()[match['ua']].spoken}"
    if match["ua"] and (not _rising(match) or _IN_CHAIN.search(draft.text, max(0, start - 4), start)):
        end, first = match.end("ua"), units()[match["ua"]]
        yield Reading(start, end, said, _KINDS.get(first.family, SpanKind.MEASURE))
        return
    if match["b"]:
        minus = "âm " if match["minus_b"] else ""
        said += f" đến {minus}{draft.numbers.written(match['b'])}"
    kind = _KINDS.get(unit.family, SpanKind.MEASURE)
    yield Reading(start, match.end(), f"{said} {unit.spoken}", kind, _rising(match))


def _unit_of(draft: Draft, match: re.Match[str]) -> Unit:
    """Give the unit, told by its neighbours where one letter has two: 45T of a patient, 23,5đ of an examination."""
    if match["u"] == "T" and _AGED.search(draft.before(match.start())):
        return units()["t"]
    if match["u"] == "T" and _TERM.search(draft.before(match.start())):
        return units()["tháng"]
    if match["u"] == "đ" and not match["b"] and _MARKED.search(draft.before(match.start())):
        value = parse_decimal(match["a"])
        if value is not None and value <= _MOST_POINTS:
            return units()["điểm"]
    return units()[match["u"]]


def _is_linked(draft: Draft, match: re.Match[str]) -> bool:
    """Tell the tail of a list such as 2-3-4 tháng, which is no range."""
    links = _LINKED.search(draft.text, max(0, match.start() - 10), match.start())
    return links is not None and (match["b"] is not None or links["more"] is not None)


def _rising(match: re.Match[str]) -> bool:
    """Tell whether a range goes up, as ranges do."""
    if not match["b"]:
        return True
    a, b = parse_decimal(match["a"].replace(" ", ".")), parse_decimal(match["b"])
    below = -1 if match["minus"] else 1
    other_units = match["ua"] is not None and match["ua"] != match["u"]
    return a is not None and b is not None and (a * below < b or other_units)


def _fits(draft: Draft, match: re.Match[str], unit: Unit) -> bool:
    """Refuse one-letter units where the letter is more likely a name: lớp 5 A, thôn 3A, 4G."""
    if unit.family == "electric-letter":
        attached = match["b"] is not None or match.end("a") == match.start("u")
        return attached and (unit.written != "A" or _ELECTRIC_BEFORE.search(draft.before(match.start())) is not None)
    if unit.written in "đĐ" and _COMRADE.match(draft.lower, match.end()):
        return False
    if unit.written == "K" and _NO_THOUSANDS.search(draft.before(match.start())):
        return False
    if unit.family == "age":
        return _AGED.search(draft.before(match.start())) is not None
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
    yield Reading(
        *match.span(),
        f"{draft.numbers.cardinal(int(match['a']))} {unit} {rest}",
        _KINDS.get(units()[match["unit"]].family, SpanKind.MEASURE),
    )


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
    said = f"{_from(draft, match)}{draft.numbers.written(match['d'])} độ"
    said += f" {draft.numbers.written(match['m'])} phút" if match["m"] else ""
    said += f" {draft.numbers.written(match['s'])} giây" if match["s"] else ""
    yield Reading(*match.span(), f"{said} {_POLES[match['pole']]}", SpanKind.MEASURE)


def _read_pole(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    paired = _POLE_AFTER.match(draft.text, match.end()) is not None
    if not paired and not _POLE_BEFORE.search(draft.before(match.start())):
        return
    said = f"{_from(draft, match)}{draft.numbers.written(match['n'])} độ {_POLES[match['pole']]}"
    yield Reading(*match.span(), said, SpanKind.MEASURE)


def _from(draft: Draft, match: re.Match[str]) -> str:
    return f"{draft.numbers.written(match['from'])} đến " if match["from"] else ""


def _read_diameter(_draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    yield Reading(*match.span(), "phi", SpanKind.SYMBOL)


def _read_lettered(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    said = f"{spell(match['letter'])} {draft.numbers.written(match['n'])} {units()[match['u']].spoken}"
    yield Reading(*match.span(), said, SpanKind.MEASURE)


def _read_times(_draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    yield Reading(*match.span(), "nhân", SpanKind.SYMBOL)


def read_bare_units(draft: Draft) -> Iterator[Reading]:
    """Read a unit behind a number that was read before it: 140/90 mmHg, 172/301 ha."""
    yield from draft.search(_bare_unit(), _read_bare_unit)


@cache
def _bare_unit() -> re.Pattern[str]:
    names = sorted(
        (re.escape(n) for n, u in units().items() if u.family not in _WITH_DIGITS_ONLY), key=len, reverse=True
    )
    return re.compile(rf"(?<=\ue000)[\s'\"-]{{0,3}}(?P<u>{'|'.join(names)})(?![^\W_])")


def _read_bare_unit(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    unit = units()[match["u"]]
    before = draft.reading_to(match.start())
    if before is not None and before.spoken.rpartition(" ")[2] in NUMBER_WORDS and unit.spoken != match["u"]:
        yield Reading(match.start("u"), match.end(), unit.spoken, _KINDS.get(unit.family, SpanKind.MEASURE))
