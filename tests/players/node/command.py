"""`loalang-node` as a process, as others call it."""

import asyncio
import json
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from players.messages import PairingReply
from players.signing import CommuneKey
from tests.fakes.fake_server import COMMUNE, FakeDoor


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def identity(port: int, key: CommuneKey) -> PairingReply:
    return PairingReply.model_validate(
        {
            "commune": COMMUNE,
            "commune_name": "Xã Hòa Bình An",
            "node": "dong-1",
            "node_name": "Cụm loa Đông 1",
            "zones": ("thon-dong",),
            "commune_keys": (key.public_jwk(),),
            "mqtt_host": "127.0.0.1",
            "mqtt_port": port,
            "mqtt_username": "dong-1",
            "mqtt_password": "secret",
            "server_at": "2026-01-01T00:00:00Z",
        }
    )


class Command:
    """`loalang-node`, as others call it."""

    def __init__(self, data: Path, environment: Mapping[str, str] | None = None) -> None:
        self.data = data
        self._environment = environment
        self.events: list[dict[str, Any]] = []
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def once(self, *arguments: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "players.node.cli", *arguments),
            env=self._environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await asyncio.wait_for(process.communicate(), 30)
        return process.returncode or 0, said.decode()

    async def pair(self, door: FakeDoor, *arguments: str, code: str = "ABCD2345") -> tuple[int, str]:
        return await self.once("pair", "--server", door.url, "--code", code, "--data", str(self.data), *arguments)

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "players.node.cli", "run", "--data", str(self.data), "--events"),
            env=self._environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        self._reading = asyncio.create_task(self._read(self._process))

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            self.events.append(json.loads(line))

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def memory_mb(self) -> float:
        assert self._process is not None
        return float(psutil.Process(self._process.pid).memory_info().rss) / 1e6

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def end(self, number: signal.Signals) -> int:
        assert self._process is not None
        assert self._reading is not None
        self._process.send_signal(number)
        return await self.ended(10)

    async def ended(self, limit_s: float = 30) -> int:
        """Wait for its end; its exit status."""
        assert self._process is not None
        assert self._reading is not None
        status = await asyncio.wait_for(self._process.wait(), limit_s)
        await asyncio.wait_for(self._reading, 5)
        return status
