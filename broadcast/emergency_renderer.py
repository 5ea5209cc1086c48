"""The renderer for emergencies: one voice loaded, and no word that waits long for it."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from broadcast.renderers import Renderer, RendererLost, RendererOptions, ready_in
from players.child import Child, ChildPipes, Pauses
from players.errors import ChildStopped
from tts.render_job import Ready, Rendered, RenderFailed, RenderJob, WarmUp
from tts.voices import FALLBACK_VOICE

log = logging.getLogger(__name__)

_LOADED_WITHIN_S = 120.0
_STARTS_WITHIN_S = 10.0
VOICE_LOST = "bộ tạo âm thanh không đọc được bằng giọng đã chọn"


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
        self._waiting = 0
        self._is_loading = False
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
                if not await self._load(self._voice):
                    continue
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
        self._waiting += 1
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._patience_s):
                        await self._turn.acquire()
                        return
                if self._is_loading:
                    self._child.kill()
        finally:
            self._waiting -= 1

    async def _load(self, voice: str) -> bool:
        """Whether it could be tried: an emergency that waits goes first."""
        async with self._turn:
            with self._fresh_run_if_lost():
                pipes = await self._greeted_pipes()
                if self._waiting:
                    return False
                self._is_loading = True
                try:
                    self._loaded = ready_in(await self._exchange(pipes, WarmUp(warm=voice), _LOADED_WITHIN_S))
                finally:
                    self._is_loading = False
        self._doubted.discard(voice)
        return True

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


def emergency_renderer(options: RendererOptions, voice: str, clock: Callable[[], datetime]) -> EmergencyRenderer:
    """The renderer that waits for emergencies with its voice loaded."""
    command = options.command("--urgent", "--warm", FALLBACK_VOICE)
    # An emergency waits for its next run.
    pauses = Pauses(first_s=0.1, most_s=5.0)
    child = Child("emergency-renderer", command, clock=clock, has_pipes=True, pauses=pauses)
    return EmergencyRenderer(child, voice, patience_s=5)
