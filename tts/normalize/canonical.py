"""The written text with its Unicode variants ironed out, and the way back to the original offsets."""

import re
import unicodedata
from dataclasses import dataclass, replace
from itertools import pairwise

from tts.normalize.legacy import Piece, legacy_pieces
from tts.normalize.syllables import has_marks, is_syllable, place_tones, without_marks

VIETNAMESE = "àáảãạăằắẳẵặâầấẩẫậđèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵ"
UNREADABLE = "\ufffd"

_ODD = re.compile(rf"[^\W\d_][\u0300-\u036f]+|[^\n -~{VIETNAMESE}{VIETNAMESE.upper()}]", re.DOTALL)
LATIN = "A-Za-z" + "".join(
    char for char in map(chr, (*range(0xC0, 0x250), *range(0x1E00, 0x1F00))) if without_marks(char).isascii()
)
_GLUED = re.compile(
    r"(?<![^\W\d_])(?P<before>[^\W\d_]{2,7})(?=\d)|(?<=\d)(?P<after>[^\W\d_]{2,7})(?![^\W_])"
    rf"|(?P<script>(?<=[{LATIN}])(?=[^\W\d_{LATIN}])|(?<=[^\W\d_µ{LATIN}])(?=[{LATIN}])|(?<=µ)(?=[{LATIN}]{{2}}))"
)
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff]"
)
_REPLACED = (
    dict.fromkeys("‐‑‒–—―−﹘﹣－", "-")
    | dict.fromkeys("“”„‟«»″〝〞＂", '"')
    | dict.fromkeys("‘’‚‛ʼʹ′`´＇", "'")
    | dict.fromkeys("º˚⁰ᵒ°", "°")
    | dict.fromkeys("•·●▪◦‣∙○■□◆◇►▶➢➤❖", "•")
    | {
        "⁄": "/",
        "∕": "/",
        "÷": "÷",
        "×": "×",
        "✕": "×",
        "µ": "µ",
        "μ": "µ",
        "ƣ": "ư",
        "Ƣ": "Ư",
        "ð": "đ",
        "Ð": "Đ",
        "\t": "\t",
        "…": "...",
        "№": "số ",
    }
    | {
        "ß": "ss",
        "œ": "oe",
        "Œ": "OE",
        "æ": "ae",
        "Æ": "AE",
        "ł": "l",
        "Ł": "L",
        "ı": "i",
        "þ": "th",
    }
    | dict.fromkeys("\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029", "\n")
)
_SUPERSCRIPT = dict(zip("¹²³⁴⁵⁶⁷⁸⁹", "123456789", strict=True))


@dataclass(frozen=True, slots=True)
class Canonical:
    """Text ready to be read: NFC, one kind of dash, quote, space and digit, tone marks in one place.

    Attributes:
        written: the text as given.
        text: the ironed text.
        starts: for each character of `text`, where what it came from begins in `written`.
        ends: for each character of `text`, where what it came from ends in `written`.
    """

    written: str
    text: str
    starts: list[int]
    ends: list[int]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Give the offsets in `written` of `text[start:end]`, which must not be empty."""
        return self.starts[start], self.ends[end - 1]


def iron(written: str) -> Canonical:
    """Make the canonical text of `written`. Any string will do."""
    out: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for piece in legacy_pieces(written):
        _iron_piece(piece, out, starts, ends)
    parted = _unglue(Canonical(written, "".join(out), starts, ends))
    return replace(parted, text=place_tones(parted.text))


def _unglue(canonical: Canonical) -> Canonical:
    """Part a Vietnamese word from the number it was typed against: ngày12/6, 5ngày."""
    cuts = [at for match in _GLUED.finditer(canonical.text) for at in _cut(match)]
    if not cuts:
        return canonical
    text, starts, ends = [], [], []
    for a, b in pairwise([0, *cuts, len(canonical.text)]):
        if a:
            text.append(" ")
            starts.append(canonical.starts[a])
            ends.append(canonical.starts[a])
        text.append(canonical.text[a:b])
        starts += canonical.starts[a:b]
        ends += canonical.ends[a:b]
    return Canonical(canonical.written, "".join(text), starts, ends)


def _cut(match: re.Match[str]) -> list[int]:
    if match["script"] is not None:
        return [match.start()]
    word = match["before"] or match["after"]
    if word.isupper() or not has_marks(word) or not is_syllable(word):
        return []
    return [match.end()] if match["before"] else [match.start()]


def _iron_piece(piece: Piece, out: list[str], starts: list[int], ends: list[int]) -> None:
    text, at, until = piece.text, piece.starts, piece.ends
    done = 0
    for match in _ODD.finditer(text):
        out.append(text[done : match.start()])
        starts.extend(at[done : match.start()])
        ends.extend(until[done : match.start()])
        done = match.end()
        previous = text[match.start() - 1] if match.start() else ""
        if match[0] == "\r" and text[done : done + 1] == "\n":
            continue
        plain = _plain(match[0], previous)
        out.append(plain)
        starts.extend([at[match.start()]] * len(plain))
        ends.extend([until[match.end() - 1]] * len(plain))
    out.append(text[done:])
    starts.extend(at[done:])
    ends.extend(until[done:])


def _plain(odd: str, previous: str) -> str:
    if len(odd) > 1:
        composed = unicodedata.normalize("NFC", odd)
        return composed if len(composed) == 1 else composed[0]
    if _INVISIBLE.match(odd):
        return ""
    if odd in _REPLACED:
        return _REPLACED[odd]
    if odd in _SUPERSCRIPT:
        return ("^" if previous.isdigit() else "") + _SUPERSCRIPT[odd]
    return _plain_by_category(odd, previous)


def _plain_by_category(odd: str, previous: str) -> str:
    category = unicodedata.category(odd)
    if category == "Nd":
        return str(unicodedata.digit(odd))
    if category in {"Zs", "Zl", "Zp", "Cc", "Cf"}:
        return " "
    if category in {"Cs", "Co", "Cn"}:
        return UNREADABLE
    if category in {"Mn", "Me", "Mc"}:
        return ""
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", odd)).replace("\u2044", "/")
    if category in {"Nl", "No"} and not folded.isascii():
        return UNREADABLE
    if folded == odd:
        return odd
    spaced = " " if previous.isalnum() and folded[0].isdigit() else ""
    return spaced + "".join(
        char if char.isascii() or char.lower() in VIETNAMESE else _plain_again(char) for char in folded
    )


def _plain_again(char: str) -> str:
    if char in _REPLACED:
        return _REPLACED[char]
    if unicodedata.category(char) in {"Mn", "Me", "Mc", "Cf"}:
        return ""
    return " " if char.isspace() else char
