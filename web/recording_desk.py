"""Where recordings come in: received as a stream, taken by the recorder one at a time, kept or refused whole."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import Request
from sqlalchemy import Engine
from sqlmodel import col, select

from broadcast.db import reading
from broadcast.errors import Conflict
from broadcast.languages import check_language
from broadcast.models import Bulletin, Recording, new_id
from broadcast.recorders import RecorderLost, RecordingFiles, run_recorder
from broadcast.recording_uses import forget_clip, remove_recording, trim_recording
from broadcast.recordings import add_recording, get_recording, refusal_text, require_fit, require_revision
from broadcast.typed_text import clean_line
from tts.clip_store import ClipStore
from tts.record_job import Cut, CutJob, Refused, TakeJob, Taken, Unfit
from web.errors import SAID, Refusal
from web.settings import Settings
from web.upload_room import UploadRoom
from web.uploads import Upload, receive_upload

if TYPE_CHECKING:
    from web.deps import Door

logger = logging.getLogger(__name__)
MAX_WAITING = 6
"""Recordings that may wait for the recorder at once. Those still coming do not count: a slow line stops nobody."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What the sender says of the file."""

    name: str
    language: str
    is_shared: bool


class RecordingDesk:
    """Takes, cuts and removes recordings."""

    def __init__(self, settings: Settings, engine: Engine, clips: ClipStore, room: UploadRoom) -> None:
        """Use the folders of these settings; what an earlier run left there unfinished is removed."""
        self._room = room
        self._settings = settings
        self._clips = clips
        self.files = RecordingFiles(settings.recordings_dir)
        with reading(engine) as session:
            known = session.exec(select(Recording.id).where(col(Recording.removed_at).is_(None))).all()
        self.files.sweep(frozenset(known))
        self._turn = asyncio.Semaphore(1)
        self._waiting = 0

    @property
    def max_length_s(self) -> int:
        """The longest recording that is taken."""
        return self._settings.recordings.max_minutes * 60

    async def take(
        self, request: Request, door: "Door", check: Callable[[Mapping[str, str]], None] = lambda _: None
    ) -> Recording:
        """Receive a file with its fields `name`, `language` and `is_shared`, and make a recording of it.

        Args:
            request: its body has not been read yet.
            door: who sends it.
            check: given the fields that came before the file; raises to refuse it.

        Raises:
            Refusal: as `receive_upload`; 503 too many wait, 507 no room; the recorder could not do it.
            BroadcastError: this user, name or language cannot be; the file is no recording.
        """
        self._require_turn()

        def check_fields(fields: Mapping[str, str]) -> None:
            check(fields)
            _sent_in(fields)

        upload = await receive_upload(
            request,
            self._settings.recordings_dir,
            room=self._room,
            max_bytes=self._settings.recordings.max_bytes,
            check=check_fields,
        )
        recording_id = new_id()
        try:
            with self._waiting_turn():
                return await self._keep(door, upload, recording_id)
        except BaseException:
            self.files.remove(recording_id)
            raise
        finally:
            upload.path.unlink(missing_ok=True)

    async def cut(
        self, door: "Door", recording_id: str, revision: int, start_ms: int, end_ms: int
    ) -> tuple[Recording, list[Bulletin]]:
        """Air another stretch of a recording; the bulletins that must be approved again.

        Raises:
            BroadcastError: it is not this user's to cut, has changed since, or nothing is heard in the stretch.
            Refusal: the recorder could not do it.
        """
        recording = await asyncio.to_thread(_read_recording, door, recording_id, revision)
        if not 0 <= start_ms < end_ms <= recording.length_ms:
            raise Refusal(422, "bad-stretch", "Điểm đầu và điểm cuối không nằm trong bản ghi.", "end")
        job = CutJob(
            master=self.files.path_of(recording_id),
            store=self._settings.clips_dir,
            target_lufs=self._settings.voice.target_lufs,
            start_ms=start_ms,
            end_ms=end_ms,
        )
        cut = await self._work(job)
        assert isinstance(cut, Cut)  # noqa: S101 - what a CutJob gives
        return await asyncio.to_thread(self._store_cut, door, recording_id, revision, cut)

    def remove(self, door: "Door", recording_id: str) -> None:
        """Forget a recording, and its clip where nothing else holds that. In a worker thread.

        Raises:
            BroadcastError: it is not this user's, or a bulletin that is not over holds it.
        """
        with door.work() as session:
            clip = get_recording(session, recording_id, door.user).clip_sha256
            remove_recording(session, recording_id, door.user, door.now)
        self.files.remove(recording_id)
        self._forget(door, clip)

    def _require_turn(self) -> None:
        if self._waiting >= MAX_WAITING:
            raise Refusal(503, "recorder-busy", "Đang xử lý nhiều bản ghi. Xin thử lại sau ít phút.")

    @contextmanager
    def _waiting_turn(self) -> Iterator[None]:
        self._require_turn()
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    async def _keep(self, door: "Door", upload: Upload, recording_id: str) -> Recording:
        sent = _sent_in(upload.fields)
        await asyncio.to_thread(_require_fit, door, sent)
        job = TakeJob(
            source=upload.path,
            master=self.files.path_of(recording_id),
            store=self._settings.clips_dir,
            target_lufs=self._settings.voice.target_lufs,
            max_length_s=self.max_length_s,
        )
        taken = await self._work(job)
        assert isinstance(taken, Taken)  # noqa: S101 - what a TakeJob gives
        try:
            return await asyncio.to_thread(_store_taken, door, taken, sent, recording_id)
        except BaseException:
            await asyncio.to_thread(self._forget, door, taken.cut.sha256)
            raise

    async def _work(self, job: TakeJob | CutJob) -> Taken | Cut:
        async with self._turn:
            try:
                answer = await asyncio.to_thread(run_recorder, job)
            except RecorderLost as error:
                logger.warning("%s", error)
                raise Refusal(
                    422, "not-processed", "Không xử lý được âm thanh này. Hãy thử tệp khác hoặc đoạn ngắn hơn.", "file"
                ) from error
        if not isinstance(answer, Refused):
            return answer
        if answer.why is Unfit.DISK_FULL:
            raise Refusal(507, *SAID[507])
        raise refusal_text(answer.why, self.max_length_s)

    def _store_cut(self, door: "Door", recording_id: str, revision: int, cut: Cut) -> tuple[Recording, list[Bulletin]]:
        old = None
        try:
            with door.work() as session:
                old = get_recording(session, recording_id, door.user).clip_sha256
                again = trim_recording(session, recording_id, door.user, revision, cut, door.now)
                recording = get_recording(session, recording_id, door.user)
        except Conflict:
            self._forget(door, cut.sha256)
            raise
        if old != cut.sha256:
            self._forget(door, old)
        return recording, again

    def _forget(self, door: "Door", sha256: str | None) -> None:
        if sha256 is None:
            return
        with door.work() as session:
            is_free = forget_clip(session, sha256)
        if is_free:
            self._clips.remove(sha256)


def _sent_in(fields: Mapping[str, str]) -> Sent:
    return Sent(
        name=clean_line(fields.get("name", ""), "name"),
        language=check_language(fields.get("other_language", "").strip() or fields.get("language", "")),
        is_shared=fields.get("is_shared", "") not in {"", "0", "false"},
    )


def _require_fit(door: "Door", sent: Sent) -> None:
    with door.read() as session:
        require_fit(session, door.user, sent.name, sent.language)


def _read_recording(door: "Door", recording_id: str, revision: int) -> Recording:
    with door.read() as session:
        recording = get_recording(session, recording_id, door.user)
    require_revision(recording, revision)
    return recording


def _store_taken(door: "Door", taken: Taken, sent: Sent, recording_id: str) -> Recording:
    with door.work() as session:
        return add_recording(
            session,
            door.user,
            taken,
            name=sent.name,
            language=sent.language,
            is_shared=sent.is_shared,
            now=door.now,
            recording_id=recording_id,
        )
