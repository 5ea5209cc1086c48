"""The renderer for what has time: two texts in its hands, so that no core is idle while one is encoded and stored."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from broadcast.renderers import Renderer, RendererLost, RendererOptions
from players.child import Child
from tts.render_job import Rendered, RenderFailed, RenderJob

AT_ONCE = 2
_ANSWER: TypeAdapter[Rendered | RenderFailed] = TypeAdapter(Rendered | RenderFailed)


class _LostTogether(RendererLost):
    """It had other jobs too, and one of those may be to blame."""


class BulletinRenderer(Renderer):
    """A renderer that is given two jobs at once, and answers each as it is done.

    Args:
        child: As for `Renderer`; the process takes `AT_ONCE` jobs at once.
        patience_s: As for `Renderer`.
        patience_s_per_character: As for `Renderer`.
    """

    def __init__(self, child: Child, *, patience_s: float, patience_s_per_character: float = 0.1) -> None:
        super().__init__(child, patience_s=patience_s, patience_s_per_character=patience_s_per_character)
        self._room = asyncio.Semaphore(AT_ONCE)
        self._emptying = asyncio.Lock()
        self._heard: asyncio.StreamReader | None = None
        self._listening: asyncio.Task[None] | None = None
        self._answers: dict[str | None, asyncio.Future[Rendered | RenderFailed]] = {}

    async def stop(self) -> None:
        """End the process for good."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait({self._listening})
        await super().stop()

    async def render(self, job: RenderJob) -> Rendered | RenderFailed:
        """As `Renderer.render`. None pays for another's crash: what was lost together is tried again alone."""
        async with self._room:
            try:
                return await self._render(job)
            except _LostTogether:
                pass
        async with self._whole_room():
            return await self._render(job)

    @asynccontextmanager
    async def _whole_room(self) -> AsyncIterator[None]:
        async with self._emptying, AsyncExitStack() as taken:
            for _ in range(AT_ONCE):
                await taken.enter_async_context(self._room)
            yield

    async def _render(self, job: RenderJob) -> Rendered | RenderFailed:
        async with self._turn:
            with self._fresh_run_if_lost():
                pipes = await self._greeted_pipes()
            if pipes.stdout is not self._heard:
                self._heard = pipes.stdout
                self._listening = asyncio.create_task(self._listen(pipes.stdout), name="renderer's answers")
        answer: asyncio.Future[Rendered | RenderFailed] = asyncio.get_running_loop().create_future()
        self._answers[job.job] = answer
        try:
            await self._tell(pipes, job)
            patience_s = self._patience_for(job)
            await asyncio.wait({answer}, timeout=patience_s)
            if not answer.done():
                self._lose(pipes.stdout, f"the renderer said nothing for {patience_s:.0f} s")
        except RendererLost as error:
            self._lose(pipes.stdout, str(error))
        finally:
            self._answers.pop(job.job, None)
        return answer.result()

    async def _listen(self, run: asyncio.StreamReader) -> None:
        """Hand out the answers of one run until it ends."""
        why, line = "the renderer ended in the middle of its work", b""
        try:
            while (line := await run.readline()).endswith(b"\n"):
                answer = _ANSWER.validate_json(line)
                self._answers.pop(answer.job).set_result(answer)
        except (ValidationError, KeyError):
            why = f"the renderer answered nonsense: {line[:100]!r}"
        except (ValueError, ConnectionError):  # a line longer than the limit
            why = "the renderer's answer cannot be read"
        self._lose(run, why)

    def _lose(self, run: asyncio.StreamReader, why: str) -> None:
        """Whatever state this run is in, the next job gets a fresh one."""
        if run is self._lost:
            return
        self._lost = run
        self._child.kill()
        waiting, self._answers = self._answers, {}
        loss = _LostTogether if len(waiting) > 1 else RendererLost
        for answer in waiting.values():
            answer.set_exception(loss(why))


def bulletin_renderer(options: RendererOptions, clock: Callable[[], datetime]) -> BulletinRenderer:
    """The renderer for what has time: it runs when nothing else wants the processor."""
    command = options.command("--idle", "--at-once", str(AT_ONCE))
    return BulletinRenderer(Child("renderer", command, clock=clock, has_pipes=True), patience_s=600)
