"""Web and mail addresses, handles and hashtags."""

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from math import log

from tts.normalize.canonical import VIETNAMESE
from tts.normalize.draft import Draft, Reading
from tts.normalize.letters import spell
from tts.normalize.syllables import is_syllable, without_marks
from tts.normalize.tables import pairs, rows
from tts.spoken import SpanKind

_TLD = "vn|com|net|org|gov|edu|info|io|me|asia|biz|xyz|app|dev|online|tv|ly"
_W = f"A-Za-z0-9_{VIETNAMESE}{VIETNAMESE.upper()}"
_PATH = rf"[{_W}.~:/?#@!$&'*+,;=%-]"
_MAIL = re.compile(rf"(?<![\w.@+-])[{_W}.+-]{{1,64}}@[{_W}-]{{1,63}}(?:\.[{_W}-]{{1,63}}){{1,5}}")
_URL = re.compile(rf"(?<![\w.@-])(?:[Hh]ttps?://|[Ww]{{3}}\.){_PATH}{{1,300}}")
_HOST = re.compile(rf"(?<![\w.@-])(?:[A-Za-z0-9-]{{1,63}}\.){{1,5}}(?:{_TLD})(?![\w@])(?:/{_PATH}{{0,300}})?")
_ENDING = re.compile(rf"(?<![^\s(\"'])(?:\.[a-z]{{2,5}}){{0,3}}\.(?:{_TLD})(?![\w@])")
_HANDLE = re.compile(rf"(?<![^\s(])([@#])([{_W}]{{1,60}})")
_TRAILING = ".,;:!?'\"-/)]*"
_PART = re.compile(r"[^\W\d_]+|\d+|[^\w\s]|_")
_SIGNS = {
    ".": "chấm", "@": "a còng", "/": "gạch chéo", "-": "gạch ngang", "_": "gạch dưới", "?": "hỏi", "=": "bằng",
    "&": "và", ":": "hai chấm", "#": "thăng", "%": "phần trăm", "+": "cộng", "~": "ngã", ",": "phẩy",
}  # fmt: skip


def read_web(draft: Draft) -> Iterator[Reading]:
    """Read mail addresses, then web addresses, then @names and #tags."""
    yield from draft.search(_MAIL, _read_address)
    yield from draft.search(_URL, _read_address)
    yield from draft.search(_HOST, _read_address)
    yield from draft.search(_ENDING, _read_address)
    yield from draft.search(_HANDLE, _read_handle)


def _read_address(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    address = match[0].rstrip(_TRAILING)
    plain = re.sub(r"\A[Hh]ttps?://", "", address)
    spoken = say_address(draft, plain)
    if spoken:
        known = all(ord(char) < 128 for char in address)
        yield Reading(match.start(), match.start() + len(address), spoken, SpanKind.WEB, certain=known)


def _read_handle(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    sign = "a còng" if match[1] == "@" else "thăng"
    spoken = say_address(draft, match[2])
    yield Reading(*match.span(), f"{sign} {spoken}".strip(), SpanKind.WEB, certain=False)


def say_address(draft: Draft, address: str) -> str:
    """Say an address part by part: words where they can be made out, else letters."""
    said = []
    for part in _PART.findall(address):
        if part.isdigit():
            said.append(
                draft.numbers.cardinal(int(part)) if len(part) < 3 and part[0] != "0" else draft.numbers.digits(part)
            )
        elif part[0].isalpha():
            said.append(_say_label(part))
        else:
            said.append(_SIGNS.get(part, ""))
    return " ".join(filter(None, said))


def _say_label(label: str) -> str:
    known = pairs("web")
    if label.lower() in known:
        return known[label.lower()]
    if len(label) > 1 and is_syllable(label):
        return label.lower()
    parts = _syllables_of(label.lower())
    if parts:
        return " ".join(known.get(part, part) for part in parts)
    if len(label) <= 3 or not re.search("[aeiouy]", without_marks(label.lower())):
        return spell(without_marks(label).upper())
    return without_marks(label.lower())


def _syllables_of(label: str) -> list[str] | None:
    """Part a run-together label into toneless syllables and known words, the fewest and longest."""
    if len(label) > 40 or not label.isascii():
        return None
    known = pairs("web")
    best: list[list[str] | None] = [[]] + [None] * len(label)
    for end in range(1, len(label) + 1):
        for start in range(max(0, end - 14), end):
            head, part = best[start], label[start:end]
            if head is None or not (part in known or (len(part) > 1 and is_syllable(part, toneless=True))):
                continue
            current = best[end]
            candidate = [*head, part]
            if current is None or _better(candidate, current):
                best[end] = candidate
    return best[len(label)]


def _better(parts: list[str], than: list[str]) -> bool:
    """Prefer fewer parts, then those that our own lexicon has oftener: hoa binh an, not hoa bi nhan."""
    return _rank(parts) < _rank(than)


def _rank(parts: list[str]) -> tuple[int, float]:
    often = _syllable_counts()
    return len(parts), -sum(log(1 + often[part]) for part in parts)


@cache
def _syllable_counts() -> Counter[str]:
    """Count the syllables of what abbreviations stand for, their marks taken off, and the known words of addresses."""
    spoken = " ".join(row[1] for row in rows("abbreviations"))
    return Counter(without_marks(spoken).replace("?", "").split()) + Counter(dict.fromkeys(pairs("web"), 9))
