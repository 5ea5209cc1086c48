"""What a node is made of, opened by its settings and closed again in reverse."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from datetime import timedelta
from functools import partial
from pathlib import Path

import httpx

from players.errors import KeyUnusable
from players.messages import PairingReply, Presence
from players.mqtt import MqttTransport
from players.node.amplifier import behind_amplifier
from players.node.board_clock import linux_board
from players.node.cache import ClipStore
from players.node.clock import NodeClock
from players.node.credentials import Credentials
from players.node.data_budget import Meter, month_at
from players.node.events import Way
from players.node.fetch import CONNECT_TIMEOUT_S, STALL_TIMEOUT_S
from players.node.health import HealthProbe, find_mmcli, probe_volume
from players.node.in_memory import memory_folder
from players.node.metered import MeteredHttp, MeteredTransport
from players.node.outputs import ChosenOutputs, choose_outputs
from players.node.parts import Announce, NodeParts
from players.node.pinned import PinnedHttp, StreamRelay, radio_url
from players.node.settings import NodeSettings, OutputSection
from players.node.shelves import MEMORY_BYTES
from players.node.state import Abilities, NodeState
from players.node.state_file import open_state
from players.node.store import STATE_FILE
from players.tls import context_believing
from players.topics import Topics
from players.transport import Connection, Incoming, Transport


@asynccontextmanager
async def opened_parts(
    data_dir: Path, settings: NodeSettings, credentials: Credentials, announce: Announce
) -> AsyncIterator[NodeParts]:
    """Everything opened, and closed again in reverse."""
    identity = credentials.reply
    with memory_folder() as memory, closing(open_state(data_dir / STATE_FILE, memory)) as store:
        clock = NodeClock(max_error_s=settings.clock.max_error_s, kept=store.kept_time(), board=linux_board())
        outputs = behind_amplifier(choose_outputs(settings.output, clock), settings.amplifier, clock.monotonic)
        stream = outputs.by_way.get(Way.STREAM)
        abilities = Abilities(
            outputs.by_way[Way.FILES].name,
            None if stream is None else stream.name,
            settings.clips.pull,
            wake_lead=timedelta(milliseconds=0 if settings.amplifier.line is None else settings.amplifier.lead_ms),
        )
        blank = NodeState(identity.node, identity.commune, identity.zones, abilities)
        state = store.load(blank)
        timezone = "UTC" if state.config is None else state.config.timezone
        meter = Meter(data_dir, lambda: month_at(clock.now(), timezone))
        async with (
            _closing(meter),
            _opened(outputs),
            _client(settings, credentials, meter) as client,
            _streams(settings, client, meter) as relay,
        ):
            yield NodeParts(
                credentials=credentials,
                server_url=settings.server.url,
                stream_url=relay or settings.server.url,
                radio_url=str if relay is None else partial(radio_url, relay),
                state=state,
                store=store,
                clips=ClipStore(data_dir / "clips", settings.clips.max_bytes),
                memory_clips=None if memory is None else ClipStore(memory / "clips", MEMORY_BYTES),
                client=client,
                outputs=outputs.by_way,
                clock=clock,
                transport=MeteredTransport(_BrokerTransport(credentials), meter),
                data_dir=data_dir,
                ahead=timedelta(hours=settings.clips.ahead_hours),
                jitter_s=settings.clips.jitter_s,
                announce=announce,
                health=HealthProbe(partial(_volume, settings.output), mmcli=find_mmcli()),
                clock_improved=outputs.clock_improved,
                meter=meter,
            )


def _volume(output: OutputSection) -> int | None:
    """How loud the card is set that this output plays on; none for those that play on none."""
    is_on_card = output.name in {"portaudio", "vlc"} and output.record_to is None
    return probe_volume(output.device) if is_on_card else None


@asynccontextmanager
async def _closing(meter: Meter) -> AsyncIterator[None]:
    try:
        yield
    finally:
        meter.close()


def _client(settings: NodeSettings, credentials: Credentials, meter: Meter) -> httpx.AsyncClient:
    # The commune's server is reached directly, whatever proxies the environment names.
    timeout = httpx.Timeout(STALL_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
    believes_commune = settings.server.authority == "commune"
    transport = MeteredHttp(PinnedHttp(lambda: credentials.authorities if believes_commune else ()), meter)
    return httpx.AsyncClient(base_url=settings.server.url, timeout=timeout, transport=transport, trust_env=False)


@asynccontextmanager
async def _streams(settings: NodeSettings, client: httpx.AsyncClient, meter: Meter) -> AsyncIterator[str | None]:
    """Where VLC finds streams, if it plays any: it knows nothing of the commune's authority, and counts nothing."""
    if settings.output.stream_output is None:
        yield None
        return
    transport = MeteredHttp(httpx.AsyncHTTPTransport(trust_env=False), meter, "streams")
    async with (
        httpx.AsyncClient(
            headers={"Accept-Encoding": "identity"},
            timeout=client.timeout,
            transport=transport,
            follow_redirects=True,
            trust_env=False,
        ) as radio,
        StreamRelay(client, radio).running() as url,
    ):
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


KEEPALIVE_S = 120
"""Long: every 15 s a node says something and waits for its acknowledgement, and a SIM card pays for each ping."""


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
        KEEPALIVE_S,
    )


class _BrokerTransport:
    """The connection by the credentials as they are at that moment."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def connect(self) -> AbstractAsyncContextManager[Connection]:
        """See `Transport`."""
        return broker_transport(self._credentials.reply).connect()
