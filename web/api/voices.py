"""The voices: which there are, which speaks; installing, checking, removing and trying them (administrator)."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from broadcast.communes import FASTEST, SLOWEST, get_commune
from broadcast.permissions import Action, require
from web.api.forms import file_form
from web.api.schemas import Sent, ShortText
from web.deps import Door, scoped
from web.errors import Refusal, answers
from web.pages.voices import try_voice
from web.voice_acts import (
    MAX_TRIAL,
    VerifiedReply,
    VoiceReply,
    begin_fetch,
    choose_audited,
    read_voices,
    remove_audited,
    take_upload,
    verify_audited,
)
from web.voice_desk import VoiceJob

router = APIRouter(prefix="/api", tags=["voices"])
Reader = Annotated[Door, Depends(scoped("read"))]
Administrator = Annotated[Door, Depends(scoped("admin"))]
_FILE_FORM = file_form()


class JobReply(BaseModel):
    """An installation; it goes on by itself."""

    voice: str
    phase: str
    percent: int
    problem: str


class VoicesReply(BaseModel):
    """The voices, the commune's, and the last installation."""

    voice: str
    emergency_voice: str | None
    """Who speaks emergencies and drills; none: the same voice."""
    rate: float
    voices: list[VoiceReply]
    job: JobReply | None


class Choice(Sent):
    """Who reads from now on."""

    voice: ShortText
    emergency_voice: ShortText | None = None
    """Who speaks emergencies and drills; none: the same voice."""
    rate: float = Field(default=1.0, ge=SLOWEST, le=FASTEST)


class Trial(Sent):
    """A sentence to be said."""

    text: str = Field(max_length=MAX_TRIAL)


class TrialReply(BaseModel):
    """What was said, and by whom; the clip is at `/clips/<clip>`."""

    clip: str
    duration_ms: int
    voice: str
    fallback_reason: str | None


@router.get("/voices", responses=answers(401, 403))
def show(door: Reader) -> VoicesReply:
    """All of them."""
    with door.read() as session:
        commune = get_commune(session)
        chosen, emergency_voice, rate = commune.voice, commune.emergency_voice, commune.rate
    job = door.station.voice_desk.job
    return VoicesReply(
        voice=chosen,
        emergency_voice=emergency_voice,
        rate=rate,
        voices=read_voices(door.station.settings.voices_dir),
        job=job_reply(job) if job else None,
    )


@router.put("/voice", status_code=204, responses=answers(401, 403, 413, 422))
def choose(asked: Choice, door: Administrator) -> None:
    """Say who reads from now on, and how fast."""
    choose_audited(door, asked.voice, asked.rate, asked.emergency_voice)


@router.post("/voices", status_code=202, responses=answers(401, 403, 408, 409, 413, 422), openapi_extra=_FILE_FORM)
async def upload(request: Request, door: Administrator) -> JobReply:
    """Begin to install the voice in a ZIP file."""
    require(door.user, Action.MANAGE_VOICES)
    return job_reply(await take_upload(door, request, lambda _: None))


@router.post("/voices/{voice}/install", status_code=202, responses=answers(401, 403, 404, 409, 422))
def install(voice: str, door: Administrator) -> JobReply:
    """Begin to download and install a voice that has a card."""
    require(door.user, Action.MANAGE_VOICES)
    return job_reply(begin_fetch(door, voice))


@router.delete("/voice-job", status_code=204, responses=answers(401, 403))
def cancel(door: Administrator) -> None:
    """Stop fetching; once all is here it is too late."""
    require(door.user, Action.MANAGE_VOICES)
    door.station.voice_desk.cancel()


@router.post("/voices/{voice}/verify", responses=answers(401, 403, 404, 409, 422))
def verify(voice: str, door: Administrator) -> VerifiedReply:
    """Compare an installed voice with what was installed, and with its card."""
    require(door.user, Action.MANAGE_VOICES)
    return verify_audited(door, voice)


@router.delete("/voices/{voice}", status_code=204, responses=answers(401, 403, 404, 409, 422))
def remove(voice: str, door: Administrator) -> None:
    """Remove an installed voice; not the one that speaks."""
    remove_audited(door, voice)


@router.post("/voices/{voice}/try", responses=answers(401, 403, 404, 413, 422, 429, 503))
def try_out(voice: str, asked: Trial, door: Administrator) -> TrialReply:
    """Have a voice say a sentence."""
    require(door.user, Action.MANAGE_VOICES)
    sound = try_voice(door, voice, asked.text)
    if sound.problem:
        raise Refusal(503, "not-rendered", sound.problem)
    return TrialReply(
        clip=sound.clip, duration_ms=sound.duration_ms, voice=sound.voice, fallback_reason=sound.fallback_reason
    )


def job_reply(job: VoiceJob) -> JobReply:
    """An installation as the API says it."""
    return JobReply(voice=job.name, phase=job.phase.value, percent=job.percent, problem=job.problem)
