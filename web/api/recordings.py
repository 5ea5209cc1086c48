"""Recordings: sent, listened to, cut, named, shared, removed. A bulletin takes them as its parts."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import FileResponse

from broadcast.models import Recording
from broadcast.recordings import change_recording, get_recording, list_recordings
from web.api.forms import file_form
from web.api.recording_schemas import RecordingChange, RecordingReply, RecordingsReply, Trim, TrimReply
from web.deps import Door, scoped
from web.errors import Refusal, answers
from web.pages.recordings import whole_of

router = APIRouter(prefix="/api/recordings", tags=["recordings"])
Reader = Annotated[Door, Depends(scoped("read"))]
Writer = Annotated[Door, Depends(scoped("write"))]
_FORM = file_form(
    {"description": "mp3, wav, m4a, ogg, flac, webm"},
    {
        "name": {"type": "string", "maxLength": 100},
        "language": {"type": "string", "pattern": "^[a-z]{3}$", "description": "ISO 639-3"},
        "is_shared": {"type": "string", "enum": ["true", "false"]},
    },
    required=("name", "language"),
)


@router.get("", responses=answers(401, 403))
def read_recordings(door: Reader) -> RecordingsReply:
    """The recordings the caller may hear, the last changed first: their own, and what others share."""
    with door.read() as session:
        return RecordingsReply(recordings=[reply_of(one) for one in list_recordings(session, door.user)])


@router.post("", status_code=201, responses=answers(401, 403, 408, 409, 413, 422, 503), openapi_extra=_FORM)
async def send(request: Request, response: Response, door: Writer) -> RecordingReply:
    """Send a file; its fields come before it. The answer comes when the sound is checked, levelled and cut."""
    recording = await door.station.recordings.take(request, door)
    response.headers["location"] = f"/api/recordings/{recording.id}"
    return reply_of(recording)


@router.get("/{recording_id}", responses=answers(401, 403, 404, 422))
def read_recording(recording_id: str, door: Reader) -> RecordingReply:
    """One of them."""
    with door.read() as session:
        return reply_of(get_recording(session, recording_id, door.user))


@router.get(
    "/{recording_id}/sound",
    response_class=FileResponse,
    responses={
        200: {"content": {"audio/flac": {}}},
        206: {"description": "Partial Content"},
        **answers(401, 403, 404, 416, 422),
    },
)
def send_sound(recording_id: str, door: Reader) -> FileResponse:
    """The whole of it as FLAC, also what is cut off."""
    return whole_of(door, recording_id)


@router.put("/{recording_id}", responses=answers(401, 403, 404, 409, 413, 422))
def change(recording_id: str, asked: RecordingChange, door: Writer) -> RecordingReply:
    """Name it, say its language, share it; what is cut stays."""
    with door.work() as session:
        changed = change_recording(
            session,
            recording_id,
            door.user,
            asked.revision,
            name=asked.name,
            language=asked.language,
            is_shared=asked.is_shared,
            now=door.now,
        )
        return reply_of(changed)


@router.post("/{recording_id}/trim", responses=answers(401, 403, 404, 409, 413, 422))
async def trim(recording_id: str, asked: Trim, door: Writer) -> TrimReply:
    """Air another stretch of it. Bulletins that hold it and were approved must be approved again; they are named."""
    if asked.end_ms <= asked.start_ms:
        raise Refusal(422, "bad-stretch", "Điểm cuối phải ở sau điểm đầu.", "end_ms")
    recording, again = await door.station.recordings.cut(
        door, recording_id, asked.revision, asked.start_ms, asked.end_ms
    )
    door.station.nudge()
    return TrimReply(recording=reply_of(recording), bulletins=[bulletin.id for bulletin in again])


@router.delete("/{recording_id}", status_code=204, responses=answers(401, 403, 404, 409, 422))
def remove(recording_id: str, door: Writer) -> None:
    """Forget it. Refused while a bulletin that is not over holds it."""
    door.station.recordings.remove(door, recording_id)


def reply_of(recording: Recording) -> RecordingReply:
    """A recording as the API says it."""
    return RecordingReply(
        id=recording.id,
        name=recording.name,
        language=recording.language,
        is_shared=recording.is_shared,
        revision=recording.revision,
        created_at=recording.created_at,
        length_ms=recording.length_ms,
        start_ms=recording.start_ms,
        end_ms=recording.end_ms,
        clip_sha256=recording.clip_sha256 or "",
        warnings=recording.warnings,
        original_sha256=recording.original_sha256,
    )
