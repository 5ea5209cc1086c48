"""Having a recording taken or cut: a process for each job, which bounds itself, and is ended when it takes too long."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from tts.record_job import Cut, CutJob, Refused, TakeJob, Taken

log = logging.getLogger(__name__)
WITHIN_S = 600.0
_ANSWER: TypeAdapter[Taken | Cut | Refused] = TypeAdapter(Taken | Cut | Refused)


class RecorderLost(Exception):
    """The recorder's process ended without an answer, or had to be ended."""


class RecordingFiles:
    """The folder of whole recordings: `<id>.flac`."""

    def __init__(self, root: Path) -> None:
        """Use (and make, if need be) this folder."""
        self._root = root
        root.mkdir(parents=True, exist_ok=True, mode=0o700)

    def path_of(self, recording_id: str) -> Path:
        """Where the whole of a recording is. The id is ours, never a sender's word."""
        return self._root / f"{recording_id}.flac"

    def remove(self, recording_id: str) -> None:
        """Forget the whole of a recording; one that is not there is no error."""
        self.path_of(recording_id).unlink(missing_ok=True)

    def sweep(self, known: Collection[str]) -> None:
        """Remove what a server that ended in the middle has left: all but the recordings of these ids."""
        for path in self._root.iterdir():
            if path.stem not in known:
                path.unlink(missing_ok=True)


def run_recorder(job: TakeJob | CutJob, *, within_s: float = WITHIN_S) -> Taken | Cut | Refused:
    """Have one job done. Waits; called in a worker thread.

    Raises:
        RecorderLost: there was no answer; what the job had begun is not removed.
    """
    environment = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR", "VIRTUAL_ENV") if name in os.environ}
    with subprocess.Popen(
        [sys.executable, "-m", "tts.recorder"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment | {"OPENBLAS_NUM_THREADS": "1"},
        start_new_session=True,
    ) as process:
        try:
            out, said = process.communicate(job.model_dump_json().encode(), timeout=within_s)
        except subprocess.TimeoutExpired as error:
            os.killpg(process.pid, signal.SIGKILL)
            raise RecorderLost(f"the recorder was ended after {within_s:.0f} s") from error
    if said:
        log.info("recorder: %s", said.decode(errors="replace")[-500:].strip())
    try:
        return _ANSWER.validate_json(out)
    except ValidationError as error:
        raise RecorderLost(f"the recorder ended with {process.returncode}") from error
