"""The commune's voice: which one, how fast, and what is said again once it can speak."""

from datetime import datetime, timedelta
from pathlib import Path

from sqlmodel import Session, col, or_, select

from broadcast.audit import record
from broadcast.communes import get_commune, set_emergency_voice, set_rate, set_voice
from broadcast.errors import Conflict, InvalidInput
from broadcast.lifecycle import COMING
from broadcast.models import Broadcast, BroadcastPart, BroadcastState, Clip, Commune, Rendering, RenderingState, User
from broadcast.permissions import Action, require
from tts.voice_install import list_voices

_LEAVE_WITHIN = timedelta(minutes=10)
"""What begins within this keeps the clip it has."""


def choose_voice(
    session: Session,
    voice: str,
    rate: float,
    by: User,
    voices_dir: Path,
    now: datetime,
    *,
    emergency_voice: str | None = None,
) -> Commune:
    """Say who reads from now on, and how fast; what is rendered already stays as it is.

    Args:
        session: a writing session.
        voice: a built-in or installed voice.
        rate: against its own speed, see `broadcast.communes.SLOWEST`.
        emergency_voice: who speaks emergencies and drills; none: the same voice.
        by: who.
        voices_dir: where voices are installed.
        now: the present.

    Raises:
        NotAllowed: this user may not.
        InvalidInput: the voice is not there, or the rate cannot be followed.
    """
    require(by, Action.MANAGE_VOICES)
    usable = {one.name for one in list_voices(voices_dir) if one.usable}
    for chosen, field in ((voice, "voice"), (emergency_voice, "emergency_voice")):
        if chosen is not None and chosen not in usable:
            raise InvalidInput("voice-not-installed", "Giọng này chưa cài: hãy cài trước khi chọn.", field)
    set_rate(session, rate, by.username, now)
    set_emergency_voice(session, None if emergency_voice == voice else emergency_voice, by.username, now)
    return set_voice(session, voice, by.username, now)


def note_removal(session: Session, voice: str, by: User, now: datetime) -> None:
    """Let a voice be removed that the commune does not speak with.

    Raises:
        NotAllowed: this user may not.
        Conflict: it is the commune's, or speaks its emergencies.
    """
    require(by, Action.MANAGE_VOICES)
    if voice in speaking_voices(session):
        raise Conflict("voice-in-use", "Xã đang dùng giọng này. Hãy chọn giọng khác trước khi gỡ.")
    record(session, now, by.username, "remove-voice", voice)


def speaking_voices(session: Session) -> frozenset[str]:
    """The commune's voice, and that of its emergencies: they are not removed."""
    commune = get_commune(session)
    return frozenset({commune.voice, commune.emergency_voice or commune.voice})


def want_in_voice(session: Session, voice: str, now: datetime) -> int:
    """The voice can speak now: what another had to say for it is wanted again; how many renderings.

    What sounds, or begins within ten minutes, keeps the clip it has.
    """
    stood_in = (
        select(Rendering)
        .join(Clip)
        .where(
            Rendering.voice == voice,
            Rendering.state == RenderingState.RENDERED,
            or_(col(Clip.fallback_reason).is_not(None), col(Rendering.is_signal)),
        )
    )
    soon = (
        select(BroadcastPart.rendering_key)
        .join(Broadcast)
        .where(
            (col(Broadcast.state) == BroadcastState.ON_AIR)
            | (
                col(Broadcast.state).in_(COMING)
                & (col(Broadcast.starts_at).is_(None) | (col(Broadcast.starts_at) < now + _LEAVE_WITHIN))
            )
        )
    )
    found = session.exec(stood_in.where(col(Rendering.key).not_in(soon))).all()
    for rendering in found:
        rendering.state, rendering.attempts = RenderingState.WANTED, 0
        rendering.wanted_at, rendering.try_after = now, None
        session.add(rendering)
    session.flush()
    return len(found)
