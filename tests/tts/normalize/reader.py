"""Reads Vietnamese numbers, dates and times back from words: the other direction, written without ours."""

import re

_UNITS = {
    word: value
    for value, words in enumerate(
        ["không", "một mốt", "hai", "ba", "bốn tư", "năm lăm nhăm", "sáu", "bảy", "tám", "chín"]
    )
    for word in words.split()
}
_SCALES = {"nghìn": 10**3, "ngàn": 10**3, "triệu": 10**6, "tỷ": 10**9, "tỉ": 10**9}


def number_from(words: str) -> int:
    """Give the value of a number in words.

    Raises:
        ValueError: the words are no number said properly.
    """
    total = billions = group = 0
    tens_open = False
    last_scale = 10**12
    for word in words.split():
        if word in _UNITS:
            group = group + _UNITS[word] if group % 10 == 0 else _refuse(words)
            tens_open = True
        elif word == "mười":
            group += 10
        elif word == "mươi":
            units = group % 10
            group = group - units + units * 10 if tens_open and units else _refuse(words)
        elif word == "trăm":
            group *= 100
        elif word in {"linh", "lẻ"}:
            continue
        elif word in {"tỷ", "tỉ"}:
            billions = (billions + total + group) * 10**9
            total, group, last_scale = 0, 0, 10**9
        elif word in _SCALES:
            scale = _SCALES[word]
            if scale >= last_scale or not group:
                _refuse(words)
            total, group, last_scale = total + group * scale, 0, scale
        else:
            _refuse(words)
    return billions + total + group


def _refuse(words: str) -> int:
    raise ValueError(f"not a number: {words}")


def time_from(words: str) -> tuple[int, int]:
    """Give hour and minute of "bảy giờ ba mươi phút"."""
    match = re.fullmatch(r"(?P<hour>.+?) giờ(?: (?P<minute>.+) phút)?", words)
    if match is None:
        raise ValueError(f"not a time: {words}")
    return number_from(match["hour"]), number_from(match["minute"]) if match["minute"] else 0


def date_from(words: str) -> tuple[int, int, int | None]:
    """Give day, month and year of "năm tháng tư năm hai nghìn không trăm hai mươi sáu"."""
    match = re.fullmatch(r"(?P<day>.+?) tháng (?P<month>.+?)(?: năm (?P<year>(?:một|hai) nghìn.*))?", words)
    if match is None:
        raise ValueError(f"not a date: {words}")
    return number_from(match["day"]), number_from(match["month"]), number_from(match["year"]) if match["year"] else None
