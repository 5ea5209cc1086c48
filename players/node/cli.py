"""`loalang-node pair` and `loalang-node run`."""

import argparse
import asyncio
import json
import logging
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from players.errors import KeyUnusable, PairingError, PlayersError
from players.invitation import Invitation, read_invitation
from players.messages import PairingReply, Presence
from players.mqtt import MqttTransport
from players.node.agent import Agent, NodeParts
from players.node.cache import ClipStore
from players.node.clock import NodeClock
from players.node.credentials import Credentials
from players.node.errors import SettingsWrong
from players.node.events import Way
from players.node.fetch import CONNECT_TIMEOUT_S, STALL_TIMEOUT_S
from players.node.lock import locked
from players.node.outputs import ChosenOutputs, choose_outputs
from players.node.pairing import load_identity, pair
from players.node.pinned import PinnedHttp, StreamRelay
from players.node.settings import NodeSettings, load_settings, write_settings
from players.node.state import Abilities, NodeState
from players.node.store import NodeStore
from players.node.trust import choose_trust
from players.tls import context_believing
from players.topics import Topics
from players.transport import Connection, Incoming, Transport

log = logging.getLogger("players.node")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Returns the exit status: 0 well, 1 with a reason on stderr, 2 wrongly called."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=options.log_level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        return _pair(options) if options.command == "pair" else _run(options)
    except PlayersError as error:
        print(f"loalang-node: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="loalang-node", description="The player at a pole.")
    parser.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    commands = parser.add_subparsers(dest="command", required=True)
    pairing = commands.add_parser("pair", help="make this directory a node of a commune, with a one-time code")
    pairing.add_argument("--server", metavar="URL", help="for example https://10.0.0.2:8000")
    pairing.add_argument("--code", help="8 characters, shown by the server for 10 minutes")
    pairing.add_argument(
        "--ca-fingerprint", metavar="TEXT", help="of the server's own authority, shown beside the code; https only"
    )
    pairing.add_argument("--text", metavar="TEXT", help="what the QR code says, in place of the three above")
    pairing.add_argument("--data", required=True, type=Path, metavar="DIR")
    pairing.add_argument("--output", default="portaudio", choices=["portaudio", "vlc", "record", "silent"])
    pairing.add_argument("--device", help="the sound device, as the output names it")
    pairing.add_argument("--record-to", type=Path, metavar="FILE", help="a WAV file, for the outputs record and vlc")
    pairing.add_argument("--stream-output", choices=["vlc"], help="plays what is not in the store at its minute")
    pairing.add_argument("--no-pull", action="store_true", help="never fetch planned clips; play from the stream")
    running = commands.add_parser("run", help="play")
    running.add_argument("--data", required=True, type=Path, metavar="DIR")
    running.add_argument("--events", action="store_true", help="one JSON line on stdout for each thing that happens")
    return parser


def _pair(options: argparse.Namespace) -> int:
    invitation = _invitation_of(options)
    settings = _settings_of(options, invitation.server)
    door = choose_trust(invitation)
    if door.unverified is not None:
        print(
            f"nobody vouches for this server: compare {door.unverified} with what its page shows beside the code, "
            "or pair with --ca-fingerprint",
            file=sys.stderr,
        )
    with httpx.Client(trust_env=False, verify=door.context) as client:
        reply = pair(settings.server.url, invitation.code, options.data, client)
    server = settings.server.model_copy(update={"authority": door.authority})
    write_settings(options.data, settings.model_copy(update={"server": server}))
    print(f"{reply.node} ({reply.node_name}), {reply.commune_name}")
    return 0


def _invitation_of(options: argparse.Namespace) -> Invitation:
    if options.text is not None:
        return read_invitation(options.text)
    if options.server is None or options.code is None:
        raise PairingError("--server and --code are needed, or --text")
    return Invitation(options.server.rstrip("/"), options.code, options.ca_fingerprint)


def _settings_of(options: argparse.Namespace, server_url: str) -> NodeSettings:
    record_to = None if options.record_to is None else options.record_to.absolute()
    try:
        return NodeSettings.model_validate(
            {
                "server": {"url": server_url},
                "output": {
                    "name": options.output,
                    "device": options.device,
                    "record_to": record_to,
                    "stream": options.stream_output,
                },
                "clips": {"pull": not options.no_pull},
            }
        )
    except ValueError as error:
        raise SettingsWrong(str(error)) from error


def _run(options: argparse.Namespace) -> int:
    settings = load_settings(options.data)
    credentials = Credentials(options.data, *load_identity(options.data))
    with locked(options.data):
        asyncio.run(_play(options.data, settings, credentials, events=options.events))
    return 0


async def _play(data_dir: Path, settings: NodeSettings, credentials: Credentials, *, events: bool) -> None:
    async with _parts(data_dir, settings, credentials, events=events) as parts:
        agent = Agent(parts)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, agent.leave)
        await agent.run()


