"""Which blocks of a paper nobody reads aloud. Pure.

The head is what stands around the national motto; without a motto nothing of a head is set aside. The foot is the end
of a letter, if all of it is recipients, signatures and the like, to the last line. So ordinary text is never touched.
"""

import re
from collections import Counter
from collections.abc import Sequence

from tts.import_document.marks import (
    APPENDIX,
    DOCUMENT_TYPE,
    PAGE_NUMBER,
    is_agency,
    is_dashed,
    is_motto,
    is_name,
    is_number,
    is_place_date,
    is_recipient,
    is_recipients,
    is_signed,
    is_signed_for,
    is_stamp,
    is_title,
)
from tts.import_document.paper import AsideKind, Block
from tts.import_document.texts import is_capitals, share_of_syllables

_HEAD_REACH = 8
_LONGEST_FOOT = 40
_BODY_LIKE = 110
Marks = list[AsideKind | None]


def judge(blocks: Sequence[Block]) -> Marks:
    """For each block, why it is not read aloud; None for what is read."""
    marks: Marks = [AsideKind.FOOTNOTE if block.is_note else None for block in blocks]
    for at, kind in _head_marks([block.text for block in blocks]):
        marks[at] = kind
    _mark_margins(blocks, marks)
    flow = [index for index, mark in enumerate(marks) if mark is None]
    for at, kind in _foot_marks(blocks, flow):
        marks[flow[at]] = kind
    return marks


def _mark_margins(blocks: Sequence[Block], marks: Marks) -> None:
    """Page numbers, and what is repeated at the edge of pages."""
    edges = _edges(blocks)
    for index, block in enumerate(blocks):
        if marks[index] is None and (index in edges or block.is_margin) and PAGE_NUMBER.fullmatch(block.text):
            marks[index] = AsideKind.PAGE_NUMBER
        elif marks[index] is None and block.is_margin:
            marks[index] = AsideKind.RUNNING
    for index in _repeated(blocks, edges, [index for index, mark in enumerate(marks) if mark is None]):
        marks[index] = AsideKind.RUNNING


def _repeated(blocks: Sequence[Block], edges: set[int], unmarked: Sequence[int]) -> set[int]:
    """Short lines that most pages begin or end with; where they would be all of a page, the pages are alike."""
    shapes = Counter(_shape(blocks[index].text) for index in edges)
    pages = len({block.page for block in blocks})
    found = {
        index
        for index in edges.intersection(unmarked)
        if pages > 1
        and len(blocks[index].text) <= _BODY_LIKE
        and shapes[_shape(blocks[index].text)] > pages / 2
        and not _is_signature(blocks, index)
    }
    with_more = {blocks[index].page for index in unmarked if index not in found}
    return {index for index in found if blocks[index].page in with_more}


def _is_signature(blocks: Sequence[Block], index: int) -> bool:
    """Whether it stands below an office: letters that the same person signed end alike."""
    above = blocks[index - 1].text if index else ""
    return is_name(blocks[index].text) and (is_title(above) or is_signed(above) or is_signed_for(above))


def _edges(blocks: Sequence[Block]) -> set[int]:
    """The outermost blocks of each page, and the next to them if these are page numbers."""
    found: set[int] = set()
    for page in {block.page for block in blocks}:
        own = [index for index, block in enumerate(blocks) if block.page == page and _is_in_flow(block)]
        for inwards in (own, own[::-1]):
            for index in inwards:
                found.add(index)
                if not PAGE_NUMBER.fullmatch(blocks[index].text):
                    break
    return found if len(blocks) > 1 else set()


def _is_in_flow(block: Block) -> bool:
    return not block.is_margin and not block.is_note


def _shape(text: str) -> str:
    return re.sub(r"\d+", "#", text.casefold())


def _head_marks(texts: Sequence[str]) -> list[tuple[int, AsideKind]]:
    found: dict[int, AsideKind] = {}
    for at, text in enumerate(texts):
        if is_motto(text):
            found[at] = AsideKind.MOTTO
            for step in (-1, 1):
                found |= _walk_head(texts, at, step)
    return sorted(found.items())


