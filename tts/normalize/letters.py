"""Letters by their names, and capitals that are no word and no abbreviation we know."""

import re
import unicodedata
from collections.abc import Iterator

from tts.normalize.compounds import split_known
from tts.normalize.draft import Draft, Reading
from tts.normalize.syllables import is_syllable, without_marks
from tts.normalize.tables import pairs
from tts.spoken import SpanKind

_LONE = re.compile(r"(?<![^\W_])[^\W\d_](?![^\W_])")
_INITIALS = re.compile(r"(?<![^\W_])[A-ZĐ](?:\.[A-ZĐ]){2,6}(?![^\W_])|(?<=[a-zà-ỹ] )[A-ZĐ]\.[A-ZĐ](?![^\W_])")
_PERSON = re.compile(
    r"(?<!\w)(?:[Ôô]ng|[Bb]à|[Aa]nh|[Cc]hị|[Cc]ô|[Cc]hú|[Bb]ác|[Ee]m|[Cc]háu|[Cc]ụ|[Tt]hầy) "
    r"(?P<initial>[A-ZĐ](?:\.(?= [a-zà-ỹđ(])|(?![^\W_]|\.)))"
)
_CAPITALS = re.compile(r"(?<![^\W_])(?=[^\W\d_a-z]{0,3}[A-ZĐ])[^\W\d_]{2,40}(?![^\W_])")
_MIXED = re.compile(r"(?<![^\W_])(?=[^\W\d_]{0,6}[A-ZĐ]{2})[A-Za-zĐđ]{3,8}(?![^\W_])")
_VOWELS = set("aeiouy")
_TONES = set("\u0300\u0301\u0303\u0309\u0323")
_LONGEST_SPELLED = 6
_CROWDED = re.compile(r"[^aeiouy]{3}")
_CROWDED_LONG = re.compile(r"[^aeiouy]{4}")


def spell(letters: str) -> str:
    """Say letters one by one by their Vietnamese names; D in capitals as in "khối D", d as in a law's "điểm d"."""
    names = pairs("letters")
    said = (names.get(letter) or names.get(letter.lower()) for letter in letters)
    return " ".join(filter(None, said))


def read_initials(draft: Draft) -> Iterator[Reading]:
    """Read the initials that stand for a name: N.V.A, bà T."""
    yield from draft.search(_INITIALS, _read_initials)
    yield from draft.search(_PERSON, _read_person)


def read_letters(draft: Draft) -> Iterator[Reading]:
    """Read lone letters and unknown capitals (XYZ)."""
    yield from draft.search(_CAPITALS, _read_capitals)
    yield from draft.search(_MIXED, _read_mixed)
    yield from draft.search(_LONE, _read_lone)


def _read_initials(_draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    yield Reading(*match.span(), spell(match[0]), SpanKind.LETTERS)


def _read_person(_draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    yield Reading(*match.span("initial"), spell(match["initial"]), SpanKind.LETTERS)


def _read_capitals(_draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    word = match[0]
    if not word.isupper() or is_syllable(word):
        return
    known = split_known(word)
    if known:
        yield Reading(*match.span(), known, SpanKind.ABBREVIATION, certain=False)
    elif not _pronounceable(word) and spell(word):
        yield Reading(*match.span(), spell(word), SpanKind.LETTERS, certain=False)


def _read_mixed(_draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    """Spell what has two capitals in a row and small letters too: bOPV, pgTr."""
    if not match[0].isupper() and not is_syllable(match[0]):
        yield Reading(*match.span(), spell(match[0]), SpanKind.LETTERS, certain=False)


def _read_lone(_draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    spoken = spell(match[0])
    if spoken and spoken != match[0].lower():
        yield Reading(*match.span(), spoken, SpanKind.LETTERS)


def _pronounceable(word: str) -> bool:
    if any(char in _TONES for char in unicodedata.normalize("NFD", word)):
        return True
    plain = without_marks(word).lower()
    vowels = sum(letter in _VOWELS for letter in plain)
    crowded = _CROWDED_LONG if len(word) > _LONGEST_SPELLED else _CROWDED
    return len(word) >= 4 and vowels >= 2 and not crowded.search(plain)
