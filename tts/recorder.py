"""The recorder: a process for one job on a file that somebody sent. It bounds itself before it reads a byte of that.

python -m tts.recorder < JOB > ANSWER

The job is a `TakeJob` or a `CutJob`, the answer a `Taken`, a `Cut` or a `Refused`. Anything else that goes wrong is an
exit code other than 0, with the reason on stderr.
"""

import errno
import hashlib
import os
import sys
from pathlib import Path

from pydantic import TypeAdapter

from tts.clip_store import ClipStore
from tts.errors import ClipError, RecordingUnfit
from tts.ffmpeg import decode_sound, probe_sound
from tts.limits import Bounds, confine
from tts.loudness import Level
from tts.record_job import Cut, CutJob, Refused, TakeJob, Taken, Unfit
from tts.recorded import cut_clip, measure_recording

MEMORY_BYTES = 1_000_000_000
CPU_S = 300
_BYTES_PER_S = 64_000
"""More than a second of FLAC at 24 kHz and 16 bits can be."""
_ROOM_BYTES = 1_000_000
_JOB: TypeAdapter[TakeJob | CutJob] = TypeAdapter(TakeJob | CutJob)


def main() -> int:
    """Do the one job on stdin."""
    job = _JOB.validate_json(sys.stdin.buffer.read())
    longest_s = job.max_length_s if isinstance(job, TakeJob) else (job.end_ms - job.start_ms) // 1000
    confine(Bounds(memory_bytes=MEMORY_BYTES, cpu_s=CPU_S, file_bytes=longest_s * _BYTES_PER_S + _ROOM_BYTES))
    answer: Taken | Cut | Refused
    try:
        answer = take(job) if isinstance(job, TakeJob) else cut(job)
    except RecordingUnfit as error:
        sys.stderr.write(f"{error}\n")
        answer = Refused(why=error.why)
    except ClipError as error:
        if not _is_full(error):
            raise
        answer = Refused(why=Unfit.DISK_FULL)
    sys.stdout.write(answer.model_dump_json())
    return 0


def take(job: TakeJob) -> Taken:
    """Make a recording of a file.

    Raises:
        RecordingUnfit: it cannot be one.
        ClipError: the disk refused, or the encoder failed.
    """
    probed = probe_sound(job.source)
    if probed.duration_s is not None and probed.duration_s > job.max_length_s + 1:
        raise RecordingUnfit(Unfit.TOO_LONG)
    decode_sound(job.source, job.master, max_length_s=job.max_length_s + 2)
    measured = measure_recording(job.master)
    if measured.length_ms > (job.max_length_s + 1) * 1000:
        raise RecordingUnfit(Unfit.TOO_LONG)
    return Taken(
        original_sha256=_digest(job.source),
        original_bytes=job.source.stat().st_size,
        original_format=probed.format,
        channels=probed.channels,
        length_ms=measured.length_ms,
        peaks=measured.peaks,
        flaws=measured.flaws,
        cut=_cut(job, measured.start_ms, measured.end_ms),
    )


def cut(job: CutJob) -> Cut:
    """Make a clip of a stretch of a recording.

    Raises:
        RecordingUnfit: nothing is to be heard in it.
        ClipError: the recording cannot be read, or the disk refused.
    """
    return _cut(job, job.start_ms, job.end_ms)


def _cut(job: TakeJob | CutJob, start_ms: int, end_ms: int) -> Cut:
    clip = cut_clip(job.master, start_ms, end_ms, Level(target_lufs=job.target_lufs))
    sha256 = ClipStore(job.store).add(clip.data)
    return Cut(
        start_ms=start_ms, end_ms=end_ms, sha256=sha256, size_bytes=clip.size_bytes, duration_ms=clip.duration_ms
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_full(error: ClipError) -> bool:
    return isinstance(error.__cause__, OSError) and error.__cause__.errno in {errno.ENOSPC, errno.EDQUOT}


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
