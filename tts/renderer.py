"""The renderer: a child process that turns jobs (see `tts.render_job`) into stored clips.

python -m tts.renderer --voices-dir DIR --store DIR [--cache DIR] [--idle | --urgent] [--warm VOICE] [--at-once N]

It says `Ready`, then answers each line of its stdin when that is done: in order, if it does one at once. It ends
when its stdin is closed or its parent dies.
Only the protocol goes to stdout: what libraries print there is sent to stderr.
"""

import argparse
import ctypes
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import IO

from pydantic import TypeAdapter, ValidationError

from tts.clip_file import Framing, Passage, Recorded, twice
from tts.clip_store import ClipStore
from tts.errors import StoreFull, TtsError
from tts.loudness import Level
from tts.record_job import RECORDED
from tts.recorded import clip_sound
from tts.render_job import ClipLine, Ready, Rendered, RenderFailed, RenderJob, Reply, SentenceLine, WarmUp
from tts.sentence_cache import SentenceCache
from tts.voice_chain import ChainedClip, VoiceChain
from tts.voices import FALLBACK_VOICE

_log = logging.getLogger(__name__)
_M_ARENA_MAX, _M_MMAP_THRESHOLD = -8, -3
_LARGE = 1 << 20
_PR_SET_PDEATHSIG = 1
_URGENT_NICE = -10
_ASKED: TypeAdapter[RenderJob | WarmUp] = TypeAdapter(RenderJob | WarmUp)


def main(argv: list[str] | None = None) -> int:
    """Run a renderer until its stdin ends."""
    options = _parse(argv)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(name)s: %(message)s")
    _die_with_parent(os.getppid())
    if options.idle:
        _give_way()
    if options.urgent:
        _go_first()
    _share_heap()
    replies = _take_stdout()
    cache = SentenceCache(options.cache or options.store.parent / "sentences", options.cache_mb << 20)
    chain = VoiceChain(options.voices_dir, Level(target_lufs=options.target_lufs, horn=options.horn), cache)
    store = ClipStore(options.store)
    _say(replies, _warmed(chain, options.warm))
    done: SimpleQueue[Future[Reply] | None] = SimpleQueue()
    do = partial(answer, chain=chain, store=store)
    threading.Thread(target=_take_jobs, args=(options.at_once, do, done), daemon=True).start()
    while (job := done.get()) is not None:
        _say(replies, job.result())
    return 0


def _take_jobs(at_once: int, do: Callable[[str], Reply], done: "SimpleQueue[Future[Reply] | None]") -> None:
    try:
        with ThreadPoolExecutor(at_once, "job") as hands:
            for line in sys.stdin:
                hands.submit(do, line).add_done_callback(done.put)
    finally:
        done.put(None)


def answer(line: str, chain: VoiceChain, store: ClipStore) -> Reply:
    """Do what one line asks."""
    try:
        job = _ASKED.validate_json(line)
    except ValidationError as error:
        return RenderFailed(job=None, error=f"not a job: {error.error_count()} errors: {error.errors()[0]['msg']}")
    if isinstance(job, WarmUp):
        return _warmed(chain, job.warm)
    started = time.monotonic()
    speaks = any(isinstance(sentence, SentenceLine) for sentence in job.sentences)
    try:
        made = _made(job, chain, store, speaks=speaks)
        sha256 = store.add(made.clip.data)
    except (TtsError, MemoryError) as error:
        said = f"{type(error).__name__}: {error}"
        return RenderFailed(job=job.job, error=said, is_disk_full=isinstance(error, StoreFull))
    return Rendered(
        job=job.job,
        sha256=sha256,
        size_bytes=made.clip.size_bytes,
        duration_ms=made.clip.duration_ms,
        engine=made.clip.engine if speaks else RECORDED,
        voice=made.clip.voice if speaks else "",
        fallback_reason=made.fallback_reason,
        render_ms=round((time.monotonic() - started) * 1000),
        said_at=tuple((one.passage, one.begins_ms, one.ends_ms) for one in made.clip.said_at),
    )


