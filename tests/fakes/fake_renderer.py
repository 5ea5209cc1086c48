"""A renderer that speaks the real protocol and misbehaves on demand: `python -m tests.fakes.fake_renderer STORE`.

What a sentence says decides: "chết" ends the process, "chết một lần" only the first time, "treo" never answers,
"lộn xộn" answers nonsense, "hỏng" fails as long as STORE has no file "healed". Anything else becomes a clip of one
second whose bytes tell what was asked.
A voice whose name says "chết" or "treo" does so when it is loaded; "chết khi đọc" loads, and does so when it speaks.
"""

import os
import sys
import threading
from pathlib import Path

from pydantic import TypeAdapter

from tts.clip_store import ClipStore
from tts.render_job import Ready, Rendered, RenderFailed, RenderJob, SentenceLine, WarmUp

ASKED: TypeAdapter[RenderJob | WarmUp] = TypeAdapter(RenderJob | WarmUp)


def main(root: Path) -> None:
    say(Ready(engine="fake", voice="fake").model_dump_json())
    for line in sys.stdin:
        asked = ASKED.validate_json(line)
        if isinstance(asked, WarmUp):
            load(asked.warm, root)
            say(Ready(engine="fake", voice=asked.warm).model_dump_json())
            continue
        load(asked.voice, root)
        if "chết khi đọc" in asked.voice:
            os._exit(9)
        say(answer(asked, " ".join(line.spoken for line in asked.sentences if isinstance(line, SentenceLine)), root))


def load(voice: str, root: Path) -> None:
    if "chết một lần" in voice:
        die_once(root)
    elif "chết" in voice and "khi đọc" not in voice:
        os._exit(9)
    if "treo" in voice:
        threading.Event().wait()


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def die_once(root: Path) -> None:
    marker = root / "died"
    if not marker.exists():
        marker.touch()
        os._exit(9)


def answer(job: RenderJob, said: str, root: Path) -> str:
    if "chết một lần" in said:
        die_once(root)
    elif "chết" in said:
        os._exit(9)
    if "treo" in said:
        (root / "hangs").touch()
        threading.Event().wait()
    if "lộn xộn" in said:
        return "{}"
    if "hỏng" in said and not (root / "healed").exists():
        return RenderFailed(job=job.job, error="EngineError: hỏng").model_dump_json()
    data = f"{job.voice}|{job.chime}|{job.tune}|{job.closing_chime}|{said}".encode()
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
