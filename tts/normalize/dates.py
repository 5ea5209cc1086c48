"""Dates: 19/5/2026, 3-8/6, tháng 12/2026, quý IV/2026, 2025-2026, thứ 2, 4, 6."""

import re
from calendar import monthrange
from collections.abc import Iterator

from tts.normalize.draft import TAKEN, Draft, Reading
from tts.normalize.nouns import counts_next, shares_next
from tts.normalize.romans import roman_value
from tts.normalize.tables import context
from tts.spoken import SpanKind

_D = r"(?<!\d[.,])(?<![\w/+-])"
_END = r"(?![^\W_]|[.,/-]\d)"
_ISO = re.compile(rf"{_D}(?P<y>(?:19|20)\d\d)[-/](?P<m>\d\d)[-/](?P<d>\d\d){_END}")
_FULL = re.compile(
    rf"{_D}(?:(?P<first>\d{{1,2}})\s?-\s?)?(?P<d>\d{{1,2}})\s?(?P<sep>[/.-])\s?(?P<m>\d{{1,2}})\s?(?P=sep)\s?(?P<y>\d{{4}}|\d{{2}}){_END}"
)
_TWO_DATES = re.compile(
    rf"{_D}(?P<d1>\d{{1,2}})/(?P<m1>\d{{1,2}})(?:/(?P<y1>\d{{4}}))?\s?-\s?"
    rf"(?P<d2>\d{{1,2}})/(?P<m2>\d{{1,2}})(?:/(?P<y2>\d{{4}}))?{_END}"
)
_AFTER_TIME = re.compile(rf"(?<={TAKEN})\s?/\s?(?P<d>\d{{1,2}})[/-](?P<m>\d{{1,2}})(?:/(?P<y>\d{{4}}))?{_END}")
_ROUND_THE_CLOCK = re.compile(rf"{_D}24/(?:7|24){_END}")
_DAYS_OF_MONTH = re.compile(r"(?<!\w)(?:[Nn]gày)\s+(?P<a>\d{1,2})\s?-\s?(?P<b>\d{1,2})(?=\s(?:hằng|hàng|mỗi) tháng)")
_HOLIDAY = re.compile(rf"{_D}(?P<d>\d{{1,2}})-(?P<m>\d{{1,2}}){_END}")
_MONTH_YEAR = re.compile(
    rf"{_D}(?:(?P<first>\d{{1,2}})\s?-\s?)?(?P<m>\d{{1,2}})\s?(?P<sep>[/.-])\s?(?P<y>(?:19|20)\d\d){_END}"
)
_PART_YEAR = re.compile(
    r"(?<!\w)(?P<name>[Qq]uý|[Qq]uí|[Hh]ọc kỳ|[Kk]ỳ|[Vv]ụ|[Đđ]ợt|[Ll]ần|[Pp]hiên|[Tt]uần|[Hh][Kk]|Q\.?)"
    r"\s?(?P<n>\d{1,2}|[IVX]{1,4})\s?[/-]\s?(?P<y>(?:19|20)\d\d)(?![\w/])"
)
_DAY_RANGE = re.compile(rf"{_D}(?P<a>\d{{1,2}})\s?-\s?(?P<d>\d{{1,2}})\s?/\s?(?P<m>\d{{1,2}}){_END}")
_DAYS_WORDS = re.compile(r"(?<!\w)(?:ngày|từ|mùng|mồng)\s+(?P<a>\d{1,2})(?=\s*(?:,|và|&|-|đến|tới|;))")
_DAY_MONTH = re.compile(rf"{_D}(?P<d>\d{{1,2}})\s?(?P<sep>[/.-])\s?(?P<m>\d{{1,2}}){_END}")
_MONTHS = re.compile(
    r"(?<!\w)(?:[Tt]háng|THÁNG)\s+(?P<m>\d{1,2})(?P<more>(?:\s?(?:,|-|và|đến|/)\s?\d{1,2}(?![\w/.]|,\d)){0,11})(?![\w/]|\.\d|,\d)"
)
_MONTH_LETTER = re.compile(r"(?<![\w.])T\.?\s?(?P<m>1[0-2]|0?[1-9])\s?[/-]\s?(?P<y>(?:19|20)\d\d)(?![\w/])")
_YEARS = re.compile(rf"{_D}(?P<a>(?:19|20)\d\d)\s?[-/]\s?(?P<b>(?:19|20)\d\d)(?![^\W_]|[./-]\d)")
_YEARS_SHORT = re.compile(rf"{_D}(?P<a>20\d\d)-(?P<b>\d\d)(?![^\W_]|[./-]\d)")
_DASHED = re.compile(
    rf"{_D}(?P<d>\d{{1,2}})-(?P<m>\d{{1,2}})(?=\s(?:đến|tới|-)\s(?:hết\s)?(?:ngày\s)?(?P<next>{TAKEN}))"
)
_AND = r"\s{0,2}(?:,|và|&|-|đến ngày|đến|tới|;)\s{0,2}"
_MORE_DAYS = re.compile(rf"(?:{_AND}\d{{1,2}}){{0,6}}{_AND}(?={TAKEN})")
_LUNAR = re.compile(r"(?<!\w)(?:ÂL|AL|âl)(?!\w)")

