"""Where the broker is: our own Mosquitto, one that runs elsewhere, or only memory (tests). One shape for all."""

import hashlib
import hmac
import secrets
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from players.broker import BrokerTls, MosquittoBroker
from players.broker_admin import BrokerAdmin, NodeAccess
from players.broker_watch import BrokerWatch
from players.certificate import CertificateFile
from players.child import ChildState
from players.errors import BrokerError
from players.memory import MemoryBroker, MemoryTransport
from players.mqtt import MqttTransport
from players.signing import write_secret
from players.topics import Topics
from players.transport import Connection, Transport
from web.settings import MqttSettings, Settings


class NodeDoor(Protocol):
    """Decides which nodes the broker lets in. Every method may raise `BrokerError`."""

    async def add_node(self, node: str, password: str, zones: Sequence[str]) -> None:
        """Let a node in, with exactly these zones."""
        ...

    async def set_zones(self, node: str, zones: Sequence[str]) -> None:
        """Let a node hear exactly these zones."""
        ...

    async def revoke(self, node: str) -> None:
        """Throw a node out."""
        ...

    async def reconcile(self, wanted: Mapping[str, NodeAccess]) -> None:
        """Let in exactly these nodes."""
        ...


class Broker(Protocol):
    """What the station needs of a broker."""

    @property
    def port(self) -> int:
        """Where nodes reach it."""
        ...

    @property
    def state(self) -> ChildState | None:
        """What our own process is doing; none when it is not ours."""
        ...

    @property
    def watch(self) -> BrokerWatch | None:
        """What happens at its door; none when it is not ours."""
        ...

    async def start(self) -> None:
        """Start it, if it is ours. Raises `BrokerError`."""
        ...

    def reload_secrets(self) -> None:
        """Its secrets have changed on disk: use those from now on, our own broker's from its next start on."""
        ...

    async def stop(self) -> None:
        """Stop it, if it is ours."""
        ...

    def hub_transport(self) -> Transport:
        """The server's connection."""
        ...

    def admin(self) -> NodeDoor:
        """For changing who may do what."""
        ...

    def node_password(self, node: str, kid: str) -> str:
        """A node's password, derived from its key's thumbprint: kept nowhere."""
        ...


class ExternalBroker:
    """A Mosquitto with dynamic security that somebody else runs."""

    state = None
    watch = None

    def __init__(self, settings: MqttSettings, topics: Topics, secret_path: Path) -> None:
        self._settings = settings
        self._secret_path = secret_path
        # One for all: a second one with the same client id would throw the first out in the middle of a change.
        self._admin = BrokerAdmin(self._transport("loalang-admin"), topics)

    @property
    def port(self) -> int:
        """See `Broker`."""
        return self._settings.port

    async def start(self) -> None:
        """See `Broker`."""

    def reload_secrets(self) -> None:
        """See `Broker`; they are read whenever they are used."""

    async def stop(self) -> None:
        """See `Broker`."""

    def hub_transport(self) -> Transport:
        """See `Broker`."""
        return self._transport("loalang-server")

    def admin(self) -> NodeDoor:
        """See `Broker`."""
        return self._admin

    def node_password(self, node: str, kid: str) -> str:
        """See `Broker`."""
        if not self._secret_path.exists():
            write_secret(self._secret_path, new_external_secret())
        return hmac.new(self._secret_path.read_bytes(), f"{node}\n{kid}".encode(), hashlib.sha256).hexdigest()

    def _transport(self, client_id: str) -> Transport:
        asked = self._settings
        tls = ssl.create_default_context(cafile=str(asked.tls_ca) if asked.tls_ca else None) if asked.tls else None
        password = asked.password.get_secret_value() if asked.password else None
        return MqttTransport(asked.host or "", asked.port, client_id, asked.username, password, tls=tls)


def new_external_secret() -> bytes:
    """From which poles' passwords at an external broker are derived."""
    return secrets.token_bytes(32)


class MemoryDoor:
    """Lets everybody in, and remembers whom. Told to be down, it refuses as a broker does that cannot be reached."""

    def __init__(self) -> None:
        self.nodes: dict[str, tuple[str, ...]] = {}
        self.is_down = False

    async def add_node(self, node: str, password: str, zones: Sequence[str]) -> None:
        """See `NodeDoor`."""
        self._answer()
        self.nodes[node] = tuple(zones)

    async def set_zones(self, node: str, zones: Sequence[str]) -> None:
        """See `NodeDoor`."""
        self._answer()
        self.nodes[node] = tuple(zones)

    async def revoke(self, node: str) -> None:
        """See `NodeDoor`."""
        self._answer()
        self.nodes.pop(node, None)

    async def reconcile(self, wanted: Mapping[str, NodeAccess]) -> None:
        """See `NodeDoor`."""
        self._answer()
        self.nodes = {node: access.zones for node, access in wanted.items()}

    def _answer(self) -> None:
        if self.is_down:
            raise BrokerError("the broker cannot be reached")


class InMemory:
    """The broker of `players.memory`, for tests and simulations."""

    state = None
    watch: BrokerWatch | None = None
    port = 1

    def __init__(self) -> None:
        self.broker = MemoryBroker()
        self.door = MemoryDoor()

    async def start(self) -> None:
        """See `Broker`."""
        self.broker.start()

    def reload_secrets(self) -> None:
        """See `Broker`; it has none."""

    async def stop(self) -> None:
        """See `Broker`."""
        self.broker.stop()

    def hub_transport(self) -> Transport:
        """See `Broker`."""
        return MemoryTransport(self.broker, "server")

    def admin(self) -> NodeDoor:
        """See `Broker`."""
        return self.door

    def node_password(self, node: str, kid: str) -> str:
        """See `Broker`."""
        return "memory"


class LateTransport:
    """A transport to a broker whose port is known only once it runs."""

    def __init__(self, make: Callable[[], Transport]) -> None:
        self._make = make

    def connect(self) -> AbstractAsyncContextManager[Connection]:
        """See `Transport`."""
        return self._make().connect()


def choose_broker(
    settings: Settings,
    topics: Topics,
    clock: Callable[[], datetime],
    on_change: Callable[[ChildState], None],
    certificate: CertificateFile,
) -> Broker:
    """The broker that the settings ask for, not started yet."""
    asked = settings.mqtt
    if asked.mode == "memory":
        return InMemory()
    if asked.mode == "external":
        return ExternalBroker(asked, topics, settings.broker_secret_path)
    tls = BrokerTls(certificate.path, certificate.path, certificate.authorities_path)
    return MosquittoBroker(
        settings.broker_dir,
        topics,
        clock=clock,
        port=asked.port,
        bind_address=asked.bind,
        tls=tls if settings.mqtt_speaks_tls else None,
        on_change=on_change,
    )