@asynccontextmanager
async def _parts(
    data_dir: Path, settings: NodeSettings, credentials: Credentials, *, events: bool
) -> AsyncIterator[NodeParts]:
    """Everything opened, and closed again in reverse."""
    identity = credentials.reply
    store = NodeStore(data_dir / "state.sqlite3")
    try:
        clock = NodeClock(max_error_s=settings.clock.max_error_s, not_before=store.last_good_time())
        outputs = choose_outputs(settings.output, clock)
        stream = outputs.by_way.get(Way.STREAM)
        abilities = Abilities(
            outputs.by_way[Way.FILES].name, None if stream is None else stream.name, settings.clips.pull
        )
        blank = NodeState(identity.node, identity.commune, identity.zones, abilities)
        async with (
            _opened(outputs),
            _client(settings, credentials) as client,
            _stream_url(settings, client) as stream_url,
        ):
            yield NodeParts(
                credentials=credentials,
                server_url=settings.server.url,
                stream_url=stream_url,
                state=store.load(blank),
                store=store,
                clips=ClipStore(data_dir / "clips", settings.clips.max_bytes),
                client=client,
                outputs=outputs.by_way,
                clock=clock,
                transport=_BrokerTransport(credentials),
                data_dir=data_dir,
                ahead=timedelta(hours=settings.clips.ahead_hours),
                jitter_s=settings.clips.jitter_s,
                announce=_print_event if events else _log_event,
                clock_improved=outputs.clock_improved,
            )
    finally:
        store.close()


def _client(settings: NodeSettings, credentials: Credentials) -> httpx.AsyncClient:
    # The commune's server is reached directly, whatever proxies the environment names.
    timeout = httpx.Timeout(STALL_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
    believes_commune = settings.server.authority == "commune"
    transport = PinnedHttp(lambda: credentials.authorities if believes_commune else ())
    return httpx.AsyncClient(base_url=settings.server.url, timeout=timeout, transport=transport, trust_env=False)


@asynccontextmanager
async def _stream_url(settings: NodeSettings, client: httpx.AsyncClient) -> AsyncIterator[str]:
    """Where VLC finds streams: it knows nothing of the commune's authority, so that TLS is spoken for it."""
    if settings.output.stream_output is None or settings.server.url.startswith("http:"):
        yield settings.server.url
        return
    async with StreamRelay(client).running() as url:
        yield url


@asynccontextmanager
async def _opened(outputs: ChosenOutputs) -> AsyncIterator[None]:
    opened = []
    try:
        for output in outputs.distinct:
            await output.open()
            opened.append(output)
        yield
    finally:
        for output in reversed(opened):
            await output.close()


def broker_transport(identity: PairingReply) -> Transport:
    """A paired node's connection to its broker, with its last will.

    Raises:
        KeyUnusable: the commune's authority, as it is kept here, is damaged.
    """
    topic = Topics(identity.commune).presence(identity.node)
    will = Incoming(topic, Presence(node=identity.node, online=False).to_json(), retained=True)
    try:
        tls = context_believing(identity.authorities) if identity.mqtt_tls else None
    except ValueError as error:
        raise KeyUnusable(f"the commune's authority as it is kept here: {error}") from error
    return MqttTransport(
        identity.mqtt_host,
        identity.mqtt_port,
        identity.node,
        identity.mqtt_username,
        identity.mqtt_password,
        will,
        tls,
    )


class _BrokerTransport:
    """The connection by the credentials as they are at that moment."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def connect(self) -> AbstractAsyncContextManager[Connection]:
        """See `Transport`."""
        return broker_transport(self._credentials.reply).connect()


def _print_event(fields: Mapping[str, Any]) -> None:
    print(json.dumps(fields), flush=True)


def _log_event(fields: Mapping[str, Any]) -> None:
    log.info("%s", json.dumps(fields))


if __name__ == "__main__":
    sys.exit(main())