def _made(job: RenderJob, chain: VoiceChain, store: ClipStore, *, speaks: bool) -> ChainedClip:
    if not job.sentences and job.chime is not None:
        return chain.make_chime(job.chime, closing=job.closing_chime, tune=job.tune)
    passages = tuple(_passage(sentence, store) for sentence in job.sentences)
    framing = Framing(job.chime, job.closing_chime, job.rate, job.tune)
    return chain.make_clip(twice(passages) if job.twice else passages, job.voice if speaks else FALLBACK_VOICE, framing)


def _passage(line: SentenceLine | ClipLine, store: ClipStore) -> Passage | Recorded:
    if isinstance(line, SentenceLine):
        return Passage(line.spoken, line.pause)
    return Recorded(partial(clip_sound, store.path_of(line.clip)), line.pause)


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tts.renderer", description="Turns jobs on stdin into clips.")
    parser.add_argument("--voices-dir", type=Path, required=True, help="where voices are installed")
    parser.add_argument("--store", type=Path, required=True, help="the folder of clips")
    parser.add_argument("--idle", action="store_true", help="run only when nothing else wants the processor")
    parser.add_argument("--urgent", action="store_true", help="run before everything else, where that is allowed")
    parser.add_argument("--warm", metavar="VOICE", help="load this voice before saying ready")
    parser.add_argument("--at-once", type=int, default=1, metavar="N", help="so many jobs at once (default: one)")
    parser.add_argument("--cache", type=Path, help="the folder of sentences said before (default: beside the store)")
    parser.add_argument("--cache-mb", type=int, default=256, help="how much of them to keep")
    parser.add_argument("--target-lufs", type=float, default=Level().target_lufs, help="the house level")
    parser.add_argument("--horn", action="store_true", help="shape speech for horn loudspeakers")
    return parser.parse_args(argv)


def _warmed(chain: VoiceChain, voice: str | None) -> Ready:
    if voice is None:
        return Ready()
    try:
        reader, reason = chain.warm(voice)
    except TtsError as error:
        # Still of use: an emergency gets its signal.
        return Ready(fallback_reason=error.message)
    return Ready(engine=reader.engine.name, voice=reader.engine.voice, fallback_reason=reason)


def _say(replies: IO[str], reply: Reply) -> None:
    replies.write(reply.model_dump_json() + "\n")
    replies.flush()


def _take_stdout() -> IO[str]:
    """Keep the real stdout for the protocol and point file descriptor 1 at stderr, for C libraries too."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return replies


def _give_way() -> None:
    """Run when nothing else wants the processor."""
    for thread in _threads():
        os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))


def _go_first() -> None:
    """Take the processor from what waits less urgently. Only root may, or who is given `LimitNICE` by systemd."""
    try:
        for thread in _threads():
            os.setpriority(os.PRIO_PROCESS, thread, _URGENT_NICE)
    except PermissionError:
        _log.info("not allowed to go first: words of emergencies share the processor")
    else:
        _weigh_session()


def _threads() -> list[int]:
    """Ours, those that numpy has started counted in; what is started later inherits."""
    return [int(entry.name) for entry in Path("/proc/self/task").iterdir()]


def _weigh_session() -> None:
    """Where the kernel shares the processor between sessions first (sched(7), autogroup), have ours go first too.

    What a process asks for itself counts only among those of its session there. One that gives way keeps its session's
    share: on a busy machine it would get nothing at all, and a chime that is wanted now is made by it.
    """
    if os.getsid(0) == os.getpid():  # else it is somebody's terminal
        with suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(_URGENT_NICE))


def _share_heap() -> None:
    """Have all threads allocate from one heap: of those that each would get, none ever shrinks again.

    What is large stands apart and is given back when it is free: in the heap it would leave holes.
    """
    libc = ctypes.CDLL(None)
    libc.mallopt(_M_ARENA_MAX, 1)
    libc.mallopt(_M_MMAP_THRESHOLD, _LARGE)


def _die_with_parent(parent: int) -> None:
    """Have the kernel end this process when its parent ends, however that happens."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        _log.warning("prctl: %s", os.strerror(ctypes.get_errno()))
    if os.getppid() != parent:
        sys.exit("the parent is gone already")


if __name__ == "__main__":
    sys.exit(main())
