"""A server that speaks the real wire to one commune's nodes, keeps what it heard, and has verbs to misbehave."""

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from players.errors import TransportClosed, WireError
from players.messages import (
    AS_IT_WAS,
    ClipRef,
    CuedBroadcast,
    Emergencies,
    Heartbeat,
    Message,
    NodeConfig,
    Order,
    PairingReply,
    PairingRequest,
    PlaybackReport,
    Presence,
    Rehearsed,
    ReportAck,
    TimeReply,
    TimeRequest,
    Timetable,
    Urgency,
    Window,
)
from players.signing import CommuneKey, sign
from players.tickets import check_ticket, ticket_subject
from players.topics import Topics
from players.transport import Connection, Transport

COMMUNE = "hoa-binh-an"
ALL_DAY = (Window(opens="00:00", closes="00:00"),)


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class FakeServer:
    """One commune. `skew` is how far its clock is from the system's."""

    transport: Transport
    key: CommuneKey = field(default_factory=CommuneKey.generate)
    topics: Topics = field(default_factory=lambda: Topics(COMMUNE))
    skew: timedelta = timedelta()
    acknowledges: bool = True
    tells_time: bool = True
    reports: list[PlaybackReport] = field(default_factory=list)
    heartbeats: list[Heartbeat] = field(default_factory=list)
    presences: list[Presence] = field(default_factory=list)
    signs_of_life: int = 0
    rehearsed: list[Rehearsed] = field(default_factory=list)
    _connection: Connection | None = None
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)
    _version: int = 0

    def now(self) -> datetime:
        return utc_now() + self.skew

    @asynccontextmanager
    async def running(self) -> AsyncIterator["FakeServer"]:
        ready = asyncio.Event()
        task = asyncio.create_task(self._run(ready))
        try:
            await asyncio.wait_for(ready.wait(), 10)
            yield self
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def _run(self, ready: asyncio.Event) -> None:
        while True:
            try:
                async with self.transport.connect() as connection:
                    self._connection = connection
                    await connection.subscribe(
                        *(f"{self.topics.base}/nodes/+/{kind}" for kind in ("presence", "heartbeat", "reports")),
                        f"{self.topics.base}/nodes/+/time-request",
                        f"{self.topics.base}/nodes/+/rehearsed",
                    )
                    ready.set()
                    async for message in connection.messages():
                        await self._heard(connection, message.topic, message.payload)
            except TransportClosed:
                self._connection = None
                await asyncio.sleep(0.05)

    async def _heard(self, connection: Connection, topic: str, payload: bytes) -> None:
        _, node, kind = self.topics.parse(topic) or ("", "", "")
        match kind:
            case "reports":
                report = PlaybackReport.from_json(payload)
                assert report.node == node
                self.reports.append(report)
                if self.acknowledges:
                    await connection.publish(self.topics.acks(node), ReportAck(reports=(report.report,)).to_json())
            case "heartbeat" if payload == AS_IT_WAS:
                self.signs_of_life += 1
            case "heartbeat":
                self.heartbeats.append(Heartbeat.from_json(payload))
            case "presence":
                self.presences.append(Presence.from_json(payload))
            case "rehearsed":
                self.rehearsed.append(Rehearsed.from_json(payload))
            case "time-request" if self.tells_time:
                nonce = TimeRequest.from_json(payload).nonce
                reply = TimeReply(commune=COMMUNE, node=node, nonce=nonce, server_at=self.now())
                await self.say(self.topics.time(node), reply)
        async with self._news:
            self._news.notify_all()

    async def until(self, condition: Callable[[], bool], limit_s: float = 40.0) -> None:
        async with asyncio.timeout(limit_s), self._news:
            await self._news.wait_for(condition)

    def outcomes(self, broadcast: str, node: str = "dong-1") -> list[str]:
        """What a node said of a broadcast, each report once, in the order it came."""
        seen: dict[str, str] = {}
        for report in self.reports:
            if (report.broadcast, report.node) == (broadcast, node):
                seen.setdefault(report.report, report.outcome.value)
        return list(seen.values())

    def final(self, broadcast: str, node: str = "dong-1") -> PlaybackReport:
        finals = {
            report.report: report
            for report in self.reports
            if (report.broadcast, report.node) == (broadcast, node) and report.outcome.is_final
        }
        assert len(finals) == 1, finals
        return next(iter(finals.values()))

    async def until_final(self, broadcast: str, limit_s: float = 60.0, node: str = "dong-1") -> PlaybackReport:
        await self.until(
            lambda: any(
                report.outcome.is_final and (report.broadcast, report.node) == (broadcast, node)
                for report in self.reports
            ),
            limit_s,
        )
        return self.final(broadcast, node)

    # What it says

    async def say(self, topic: str, message: Message, *, key: CommuneKey | None = None, retain: bool = False) -> None:
        await self.say_bytes(topic, sign(message, key or self.key, topic), retain=retain)

    async def say_bytes(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        assert self._connection is not None
        await self._connection.publish(topic, payload, retain=retain)

    def next_version(self) -> int:
        self._version += 1
        return self._version

    async def configure(self, node: str = "dong-1", zones: tuple[str, ...] = ("thon-dong",), **changes: Any) -> None:
        config = NodeConfig.model_validate(
            {
                "commune": COMMUNE,
                "version": self.next_version(),
                "issued_at": self.now(),
                "node": node,
                "name": "Cụm loa Đông 1",
                "zones": zones,
                "timezone": "Asia/Ho_Chi_Minh",
                "windows": ALL_DAY,
                "gain_db": 0,
                "heartbeat_s": 0.5,
                **changes,
            }
        )
        await self.say(self.topics.config(node), config, retain=True)

    async def schedule(self, *items: CuedBroadcast, zone: str = "thon-dong") -> None:
        document = Timetable(
            commune=COMMUNE, version=self.next_version(), issued_at=self.now(), zone=zone, broadcasts=items
        )
        await self.say(self.topics.timetable(zone), document, retain=True)

    async def declare(self, *orders: Any, zone: str = "thon-dong") -> None:
        document = Emergencies(
            commune=COMMUNE, version=self.next_version(), issued_at=self.now(), zone=zone, active=orders
        )
        await self.say(self.topics.emergencies(zone), document, retain=True)

    async def order(self, order: Order, *, zone: str = "thon-dong") -> None:
        await self.say(self.topics.zone_orders(zone), order)

    def item(self, broadcast: str, clips: Iterable[ClipRef], in_s: float, **changes: Any) -> CuedBroadcast:
        return CuedBroadcast.model_validate(
            {
                "broadcast": broadcast,
                "urgency": Urgency.NORMAL,
                "starts_at": self.now() + timedelta(seconds=in_s),
                "clips": tuple(clips),
                "stream": f"/streams/{broadcast}",
                **changes,
            }
        )

    def fresh(self, order: str, for_s: float = 60) -> dict[str, Any]:
        """The fields of an order issued now."""
        now = self.now()
        return {
            "order": order,
            "commune": COMMUNE,
            "issued_at": now - timedelta(milliseconds=1),
            "expires_at": now + timedelta(seconds=for_s),
        }


@dataclass
class Served:
    """One request that came."""

    path: str
    range: str | None
    status: int


class FakeDoor:
    """The HTTP side: clips with Range, streams, pairing; checks tickets against the nodes' keys it knows."""

    def __init__(self) -> None:
        self.clips: dict[str, bytes] = {}
        self.streams: dict[str, Callable[[int], bytes]] = {}
        self.keys: dict[str, dict[str, str]] = {}
        self.codes: dict[str, Callable[[], PairingReply]] = {}
        self.served: list[Served] = []
        self.corrupts: set[str] = set()
        self.breaks_after: list[int] = []
        """For the next requests: after how many bytes the connection breaks."""
        self.refuses_with: int | None = None
        self.ignores_range = False
        self.skew = timedelta()
        """How far the date that it says is from the true one."""
        door = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                return

            def date_time_string(self, timestamp: float | None = None) -> str:
                return super().date_time_string((utc_now() + door.skew).timestamp())

            def do_GET(self) -> None:
                door.get(self)

            def do_POST(self) -> None:
                door.post(self)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def speak_tls(self, certificate: Path) -> None:
        """From now on by this certificate, its key in the same file."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = self.url.replace("http:", "https:")

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def get(self, request: BaseHTTPRequestHandler) -> None:
        url = urlsplit(request.path)
        query = parse_qs(url.query)
        token = query.get("ticket", [request.headers.get("Authorization", "").removeprefix("Bearer ")])[0]
        try:
            check_ticket(token, self.keys[ticket_subject(token)], url.path, utc_now() + self.skew)
        except (WireError, KeyError):
            self._answer(request, 401, b"")
            return
        kind, _, name = url.path.strip("/").partition("/")
        if self.refuses_with is not None:
            self._answer(request, self.refuses_with, b"")
        elif kind == "clips" and name in self.clips:
            self._send_clip(request, name)
        elif kind == "streams" and name in self.streams:
            self._answer(request, 200, self.streams[name](int(query.get("offset_ms", ["0"])[0])), "audio/mpeg")
        else:
            self._answer(request, 404, b"")

    def post(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        asked = PairingRequest.from_json(body)
        if request.path != "/api/pairing" or asked.code not in self.codes:
            self._answer(request, 403, b'{"error": {"code": "code", "message": "M\xc3\xa3 sai", "field": null}}')
            return
        reply = self.codes.pop(asked.code)()
        self.keys[reply.node] = asked.public_key
        self._answer(request, 200, reply.to_json(), "application/json")

    def _send_clip(self, request: BaseHTTPRequestHandler, name: str) -> None:
        data = self.clips[name]
        if name in self.corrupts:
            data = bytes([data[0] ^ 1]) + data[1:]
        wanted = request.headers.get("Range")
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and not self.ignores_range else 0
        headers = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if start else {}
        self._answer(request, 206 if start else 200, data[start:], "audio/ogg", headers)

    def _answer(
        self,
        request: BaseHTTPRequestHandler,
        status: int,
        body: bytes,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> None:
        self.served.append(Served(urlsplit(request.path).path, request.headers.get("Range"), status))
        request.send_response(status)
        request.send_header("Content-Type", content_type)
        request.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            request.send_header(name, value)
        request.end_headers()
        limit = self.breaks_after.pop(0) if self.breaks_after and body else None
        request.wfile.write(body if limit is None else body[:limit])
        if limit is not None:
            request.wfile.flush()
            request.close_connection = True
