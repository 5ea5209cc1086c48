"""Paper into speech: a Word document, a PDF, a scan or a photo comes back as a draft bulletin.

`import_document` has the file read in a process of its own that cannot reach the network and whose time and memory are
bounded (`confinement`). There, in `worker`: the file's kind is told by its content (`kinds`), its reader gives blocks
(`docx`, `odt`, `pdf`, `ocr`, `office`), and these become a draft (`draft`): tables laid out (`tables`), lines joined
(`lines`), what nobody reads aloud set aside (`set_aside`). `restoring` brings such a part back.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from tts.errors import DocumentRefused
from tts.import_document.paper import AsideKind, Draft, Limits, Progress, SetAside, Warned
from tts.import_document.refusals import Refused, refusal
from tts.import_document.said import LINE, NotRead, Read, Turned

__all__ = ["AsideKind", "Draft", "Limits", "Progress", "SetAside", "Warned", "import_document"]

log = logging.getLogger(__name__)
_LONGEST_LINE = 4_000_000
_SHOWN_OF_STDERR = 1000


async def import_document(
    path: Path, *, limits: Limits, progress: Progress = lambda _page, _pages: None, work_dir: Path | None = None
) -> Draft:
    """Read a document.

    Args:
        path: The file; its name says nothing.
        limits: What it may cost.
        progress: Called with page and pages, on this loop, as each page is begun.
        work_dir: Where files on the way are put, and deleted; without it, the system's place for such.

    Raises:
        DocumentRefused: it cannot be read; `code`, and why in Vietnamese in `message`.
    """
    with tempfile.TemporaryDirectory(prefix="paper-", dir=work_dir, ignore_cleanup_errors=True) as folder:
        try:
            async with asyncio.timeout(limits.time_s), _reading(_whole(path), Path(folder), limits) as process:
                return await _result(process, progress, Path(folder))
        except TimeoutError as error:
            raise refusal(Refused.TOO_LONG, most=int(limits.time_s)) from error


def _whole(path: Path) -> Path:
    return path if path.is_absolute() else Path.cwd() / path


@contextlib.asynccontextmanager
async def _reading(path: Path, folder: Path, limits: Limits) -> AsyncIterator[Process]:
    """The process that reads; it and whatever it started are ended with the context."""
    given = TypeAdapter(Limits).dump_json(limits).decode()
    command = ("-I", "-m", "tts.import_document.worker", str(path), str(folder), str(os.getpid()), given)
    with (folder / "stderr").open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=errors,
            cwd=folder,
            env=_environment(folder),
            start_new_session=True,
            limit=_LONGEST_LINE,
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _environment(folder: Path) -> dict[str, str]:
    """Nothing of ours that a stranger's file could ask for; one thread of arithmetic, whose stacks are counted too."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_THREAD_LIMIT": "1",
    }


async def _result(process: Process, progress: Progress, folder: Path) -> Draft:
    assert process.stdout is not None  # noqa: S101 - it was asked for
    try:
        async for line in process.stdout:
            match LINE.validate_json(line):
                case Turned(page=page, pages=pages):
                    progress(page, pages)
                case Read(draft=draft):
                    return draft
                case NotRead(code=code, english=english, message=message):
                    raise DocumentRefused(code, english, message)
    except (ValidationError, ValueError) as error:  # a line too long, or cut off
        log.warning("the reader of documents spoke nonsense: %s", error)
    ended = await process.wait()
    said = (folder / "stderr").read_bytes()[-_SHOWN_OF_STDERR:].decode(errors="replace")
    log.warning("the reader of documents ended with %d: %s", ended, said)
    raise refusal(_why_ended(ended, said))


def _why_ended(ended: int, said: str) -> Refused:
    if ended in {-signal.SIGXCPU, -signal.SIGKILL}:
        return Refused.TOO_LONG
    return Refused.TOO_MUCH_MEMORY if "bad_alloc" in said or "MemoryError" in said else Refused.READER_ENDED
