"""Text in the fonts of before Unicode: the font's name says the encoding, run by run.

`.VnTime` and its family hold TCVN3, with an `H` at the end of the name for a face of capitals; `VNI-Times` and its
family hold VNI. Names: ABC (TCVN 5712) and VNI fonts as Windows lists them.
"""

import re
import unicodedata
from collections.abc import Iterable
from itertools import groupby

from tts.normalize.legacy import LegacyEncoding, convert_legacy

_TCVN3 = re.compile(r"(?:^|\+)\.?vn(?!i)[a-z]", re.IGNORECASE)
_VNI = re.compile(r"(?:^|\+)vni[- ]?[a-z]", re.IGNORECASE)
_CAPITALS = re.compile(r"H(?:[-, ](?:Bold|Italic|Regular|BoldItalic).*)?$")
_SYMBOL_FONT = re.compile("[\uf020-\uf0ff]")
Run = tuple[str, str | None]
"""Some text and the name of its font, if that is known."""


def encoding_of(font: str | None) -> LegacyEncoding | None:
    """The encoding that a font of that name shows; None for a font of Unicode."""
    if font and _TCVN3.search(font):
        return LegacyEncoding.TCVN3
    return LegacyEncoding.VNI if font and _VNI.search(font) else None


def unicode_of(runs: Iterable[Run]) -> str:
    """The text of these runs in Unicode NFC, as far as their fonts tell."""
    out = []
    for (encoding, capitals), group in groupby(runs, lambda run: (encoding_of(run[1]), _is_capitals(run[1]))):
        text = "".join(run[0] for run in group)
        if encoding:
            text = convert_legacy(_SYMBOL_FONT.sub(lambda sign: chr(ord(sign[0]) - 0xF000), text), encoding)
        out.append(text.upper() if capitals else text)
    return unicodedata.normalize("NFC", "".join(out))


def _is_capitals(font: str | None) -> bool:
    return encoding_of(font) is LegacyEncoding.TCVN3 and bool(_CAPITALS.search(font or ""))
