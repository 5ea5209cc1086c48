"""Letters and digits in one token: 3A, TBR225, H5N6, VTV1, 9A1, COVID-19, BĐ2, TH3-3."""

import re
from collections.abc import Iterator

from tts.normalize.abbreviations import choose_sense
from tts.normalize.draft import Draft, Reading
from tts.normalize.letters import spell
from tts.normalize.nouns import names_variety
from tts.normalize.romans import roman_value
from tts.normalize.syllables import is_syllable, place_tones
from tts.normalize.tables import Sense, context, pairs, senses, units
from tts.spoken import SpanKind

_CODE = re.compile(
    r"(?<![^\W_])(?<!\d[.,])(?=[^\W_]{0,20}\d)(?=[^\W_]{0,20}[^\W\d_])[^\W_]{2,40}(?:[./-][^\W_]{0,12}\d[^\W_]{0,12}|-[A-Z]{1,3}(?![^\W_])){0,4}(?![^\W_])"
)
_LETTER_NUMBER = re.compile(r"(?<![^\W_])(?P<letters>[A-ZĐ]{1,5})-(?P<digits>\d{1,6}[A-Za-z]?)(?![^\W_]|[.,/-]\d)")
_VARIANT = re.compile(r"(?<![^\W_])(?P<letters>[A-Z]{2,3})(?P<digits>(?:\.\d{1,2}){1,3})(?![^\W_]|[.,/-]\d)")
_VIRUS_BEFORE = re.compile(r"(?<!\w)(?:biến thể|chủng|omicron|vi rút|virus|dòng phụ)(?:\s\S+){0,2}\s*\Z")
_LETTER_SLASH = re.compile(r"(?<![^\W_])[A-Z]/(?=[A-Z]\d)")
_CULTIVAR = re.compile(r"(?<![^\W_])(?P<letters>[A-ZĐ]{1,4}) (?P<digits>\d{2,6})(?![^\W_]|[.,/-]\d)")
_CULTIVAR_BEFORE = re.compile(rf"(?<!\w)(?:{context('cultivar')})[\s:]*(?:\S+\s?[,;]?\s?(?:và\s)?){{0,3}}\Z")
_BOAT = re.compile(r"(?<![^\W_])(?P<place>[A-ZĐ][A-ZĐa-z]{1,2})[- ](?P<number>\d{4,5})[- ]?(?P<tail>TS)(?![^\W_])")
_ALARM = re.compile(r"(?<![^\W_])BĐ\s?(?P<n>I{1,3})(?![^\W_])")
_YEAR = re.compile(r"(?:19|20)\d\d")
_GROUP = re.compile(r"[^\W\d_]+|\d+|[./-]")
_LEAST_SPELLED_DIGITS = 4


def read_codes(draft: Draft) -> Iterator[Reading]:
    """Read tokens of letters and digits, the letters by name and short numbers as numbers."""
    yield from draft.search(_CULTIVAR, _read_cultivar)
    yield from draft.search(_BOAT, _read_boat)
    yield from draft.search(_ALARM, _read_alarm)
    yield from draft.search(_LETTER_SLASH, _read_letter_slash)
    yield from draft.search(_CODE, _read_code)
    yield from draft.search(_LETTER_NUMBER, _read_letter_number)
    yield from draft.search(_VARIANT, _read_variant)


def _read_cultivar(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    if not _YEAR.fullmatch(match["digits"]) and _CULTIVAR_BEFORE.search(draft.before(match.start())):
        said = f"{spell(match['letters'])} {_say_group(draft, match['digits'])}"
        yield Reading(*match.span(), said, SpanKind.CODE)


def _read_boat(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    said = f"{spell(match['place'])} {draft.numbers.digits(match['number'])} {spell(match['tail'])}"
    yield Reading(*match.span(), said, SpanKind.PLATE)


def _read_alarm(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    yield Reading(*match.span(), f"báo động {draft.numbers.cardinal(len(match['n']))}", SpanKind.ROMAN)


def _read_letter_slash(_draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    yield Reading(match.start(), match.end(), spell(match[0][0]), SpanKind.CODE)


def _read_letter_number(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    term = roman_value(match["letters"]) is not None and _YEAR.fullmatch(match["digits"])
    if term or match["letters"] in senses("abbreviations"):
        return
    said = [spell(match["letters"]), *(_say_group(draft, g) for g in _GROUP.findall(match["digits"]))]
    yield Reading(*match.span(), " ".join(said), SpanKind.CODE)


def _read_variant(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    """Read BA.5, XBB.1.5 with their dots where viruses are spoken of; that of IC.3 only parts."""
    if match["letters"] not in senses("abbreviations"):
        joint = " chấm " if _VIRUS_BEFORE.search(draft.before(match.start())) else " "
        said = [spell(match["letters"]), *(_say_group(draft, g) for g in match["digits"].split(".") if g)]
        yield Reading(*match.span(), joint.join(said), SpanKind.CODE)


def _read_code(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    groups = _GROUP.findall(match[0])
    said = []
    certain = len(match[0]) <= 12
    for index, group in enumerate(groups):
        if group == "-":
            said.append("đến" if _is_range(groups, index) else "")
        elif group == "/":
            said.append("trên")
        elif group == ".":
            said.append("phẩy" if groups[0] == "PM" else "chấm")
        elif group.isdigit():
            said.append(_say_group(draft, group[1:] if index == 0 and len(group) == 2 and group[0] == "0" else group))
        else:
            said.append(_say_letters(draft, group, match, first=index == 0 or groups[index - 1] == "-"))
    yield Reading(*match.span(), " ".join(filter(None, said)), SpanKind.CODE, certain)


def _is_range(groups: list[str], dash: int) -> bool:
    """Tell BĐ2-BĐ3 or A1-A5 from TH3-3."""
    return dash >= 2 and groups[dash - 2] == groups[dash + 1] and groups[dash + 1].isalpha()


def _say_group(draft: Draft, group: str) -> str:
    if group.isalpha():
        return spell(group)
    if len(group) >= _LEAST_SPELLED_DIGITS or (group[0] == "0" and len(group) > 1):
        return draft.numbers.digits(group)
    return draft.numbers.cardinal(int(group))


def _say_letters(draft: Draft, letters: str, match: re.Match[str], *, first: bool) -> str:
    """Say a group of letters: as the word or abbreviation it is, else by name."""
    foreign = pairs("foreign")
    if letters.lower() in foreign and len(letters) > 2:
        return foreign[letters.lower()]
    unit = units().get(letters) or units().get(letters.lower())
    if unit is not None and len(letters) > 1 and not names_variety(draft, match.start()):
        return unit.spoken
    sense = _known(draft, letters, match) if first and len(letters) > 1 else None
    if sense is not None:
        return sense.spoken
    if len(letters) > 1 and is_syllable(letters) and not letters.isupper():
        return place_tones(letters.lower())
    if len(letters) > 2 and not letters.isupper() and is_syllable(letters, toneless=True):
        return place_tones(letters.lower())
    return spell(letters)


def _known(draft: Draft, letters: str, match: re.Match[str]) -> Sense | None:
    found = senses("numbered").get(letters)
    return choose_sense(draft, found, match.start(), match.start() + len(letters)) if found else None
