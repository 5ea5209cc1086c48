"""Names in the order of the Vietnamese alphabet: d before đ, and both before t. A database sorts by code points."""

import unicodedata

_ALPHABET = "aăâbcdđeêfghijklmnoôơpqrstuưvwxyz"
_PLACE = {letter: chr(0xE000 + place) for place, letter in enumerate(_ALPHABET)}
"""Signs of nobody's, in order, after digits and spaces."""
_TONES = "\u0300\u0309\u0303\u0301\u0323"


def vietnamese_key(name: str) -> tuple[str, str]:
    """To sort by: the letters first, then the tones (huyền, hỏi, ngã, sắc, nặng)."""
    letters, tones = [], []
    for sign in unicodedata.normalize("NFD", name.lower()):
        if sign in _TONES:
            tones.append(str(_TONES.index(sign)))
        else:
            letters.append(sign)
    plain = unicodedata.normalize("NFC", "".join(letters))
    return "".join(_PLACE.get(letter, letter) for letter in plain), "".join(tones)