_STRONG = re.compile(rf"(?<!\w)(?:{context('date')})[\s,:(]*\Z")
_WEAK = re.compile(rf"(?<!\w)(?:{context('perhaps-date')})\s*\Z|[(,;&]\s*\Z|\A\W*\Z|-\s*\Z")
_DEADLINE = re.compile(r"(?<!\w)(?:trước|hết|chậm nhất|hạn cuối|đến|tới|từ|sau)\s*\Z")
_DATE_AFTER = re.compile(
    r"\A(?:âm lịch|dương lịch|hàng năm|hằng năm|năm (?:\d|giáp|ất|bính|đinh|mậu|kỷ|canh|tân|nhâm|quý)|năm nay|vừa qua"
    r"|tới|âl|này|\()(?!\w)"
)
_NOT_DATE = re.compile(rf"(?<!\w)(?:{context('not-date')})\s*\Z")
_NAMED_PLACE = re.compile(rf"(?<!\w)(?:{context('named-place')})\s*\Z")
_FEAST_BEFORE = re.compile(r"(?<!\w)ngày(?:\s[^\W\d_]+){1,5}\s*\Z")
_OPENED = re.compile(
    r"(?<!\w)(?:khai giảng|khai mạc|bế mạc|khởi công|khánh thành|xuất phát|phát động|xuất quân|tựu trường|nghiệm thu"
    r"|bàn giao|ra quân|giao quân|nhập ngũ|nhập học|tổng kết|sơ kết|mất điện|cắt điện|nộp|trả|chốt|lịch|hội)\s*\Z"
)
_ALWAYS_OPEN = re.compile(r"(?<!\d)24/(?:24|7)(?:\s?(?:h|giờ))?[\s,;và-]*\Z")
_RATIO_BEFORE = re.compile(
    r"(?<!\w)(?:tỷ lệ|tỉ lệ|số|luật|tt|nđ|nq|ct|qđ|nghị định|thông tư|quyết định|nghị quyết|chỉ thị)\s*\Z"
)
_JOINED = re.compile(r"(?:\s?,|\s(?:và|hoặc|hay|-))\s\Z")
_VICTORY = re.compile(r"(?<!\w)(?:chiến thắng|đại thắng|giải phóng)\s*\Z")
_VICTORY_DAY = (30, 4)
_NAMED = {
    (8, 3),
    (30, 4),
    (1, 5),
    (2, 9),
    (20, 10),
    (20, 11),
    (22, 12),
    (27, 7),
    (19, 5),
    (3, 2),
    (26, 3),
    (1, 6),
    (27, 2),
    (21, 6),
    (19, 8),
}


def read_dates(draft: Draft) -> Iterator[Reading]:
    """Read dates, the fullest first."""
    yield from draft.search(_ISO, _read_full)
    yield from draft.search(_PART_YEAR, _read_part_year)
    yield from draft.search(_AFTER_TIME, _read_after_time)
    yield from draft.search(_TWO_DATES, _read_two_dates)
    yield from draft.search(_DAYS_OF_MONTH, _read_days_of_month)
    yield from draft.search(_FULL, _read_full)
    yield from draft.search(_DASHED, _read_dashed)
    yield from draft.search(_MONTH_LETTER, _read_month_letter)
    yield from draft.search(_MONTH_YEAR, _read_month_year)
    yield from draft.search(_YEARS, _read_years)
    yield from draft.search(_YEARS_SHORT, _read_years)
    yield from draft.search(_DAY_RANGE, _read_day_range)
    yield from draft.search(_ROUND_THE_CLOCK, _read_round_the_clock)
    yield from draft.search(_HOLIDAY, _read_holiday)
    yield from draft.search(_DAY_MONTH, _read_day_month)
    yield from draft.search(_MONTHS, _read_months)
    yield from draft.search(_DAYS_WORDS, _read_day_word)
    yield from draft.search(_LUNAR, _read_lunar)


