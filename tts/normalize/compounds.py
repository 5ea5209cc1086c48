"""Abbreviations run together from ones we know: BCĐPCTT is BCĐ + PCTT."""

from functools import lru_cache

from tts.normalize.tables import pairs, senses


def long_form(written: str) -> str | None:
    """Give the plain sense of an abbreviation, its neighbours disregarded."""
    found = senses("abbreviations").get(written)
    return found[-1].spoken if found else pairs("offices").get(written)


def _part_form(part: str) -> str | None:
    """Give the form of a part; two letters count only where they have one meaning."""
    found = senses("abbreviations").get(part)
    if len(part) == 2 and (
        found is None or len(found) > 1 or not found[0].certain or found[0].before or found[0].after
    ):
        return None
    return long_form(part)


@lru_cache(maxsize=5_000)
def split_known(word: str) -> str | None:
    """Part capitals into the fewest known abbreviations of two letters or more; None when they do not part."""
    if len(word) > 24:
        return None
    best: list[list[str] | None] = [[]] + [None] * len(word)
    for end in range(2, len(word) + 1):
        for start in range(end - 2, max(0, end - 12) - 1, -1):
            head, form = best[start], _part_form(word[start:end])
            if head is None or form is None:
                continue
            current = best[end]
            if current is None or len(head) + 1 < len(current):
                best[end] = [*head, form]
    parts = best[len(word)]
    return " ".join(parts) if parts else None
