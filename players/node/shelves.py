"""Where a pole's clips lie: on its card and, for what must not wait for any card, in the board's memory."""

from collections.abc import Collection, Sequence
from pathlib import Path

from players.messages import Reason
from players.node.cache import ClipStore
from players.node.errors import ClipRefused

MEMORY_BYTES = 16 * 1024**2
"""Of the board's memory, at most: the words of half a dozen emergencies."""


class Shelves:
    """Two stores as one. All methods block: the agent calls them in threads.

    What is urgent is had in memory first, and put on the card afterwards: a card that is slow, full or read-only keeps
    no emergency from sounding.

    Args:
        card: keeps its clips over a power cut.
        memory: does not; none where there is no such place, and then all is had on the card.
    """

    def __init__(self, card: ClipStore, memory: ClipStore | None = None) -> None:
        self._card = card
        self._memory = memory
        self._stores = (card,) if memory is None else (memory, card)

    def scan(self) -> frozenset[str]:
        """See `ClipStore`."""
        return frozenset().union(*(store.scan() for store in self._stores))

    def path(self, sha256: str) -> Path:
        """See `ClipStore`."""
        paths = [store.path(sha256) for store in self._stores]
        return next((path for path in paths if path.exists()), paths[-1])

    def is_whole(self, sha256: str) -> bool:
        """See `ClipStore`."""
        return any(store.is_whole(sha256) for store in self._stores)

    def used_now(self, sha256: str) -> None:
        """See `ClipStore`."""
        for store in self._stores:
            store.used_now(sha256)

    def drop(self, sha256: str) -> None:
        """See `ClipStore`."""
        for store in self._stores:
            store.drop(sha256)

    def put(self, sha256: str, data: bytes, keep: Collection[str], spare: Sequence[str]) -> frozenset[str]:
        """Take a clip that was pushed, which only what is urgent is; see `ClipStore`."""
        try:
            return self._gone(self._stores[0].put(sha256, data, keep, spare))
        except ClipRefused as error:
            if self._memory is None or error.reason is Reason.CLIP_CORRUPT:
                raise
        return self._card.put(sha256, data, keep, spare)

    def room_for(
        self, size_bytes: int, keep: Collection[str], spare: Sequence[str], *, is_urgent: bool
    ) -> tuple[ClipStore, frozenset[str]]:
        """Where a clip is to be fetched to, and the clips that had to make room there.

        Raises:
            ClipRefused: nowhere.
        """
        if is_urgent and self._memory is not None:
            try:
                return self._memory, self._gone(self._memory.make_room(size_bytes, keep, spare))
            except ClipRefused:
                pass  # larger than all that: then the card has to do
        return self._card, self._gone(self._card.make_room(size_bytes, keep, spare))

    def settle(self, sha256: str, keep: Collection[str], spare: Sequence[str]) -> frozenset[str]:
        """Put on the card what was had in memory; which clips had to make room for it.

        Raises:
            ClipRefused: the card does not take it.
        """
        if self._memory is None or self._card.path(sha256).exists():
            return frozenset()
        try:
            data = self._memory.path(sha256).read_bytes()
        except FileNotFoundError:
            return frozenset()  # it made room for others meanwhile
        return self._gone(self._card.put(sha256, data, keep, spare))

    def _gone(self, removed: Collection[str]) -> frozenset[str]:
        """What was removed in one of them and is not in the other."""
        return frozenset(name for name in removed if not self.path(name).exists())
