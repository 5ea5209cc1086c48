"""Who may do what at the broker, changed while it runs, over the control topic of Mosquitto's dynamic security."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from players.broker_config import (
    ADMIN,
    CONTROL_RESPONSE,
    CONTROL_TOPIC,
    SERVER,
    node_role,
    node_rules,
    zone_role,
    zone_rules,
)
from players.errors import BrokerError, SubscriptionRefused, TransportClosed
from players.topics import Topics
from players.transport import Connection, Incoming, Transport

log = logging.getLogger(__name__)

ANSWER_WITHIN_S = 10.0
_BATCH = 25
"""Commands sent at once: each rewrites the plugin's file, which is long where there are many nodes."""
_ALREADY = frozenset({"Client already exists", "Role already exists"})

Command = dict[str, Any]


@dataclass(frozen=True, slots=True)
class NodeAccess:
    """What a node is to have at the broker."""

    password: str = field(repr=False)
    zones: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GrantedAccess:
    """What a node has at the broker."""

    zones: tuple[str, ...]
    is_enabled: bool


class BrokerAdmin:
    """Administers the nodes' credentials. A change takes hold at once: a node whose rights change is disconnected.

    Every method raises `BrokerError` when the broker cannot be reached, or refuses.
    """

    def __init__(self, transport: Transport, topics: Topics) -> None:
        self._transport = transport
        self._topics = topics
        # The credential is bound to one client id: two connections at once would throw each other out.
        self._one_at_a_time = asyncio.Lock()

    async def add_node(self, node: str, password: str, zones: Sequence[str]) -> None:
        """Let a node in, with exactly this password and these zones; also one that is there already, or was revoked."""
        await self._run(self._admission(node, NodeAccess(password, tuple(zones))))

    async def set_zones(self, node: str, zones: Sequence[str]) -> None:
        """Let a node hear exactly these zones.

        Raises:
            BrokerError: also when there is no such node.
        """
        commands = [
            *self._zone_roles(zones),
            {"command": "modifyClient", "username": node, "roles": _roles(node, zones)},
        ]
        await self._run(commands)

    async def revoke(self, node: str) -> None:
        """Throw a node out now and let it in no more.

        Raises:
            BrokerError: also when there is no such node.
        """
        await self._run([{"command": "disableClient", "username": node}])

    async def granted(self) -> dict[str, GrantedAccess]:
        """Every node that the broker knows."""
        (answer,) = await self._run([{"command": "listClients", "verbose": True, "count": -1, "offset": 0}])
        clients = answer.get("data", {}).get("clients", [])
        return {row["username"]: _granted(row) for row in clients if row["username"] not in (SERVER, ADMIN)}

    async def reconcile(self, wanted: Mapping[str, NodeAccess]) -> None:
        """Make the broker know exactly these nodes, touching (and so disconnecting) only those that differ.

        Passwords are not compared: the broker keeps only digests. Those that are derived do not change.
        """
        granted = await self.granted()
        new = wanted.keys() - granted.keys()
        commands = self._zone_roles({zone for node in new for zone in wanted[node].zones})
        for node, access in wanted.items():
            if node in new:
                commands += self._first_admission(node, access)
            elif granted[node] != GrantedAccess(tuple(sorted(access.zones)), is_enabled=True):
                commands += self._admission(node, access)
        for stranger in sorted(granted.keys() - wanted.keys()):
            log.warning("the broker knew a node that we do not: %s", stranger)
            commands += [
                {"command": "deleteClient", "username": stranger},
                {"command": "deleteRole", "rolename": node_role(stranger)},
            ]
        for start in range(0, len(commands), _BATCH):
            await self._run(commands[start : start + _BATCH])

    def _admission(self, node: str, access: NodeAccess) -> list[Command]:
        """Made whether or not the node is known; what exists is then made equal."""
        role = {"rolename": node_role(node), "acls": node_rules(self._topics, node)}
        client = {"username": node, "password": access.password, "clientid": node}
        return [
            *self._zone_roles(access.zones),
            {"command": "createRole", **role},
            {"command": "modifyRole", **role},
            {"command": "createClient", **client},
            {"command": "modifyClient", **client, "roles": _roles(node, access.zones)},
            {"command": "enableClient", "username": node},
        ]

    def _first_admission(self, node: str, access: NodeAccess) -> list[Command]:
        """The same for a node that is surely not known, whose zones are: each command rewrites the plugin's file."""
        client = {"username": node, "password": access.password, "clientid": node}
        return [
            {"command": "createRole", "rolename": node_role(node), "acls": node_rules(self._topics, node)},
            {"command": "createClient", **client, "roles": _roles(node, access.zones)},
        ]

    def _zone_roles(self, zones: Iterable[str]) -> list[Command]:
        return [
            {"command": "createRole", "rolename": zone_role(zone), "acls": zone_rules(self._topics, zone)}
            for zone in zones
        ]

    async def _run(self, commands: Sequence[Command]) -> list[dict[str, Any]]:
        """Do commands in order; their answers."""
        numbered = [{**command, "correlationData": str(number)} for number, command in enumerate(commands)]
        try:
            async with self._one_at_a_time, asyncio.timeout(ANSWER_WITHIN_S), self._transport.connect() as connection:
                await connection.subscribe(CONTROL_RESPONSE)
                await connection.publish(CONTROL_TOPIC, json.dumps({"commands": numbered}).encode())
                answers = await _answers(connection, len(numbered))
        except TimeoutError as error:
            raise BrokerError("the broker does not answer its administrator") from error
        except (TransportClosed, SubscriptionRefused) as error:
            raise BrokerError(f"the broker cannot be administered: {error}") from error
        for answer in answers:
            failure = answer.get("error")
            if failure is not None and failure not in _ALREADY:
                raise BrokerError(f"the broker refused {answer.get('command')}: {failure}")
        return answers


async def _answers(connection: Connection, count: int) -> list[dict[str, Any]]:
    """As many answers as there were commands; they may come in several messages."""
    found: list[dict[str, Any]] = []
    messages: AsyncIterator[Incoming] = connection.messages()
    async for message in messages:
        try:
            found += json.loads(message.payload)["responses"]
        except (ValueError, KeyError, TypeError) as error:
            raise BrokerError("the broker's answer cannot be read") from error
        if len(found) >= count:
            break
    return found


def _roles(node: str, zones: Iterable[str]) -> list[dict[str, Any]]:
    return [{"rolename": name, "priority": 0} for name in (node_role(node), *(zone_role(zone) for zone in zones))]


def _granted(row: Mapping[str, Any]) -> GrantedAccess:
    prefix = zone_role("")
    names = (role["rolename"] for role in row.get("roles", ()))
    zones = sorted(name.removeprefix(prefix) for name in names if name.startswith(prefix))
    return GrantedAccess(tuple(zones), is_enabled=not row.get("disabled", False))
