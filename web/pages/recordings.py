"""The recordings: sent or recorded in the browser, listened to, cut on the waveform, named, shared, removed."""

import asyncio
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Request, Response
from sqlmodel import Session
from starlette.responses import FileResponse

from broadcast.errors import BroadcastError, NotFound
from broadcast.languages import LANGUAGES, say_language
from broadcast.models import Recording, User
from broadcast.permissions import Action, may
from broadcast.recording_uses import programmes_with, uses_of
from broadcast.recordings import change_recording, get_recording, list_recordings
from tts.record_job import Flaw
from web.deps import CSRF_HEADER, Door, Fields, PostedForm, allowed, check_csrf
from web.errors import Refusal, refusal_of
from web.guard import content_policy, permissions_policy
from web.templating import Page

router = APIRouter(include_in_schema=False)
upload_router = APIRouter(include_in_schema=False)
Keeper = Annotated[Door, Depends(allowed(Action.KEEP_RECORDINGS))]
FLAWS = {
    Flaw.CLIPPED: "Tiếng bị vỡ: lúc thu quá to. Nên thu lại, đứng xa micrô hơn.",
    Flaw.QUIET: "Tiếng thu rất nhỏ, khi phát sẽ nghe cả tiếng ồn. Nên thu lại gần micrô hơn.",
}
WHOLE_TYPE = "audio/flac"


@dataclass(frozen=True, kw_only=True)
class RecordingRow:
    """A recording as it is shown."""

    id: str
    name: str
    language: str
    language_name: str
    owner: str
    is_own: bool
    is_shared: bool
    revision: int
    start_ms: int
    end_ms: int
    length_ms: int
    flaws: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class RecordingsPage(Page):
    """The list, and the form that takes another."""

    template: ClassVar[str] = "recordings.html"
    recordings: Sequence[RecordingRow]
    languages: Mapping[str, str]
    name: str
    language: str
    other_language: str
    is_shared: bool
    max_bytes: int
    max_minutes: int
    problem: Refusal | None = None


@dataclass(frozen=True, kw_only=True)
class RecordingPage(Page):
    """One of them: its waveform, what is aired of it, where it is used."""

    template: ClassVar[str] = "recording.html"
    recording: RecordingRow
    peaks: str
    """JSON."""
    nonce: str
    languages: Mapping[str, str]
    uses: Sequence[tuple[str, str]]
    """What holds it: address (empty where there is none for this user) and title."""
    start: str
    end: str
    problem: Refusal | None = None


@router.get("/ban-ghi")
def show_recordings(door: Keeper) -> Response:
    """The list."""
    return _show_list(door, {"language": "vie", "is_shared": "" if may(door.user, Action.WRITE_BULLETIN) else "1"})


@upload_router.post("/ban-ghi")
async def send(request: Request, door: Keeper) -> Response:
    """Take a file, or what the browser recorded; the page of the recording follows."""
    fields: dict[str, str] = {}

    def check(sent: Mapping[str, str]) -> None:
        check_csrf(door, request.headers.get(CSRF_HEADER) or sent.get("csrf", ""))
        fields.update(sent)

    try:
        recording = await door.station.recordings.take(request, door, check)
    except BroadcastError as error:
        return await asyncio.to_thread(_show_list, door, fields, refusal_of(error))
    except Refusal as refusal:
        if refusal.field is None:
            raise
        return await asyncio.to_thread(_show_list, door, fields, refusal)
    return door.go(f"/ban-ghi/{recording.id}", "da-nhan-ban-ghi")


@router.get("/ban-ghi/{recording_id}")
def show_recording(recording_id: str, door: Keeper) -> Response:
    """One of them."""
    return _show(door, recording_id)


@router.get("/ban-ghi/{recording_id}/am-thanh")
def send_whole(recording_id: str, door: Keeper) -> Response:
    """The whole of it, also what is cut off."""
    return whole_of(door, recording_id)


@router.get("/ban-ghi/{recording_id}/doan-phat")
def send_clip(recording_id: str, door: Keeper) -> Response:
    """What is aired of it."""
    with door.read() as session:
        sha256 = get_recording(session, recording_id, door.user).clip_sha256
    if sha256 is None or not door.station.clips.has(sha256):
        raise NotFound("no-clip", "Không có đoạn âm thanh này.")
    return FileResponse(door.station.clips.path_of(sha256), media_type="audio/ogg")


