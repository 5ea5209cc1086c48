"""`python -m tests.light`: pairs nodes by their codes, if they are not yet, and runs them until it is told to end.

It prints `paired` once all are, then one JSON line for each report that was acknowledged; at the end also those that
were not, with `known_at` null.
"""

import argparse
import asyncio
import json
import logging
import resource
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx

from players.node.pairing import IDENTITY_FILE
from tests.light.node import LightNode, Told, loopback_address, pair_from

PAIR_AT_ONCE = 4
FILES_A_NODE = 3


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(prog="python -m tests.light", description=__doc__)
    parser.add_argument("--server", required=True, metavar="URL")
    parser.add_argument("--codes", required=True, type=Path, metavar="FILE", help="JSON: pairing code by node")
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="where the nodes live")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    codes = json.loads(options.codes.read_text())
    _allow_files(len(codes) * FILES_A_NODE)
    asyncio.run(_run(options.server, codes, options.data))
    return 0


def _allow_files(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


async def _run(server_url: str, codes: Mapping[str, str], data_dir: Path) -> None:
    await _pair_all(server_url, codes, data_dir)
    print("paired", flush=True)  # noqa: T201 - whoever started us waits for it
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
    async with httpx.AsyncClient(base_url=server_url, timeout=20, limits=limits, trust_env=False) as client:
        loop = asyncio.get_running_loop()

        def note(told: Told) -> None:
            loop.call_soon_threadsafe(_print, told)  # each store has a thread of its own

        nodes = [LightNode(data_dir / name, server_url, client, lambda _: None, note) for name in codes]
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _end_all, nodes)
        await asyncio.gather(*(node.run() for node in nodes))
    for node in nodes:
        for told in node.store.unacknowledged():
            _print(told)


def _end_all(nodes: list[LightNode]) -> None:
    for node in nodes:
        node.leave()


async def _pair_all(server_url: str, codes: Mapping[str, str], data_dir: Path) -> None:
    turns = asyncio.Semaphore(PAIR_AT_ONCE)

    async def pair_one(number: int, name: str, code: str) -> None:
        if not (data_dir / name / IDENTITY_FILE).exists():
            async with turns:
                await asyncio.to_thread(pair_from, loopback_address(number), server_url, code, data_dir / name)

    await asyncio.gather(*(pair_one(number, name, code) for number, (name, code) in enumerate(codes.items())))


def _print(told: Told) -> None:
    print(json.dumps(told.as_json()), flush=True)  # noqa: T201 - the evidence


if __name__ == "__main__":
    sys.exit(main())
