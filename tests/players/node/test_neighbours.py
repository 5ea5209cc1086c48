"""Neighbours in network namespaces of their own: a LAN of two poles with nothing else on it, no router, no server."""

import asyncio
import os
import shutil
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from secrets import token_hex

import pytest

PORT = 47474
WITHIN_S = 120.0
ROOT = Path(__file__).parents[3]


def missing() -> str | None:
    """What this machine does not let us have."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("ip", "unshare", "nsenter"))):
        return "needs root, ip, unshare and nsenter"
    tried = subprocess.run(["unshare", "--net", "ip", "link", "add", "try", "type", "veth"], capture_output=True)
    return None if tried.returncode == 0 else f"needs network namespaces: {tried.stderr.decode().strip()}"


async def run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
    _, said = await asyncio.wait_for(process.communicate(), WITHIN_S)
    assert process.returncode == 0, said.decode()


class Pole:
    """A process in a namespace of its own, with one network card."""

    def __init__(self, process: Process, card: str) -> None:
        self._process = process
        self.card = card

    async def inside(self, *command: str) -> None:
        await run("nsenter", f"--net=/proc/{self._process.pid}/ns/net", *command)

    async def moves_in(self, address: str) -> None:
        """Its card comes to it, with an address and no route to anywhere else."""
        await run("ip", "link", "set", self.card, "netns", str(self._process.pid))
        await self.inside("ip", "address", "add", f"{address}/24", "dev", self.card)
        await self.inside("ip", "link", "set", self.card, "up")

    async def hears(self, text: str) -> None:
        assert self._process.stdout is not None
        async with asyncio.timeout(WITHIN_S):
            while (line := await self._process.stdout.readline()).decode().strip() != text:
                assert line, "it has ended"

    async def spreads(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(text.encode() + b"\n")
        await self._process.stdin.drain()


@asynccontextmanager
async def pole(card: str) -> AsyncIterator[Pole]:
    process = await asyncio.create_subprocess_exec(
        *("unshare", "--net", sys.executable, "-m", "tests.players.node.neighbour", str(PORT)),
        cwd=ROOT,
        stdin=PIPE,
        stdout=PIPE,
    )
    try:
        made = Pole(process, card)
        await made.hears("there")
        yield made
    finally:
        await asyncio.wait_for(process.communicate(b""), WITHIN_S)  # its standard input ends, and with it the pole


@pytest.mark.e2e
@pytest.mark.timeout(400)
async def test_two_poles_alone_on_a_lan_hear_each_other_without_a_router() -> None:
    lacks = missing()
    if lacks is not None:
        pytest.skip(f"SKIPPED: {lacks}")
    cards = [f"ll{token_hex(4)}{end}" for end in "ab"]
    async with AsyncExitStack() as stack:
        here, there = [await stack.enter_async_context(pole(card)) for card in cards]
        await run("ip", "link", "add", cards[0], "type", "veth", "peer", "name", cards[1])
        await here.moves_in("10.77.0.1")
        await there.moves_in("10.77.0.2")
        # A card that came after the pole was up is looked for every ten seconds, and when something is spread.
        await there.spreads("from-there")
        await here.spreads("from-here")
        await there.hears("from-here")
        await here.hears("from-there")
        await here.inside("ip", "link", "delete", cards[0])
