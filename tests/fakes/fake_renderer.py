"""A renderer that speaks the real protocol and misbehaves on demand: `python -m tests.fakes.fake_renderer STORE`.

What a sentence says decides: "chết" ends the process, "chết một lần" only the first time, "treo" never answers,
"lộn xộn" answers nonsense, "hỏng" fails. Anything else becomes a clip of one second whose bytes tell what was asked.
"""

import os
import sys
import threading
from pathlib import Path

from tts.clip_store import ClipStore
from tts.render_job import Ready, Rendered, RenderFailed, RenderJob, SentenceLine


def main(root: Path) -> None:
    say(Ready(engine="fake", voice="fake").model_dump_json())
    for line in sys.stdin:
        job = RenderJob.model_validate_json(line)
        say(answer(job, " ".join(line.spoken for line in job.sentences if isinstance(line, SentenceLine)), root))


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def answer(job: RenderJob, said: str, root: Path) -> str:
    if "chết một lần" in said:
        marker = root / "died"
        if not marker.exists():
            marker.touch()
            os._exit(9)
    elif "chết" in said:
        os._exit(9)
    if "treo" in said:
        threading.Event().wait()
    if "lộn xộn" in said:
        return "{}"
    if "hỏng" in said:
        return RenderFailed(job=job.job, error="EngineError: hỏng").model_dump_json()
    data = f"{job.voice}|{job.chime}|{job.closing_chime}|{said}".encode()
    return Rendered(
        job=job.job,
        sha256=ClipStore(root).add(data),
        size_bytes=len(data),
        duration_ms=1000,
        engine="fake",
        voice=job.voice,
        render_ms=1,
    ).model_dump_json()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
