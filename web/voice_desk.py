"""Installing voices while nobody waits: one at a time, in a thread; the page that asked may be left."""

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from sqlalchemy import Engine

from broadcast.audit import record
from broadcast.db import session_of
from broadcast.errors import Conflict
from broadcast.voices import want_in_voice
from tts.errors import UnknownVoice, VoiceError, VoiceUnusable
from tts.voice_download import discard_parts, download_voice
from tts.voice_install import install_from
from tts.voice_record import InstalledVoice, installed_stamps
from tts.voices import VoiceCard
from web.errors import Refusal

logger = logging.getLogger(__name__)
_STOP_WITHIN_S = 2.0
_LOOK_EVERY_S = 2.0


class Phase(StrEnum):
    """Where an installation stands."""

    FETCHING = "fetching"
    CHECKING = "checking"
    CANCELLING = "cancelling"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


_OVER = frozenset({Phase.DONE, Phase.FAILED, Phase.CANCELLED})


@dataclass(frozen=True, slots=True)
class VoiceJob:
    """An installation: of which voice, by whom, how far. `problem` says in Vietnamese why it failed."""

    name: str
    by: str
    phase: Phase
    here: int = 0
    total: int = 0
    problem: str = ""

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.phase in _OVER

    @property
    def percent(self) -> int:
        """How much of it has been fetched."""
        return 100 * self.here // self.total if self.total else 0


UPLOADS = ".uploads"
"""The folder for files on their way, beside the voices. Only a server uses it."""


class _CancelledError(Exception):
    """Somebody changed their mind."""


class VoiceDesk:
    """Takes orders to install voices.

    Args:
        voices_dir: Where voices are installed.
        engine: The database, for the audit.
        clock: The present.
        on_installed: Called in the desk's thread when a voice has become usable.
    """

    def __init__(
        self, voices_dir: Path, engine: Engine, clock: Callable[[], datetime], on_installed: Callable[[], None]
    ) -> None:
        self._voices_dir = voices_dir
        self.uploads_dir = voices_dir / UPLOADS
        self._engine = engine
        self._clock = clock
        self._on_installed = on_installed
        self._turn = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._job: VoiceJob | None = None
        self._known: dict[str, tuple[int, int]] = {}

    def tidy(self) -> None:
        """Before anything is sent: delete what a server that was killed has left on its way."""
        for left in self.uploads_dir.glob("*"):
            left.unlink(missing_ok=True)
        self._known = installed_stamps(self._voices_dir)

    async def follow(self) -> None:
        """Have voices that others install speak, as `loalang voices install` does beside a server; until cancelled."""
        while True:
            await asyncio.to_thread(self._look)
            await asyncio.sleep(_LOOK_EVERY_S)

    def _look(self) -> None:
        here = installed_stamps(self._voices_dir)
        if here.items() - self._known.items():
            self._on_installed()
        self._known = here

    @property
    def job(self) -> VoiceJob | None:
        """The installation that runs, or the last that did."""
        return self._job

    def fetch(self, card: VoiceCard, by: str) -> VoiceJob:
        """Begin to download and install a voice.

        Raises:
            Conflict: another is being installed.
        """

        def work() -> InstalledVoice:
            try:
                return download_voice(card, self._voices_dir, now=self._clock(), progress=self._progress)
            except _CancelledError:
                if self._job and self._job.phase is Phase.CANCELLING:
                    discard_parts(card.name, self._voices_dir)
                raise

        total = card.model.size_bytes + card.config.size_bytes
        return self._begin(VoiceJob(card.name, by, Phase.FETCHING, total=total), work)

    def take(self, archive: Path, file_name: str, by: str) -> VoiceJob:
        """Begin to install the voice in a ZIP file, which is the desk's from now on.

        Raises:
            Conflict: another is being installed; the file is gone.
        """

        def work() -> InstalledVoice:
            try:
                return install_from(archive, self._voices_dir, now=self._clock())
            finally:
                archive.unlink(missing_ok=True)

        try:
            return self._begin(VoiceJob(Path(file_name).name[:100], by, Phase.CHECKING), work)
        except Conflict:
            archive.unlink(missing_ok=True)
            raise

    def cancel(self) -> VoiceJob | None:
        """Stop fetching, and keep nothing of it; once all is here it is too late."""
        with self._turn:
            if self._job and self._job.phase is Phase.FETCHING:
                self._job = replace(self._job, phase=Phase.CANCELLING)
                self._stop.set()
            return self._job

    def close(self) -> None:
        """The server stops: what has come is kept for the next try."""
        self._stop.set()
        if self._thread:
            self._thread.join(_STOP_WITHIN_S)

    def _begin(self, job: VoiceJob, work: Callable[[], InstalledVoice]) -> VoiceJob:
        with self._turn:
            if self._job and not self._job.is_over:
                raise Conflict("voice-desk-busy", f"Đang cài giọng {self._job.name}. Xin đợi xong rồi cài tiếp.")
            self._job = job
            self._stop.clear()
            # A daemon: it may wait for a stalled server, and the whole server must not.
            self._thread = threading.Thread(target=self._run, args=(job, work), name="voice-desk", daemon=True)
            self._thread.start()
            return job

    def _run(self, job: VoiceJob, work: Callable[[], InstalledVoice]) -> None:
        ended = replace(job, phase=Phase.FAILED, problem="Máy chủ gặp lỗi khi cài giọng.")
        try:
            ended = self._outcome(job, work)
        finally:
            with self._turn:
                self._job = replace(ended, here=self._job.here if self._job else 0)
        if ended.phase is Phase.DONE:
            self._on_installed()

    def _outcome(self, job: VoiceJob, work: Callable[[], InstalledVoice]) -> VoiceJob:
        try:
            installed = work()
        except _CancelledError:
            self._note(job, "cancel-voice")
            return replace(job, phase=Phase.CANCELLED)
        except VoiceError as error:
            logger.warning("voice %s was not installed: %s", job.name, error)
            self._note(job, "fail-voice", why=str(error))
            return replace(job, phase=Phase.FAILED, problem=error.message)
        done = replace(job, name=installed.name, phase=Phase.DONE)
        with session_of(self._engine) as session:
            again = want_in_voice(session, installed.name, self._clock())
        self._note(done, "install-voice", sha256=installed.model_sha256, origin=installed.origin, rendered_again=again)
        return done

    def _note(self, job: VoiceJob, action: str, **said: object) -> None:
        with session_of(self._engine) as session:
            record(session, self._clock(), job.by, action, job.name, said)

    def _progress(self, here: int, total: int) -> None:
        if self._stop.is_set():
            raise _CancelledError
        with self._turn:
            if self._job and self._job.phase is Phase.FETCHING:
                self._job = replace(self._job, phase=Phase.FETCHING if here < total else Phase.CHECKING, here=here)


def refusal_of_voice(error: VoiceError) -> Refusal:
    """A voice's trouble, as HTTP says it."""
    if isinstance(error, UnknownVoice):
        return Refusal(404, error.code, _sentence(error.message))
    return Refusal(422 if isinstance(error, VoiceUnusable) else 409, error.code, _sentence(error.message))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."
