"""What our Mosquitto is told: its configuration and its access rules, as text. No process is started here.

The rules are those of Mosquitto's dynamic-security plugin. One role for each zone and one for each node; a credential
is bound to its client id; what no role allows is forbidden, also to receive.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from players.errors import BrokerError, KeyUnusable
from players.messages import MAX_PUSHED_CLIP_BYTES
from players.signing import MAX_DOCUMENT_BYTES, write_secret
from players.topics import Topics

SERVER = "loalang.server"
ADMIN = "loalang.admin"
"""Our own two credentials. The dot keeps them apart from every node: a slug has none."""
MAX_MESSAGE_BYTES = max(MAX_DOCUMENT_BYTES, MAX_PUSHED_CLIP_BYTES)
SECRETS_FILE = "server.json"
CERTIFICATE = "certificate.pem"
CERTIFICATE_KEY = "certificate-key.pem"
CONTROL_TOPIC = "$CONTROL/dynamic-security/v1"
CONTROL_RESPONSE = CONTROL_TOPIC + "/response"
_HASH_ROUNDS = 1000
"""Few, because the passwords are 256 random bits: nothing can be guessed from a list."""


@dataclass(frozen=True, slots=True)
class BrokerSecrets:
    """Our passwords at the broker, and the secret from which every node's password is derived.

    So the rules can be built again from the database at any time, and no node's password is kept in it.
    """

    server: str = field(repr=False)
    admin: str = field(repr=False)
    nodes: str = field(repr=False)
    rotation: str = ""
    """Names the rotation that made them: passwords that nodes had before are void."""

    @classmethod
    def make(cls) -> "BrokerSecrets":
        """New ones."""
        return cls(*(secrets.token_urlsafe(32) for _ in range(3)))

    @classmethod
    def rotate(cls, path: Path) -> None:
        """Put new ones in the place of those at `path`; the broker takes them over when it is started again.

        Raises:
            KeyUnusable: they cannot be written.
        """
        replace(cls.make(), rotation=secrets.token_hex(8)).save(path)

    @classmethod
    def load_or_make(cls, path: Path) -> "BrokerSecrets":
        """Read them, or make them at the first start (mode 0600).

        Raises:
            BrokerError: the file is damaged or cannot be written.
        """
        try:
            if not path.exists():
                made = cls.make()
                made.save(path)
                return made
            return cls(**json.loads(path.read_bytes()))
        except (OSError, ValueError, TypeError, KeyUnusable) as error:
            raise BrokerError(f"the broker's secrets, {path}: {error}") from error

    def save(self, path: Path) -> None:
        """Write them, mode 0600.

        Raises:
            KeyUnusable: it cannot be written.
        """
        write_secret(path, json.dumps({name: value for name, value in asdict(self).items() if value}).encode())

    def node_password(self, node: str, kid: str) -> str:
        """The password of a node, as long as it has the key of that thumbprint: pairing anew makes another."""
        digest = hmac.digest(self.nodes.encode(), f"{node}\0{kid}".encode(), "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class BrokerLimits:
    """What no client may exceed."""

    max_connections: int = 4096
    max_message_bytes: int = MAX_MESSAGE_BYTES


@dataclass(frozen=True, slots=True)
class BrokerTls:
    """PEM files: the broker's certificate, its key, and the authority that signed it. We hand the broker copies."""

    certificate: Path
    key: Path
    authority: Path


def render_configuration(
    directory: Path, plugin: Path, bind_address: str, port: int, limits: BrokerLimits, *, has_tls: bool = False
) -> str:
    """`mosquitto.conf` (see mosquitto.conf(5))."""
    tls = [
        f"certfile {directory / CERTIFICATE}",
        f"keyfile {directory / CERTIFICATE_KEY}",
        "tls_version tlsv1.2",  # the lowest
    ]
    lines = [
        f"listener {port} {bind_address}",
        f"max_connections {limits.max_connections}",
        *(tls if has_tls else ()),
        "allow_anonymous false",
        "allow_zero_length_clientid false",
        f"plugin {plugin}",
        f"plugin_opt_config_file {rules_path(directory)}",
        "persistence true",
        f"persistence_location {directory}/",
        "persistence_file retained.db",
        "autosave_interval 60",
        "persistent_client_expiration 1h",
        # Topic and header of the packet come on top. Refused before it is read into memory.
        f"max_packet_size {limits.max_message_bytes + 1024}",
        # Not `memory_limit`: the plugin frees what it has not counted, and after one command nobody is let in (2.0.11).
        "max_queued_messages 10000",
        f"max_queued_bytes {64 * 1024 * 1024}",
        "set_tcp_nodelay true",
        "sys_interval 0",
        "log_dest stderr",
        "log_timestamp false",
        *(f"log_type {kind}" for kind in ("error", "warning", "notice")),
        "connection_messages true",
        # Reached only as root with no other user to become; else we have changed user already.
        "user root",
    ]
    return "\n".join(lines) + "\n"


