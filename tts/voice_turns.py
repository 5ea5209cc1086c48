"""Texts that are spoken at once are spoken with one voice: two models would not fit in a renderer's memory."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class VoiceTurns:
    """Who wants another voice waits until those before have done, and those after wait for it."""

    def __init__(self) -> None:
        self._entering = threading.Lock()
        self._changing = threading.Condition()
        self._voice = ""
        self._speaking = 0

    @property
    def speaking(self) -> int:
        """How many have their turn now."""
        return self._speaking

    @contextmanager
    def taken(self, voice: str) -> Iterator[None]:
        """A turn with this voice, as soon as nobody has one with another."""
        with self._entering, self._changing:
            self._changing.wait_for(lambda: not self._speaking or self._voice == voice)
            self._voice = voice
            self._speaking += 1
        try:
            yield
        finally:
            with self._changing:
                self._speaking -= 1
                self._changing.notify_all()
