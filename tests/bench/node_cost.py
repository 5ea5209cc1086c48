"""What one real node costs: memory, processor while it plays, and control traffic through a counted TCP relay.

`python -m tests.bench.node_cost [--play SECONDS] [--idle SECONDS]`: `loalang-node run`, PortAudio, a PulseAudio null
sink, a real Mosquitto, a server that tells the time. What the idle time carried is scaled to a day; what the start
carried once is given beside it. Counted is what TCP carries, both ways, without the headers of IP.
"""

import argparse
import asyncio
import json
import signal
import sys
import tempfile
from pathlib import Path

import psutil

from players.messages import ClipRef
from players.mqtt import MqttTransport
from tests.fakes.fake_server import FakeDoor, FakeServer
from tests.fakes.sounds import write_clip
from tests.players.node.command import Command, free_port, identity
from tests.players.node.pulse import PulseServer, missing

DAY_S = 86_400
HEARTBEAT_S = 15
SETTLE_S = 60.0


class CountingRelay:
    """Hands on every byte between a node and the broker, and counts them."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.carried = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until one side ends it."""
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        await asyncio.gather(self._carry(reader, back), self._carry(there, writer))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            self.carried += len(data)
            writer.write(data)
            await writer.drain()
        writer.close()


async def measure(folder: Path, play_s: float, idle_s: float) -> dict[str, float]:
    """One node's life: start, a broadcast, an idle time."""
    lacks = missing()
    if lacks:
        raise SystemExit(f"node_cost {lacks}")
    pulse, door, port = PulseServer(folder), FakeDoor(), free_port()
    pulse.start()
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n")
    broker = await asyncio.create_subprocess_exec("mosquitto", "-c", str(config), stderr=asyncio.subprocess.DEVNULL)
    relay = CountingRelay(port)
    try:
        async with (
            await asyncio.start_server(relay.serve, "127.0.0.1", 0) as listening,
            FakeServer(MqttTransport("127.0.0.1", port, "server", None, None)).running() as server,
        ):
            node = Command(folder / "node", pulse.environment)
            through = int(listening.sockets[0].getsockname()[1])
            door.codes["ABCD2345"] = lambda: identity(through, server.key)
            status, said = await node.pair(door)
            if status:
                raise SystemExit(said)
            await server.configure(heartbeat_s=HEARTBEAT_S)
            data, clip = write_clip(folder, play_s, 1)
            door.clips[clip.sha256] = data
            await node.start()
            try:
                await server.until(lambda: bool(server.heartbeats), 30)
                return await _live(node, server, relay, clip, play_s, idle_s)
            finally:
                await node.end(signal.SIGTERM)
    finally:
        broker.terminate()
        await broker.wait()
        door.close()
        pulse.stop()


async def _live(
    node: Command, server: FakeServer, relay: CountingRelay, clip: ClipRef, play_s: float, idle_s: float
) -> dict[str, float]:
    process = psutil.Process(node.pid)
    await server.schedule(server.item("a", [clip], in_s=5))
    await server.until(lambda: "playing" in server.outcomes("a"), 60)
    used, began = sum(process.cpu_times()[:2]), asyncio.get_running_loop().time()
    await server.until_final("a", play_s + 60)
    percent = 100 * (sum(process.cpu_times()[:2]) - used) / (asyncio.get_running_loop().time() - began)
    memory_mb = process.memory_info().rss / 1e6
    async with asyncio.timeout(idle_s + 120):
        await asyncio.sleep(SETTLE_S)  # its clock asks often at first
        at_start = relay.carried
        await asyncio.sleep(idle_s)
    return {
        "memory_mb": round(memory_mb, 1),
        "processor_percent_playing": round(percent, 2),
        "start_kb": round(at_start / 1000, 1),
        "idle_mb_a_day": round((relay.carried - at_start) / idle_s * DAY_S / 1e6, 3),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="node_cost")
    parser.add_argument("--play", type=float, default=60, metavar="SECONDS", help="of the broadcast (default: 60)")
    parser.add_argument("--idle", type=float, default=600, metavar="SECONDS", help="of the idle time (default: 600)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(measure(Path(folder), options.play, options.idle))
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
