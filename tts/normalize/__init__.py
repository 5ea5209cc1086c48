"""Reading Vietnamese aloud: what a bulletin says, word by word, as a commune's announcer would.

The order of the readers below is the whole plan: each takes what it is sure of and closes it to those after.
"""

from collections.abc import Callable, Iterable

from tts.normalize.abbreviations import read_abbreviations
from tts.normalize.assemble import assemble
from tts.normalize.brackets import read_brackets
from tts.normalize.canonical import iron
from tts.normalize.cardinals import read_cardinals
from tts.normalize.codes import read_codes
from tts.normalize.dates import read_dates
from tts.normalize.documents import read_documents
from tts.normalize.draft import Draft, Reading
from tts.normalize.fertilizers import read_fertilizers
from tts.normalize.foreign import read_foreign, read_known_foreign
from tts.normalize.joints import read_joints
from tts.normalize.layout import read_layout
from tts.normalize.legacy import LegacyEncoding, LegacyText, detect_legacy
from tts.normalize.letters import read_initials, read_letters
from tts.normalize.lexicon import Lexicon, LexiconEntry, dump_lexicon, load_lexicon, read_lines
from tts.normalize.ordinals import read_ordinals
from tts.normalize.own_words import read_own_words
from tts.normalize.phones import read_phones
from tts.normalize.plates import read_plates
from tts.normalize.quantities import read_bare_units, read_quantities
from tts.normalize.rates import read_rates, read_word_slashes
from tts.normalize.ratios import read_ratios
from tts.normalize.roads import read_roads
from tts.normalize.romans import read_romans
from tts.normalize.segment import Words
from tts.normalize.style import NORTH, SOUTH, ReadingStyle
from tts.normalize.symbols import read_symbols
from tts.normalize.times import read_times
from tts.normalize.web import read_web
from tts.spoken import SpokenText

__all__ = [
    "NORTH",
    "READERS",
    "SOUTH",
    "LegacyEncoding",
    "LegacyText",
    "Lexicon",
    "LexiconEntry",
    "ReadingStyle",
    "detect_legacy",
    "dump_lexicon",
    "load_lexicon",
    "normalize",
    "read_lines",
]

Reader = Callable[[Draft], Iterable[Reading]]

READERS: tuple[Reader, ...] = (
    read_own_words,
    read_web,
    read_layout,
    read_documents,
    read_plates,
    read_phones,
    read_roads,
    read_fertilizers,
    read_times,
    read_dates,
    read_ordinals,
    read_quantities,
    read_ratios,
    read_rates,
    read_brackets,
    read_known_foreign,
    read_codes,
    read_romans,
    read_initials,
    read_abbreviations,
    read_cardinals,
    read_bare_units,
    read_joints,
    read_word_slashes,
    read_letters,
    read_foreign,
    read_symbols,
)


def normalize(text: str, lexicon: Lexicon | None = None, style: ReadingStyle = NORTH) -> SpokenText:
    """Work out how a text is read aloud.

    Args:
        text: any string; lines end sentences. Legacy encodings (TCVN3, VNI-Windows) are converted line by line.
        lexicon: the commune's own words, which win over ours.
        style: regional readings.

    Returns:
        The sentences in order, each with every span that is read otherwise than written; spoken forms hold letters,
        spaces and the marks ``. , ; : ? !`` only. Spans that a person should look at are not `certain`.
    """
    canonical = iron(text)
    draft = Draft(canonical.text, Words(canonical.text), style, lexicon or Lexicon())
    for reader in READERS:
        draft.take(reader(draft))
    return SpokenText(text, assemble(canonical, draft))
