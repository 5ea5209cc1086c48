"""What stands around a number: things counted one by one, shares of a whole, varieties of rice."""

import re
from functools import cache

from tts.normalize.draft import Draft
from tts.normalize.tables import context, pairs, senses, words

_SHORT = re.compile(r" ?([A-ZĐ]{2,6})(?![^\W_])")
_VARIETIES = re.compile(
    rf"(?<!\w)(?:{context('cultivar')})[\s:]*(?:[^\W\d_]{{0,6}}[- ]?\d[^\W_]{{0,6}}\s?[,;]?\s?(?:và\s)?){{0,5}}\Z"
)


def counts_next(draft: Draft, position: int) -> bool:
    """Tell whether a noun that is counted follows: hộ, thôn, đại biểu, tiêu chí."""
    return _next_in(draft, position, words("counted")) or _short_next(draft, position)


def shares_next(draft: Draft, position: int) -> bool:
    """Tell whether something of which one takes a share follows: diện tích, số hộ, quãng đường."""
    return _next_in(draft, position, words("shared"))


def names_variety(draft: Draft, position: int) -> bool:
    """Tell whether varieties are being named, so that the next code is one too: giống BC15, ĐT100."""
    return _VARIETIES.search(draft.before(position)) is not None


def _short_next(draft: Draft, position: int) -> bool:
    """Tell whether something counted is named in short: 12/10 ĐV, 15 máy/HS."""
    short = _SHORT.match(draft.text, position)
    return short is not None and any(
        sense.spoken in words("counted") for sense in senses("abbreviations").get(short[1], ())
    )


@cache
def _compounds() -> frozenset[str]:
    """Give the words that only begin like something counted: tổ chức is no tổ."""
    return frozenset(pairs("contexts")["uncounted"].split("|"))


def _next_in(draft: Draft, position: int, known: frozenset[str]) -> bool:
    word = draft.word_after(position)
    return word in known or (word.partition(" ")[0] in known and word not in _compounds())
