"""The two renderers: supervised child processes that turn texts into clips. What is wanted is not known here."""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from players.child import Child, ChildPhase, ChildPipes, ChildState
from tts.errors import EngineError
from tts.render_job import Ready, Rendered, RenderFailed, RenderJob, SentenceLine, WarmUp

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

    _ready_within_s = 120.0

    def __init__(self, child: Child, *, patience_s: float, patience_s_per_character: float = 0.1) -> None:
        self._child = child
        self._patience_s = patience_s
        self._patience_s_per_character = patience_s_per_character
        self._greeted: asyncio.StreamReader | None = None
        self._lost: asyncio.StreamReader | None = None
        self._ready_pid: int | None = None
        self._turn = asyncio.Lock()

    @property
    def state(self) -> ChildState:
        """How the process is."""
        return self._child.state

    @property
    def is_ready(self) -> bool:
        """Whether the present run has said that it takes jobs."""
        state = self._child.state
        return state.phase is ChildPhase.RUNNING and state.pid == self._ready_pid

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
            return await self._render(job)

    async def _render(self, job: RenderJob) -> Rendered | RenderFailed:
        with self._fresh_run_if_lost():
            pipes = await self._greeted_pipes()
            line = await self._exchange(pipes, job, self._patience_for(job))
            answer: Rendered | RenderFailed
            try:
                answer = (RenderFailed if b'"error"' in line else Rendered).model_validate_json(line)
            except ValidationError as error:
                raise RendererLost(f"the renderer answered nonsense: {line[:100]!r}") from error
            if answer.job != job.job:
                raise RendererLost("the renderer answered another job")
            return answer

    def _patience_for(self, job: RenderJob) -> float:
        length = sum(len(line.spoken) for line in job.sentences if isinstance(line, SentenceLine))
        return self._patience_s + self._patience_s_per_character * length

    @contextmanager
    def _fresh_run_if_lost(self) -> Iterator[None]:
        """Whatever state it is in, the next job gets a fresh run: none pays for another's crash."""
        try:
            yield
        except RendererLost:
            self._lost = self._greeted
            self._child.kill()
            raise

    async def _greeted_pipes(self) -> ChildPipes:
        """The pipes of a run that has said it is ready."""
        while (pipes := await self._child.pipes()).stdout is self._lost:
            with suppress(TimeoutError):
                async with asyncio.timeout(_NOTICE_WITHIN_S):
                    await self._child.ended()
        if pipes.stdout is not self._greeted:
            self._greeted = pipes.stdout
            ready_in(await self._line(pipes, self._ready_within_s))
            self._ready_pid = self._child.state.pid
        return pipes

    async def _exchange(self, pipes: ChildPipes, job: RenderJob | WarmUp, patience_s: float) -> bytes:
        await self._tell(pipes, job)
        return await self._line(pipes, patience_s)

    @staticmethod
    async def _tell(pipes: ChildPipes, job: RenderJob | WarmUp) -> None:
        try:
            pipes.stdin.write(job.model_dump_json().encode() + b"\n")
            await pipes.stdin.drain()
        except (ConnectionError, RuntimeError) as error:  # uvloop's word for a pipe that is closed already
            raise RendererLost("the renderer ended before it took the job") from error

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


def ready_in(line: bytes) -> Ready:
    """What a renderer says of itself. Raises `RendererLost` if it does not."""
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
