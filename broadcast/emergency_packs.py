"""What every pole holds ready: the commune's prepared messages, spoken with nothing typed into them, as clips."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from broadcast.communes import get_commune, voice_for
from broadcast.emergency import drilled_texts, said_texts
from broadcast.models import Clip, PreparedMessage, Rendering, RenderingState
from broadcast.prepared import list_prepared
from broadcast.renderings import chime_key, sentence_keys, want_chime, want_sentences
from players.messages import MAX_CLIPS, MOST_PREPARED, ClipRef, Urgency
from players.messages import PreparedMessage as HeldMessage
from tts.chimes import Chime


@dataclass(frozen=True, slots=True)
class _Wording:
    """A message as it is said in earnest or as a drill."""

    chime: Chime
    texts: tuple[str, ...]

    def keys(self, session: Session, voice: str) -> list[str]:
        """The keys of its renderings, in order."""
        words = [key for text in self.texts for key in sentence_keys(session, text, voice)]
        return [chime_key(session, self.chime), *words, chime_key(session, self.chime, closing=True)]


def is_pack_unspoken(session: Session) -> bool:
    """Whether something of the prepared messages has never been asked to be spoken. Only reads."""
    keys = {key for message in _messages(session) for key in _keys(session, message)}
    asked_for = select(Rendering.key).where(col(Rendering.key).in_(keys), ~col(Rendering.is_only_heard))
    known = session.exec(asked_for).all()
    return len(known) < len(keys)


def want_pack(session: Session, now: datetime) -> None:
    """Have the prepared messages spoken, after what is more urgent. Twice changes nothing."""
    voice = voice_for(get_commune(session), Urgency.EMERGENCY)
    for message in _messages(session):
        for wording in _wordings(session, message):
            for text in wording.texts:
                want_sentences(session, text, voice, Urgency.PRIORITY, now)
    for chime in (Chime.EMERGENCY, Chime.DRILL):
        for closing in (False, True):
            want_chime(session, chime, Urgency.PRIORITY, now, closing=closing)


def build_pack(session: Session) -> tuple[HeldMessage, ...]:
    """The messages that are spoken whole, as the poles are told of them. Only reads."""
    voice = voice_for(get_commune(session), Urgency.EMERGENCY)
    messages = _messages(session)
    worded = [[wording.keys(session, voice) for wording in _wordings(session, message)] for message in messages]
    clips = _clips(session, {key for wordings in worded for keys in wordings for key in keys})
    return tuple(
        HeldMessage(
            key=message.key,
            title=message.title,
            severity=message.severity,
            clips=tuple(clips[key] for key in keys),
            drill_clips=tuple(clips[key] for key in drill_keys),
        )
        for message, (keys, drill_keys) in zip(messages, worded, strict=True)
        if all(key in clips for key in (*keys, *drill_keys)) and max(len(keys), len(drill_keys)) <= MAX_CLIPS
    )


def _messages(session: Session) -> Sequence[PreparedMessage]:
    return list_prepared(session, None)[:MOST_PREPARED]


def _wordings(session: Session, message: PreparedMessage) -> tuple[_Wording, _Wording]:
    return (
        _Wording(Chime.EMERGENCY, said_texts(message)),
        _Wording(Chime.DRILL, drilled_texts(session, message)),
    )


def _keys(session: Session, message: PreparedMessage) -> list[str]:
    voice = voice_for(get_commune(session), Urgency.EMERGENCY)
    return [key for wording in _wordings(session, message) for key in wording.keys(session, voice)]


def _clips(session: Session, keys: set[str]) -> dict[str, ClipRef]:
    query = select(Rendering.key, Clip).join(Clip, col(Clip.sha256) == col(Rendering.clip_sha256))
    rendered = query.where(Rendering.state == RenderingState.RENDERED, col(Rendering.key).in_(keys))
    return {
        key: ClipRef(sha256=clip.sha256, size_bytes=clip.size_bytes, duration_ms=clip.duration_ms)
        for key, clip in session.exec(rendered)
    }
