"""The button at the pole: held for some seconds, so that a bump does nothing, it starts what the commune chose."""

import asyncio
import logging
from collections.abc import Callable

from players.errors import OutputMissing
from players.node.gpio import InputLine

log = logging.getLogger(__name__)

TRY_AGAIN_S = 30.0


class Button:
    """Calls `on_held` once for each time that the button is held long enough. On the event loop only.

    Args:
        line: its line; already freed of bounces.
        hold_s: how long it must be held.
        on_held: what it does.
    """

    def __init__(self, line: InputLine, hold_s: float, on_held: Callable[[], None]) -> None:
        self._line = line
        self._hold_s = hold_s
        self._on_held = on_held
        self._holding: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Watch the line until cancelled; one that cannot be had is asked for again."""
        try:
            while True:
                try:
                    self._line.watch(self._changed)
                except OutputMissing as error:
                    log.warning("the button: %s", error)
                    await asyncio.sleep(TRY_AGAIN_S)
                else:
                    await asyncio.get_running_loop().create_future()
        finally:
            self._let_go()
            self._line.release()

    def _changed(self, is_pressed: bool) -> None:
        self._let_go()
        if is_pressed:
            self._holding = asyncio.get_running_loop().call_later(self._hold_s, self._held)

    def _held(self) -> None:
        self._holding = None
        self._on_held()

    def _let_go(self) -> None:
        if self._holding is not None:
            self._holding.cancel()
            self._holding = None
