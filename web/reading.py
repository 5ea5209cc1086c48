"""A spoken text as the screen shows it: every changed span marked, with what was written."""

from dataclasses import dataclass

from tts.spoken import Sentence, Span, SpokenText
from web.words import SPAN


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text as it will be read. `written` is none when it is read as it stands."""

    spoken: str
    written: str | None = None
    kind: str = ""
    certain: bool = True


@dataclass(frozen=True, slots=True)
class Reading:
    """How a text will be read: its sentences in order, how many spans were changed, and how many of them in doubt."""

    sentences: tuple[tuple[Piece, ...], ...]
    changed: int
    doubtful: int


def reading_of(text: SpokenText) -> Reading:
    """Mark every changed span of `text`; the unchanged words stay as they were written."""
    spans = [span for span in text.spans if _is_shown(span)]
    return Reading(
        sentences=tuple(pieces for sentence in text.sentences if (pieces := tuple(_pieces(text, sentence)))),
        changed=len(spans),
        doubtful=sum(not span.certain for span in spans),
    )


def _is_shown(span: Span) -> bool:
    """A dash or a bracket that is not spoken is no change that anybody would check."""
    return bool(span.spoken) or any(sign.isalnum() for sign in span.written)


def _pieces(text: SpokenText, sentence: Sentence) -> list[Piece]:
    pieces: list[Piece] = []
    at = sentence.start
    for span in sentence.spans:
        pieces.append(Piece(text.written[at : span.start]))
        if _is_shown(span):
            pieces.append(Piece(span.spoken, span.written, SPAN[span.kind], span.certain))
        at = max(at, span.end)
    pieces.append(Piece(text.written[at : sentence.end]))
    return [piece for piece in pieces if piece.spoken or piece.written]
