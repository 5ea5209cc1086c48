"""What a real pole's line carries: `loalang serve` and `loalang-node run` with TLS, two counted relays in between.

`python -m tests.bench.node_traffic [--minutes N]`: a commune with two programmes a day, whose pole is paired and then
left alone. One JSON line every five minutes; the last one says what was carried in all, the start (pairing, its
documents, handshakes, the first questions about the time) among it, and what the last half of MQTT is in a day. Counted
are the bytes of TLS, both ways: MQTT, and HTTP that is not clips. Headers of TCP and IP come on top; `packets` is how
many pieces came.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from sqlmodel import select

from broadcast.db import open_engine, session_of
from broadcast.models import Rendering, RenderingState
from players.node.data_budget import USAGE_FILE
from players.node.pairing import IDENTITY_FILE
from players.tls import fingerprint_of
from tests.e2e.tls_commune import TlsCommune
from web.settings import DATABASE_FILE

DAY_S = 86_400
LOOK_EVERY_S = 300.0
MOST_SIZES = 8


@dataclass
class CountingRelay:
    """Hands on every byte between a pole and a door of its server, and counts them."""

    port: int
    carried: int = 0
    connections: int = 0
    """Each brings what is retained anew: on a machine so busy that the pole gives its line up, that is what is seen."""
    pieces: Counter[tuple[str, int]] = field(default_factory=Counter)
    """How often so many bytes came at once from whom: a message and its record of TLS, mostly."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until one side ends it."""
        self.connections += 1
        there, back = await asyncio.open_connection("127.0.0.1", self.port)
        await asyncio.gather(self._carry("pole", reader, back), self._carry("server", there, writer))

    async def _carry(self, whose: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                self.carried += len(data)
                self.pieces[whose, len(data)] += 1
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()


@dataclass(frozen=True, slots=True)
class Carried:
    """What had been carried at one moment."""

    seconds: float
    mqtt: int
    http: int
    clips: int
    packets: int

    @property
    def control(self) -> int:
        """All that is not clips."""
        return self.mqtt + self.http - self.clips

    def a_day(self, since: "Carried") -> float:
        """What MQTT carried since then, as megabytes a day."""
        return round((self.mqtt - since.mqtt) / (self.seconds - since.seconds) * DAY_S / 1e6, 3)


async def measure(folder: Path, minutes: float) -> dict[str, object]:
    """Pair, start, and count."""
    commune = TlsCommune(folder)
    mqtt, http = CountingRelay(commune.mqtt_port), CountingRelay(commune.http_port)
    async with (
        await asyncio.start_server(mqtt.serve, "127.0.0.1", 0) as mqtt_door,
        await asyncio.start_server(http.serve, "127.0.0.1", 0) as http_door,
    ):
        try:
            await commune.start_server()
            await commune.until(lambda: _is_all_spoken(commune))
            url = f"https://127.0.0.1:{http_door.sockets[0].getsockname()[1]}"
            status, said = await commune.pair(fingerprint_of(commune.ring.authority.certificate), url)
            if status:
                raise SystemExit(said)
            identity = commune.identity.model_copy(update={"mqtt_port": mqtt_door.sockets[0].getsockname()[1]})
            (commune.pole / IDENTITY_FILE).write_bytes(identity.to_json())
            await commune.node.start()
            return await _count(commune, mqtt, http, minutes * 60)
        finally:
            await commune.node.stop()
            await commune.server.stop()


async def _count(commune: TlsCommune, mqtt: CountingRelay, http: CountingRelay, lasts_s: float) -> dict[str, object]:
    loop = asyncio.get_running_loop()
    began = loop.time()
    looks = [_look(commune, mqtt, http, 0.0)]
    while (seconds := loop.time() - began) < lasts_s:
        await asyncio.sleep(min(LOOK_EVERY_S, lasts_s - seconds))
        looks.append(_look(commune, mqtt, http, loop.time() - began))
        line = {
            "seconds": round(looks[-1].seconds),
            "mqtt": looks[-1].mqtt,
            "mqtt_connections": mqtt.connections,
            "http_with_clips": looks[-1].http,
        }
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
    await commune.node.stop()  # what it has counted of clips is written down now
    last = _look(commune, mqtt, http, loop.time() - began)
    half = next(look for look in reversed(looks) if look.seconds <= last.seconds / 2)
    common = {f"{whose} {size}": times for (whose, size), times in mqtt.pieces.most_common(MOST_SIZES)}
    return {
        "seconds": round(last.seconds),
        "carried_kb": round(last.control / 1000, 1),
        "last_half_mb_a_day": last.a_day(half),
        "mqtt_connections": mqtt.connections,
        "mqtt_kb": round(last.mqtt / 1000, 1),
        "http_kb": round((last.http - last.clips) / 1000, 1),
        "clips_kb": round(last.clips / 1000, 1),
        "packets": last.packets,
        "most_frequent_bytes": common,
    }


def _is_all_spoken(commune: TlsCommune) -> bool:
    """Whether a new commune's clips are made: until then its timetable is told anew with each."""
    engine = open_engine(f"sqlite:///{commune.data / DATABASE_FILE}")
    try:
        with session_of(engine) as session:
            known = session.exec(select(Rendering.state)).all()
            return bool(known) and RenderingState.WANTED not in known
    finally:
        engine.dispose()


def _look(commune: TlsCommune, mqtt: CountingRelay, http: CountingRelay, seconds: float) -> Carried:
    usage = commune.pole / USAGE_FILE
    clips = json.loads(usage.read_text())["clips"] if usage.exists() else 0
    packets = mqtt.pieces.total() + http.pieces.total()
    return Carried(seconds, mqtt.carried, http.carried, clips, packets)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="node_traffic")
    parser.add_argument("--minutes", type=float, default=60, metavar="N", help="how long (default: 60)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(measure(Path(folder), options.minutes))
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
