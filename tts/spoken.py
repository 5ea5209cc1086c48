"""A text as it will be read aloud, and how that differs from what was written."""

from dataclasses import dataclass
from enum import StrEnum


class SpanKind(StrEnum):
    """What a changed span was taken for."""

    CARDINAL = "cardinal"
    ORDINAL = "ordinal"
    DECIMAL = "decimal"
    DATE = "date"
    TIME = "time"
    RANGE = "range"
    MEASURE = "measure"
    MONEY = "money"
    PERCENT = "percent"
    FRACTION = "fraction"
    RATIO = "ratio"
    PHONE = "phone"
    DOCUMENT = "document"
    ROAD = "road"
    PLATE = "plate"
    ROMAN = "roman"
    ABBREVIATION = "abbreviation"
    LETTERS = "letters"
    CODE = "code"
    ADDRESS = "address"
    WEB = "web"
    FOREIGN = "foreign"
    LEXICON = "lexicon"
    SPELLING = "spelling"
    SYMBOL = "symbol"
    PAUSE = "pause"


class Pause(StrEnum):
    """How long the reader rests after a sentence."""

    CLAUSE = "clause"
    SENTENCE = "sentence"
    PARAGRAPH = "paragraph"


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the written text that is read otherwise than it is spelled.

    `start` and `end` are offsets, in characters, in the text given to `normalize`: `text[start:end] == written`.
    """

    start: int
    end: int
    written: str
    spoken: str
    kind: SpanKind
    certain: bool = True


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence: where it stood in the written text, and how it is read."""

    start: int
    end: int
    written: str
    spoken: str
    spans: tuple[Span, ...]
    pause: Pause = Pause.SENTENCE


@dataclass(frozen=True, slots=True)
class SpokenText:
    """The whole text, in order. `written` is the text given, unchanged."""

    written: str
    sentences: tuple[Sentence, ...]

    @property
    def spoken(self) -> str:
        """All that will be said, sentences joined by a space."""
        return " ".join(sentence.spoken for sentence in self.sentences)

    @property
    def spans(self) -> tuple[Span, ...]:
        """Every changed span, in order."""
        return tuple(span for sentence in self.sentences for span in sentence.spans)
