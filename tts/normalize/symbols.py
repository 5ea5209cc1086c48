"""Signs that are said (=, ≥, °), and those that only adorn."""

import re
import unicodedata
from collections.abc import Iterator

from tts.normalize.draft import Draft, Reading
from tts.normalize.tables import pairs
from tts.spoken import SpanKind

_SIGN = re.compile(r"[<>]=|[^\w\s\ue000.,;:?!'\"()\[\]{}/\\&*•_-]|[*&\\/_]|-(?=\d)")
_COMPARED = {">": "trên", "<": "dưới"}
_AMOUNT_NEXT = re.compile(r"\s?\d")
_STARS = re.compile(r"(?<=[1-5])\s?\*(?![\w*])")
_SILENT = {"*", "•", "_", "\\", "/", "|", "~", "^", "`", "-"}


def read_symbols(draft: Draft) -> Iterator[Reading]:
    """Read the signs of the lexicon; silence rules and bullets; name what is unknown, in doubt."""
    yield from (Reading(*star.span(), "sao", SpanKind.SYMBOL) for star in _STARS.finditer(draft.text))
    yield from draft.search(_SIGN, _read_sign)


def _read_sign(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    sign = match[0]
    known = pairs("symbols")
    if sign in _COMPARED and _AMOUNT_NEXT.match(draft.text, match.end()):
        yield Reading(*match.span(), _COMPARED[sign], SpanKind.SYMBOL)
    elif sign in known:
        yield Reading(*match.span(), known[sign], SpanKind.SYMBOL)
    elif sign in _SILENT:
        yield Reading(*match.span(), ",", SpanKind.PAUSE)
    elif unicodedata.category(sign)[0] == "P":
        yield Reading(*match.span(), "", SpanKind.PAUSE)
    else:
        yield Reading(*match.span(), "biểu tượng", SpanKind.SYMBOL, certain=False)
