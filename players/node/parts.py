"""What an agent is made of, and where it asks the server by HTTP."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx

from players.messages import CuedBroadcast, RelayPart
from players.node.cache import ClipStore
from players.node.clock import NodeClock
from players.node.credentials import Credentials
from players.node.data_budget import Meter
from players.node.events import Way
from players.node.health import HealthProbe
from players.node.output import AudioOutput
from players.node.state import NodeState
from players.node.store import NodeStore
from players.tickets import make_ticket
from players.transport import Transport

Announce = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class NodeParts:
    """What an agent is made of. The caller opens and closes outputs, store and client."""

    credentials: Credentials
    server_url: str
    stream_url: str
    """Where an output finds streams: the server, or a relay that knows whom to believe."""
    state: NodeState
    store: NodeStore
    clips: ClipStore
    client: httpx.AsyncClient
    outputs: Mapping[Way, AudioOutput]
    clock: NodeClock
    transport: Transport
    data_dir: Path
    ahead: timedelta
    jitter_s: float
    announce: Announce
    """Takes each thing that happens, for who watches (`--events`)."""
    health: HealthProbe
    clock_improved: Callable[[], None]
    """Called in a thread whenever a good answer about the time has come; may raise `OutputError`."""
    meter: Meter | None = None
    """Counts what the line carries; none where nobody pays for it."""
    memory_clips: ClipStore | None = None
    """For what must not wait for the card; none where the board has no such place."""
    radio_url: Callable[[str], str] = str
    """Where an output finds a radio station: at its own address, or where what comes is counted."""

    def ticket(self, path: str) -> str:
        """What opens a path at the server, for a minute."""
        return make_ticket(self.credentials.key, self.credentials.node, path, self.clock.now().at)

    def stream_of(self, item: CuedBroadcast, from_ms: int) -> str:
        """Where a broadcast's sound is to be had from a place in it."""
        path = item.stream or f"/streams/{item.broadcast}"
        query = urlencode({"offset_ms": from_ms, "ticket": self.ticket(path)})
        return f"{self.stream_url}{path}?{query}"

    def relay_of(self, relay: RelayPart) -> str:
        """Where a relay is to be had."""
        if not relay.source.startswith("/"):
            return self.radio_url(relay.source)
        return f"{self.stream_url}{relay.source}?{urlencode({'ticket': self.ticket(relay.source)})}"
