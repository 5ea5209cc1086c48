"""What a Vietnamese syllable can be, and where its tone mark goes.

The rhymes are those of standard orthography; `Đắk`, `Krông` and other names of the highlands are in the lexicon.
"""

import re
import unicodedata
from functools import lru_cache

from tts.normalize.tables import pairs

_PARTS = {part: forms.split() for part, forms in pairs("syllables").items()}
_FORMED = {onset + rhyme for onset in ["", *_PARTS["đầu"]] for rhyme in _PARTS["vần"]}
_PLAIN = frozenset((_FORMED | {*_PARTS["riêng"]}) - {*_PARTS["không"]})
_TONELESS = frozenset(
    "".join(c for c in unicodedata.normalize("NFD", s) if not unicodedata.combining(c)).replace("đ", "d")
    for s in _PLAIN
)
_STROKES = str.maketrans("đĐøØ", "dDoO")
_TONE_BEARERS = "aeiouy\u0302\u0306\u031b"
_TONES = {"\u0300": "f", "\u0301": "s", "\u0309": "r", "\u0303": "x", "\u0323": "j"}
_STOPPED = re.compile(r"(?:c|ch|p|t)\Z")

# One way of placing the mark, the older one of most offices: hòa, khỏe, thủy (but: quý, hoàn, huyện).
_NEW = "oà oá oả oã oạ oè oé oẻ oẽ oẹ uỳ uý uỷ uỹ uỵ"
_OLD = "òa óa ỏa õa ọa òe óe ỏe õe ọe ùy úy ủy ũy ụy"
_OLD_PLACE = dict(zip(_NEW.split(), _OLD.split(), strict=True))
_OLD_PLACE |= {new.upper(): old.upper() for new, old in _OLD_PLACE.items()}
_OLD_PLACE |= {
    new[0].upper() + new[1]: old[0].upper() + old[1] for new, old in list(_OLD_PLACE.items()) if new.islower()
}
_NEW_PLACE = re.compile(rf"(?<![qQ])(?:{'|'.join(_OLD_PLACE)})(?![^\W\d_])")
_MISPLACED_QU = {"qùy": "quỳ", "qúy": "quý", "qủy": "quỷ", "qũy": "quỹ", "qụy": "quỵ"}
_MISPLACED_QU |= {k.capitalize(): v.capitalize() for k, v in _MISPLACED_QU.items()} | {
    k.upper(): v.upper() for k, v in _MISPLACED_QU.items()
}
_WRONG_QU = re.compile(rf"(?<![^\W\d_])(?:{'|'.join(_MISPLACED_QU)})(?![^\W\d_])")


def place_tones(text: str) -> str:
    """Put tone marks where the older custom has them (hoà → hòa). The length does not change."""
    text = _WRONG_QU.sub(lambda m: _MISPLACED_QU[m[0]], text)
    return _NEW_PLACE.sub(lambda m: _OLD_PLACE[m[0]], text)


@lru_cache(maxsize=20_000)
def is_syllable(word: str, *, toneless: bool = False) -> bool:
    """Tell whether `word`, in any case, is spelled like one Vietnamese syllable with at most one tone.

    With `toneless`, a word as addresses have it: no tone, no letter of Vietnamese's own.
    """
    if not 1 <= len(word) <= 7:
        return False
    if toneless:
        return word.lower() in _TONELESS
    plain: list[str] = []
    tones: list[str] = []
    for char in unicodedata.normalize("NFD", word.lower()):
        if char in _TONES and plain and plain[-1] in _TONE_BEARERS:
            tones.append(char)
        else:
            plain.append(char)
    if len(tones) > 1:
        return False
    syllable = unicodedata.normalize("NFC", "".join(plain))
    if syllable not in _PLAIN:
        return False
    return not _STOPPED.search(syllable) or (bool(tones) and tones[0] in "\u0301\u0323")


def has_marks(word: str) -> bool:
    """Tell whether the word carries a letter that only Vietnamese has (đ, ă, ê, a tone …)."""
    return any(ord(char) > 127 for char in word)


def without_marks(word: str) -> str:
    """Give the word in plain Latin letters: Đắk → Dak."""
    spread = unicodedata.normalize("NFD", word.translate(_STROKES))
    return "".join(char for char in spread if not unicodedata.combining(char))
