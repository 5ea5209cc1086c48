"""A text heard sentence by sentence while it is written: the first sounds while the others are still made."""

from collections.abc import Sequence
from dataclasses import dataclass

from broadcast.communes import get_commune, voice_for
from broadcast.errors import InvalidInput
from broadcast.renderings import want_sentences
from broadcast.said_script import ClipMark, split_said
from players.messages import Urgency
from web.deps import Door
from web.pages.listen import take_turn
from web.part_list import said_in
from web.typed_bulletin import Typed


@dataclass(frozen=True, slots=True)
class SaidSentence:
    """A sentence to be heard: what is written, where it begins in the text, and the key of its rendering."""

    written: str
    start: int
    key: str


def require_words(typed: Typed) -> None:
    """Let pass what can be spoken at all.

    Raises:
        InvalidInput: nothing is typed, or too much.
    """
    if not typed.is_sayable:
        raise InvalidInput("nothing-to-say", "Chưa có nội dung để đọc, hoặc nội dung quá dài.", "script")


def hear_sentences(door: Door, typed: Typed, bulletin_id: str) -> Sequence[SaidSentence]:
    """Have the typed text made sentence by sentence, without its chimes; a long one's end is one piece.

    Raises:
        InvalidInput: nothing in the text can be spoken, or it has recorded parts.
        NotFound: the bulletin is not this person's to see.
        Refusal: 429, too many at once.
    """
    require_words(typed)
    take_turn(door)
    with door.work() as session:
        script = said_in(session, door.user, typed.script, typed.parts, bulletin_id)
        if any(isinstance(part, ClipMark) for part in split_said(script)):
            said = "Bản tin có phần ghi âm: hãy bấm “Nghe thử” để nghe cả bản tin."
            raise InvalidInput("has-recordings", said, "script")
        voice = voice_for(get_commune(session), Urgency.NORMAL)
        wanted = want_sentences(session, script, voice, Urgency.NORMAL, door.now, is_only_heard=True)
        sentences, start = [], 0
        for rendering in wanted:
            written = rendering.script or ""
            sentences.append(SaidSentence(" ".join(written.split()), start, rendering.key))
            start += len(written)
    door.station.nudge()
    return sentences