def _walk_head(texts: Sequence[str], motto: int, step: int) -> dict[int, AsideKind]:
    """From the motto up or down, until the body or the letter's own heading."""
    found: dict[int, AsideKind] = {}
    is_stamped = False
    for at in range(motto + step, motto + step * (_HEAD_REACH + 1), step):
        if not 0 <= at < len(texts) or len(texts[at]) > _BODY_LIKE or DOCUMENT_TYPE.fullmatch(texts[at]):
            break
        kind = _head_kind(texts[at], is_above=step < 0, is_stamped=is_stamped)
        is_stamped = kind is AsideKind.STAMP
        if kind is not None:
            found[at] = kind
    return found


def _head_kind(text: str, *, is_above: bool, is_stamped: bool) -> AsideKind | None:
    if is_motto(text):
        return AsideKind.MOTTO
    if is_stamp(text, after_stamp=is_stamped):
        return AsideKind.STAMP
    if is_number(text):
        return AsideKind.NUMBER
    if is_place_date(text):
        return AsideKind.PLACE_DATE
    return AsideKind.AGENCY if is_agency(text) and (is_above or is_capitals(text)) else None


def _foot_marks(blocks: Sequence[Block], flow: Sequence[int]) -> list[tuple[int, AsideKind]]:
    """Each letter of the paper ends where the next begins, or an appendix, or the paper itself.

    Args:
        blocks: All of them.
        flow: Which of them are still thought to be read; the feet are counted along these.
    """
    texts = [blocks[index].text for index in flow]
    ends = [
        at
        for at in range(1, len(flow))
        if APPENDIX.fullmatch(texts[at]) or any(is_motto(one.text) for one in blocks[flow[at - 1] + 1 : flow[at]])
    ]
    found: list[tuple[int, AsideKind]] = []
    start = 0
    for end in [*ends, len(texts)]:
        found += _foot_of(texts, start, end)
        start = end
    return found


def _foot_of(texts: Sequence[str], start: int, end: int) -> list[tuple[int, AsideKind]]:
    for at in range(max(start, end - _LONGEST_FOOT), end):
        if _begins_foot(texts, at, end):
            kinds = _all_foot(texts[at:end])
            if kinds is not None:
                before = at - 1
                if before >= start and is_place_date(texts[before]):
                    return [(before, AsideKind.PLACE_DATE), *_from(at, kinds)]
                return _from(at, kinds)
    return []


def _from(at: int, kinds: Sequence[AsideKind]) -> list[tuple[int, AsideKind]]:
    return list(enumerate(kinds, at))


def _begins_foot(texts: Sequence[str], at: int, end: int) -> bool:
    text = texts[at]
    if is_signed_for(text):
        return True
    if is_recipients(text):
        return at + 1 < end or len(text) > len("Nơi nhận:")
    return is_title(text) and any(is_name(other) or is_signed(other) for other in texts[at + 1 : end])


def _all_foot(texts: Sequence[str]) -> list[AsideKind] | None:
    """The kind of each block, if all of them belong to a letter's foot."""
    kinds: list[AsideKind] = []
    for at, text in enumerate(texts):
        previous = kinds[-1] if kinds else None
        if AsideKind.RECIPIENTS in kinds and is_dashed(text):
            previous = AsideKind.RECIPIENTS  # their list goes on below the other column, or on the next page
        kind = _foot_kind(text, previous, is_last=at == len(texts) - 1)
        if kind is None:
            return None
        kinds.append(kind)
    return kinds


def _foot_kind(text: str, previous: AsideKind | None, *, is_last: bool) -> AsideKind | None:
    if is_recipients(text):
        return AsideKind.RECIPIENTS
    if is_signed_for(text) or is_title(text) or is_signed(text) or is_name(text):
        return AsideKind.SIGNATURE
    if is_stamp(text, after_stamp=previous is AsideKind.STAMP):
        return AsideKind.STAMP
    if is_place_date(text):
        return AsideKind.PLACE_DATE
    if previous is AsideKind.RECIPIENTS and is_recipient(text):
        return AsideKind.RECIPIENTS
    if PAGE_NUMBER.fullmatch(text) and is_last:
        return AsideKind.PAGE_NUMBER
    if is_agency(text) and is_capitals(text):
        return AsideKind.SIGNATURE
    return AsideKind.STAMP if _is_scrawl(text) else None


def _is_scrawl(text: str) -> bool:
    """What a scanner makes of a signature or of a stamp: a few letters that are no words."""
    return len(text) <= 30 and share_of_syllables(text) <= 0.5 and not any(char.isdigit() for char in text)