@router.post("/ban-ghi/{recording_id}")
def act_on_recording(recording_id: str, form: PostedForm, door: Keeper) -> Response:
    """Name it and share it, or remove it."""
    act = form.text("act")
    try:
        if act == "remove":
            door.station.recordings.remove(door, recording_id)
            return door.go("/ban-ghi", "da-xoa-ban-ghi")
        if act != "keep":
            raise Refusal(422, "unknown-act", "Không rõ phải làm gì với bản ghi.", "act")
        with door.work() as session:
            change_recording(
                session,
                recording_id,
                door.user,
                _number(form.text("revision")),
                name=form.text("name"),
                language=form.text("other_language").strip() or form.text("language"),
                is_shared=bool(form.text("is_shared")),
                now=door.now,
            )
    except NotFound:
        raise
    except BroadcastError as error:
        return _show(door, recording_id, problem=refusal_of(error))
    return door.go(f"/ban-ghi/{recording_id}", "da-luu-ban-ghi")


@router.post("/ban-ghi/{recording_id}/cat")
async def cut(recording_id: str, form: PostedForm, door: Keeper) -> Response:
    """Air another stretch of it."""
    try:
        stretch = [_milliseconds(form.text(field), field) for field in ("start", "end")]
        _, again = await door.station.recordings.cut(door, recording_id, _number(form.text("revision")), *stretch)
    except NotFound:
        raise
    except (BroadcastError, Refusal) as error:
        refusal = refusal_of(error) if isinstance(error, BroadcastError) else error
        if refusal.status == 507:
            raise
        return await asyncio.to_thread(_show, door, recording_id, form, refusal)
    door.station.nudge()
    return door.go(f"/ban-ghi/{recording_id}", "da-cat-duyet-lai" if again else "da-cat")


def whole_of(door: Door, recording_id: str) -> FileResponse:
    """The whole of a recording that this user may hear.

    Raises:
        NotFound: there is none for this user, or its file is gone.
    """
    with door.read() as session:
        get_recording(session, recording_id, door.user)
    path = door.station.recordings.files.path_of(recording_id)
    if not path.is_file():
        raise NotFound("no-recording", "Tệp của bản ghi này không còn trên máy chủ.")
    return FileResponse(path, media_type=WHOLE_TYPE, headers={"cache-control": "private, max-age=3600"})


def _show_list(door: Door, fields: Mapping[str, str], problem: Refusal | None = None) -> Response:
    with door.read() as session:
        rows = [_row(session, one, door.user) for one in list_recordings(session, door.user)]
    bounds = door.station.settings.recordings
    page = RecordingsPage(
        recordings=rows,
        languages=LANGUAGES,
        name=fields.get("name", ""),
        language=fields.get("language", ""),
        other_language=fields.get("other_language", ""),
        is_shared=bool(fields.get("is_shared")),
        max_bytes=bounds.max_bytes,
        max_minutes=bounds.max_minutes,
        problem=problem,
    )
    headers = {
        "permissions-policy": permissions_policy(microphone="self"),
        "content-security-policy": content_policy({"media-src": "'self' blob:"}),
    }
    return door.show(page, problem.status if problem else 200, headers)


def _show(door: Door, recording_id: str, form: Fields | None = None, problem: Refusal | None = None) -> Response:
    with door.read() as session:
        recording = get_recording(session, recording_id, door.user)
        row = _row(session, recording, door.user)
        uses = [
            (f"/ban-tin/{one.id}", one.title) if may(door.user, Action.WRITE_BULLETIN) else ("", one.title)
            for one in uses_of(session, recording, door.now)
            if one.submitted_at is not None or one.author_id == door.user.id
        ]
        uses += [("", f"Chương trình {name}") for name in programmes_with(session, recording)]
    nonce = secrets.token_urlsafe(16)
    page = RecordingPage(
        recording=row,
        peaks=json.dumps(recording.peaks),
        nonce=nonce,
        languages=LANGUAGES,
        uses=uses,
        start=form.text("start") if form else _seconds(recording.start_ms),
        end=form.text("end") if form else _seconds(recording.end_ms),
        problem=problem,
    )
    # The waveform's library brings its own style element.
    headers = {"content-security-policy": content_policy({"style-src": f"'self' 'nonce-{nonce}'"})}
    return door.show(page, problem.status if problem else 200, headers)


def _row(session: Session, recording: Recording, user: User) -> RecordingRow:
    owner = session.get_one(User, recording.owner_id)
    return RecordingRow(
        id=recording.id,
        name=recording.name,
        language=recording.language,
        language_name=say_language(recording.language),
        owner=owner.name,
        is_own=owner.id == user.id,
        is_shared=recording.is_shared,
        revision=recording.revision,
        start_ms=recording.start_ms,
        end_ms=recording.end_ms,
        length_ms=recording.length_ms,
        flaws=[FLAWS[Flaw(flaw)] for flaw in recording.warnings],
    )


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.2f}"


def _milliseconds(text: str, field: str) -> int:
    try:
        seconds = float(text.replace(",", "."))
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1_000_000:
        raise Refusal(422, "bad-stretch", "Hãy ghi số giây, ví dụ 12,5.", field)
    return round(seconds * 1000)
