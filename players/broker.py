"""Our own Mosquitto: a supervised child with generated configuration, credentials and access rules."""

import asyncio
import contextlib
import json
import logging
import os
import pwd
import shutil
import socket
import ssl
import stat
import sysconfig
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from players.broker_admin import BrokerAdmin
from players.broker_config import (
    ADMIN,
    CERTIFICATE,
    CERTIFICATE_KEY,
    SECRETS_FILE,
    SERVER,
    BrokerLimits,
    BrokerSecrets,
    BrokerTls,
    load_rules,
    render_configuration,
    rules_path,
    with_ourselves,
)
from players.broker_watch import BrokerWatch
from players.child import Child, ChildPhase, ChildState, Pauses, RunAs
from players.errors import BrokerError, KeyUnusable, TransportClosed
from players.mqtt import MqttTransport
from players.signing import write_secret
from players.topics import Topics
from players.transport import Transport

__all__ = ["BrokerAdmin", "BrokerLimits", "BrokerTls", "MosquittoBroker", "find_mosquitto", "find_plugin"]

log = logging.getLogger(__name__)

STARTS_WITHIN_S = 15.0
PLUGIN = "mosquitto_dynamic_security.so"
_USER = "mosquitto"
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to reach a broker that listens everywhere
_FREE_PORT_TRIES = 5


