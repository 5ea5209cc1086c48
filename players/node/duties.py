"""What the link asks of the agent."""

from collections.abc import Awaitable
from typing import Protocol

from players.errors import WireError
from players.messages import Heartbeat, PlaybackReport
from players.node.events import Event


class Duties(Protocol):
    """What the link asks of the agent."""

    def emit(self, event: Event) -> None:
        """Take an event."""
        ...

    def zones(self) -> tuple[str, ...]:
        """The zones the node belongs to, now."""
        ...

    def heartbeat(self) -> Awaitable[Heartbeat]:
        """How the node is."""
        ...

    def heartbeat_s(self) -> float:
        """How often to say so."""
        ...

    def gather_s(self) -> float:
        """How long what there is to tell is gathered before it is told."""
        ...

    def needs_server(self) -> bool:
        """Whether something should sound that only the server has: then no connection is waited for."""
        ...

    def pending_reports(self) -> Awaitable[list[PlaybackReport]]:
        """The oldest reports not yet acknowledged."""
        ...

    def acknowledged(self, reports: tuple[str, ...]) -> Awaitable[None]:
        """The server has these reports."""
        ...

    def clip_came(self, sha256: str, data: bytes) -> Awaitable[None]:
        """A clip was pushed; its hash is not yet checked."""
        ...

    def time_known(self) -> Awaitable[None]:
        """A good answer about the time has come."""
        ...

    def connection_changed(self, *, connected: bool) -> None:
        """The broker was reached, or lost."""
        ...

    def not_obeyed(self, topic: str, error: WireError) -> None:
        """What came on a topic is not to be obeyed."""
        ...

    def not_let_in(self, error: WireError) -> None:
        """There is no connection; the error says why."""
        ...
