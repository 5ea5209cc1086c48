"""The text while it is being read: what is settled, what is still open, and what stands around a place."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tts.normalize.lexicon import Lexicon, lower_in_place
from tts.normalize.numbers import NumberReader
from tts.normalize.segment import Words
from tts.normalize.style import ReadingStyle
from tts.spoken import SpanKind

TAKEN = "\ue000"
"""Stands for a character already read; ironed text has no private-use characters of its own."""

_AROUND = 48
_SYLLABLE = re.compile(r" ?([^\W\d_]{1,20})")


@dataclass(frozen=True, slots=True)
class Reading:
    """A stretch of the canonical text and how it is said; nothing is said when `spoken` is empty."""

    start: int
    end: int
    spoken: str
    kind: SpanKind
    certain: bool = True


class Draft:
    """One text on its way through the readers. A stretch once taken is closed to the readers after."""

    def __init__(self, text: str, words: Words, style: ReadingStyle, lexicon: Lexicon) -> None:
        self.text = text
        self.lexicon = lexicon
        self.lower = lower_in_place(text)
        self.words = words
        self.numbers = NumberReader(style)
        self.readings: list[Reading] = []
        self.introduced: dict[str, str] = {}
        """Abbreviations that this text explains itself, "Hợp tác xã (HTX)", and their long forms."""
        self._open = text
        self._taken = bytearray(len(text))
        self._by_start: dict[int, Reading] = {}
        self._by_end: dict[int, Reading] = {}
        self._pending: list[Reading] = []

    @property
    def open(self) -> str:
        """The text with every settled character masked by `TAKEN`; offsets are those of `text`."""
        if self._pending:
            parts, done = [], 0
            for reading in sorted(self._pending, key=lambda r: r.start):
                parts += [self._open[done : reading.start], TAKEN * (reading.end - reading.start)]
                done = reading.end
            self._open = "".join([*parts, self._open[done:]])
            self._pending = []
        return self._open

    def take(self, readings: Iterable[Reading]) -> None:
        """Settle what a reader found; a stretch that is partly settled already stays as it was."""
        for reading in readings:
            if reading.start >= reading.end or self._taken.find(1, reading.start, reading.end) >= 0:
                continue
            self._taken[reading.start : reading.end] = b"\x01" * (reading.end - reading.start)
            self._pending.append(reading)
            self.readings.append(reading)
            self._by_start[reading.start] = reading
            self._by_end[reading.end] = reading

    def search(
        self, pattern: re.Pattern[str], read: Callable[["Draft", re.Match[str]], Iterable[Reading] | None]
    ) -> Iterator[Reading]:
        """Give what `read` makes of each match in the open text."""
        for match in pattern.finditer(self.open):
            yield from read(self, match) or ()

    def reading_from(self, position: int) -> Reading | None:
        """Give the reading that begins exactly at `position`."""
        return self._by_start.get(position)

    def reading_to(self, position: int) -> Reading | None:
        """Give the reading that ends exactly at `position`."""
        return self._by_end.get(position)

    def before(self, position: int) -> str:
        """Give the few words before `position` in lower case, spaces stripped from their end; not past a line."""
        return self.lower[max(0, position - _AROUND) : position].rpartition("\n")[2].rstrip()

    def after(self, position: int) -> str:
        """Give the few words from `position` on in lower case, spaces stripped from their start."""
        return self.lower[position : position + _AROUND].partition("\n")[0].lstrip()

    def written_after(self, position: int) -> str:
        """Give the same as `after`, capitals and spaces kept."""
        return self.text[position : position + _AROUND].partition("\n")[0]

    def word_after(self, position: int) -> str:
        """Give the word (one or more syllables) that follows `position`, in lower case."""
        syllable = _SYLLABLE.match(self.lower, position)
        if syllable is None:
            return ""
        end = self.words.end_of(syllable.start(1))
        return syllable[1] if end is None else self.lower[syllable.start(1) : end]
