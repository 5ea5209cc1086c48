"""Texts in, spoken forms out, one a line: what `loalang normalize` does."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import TextIO

from tts.normalize import Lexicon, ReadingStyle, normalize
from tts.normalize.style import NORTH


def normalize_lines(
    lines: Iterable[str],
    out: TextIO,
    *,
    as_json: bool = False,
    lexicon: Lexicon | None = None,
    style: ReadingStyle = NORTH,
) -> None:
    """Write the spoken form of each line as soon as it is read, one line for one line.

    Args:
        lines: texts, each with or without its line break.
        out: where to write; flushed after every line.
        as_json: write an object a line: spoken, the spans with offsets and kinds, and how many are doubtful.
        lexicon: the commune's own words.
        style: regional readings.
    """
    for line in lines:
        spoken = normalize(line.rstrip("\r\n"), lexicon, style)
        if as_json:
            spans = [asdict(span) for span in spoken.spans]
            doubts = sum(not span.certain for span in spoken.spans)
            record = {"written": spoken.written, "spoken": spoken.spoken, "spans": spans, "doubts": doubts}
            out.write(json.dumps(record, ensure_ascii=False) + "\n")
        else:
            out.write(spoken.spoken + "\n")
        out.flush()
