"""The commune's own words: how it says its places, people and local abbreviations. They win over ours."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tts.errors import LexiconError
from tts.normalize.canonical import iron

LONGEST_WRITTEN = 100
LONGEST_SPOKEN = 300
HEADER = ("viết", "đọc", "ghi chú")

_TOKEN = re.compile(r"[^\W_]+|[\W_]")
"""As words of a lexicon begin and end: a run of letters and digits, or any other one character."""
_LINE_END = re.compile("\r\n|\n|\r")
_QUOTE = '"'
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
        """The written form as texts are compared with it: ironed as they are."""
        ironed = " ".join(iron(self.written).text.split())
        return ironed.lower() if self.any_case else ironed


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The commune's entries; the longest that fits is taken, of two for the same word the later."""

    entries: tuple[LexiconEntry, ...] = ()
    _by_key: dict[str, LexiconEntry] = field(init=False, repr=False, compare=False)
    _lengths: dict[str, list[int]] = field(init=False, repr=False, compare=False)
    """How long the keys are that begin with a token, the longest first."""

    def __post_init__(self) -> None:
        by_key = {entry.key: entry for entry in self.entries if entry.key}
        lengths: dict[str, set[int]] = {}
        for key in by_key:
            lengths.setdefault(_TOKEN.match(key)[0].lower(), set()).add(len(key))  # type: ignore[index]
        object.__setattr__(self, "_by_key", by_key)
        object.__setattr__(self, "_lengths", {token: sorted(found, reverse=True) for token, found in lengths.items()})

    def find(self, text: str) -> list[tuple[int, int, LexiconEntry]]:
        """Give every place in ironed `text` where an entry is written: start, end, entry."""
        if not self._by_key:
            return []
        lower = lower_in_place(text)
        found = []
        done = 0
        for token in _TOKEN.finditer(lower):
            if token.start() < done or token[0] not in self._lengths:
                continue
            hit = self._entry_at(text, lower, token)
            if hit is not None:
                found.append((token.start(), hit[1], hit[0]))
                done = hit[1]
        return found

    def _entry_at(self, text: str, lower: str, token: re.Match[str]) -> tuple[LexiconEntry, int] | None:
        start = token.start()
        for length in self._lengths[token[0]]:
            end = start + length
            if end > len(text) or (text[end - 1].isalnum() and text[end : end + 1].isalnum()):
                continue
            entry = self._by_key.get(text[start:end]) or self._by_key.get(lower[start:end])
            if entry is not None:
                return entry, end
        return None


def lower_in_place(text: str) -> str:
    """Give the text in lower case, every character in its place (İ, which would become two, stays)."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(char.lower() if len(char.lower()) == 1 else char for char in text)


def load_lexicon(tsv: str) -> Lexicon:
    """Read a lexicon from TSV, as `read_lines`.

    Raises:
        LexiconError: a line cannot be used; the message names it by number, in Vietnamese.
    """
    entries = []
    for number, found in read_lines(tsv):
        if isinstance(found, LexiconError):
            raise LexiconError(f"Dòng {number}: {found}")
        entries.append(found)
    return Lexicon(tuple(entries))


def read_lines(tsv: str) -> Iterator[tuple[int, LexiconEntry | LexiconError]]:
    """Give each line's number, from 1, and its entry, or what is wrong with it, in Vietnamese.

    The cells are written, spoken, note. What spreadsheets add is taken off: a byte order mark, CR, quotes around a
    cell. A first line that is a header is passed over, and so are empty lines and those that begin with #.
    """
    is_first = True
    for number, line in enumerate(_LINE_END.split(tsv.removeprefix("\ufeff")), 1):
        if not line.strip() or line.startswith("#"):
            continue
        cells = [_unquoted(cell.strip()) for cell in line.split("\t")]
        is_header = is_first and tuple(cell.lower() for cell in cells[:2]) == HEADER[:2]
        is_first = False
        if not is_header:
            yield number, _entry_of(cells)


def dump_lexicon(entries: Iterable[LexiconEntry]) -> str:
    """Write entries as TSV, with a header, so that `load_lexicon` gives them back."""
    lines = [HEADER, *((e.written, e.spoken, e.note) for e in entries)]
    return "".join("\t".join(map(_quoted, cells)) + "\n" for cells in lines)


def _entry_of(cells: list[str]) -> LexiconEntry | LexiconError:
    while len(cells) > len(HEADER) and not cells[-1]:  # a spreadsheet's empty columns
        cells = cells[:-1]
    if len(cells) not in {2, 3}:
        return LexiconError("cần hai hoặc ba cột cách nhau bằng phím Tab")
    try:
        return LexiconEntry(*cells)
    except LexiconError as error:
        return error


def _quoted(cell: str) -> str:
    return f'"{cell.replace(_QUOTE, _QUOTE * 2)}"' if cell.startswith((_QUOTE, "#")) else cell


def _unquoted(cell: str) -> str:
    is_quoted = len(cell) >= 2 and cell.startswith(_QUOTE) and cell.endswith(_QUOTE)
    return cell[1:-1].replace(_QUOTE * 2, _QUOTE) if is_quoted else cell
