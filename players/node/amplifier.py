"""The amplifier's relay: open only while something sounds, some time before its first sample and after its last.

It wraps the outputs of a pole, so that nothing can sound past it and nothing opens it but a sound that has begun: what
is refused never comes so far. Shut when it is taken, when the node ends, and (the unit's `ExecStopPost`) after a crash.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from players.errors import OutputFailed, OutputMissing
from players.node.gpio import GpiodLine, OutputLine
from players.node.output import AudioOutput, Playing, Sound, Sounded
from players.node.outputs import ChosenOutputs
from players.node.settings import AmplifierSection

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the amplifier is open around a sound, in seconds."""

    lead_s: float
    """Before the first sample: what it needs from its relay's click to sound."""
    hold_s: float
    """After the last: the next part of a programme does not make it click again."""


class Amplifier:
    """The relay. Called on the event loop only.

    Args:
        line: taken, and so shut.
        timing: around each sound.
        monotonic: the node's clock.
    """

    def __init__(self, line: OutputLine, timing: Timing, monotonic: Callable[[], float]) -> None:
        self._line = line
        self._timing = timing
        self._monotonic = monotonic
        self._sounds = 0
        self._shutting: asyncio.TimerHandle | None = None
        self._is_closed = False
        self.error: str | None = None
        self._shut()

    async def wake(self, sounds_at: float) -> None:
        """Open it for a sound whose first sample leaves the output at that monotonic instant; returns when it is open.

        Raises:
            OutputFailed: it does not open: nobody would hear the sound.
        """
        self._sounds += 1
        self._stay_open()
        try:
            await asyncio.sleep(sounds_at - self._timing.lead_s - self._monotonic())
            self._drive(active=True)
        except BaseException:
            self.rest()
            raise

    def rest(self) -> None:
        """One sound is over: shut it after the hold, unless another sounds then."""
        self._sounds -= 1
        if self._sounds == 0 and not self._is_closed:
            self._shutting = asyncio.get_running_loop().call_later(self._timing.hold_s, self._shut)

    def close(self) -> None:
        """Shut it at once and give the line back. It stays shut."""
        self._stay_open()
        if not self._is_closed:
            self._is_closed = True
            with suppress(OutputMissing):
                self._line.release()

    def _stay_open(self) -> None:
        if self._shutting is not None:
            self._shutting.cancel()
            self._shutting = None

    def _shut(self) -> None:
        self._shutting = None
        with suppress(OutputFailed):
            self._drive(active=False)

    def _drive(self, *, active: bool) -> None:
        try:
            self._line.drive(active=active)
        except OutputMissing as error:
            self.error = str(error)
            log.error("%s", error)  # noqa: TRY400 - nothing is learnt from where it happened
            raise OutputFailed(str(error)) from error
        self.error = None


class AmplifiedPlaying:
    """A `Playing` for which the amplifier is open."""

    def __init__(self, inner: Playing, amplifier: Amplifier) -> None:
        self._inner = inner
        self._amplifier = amplifier
        self._waking: asyncio.Task[None] | None = None
        self._is_over = False

    @property
    def note(self) -> str | None:
        """See `Playing`."""
        return self._inner.note

    def start(self, at: float) -> None:
        """See `Playing`."""
        self._waking = asyncio.create_task(self._amplifier.wake(at), name="amplifier")
        self._inner.start(at)

    async def started(self) -> float:
        """See `Playing`."""
        await self._woken()
        return await self._inner.started()

    async def finished(self) -> float:
        """See `Playing`."""
        try:
            await self._woken()
            return await self._inner.finished()
        finally:
            self._rest()

    async def stop(self) -> Sounded:
        """See `Playing`."""
        try:
            return await self._inner.stop()
        finally:
            self._rest()

    async def _woken(self) -> None:
        if self._waking is not None:
            await asyncio.shield(self._waking)

    def _rest(self) -> None:
        """Once, however it ended."""
        if self._is_over or self._waking is None:
            return
        self._is_over = True
        if not self._waking.done():
            self._waking.cancel()  # it rests by itself
        elif not self._waking.cancelled() and self._waking.exception() is None:
            self._amplifier.rest()


class AmplifiedOutput:
    """An `AudioOutput` behind the amplifier."""

    def __init__(self, inner: AudioOutput, amplifier: Amplifier) -> None:
        self._inner = inner
        self._amplifier = amplifier
        self.name = inner.name

    @property
    def plays_streams(self) -> bool:
        """See `AudioOutput`."""
        return self._inner.plays_streams

    @property
    def error(self) -> str | None:
        """See `AudioOutput`."""
        return self._inner.error or self._amplifier.error

    async def open(self) -> None:
        """See `AudioOutput`."""
        await self._inner.open()

    async def prepare(self, sound: Sound) -> AmplifiedPlaying:
        """See `AudioOutput`."""
        return AmplifiedPlaying(await self._inner.prepare(sound), self._amplifier)

    async def close(self) -> None:
        """See `AudioOutput`. Nothing sounds any more, and so the amplifier is shut."""
        try:
            await self._inner.close()
        finally:
            self._amplifier.close()


def behind_amplifier(chosen: ChosenOutputs, section: AmplifierSection, monotonic: Callable[[], float]) -> ChosenOutputs:
    """The outputs behind the amplifier that the settings name; as they are when they name none."""
    if section.line is None:
        return chosen
    line = GpiodLine(section.chip, section.line, active_low=section.active_low)
    timing = Timing(section.lead_ms / 1000, section.hold_ms / 1000)
    return amplified(chosen, Amplifier(line, timing, monotonic))


def amplified(chosen: ChosenOutputs, amplifier: Amplifier) -> ChosenOutputs:
    """The outputs behind one amplifier; an output that plays both ways stays one."""
    behind = {id(output): AmplifiedOutput(output, amplifier) for output in chosen.distinct}
    return ChosenOutputs({way: behind[id(output)] for way, output in chosen.by_way.items()}, chosen.clock_improved)


def shut_now(section: AmplifierSection) -> None:
    """Shut the amplifier for a node that does not run any more: its crash may have left it open.

    Raises:
        OutputMissing: the line cannot be had.
    """
    if section.line is not None:
        line = GpiodLine(section.chip, section.line, active_low=section.active_low)
        line.drive(active=False)
        line.release()
