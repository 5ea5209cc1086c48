"""The chimes (administrator): which tune sounds before and after each kind of broadcast; each can be listened to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Response

from broadcast.communes import set_tune, tunes_of
from broadcast.errors import InvalidInput
from broadcast.permissions import Action
from tts.chimes import TUNES, Chime
from web.chime_sound import chime_wav
from web.deps import Door, PostedForm, allowed
from web.errors import SAID, Refusal, refusal_of
from web.templating import Page
from web.texts import Words

router = APIRouter(prefix="/nhac-hieu", include_in_schema=False)
Administrator = Annotated[Door, Depends(allowed(Action.MANAGE_VOICES))]
KINDS: Words[Chime] = Words(
    {
        Chime.NORMAL: "Bản tin thông thường",
        Chime.PRIORITY: "Bản tin ưu tiên",
        Chime.EMERGENCY: "Tin khẩn cấp",
        Chime.DRILL: "Diễn tập",
    }
)
TUNE_NAMES: Words[str] = Words(
    {
        "bells": "Ba tiếng chuông đi lên",
        "five-notes": "Năm tiếng chuông ngũ cung",
        "drum": "Trống làng",
        "pairs": "Hai cặp chuông",
        "rail": "Kẻng dồn",
        "horn": "Còi hai giọng",
        "siren": "Còi hụ",
        "tones": "Ba tiếng dài đều",
    }
)


@dataclass(frozen=True, kw_only=True)
class ChimesPage(Page):
    """Every kind with its tunes and the one that is chosen."""

    template: ClassVar[str] = "chimes.html"
    tunes: Mapping[Chime, Sequence[str]]
    chosen: Mapping[Chime, str]
    kinds: Mapping[Chime, str]
    names: Mapping[str, str]
    problem: Refusal | None = None


@router.get("")
def show_chimes(door: Administrator) -> Response:
    """The page."""
    return _show(door)


@router.post("")
def choose(form: PostedForm, door: Administrator) -> Response:
    """Choose a tune for one kind of broadcast."""
    try:
        with door.work() as session:
            set_tune(session, _chime_in(form.text("chime")), form.text("tune"), door.user.username, door.now)
    except InvalidInput as error:
        return _show(door, refusal_of(error))
    door.station.nudge()
    return door.go("/nhac-hieu", "da-chon-nhac-hieu")


@router.get("/{chime}/{tune}.wav")
def send_chime(chime: str, tune: str, _: Administrator) -> Response:
    """How it sounds."""
    try:
        kind = _chime_in(chime)
    except InvalidInput as error:
        raise Refusal(404, *SAID[404]) from error
    if tune not in TUNES[kind]:
        raise Refusal(404, *SAID[404])
    return Response(chime_wav(kind, tune), media_type="audio/wav", headers={"cache-control": "private, max-age=86400"})


def _chime_in(text: str) -> Chime:
    try:
        return Chime(text)
    except ValueError as error:
        raise InvalidInput("unknown-chime", "Không có loại nhạc hiệu này.", "chime") from error


def _show(door: Door, problem: Refusal | None = None) -> Response:
    with door.read() as session:
        own = tunes_of(session)
    chosen = {chime: own.get(chime, tunes[0]) for chime, tunes in TUNES.items()}
    page = ChimesPage(tunes=TUNES, chosen=chosen, kinds=KINDS, names=TUNE_NAMES, problem=problem)
    return door.show(page, problem.status if problem else 200)
