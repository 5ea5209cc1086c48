"""Tables as lines that can be read. Pure.

A table of a letter's head or foot holds no data: its columns are read one after the other. In any other, each row
becomes a line; with a heading row, each value says what it is.
"""

import re
from collections.abc import Iterator, Sequence

from tts.import_document.marks import is_letter_part
from tts.import_document.paper import Block, Table
from tts.import_document.texts import has_words, is_capitals, tidy

_COUNTER = re.compile(r"(?:STT|TT|SỐ TT|SỐ THỨ TỰ)\.?", re.IGNORECASE)
_NUMBERED = re.compile(r"\d{1,3}\.?")
_LONG = 40


def lay_out(table: Table) -> Iterator[Block]:
    """The table's blocks, in the order they are read."""
    lines = [line for row in table.rows for cell in row for line in cell]
    if not lines:
        return
    if any(is_letter_part(line) for line in lines):
        width = max(len(row) for row in table.rows)
        for column in range(width):
            for row in table.rows:
                for line in row[column] if column < len(row) else ():
                    yield Block(line, table.page)
    elif max(sum(any(map(has_words, cell)) for cell in row) for row in table.rows) <= 1:
        yield from (Block(line, table.page) for line in lines)  # a frame around text
    else:
        for text in _read_rows([[tidy(" ".join(cell)) for cell in row] for row in _merged(table.rows)]):
            yield Block(text, table.page, is_row=True)


def _merged(rows: Sequence[tuple[tuple[str, ...], ...]]) -> list[list[tuple[str, ...]]]:
    """Rows whose first cell is empty go on with the row above: lines of cells that were wrapped."""
    merged: list[list[tuple[str, ...]]] = []
    for row in rows:
        if merged and row and not row[0] and len(row) == len(merged[-1]):
            merged[-1] = [above + cell for above, cell in zip(merged[-1], row, strict=True)]
        else:
            merged.append(list(row))
    return merged


def _read_rows(rows: list[list[str]]) -> Iterator[str]:
    rows = _below_groups([row for row in rows if any(map(has_words, row))])
    if _has_counter(rows):
        rows = [row[1:] for row in rows]
    heads = rows[0] if len(rows) > 1 and _is_heading(rows) else None
    for row in rows[1:] if heads else rows:
        text = _said(heads, row) if heads else ", ".join(cell for cell in row if has_words(cell))
        if text:
            yield text if text.endswith((".", ";", "!", "?")) else text + "."


def _below_groups(rows: list[list[str]]) -> list[list[str]]:
    """Without the upper row of a heading in two rows, which only says what columns of the lower belong together."""
    if len(rows) > 2 and rows[0][0] == rows[1][0] and len(rows[0]) == len(rows[1]):
        is_grouped = not all(map(has_words, rows[0])) and all(map(has_words, rows[1]))
        return rows[1:] if is_grouped else rows
    return rows


def _has_counter(rows: list[list[str]]) -> bool:
    if len(rows) < 2 or any(len(row) < 2 for row in rows):
        return False
    first = rows[0][0]
    return bool(_COUNTER.fullmatch(first)) and all(_NUMBERED.fullmatch(row[0]) or not row[0] for row in rows[1:])


def _is_heading(rows: list[list[str]]) -> bool:
    head = rows[0]
    is_label = all(has_words(cell) and len(cell) <= _LONG and not cell[0].isdigit() for cell in head)
    return (
        is_label
        and all(len(row) == len(head) for row in rows)
        and any(any(char.isdigit() for char in cell) for row in rows[1:] for cell in row)
    )


def _said(heads: list[str], row: list[str]) -> str:
    """`Thôn Đông: thời gian 7 giờ; địa điểm Nhà văn hóa`."""
    said = [f"{_lower(head)} {cell}" for head, cell in zip(heads[1:], row[1:], strict=True) if has_words(cell)]
    if not has_words(row[0]):
        return "; ".join(said)
    return f"{row[0]}: {'; '.join(said)}" if said else row[0]


def _lower(head: str) -> str:
    return head.lower() if is_capitals(head) and len(head) > 5 else head[:1].lower() + head[1:]
