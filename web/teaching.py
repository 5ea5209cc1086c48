"""A change of how the commune reads, and what it touches: the same for pages and programs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlmodel import Session

from broadcast.errors import BroadcastError
from broadcast.lexicon import Word, check_word, keep_reading
from broadcast.reading_rules import rules_of
from broadcast.rereading import Touched, touched_by
from players.messages import Urgency
from web.deps import Door, Fields
from web.errors import Refusal, refusal_of
from web.pages.listen import Sound, hear

T = TypeVar("T")
CHOSEN_ROW = "0"
"""The row of the span that is looked at; those of the list of doubts begin at 1."""


@dataclass(frozen=True, kw_only=True)
class Taught:
    """What came of a press in the list of doubts: the text to be said on the page, what is touched, or the sound."""

    said: str = ""
    touched: tuple[Touched, ...] = ()
    sound: Sound | None = None
    problem: Refusal | None = None


def change_rules(door: Door, change: Callable[[Session], T]) -> tuple[T, tuple[Touched, ...]]:
    """Do it, have what waits read anew, and say which broadcasts that touches. In a worker thread."""
    with door.work() as session:
        before = rules_of(session)
        done = change(session)
    door.station.nudge()
    with door.read() as session:
        return done, tuple(touched_by(session, before, door.now))


def is_teaching(form: Fields) -> bool:
    """Whether a button in the list of doubts was pressed."""
    return bool(form.text("teach") or form.text("try"))


def teach(door: Door, form: Fields) -> Taught:
    """Keep, or let hear, the reading in the row of the button that was pressed."""
    row = form.text("teach") or form.text("try")
    try:
        word = word_in(form, row)
        if form.text("try"):
            return Taught(sound=hear_word(door, word.spoken))
        _, touched = change_rules(door, lambda session: keep_reading(session, word, door.user, door.now))
    except BroadcastError as error:
        return Taught(problem=refusal_of(error))
    return Taught(said=f"Từ nay “{word.written}” luôn đọc là “{word.spoken}” trong xã.", touched=touched)


def word_in(form: Fields, row: str) -> Word:
    """What is written in a row and how it is to be said: what was typed there, else what was picked.

    Raises:
        InvalidInput: that cannot be said.
    """
    return check_word(form.text(f"written:{row}"), form.text(f"spoken:{row}") or form.text(f"choice:{row}"))


def hear_word(door: Door, spoken: str, *, plays: bool = False) -> Sound:
    """The sound of a spoken form, in a sentence that carries it."""
    try:
        return hear(door, f"Loa sẽ đọc là: {spoken}.", Urgency.NORMAL, is_alone=False, plays=plays)
    except (BroadcastError, Refusal) as error:
        return Sound(problem=error.message)
