"""Presses while packets are lost and the line is cut: in a network namespace of its own, on its loopback.

Both lines suffer: the poles' to the broker and the phone's to the server, which sends a press again until it is heard.
"""

import asyncio
import subprocess
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from tests.bench.emergency.commune import VILLAGES, village_of
from tests.bench.emergency.presses import PREPARED, Button
from tests.bench.emergency.stage import staged
from tests.bench.emergency.tape import Tape
from tests.bench.load.evidence import Evidence

NODES_OF_A_VILLAGE = 2
NODES = NODES_OF_A_VILLAGE * len(VILLAGES)
LOST = "0.10"
CUT_S, BETWEEN_CUTS_S = 3.0, 12.0
PRESS_EVERY_S = 1.6
"""To another village each time: with ten villages one airing is over before the next comes to it."""
LAST_WAIT_S = 25.0


async def measure_loss(out: Path, presses: int) -> None:
    """Press so often; the rows go to `rows.jsonl`. In the namespace already, as root."""
    _ip("link", "set", "lo", "up")
    logs = out / "loss"
    logs.mkdir(exist_ok=True)
    async with staged(logs, NODES) as stage:
        pressed = Evidence(logs / "presses.jsonl")
        button = Button(stage.client.base_url, stage.tokens.leader, pressed)
        ports = (stage.mqtt_port, urlsplit(stage.client.base_url).port or 0)
        for way in ("--sports", "--dports"):
            _drop("-A", way, ports, "-m", "statistic", "--mode", "random", "--probability", LOST)
        cutting = asyncio.create_task(_cut_now_and_then(ports))
        try:
            made = []
            for number in range(presses):
                zone = VILLAGES[number % len(VILLAGES)]
                broadcast, at = await button.press("loss", [zone], {"template": PREPARED})
                made.append(
                    (broadcast, at, [name for place, name in enumerate(stage.nodes) if village_of(place) == zone])
                )
                await asyncio.sleep(PRESS_EVERY_S)
            await asyncio.sleep(LAST_WAIT_S)
        finally:
            cutting.cancel()
            await asyncio.gather(cutting, return_exceptions=True)
            _run("iptables", "-F")
        await asyncio.sleep(LAST_WAIT_S / 2)
        with closing(Tape(stage.tapes)) as tape:
            await _note(made, tape, button, Evidence(logs / "rows.jsonl"))
        await button.close()
        pressed.close()
    with (out / "rows.jsonl").open("a") as rows:
        rows.write((logs / "rows.jsonl").read_text())


async def _note(made: list[tuple[str, float, list[str]]], tape: Tape, button: Button, rows: Evidence) -> None:
    sounded: Counter[tuple[str, str]] = Counter()
    first: dict[tuple[str, str], float] = {}
    for line in tape.news():
        if line["event"] == "sounds":
            sounded[line["broadcast"], line["node"]] += 1
            first.setdefault((line["broadcast"], line["node"]), line["at"])
    for broadcast, at, names in made:
        known = {row["node"]: row for row in await button.deliveries(broadcast)}
        for name in names:
            heard_at = first.get((broadcast, name))
            rows.note(
                series="loss",
                broadcast=broadcast,
                node=name,
                pressed=at,
                first_sample_at=heard_at,
                ms=None if heard_at is None else round((heard_at - at) * 1000, 1),
                sounded=sounded[broadcast, name],
                acknowledged=known.get(name, {}).get("started_at") is not None,
                is_reachable=True,
            )
    rows.close()


async def _cut_now_and_then(ports: Sequence[int]) -> None:
    """Every line, all at once."""
    while True:
        await asyncio.sleep(BETWEEN_CUTS_S)
        _drop("-I", "--dports", ports)
        try:
            await asyncio.sleep(CUT_S)
        finally:
            _drop("-D", "--dports", ports)


def _drop(action: str, way: str, ports: Sequence[int], *more: str) -> None:
    of_them = ("-m", "multiport", way, ",".join(map(str, ports)))
    _run("iptables", action, "INPUT", "-p", "tcp", *of_them, *more, "-j", "DROP")


def _ip(*arguments: str) -> None:
    _run("ip", *arguments)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=20)
