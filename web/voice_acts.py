"""What an administrator does with voices, for the page and the API alike: allowed, done, written in the audit log."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from fastapi import Request
from pydantic import BaseModel

from broadcast.audit import record
from broadcast.errors import Conflict
from broadcast.voices import choose_voice, note_removal
from tts.errors import VoiceError
from tts.voice_install import (
    LARGEST_CONFIG_BYTES,
    LARGEST_MODEL_BYTES,
    ListedVoice,
    list_voices,
    remove_voice,
    verify_voice,
)
from tts.voices import load_cards
from web.deps import Door
from web.errors import Refusal
from web.uploads import receive_upload
from web.voice_desk import VoiceJob, refusal_of_voice

UPLOAD_PATHS = ("/giong-doc/tep", "/api/voices")
MAX_UPLOAD_BYTES = LARGEST_MODEL_BYTES + LARGEST_CONFIG_BYTES
MAX_TRIAL = 300
_BUILT_IN = {
    "espeak-vi": ("espeak-ng", "giọng máy, đủ dấu thanh", "GPL-3.0-or-later", "espeak-ng, không cần tải"),
    "tone": ("Nốt nhạc", "mỗi từ một nốt, để thử loa", "", "Loa Làng"),
}


class VoiceReply(BaseModel):
    """A voice that can be chosen or installed, and what one should know to choose it."""

    name: str
    title: str
    accent: str = ""
    gender: str = ""
    quality: str = ""
    sample_rate: int | None = None
    size_bytes: int = 0
    licence: str = ""
    attribution: str = ""
    caution: str = ""
    is_built_in: bool = False
    is_installed: bool = False
    is_usable: bool = False
    has_card: bool = False
    """Whether the server knows where to fetch it."""


class VerifiedReply(BaseModel):
    """The voice is as it was installed."""

    voice: str
    model_sha256: str
    installed_at: str


def choose_audited(door: Door, voice: str, rate: float, emergency_voice: str | None) -> None:
    """Choose, and have the emergencies' renderer load its voice before it is needed."""
    voices_dir = door.station.settings.voices_dir
    with door.work() as session:
        choose_voice(session, voice, rate, door.user, voices_dir, door.now, emergency_voice=emergency_voice)
    door.station.warm_voice()


def begin_fetch(door: Door, voice: str) -> VoiceJob:
    """Begin to download and install a voice.

    Raises:
        Refusal: 404, no card says where it is.
        Conflict: another is being installed.
    """
    card = load_cards().get(voice)
    if card is None:
        raise Refusal(404, "no-such-voice", "Không có giọng đọc này để tải.")
    job = door.station.voice_desk.fetch(card, door.user.username)
    with door.work() as session:
        record(session, door.now, door.user.username, "fetch-voice", voice)
    return job


async def take_upload(door: Door, request: Request, check: Callable[[Mapping[str, str]], None]) -> VoiceJob:
    """Take a ZIP file and begin to install the voice in it.

    Raises:
        Refusal: no such file came.
        Conflict: another is being installed.
    """
    running = door.station.voice_desk.job
    if running and not running.is_over:
        raise Conflict("voice-desk-busy", f"Đang cài giọng {running.name}. Xin đợi xong rồi cài tiếp.")
    folder = door.station.voice_desk.uploads_dir
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True, mode=0o700)
    room = door.station.upload_room
    sent = await receive_upload(request, folder, room=room, max_bytes=MAX_UPLOAD_BYTES, check=check)
    return await asyncio.to_thread(_take, door, sent.path, sent.file_name)


def _take(door: Door, archive: Path, file_name: str) -> VoiceJob:
    job = door.station.voice_desk.take(archive, file_name, door.user.username)
    with door.work() as session:
        record(session, door.now, door.user.username, "upload-voice", job.name)
    return job


def verify_audited(door: Door, voice: str) -> VerifiedReply:
    """Compare an installed voice with what was installed.

    Raises:
        Refusal: it is not installed, changed or damaged.
    """
    try:
        installed = verify_voice(voice, door.station.settings.voices_dir)
        problem = None
    except VoiceError as error:
        problem = error
    with door.work() as session:
        found = {"problem": str(problem)} if problem else {}
        record(session, door.now, door.user.username, "verify-voice", voice[:100], found)
    if problem:
        raise refusal_of_voice(problem)
    return VerifiedReply(voice=installed.name, model_sha256=installed.model_sha256, installed_at=installed.installed_at)


def remove_audited(door: Door, voice: str) -> None:
    """Remove an installed voice.

    Raises:
        NotAllowed, Conflict: not by this user, or it is the one that speaks.
        Refusal: it is not installed, or the disk refuses.
    """
    try:
        with door.work() as session:
            note_removal(session, voice[:100], door.user, door.now)
            remove_voice(voice, door.station.settings.voices_dir)
    except VoiceError as error:
        raise refusal_of_voice(error) from error


def read_voices(voices_dir: Path) -> list[VoiceReply]:
    """Every voice that can be chosen or installed."""
    return [_reply_of(voice) for voice in list_voices(voices_dir)]


def _reply_of(voice: ListedVoice) -> VoiceReply:
    card, installed = voice.card, voice.installed
    if voice.built_in:
        title, accent, licence, attribution = _BUILT_IN[voice.name]
        return VoiceReply(
            name=voice.name,
            title=title,
            accent=accent,
            licence=licence,
            attribution=attribution,
            is_built_in=True,
            is_usable=True,
        )
    told = VoiceReply(
        name=voice.name,
        title=card.title if card else voice.name,
        sample_rate=installed.sample_rate if installed else card and card.sample_rate,
        size_bytes=installed.size_bytes if installed else 0,
        is_installed=installed is not None,
        is_usable=voice.usable,
        has_card=card is not None,
    )
    if card is None:
        return told.model_copy(update={"attribution": "giọng riêng, cài từ tệp"})
    return told.model_copy(
        update={
            "accent": card.accent,
            "gender": card.gender,
            "quality": card.quality,
            "size_bytes": told.size_bytes or card.model.size_bytes + card.config.size_bytes,
            "licence": card.licence,
            "attribution": card.attribution,
            "caution": card.caution,
        }
    )
