"""An abbreviation in brackets right behind its own long form, which nobody says twice."""

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
_SYLLABLE = re.compile(r"[^\W\d_]+")
_SMALL = {"va", "cua", "cho", "ve", "các"}


def read_brackets(draft: Draft) -> Iterator[Reading]:
    """Silence a bracketed abbreviation behind its long form, and remember what it stands for."""
    yield from draft.search(_BRACKET, _read_bracket)


def _read_bracket(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    short = match["short"]
    before = draft.before(match.start())
    long = _known_form(short, before) or _initials_form(short, before)
    if long is None:
        return
    draft.introduced.setdefault(short, long)
    yield Reading(*match.span(), "", SpanKind.ABBREVIATION)


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
