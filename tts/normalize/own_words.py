"""The commune's own lexicon: what it says wins over everything below."""

from collections.abc import Iterator

from tts.normalize.draft import Draft, Reading
from tts.spoken import SpanKind


def read_own_words(draft: Draft) -> Iterator[Reading]:
    """Read every entry of the commune's lexicon as the commune says it."""
    for start, end, entry in draft.lexicon.find(draft.text):
        yield Reading(start, end, " ".join(entry.spoken.split()), SpanKind.LEXICON)
