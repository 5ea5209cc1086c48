"""What others take on this machine in the same run: Snapcast to its first sample, MQTT there and back."""

import asyncio
import contextlib
import itertools
import os
import shutil
import socket
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

import aiomqtt

from tests.bench.load.evidence import Evidence
from web.demo.run import free_port

BUFFER_MS = 400
TONES = 10
ECHOES = 200
_RATE, _FRAME_BYTES = 48_000, 4
_BLOCK_S = 0.02
_SILENCE = bytes(round(_RATE * _BLOCK_S) * _FRAME_BYTES)
_TONE = b"\x00\x40\x00\x40" * round(_RATE * _BLOCK_S)
_GAP_S = 1.0


async def measure_snapcast(evidence: Evidence) -> bool:
    """From a sample written to snapserver's pipe to the same sample out of snapclient; whether both are installed."""
    if shutil.which("snapserver") is None or shutil.which("snapclient") is None:
        return False
    with tempfile.TemporaryDirectory(prefix="loalang-snap-") as scratch:
        pipe, config, port = Path(scratch) / "fifo", Path(scratch) / "snapserver.conf", free_port()
        os.mkfifo(pipe)
        config.write_text(
            f"[server]\ndatadir = {scratch}\n[http]\nenabled = false\n[tcp]\nenabled = true\nport = {free_port()}\n"
            f"[stream]\nport = {port}\nbuffer = {BUFFER_MS}\ncodec = pcm\n"
            f"source = pipe://{pipe}?name=bench&sampleformat={_RATE}:16:2&mode=read\n"
        )
        player = ("--player", "file:filename=stdout", "--logsink", "null")
        processes = [
            await asyncio.create_subprocess_exec("snapserver", "-c", str(config), stdout=DEVNULL, stderr=DEVNULL)
        ]
        try:
            await _until_open(port)
            client = await asyncio.create_subprocess_exec(
                "snapclient", "-h", "127.0.0.1", "-p", str(port), *player, stdout=PIPE, stderr=DEVNULL
            )
            processes.append(client)
            await _tones(pipe, client, evidence)
        finally:
            for process in processes:
                process.kill()
                await process.wait()
    return True


async def _tones(pipe: Path, client: asyncio.subprocess.Process, evidence: Evidence) -> None:
    written: list[float] = []
    heard: asyncio.Queue[float] = asyncio.Queue()

    async def listen() -> None:
        assert client.stdout is not None
        quiet_since = 0.0
        while block := await client.stdout.read(4096):
            now = time.monotonic()
            if not any(block):
                quiet_since = quiet_since or now
            elif quiet_since and now - quiet_since > _GAP_S / 4:
                quiet_since = 0.0
                heard.put_nowait(now)

    # Open for reading too: it neither waits for a reader nor fails without one.
    pipe_end = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    tasks = [asyncio.create_task(listen()), asyncio.create_task(_write(pipe_end, written))]
    try:
        for number in range(TONES):
            async with asyncio.timeout(30):
                at = await heard.get()
            evidence.note(tone=number, ms=round((at - written[number]) * 1000, 1))
    except TimeoutError:
        sys.stderr.write("snapclient played nothing for 30 s\n")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        os.close(pipe_end)


async def _write(pipe_end: int, written: list[float]) -> None:
    """Silence in real time with a short tone now and then."""
    blocks, due = round(_GAP_S / _BLOCK_S), time.monotonic()
    for number in itertools.count():
        is_tone = number >= 3 * blocks and number % blocks == 0
        if is_tone:
            written.append(time.monotonic())
        with contextlib.suppress(BlockingIOError):
            os.write(pipe_end, _TONE if is_tone else _SILENCE)
        due += _BLOCK_S
        await asyncio.sleep(max(0.0, due - time.monotonic()))


async def measure_echo(evidence: Evidence) -> None:
    """A message through a Mosquitto of its own, and its answer back."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="loalang-echo-") as scratch:
        config = Path(scratch) / "echo.conf"
        config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
        broker = await asyncio.create_subprocess_exec("mosquitto", "-c", str(config), stdout=DEVNULL, stderr=DEVNULL)
        try:
            await _until_open(port)
            async with _client(port) as near, _client(port) as far:
                await near.subscribe("back", qos=1)
                await far.subscribe("there", qos=1)
                answering = asyncio.create_task(_answer(far))
                try:
                    for number in range(ECHOES):
                        begun = time.monotonic()
                        await near.publish("there", str(number).encode(), qos=1)
                        async with asyncio.timeout(10):
                            await anext(aiter(near.messages))
                        evidence.note(echo=number, ms=round((time.monotonic() - begun) * 1000, 2))
                finally:
                    answering.cancel()
                    await asyncio.gather(answering, return_exceptions=True)
        finally:
            broker.kill()
            await broker.wait()


def _client(port: int) -> aiomqtt.Client:
    """As our own are: small packets do not wait for each other's acknowledgements."""
    return aiomqtt.Client("127.0.0.1", port, socket_options=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),))


async def _answer(far: aiomqtt.Client) -> None:
    async for message in far.messages:
        await far.publish("back", message.payload, qos=1)


async def _until_open(port: int) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return