def rules_path(directory: Path) -> Path:
    """Where the plugin keeps its rules."""
    return directory / "dynamic-security.json"


def load_rules(path: Path) -> dict[str, Any]:
    """The rules as the broker left them; empty when there are none yet.

    Raises:
        BrokerError: the file is there and is not a set of rules.
    """
    try:
        rules = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise BrokerError(f"the broker's rules, {path}: {error}") from error
    if not isinstance(rules, dict):
        raise BrokerError(f"the broker's rules, {path}: not a JSON object")
    return rules


def with_ourselves(rules: dict[str, Any], topics: Topics, own: BrokerSecrets) -> dict[str, Any]:
    """The rules with our two credentials and all roles as they must be, and who is let in as it was.

    Roles are written anew because an older version of ours may have written them. Where our secrets were
    rotated since the rules were written, no node is let in until they are reconciled: by the new passwords.
    """
    known = {client.get("username"): client for client in rules.get("clients", [])}
    clients = [client for name, client in known.items() if name not in (SERVER, ADMIN)]
    if own.rotation and known.get(SERVER, {}).get("textdescription") != own.rotation:
        clients = []
    names = [str(role.get("rolename")) for role in rules.get("roles", [])]
    roles = [{"rolename": name, "acls": acls} for name in names if (acls := _acls_of(topics, name)) is not None]
    return {
        "defaultACLAccess": {
            "publishClientSend": False,
            "publishClientReceive": False,
            "subscribe": False,
            "unsubscribe": True,
        },
        "clients": [
            *clients,
            {**_own_client(SERVER, own.server), "textdescription": own.rotation},
            _own_client(ADMIN, own.admin),
        ],
        "groups": [],
        "roles": [
            *roles,
            {"rolename": SERVER, "acls": _server_rules(topics)},
            {"rolename": ADMIN, "acls": allow(send=[CONTROL_TOPIC], hear=[CONTROL_RESPONSE])},
        ],
    }


def _acls_of(topics: Topics, role: str) -> list[dict[str, Any]] | None:
    """The rules of a role by its name; none when it is no role of ours."""
    kind, _, name = role.partition(".")
    if kind == "zone":
        return zone_rules(topics, name)
    return node_rules(topics, name) if kind == "node" else None


def zone_role(zone: str) -> str:
    """The name of the role of everyone who speaks for a zone."""
    return f"zone.{zone}"


def node_role(node: str) -> str:
    """The name of a node's own role."""
    return f"node.{node}"


def zone_rules(topics: Topics, zone: str) -> list[dict[str, Any]]:
    """A node of a zone hears that zone, and never writes there."""
    return allow(hear=topics.for_zone(zone))


def node_rules(topics: Topics, node: str) -> list[dict[str, Any]]:
    """A node hears what is for it and writes what is from it, topic by topic."""
    return allow(send=topics.from_node(node), hear=topics.for_node(node))


def allow(send: Sequence[str] = (), hear: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Access rules of a role.

    A subscription is allowed only spelt exactly like this (so a wider wildcard is refused), and what is not allowed to
    be heard is not delivered either, however the subscription came about.
    """
    return [
        *_rules("publishClientSend", send),
        *_rules("subscribeLiteral", hear),
        *_rules("publishClientReceive", hear),
    ]


def _server_rules(topics: Topics) -> list[dict[str, Any]]:
    everything = [f"{topics.base}/#"]
    return [*allow(send=everything, hear=everything), *_rules("subscribePattern", everything)]


def _rules(kind: str, topics: Iterable[str]) -> list[dict[str, Any]]:
    return [{"acltype": kind, "topic": topic, "priority": 0, "allow": True} for topic in topics]


def _own_client(name: str, password: str) -> dict[str, Any]:
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _HASH_ROUNDS, 64)
    return {
        "username": name,
        "clientid": name,
        "password": base64.b64encode(digest).decode(),
        "salt": base64.b64encode(salt).decode(),
        "iterations": _HASH_ROUNDS,
        "roles": [{"rolename": name, "priority": 0}],
    }
