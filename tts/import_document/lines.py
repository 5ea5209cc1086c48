"""From words at their places on a page to blocks: columns, tables, paragraphs. Pure.

A row of the page may hold several segments, parted by wide gaps. Rows with the same gap under each other are columns:
the head and the foot of an official letter, or a table. A line belongs to the paragraph above it unless its first word
would still have fitted there.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from tts.import_document.paper import Block, Table
from tts.import_document.texts import continues, is_capitals, is_list_item, is_list_mark, join_lines, tidy

_GAP = 2.2
"""A gap of so many letter heights parts a line."""
_COLUMN_GAP = 0.5
"""And a white lane of so many between columns, once it is found, keeps them apart."""
_SAME_ROW = 0.5
_WIDEST_SPACING = 1.2
"""Lines of one paragraph are at most so many letter heights apart."""
_PARAGRAPH_GAP = 0.75
"""White space above a paragraph, in letter heights, beyond the usual between lines."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word at its place, in points or pixels from the page's upper left corner."""

    text: str
    left: float
    right: float
    top: float
    bottom: float

    @property
    def height(self) -> float:
        """How high its letters stand, roughly."""
        return self.bottom - self.top


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of words on one line, from left to right; at least one."""

    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """What they say."""
        return tidy(" ".join(word.text for word in self.words))

    @property
    def left(self) -> float:
        """Where it begins."""
        return self.words[0].left

    @property
    def right(self) -> float:
        """Where it ends."""
        return max(word.right for word in self.words)

    @property
    def top(self) -> float:
        """Its upper edge: half of its words may reach higher, of one that is misread."""
        return median(word.top for word in self.words)

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return median(word.bottom for word in self.words)

    @property
    def height(self) -> float:
        """How high its letters stand, roughly."""
        return self.bottom - self.top

    @property
    def first_width(self) -> float:
        """How wide its first word is."""
        return self.words[0].right - self.words[0].left


def segments_of(words: Iterable[Word]) -> Iterator[Segment]:
    """The words of one line, parted where a wide gap is; a list's number belongs to its item, however far it hangs."""
    held: list[Word] = []
    for word in sorted(words, key=lambda word: word.left):
        is_mark = len(held) == 1 and is_list_mark(held[0].text)
        if held and not is_mark and word.left - held[-1].right > _GAP * median(one.height for one in (*held, word)):
            yield Segment(tuple(held))
            held = []
        held.append(word)
    if held:
        yield Segment(tuple(held))


def rows_of(segments: Iterable[Segment]) -> list[list[Segment]]:
    """Segments at the same height, from the top of the page to its bottom."""
    rows: list[list[Segment]] = []
    for segment in sorted(segments, key=lambda one: (one.top + one.bottom) / 2):
        if rows and _overlap(rows[-1][0], segment) >= _SAME_ROW:
            rows[-1].append(segment)
        else:
            rows.append([segment])
    return [sorted(row, key=lambda one: one.left) for row in rows]


def _overlap(one: Segment, other: Segment) -> float:
    shared = min(one.bottom, other.bottom) - max(one.top, other.top)
    return shared / max(1e-6, min(one.height, other.height))


def blocks_of_page(segments: Iterable[Segment], page: int) -> Iterator[Block | Table]:
    """The page's paragraphs and tables, in reading order."""
    plain: list[Segment] = []
    for region in _regions(rows_of(segments)):
        if len(region) > 1 and any(len(row) > 1 for row in region):
            yield from _paragraphs(plain, page)
            plain = []
            yield _table(region, page)
        else:
            plain += [_whole(row) for row in region]
    yield from _paragraphs(plain, page)


def _whole(row: Sequence[Segment]) -> Segment:
    """A row that is alone in having gaps: one line."""
    return Segment(tuple(word for segment in row for word in segment.words))


