"""Abbreviations of offices, posts and everyday papers, by the lexicon and their neighbours."""

import re
from collections.abc import Iterator
from functools import cache

from tts.normalize.draft import TAKEN, Draft, Reading
from tts.normalize.syllables import has_marks, is_syllable
from tts.normalize.tables import Sense, senses
from tts.spoken import SpanKind

_RUN = re.compile(r"(?<![^\W_])[^\W_]{1,24}(?![^\W_])")
_AMPERSAND = re.compile(r"\s?&\s?")
_LINE = re.compile(r"[^\n]+")
_SHORTEST_SMALL = 3
_WORD = re.compile(r"[^\W\d_]+")
_LEAST_HEADING = 3


@cache
def _by_first_run(name: str) -> dict[str, tuple[str, ...]]:
    index: dict[str, list[str]] = {}
    for written in senses(name):
        run = re.match(r"[^\W_]+", written)
        if run is not None:
            index.setdefault(run[0], []).append(written)
    return {run: tuple(sorted(found, key=len, reverse=True)) for run, found in index.items()}


def read_abbreviations(draft: Draft) -> Iterator[Reading]:
    """Read what the text itself has introduced, then what the lexicon knows."""
    titles = [line.span() for line in _LINE.finditer(draft.text) if in_capitals(line[0])]
    index = _by_first_run("abbreviations")
    done = 0
    for run in _RUN.finditer(draft.open):
        if run.start() < done:
            continue
        if run[0] in draft.introduced:
            yield Reading(*run.span(), draft.introduced[run[0]], SpanKind.ABBREVIATION)
            continue
        candidates = index.get(run[0])
        if candidates is None:
            yield from _read_small(draft, run)
            continue
        reading = _first_that_fits(draft, candidates, run.start(), titles)
        if reading is not None:
            done = reading.end
            yield reading
    yield from draft.search(_AMPERSAND, _read_ampersand)


def _read_small(draft: Draft, run: re.Match[str]) -> Iterator[Reading]:
    """Read an abbreviation typed without capitals (ubnd, nvh), when it is no word."""
    word = len(run[0]) < _SHORTEST_SMALL or is_syllable(run[0]) or is_syllable(run[0], toneless=True)
    if word or run[0].isupper():
        return
    found = senses("abbreviations").get(run[0].upper())
    sense = choose_sense(draft, found, *run.span()) if found else None
    if sense is not None:
        yield Reading(*run.span(), sense.spoken, SpanKind.ABBREVIATION, sense.certain)


def in_capitals(line: str) -> bool:
    """Tell a heading in capitals, whose words are words and not abbreviations."""
    words = _WORD.findall(line)
    syllables = sum(word.isupper() and len(word) > 1 and is_syllable(word) for word in words)
    return syllables >= _LEAST_HEADING and syllables * 2 > len(words) and any(map(has_marks, words))


def _first_that_fits(
    draft: Draft, candidates: tuple[str, ...], start: int, titles: list[tuple[int, int]]
) -> Reading | None:
    for written in candidates:
        end = start + len(written)
        if not draft.text.startswith(written, start) or TAKEN in draft.open[start:end]:
            continue
        if written[-1].isalnum() and draft.text[end : end + 1].isalnum():
            continue
        if is_syllable(written) and any(a <= start < b for a, b in titles):
            return None
        sense = choose_sense(draft, senses("abbreviations")[written], start, end)
        if sense is not None:
            return Reading(start, end, sense.spoken, SpanKind.ABBREVIATION, sense.certain)
    return None


def choose_sense(draft: Draft, found: tuple[Sense, ...], start: int, end: int) -> Sense | None:
    """Take the first sense whose neighbours stand there; None when no sense fits."""
    before, after = draft.before(start), draft.written_after(end)
    for sense in found:
        if sense.before is not None and not sense.before.search(before):
            continue
        if sense.after is not None and not sense.after.match(after):
            continue
        return sense
    return None


def _read_ampersand(_draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    yield Reading(*match.span(), "và", SpanKind.SYMBOL)
