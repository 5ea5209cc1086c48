"""Vietnamese typed in the encodings of before Unicode, seen through a Latin-1 window.

TCVN 5712 as the .VnTime fonts have it: one character a letter. VNI-Windows: a base letter and a mark after it.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tts.normalize.syllables import is_syllable, place_tones


class LegacyEncoding(StrEnum):
    """What a text was typed in."""

    TCVN3 = "TCVN3"
    VNI = "VNI"


@dataclass(frozen=True, slots=True)
class LegacyText:
    """A text recognised as legacy, and what it says in Unicode."""

    encoding: LegacyEncoding
    converted: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text in Unicode with, for each character, its place in the original."""

    text: str
    starts: range | list[int]
    ends: range | list[int]


_TCVN3 = dict(
    zip(
        "µ¸¶·¹¨»¾¼½Æ©ÇÊÈÉË®ÌÐÎÏÑªÒÕÓÔÖ×ÝØÜÞßãáâä«åèæçé¬êíëìîïóñòô\u00adõøö÷ùúýûüþ¡¢£¤¥¦§",
        "àáảãạăằắẳẵặâầấẩẫậđèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵĂÂÊÔƠƯĐ",
        strict=True,
    )
)


def _vni_table() -> dict[str, str]:
    table = dict(zip("íìæóòôöîñ", "íìỉĩịơưỵđ", strict=True))
    for base, letters in {"a": "áàảãạ", "e": "éèẻẽẹ", "o": "óòỏõọ", "u": "úùủũụ", "y": "ýỳỷỹ"}.items():
        table |= {base + mark: letter for mark, letter in zip("ùøûõï", letters, strict=False)}
    for base, letters in {"ô": "ớờởỡợ", "ö": "ứừửữự"}.items():
        table |= {base + mark: letter for mark, letter in zip("ùøûõï", letters, strict=True)}
    for base, letters in {"a": "âấầẩẫậ", "e": "êếềểễệ", "o": "ôốồổỗộ"}.items():
        table |= {base + mark: letter for mark, letter in zip("âáàåãä", letters, strict=True)}
    table |= {"a" + mark: letter for mark, letter in zip("êéèúüë", "ăắằẳẵặ", strict=True)}
    for written, letter in list(table.items()):
        table[written.upper()] = letter.upper()
        if len(written) == 2:
            table[written[0].upper() + written[1]] = letter.upper()
    return table


_VNI = _vni_table()
_UNITS = {
    LegacyEncoding.TCVN3: re.compile("[" + "".join(_TCVN3) + "]"),
    LegacyEncoding.VNI: re.compile("|".join(sorted(_VNI, key=len, reverse=True))),
}
_TABLES = {LegacyEncoding.TCVN3: _TCVN3, LegacyEncoding.VNI: _VNI}
_WORD = re.compile(r"[A-Za-z\u00a1-\u00ff]+")
_LATIN1 = re.compile(r"[\u00a1-\u00ff]")
_UNICODE_ONLY = re.compile(r"[\u0100-\u01b0\u1ea0-\u1ef9]")
_LINE = re.compile(r"[^\n]*\n?")
_FEWEST_SIGNS = 2


def detect_legacy(text: str) -> LegacyText | None:
    """Recognise text in TCVN3 or VNI-Windows and offer it in Unicode; None when it is not.

    Each line is judged for itself, so that a legacy paragraph pasted among Unicode ones is found.
    """
    found: LegacyEncoding | None = None
    converted = []
    for line in _lines(text):
        encoding = _encoding_of(line)
        found = found or encoding
        converted.append(convert_legacy(line, encoding) if encoding else line)
    return LegacyText(found, "".join(converted)) if found else None


def encoding_of_all(texts: Sequence[str]) -> LegacyEncoding | None:
    """The encoding of a whole paper, with it of lines too short to be judged by themselves ("Sè: 5").

    None when any of it is in Unicode, or nothing is legacy.
    """
    if any(_UNICODE_ONLY.search(text) for text in texts):
        return None
    found = Counter(encoding for text in texts if (encoding := _encoding_of(text)))
    best = found.most_common(1)
    return best[0][0] if best and best[0][1] > 0.75 * found.total() else None


def legacy_pieces(text: str) -> Iterator[Piece]:
    """Give the text line by line, legacy lines converted, with the way back to the original offsets."""
    if not _LATIN1.search(text):
        yield Piece(text, range(len(text)), range(1, len(text) + 1))
        return
    at = 0
    for line in _lines(text):
        encoding = _encoding_of(line)
        if encoding:
            yield _converted_piece(line, at, encoding)
        else:
            yield Piece(line, range(at, at + len(line)), range(at + 1, at + len(line) + 1))
        at += len(line)


def _lines(text: str) -> Iterator[str]:
    return (match[0] for match in _LINE.finditer(text) if match[0])


def convert_legacy(line: str, encoding: LegacyEncoding) -> str:
    """Give text that is known to be in that encoding in Unicode."""
    table = _TABLES[encoding]
    return _UNITS[encoding].sub(lambda m: table[m[0]], line)


def _converted_piece(line: str, at: int, encoding: LegacyEncoding) -> Piece:
    table = _TABLES[encoding]
    out: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    done = 0
    for match in _UNITS[encoding].finditer(line):
        out.append(line[done : match.start()] + table[match[0]])
        starts.extend(range(at + done, at + match.start() + 1))
        ends.extend(range(at + done + 1, at + match.start() + 1))
        ends.append(at + match.end())
        done = match.end()
    out.append(line[done:])
    starts.extend(range(at + done, at + len(line)))
    ends.extend(range(at + done + 1, at + len(line) + 1))
    return Piece("".join(out), starts, ends)


def _encoding_of(line: str) -> LegacyEncoding | None:
    """Judge by what the words become: rubbish before and syllables after, or the other way round."""
    if len(_LATIN1.findall(line)) < _FEWEST_SIGNS or len(_UNICODE_ONLY.findall(line)) > len(line) // 50:
        return None
    words = [word for word in _WORD.findall(line) if _LATIN1.search(word)]
    already = sum(_reads(word) for word in words)
    best: LegacyEncoding | None = None
    most = max(already + _FEWEST_SIGNS - 1, len(words) // 2)
    for encoding in LegacyEncoding:
        good = sum(_reads(convert_legacy(word, encoding)) for word in words)
        if good > most:
            best, most = encoding, good
    return best


def seems_legacy(word: str) -> bool:
    """Tell whether a word that is no syllable would be one in a legacy encoding ("où" is ó in VNI)."""
    return not _reads(word) and any(_reads(convert_legacy(word, encoding)) for encoding in LegacyEncoding)


def _reads(word: str) -> bool:
    return is_syllable(place_tones(word))
