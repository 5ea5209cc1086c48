"""MQTT 3.1.1 by aiomqtt: the only file that knows it. Its errors, and those of sockets, end here."""

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import aiomqtt
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.reasoncodes import ReasonCode

from players.errors import CertificateUnknown, CredentialRefused, SubscriptionRefused, TransportClosed
from players.left_behind import until_left_behind
from players.transport import Connection, Incoming

T = TypeVar("T")

log = logging.getLogger(__name__)

KEEPALIVE_S = 15
CONNECT_WITHIN_S = 5.0
"""The broker's answer. The line to it, before that, takes a quick try, so that one that is back is not waited for:"""
QUICK_TRY_S = 1.0
PATIENT_TRY_S = 4.0
"""each fifth try has the patience that a line with long ways needs."""
TRIES_TO_PATIENCE = 5
ANSWER_WITHIN_S = 10.0
"""How long the broker may take to acknowledge before the connection counts as gone."""
INBOX_MESSAGES = 5000
"""More than this unread is dropped: what matters is sent again until it is acknowledged end to end."""
_REFUSED_CODES = frozenset({"Bad user name or password", "Not authorized", "Client identifier not valid", "Banned"})


@contextmanager
def _foreign_errors() -> Iterator[None]:
    """Translate what aiomqtt, paho, sockets, TLS and name resolution raise (a bad host name is a `ValueError`)."""
    try:
        yield
    except MqttConnectError as error:
        if isinstance(error.rc, ReasonCode) and str(error.rc) in _REFUSED_CODES:
            raise CredentialRefused(f"the broker refuses us: {error.rc}") from error
        raise TransportClosed(str(error)) from error
    except (aiomqtt.MqttError, OSError, ValueError) as error:
        kind = CertificateUnknown if _is_about_a_certificate(error) else TransportClosed
        raise kind(str(error) or type(error).__name__) from error


