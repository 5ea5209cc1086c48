"""Cut a long sentence where a reader would breathe, so that Piper's memory stays small and nobody hears a seam."""

import re

LONGEST = 150
"""Characters said in about ten seconds. Piper's memory grows with what it is given at once."""

_SHORTEST = 25
_CLAUSE_END = re.compile(r"(?<=[,;:–—])\s+")
_LINKING_WORD = re.compile(
    r"\s+(?=(?:và|hoặc|nhưng|để|nhằm|khi|nếu|vì|do|bởi|đồng thời|trong đó|đối với|theo|tại|từ|đến)\s)", re.IGNORECASE
)
_SPACE = re.compile(r"\s+")


def split_long(sentence: str, longest: int = LONGEST) -> list[str]:
    """The sentence in pieces of at most `longest` characters: cut at clauses, before a linking word, or anywhere.

    Joined by single spaces the pieces are the sentence again (white space apart).
    """
    pieces = [_SPACE.sub(" ", sentence).strip()]
    for boundary in (_CLAUSE_END, _LINKING_WORD, _SPACE):
        pieces = [part for piece in pieces for part in _packed(piece, boundary, longest)]
    return [piece for piece in pieces if piece]


def _packed(piece: str, boundary: re.Pattern[str], longest: int) -> list[str]:
    """Cut at the boundary into as few pieces as fit, of about the same length."""
    if len(piece) <= longest:
        return [piece]
    wanted = len(piece) / -(-len(piece) // longest)
    packed: list[str] = []
    for part in boundary.split(piece):
        joined = f"{packed[-1]} {part}" if packed else part
        fits = packed and len(joined) <= longest
        if fits and (len(packed[-1]) < wanted - _SHORTEST or len(part) < _SHORTEST):
            packed[-1] = joined
        else:
            packed.append(part)
    return packed
