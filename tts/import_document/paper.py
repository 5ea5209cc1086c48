"""What readers hand on: the paper's blocks in reading order, before anybody has judged what is read aloud."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a heading, a list item or a table's row.

    Attributes:
        text: Its words, spaces single, NFC.
        page: From 1.
        is_margin: The file itself says that it is a header or a footer of the page.
        is_row: It was a row of a table.
        is_note: It was a footnote or an endnote.
    """

    text: str
    page: int = 1
    is_margin: bool = False
    is_row: bool = False
    is_note: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Cells side by side: rows of cells, each cell the lines in it."""

    rows: tuple[tuple[tuple[str, ...], ...], ...]
    page: int = 1


class AsideKind(StrEnum):
    """Why a part is not read aloud."""

    MOTTO = "motto"
    AGENCY = "agency"
    NUMBER = "number"
    PLACE_DATE = "place-date"
    RECIPIENTS = "recipients"
    SIGNATURE = "signature"
    STAMP = "stamp"
    PAGE_NUMBER = "page-number"
    RUNNING = "running-header"
    FOOTNOTE = "footnote"
    OVERFLOW = "overflow"


@dataclass(frozen=True, slots=True)
class SetAside:
    """A part that is not read aloud. `offset`: where in the draft's text it would stand, in characters."""

    kind: AsideKind
    text: str
    page: int
    offset: int


@dataclass(frozen=True, slots=True)
class Warned:
    """Something to be compared with the paper. `message` is Vietnamese; `page` is None for the whole."""

    code: str
    message: str
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A document as a draft bulletin."""

    title: str
    text: str
    set_aside: tuple[SetAside, ...]
    pages: int
    warnings: tuple[Warned, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one document may cost."""

    max_pages: int = 40
    max_megapixels: int = 60
    max_unpacked_mb: int = 100
    max_characters: int = 200_000
    max_script: int = 20_000
    """Longest text of a draft; what is beyond is set aside."""
    time_s: float = 300
    memory_mb: int = 1500


Progress = Callable[[int, int], None]
"""Told which page is read, of how many."""


class Desk(Protocol):
    """What a reader gets beside the file."""

    limits: Limits
    folder: Path
    """Its own, for files on the way; deleted afterwards."""

    def progress(self, page: int, pages: int) -> None:
        """Say that this page is read now."""

    def warn(self, code: str, message: str, page: int | None = None) -> None:
        """Keep something that should be compared with the paper."""


Reader = Callable[[Path, Desk], Iterator[Block | Table]]
