"""The two renderers: supervised child processes that turn texts into clips. What is wanted is not known here."""

import asyncio
import logging
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from players.child import Child, ChildPipes, ChildState
from tts.errors import EngineError
from tts.render_job import Ready, Rendered, RenderFailed, RenderJob, SentenceLine, WarmUp

log = logging.getLogger(__name__)

_READY_WITHIN_S = 120.0
_NOTICE_WITHIN_S = 1.0


class RendererLost(EngineError):
    """The renderer ended, fell silent or spoke nonsense while it had a job; it is started again by itself."""


class Renderer:
    """One renderer and its protocol: a job a line in, an answer a line out, one after another.

    Args:
        child: The process, with pipes.
        patience_s: How long a job may take at least.
        patience_s_per_character: And how much longer for each character of its text.
    """

    def __init__(self, child: Child, *, patience_s: float, patience_s_per_character: float = 0.1) -> None:
        self._child = child
        self._patience_s = patience_s
        self._patience_s_per_character = patience_s_per_character
        self._greeted: asyncio.StreamReader | None = None
        self._lost: asyncio.StreamReader | None = None
        self._turn = asyncio.Lock()
        self.ready: Ready | None = None
        """What the present run said of itself."""

    @property
    def state(self) -> ChildState:
        """How the process is."""
        return self._child.state

    async def start(self) -> None:
        """Start the process; it is started again whenever it ends."""
        await self._child.start()

    async def stop(self) -> None:
        """End the process for good."""
        await self._child.stop()

    async def render(self, job: RenderJob) -> Rendered | RenderFailed:
        """Have one job done; waits while the process is being started again.

        Raises:
            RendererLost: the process died, hung or answered nonsense; the job may be given again.
        """
        async with self._turn:
            try:
                return await self._render(job)
            except RendererLost:
                # Whatever state it is in, the next job gets a fresh run: none pays for another's crash.
                self._lost = self._greeted
                self._child.kill()
                raise

    async def warm(self, voice: str) -> None:
        """Have it load a voice before that is needed; a voice that cannot be loaded is told of when it is needed.

        Raises:
            RendererLost: the process died; it is started again by itself.
        """
        async with self._turn:
            pipes = await self._greeted_pipes()
            self.ready = _ready_in(await self._exchange(pipes, WarmUp(warm=voice), _READY_WITHIN_S))

    async def _render(self, job: RenderJob) -> Rendered | RenderFailed:
        pipes = await self._greeted_pipes()
        patience_s = self._patience_s + self._patience_s_per_character * sum(
            len(line.spoken) for line in job.sentences if isinstance(line, SentenceLine)
        )
        line = await self._exchange(pipes, job, patience_s)
        answer: Rendered | RenderFailed
        try:
            answer = (RenderFailed if b'"error"' in line else Rendered).model_validate_json(line)
        except ValidationError as error:
            raise RendererLost(f"the renderer answered nonsense: {line[:100]!r}") from error
        if answer.job != job.job:
            raise RendererLost("the renderer answered another job")
        return answer

    async def _greeted_pipes(self) -> ChildPipes:
        """The pipes of a run that has said it is ready."""
        while (pipes := await self._child.pipes()).stdout is self._lost:
            with suppress(TimeoutError):
                async with asyncio.timeout(_NOTICE_WITHIN_S):
                    await self._child.ended()
        if pipes.stdout is not self._greeted:
            self._greeted = pipes.stdout
            self.ready = _ready_in(await self._line(pipes, _READY_WITHIN_S))
        return pipes

    async def _exchange(self, pipes: ChildPipes, job: RenderJob | WarmUp, patience_s: float) -> bytes:
        try:
            pipes.stdin.write(job.model_dump_json().encode() + b"\n")
            await pipes.stdin.drain()
        except (ConnectionError, RuntimeError) as error:  # uvloop's word for a pipe that is closed already
            raise RendererLost("the renderer ended before it took the job") from error
        return await self._line(pipes, patience_s)

    async def _line(self, pipes: ChildPipes, patience_s: float) -> bytes:
        try:
            async with asyncio.timeout(patience_s):
                line = await pipes.stdout.readline()
        except TimeoutError as error:
            raise RendererLost(f"the renderer said nothing for {patience_s:.0f} s") from error
        except (ValueError, ConnectionError) as error:  # a line longer than the limit
            raise RendererLost("the renderer's answer cannot be read") from error
        if not line.endswith(b"\n"):
            raise RendererLost("the renderer ended in the middle of its work")
        return line


def _ready_in(line: bytes) -> Ready:
    try:
        return Ready.model_validate_json(line)
    except ValidationError as error:
        raise RendererLost(f"the renderer did not say that it is ready: {line[:100]!r}") from error


@dataclass(frozen=True, slots=True)
class RendererOptions:
    """What both renderers are told: folders and the house level (see `tts.loudness.Level`)."""

    voices_dir: Path
    store: Path
    target_lufs: float = -16.0
    is_for_horns: bool = False

    def command(self, *more: str) -> Sequence[str]:
        """The renderer's command line."""
        where = ("--voices-dir", str(self.voices_dir), "--store", str(self.store))
        how = ("--target-lufs", str(self.target_lufs), *(["--horn"] if self.is_for_horns else []))
        return (sys.executable, "-m", "tts.renderer", *where, *how, *more)


def bulletin_renderer(options: RendererOptions, clock: Callable[[], datetime]) -> Renderer:
    """The renderer for what has time: it runs when nothing else wants the processor."""
    return Renderer(Child("renderer", options.command("--idle"), clock=clock, has_pipes=True), patience_s=600)


def emergency_renderer(options: RendererOptions, voice: str, clock: Callable[[], datetime]) -> Renderer:
    """The renderer that waits for emergencies with its voice loaded."""
    command = options.command("--urgent", "--warm", voice)
    return Renderer(Child("emergency-renderer", command, clock=clock, has_pipes=True), patience_s=30)
