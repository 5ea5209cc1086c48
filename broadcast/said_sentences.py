"""What a clip says when: for who reads along while listening. The renderer counted where each sentence lies."""

from dataclasses import dataclass

from sqlmodel import Session, col, select

from broadcast.models import Clip, Rendering
from broadcast.reading_rules import rules_of
from broadcast.renderings import SAID_OF_CLIP, read_with_words


@dataclass(frozen=True, slots=True)
class SaidSentence:
    """A sentence as it is written, and when it is said: from, until, in milliseconds; twice when it is read twice."""

    text: str
    at: tuple[tuple[int, int], ...]


def said_sentences(session: Session, sha256: str) -> list[SaidSentence]:
    """The sentences of a clip, in order; none when that was not counted, or nothing is spoken in it."""
    clip = session.get(Clip, sha256)
    of_clip = select(Rendering).where(Rendering.clip_sha256 == sha256, col(Rendering.script).is_not(None))
    rendering = session.exec(of_clip.order_by(col(Rendering.wanted_at).desc())).first()
    if clip is None or not clip.said_at or rendering is None:
        return []
    texts = _texts(session, rendering)
    found: dict[int, list[tuple[int, int]]] = {}
    for passage, begins, ends in clip.said_at:
        # Read twice: after the last sentence "xin nhắc lại", and then all of them once more.
        number = passage if passage < len(texts) else passage - len(texts) - 1
        if 0 <= number < len(texts):
            found.setdefault(number, []).append((begins, ends))
    return [SaidSentence(text, tuple(found.get(number, ()))) for number, text in enumerate(texts)]


def _texts(session: Session, rendering: Rendering) -> list[str]:
    """As written, if it is still read as it was then; else the words that are heard."""
    read = read_with_words(rendering.script or "", rules_of(session))
    if [line for line, _ in read] == rendering.sentences:
        return [written for _, written in read]
    return [line.get("spoken", SAID_OF_CLIP) for line in rendering.sentences]
