"""Tables for spreadsheets."""

import csv
import io
from collections.abc import Iterable, Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(rows: Iterable[Sequence[str]]) -> bytes:
    """CSV in UTF-8 with a byte order mark, without which spreadsheets misread Vietnamese; no cell is a formula."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([_plain(cell) for cell in row] for row in rows)
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def _plain(cell: str) -> str:
    """What a spreadsheet would take for a formula is made text."""
    return "'" + cell if cell.startswith(_FORMULA) else cell
