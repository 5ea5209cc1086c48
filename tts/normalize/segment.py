"""Sentences and words: the one door to underthesea.

Its tokenizer is quadratic in some runs without spaces, so it is fed stretches of bounded length.
"""

import re
import threading
from bisect import bisect_right
from collections.abc import Iterator

from underthesea import sent_tokenize, word_tokenize

_STRETCH = re.compile(r"[^\n]{1,400}(?=\s|\Z)|[^\n]{1,400}")
_LONGEST_TOKEN = 60
# underthesea loads its model at the first call, unguarded, and its tagger belongs to one thread at a time.
_ONE_AT_A_TIME = threading.Lock()
_RUN = re.compile(rf"\S{{{_LONGEST_TOKEN},}}")


class Words:
    """The words of a text; several syllables may make one ("diện tích").

    Few texts hold anything that depends on them, so a stretch is parted when it is first asked about.
    """

    def __init__(self, text: str) -> None:
        """Of this text."""
        self._stretches = [(one.start(), one[0]) for one in _STRETCH.finditer(text) if one[0].strip()]
        self._ends: dict[int, dict[int, int]] = {}

    def end_of(self, start: int) -> int | None:
        """Where the word ends that begins at `start`; None if none begins there."""
        index = bisect_right(self._stretches, start, key=lambda stretch: stretch[0]) - 1
        if index < 0:
            return None
        if index not in self._ends:
            at, stretch = self._stretches[index]
            self._ends[index] = {at + begin: at + end for begin, end in _words_in(stretch)}
        return self._ends[index].get(start)


def _words_in(stretch: str) -> Iterator[tuple[int, int]]:
    plain = _RUN.sub(lambda m: "x" * len(m[0]), stretch)
    at = 0
    with _ONE_AT_A_TIME:
        words = word_tokenize(plain, use_token_normalize=False)
    for word in words:
        found = _locate(word, plain, at)
        if found is not None:
            yield found
            at = found[1]


def segment_sentences(text: str) -> list[tuple[int, int]]:
    """Part `text` into sentences, as offsets; a line break always ends one."""
    found: list[tuple[int, int]] = []
    for stretch in _sentence_stretches(text):
        start, end = stretch
        at = start
        plain = _RUN.sub(lambda m: "x" * len(m[0]), text[start:end])
        with _ONE_AT_A_TIME:
            sentences = sent_tokenize(plain)
        for sentence in sentences:
            begin = start + plain.find(sentence, at - start)
            at = begin + len(sentence)
            found.append((begin, at))
    return found


_LINE = re.compile(r"[^\n]+")
_LONG_LINE = 2_000


def _sentence_stretches(text: str) -> list[tuple[int, int]]:
    """Give stretches short enough to be parted, cut at spaces only."""
    stretches = []
    for line in _LINE.finditer(text):
        start = line.start()
        while line.end() - start > _LONG_LINE:
            cut = max(text.rfind(mark, start, start + _LONG_LINE) for mark in (". ", "? ", "! "))
            if cut < 0:
                cut = text.rfind(" ", start, start + _LONG_LINE)
            if cut <= start:
                cut = text.find(" ", start + _LONG_LINE, line.end())
            if cut < 0:
                break
            stretches.append((start, cut + 1))
            start = cut + 1
        stretches.append((start, line.end()))
    return stretches


def _locate(word: str, text: str, at: int) -> tuple[int, int] | None:
    begin = text.find(word, at)
    if begin >= 0:
        return begin, begin + len(word)
    first, *rest = word.split() or [word]
    begin = text.find(first, at)
    if begin < 0:
        return None
    end = begin + len(first)
    for syllable in rest:
        place = text.find(syllable, end)
        if place < 0:
            break
        end = place + len(syllable)
    return begin, end