def _is_about_a_certificate(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


class _ClosingSocket(ssl.SSLSocket):
    """Closes itself when the other side cannot be trusted; paho would leave it open."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except (OSError, ValueError):
            self.close()
            raise


class _Client(aiomqtt.Client):
    """aiomqtt's client, with two things mended that concern connections which do not come about (seen in 2.5.1)."""

    def _on_disconnect(self, *arguments: Any) -> None:
        """Called by paho. A connection lost before the broker has answered fails now, not when the limit is reached."""
        if not self._connected.done():
            self._connected.set_exception(aiomqtt.MqttError("the connection was lost before the broker answered"))
        super()._on_disconnect(*arguments)

    def reach_within(self, limit_s: float) -> None:
        """How long a connection may take until the broker can be asked to let us in."""
        self._client.connect_timeout = limit_s

    def line(self) -> socket.socket | None:
        """What it is connected by."""
        line = self._client.socket()
        return line if isinstance(line, socket.socket) else None

    def hang_up(self) -> None:
        """End a connection on which the broker's answer did not come; it must not be let in later, unseen."""
        self._client.disconnect()


class MqttConnection:
    """A `Connection` to a broker."""

    def __init__(self, client: _Client, host: str, port: int) -> None:
        self._client = client
        self._inbox: asyncio.Queue[Incoming | None] = asyncio.Queue()
        self._reader = asyncio.create_task(self._read())
        self._watch = asyncio.create_task(self._end_when_left_behind(host, port))

    async def subscribe(self, *topics: str) -> None:
        """See `Connection`."""
        codes = await self._unless_lost(
            self._client.subscribe([(topic, 1) for topic in topics], timeout=ANSWER_WITHIN_S)
        )
        refused = [topic for topic, code in zip(topics, codes, strict=True) if _is_refusal(code)]
        if refused:
            raise SubscriptionRefused(f"the broker does not let us hear {', '.join(refused)}")

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """See `Connection`."""
        if not topic or "+" in topic or "#" in topic:
            raise ValueError(f"not a topic to publish to: {topic!r}")
        await self._unless_lost(self._client.publish(topic, payload, qos=1, retain=retain, timeout=ANSWER_WITHIN_S))

    async def messages(self) -> AsyncIterator[Incoming]:
        """See `Connection`."""
        while (message := await self._inbox.get()) is not None:
            yield message
        self._inbox.put_nowait(None)
        raise TransportClosed("the connection was lost")

    async def stop_reading(self) -> None:
        """End the tasks; called when the context is left."""
        tasks = {self._reader, self._watch}
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    async def _end_when_left_behind(self, host: str, port: int) -> None:
        line = self._client.line()
        if line is not None:
            await until_left_behind(line, host, port)
            log.info("the line is back and this connection still waits: it is given up")
            self._reader.cancel()

    async def _read(self) -> None:
        try:
            async for message in self._client.messages:
                payload = message.payload if isinstance(message.payload, bytes) else b""
                if self._inbox.qsize() < INBOX_MESSAGES:
                    self._inbox.put_nowait(Incoming(str(message.topic), payload, bool(message.retain)))
                else:
                    log.warning("too many unread messages, one on %s is dropped", message.topic)
        except (aiomqtt.MqttError, OSError) as error:
            log.info("the broker's connection was lost: %s", error)
        finally:
            self._inbox.put_nowait(None)

    async def _unless_lost(self, call: Coroutine[Any, Any, T]) -> T:
        """Do a call; do not wait for an answer from a connection that is gone (aiomqtt would, until its limit)."""
        calling = asyncio.ensure_future(call)
        try:
            await asyncio.wait({calling, self._reader}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not calling.done():
                calling.cancel()
        if calling.cancelled() or not calling.done():
            raise TransportClosed("the connection was lost")
        with _foreign_errors():
            return calling.result()


class MqttTransport:
    """A `Transport` to an MQTT broker. Sessions are clean: nothing waits there for us. A `tls` context becomes ours.

    paho sends a ping every `keepalive_s`, also to a broker that it has just heard (seen in 2.2).
    """

    def __init__(
        self,
        host: str,
        port: int,
        client_id: str,
        username: str | None,
        password: str | None,
        will: Incoming | None = None,
        tls: ssl.SSLContext | None = None,
        keepalive_s: int = KEEPALIVE_S,
    ) -> None:
        self._keepalive_s = keepalive_s
        self._host = host
        self._port = port
        self._client_id = client_id
        self._username = username
        self._password = password
        self._will = will
        self._tls = tls
        self._tries = 0
        if tls is not None:
            tls.sslsocket_class = _ClosingSocket

    def __repr__(self) -> str:
        return f"MqttTransport({self._host!r}, {self._port}, {self._client_id!r})"

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Connection]:
        """See `Transport`."""
        client = self._client()
        self._tries += 1
        client.reach_within(QUICK_TRY_S if self._tries % TRIES_TO_PATIENCE else PATIENT_TRY_S)
        with _foreign_errors():
            await _enter(client)
        self._tries = 0
        connection = MqttConnection(client, self._host, self._port)
        try:
            yield connection
        finally:
            await connection.stop_reading()
            await _leave(client)

    def _client(self) -> _Client:
        will = self._will
        client = _Client(
            self._host,
            self._port,
            identifier=self._client_id,
            username=self._username,
            password=self._password,
            will=None if will is None else aiomqtt.Will(will.topic, will.payload, 1, will.retained),
            clean_session=True,
            keepalive=self._keepalive_s,
            timeout=CONNECT_WITHIN_S,
            tls_context=self._tls,
            # A small packet must not wait 40 ms for the acknowledgement of another: clocks are set by these.
            socket_options=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),
        )
        client.pending_calls_threshold = INBOX_MESSAGES
        return client


async def _enter(client: _Client) -> None:
    """Connect. aiomqtt does it in a thread that cannot be cancelled: a connection half made is waited for and ended."""
    entering = asyncio.ensure_future(client.__aenter__())
    try:
        await asyncio.shield(entering)
    except aiomqtt.MqttError:
        client.hang_up()
        raise
    except asyncio.CancelledError:
        await asyncio.wait({entering})
        if not entering.cancelled() and entering.exception() is None:
            await _leave(client)
        raise


async def _leave(client: aiomqtt.Client) -> None:
    try:
        await client.__aexit__(None, None, None)
    except (aiomqtt.MqttError, OSError) as error:
        log.debug("while disconnecting: %s", error)


def _is_refusal(code: object) -> bool:
    return code.is_failure if isinstance(code, ReasonCode) else isinstance(code, int) and code >= 0x80
