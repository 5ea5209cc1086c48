"""One light node: an `Agent` with a light output and a store that notes when what was said and when it was known."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import httpx

from players.messages import PairingReply, PlaybackReport, Presence
from players.node.agent import Agent
from players.node.cache import ClipStore
from players.node.clock import KeptTime, NodeClock
from players.node.credentials import Credentials
from players.node.events import Progress, Way
from players.node.health import HealthProbe
from players.node.pairing import load_identity, pair
from players.node.parts import NodeParts
from players.node.state import Abilities, NodeState
from players.node.store import NodeStore
from players.signing import NodeKey
from players.topics import Topics
from players.transport import Incoming
from tests.light.output import Heard, TimedOutput
from tests.light.wire import LeanTransport

T = TypeVar("T")
P = ParamSpec("P")

CLIPS_BYTES = 4 * 1024 * 1024
"""Each node's store: a few bulletins, so that old ones make room as they do on a pole's card."""
JITTER_S = 30.0


@dataclass(frozen=True, slots=True)
class Told:
    """A report's way: when the node kept it to be told (Unix seconds), and when it learnt that the server has it."""

    node: str
    broadcast: str
    outcome: str
    report: str
    said_at: float
    known_at: float | None

    def as_json(self) -> Mapping[str, Any]:
        """For a file of lines."""
        return asdict(self)


class AtOnce(ThreadPoolExecutor):
    """Does what it is given where it stands: memory is not waited for. See `tests.light.loop`."""

    def submit(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """See `Executor`."""
        future: Future[T] = Future()
        try:
            future.set_result(call(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - whatever it is, who waits for the future is told
            future.set_exception(error)
        return future


class NotingStore(NodeStore):
    """The node's store as objects in memory: nothing is read again. `note` takes each acknowledged report."""

    def __init__(self, note: Callable[[Told], None]) -> None:
        super().__init__(Path(":memory:"))
        self._note = note
        self._said: dict[str, tuple[PlaybackReport, float]] = {}

    def own_thread(self) -> Executor:
        """See `NodeStore`."""
        return AtOnce(1)

    def save(self, _state: NodeState, reports: Sequence[PlaybackReport]) -> bool:
        """See `NodeStore`."""
        now = time.time()
        self._said.update({report.report: (report, now) for report in reports})
        return True

    def keep_time(self, known: KeptTime) -> None:
        """See `NodeStore`."""

    def keep_progress(self, progress: Progress) -> None:
        """See `NodeStore`."""

    def pending(self, limit: int) -> tuple[list[PlaybackReport], int]:
        """See `NodeStore`."""
        return [report for report, _ in islice(self._said.values(), limit)], len(self._said)

    def acknowledged(self, reports: Sequence[str]) -> int:
        """See `NodeStore`."""
        now, known = time.time(), [name for name in reports if name in self._said]
        for name in known:
            self._note(_told(*self._said.pop(name), now))
        return len(known)

    def unacknowledged(self) -> list[Told]:
        """What the server has not said it has."""
        return [_told(report, said_at, None) for report, said_at in self._said.values()]


class LightNode:
    """A paired pole. Make it on the event loop.

    Args:
        folder: where it was paired; its clips go there.
        server_url: the commune's server.
        client: with the server's address as its base; shared by all.
        announce: takes what happens, as `loalang-node run --events` prints it.
        note: takes each acknowledged report.
        heard: takes what its output does, see `tests.light.output`.
    """

    def __init__(
        self,
        folder: Path,
        server_url: str,
        client: httpx.AsyncClient,
        announce: Callable[[Mapping[str, Any]], None],
        note: Callable[[Told], None],
        heard: Heard = lambda *_: None,
    ) -> None:
        identity, key = load_identity(folder)
        self.name = identity.node
        self.store = NotingStore(note)
        self._agent = Agent(_parts(folder, identity, key, server_url, client, self.store, announce, heard))

    async def run(self) -> None:
        """Play until `leave`."""
        try:
            await self._agent.run()
        finally:
            self.store.close()

    def leave(self) -> None:
        """End what sounds, say so, end."""
        self._agent.leave()


def pair_from(address: str, server_url: str, code: str, folder: Path) -> None:
    """Pair a node at an address of its own, as poles are: tries are throttled by address. Blocks.

    Raises:
        PairingError: as `pair`.
    """
    transport = httpx.HTTPTransport(local_address=address, verify=False, trust_env=False)
    with httpx.Client(transport=transport, trust_env=False) as client:
        pair(server_url, code, folder, client)


def loopback_address(number: int) -> str:
    """An address of this machine for each of up to 60,000 nodes or browsers."""
    return f"127.1.{number // 240}.{number % 240 + 1}"


def _parts(
    folder: Path,
    identity: PairingReply,
    key: NodeKey,
    server_url: str,
    client: httpx.AsyncClient,
    store: NotingStore,
    announce: Callable[[Mapping[str, Any]], None],
    heard: Heard,
) -> NodeParts:
    output = TimedOutput(heard)
    abilities = Abilities(output.name, None, pulls=True)
    return NodeParts(
        credentials=Credentials(folder, identity, key),
        server_url=server_url,
        stream_url=server_url,
        state=store.load(NodeState(identity.node, identity.commune, identity.zones, abilities)),
        store=store,
        clips=ClipStore(folder / "clips", CLIPS_BYTES),
        client=client,
        outputs={Way.FILES: output},
        clock=NodeClock(),
        transport=_broker_transport(identity),
        data_dir=folder,
        ahead=timedelta(hours=48),
        jitter_s=JITTER_S,
        announce=announce,
        health=HealthProbe(lambda: None, folder),
        clock_improved=lambda: None,
    )


def _broker_transport(identity: PairingReply) -> LeanTransport:
    topic = Topics(identity.commune).presence(identity.node)
    will = Incoming(topic, Presence(node=identity.node, online=False).to_json(), retained=True)
    username, password = identity.mqtt_username, identity.mqtt_password
    return LeanTransport(identity.mqtt_host, identity.mqtt_port, identity.node, username, password, will)


def _told(report: PlaybackReport, said_at: float, known_at: float | None) -> Told:
    return Told(report.node, report.broadcast, report.outcome.value, report.report, said_at, known_at)
