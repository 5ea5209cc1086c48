"""From settled readings to sentences: what is said, where it stood, and every span that changed."""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise, zip_longest

from tts.normalize.canonical import Canonical
from tts.normalize.draft import TAKEN, Draft, Reading
from tts.normalize.segment import segment_sentences
from tts.normalize.syllables import is_syllable, place_tones
from tts.spoken import Pause, Sentence, Span, SpanKind

_PIECE = re.compile(r"[^\W\d_]+|[.,;:?!]|[()\[\]{}]|\s-+\s|\n")
_STRENGTH = {mark: rank for rank, mark in enumerate(",:;.!?")}
_ENDS_SENTENCE = frozenset(".?!")
_LINE_BREAK = re.compile("[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_MASK = str.maketrans(TAKEN, "ơ")


def assemble(canonical: Canonical, draft: Draft) -> tuple[Sentence, ...]:
    """Make the sentences of a draft that every reader has passed over."""
    readings = sorted(draft.readings, key=lambda reading: reading.start)
    starts = [reading.start for reading in readings]
    sentences: list[Sentence] = []
    for start, end in _sentence_bounds(canonical, draft, readings, starts):
        inside = readings[bisect_left(starts, start) : bisect_left(starts, end)]
        sentence = _make_sentence(canonical, draft, start, end, inside)
        if sentence is None:
            continue
        if sentences and not (sentence.spoken and sentences[-1].spoken):
            sentence = _merged(canonical, sentences.pop(), sentence)
        sentences.append(sentence)
    return tuple(_end_lines(canonical, sentences))


def _merged(canonical: Canonical, first: Sentence, second: Sentence) -> Sentence:
    """Put a stretch of which nothing is said to its neighbour."""
    return Sentence(
        first.start,
        second.end,
        canonical.written[first.start : second.end],
        first.spoken or second.spoken,
        first.spans + second.spans,
        second.pause,
    )


def _sentence_bounds(
    canonical: Canonical, draft: Draft, readings: list[Reading], starts: list[int]
) -> Iterator[tuple[int, int]]:
    """Give stretches that together hold the whole text; no reading and no original character is cut in two."""

    def settle(cut: int) -> int:
        index = bisect_left(starts, cut) - 1
        if index >= 0 and readings[index].end > cut:
            return settle(readings[index].end)
        if 0 < cut < len(draft.text) and canonical.starts[cut] < canonical.ends[cut - 1]:
            return settle(cut + 1)
        return cut

    cuts = [settle(begin) for begin, _ in segment_sentences(draft.open.translate(_MASK))]
    bounds = [0, *cuts[1:], len(draft.text)]
    for start, end in pairwise(bounds):
        if start < end:
            yield start, end


def _make_sentence(
    canonical: Canonical, draft: Draft, start: int, end: int, readings: list[Reading]
) -> Sentence | None:
    stretch = draft.text[start:end]
    first = start + len(stretch) - len(stretch.lstrip())
    last = start + len(stretch.rstrip())
    if readings:
        first, last = min(first, readings[0].start), max(last, readings[-1].end)
    if first >= last:
        return None
    pieces: list[str] = []
    spans: list[Span] = []
    done = first
    for reading in readings:
        _read_gap(canonical, draft, done, reading.start, pieces, spans)
        pieces += _PIECE.findall(reading.spoken)
        _add_span(canonical, reading, spans)
        done = reading.end
    _read_gap(canonical, draft, done, last, pieces, spans)
    spoken = _join(pieces)
    written_start, written_end = canonical.original(first, last)
    line_ends = "\n" in stretch[last - start :] or "\n" in draft.text[last : last + 1]
    return Sentence(
        written_start,
        written_end,
        canonical.written[written_start:written_end],
        spoken,
        tuple(spans),
        _pause_after(spoken, line_ends=line_ends),
    )


def _read_gap(canonical: Canonical, draft: Draft, start: int, end: int, pieces: list[str], spans: list[Span]) -> None:
    """Take over what no reader changed: words, and the marks that are pauses."""
    for match in _PIECE.finditer(draft.text, start, end):
        piece = match[0]
        if not piece[0].isalpha():
            pieces.append("," if piece not in _STRENGTH else piece)
            continue
        said = piece.lower() if piece.isupper() and is_syllable(piece) else piece
        pieces.append(said)
        a, b = canonical.original(*match.span())
        written = canonical.written[a:b]
        if unicodedata.normalize("NFC", written).lower() != piece.lower():
            _add_span(canonical, Reading(*match.span(), said, SpanKind.SPELLING, _sure_spelling(written, piece)), spans)


def _sure_spelling(written: str, piece: str) -> bool:
    """A moved tone mark is sure; a word from a legacy encoding somebody should look at."""
    return place_tones(unicodedata.normalize("NFC", written)).lower() == piece.lower()


def _add_span(canonical: Canonical, reading: Reading, spans: list[Span]) -> None:
    """Add a span; two readings of one original character (as ﷺ makes many) become one span."""
    start, end = canonical.original(reading.start, reading.end)
    spoken, kind, certain = reading.spoken, reading.kind, reading.certain
    if spans and start < spans[-1].end:
        last = spans.pop()
        start, end = min(start, last.start), max(end, last.end)
        spoken, kind, certain = f"{last.spoken} {spoken}".strip(), last.kind, last.certain and certain
    spans.append(Span(start, end, canonical.written[start:end], spoken, kind, certain))


def _join(pieces: list[str]) -> str:
    """Join words and marks; of marks that meet the strongest stays, and none begins."""
    said: list[str] = []
    mark = ""
    for piece in pieces:
        if piece[0].isalpha():
            if said:
                said.append(f"{mark} " if mark else " ")
            said.append(piece)
            mark = ""
        else:
            sign = piece if piece in _STRENGTH else ","
            mark = max(mark or sign, sign, key=_STRENGTH.__getitem__)
    return "".join(said) + (mark if said else "")


def _pause_after(spoken: str, *, line_ends: bool) -> Pause:
    if spoken and spoken[-1] in ",;:":
        return Pause.CLAUSE
    return Pause.PARAGRAPH if line_ends else Pause.SENTENCE


def _end_lines(canonical: Canonical, sentences: list[Sentence]) -> Iterator[Sentence]:
    """Close each sentence that ends with its line, so that the joined text keeps the pause."""
    for sentence, following in zip_longest(sentences, sentences[1:]):
        spoken = sentence.spoken.removesuffix(",")
        if following is None:
            yield replace(sentence, spoken=spoken)
        elif spoken[-1:] in _STRENGTH:
            yield sentence
        elif _LINE_BREAK.search(canonical.written, sentence.end, following.start):
            yield replace(sentence, spoken=f"{spoken}.")
        else:
            yield sentence
