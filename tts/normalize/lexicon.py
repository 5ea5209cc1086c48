"""The commune's own words: how it says its places, people and local abbreviations. They win over ours."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field

from tts.errors import LexiconError
from tts.normalize.syllables import place_tones

LONGEST_WRITTEN = 100
LONGEST_SPOKEN = 300
HEADER = ("viết", "đọc", "ghi chú")

_SPOKEN = re.compile(r"[^\W\d_]+(?:[ ,]+[^\W\d_]+)*")


@dataclass(frozen=True, slots=True)
class LexiconEntry:
    """One word of the commune and how it is said.

    Attributes:
        written: as it stands in bulletins, up to 100 characters; in capitals only ("CTĐ"), it is meant so,
            otherwise in any case ("Bản Phùng" is also BẢN PHÙNG).
        spoken: how it is said, in letters, spaces and commas.
        note: why, for the next officer.

    Raises:
        LexiconError: one of them cannot be used; the message is for the officer.
    """

    written: str
    spoken: str
    note: str = ""

    def __post_init__(self) -> None:
        if (
            not self.written.strip()
            or len(self.written) > LONGEST_WRITTEN
            or "\n" in self.written
            or "\t" in self.written
        ):
            raise LexiconError(
                f"Chữ viết phải có từ 1 đến {LONGEST_WRITTEN} ký tự trên một dòng: “{self.written[:40]}”"
            )
        if not _SPOKEN.fullmatch(self.spoken.strip()) or len(self.spoken) > LONGEST_SPOKEN:
            raise LexiconError(f"Cách đọc chỉ gồm chữ, dấu cách và dấu phẩy: “{self.written}” → “{self.spoken[:40]}”")

    @property
    def any_case(self) -> bool:
        """Whether capitals and small letters are the same here."""
        return self.written != self.written.upper()

    @property
    def key(self) -> str:
        """The written form as texts are compared with it."""
        ironed = place_tones(unicodedata.normalize("NFC", " ".join(self.written.split())))
        return ironed.lower() if self.any_case else ironed


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The commune's entries; the longest that fits is taken, of two for the same word the later."""

    entries: tuple[LexiconEntry, ...] = ()
    _by_first: dict[str, list[tuple[str, LexiconEntry]]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        unique = {entry.key: entry for entry in self.entries}
        by_first: dict[str, list[tuple[str, LexiconEntry]]] = {}
        for key, entry in sorted(unique.items(), key=lambda item: -len(item[0])):
            by_first.setdefault(key[0].lower(), []).append((key, entry))
        object.__setattr__(self, "_by_first", by_first)

    def entry_at(self, text: str, lower: str, position: int) -> tuple[LexiconEntry, int] | None:
        """Give the entry that is written at `position` of ironed `text`, and where it ends."""
        for key, entry in self._by_first.get(lower[position], ()):
            where = lower if entry.any_case else text
            end = position + len(key)
            if where.startswith(key, position) and _stands_alone(text, position, end):
                return entry, end
        return None

    def find(self, text: str) -> list[tuple[int, int, LexiconEntry]]:
        """Give every place in ironed `text` where an entry is written: start, end, entry."""
        if not self._by_first:
            return []
        lower = lower_in_place(text)
        found = []
        position = 0
        while position < len(text):
            hit = self.entry_at(text, lower, position)
            if hit is None:
                position += 1
                continue
            found.append((position, hit[1], hit[0]))
            position = hit[1]
        return found


def lower_in_place(text: str) -> str:
    """Give the text in lower case, every character in its place (İ, which would become two, stays)."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(char.lower() if len(char.lower()) == 1 else char for char in text)


def _stands_alone(text: str, start: int, end: int) -> bool:
    before, after = text[start - 1 : start], text[end : end + 1]
    return not (before.isalnum() and text[start].isalnum()) and not (after.isalnum() and text[end - 1].isalnum())


def load_lexicon(tsv: str) -> Lexicon:
    """Read a lexicon from TSV: written, spoken, note; a header and lines that begin with # are passed over.

    Raises:
        LexiconError: a line cannot be used; the message names it by number, in Vietnamese.
    """
    entries = []
    for number, line in enumerate(tsv.removeprefix("\ufeff").splitlines(), 1):
        cells = [cell.strip() for cell in line.split("\t")]
        if not line.strip() or line.startswith("#") or tuple(c.lower() for c in cells[:2]) == HEADER[:2]:
            continue
        if len(cells) not in {2, 3}:
            raise LexiconError(f"Dòng {number}: cần hai hoặc ba cột cách nhau bằng phím Tab")
        try:
            entries.append(LexiconEntry(*cells))
        except LexiconError as error:
            raise LexiconError(f"Dòng {number}: {error}") from error
    return Lexicon(tuple(entries))


def dump_lexicon(entries: Iterable[LexiconEntry]) -> str:
    """Write entries as TSV, with a header, so that `load_lexicon` gives them back."""
    lines = [HEADER, *((e.written, e.spoken, e.note) for e in entries)]
    return "".join("\t".join(cells) + "\n" for cells in lines)
