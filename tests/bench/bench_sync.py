"""`make bench-sync`: how far apart four real nodes begin a broadcast, beside four snapclients, in the same recording.

Ours: `loalang-node run` as processes, each on a sound card of its own (see `bench_sync_rack`), a signed timetable over
a real Mosquitto. Theirs: snapserver with PCM from a file, four snapclients on four cards beside. Both play bursts of
noise at the same time; where each begins on each card is found by cross-correlation in one recording of all cards.

Closes with one JSON line; every place found is left in bench-out/sync/ (`places.json`, in samples), the recording too
with `--keep`.
"""

import argparse
import asyncio
import json
import math
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import numpy as np

from players.messages import ClipRef, Outcome, PairingReply
from players.mqtt import MqttTransport
from players.node.pairing import IDENTITY_FILE, KEY_FILE
from players.node.settings import NodeSettings, write_settings
from players.signing import NodeKey, write_secret
from tests.bench.bench_sync_figures import RATE, Samples, begin_of, percentile, skews_ms
from tests.bench.bench_sync_rack import CHANNELS, Rack, read_recording
from tests.fakes.fake_server import FakeDoor, FakeServer
from tests.fakes.sounds import noise, read_wave, write_clip
from tests.players.node.command import Command, free_port, identity

OUT = Path(__file__).parents[2] / "bench-out" / "sync"
NODES = CHANNELS // 2
STARTS = 70
LEAST_STARTS = 50
EVERY_S = 1.5
BURST_S = 0.5
CLIPS = 5
"""Bursts differ from their neighbours, so that none is taken for another."""
FIRST_IN_S = 8.0
SEARCH_S = 0.6
LOOKED_FOR_S = 0.25
"""So much of a burst is looked for: what a busy machine loses later in it is no matter of its beginning."""
SETTLED_MS = 2.0
SETTLED_WITHIN_S = 60.0
"""Clocks of nodes that were started this minute on a busy machine get so long to come close, as snapclients' do."""
SNAPCAST = ("snapserver", "snapclient")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench-sync")
    parser.add_argument("--starts", type=int, default=STARTS, help=f"default: {STARTS}")
    parser.add_argument("--keep", action="store_true", help="keep the recording (46 MB a minute)")
    options = parser.parse_args()
    lacks = [program for program in (*SNAPCAST, "mosquitto") if shutil.which(program) is None]
    if lacks:
        raise SystemExit(f"bench-sync needs {', '.join(lacks)}: make apt")
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        figures = measure(Path(scratch), options.starts, keep=options.keep)
    print(json.dumps(figures))  # noqa: T201 - what this program is for


def measure(folder: Path, starts: int, *, keep: bool) -> dict[str, float]:
    """One run: play, record, find, compute."""
    rack, recorded = Rack(folder), folder / "all.s16"
    with rack.running(), rack.recording(recorded), snapcast(rack, folder, starts):
        clips = asyncio.run(air(rack, folder, starts))
    heard = read_recording(recorded)
    if keep:
        shutil.copy(recorded, OUT / "all.s16")
    looked_for = int(LOOKED_FOR_S * RATE)
    ours = places(heard[:NODES], [clip[:looked_for] for clip in clips])
    theirs = places(heard[NODES:], [noise(BURST_S, 100 + number)[:looked_for] for number in range(CLIPS)])
    evidence = {"rate": RATE, "every_s": EVERY_S, "nodes": ours, "snapclients": theirs}
    (OUT / "places.json").write_text(json.dumps(evidence) + "\n", "utf-8")
    skew, snapcast_skew = skews_ms(ours), skews_ms(theirs)
    for name, found in (("nodes", skew), ("snapclients", snapcast_skew)):
        if len(found) < LEAST_STARTS:
            sys.stderr.write(f"only {len(found)} starts were heard from all four {name}: the machine is too busy\n")
        if not found:
            raise SystemExit(f"nothing was heard from all four {name}: see {OUT}")
    return {"start_skew_ms_p95": percentile(skew, 95), "snapcast_skew_ms_p95": percentile(snapcast_skew, 95)}


def places(heard: Samples, sounds: Sequence[Samples]) -> list[list[float | None]]:
    """Where each burst begins on each card, in samples: one is looked for everywhere, the others at their time."""
    found_first = (begin_of(sounds[0], row) for row in heard)
    first = next((place for place in found_first if place is not None), None)
    if first is None:
        return []
    # The bursts come round: from any of its like the beginning is told.
    period = len(sounds) * EVERY_S * RATE
    first %= period
    rows: list[list[float | None]] = []
    count = int((heard.shape[1] / RATE) / EVERY_S) + 1
    for number in range(count):
        low = max(0, int(first + (number * EVERY_S - SEARCH_S) * RATE))
        high = low + int((2 * SEARCH_S + BURST_S) * RATE)
        if high > heard.shape[1]:
            break
        begun = [begin_of(sounds[number % len(sounds)], row[low:high]) for row in heard]
        if any(place is not None for place in begun):
            rows.append([None if place is None else low + place for place in begun])
    return rows


# Ours