class MosquittoBroker:
    """The broker of one commune.

    As root it runs as Debian's user `mosquitto`, to whom its directory is given, so that a flaw in it is not root's;
    where that user cannot reach the directory (under a closed home), as root, with a warning. Else it runs as we do.

    Args:
        directory: Its own; made with mode 0700. Holds configuration, rules, secrets and retained messages.
        topics: The commune's.
        clock: The present, for `state`.
        port: To listen on; 0 takes a free one at `start`.
        bind_address: To listen on.
        limits: What no client may exceed.
        tls: Certificate, key and authority; none: no TLS. Started again, it reads them anew.
        pauses: How long to wait before it is started again.
        on_change: Called with each new state.
    """

    def __init__(
        self,
        directory: Path,
        topics: Topics,
        *,
        clock: Callable[[], datetime],
        port: int = 0,
        bind_address: str = "127.0.0.1",
        limits: BrokerLimits | None = None,
        tls: BrokerTls | None = None,
        pauses: Pauses | None = None,
        on_change: Callable[[ChildState], None] | None = None,
    ) -> None:
        self._directory = directory.absolute()
        self._topics = topics
        self._clock = clock
        self._wanted_port = port
        self._bind_address = bind_address
        self._limits = limits or BrokerLimits()
        self._tls = tls
        self._pauses = pauses
        self._on_change = on_change
        self._port = port
        self._child: Child | None = None
        self._secrets: BrokerSecrets | None = None
        self._admin: BrokerAdmin | None = None
        self.watch = BrokerWatch(clock)
        """What happens at its door, for the page."""

    @property
    def host(self) -> str:
        """Where we reach it."""
        return _EVERYWHERE.get(self._bind_address, self._bind_address)

    @property
    def port(self) -> int:
        """Where it listens; known after `start`."""
        return self._port

    @property
    def state(self) -> ChildState:
        """What the process is doing."""
        if self._child is None:
            return ChildState("mosquitto", ChildPhase.STOPPED, self._clock())
        return self._child.state

    async def start(self) -> None:
        """Start it; returns when it answers.

        Raises:
            BrokerError: Mosquitto is missing, its directory cannot be used, the port is taken, or it does not answer.
        """
        known_port = self._wanted_port or self._port  # nodes look for it where it was
        for tries_left in reversed(range(_FREE_PORT_TRIES)):
            self._port, known_port = known_port or _free_port(self._bind_address), self._wanted_port
            self._admin = None
            self._child = self._prepared_child()
            await self._child.start()
            try:
                await self._until_it_answers(self._child)
            except BrokerError as error:
                await self.stop()
                is_taken = "Address already in use" in str(error)
                if self._wanted_port and is_taken:
                    where = f"{self._bind_address}:{self._wanted_port}"
                    raise BrokerError(f"Mosquitto cannot listen on {where}: Address already in use") from error
                if self._wanted_port or not tries_left or not is_taken:
                    raise
            else:
                return

    async def stop(self) -> None:
        """Stop it; it keeps its retained messages and rules on disk."""
        if self._child is not None:
            await self._child.stop()

    def reload_secrets(self) -> None:
        """Our secrets have changed on disk: use those from the next start on."""
        self._secrets = None

    def kill(self) -> None:
        """End the process at once, as a crash would; it is started again."""
        if self._child is not None:
            self._child.kill()

    def hub_transport(self) -> Transport:
        """For `Hub`: may hear and write everything of the commune, and nothing else."""
        return self._transport(SERVER, self._own_secrets.server)

    def admin(self) -> BrokerAdmin:
        """For changing who may do what: always the same one, whose changes wait for each other."""
        if self._admin is None:
            self._admin = BrokerAdmin(self._transport(ADMIN, self._own_secrets.admin), self._topics)
        return self._admin

    def node_password(self, node: str, kid: str) -> str:
        """A node's password at the broker, for the key with this thumbprint: derived, kept nowhere."""
        return self._own_secrets.node_password(node, kid)

    @property
    def _own_secrets(self) -> BrokerSecrets:
        if self._secrets is None:
            self._make_directory()
            self._secrets = BrokerSecrets.load_or_make(self._directory / SECRETS_FILE)
        return self._secrets

    def _transport(self, name: str, password: str) -> MqttTransport:
        return MqttTransport(self.host, self._port, name, name, password, tls=self._tls_context())

    def _tls_context(self) -> ssl.SSLContext | None:
        if self._tls is None:
            return None
        try:
            context = ssl.create_default_context(cafile=str(self._tls.authority))
        except OSError as error:
            raise BrokerError(f"the broker's authority, {self._tls.authority}: {error}") from error
        # We reach it by a local address, which no certificate names; that it is ours is proved by its authority.
        context.check_hostname = False
        return context

    def _prepared_child(self) -> Child:
        """Write what it reads, for whoever it will be."""
        program, plugin = find_mosquitto(), find_plugin()
        own_secrets = self._own_secrets
        rules = rules_path(self._directory)
        configuration = self._directory / "mosquitto.conf"
        text = render_configuration(
            self._directory, plugin, self._bind_address, self._port, self._limits, has_tls=self._tls is not None
        ).encode()
        run_as = _choose_user(self._directory)
        try:
            write_secret(rules, json.dumps(with_ourselves(load_rules(rules), self._topics, own_secrets)).encode())
            write_secret(configuration, text)
            if self._tls is not None:
                write_secret(self._directory / CERTIFICATE, self._tls.certificate.read_bytes())
                write_secret(self._directory / CERTIFICATE_KEY, self._tls.key.read_bytes())
            if run_as is not None:
                for path in (self._directory, *self._directory.iterdir()):
                    if path.name != SECRETS_FILE:
                        os.chown(path, run_as.uid, run_as.gid, follow_symlinks=False)
        except (OSError, KeyUnusable) as error:
            raise BrokerError(f"the broker's directory cannot be used: {error}") from error
        return Child(
            "mosquitto",
            (str(program), "-c", str(configuration)),
            clock=self._clock,
            environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            run_as=run_as,
            open_files=self._limits.max_connections + 256,
            pauses=self._pauses,
            on_change=self._on_change,
            on_line=self.watch.hear,
        )

    def _make_directory(self) -> None:
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._directory.chmod(0o700)
        except OSError as error:
            raise BrokerError(f"the broker's directory cannot be used: {error}") from error

    async def _until_it_answers(self, child: Child) -> None:
        """Our own credential is accepted: so it is up, and it is ours, not a stranger on the same port."""
        answering = asyncio.create_task(_answer(self.hub_transport()))
        ending = asyncio.create_task(child.ended())
        try:
            await asyncio.wait({answering, ending}, timeout=STARTS_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
            if ending.done():
                raise BrokerError(f"Mosquitto does not start: {_last_words(child.state)}")
            if not answering.done():
                raise BrokerError(f"Mosquitto does not answer: {_last_words(child.state)}")
        finally:
            answering.cancel()
            ending.cancel()


async def _answer(transport: Transport) -> None:
    """Return when the broker accepts a connection; another process's readiness is no event of ours, so ask again."""
    while True:
        with contextlib.suppress(TransportClosed):
            async with transport.connect():
                return
        await asyncio.sleep(0.05)


def find_mosquitto() -> Path:
    """The broker's program.

    Raises:
        BrokerError: it is not installed.
    """
    found = shutil.which(
        "mosquitto", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
    )
    if found is None:
        raise BrokerError("Mosquitto is not installed (Debian: apt-get install mosquitto)")
    return Path(found)


def find_plugin() -> Path:
    """The dynamic-security plugin, wherever this machine's architecture keeps it.

    Raises:
        BrokerError: it is not installed.
    """
    triplet = sysconfig.get_config_var("MULTIARCH") or "*"
    for root in (Path("/usr/lib"), Path("/usr/local/lib"), Path("/usr/lib64")):
        for pattern in (f"{triplet}/{PLUGIN}", PLUGIN, f"*/{PLUGIN}"):
            for found in sorted(root.glob(pattern)):
                return found
    raise BrokerError(f"Mosquitto's {PLUGIN} is not installed (it comes with Debian's mosquitto 2)")


def _choose_user(directory: Path) -> RunAs | None:
    """Whom the broker runs as: none means as we do."""
    if os.geteuid() != 0:
        return None
    try:
        user = pwd.getpwnam(_USER)
    except KeyError:
        log.warning("there is no user %s: the broker runs as root", _USER)
        return None
    closed = next((parent for parent in directory.parents if not _may_enter(parent, user)), None)
    if closed is not None:
        log.warning("user %s cannot enter %s: the broker runs as root", _USER, closed)
        return None
    return RunAs(user.pw_uid, user.pw_gid)


def _may_enter(folder: Path, user: pwd.struct_passwd) -> bool:
    """Whether a user may pass through a folder. We drop all further groups, so only the first counts."""
    status = folder.stat()
    if status.st_uid == user.pw_uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == user.pw_gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def _free_port(bind_address: str) -> int:
    family = socket.AF_INET6 if ":" in bind_address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((bind_address, 0))
            return int(probe.getsockname()[1])
    except OSError as error:
        raise BrokerError(f"cannot listen on {bind_address}: {error.strerror}") from error


def _last_words(state: ChildState) -> str:
    return "; ".join(state.last_lines[-3:]) or f"it ended with {state.exit_code} and said nothing"
