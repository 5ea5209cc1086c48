"""The voices (administrator): which there are, which speaks; installing, checking, removing and trying them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool

from broadcast.communes import get_commune
from broadcast.errors import BroadcastError, InvalidInput
from broadcast.permissions import Action
from broadcast.typed_text import clean_text
from players.messages import Urgency
from web.deps import CSRF_HEADER, Door, PostedForm, allowed, check_csrf
from web.errors import Refusal, refusal_of
from web.pages.listen import ListenFragment, Sound, hear
from web.templating import Page
from web.voice_acts import (
    MAX_TRIAL,
    VoiceReply,
    begin_fetch,
    choose_audited,
    read_voices,
    remove_audited,
    take_upload,
    verify_audited,
)
from web.voice_desk import VoiceJob

router = APIRouter(include_in_schema=False)
upload_router = APIRouter(include_in_schema=False)
"""Its form carries a file, and is guarded by its handler."""
Administrator = Annotated[Door, Depends(allowed(Action.MANAGE_VOICES))]
TRIAL = "Kính mời bà con đến nhà văn hóa thôn họp lúc 7h30 tối nay."
RATES = ((0.8, "chậm"), (0.9, "hơi chậm"), (1.0, "bình thường"), (1.1, "hơi nhanh"), (1.2, "nhanh"))


@dataclass(frozen=True, kw_only=True)
class VoicesPage(Page):
    """The voices, the one that speaks, the installation that runs, and what was tried."""

    template: ClassVar[str] = "voices.html"
    voices: Sequence[VoiceReply]
    chosen: str
    emergency_voice: str
    """Empty: the chosen one speaks emergencies, too."""
    rate: float
    rates: Sequence[tuple[float, str]]
    job: VoiceJob | None
    trial: str = TRIAL
    trial_voice: str = ""
    sound: Sound | None = None
    problem: Refusal | None = None


@dataclass(frozen=True, kw_only=True)
class VoiceJobFragment(Page):
    """The installation that runs; it asks again by itself until that is over."""

    template: ClassVar[str] = "voice_job.html"
    job: VoiceJob | None


@router.get("/giong-doc")
def show_voices(door: Administrator) -> Response:
    """The page."""
    return _show(door)


@router.get("/giong-doc/viec")
def show_job(door: Administrator) -> Response:
    """How far the installation is; once it is over, the page is to be loaded again."""
    job = door.station.voice_desk.job
    headers = {"hx-refresh": "true"} if job and job.is_over else {}
    return door.show(VoiceJobFragment(job=job), headers=headers)


@router.post("/giong-doc/huy")
def cancel(door: Administrator) -> Response:
    """Stop fetching."""
    door.station.voice_desk.cancel()
    return door.go("/giong-doc")


@router.post("/giong-doc/chon")
def choose(form: PostedForm, door: Administrator) -> Response:
    """Say who reads from now on, and how fast."""

    def work() -> None:
        choose_audited(door, form.text("voice"), _rate_in(form.text("rate")), form.text("emergency_voice") or None)

    return _done(door, "da-chon-giong", work)


@router.post("/giong-doc/nghe")
def listen(form: PostedForm, door: Administrator) -> Response:
    """Have a voice say a sentence."""
    text, voice = form.text("text"), form.text("voice")
    try:
        sound = try_voice(door, voice, text)
    except (BroadcastError, Refusal) as error:
        sound = Sound(problem=error.message)
    if "hx-request" in door.request.headers:
        return door.show(ListenFragment(sound=sound))
    return _show(door, trial=text, trial_voice=voice, sound=sound)


@router.post("/giong-doc/{voice}/cai")
def install(voice: str, door: Administrator) -> Response:
    """Begin to download and install a voice."""
    return _done(door, "", lambda: begin_fetch(door, voice))


@router.post("/giong-doc/{voice}/kiem-tra")
def verify(voice: str, door: Administrator) -> Response:
    """Compare an installed voice with what was installed."""
    return _done(door, "giong-nguyen-ven", lambda: verify_audited(door, voice))


@router.post("/giong-doc/{voice}/go")
def remove(voice: str, door: Administrator) -> Response:
    """Remove an installed voice."""
    return _done(door, "da-go-giong", lambda: remove_audited(door, voice))


@upload_router.post("/giong-doc/tep")
async def upload(request: Request, door: Administrator) -> Response:
    """Begin to install the voice in a ZIP file."""

    def check(fields: Mapping[str, str]) -> None:
        check_csrf(door, request.headers.get(CSRF_HEADER) or fields.get("csrf", ""))

    try:
        await take_upload(door, request, check)
    except BroadcastError as error:
        return await run_in_threadpool(_show, door, problem=refusal_of(error))
    except Refusal as refusal:
        if refusal.field is None:
            raise
        return await run_in_threadpool(_show, door, problem=refusal)
    return door.go("/giong-doc")


def try_voice(door: Door, voice: str, text: str) -> Sound:
    """Have a voice that can speak say a sentence.

    Raises:
        InvalidInput: it cannot, or there is nothing to say.
        Refusal: 429, too many at once.
    """
    if not any(one.name == voice and one.is_usable for one in read_voices(door.station.settings.voices_dir)):
        raise InvalidInput("voice-not-installed", "Giọng này chưa cài.", "voice")
    said = clean_text(text, "text", max_chars=MAX_TRIAL)
    return hear(door, said, Urgency.NORMAL, is_alone=False, voice=voice, plays=True)


def _done(door: Door, notice: str, work: Callable[[], object]) -> Response:
    try:
        work()
    except BroadcastError as error:
        return _show(door, problem=refusal_of(error))
    except Refusal as refusal:
        return _show(door, problem=refusal)
    return door.go("/giong-doc", notice)


def _show(
    door: Door,
    *,
    trial: str = TRIAL,
    trial_voice: str = "",
    sound: Sound | None = None,
    problem: Refusal | None = None,
) -> Response:
    with door.read() as session:
        commune = get_commune(session)
        chosen, emergency_voice, rate = commune.voice, commune.emergency_voice or "", commune.rate
    page = VoicesPage(
        voices=read_voices(door.station.settings.voices_dir),
        chosen=chosen,
        emergency_voice=emergency_voice,
        rate=rate,
        rates=RATES if any(rate == one for one, _ in RATES) else (*RATES, (rate, "như đã đặt")),
        job=door.station.voice_desk.job,
        trial=trial,
        trial_voice=trial_voice or chosen,
        sound=sound,
        problem=problem,
    )
    return door.show(page, problem.status if problem else 200)


def _rate_in(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InvalidInput("bad-rate", "Chưa chọn tốc độ đọc.", "rate") from error
