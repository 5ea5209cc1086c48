"""The hyphen between two things already read: 7h30-11h, 28/6-3/7, BĐ1-BĐ2, cấp IV-V."""

import re
from collections.abc import Iterator

from tts.normalize.draft import TAKEN, Draft, Reading
from tts.spoken import SpanKind

_HYPHEN = re.compile(rf"(?<={TAKEN})\s?(?:-|÷|~)\s?(?={TAKEN})")
_RANGED = {
    SpanKind.TIME,
    SpanKind.DATE,
    SpanKind.ROMAN,
    SpanKind.ORDINAL,
    SpanKind.ROAD,
    SpanKind.MEASURE,
    SpanKind.MONEY,
    SpanKind.PERCENT,
}
_AMOUNTS = {SpanKind.MEASURE, SpanKind.MONEY, SpanKind.PERCENT, SpanKind.CARDINAL}


def read_joints(draft: Draft) -> Iterator[Reading]:
    """Read the hyphen between two readings of one kind as "đến"."""
    yield from draft.search(_HYPHEN, _read_hyphen)


def _read_hyphen(draft: Draft, match: re.Match[str]) -> Iterator[Reading]:
    before, after = draft.reading_to(match.start()), draft.reading_from(match.end())
    if before is None or after is None or not before.spoken or not after.spoken:
        return
    if before.kind == after.kind and before.kind in _RANGED:
        yield Reading(*match.span(), "đến", SpanKind.RANGE)
    elif before.kind in _AMOUNTS and after.kind in _AMOUNTS:
        yield Reading(*match.span(), "đến", SpanKind.RANGE, certain=False)
