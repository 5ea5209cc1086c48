"""Sentences and words: the one door to underthesea.

Its tokenizer is quadratic in some runs without spaces, so it is fed stretches of bounded length.
"""

import re
import threading
from bisect import bisect_right
from dataclasses import dataclass

from underthesea import sent_tokenize, word_tokenize

_STRETCH = re.compile(r"[^\n]{1,400}(?=\s|\Z)|[^\n]{1,400}")
_LONGEST_TOKEN = 60
# underthesea loads its model at the first call, unguarded, and its tagger belongs to one thread at a time.
_ONE_AT_A_TIME = threading.Lock()
_RUN = re.compile(rf"\S{{{_LONGEST_TOKEN},}}")


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a text, by their offsets."""

    starts: list[int]
    ends: list[int]

    def span_from(self, position: int) -> tuple[int, int] | None:
        """Give the first word that begins at or after `position`."""
        index = bisect_right(self.starts, position - 1)
        return (self.starts[index], self.ends[index]) if index < len(self.starts) else None


def segment_words(text: str) -> Words:
    """Part `text` into words; several syllables may make one ("diện tích")."""
    starts: list[int] = []
    ends: list[int] = []
    for stretch in _STRETCH.finditer(text):
        if not stretch[0].strip():
            continue
        plain = _RUN.sub(lambda m: "x" * len(m[0]), stretch[0])
        at = 0
        with _ONE_AT_A_TIME:
            words = word_tokenize(plain, use_token_normalize=False)
        for word in words:
            found = _locate(word, plain, at)
            if found is None:
                continue
            starts.append(stretch.start() + found[0])
            ends.append(stretch.start() + found[1])
            at = found[1]
    return Words(starts, ends)


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
