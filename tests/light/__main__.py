"""`python -m tests.light`: pairs nodes by their codes, if they are not yet, and runs them until it is told to end.

It prints `paired` once all are, then one JSON line for each report that was acknowledged; at the end also those that
were not, with `known_at` null. With `--sounds` it prints instead what each output does and what each node announces of
broadcasts and of its pack, by the machine's monotonic clock.
"""

import argparse
import asyncio
import gc
import json
import logging
import resource
import signal
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from players.node.pairing import IDENTITY_FILE
from tests.light.loop import AtOnceLoop
from tests.light.node import LightNode, Told, loopback_address, pair_from
from tests.light.output import Heard

PAIR_AT_ONCE = 4
FILES_A_NODE = 3
GARBAGE_AFTER = 100_000
"""Looking through hundreds of poles for garbage, as often as a pole does, took a third of their time."""


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(prog="python -m tests.light", description=__doc__)
    parser.add_argument("--server", required=True, metavar="URL")
    parser.add_argument("--codes", required=True, type=Path, metavar="FILE", help="JSON: pairing code by node")
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="where the nodes live")
    parser.add_argument("--sounds", action="store_true", help="print what sounds instead of what is acknowledged")
    parser.add_argument("--from-number", type=int, default=0, help="of the first node's address")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    codes = json.loads(options.codes.read_text())
    _allow_files(len(codes) * FILES_A_NODE)
    _pair_all(options.server, codes, options.data, options.from_number)
    print("paired", flush=True)  # noqa: T201 - whoever started us waits for it
    with asyncio.Runner(loop_factory=AtOnceLoop) as runner:
        runner.run(_run(options.server, codes, options.data, sounds=options.sounds))
    return 0


def _allow_files(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


async def _run(server_url: str, codes: Mapping[str, str], data_dir: Path, *, sounds: bool) -> None:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
    async with httpx.AsyncClient(base_url=server_url, timeout=20, limits=limits, trust_env=False) as client:
        loop = asyncio.get_running_loop()

        def heard_by(name: str) -> tuple[Heard, ...]:
            return (partial(_print_heard, name),) if sounds else ()

        def note(told: Told) -> None:
            if not sounds:
                _print(told)

        nodes = [
            LightNode(data_dir / name, server_url, client, _announced if sounds else _nothing, note, *heard_by(name))
            for name in codes
        ]
        gc.freeze()
        gc.set_threshold(GARBAGE_AFTER, 50, 50)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _end_all, nodes)
        await asyncio.gather(*(node.run() for node in nodes))
    for node in nodes if not sounds else ():
        for told in node.store.unacknowledged():
            _print(told)


def _end_all(nodes: list[LightNode]) -> None:
    for node in nodes:
        node.leave()


def _pair_all(server_url: str, codes: Mapping[str, str], data_dir: Path, first: int) -> None:
    def pair_one(number: int, name: str, code: str) -> None:
        if not (data_dir / name / IDENTITY_FILE).exists():
            pair_from(loopback_address(number), server_url, code, data_dir / name)

    with ThreadPoolExecutor(PAIR_AT_ONCE) as threads:
        list(threads.map(pair_one, range(first, first + len(codes)), codes.keys(), codes.values()))


def _announced(what: Mapping[str, Any]) -> None:
    """Print what a node says of a broadcast or of its pack."""
    if what["event"] in {"playing", "played", "cut", "missed", "failed", "pack"}:
        line = {name: what.get(name) for name in ("event", "node", "broadcast", "started_at", "reason")}
        print(json.dumps({**line, "at": time.monotonic()}), flush=True)  # noqa: T201 - the evidence


def _nothing(_: Mapping[str, Any]) -> None:
    return


def _print_heard(node: str, event: str, asked_by: str, clip: str, at: float) -> None:
    line = {"event": event, "node": node, "broadcast": asked_by.removeprefix("air "), "clip": clip, "at": at}
    print(json.dumps(line), flush=True)  # noqa: T201 - the evidence


def _print(told: Told) -> None:
    print(json.dumps(told.as_json()), flush=True)  # noqa: T201 - the evidence


if __name__ == "__main__":
    sys.exit(main())
