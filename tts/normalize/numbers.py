"""Numbers in words: the arithmetic that every other reader leans on."""

import re
from dataclasses import dataclass

from tts.normalize.style import NORTH, ReadingStyle

DIGITS = ("không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín")
NUMBER_WORDS = frozenset((*DIGITS, "mười", "mươi", "mốt", "tư", "lăm", "trăm", "nghìn", "ngàn", "triệu", "tỷ"))
LONGEST_CARDINAL = 18
"""More digits than this are read one by one: nobody follows such a number by ear."""

# What a written number looks like, before anybody asks what its dots and commas mean. Bounded, so that no
# run of digits can make the search quadratic.
NUMBER = r"(?<![\d.,])\d{1,24}(?:[.,]\d{1,12}){0,8}(?!\d)"
NUMBER_ANYWHERE = r"\d{1,24}(?:[.,]\d{1,12}){0,8}(?!\d)"

_GROUPED = re.compile(r"[1-9]\d{0,2}(?:\.\d{3})+(?:,\d+)?")
_GROUPED_ENGLISH = re.compile(r"[1-9]\d{0,2}(?:,\d{3}){2,}(?:\.\d+)?|[1-9]\d{0,2}(?:,\d{3})+\.\d+")
_DECIMAL = re.compile(r"\d{1,24}[.,]\d{1,24}")


@dataclass(frozen=True, slots=True)
class NumberReader:
    """Says numbers in one style."""

    style: ReadingStyle = NORTH

    def cardinal(self, value: int) -> str:
        """Say a whole number.

        Args:
            value: zero or more; with more than `LONGEST_CARDINAL` digits it is said digit by digit.

        Raises:
            ValueError: value is negative.
        """
        if value < 0:
            raise ValueError(f"not a cardinal: {value}")
        if value >= 10**LONGEST_CARDINAL:
            return self.digits(str(value))
        if value == 0:
            return DIGITS[0]
        return " ".join(self._billions(value, full=False))

    def digits(self, text: str) -> str:
        """Say each digit of `text`; whatever is not a digit is passed over."""
        return " ".join(DIGITS[int(d)] for d in text if d.isascii() and d.isdigit())

    def ordinal(self, value: int) -> str:
        """Say what follows "thứ": nhất, hai, ba, tư."""
        return {1: "nhất", 4: "tư"}.get(value) or self.cardinal(value)

    def month(self, value: int) -> str:
        """Say what follows "tháng"."""
        return "tư" if value == 4 else self.cardinal(value)

    def day(self, value: int) -> str:
        """Say a day of the month."""
        early = f"{self.style.early_days} " if self.style.early_days and 1 <= value <= 10 else ""
        return early + self.cardinal(value)

    def fraction_digits(self, digits: str) -> str:
        """Say what stands behind a decimal comma: as a number when it is short, else digit by digit."""
        if digits.startswith("0") or len(digits) > 3:
            return self.digits(digits)
        return self.cardinal(int(digits))

    def written(self, text: str) -> str:
        """Say a number as it is written in Vietnamese: 1.050.000, 4,25, 07, 1.660.

        A single point that cannot part thousands is a decimal one (2.5); other dots are read "chấm".
        """
        if text.isdigit():
            return self._whole(text)
        if _GROUPED.fullmatch(text):
            whole, _, rest = text.replace(".", "").partition(",")
        elif _GROUPED_ENGLISH.fullmatch(text):
            whole, _, rest = text.replace(",", "").partition(".")
        elif _DECIMAL.fullmatch(text):
            whole, rest = re.split("[.,]", text)
        else:
            parts = re.split("[.,]", text)
            return " chấm ".join(self._whole(part) for part in parts if part)
        return self._whole(whole) + (f" phẩy {self.fraction_digits(rest)}" if rest else "")

    def _whole(self, digits: str) -> str:
        if len(digits) > LONGEST_CARDINAL or (len(digits) > 2 and digits[0] == "0"):
            return self.digits(digits)
        return self.cardinal(int(digits))

    def _billions(self, value: int, *, full: bool) -> list[str]:
        high, low = divmod(value, 10**9)
        if not high:
            return self._below_billion(value, full=full)
        words = [*self._billions(high, full=full), "tỷ"]
        if low:
            words += self._below_billion(low, full=True)
        return words

    def _below_billion(self, value: int, *, full: bool) -> list[str]:
        words: list[str] = []
        for size, name in ((10**6, "triệu"), (10**3, self.style.thousand), (1, "")):
            group, value = divmod(value, size)
            if group:
                words += self._hundreds(group, full=full or bool(words))
                words += [name] if name else []
        return words

    def _hundreds(self, value: int, *, full: bool) -> list[str]:
        hundreds, rest = divmod(value, 100)
        words = [DIGITS[hundreds], "trăm"] if hundreds or full else []
        tens, units = divmod(rest, 10)
        if tens == 0:
            if units:
                words += [self.style.gap, DIGITS[units]] if words else [DIGITS[units]]
            return words
        words += ["mười"] if tens == 1 else [DIGITS[tens], "mươi"]
        if units:
            words.append(self._unit_after_ten(tens, units))
        return words

    def _unit_after_ten(self, tens: int, units: int) -> str:
        if units == 5:
            return "lăm"
        if units == 1 and tens > 1:
            return "mốt"
        if units == 4 and tens > 1:
            return self.style.four
        return DIGITS[units]


def parse_whole(text: str) -> int | None:
    """Give the value of a written whole number (1.660, 07), or None when it is not one."""
    if text.isdigit():
        return int(text) if len(text) <= LONGEST_CARDINAL else None
    if _GROUPED.fullmatch(text) and "," not in text:
        return int(text.replace(".", ""))
    return None


def parse_decimal(text: str) -> float | None:
    """Give the value of a written number, whole or decimal, or None when its dots make no number."""
    whole = parse_whole(text)
    if whole is not None:
        return float(whole)
    if _GROUPED.fullmatch(text):
        return float(text.replace(".", "").replace(",", "."))
    if _DECIMAL.fullmatch(text):
        return float(text.replace(",", "."))
    return None
