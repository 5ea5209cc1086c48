"""A progress bar for a download: redrawn in place on a terminal, a line at every tenth anywhere else."""

import sys
import time
from collections.abc import Callable
from typing import TextIO

_WIDTH = 30
_REDRAW_S = 0.1


class ProgressBar:
    """Called with the bytes that are here and the bytes there will be."""

    def __init__(self, what: str, stream: TextIO | None = None, seconds: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._stream = stream or sys.stderr
        self._seconds = seconds
        self._is_terminal = self._stream.isatty()
        self._begun: tuple[float, int] | None = None
        self._shown_at = float("-inf")
        self._tenths = -1

    def __call__(self, here: int, total: int) -> None:
        """So many bytes of so many are here."""
        now = self._seconds()
        begun_at, begun_with = self._begun = self._begun or (now, here)
        is_whole = here >= total
        tenths = 10 * here // max(total, 1)
        if self._is_terminal:
            if is_whole or now - self._shown_at >= _REDRAW_S:
                self._shown_at = now
                speed = (here - begun_with) / max(now - begun_at, _REDRAW_S)
                filled = _WIDTH * here // max(total, 1)
                bar = "#" * filled + "." * (_WIDTH - filled)
                self._write(f"\r{self._what} [{bar}] {_said(here, total)}, {speed / 1e6:.1f} MB/s ", end=is_whole)
        elif tenths > self._tenths:
            self._tenths = tenths
            self._write(f"{self._what}: {_said(here, total)}", end=True)

    def _write(self, text: str, *, end: bool) -> None:
        self._stream.write(text + ("\n" if end else ""))
        self._stream.flush()


def _said(here: int, total: int) -> str:
    return f"{100 * here // max(total, 1)} % of {total / 1e6:.0f} MB"