def _regions(rows: Sequence[list[Segment]]) -> Iterator[list[list[Segment]]]:
    """Runs of rows with a common gap, and single rows."""
    at = 0
    while at < len(rows):
        end, gutters = at + 1, _gutters(rows[at])
        while gutters and end < len(rows) and _is_near(rows[end - 1], rows[end]):
            kept = [gutter for one in gutters if (gutter := _narrowed(one, rows[end])) is not None]
            if not kept:
                break
            gutters, end = kept, end + 1
        yield list(rows[at:end])
        at = end


def _gutters(row: Sequence[Segment]) -> list[tuple[float, float]]:
    return [(one.right, other.left) for one, other in pairwise(row)]


def _narrowed(gutter: tuple[float, float], row: Sequence[Segment]) -> tuple[float, float] | None:
    """The widest part of the gap that stays white in that row; None if it is no wider than between words."""
    at, end = gutter
    white: list[tuple[float, float]] = []
    for word in (word for segment in row for word in segment.words):
        if word.right > at and word.left < end:
            white.append((at, word.left))
            at = word.right
    white.append((at, end))
    left, right = max(white, key=lambda one: one[1] - one[0])
    return (left, right) if right - left > _COLUMN_GAP * median(segment.height for segment in row) else None


def _is_near(above: Sequence[Segment], below: Sequence[Segment]) -> bool:
    """Rows far apart are not of one table; a lone line close below may be of one column."""
    gap = min(one.top for one in below) - max(one.bottom for one in above)
    height = median(one.height for one in above)
    return gap < (2.5 if len(below) > 1 else 1.2) * height


def _table(region: Sequence[Sequence[Segment]], page: int) -> Table:
    edges = _columns(region)
    rows: list[list[list[str]]] = []
    for row in region:
        cells: list[list[str]] = [[] for _ in range(len(edges) + 1)]
        for word in (word for segment in row for word in segment.words):
            middle = (word.left + word.right) / 2
            cells[sum(middle > edge for edge in edges)].append(word.text)
        rows.append(cells)
    return Table(tuple(tuple((tidy(" ".join(cell)),) if cell else () for cell in row) for row in rows), page)


def _columns(region: Sequence[Sequence[Segment]]) -> list[float]:
    """Where the columns part: the gaps of the row with most segments, as far as the others leave them white."""
    fullest = max(region, key=len)
    edges = []
    for gutter in _gutters(fullest):
        narrowed: tuple[float, float] | None = gutter
        for row in region:
            narrowed = narrowed and _narrowed(narrowed, row)
        left, right = narrowed or gutter
        edges.append((left + right) / 2)
    return edges


def _paragraphs(lines: Sequence[Segment], page: int) -> Iterator[Block]:
    if not lines:
        return
    right = sorted(line.right for line in lines)[-max(1, len(lines) // 8)]
    usual = _usual_gap(lines)
    held = lines[0].text
    for above, line in pairwise(lines):
        if _belongs(above, line, right, usual):
            held = join_lines(held, line.text)
        else:
            yield Block(held, page)
            held = line.text
    yield Block(held, page)


def _usual_gap(lines: Sequence[Segment]) -> float:
    """White space between lines of one paragraph; two lines alone may be of different ones, far apart."""
    gaps = sorted(below.top - above.bottom for above, below in pairwise(lines))
    most = _WIDEST_SPACING * median(line.height for line in lines)
    return min(gaps[len(gaps) // 4], most) if gaps else 0.0


def _belongs(above: Segment, line: Segment, right: float, usual: float) -> bool:
    """Whether a line goes on with the paragraph of the line above it."""
    height = median((above.height, line.height))
    if is_list_item(line.text) or line.top - above.bottom > usual + _PARAGRAPH_GAP * height:
        return False
    if is_capitals(above.text) != is_capitals(line.text) and len(above.text) < 60:
        return False
    letter = line.first_width / max(1, len(line.text.split(" ", 1)[0]))
    would_fit = above.right + line.first_width + 2 * letter < right
    if would_fit:
        return continues(above.text, line.text)
    return line.left - above.left < 1.5 * height or continues(above.text, line.text)
