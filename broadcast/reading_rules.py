"""How this commune reads: its own words and its way of saying numbers. Every rendering and every preview goes by it.

`tts.normalize` is imported where it is used: underthesea takes 130 MB, and not every process that knows bulletins reads
them aloud.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, get_args, get_type_hints

from sqlmodel import Session, col, select

from broadcast.audit import record
from broadcast.communes import get_commune
from broadcast.errors import InvalidInput
from broadcast.models import Commune, LexiconEntry, User
from broadcast.permissions import Action, require

if TYPE_CHECKING:
    from tts.normalize import Lexicon, ReadingStyle
    from tts.spoken import SpokenText

_KEPT = "loalang_reading_rules"


@dataclass(frozen=True, slots=True)
class ReadingRules:
    """The commune's words (written, spoken) and its style. Two are equal when texts are read alike by them."""

    words: tuple[tuple[str, str], ...] = field(default=(), compare=False, repr=False)
    style: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    """What is not there is as in the north."""
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        said = json.dumps([self.words, self.style], ensure_ascii=False)
        object.__setattr__(self, "sha256", hashlib.sha256(said.encode()).hexdigest())

    def read(self, text: str) -> "SpokenText":
        """How the commune reads a text."""
        from tts.normalize import normalize  # noqa: PLC0415

        return normalize(text, self.lexicon, self.reading_style)

    @property
    def lexicon(self) -> "Lexicon":
        """The words, ready to be found."""
        return _lexicon(self)

    @property
    def reading_style(self) -> "ReadingStyle":
        """How numbers are said."""
        from tts.normalize import ReadingStyle  # noqa: PLC0415

        return ReadingStyle(**dict(self.style))  # type: ignore[arg-type]  # checked when it was stored


@lru_cache(maxsize=4)
def _lexicon(rules: ReadingRules) -> "Lexicon":
    from tts.normalize import Lexicon  # noqa: PLC0415
    from tts.normalize import LexiconEntry as Word  # noqa: PLC0415

    return Lexicon(tuple(Word(written, spoken) for written, spoken in rules.words))


def rules_of(session: Session) -> ReadingRules:
    """The rules as this unit of work sees them; looked up once in it."""
    known = session.info.get(_KEPT)
    if isinstance(known, ReadingRules):
        return known
    commune = session.exec(select(Commune)).first()
    words = session.exec(select(LexiconEntry.written, LexiconEntry.spoken).order_by(col(LexiconEntry.key))).all()
    style = sorted(commune.reading_style.items()) if commune else []
    rules = ReadingRules(tuple((written, spoken) for written, spoken in words), tuple(style))
    session.info[_KEPT] = rules
    return rules


def forget_rules(session: Session) -> None:
    """The rules were changed in this unit of work."""
    session.info.pop(_KEPT, None)


def set_style(session: Session, style: Mapping[str, str], by: User | None, now: datetime) -> ReadingRules:
    """Say how numbers are read from now on: the fields of `tts.normalize.ReadingStyle`; what is left out stays.

    Args:
        session: a writing session.
        style: e.g. `{"thousand": "ngàn"}`.
        by: who; none at the server's terminal.
        now: the present.

    Raises:
        NotAllowed: this user may not.
        InvalidInput: there is no such choice.
    """
    if by is not None:
        require(by, Action.EDIT_LEXICON)
    choices = style_choices()
    for name, said in style.items():
        if said not in choices.get(name, ()):
            raise InvalidInput("unknown-style", f"Không có cách đọc “{said[:40]}” cho mục này.", name[:40])
    commune = get_commune(session)
    before = asdict(rules_of(session).reading_style)
    after = {**before, **style}
    if after != before:
        commune.reading_style = after
        session.add(commune)
        session.flush()
        forget_rules(session)
        actor = by.username if by else "loalang"
        record(session, now, actor, "set-reading-style", commune.slug, {"before": before, "after": after})
    return rules_of(session)


def style_choices() -> dict[str, tuple[str, ...]]:
    """What may be chosen for each field of `tts.normalize.ReadingStyle`, the north's first."""
    from tts.normalize import ReadingStyle  # noqa: PLC0415

    hints = get_type_hints(ReadingStyle)
    return {one.name: get_args(hints[one.name]) for one in fields(ReadingStyle)}
