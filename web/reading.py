"""A spoken text as the screen shows it: every changed span marked, with what was written."""

from collections import Counter
from dataclasses import dataclass
from itertools import islice

from broadcast.lexicon import MAX_WRITTEN
from tts.spoken import Sentence, Span, SpanKind, SpokenText
from web.other_readings import other_readings
from web.words import SPAN

MAX_DOUBTS = 40
_AROUND = 30


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text as it will be read. `written` is none when it is read as it stands."""

    spoken: str
    written: str | None = None
    kind: str = ""
    certain: bool = True
    at: str = ""
    """Where it stands in the written text, if it is read otherwise than written: `120-125`."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A changed span that somebody looks at: how it is read, and how else it could be."""

    at: str
    written: str
    spoken: str
    kind: str
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something that was read in the likeliest way, nobody knows whether in the right one. `count`: so often."""

    written: str
    spoken: str
    kind: str
    around: str
    count: int

    @property
    def is_word(self) -> bool:
        """Whether the lexicon could hold it."""
        return len(self.written) <= MAX_WRITTEN and any(sign.isalnum() for sign in self.written)


@dataclass(frozen=True, slots=True)
class Reading:
    """How a text will be read: its sentences in order, how many spans were changed, and how many of them in doubt.

    Attributes:
        doubts: each doubtful span once, the first first, `MAX_DOUBTS` at most.
        more_doubts: how many others there are.
        legacy: the old encoding that the text was typed in, if it was.
        too_long: how long the text is, if it is longer than a bulletin may be: then there is nothing else here.
        teach_path: where a reading is kept for good, for who may do that.
        starts: where each sentence begins in the written text.
    """

    sentences: tuple[tuple[Piece, ...], ...] = ()
    starts: tuple[int, ...] = ()
    changed: int = 0
    doubtful: int = 0
    doubts: tuple[Doubt, ...] = ()
    more_doubts: int = 0
    legacy: str = ""
    too_long: int = 0
    teach_path: str = ""
    is_silent: bool = False
    """Whether nothing of it can be said."""
    may_convert: bool = False
    """Whether the page can put the text into Unicode."""
    may_choose: bool = False
    """Whether a changed span can be looked at, heard and read otherwise."""
    choice: Choice | None = None
    """The one that is looked at."""

    @property
    def changes(self) -> list[Piece]:
        """The changed spans, in order."""
        return [piece for sentence in self.sentences for piece in sentence if piece.written is not None]


def reading_of(text: SpokenText, *, legacy: str = "", teach_path: str = "", chosen: str = "") -> Reading:
    """Mark every changed span of `text`; the unchanged words stay as they were written.

    `chosen`: where the span stands that somebody looks at (`Piece.at`).
    """
    spans = [span for span in text.spans if _is_shown(span)]
    doubtful = [span for span in spans if not span.certain]
    counts = Counter((span.written, span.spoken) for span in doubtful)
    first = {(span.written, span.spoken): span for span in reversed(doubtful)}
    shown = [(sentence.start, pieces) for sentence in text.sentences if (pieces := tuple(_pieces(text, sentence)))]
    return Reading(
        sentences=tuple(pieces for _, pieces in shown),
        starts=tuple(start for start, _ in shown),
        changed=len(spans),
        doubtful=len(doubtful),
        doubts=tuple(_doubt(text, first[which], count) for which, count in islice(counts.items(), MAX_DOUBTS)),
        more_doubts=max(0, len(counts) - MAX_DOUBTS),
        legacy=legacy,
        teach_path=teach_path,
        is_silent=not text.spoken.strip(),
        choice=next((_choice(span) for span in spans if place_of(span) == chosen), None),
    )


def place_of(span: Span) -> str:
    """Where a span stands in the written text, for a form: `120-125`."""
    return f"{span.start}-{span.end}"


def _choice(span: Span) -> Choice:
    others = other_readings(span.written, span.spoken)
    return Choice(place_of(span), span.written, span.spoken, SPAN[span.kind], others)


def _doubt(text: SpokenText, span: Span, count: int) -> Doubt:
    around = text.written[max(0, span.start - _AROUND) : min(span.end, span.start + _AROUND) + _AROUND]
    return Doubt(span.written, span.spoken, SPAN[span.kind], " ".join(around.split()), count)


def _is_shown(span: Span) -> bool:
    """A dash or a bracket that is not spoken is no change that anybody would check; a picture that is left out is."""
    return bool(span.spoken) or span.kind is SpanKind.SYMBOL or any(sign.isalnum() for sign in span.written)


def _pieces(text: SpokenText, sentence: Sentence) -> list[Piece]:
    pieces: list[Piece] = []
    at = sentence.start
    for span in sentence.spans:
        pieces.append(Piece(text.written[at : span.start]))
        if _is_shown(span):
            pieces.append(Piece(span.spoken, span.written, SPAN[span.kind], span.certain, place_of(span)))
        at = max(at, span.end)
    pieces.append(Piece(text.written[at : sentence.end]))
    return [piece for piece in pieces if piece.spoken or piece.written]
