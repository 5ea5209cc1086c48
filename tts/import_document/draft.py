"""From blocks to a draft bulletin: tables laid out, lines joined, what nobody reads aloud set aside. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from tts.import_document.marks import BARE_TYPE, DOCUMENT_TYPE, SUBJECT, is_broken_line
from tts.import_document.paper import AsideKind, Block, Draft, SetAside, Table, Warned
from tts.import_document.set_aside import judge
from tts.import_document.tables import lay_out
from tts.import_document.texts import continues, ends_sentence, even_capitals, has_words, is_list_item, join_lines, tidy
from tts.normalize.legacy import convert_legacy, detect_legacy, encoding_of_all

_SOFT_HYPHEN = "\u00ad"
_TITLE_AT_MOST = 120
_SUBJECT_AT_MOST = 240
_HEADING_WITHIN = 12
_LONG_LINE = 50
"""Shorter lines that end without a full stop are headings or list items, not broken sentences."""


def make_draft(found: Iterable[Block | Table], *, pages: int, warnings: Sequence[Warned], max_script: int) -> Draft:
    """The draft of a whole paper; its text is empty when nothing is to be read.

    Args:
        found: What the reader found, in reading order.
        pages: How many pages there were.
        warnings: What the reader doubts.
        max_script: Longest text; further paragraphs are set aside.
    """
    blocks = list(_mended(_tidied(found)))
    marks = judge(blocks)
    sheet = _Sheet(max_script)
    for block, kind in _joined(blocks, marks):
        sheet.add(block, kind)
    return Draft(guess_title(sheet.read), sheet.text, tuple(sheet.aside), pages, tuple(warnings))


def guess_title(paragraphs: Sequence[str]) -> str:
    """What the paper is about: its heading with what stands below, its subject line ("V/v …"), or its first words."""
    for at, text in enumerate(paragraphs[:_HEADING_WITHIN]):
        subject = SUBJECT.fullmatch(text)
        if DOCUMENT_TYPE.fullmatch(text):
            return _cut(_below_heading(text, paragraphs[at + 1 : at + 2]))
        if subject and len(text) <= _SUBJECT_AT_MOST:
            return _cut(f"Về việc {subject[1]}")
    return _cut(paragraphs[0]) if paragraphs else ""


def _below_heading(heading: str, below: Sequence[str]) -> str:
    """`THÔNG BÁO` over `V/v cắt điện`: `Thông báo về việc cắt điện`."""
    said = heading.capitalize() if BARE_TYPE.fullmatch(heading) else heading
    if not below or len(below[0]) > _SUBJECT_AT_MOST:
        return said
    if subject := SUBJECT.fullmatch(below[0]):
        return f"{said} về việc {subject[1]}"
    is_subject = said != heading and not ends_sentence(below[0]) and not is_list_item(below[0])
    return f"{said}: {below[0]}" if is_subject else said


def _cut(text: str) -> str:
    text = text.rstrip(" .;:,")
    return text if len(text) <= _TITLE_AT_MOST else text[:_TITLE_AT_MOST].rsplit(" ", 1)[0].rstrip(" ,;:") + "…"


def _tidied(found: Iterable[Block | Table]) -> Iterator[Block]:
    """Blocks with words in them, in Unicode also where no font told the encoding."""
    blocks = [block for one in found for block in (lay_out(one) if isinstance(one, Table) else (one,))]
    whole = encoding_of_all([block.text for block in blocks])
    for block in blocks:
        text = convert_legacy(block.text, whole) if whole else _in_unicode(block.text)
        text = even_capitals(tidy(text.replace(_SOFT_HYPHEN, "")))
        if has_words(text):
            yield replace(block, text=text)


def _in_unicode(text: str) -> str:
    legacy = detect_legacy(text)
    return legacy.converted if legacy else text


def _mended(blocks: Iterable[Block]) -> Iterator[Block]:
    """What is known to stand on one line and was broken for want of room."""
    held: Block | None = None
    for block in blocks:
        if held is not None and held.page == block.page and is_broken_line(held.text, block.text):
            held = replace(held, text=f"{held.text} {block.text}")
            continue
        if held is not None:
            yield held
        held = block
    if held is not None:
        yield held


def _joined(blocks: Sequence[Block], marks: Sequence[AsideKind | None]) -> Iterator[tuple[Block, AsideKind | None]]:
    """Paragraphs that a page's end or a hard line break has cut, made whole; what lies between follows them."""
    held: Block | None = None
    between: list[tuple[Block, AsideKind]] = []
    for block, kind in zip(blocks, marks, strict=True):
        if kind is not None:
            between.append((block, kind))
            continue
        if held is not None and _goes_on(held, block):
            held = replace(held, text=join_lines(held.text, block.text))
            continue
        if held is not None:
            yield held, None
        yield from between
        held, between = block, []
    if held is not None:
        yield held, None
    yield from between


def _goes_on(above: Block, below: Block) -> bool:
    is_row = above.is_row or below.is_row
    return not is_row and len(above.text) >= _LONG_LINE and continues(above.text, below.text)


@dataclass
class _Sheet:
    """The draft as it grows."""

    max_script: int
    text: str = ""
    read: list[str] = field(default_factory=list)
    aside: list[SetAside] = field(default_factory=list)
    _was_item: bool = False

    def add(self, block: Block, kind: AsideKind | None) -> None:
        if kind is None and not self._overflows():
            is_item = block.is_row or is_list_item(block.text)
            between = "" if not self.text else "\n" if is_item and self._was_item else "\n\n"
            if len(self.text) + len(between) + len(block.text) <= self.max_script:
                self.text += between + block.text
                self.read.append(block.text)
                self._was_item = is_item
                return
        self._set_aside(block, kind or AsideKind.OVERFLOW)

    def _overflows(self) -> bool:
        return bool(self.aside) and self.aside[-1].kind is AsideKind.OVERFLOW

    def _set_aside(self, block: Block, kind: AsideKind) -> None:
        last = self.aside[-1] if self.aside else None
        if last and (last.kind, last.offset, last.page) == (kind, len(self.text), block.page):
            self.aside[-1] = replace(last, text=f"{last.text}\n{block.text}")
        elif not (kind is AsideKind.RUNNING and any(block.text == part.text for part in self.aside)):
            self.aside.append(SetAside(kind, block.text, block.page, len(self.text)))
