"""What is counted one by one and what is only a share of a whole: decides 7/9 thôn from 3/4 diện tích."""

from functools import cache

from tts.normalize.draft import Draft
from tts.normalize.tables import pairs, words


def counts_next(draft: Draft, position: int) -> bool:
    """Tell whether a noun that is counted follows: hộ, thôn, đại biểu, tiêu chí."""
    return _next_in(draft, position, words("counted"))


def shares_next(draft: Draft, position: int) -> bool:
    """Tell whether something of which one takes a share follows: diện tích, số hộ, quãng đường."""
    return _next_in(draft, position, words("shared"))


@cache
def _compounds() -> frozenset[str]:
    """Give the words that only begin like something counted: tổ chức is no tổ."""
    return frozenset(pairs("contexts")["uncounted"].split("|"))


def _next_in(draft: Draft, position: int, known: frozenset[str]) -> bool:
    word = draft.word_after(position)
    return word in known or (word.partition(" ")[0] in known and word not in _compounds())
