"""What brackets only repeat, and nobody says twice: Hợp tác xã (HTX), 03 (ba) bộ."""

import re
from collections.abc import Iterator

from tts.normalize.draft import Draft, Reading
from tts.normalize.syllables import without_marks
from tts.normalize.tables import senses
from tts.spoken import SpanKind

_BRACKET = re.compile(
    r"\(\s?(?:gọi tắt là |sau đây gọi tắt là |viết tắt là |viết tắt: ?)?"
    r"\"?(?P<short>[A-ZĐƯĂÂÊÔƠ][A-ZĐƯĂÂÊÔƠa-z0-9&.-]{1,14})\"?\s?\)"
)
_IN_WORDS = re.compile(
    r"(?<!\d[.,])(?<![\w/])(?P<number>\d{1,3}(?:\.\d{3}){0,4}|\d{1,9})\s?"
    r"(?P<bracket>\((?P<words>[a-zà-ỹđ]{2,6}(?: [a-zà-ỹđ]{2,6}){0,12})\))"
)
_SYLLABLE = re.compile(r"[^\W\d_]+")
_SMALL = {"va", "cua", "cho", "ve", "các"}


def read_brackets(draft: Draft) -> Iterator[Reading]:
    """Silence a bracketed abbreviation behind its long form, and remember what it stands for."""
    yield from draft.search(_BRACKET, _read_bracket)
    yield from draft.search(_IN_WORDS, _read_in_words)


def _read_bracket(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    short = match["short"]
    before = draft.before(match.start())
    long = _known_form(short, before) or _initials_form(short, before)
    if long is None:
        return
    draft.introduced.setdefault(short, long)
    yield Reading(*match.span(), "", SpanKind.ABBREVIATION)


def _read_in_words(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    """Silence the words that only repeat the number before them: 03 (ba) bộ."""
    if draft.numbers.cardinal(int(match["number"].replace(".", ""))) == match["words"]:
        yield Reading(*match.span("bracket"), "", SpanKind.CARDINAL)


def _known_form(short: str, before: str) -> str | None:
    said = " ".join(_SYLLABLE.findall(before))
    for sense in senses("abbreviations").get(short, ()):
        if said.endswith(" ".join(_SYLLABLE.findall(sense.spoken.lower()))):
            return sense.spoken
    return None


def _initials_form(short: str, before: str) -> str | None:
    """Find the words whose initials the letters are; "và" may be passed over."""
    letters = [letter for letter in short.lower() if letter.isalpha()]
    syllables = _SYLLABLE.findall(re.split(r"[,.;:()]", before)[-1])
    taken: list[str] = []
    for syllable in reversed(syllables):
        if not letters:
            break
        if syllable[0] == letters[-1] or without_marks(syllable[0]) == letters[-1]:
            letters.pop()
        elif without_marks(syllable) not in _SMALL:
            return None
        taken.append(syllable)
    if letters or len(taken) < 2:
        return None
    return " ".join(reversed(taken))