def is_day(day: int, month: int, year: int = 2024) -> bool:
    """Tell whether the calendar has this day (29/2 included when no year is given)."""
    return 1 <= month <= 12 and 1 <= year <= 9999 and 1 <= day <= monthrange(year, month)[1]


def say_date(draft: Draft, day: int, month: int, year: int | None = None) -> str:
    """Say a day, its month and, when given, its year."""
    said = f"{draft.numbers.day(day)} tháng {draft.numbers.month(month)}"
    return said if year is None else f"{said} năm {draft.numbers.cardinal(year)}"


def _read_full(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    groups = match.groupdict()
    day, month, year = int(groups["d"]), int(groups["m"]), int(groups["y"])
    two_digits = len(groups["y"]) == 2
    if two_digits:
        if groups.get("sep") != "/" and not _STRONG.search(draft.before(match.start())):
            return
        year += 2000 if year < 70 else 1900
    if not is_day(day, month, year) and (two_digits or month > 31 or day > 99):
        return
    first = groups.get("first")
    said = say_date(draft, day, month, year)
    sure = is_day(day, month, year)
    if first:
        said = f"{draft.numbers.day(int(first))} đến {said}"
        sure = sure and int(first) < day
    yield Reading(*match.span(), said, SpanKind.DATE, sure)


def _read_dashed(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    """Read the first of "04-05 đến 15-05-2026", when what follows is a date."""
    day, month, last = int(match["d"]), int(match["m"]), draft.reading_from(match.start("next"))
    if last is not None and last.kind is SpanKind.DATE and is_day(day, month):
        yield Reading(*match.span(), say_date(draft, day, month), SpanKind.DATE)


def _read_two_dates(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    said, sure = [], True
    for n in "12":
        day, month, year = int(match[f"d{n}"]), int(match[f"m{n}"]), match[f"y{n}"]
        said.append(say_date(draft, day, month, int(year) if year else None))
        sure = sure and is_day(day, month, int(year) if year else 2024)
    if sure or match["y2"]:
        yield Reading(*match.span(), " đến ".join(said), SpanKind.DATE, sure)


def _read_after_time(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    """Read the date of "13h/05/9"."""
    day, month, year = int(match["d"]), int(match["m"]), match["y"]
    if is_day(day, month):
        said = say_date(draft, day, month, int(year) if year else None)
        yield Reading(*match.span(), f"ngày {said}", SpanKind.DATE)


def _read_days_of_month(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    said = f"{draft.numbers.day(int(match['a']))} đến {draft.numbers.day(int(match['b']))}"
    yield Reading(match.start("a"), match.end("b"), said, SpanKind.DATE)


def _read_round_the_clock(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    if not _STRONG.search(draft.before(match.start()).rstrip("(, ")):
        a, b = (draft.numbers.cardinal(int(part)) for part in match[0].split("/"))
        yield Reading(*match.span(), f"{a} trên {b}", SpanKind.RATIO)


def _read_holiday(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    """Read 19-8 or 30-4 as the day it is known for, where a place or a feast is named by it."""
    day, month = int(match["d"]), int(match["m"])
    if (day, month) not in _NAMED or counts_next(draft, match.end()):
        return
    before = draft.before(match.start())
    feast = _NAMED_PLACE.search(before) or _STRONG.search(before) or _joined_to_date(draft, match.start())
    if feast or ((day, month) == _VICTORY_DAY and _VICTORY.search(before)):
        yield Reading(*match.span(), say_date(draft, day, month), SpanKind.DATE)


def _joined_to_date(draft: Draft, position: int) -> bool:
    """Tell whether "và" or a comma ties this place to a date: 30-4 và 1-5."""
    joint = _JOINED.search(draft.text, max(0, position - 6), position)
    reading = draft.reading_to(joint.start()) if joint else None
    return reading is not None and reading.kind is SpanKind.DATE


def _read_part_year(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    value = int(match["n"]) if match["n"].isdigit() else roman_value(match["n"])
    if value is None:
        return
    name = {"hk": "học kỳ", "q": "quý"}.get(match["name"].lower().rstrip("."), match["name"])
    said = f"{name} {draft.numbers.cardinal(value)} năm {draft.numbers.cardinal(int(match['y']))}"
    yield Reading(*match.span(), said, SpanKind.DATE)


def _read_month_letter(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    said = f"tháng {draft.numbers.month(int(match['m']))} năm {draft.numbers.cardinal(int(match['y']))}"
    yield Reading(*match.span(), said, SpanKind.DATE)


def _read_month_year(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    month = int(match["m"])
    named = re.search(r"(?<!\w)tháng\s*\Z", draft.before(match.start())) is not None
    if not named and (match["sep"] == "." or (match["first"] and not named) or counts_next(draft, match.end())):
        return
    if _RATIO_BEFORE.search(draft.before(match.start())) and not named:
        return
    first = f"{draft.numbers.month(int(match['first']))} đến " if match["first"] else ""
    said = f"{first}{draft.numbers.month(month)} năm {draft.numbers.cardinal(int(match['y']))}"
    sure = 1 <= month <= 12
    if not sure and not named:
        return
    yield Reading(*match.span(), said if named else f"tháng {said}", SpanKind.DATE, sure)


def _read_years(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    a, b = int(match["a"]), int(match["b"])
    if len(match["b"]) == 2:
        b += a // 100 * 100
        if b != a + 1:
            return
    if b > a:
        said = f"{draft.numbers.cardinal(a)} đến {draft.numbers.cardinal(b)}"
        yield Reading(*match.span(), said, SpanKind.DATE)


def _read_day_range(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    a, day, month = int(match["a"]), int(match["d"]), int(match["m"])
    if not is_day(day, month) or not 1 <= a < day:
        return
    before = draft.before(match.start())
    if _NOT_DATE.search(before) or (counts_next(draft, match.end()) and not _STRONG.search(before)):
        return
    said = f"{draft.numbers.day(a)} đến {say_date(draft, day, month)}"
    yield Reading(*match.span(), said, SpanKind.DATE, _around_is_date(draft, match))


def _read_day_month(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    day, month = int(match["d"]), int(match["m"])
    before = draft.before(match.start())
    strong = _STRONG.search(before) is not None or _DATE_AFTER.search(draft.after(match.end())) is not None
    strong = strong or (_DEADLINE.search(before) is not None and day > month and len(match["d"]) == 2)
    if match["sep"] != "/" and not (strong and _tight_or_date(match) and is_day(day, month)):
        return
    if not is_day(day, month):
        if strong and 1 <= day <= 39 and 1 <= month <= 19 and not counts_next(draft, match.end()):
            yield Reading(*match.span(), say_date(draft, day, month), SpanKind.DATE, certain=False)
        return
    if not strong and not _weakly_date(draft, match, before):
        return
    yield Reading(*match.span(), say_date(draft, day, month), SpanKind.DATE)


def _tight_or_date(match: re.Match[str]) -> bool:
    return " " not in match[0]


def _weakly_date(draft: Draft, match: re.Match[str], before: str) -> bool:
    """Judge a bare "7/9": no counted noun behind it, and something that leads to a date before it."""
    if _NOT_DATE.search(before) or counts_next(draft, match.end()) or shares_next(draft, match.end()):
        return False
    if match[0] == "7/7" and _ALWAYS_OPEN.search(before):
        return False
    day, month = int(match["d"]), int(match["m"])
    if (day, month) in _NAMED or (len(match["d"]) == 2 and match["d"][0] == "0"):
        return True
    if (day > month or _OPENED.search(before) or _FEAST_BEFORE.search(before)) and not _RATIO_BEFORE.search(before):
        return True
    neighbour = draft.reading_to(match.start() - 1) or draft.reading_to(match.start() - 3)
    if neighbour is not None and neighbour.kind in {SpanKind.TIME, SpanKind.DATE}:
        return True
    return _WEAK.search(before) is not None


def _around_is_date(draft: Draft, match: re.Match[str]) -> bool:
    before = draft.before(match.start())
    return _STRONG.search(before) is not None or _WEAK.search(before) is not None


def _read_months(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    for number in re.finditer(r"\d{1,2}", match[0]):
        value = int(number[0])
        start = match.start() + number.start()
        yield Reading(start, start + len(number[0]), draft.numbers.month(value), SpanKind.DATE, 1 <= value <= 12)


def _read_day_word(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    """Read the first day of "từ ngày 5 đến 9/4", when a date follows."""
    rest = draft.open[match.end() : match.end() + 40]
    following = _MORE_DAYS.match(rest)
    if following is None:
        return
    reading = draft.reading_from(match.end() + following.end())
    if reading is not None and reading.kind is SpanKind.DATE:
        yield Reading(*match.span("a"), draft.numbers.day(int(match["a"])), SpanKind.DATE)


def _read_lunar(_draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    yield Reading(*match.span(), "âm lịch", SpanKind.ABBREVIATION)
