"""The board's GPIO lines: the only file that knows gpiod. `MemoryLine` and `MemoryButton` stand beside, without
hardware.

Lines are requested by the kernel's character device (libgpiod 2): a line belongs to one process, and is given back when
that process ends, however it ends. What it does then is up to the chip; `loalang-node amplifier-off` shuts it again.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from players.errors import OutputMissing

CONSUMER = "loalang-node"


class OutputLine(Protocol):
    """A line that we drive."""

    def drive(self, *, active: bool) -> None:
        """Set it; the first time it is taken, inactive.

        Raises:
            OutputMissing: no such chip or line, it is taken, the user may not, or gpiod is not installed.
        """
        ...

    def release(self) -> None:
        """Give it back, inactive."""
        ...


class GpiodLine:
    """A line of this board. Where it is not to be had it is asked for again each time that it is to be driven.

    Args:
        chip: `/dev/gpiochip0`.
        line: its offset there.
        active_low: the relay pulls when the line is low.
    """

    def __init__(self, chip: str, line: int, *, active_low: bool) -> None:
        self._chip = chip
        self._line = line
        self._active_low = active_low
        self._request: Any = None

    def drive(self, *, active: bool) -> None:
        """See `OutputLine`."""
        if self._request is None:
            self._request = self._take()
        try:
            from gpiod.line import Value  # noqa: PLC0415 - it is there: the line was taken by it

            self._request.set_value(self._line, Value.ACTIVE if active else Value.INACTIVE)
        except OSError as error:
            self._request = None
            raise OutputMissing(f"{self._chip} line {self._line}: {error}") from error

    def release(self) -> None:
        """See `OutputLine`."""
        if self._request is None:
            return
        request = self._request
        try:
            self.drive(active=False)
        finally:
            self._request = None
            request.release()

    def _take(self) -> Any:
        try:
            import gpiod  # noqa: PLC0415 - only boards with an amplifier's relay need it
            from gpiod.line import Direction, Value  # noqa: PLC0415
        except ImportError as error:
            raise OutputMissing(
                f"{self._chip} line {self._line}: gpiod is not installed: pip install 'loalang[gpio]'"
            ) from error
        settings = gpiod.LineSettings(
            direction=Direction.OUTPUT, output_value=Value.INACTIVE, active_low=self._active_low
        )
        try:
            return gpiod.request_lines(self._chip, consumer=CONSUMER, config={self._line: settings})
        except (OSError, ValueError) as error:
            raise OutputMissing(f"{self._chip} line {self._line}: {error}") from error


class InputLine(Protocol):
    """A line that we hear."""

    def watch(self, on_change: Callable[[bool], None]) -> None:
        """Take it, and have each change told on the event loop: whether it is active now.

        Raises:
            OutputMissing: as `OutputLine.drive`.
        """
        ...

    def release(self) -> None:
        """Give it back."""
        ...


class GpiodButton:
    """A line of this board with a button at it, pulled to its inactive side by the chip where that can be.

    Args:
        chip: `/dev/gpiochip0`.
        line: its offset there.
        active_low: the button pulls the line low.
        debounce: changes that last shorter are none.
    """

    def __init__(self, chip: str, line: int, *, active_low: bool, debounce: timedelta) -> None:
        self._chip = chip
        self._line = line
        self._active_low = active_low
        self._debounce = debounce
        self._request: Any = None

    def watch(self, on_change: Callable[[bool], None]) -> None:
        """See `InputLine`."""
        request = self._request = self._take()
        asyncio.get_running_loop().add_reader(request.fd, self._read, on_change)

    def release(self) -> None:
        """See `InputLine`."""
        if self._request is not None:
            asyncio.get_running_loop().remove_reader(self._request.fd)
            self._request.release()
            self._request = None

    def _read(self, on_change: Callable[[bool], None]) -> None:
        for event in self._request.read_edge_events():
            on_change(event.event_type is event.Type.RISING_EDGE)

    def _take(self) -> Any:
        try:
            import gpiod  # noqa: PLC0415 - only boards with a button or a relay need it
            from gpiod.line import Bias, Direction, Edge  # noqa: PLC0415
        except ImportError as error:
            raise OutputMissing(
                f"{self._chip} line {self._line}: gpiod is not installed: pip install 'loalang[gpio]'"
            ) from error
        settings = gpiod.LineSettings(
            direction=Direction.INPUT,
            edge_detection=Edge.BOTH,
            bias=Bias.PULL_UP if self._active_low else Bias.PULL_DOWN,
            active_low=self._active_low,
            debounce_period=self._debounce,
        )
        try:
            return gpiod.request_lines(self._chip, consumer=CONSUMER, config={self._line: settings})
        except (OSError, ValueError) as error:
            raise OutputMissing(f"{self._chip} line {self._line}: {error}") from error


@dataclass
class MemoryButton:
    """A button that is nowhere, pressed by whoever holds it."""

    on_change: Callable[[bool], None] | None = None

    def watch(self, on_change: Callable[[bool], None]) -> None:
        """See `InputLine`."""
        self.on_change = on_change

    def release(self) -> None:
        """See `InputLine`."""
        self.on_change = None


@dataclass
class MemoryLine:
    """A line that is nowhere; keeps when it was driven how."""

    monotonic: Callable[[], float]
    changes: list[tuple[float, bool]] = field(default_factory=list)
    broken: bool = False
    released: bool = False

    def drive(self, *, active: bool) -> None:
        """See `OutputLine`."""
        if self.broken:
            raise OutputMissing("the amplifier's line: no such device")
        if not self.changes or self.changes[-1][1] is not active:
            self.changes.append((self.monotonic(), active))

    def release(self) -> None:
        """See `OutputLine`."""
        self.drive(active=False)
        self.released = True