async def air(rack: Rack, folder: Path, starts: int) -> list[Samples]:
    """Have four nodes play a timetable; the bursts as they decode."""
    port = free_port()
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n")
    broker = await asyncio.create_subprocess_exec("mosquitto", "-c", str(config), stderr=asyncio.subprocess.DEVNULL)
    door = FakeDoor()
    try:
        made = [write_clip(folder, BURST_S, seed) for seed in range(CLIPS)]
        door.clips = {clip.sha256: data for data, clip in made}
        async with FakeServer(MqttTransport("127.0.0.1", port, "server", None, None)).running() as server:
            await _play(rack, folder, door, server, port, [clip for _, clip in made], starts)
        _keep_clocks(server)
    finally:
        door.close()
        broker.terminate()
        await broker.wait()
    return [read_wave(folder / f"{seed}.ogg") for seed in range(CLIPS)]


async def _play(
    rack: Rack, folder: Path, door: FakeDoor, server: FakeServer, port: int, clips: list[ClipRef], starts: int
) -> None:
    nodes = [_pole(rack, folder, door, identity(port, server.key), number) for number in range(NODES)]
    names = [f"dong-{number + 1}" for number in range(NODES)]
    for name in names:
        await server.configure(name, heartbeat_s=5)
    for node in nodes:
        await node.start()
    await server.until(lambda: {beat.node for beat in server.heartbeats} == set(names), 60)
    with suppress(TimeoutError):
        await server.until(lambda: _have_settled(server, names), SETTLED_WITHIN_S)
    begins = server.now() + timedelta(seconds=FIRST_IN_S)
    items = [
        server.item(f"b{number}", [clips[number % CLIPS]], 0, starts_at=begins + timedelta(seconds=EVERY_S * number))
        for number in range(starts)
    ]
    await server.schedule(*items)
    for name in names:
        await server.until_final(f"b{starts - 1}", FIRST_IN_S + EVERY_S * starts + 60, name)
    for node in nodes:
        await node.end(signal.SIGTERM)


def _have_settled(server: FakeServer, names: Sequence[str]) -> bool:
    last = {beat.node: beat.clock_error_ms for beat in server.heartbeats}
    return all((last.get(name) or math.inf) <= SETTLED_MS for name in names)


def _keep_clocks(server: FakeServer) -> None:
    """What each node said of its clock with every heartbeat, beside the places found."""
    rows = [
        {
            "node": beat.node,
            "at": beat.at.isoformat(),
            "offset_ms": beat.clock_offset_ms,
            "error_ms": beat.clock_error_ms,
        }
        for beat in server.heartbeats
    ]
    reports = [
        {"node": report.node, "broadcast": report.broadcast, "started_at": report.started_at.isoformat()}
        for report in server.reports
        if report.outcome is Outcome.PLAYED and report.started_at is not None
    ]
    (OUT / "clocks.json").write_text(json.dumps({"heartbeats": rows, "played": reports}) + "\n", "utf-8")


def _pole(rack: Rack, folder: Path, door: FakeDoor, reply: PairingReply, number: int) -> Command:
    """A paired pole's directory, and its command on its own card."""
    name, data, key = f"dong-{number + 1}", folder / f"pole-{number}", NodeKey.generate()
    data.mkdir()
    key.save(data / KEY_FILE)
    own = reply.model_copy(update={"node": name, "mqtt_username": name})
    write_secret(data / IDENTITY_FILE, own.to_json())
    write_settings(data, NodeSettings.model_validate({"server": {"url": door.url}, "clips": {"jitter_s": 0}}))
    door.keys[name] = key.public_jwk()
    return Command(data, rack.card(number))


# Theirs


@contextmanager
def snapcast(rack: Rack, folder: Path, starts: int) -> Iterator[None]:
    """snapserver with bursts from a pipe and four snapclients, from now until left."""
    ports = [free_port() for _ in range(3)]
    pcm = folder / "bursts.s16"
    _write_bursts(pcm, starts)
    config = folder / "snapserver.conf"
    config.write_text(
        f"[server]\ndatadir = {folder}\n[http]\nenabled = false\n"
        f"[tcp]\nenabled = true\nport = {ports[1]}\n"
        f"[stream]\nport = {ports[0]}\nbuffer = 400\ncodec = pcm\n"
        f"source = file://{pcm}?name=bursts&sampleformat={RATE}:16:1\n"
    )
    with ExitStack() as running:
        server = ["snapserver", "-c", str(config)]
        running.enter_context(_process(server, rack.card(NODES), folder / "snapserver.log"))
        for number in range(NODES):
            client = ["snapclient", "-h", "127.0.0.1", "-p", str(ports[0]), "--hostID", f"pole-{number}"]
            command = [*client, "-i", str(number + 1), "--player", "pulse", "--logsink", "stdout"]
            running.enter_context(_process(command, rack.card(NODES + number), folder / f"snapclient-{number}.log"))
        yield


def _write_bursts(path: Path, starts: int) -> None:
    bursts = [noise(BURST_S, 100 + number) for number in range(CLIPS)]
    gap = np.zeros(int((EVERY_S - BURST_S) * RATE))
    seconds = SETTLED_WITHIN_S + FIRST_IN_S + EVERY_S * (starts + 40)
    with path.open("wb") as file:
        for number in range(int(seconds / EVERY_S)):
            samples = np.concatenate([bursts[number % CLIPS], gap])
            file.write((samples * 32767).astype("<i2").tobytes())


@contextmanager
def _process(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as file:
        process = subprocess.Popen(command, env=environment, stdout=file, stderr=file)
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


if __name__ == "__main__":
    main()
