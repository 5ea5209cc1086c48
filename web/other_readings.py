"""How else a changed span could be read: what somebody may want who does not like the likeliest reading."""

import re

from tts.normalize.letters import spell
from tts.normalize.numbers import LONGEST_CARDINAL, NumberReader
from tts.normalize.syllables import is_syllable

_RUN = re.compile(r"\d+|[^\W\d_]+")
_LONGEST = 60
"""Characters; of longer spans nobody wants each letter."""


def other_readings(written: str, spoken: str) -> tuple[str, ...]:
    """Numbers whole or digit by digit, letters as a word or one by one; without what is said already."""
    if len(written) > _LONGEST:
        return ()
    runs = _RUN.findall(written)
    said = (" ".join(_whole(run) for run in runs), " ".join(_one_by_one(run) for run in runs))
    return tuple(one for one in dict.fromkeys(said) if one and one != spoken)


def _whole(run: str) -> str:
    if run.isdecimal():
        return NumberReader().cardinal(int(run)) if len(run) <= LONGEST_CARDINAL else NumberReader().digits(run)
    word = run.lower()
    return word if is_syllable(word) else spell(run)


def _one_by_one(run: str) -> str:
    return NumberReader().digits(run) if run.isdecimal() else spell(run)
