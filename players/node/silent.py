"""Plays in real time and lets nobody hear it: for tests, and for poles simulated by the hundred."""

from players.node.feed import Samples


class Nowhere:
    """A `Sink` that keeps nothing."""

    def open(self, opened: float) -> None:
        """See `Sink`."""

    def write(self, position: int, samples: Samples) -> None:
        """See `Sink`."""

    def close(self) -> None:
        """See `Sink`."""
