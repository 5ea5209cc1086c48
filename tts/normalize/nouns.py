"""What is counted one by one and what is only a share of a whole: decides 7/9 thôn from 3/4 diện tích."""

import re

from tts.normalize.draft import Draft
from tts.normalize.tables import words


def counts_next(draft: Draft, position: int) -> bool:
    """Tell whether a noun that is counted follows: hộ, thôn, đại biểu, tiêu chí."""
    return _next_in(draft, position, words("counted"))


def shares_next(draft: Draft, position: int) -> bool:
    """Tell whether something of which one takes a share follows: diện tích, số hộ, quãng đường."""
    return _next_in(draft, position, words("shared"))


_FIRST = re.compile(r"[^\W\d_]+")


def _next_in(draft: Draft, position: int, known: frozenset[str]) -> bool:
    word = draft.word_after(position)
    if not word:
        return False
    if word in known:
        return True
    first = _FIRST.match(word)
    return first is not None and first[0] in known and " " in word
