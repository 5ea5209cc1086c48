"""The two renderers: supervised child processes that turn texts into clips. What is wanted is not known here."""

import asyncio
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from players.child import Child, ChildPhase, ChildPipes, ChildState, Pauses
from players.errors import ChildStopped
from tts.errors import EngineError
from tts.render_job import Ready, Rendered, RenderFailed, RenderJob, SentenceLine, WarmUp
from tts.voices import FALLBACK_VOICE

log = logging.getLogger(__name__)

_NOTICE_WITHIN_S = 1.0
_LOADED_WITHIN_S = 120.0
_STARTS_WITHIN_S = 10.0
VOICE_LOST = "bộ tạo âm thanh không đọc được bằng giọng đã chọn"


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
            _ready_in(await self._line(pipes, self._ready_within_s))
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


class EmergencyRenderer(Renderer):
    """A renderer that keeps one voice loaded, and lets no emergency wait long for it.

    Each run starts with the fallback voice, which is there at once. A voice over which a run was lost is doubted: the
    fallback speaks for it until it has been loaded again, when nobody waits.

    Args:
        child: As for `Renderer`.
        voice: The voice to keep loaded.
        patience_s: As for `Renderer`; an emergency also waits so long, and no longer, for a voice that is being loaded.
        patience_s_per_character: As for `Renderer`.
        pauses: How long a doubted voice is left alone.
    """

    _ready_within_s = 30.0

    def __init__(
        self,
        child: Child,
        voice: str,
        *,
        patience_s: float,
        patience_s_per_character: float = 0.04,
        pauses: Pauses | None = None,
    ) -> None:
        super().__init__(child, patience_s=patience_s, patience_s_per_character=patience_s_per_character)
        self._voice = voice
        self._pauses = pauses or Pauses(first_s=30, most_s=600)
        self._doubted: set[str] = set()
        self._asked = asyncio.Event()
        self._fails_since: float | None = None
        self._loaded: Ready | None = None

    @property
    def loaded(self) -> Ready | None:
        """Who is loaded, by its own word, and why not the voice that was asked for; none until it has said so."""
        if self.doubts(self._voice):
            return Ready(engine="espeak", voice=FALLBACK_VOICE, fallback_reason=VOICE_LOST)
        return self._loaded

    def doubts(self, voice: str) -> bool:
        """Whether a run was lost over this voice, and it has not been loaded since."""
        return voice in self._doubted

    def want(self, voice: str) -> None:
        """Have this voice loaded from now on; again, if it is. On the event loop."""
        self._voice = voice
        self._doubted.discard(voice)
        self._asked.set()

    async def render(self, job: RenderJob) -> Rendered | RenderFailed:
        """As `Renderer.render`; with the fallback voice, if its own is doubted."""
        await self._take_turn()
        try:
            if self.doubts(job.voice):
                job = job.model_copy(update={"voice": FALLBACK_VOICE})
            return await self._render(job)
        finally:
            self._turn.release()

    async def keep_warm(self) -> None:
        """Have each run load the voice, until the process is stopped for good."""
        pause_s: float | None = None
        while True:
            self._asked.clear()
            try:
                await self._load(self._voice)
                pause_s = None
                await self._until_cold()
            except RendererLost as error:
                log.warning("voice %s was not loaded: %s", self._voice, error)
            except ChildStopped:
                return
            if self.doubts(self._voice):
                pause_s = self._pauses.following(pause_s, 0)
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await self._asked.wait()

    async def _take_turn(self) -> None:
        try:
            async with asyncio.timeout(self._patience_s):
                await self._turn.acquire()
        except TimeoutError:
            self._child.kill()  # a voice is being loaded, and takes too long
            await self._turn.acquire()

    async def _load(self, voice: str) -> None:
        async with self._turn:
            with self._fresh_run_if_lost():
                pipes = await self._greeted_pipes()
                self._loaded = _ready_in(await self._exchange(pipes, WarmUp(warm=voice), _LOADED_WITHIN_S))
        self._doubted.discard(voice)

    async def _until_cold(self) -> None:
        """Until this run is over, or the voice is to be loaded again."""
        waiting = [asyncio.ensure_future(self._child.ended()), asyncio.ensure_future(self._asked.wait())]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waiting:
                one.cancel()

    async def _greeted_pipes(self) -> ChildPipes:
        """That a run ends before it is ready is not for the text to pay: for some seconds the next is waited for."""
        seconds = asyncio.get_running_loop().time
        while True:
            try:
                with self._fresh_run_if_lost():
                    pipes = await super()._greeted_pipes()
            except RendererLost:
                self._fails_since = self._fails_since or seconds()
                if seconds() - self._fails_since >= _STARTS_WITHIN_S:
                    raise
            else:
                self._fails_since = None
                return pipes

    async def _exchange(self, pipes: ChildPipes, job: RenderJob | WarmUp, patience_s: float) -> bytes:
        try:
            return await super()._exchange(pipes, job, patience_s)
        except RendererLost:
            voice = job.voice if isinstance(job, RenderJob) else job.warm
            if voice != FALLBACK_VOICE:
                self._doubted.add(voice)
            raise


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


def emergency_renderer(options: RendererOptions, voice: str, clock: Callable[[], datetime]) -> EmergencyRenderer:
    """The renderer that waits for emergencies with its voice loaded."""
    command = options.command("--urgent", "--warm", FALLBACK_VOICE)
    # An emergency waits for its next run.
    pauses = Pauses(first_s=0.1, most_s=2.0)
    child = Child("emergency-renderer", command, clock=clock, has_pipes=True, pauses=pauses)
    return EmergencyRenderer(child, voice, patience_s=5)
