"""`python -m tests.bench.bench_emergency`: from a press to every horn. Closes with one JSON line.

A real server with its own Mosquitto and a real Piper model; light nodes (`tests.light`): the node itself with real
signatures, clip store and decoder, many in one process. They are paired beforehand on the disk, by the server's own
functions, and hold what is prepared. Series, one press at a time:

- prepared: press to the first sample of the chime, handed to the output, at each of 200 nodes;
- text: press to the first sentence of 12 new words, decoded at each node and ready to follow the chime, while the
  server renders four long bulletins;
- prepared-1300: as the first, at 1,300 nodes, a commune of its own;
- loss: 100 presses to villages in turn while a tenth of all packets is lost and the lines are cut now and then, in a
  network namespace of its own; skipped, loudly, where there is no right to make one.

Fewer rows than were to come, a row without a sound or an acknowledgement, a series that was skipped or broke off: each
is a limit that was not kept, named before the last line, and an exit status of 1.

Beside them Snapcast (buffer 400 ms) and an MQTT echo, on the same machine. `rows.jsonl` in `bench-out/emergency/` has a
line for each press at each node, with the instant of its first sample; `--recompute` makes the figures from it again.
"""

import argparse
import asyncio
import collections
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.bench.emergency.commune import DEAF_VILLAGE, VILLAGES
from tests.bench.emergency.figures import compute_figures, what_is_too_much
from tests.bench.emergency.loss import NODES_OF_A_VILLAGE, measure_loss
from tests.bench.emergency.peers import measure_echo, measure_snapcast
from tests.bench.emergency.presses import PREPARED, Button
from tests.bench.emergency.stage import Stage, staged
from tests.bench.emergency.tape import Tape
from tests.bench.load.evidence import Evidence
from tests.bench.load.work import dice, sentences

SOUNDS_WITHIN_S = 10.0
SETTLES_S = 1.0
OVER_S = 3.0
"""So long after a press is over the next comes: the server publishes what has ended two seconds after it."""
TOLD_WITHIN_S = 30.0
"""So long is waited for the last word of every node of a press, before the next: one press at a time is measured."""
_OPEN = frozenset({"pending", "cued", "playing"})
LAST_LINE = ("prepared_ms", "text_ms", "prepared_1300_ms", "snapcast_ms", "mqtt_echo_ms", "acknowledged", "doubled")


@dataclass(frozen=True, slots=True)
class Options:
    """How much, and where the evidence goes."""

    nodes: int
    most_nodes: int
    presses: int
    loss_presses: int
    out: Path

    @property
    def presses_of_many(self) -> int:
        """At the many nodes."""
        return max(5, self.presses // 2)


def main() -> int:
    """Run, or only compute; the exit status is 0 when every limit was kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bench_emergency", description=__doc__)
    parser.add_argument("--nodes", type=int, default=200)
    parser.add_argument("--most-nodes", type=int, default=1300, help="of the series with many; 0: without it")
    parser.add_argument("--presses", type=int, default=12, help="of each series but loss")
    parser.add_argument("--loss-presses", type=int, default=100, help="0: without it")
    parser.add_argument("--out", type=Path, default=Path("bench-out/emergency"))
    parser.add_argument("--recompute", action="store_true", help="only compute the figures from the evidence in --out")
    parser.add_argument("--only-loss", action="store_true", help="used by itself, inside its namespace")
    given = parser.parse_args()
    options = Options(given.nodes, given.most_nodes, given.presses, given.loss_presses, given.out)
    if given.only_loss:
        asyncio.run(measure_loss(options.out, options.loss_presses))
        return 0
    if not given.recompute:
        shutil.rmtree(options.out, ignore_errors=True)
        options.out.mkdir(parents=True)
        _plan(options)
        asyncio.run(_run(options))
        _lose(options)
    figures = compute_figures(options.out)
    broken = what_is_too_much(figures, options.out)
    sys.stderr.write("".join(f"not kept: {one}\n" for one in broken))
    sys.stdout.write(json.dumps({name: figures[name] for name in LAST_LINE}) + "\n")
    return 1 if broken else 0


def _plan(options: Options) -> None:
    """Write down how many rows each series is to have: one for each press at each node that is to hear it."""
    rows = {
        "prepared": options.presses * options.nodes,
        "text": options.presses * options.nodes,
        "prepared-1300": options.presses_of_many * options.most_nodes,
        "loss": options.loss_presses * NODES_OF_A_VILLAGE,
    }
    (options.out / "plan.json").write_text(json.dumps(rows))


async def _run(options: Options) -> None:
    async with AsyncExitStack() as stack:
        files = {name: Evidence(options.out / f"{name}.jsonl") for name in ("presses", "rows", "snapcast", "mqtt_echo")}
        for file in files.values():
            stack.callback(file.close)
        async with pressing(options.out / "few", options.nodes, files) as few:
            await few.prepared("prepared", options.presses)
            await few.text(options.presses)
            _say("Snapcast and an MQTT echo")
            if not await measure_snapcast(files["snapcast"]):
                _say("SKIPPED: snapserver and snapclient are not installed")
            await measure_echo(files["mqtt_echo"])
        if options.most_nodes:
            async with pressing(options.out / "many", options.most_nodes, files) as many:
                await many.prepared("prepared-1300", options.presses_of_many)


@asynccontextmanager
async def pressing(out: Path, nodes: int, files: Mapping[str, Evidence]) -> AsyncIterator["Series"]:
    """A commune with so many nodes, and a finger on its button."""
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(staged(out, nodes))
        button = Button(stage.client.base_url, stage.tokens.leader, files["presses"])
        stack.push_async_callback(button.close)
        tape = Tape(stage.tapes)
        stack.callback(tape.close)
        yield Series(stage, button, tape, files["rows"])


class Series:
    """Presses one after another, and what each node made of each."""

    def __init__(self, stage: Stage, button: Button, tape: Tape, rows: Evidence) -> None:
        self._stage = stage
        self._button = button
        self._tape = tape
        self._rows = rows

    async def prepared(self, series: str, presses: int) -> None:
        """Press the prepared button; the first sample of the chime counts."""
        _say(f"{series}: {presses} presses at {len(self._stage.nodes)} nodes")
        for _ in range(presses):
            pressed = await self._press(series, {"template": PREPARED})
            await pressed.listen(self._tape, pressed.begins)
            await self._close(series, pressed)

    async def text(self, presses: int) -> None:
        """Type words that nobody has said; the first sentence counts, ready to follow the chime."""
        _say(f"text: {presses} presses at {len(self._stage.nodes)} nodes, while four long bulletins are rendered")
        random = dice("words")
        for number in range(4):
            await self._stage.client.air_now(f"Bản tin dài {number}", sentences(random, 3000), (DEAF_VILLAGE,))
        for _ in range(presses):
            pressed = await self._press("text", {"text": sentences(random, 12)})
            words = await self._words(pressed.broadcast)
            await pressed.listen(self._tape, partial(_is_ready, words))
            await self._close("text", pressed)

    async def _press(self, series: str, said: Mapping[str, Any]) -> "Pressed":
        collections.deque(self._tape.news(), maxlen=0)
        return Pressed(*await self._button.press(series, VILLAGES, said), self._stage.nodes)

    async def _words(self, broadcast: str) -> str:
        """The clip of the first sentence, once the server has it."""
        await asyncio.sleep(SETTLES_S)  # asking takes of the processor that is measured
        async with asyncio.timeout(SOUNDS_WITHIN_S):
            while True:
                found = await self._stage.client.broadcast(broadcast)
                if len(found["clips"]) > 1:
                    return str(found["clips"][1]["sha256"])
                await asyncio.sleep(0.1)

    async def _told(self, broadcast: str) -> dict[str, dict[str, Any]]:
        """What the server knows of each node, once it has had the last word of all."""
        until = time.monotonic() + TOLD_WITHIN_S
        while True:
            await asyncio.sleep(SETTLES_S)  # asking takes of the processors, too
            known = {row["node"]: row for row in await self._button.deliveries(broadcast)}
            if time.monotonic() > until or not any(row["state"] in _OPEN for row in known.values()):
                return known

    async def _close(self, series: str, pressed: "Pressed") -> None:
        await self._button.stop(pressed.broadcast)
        known = await self._told(pressed.broadcast)
        await asyncio.sleep(OVER_S)
        for line in self._tape.news():
            pressed.count(line)
        for name in pressed.names:
            at, row = pressed.first_at.get(name), known.get(name, {})
            self._rows.note(
                series=series,
                broadcast=pressed.broadcast,
                node=name,
                pressed=pressed.at,
                first_sample_at=at,
                ms=None if at is None else round((at - pressed.at) * 1000, 1),
                sounded=pressed.sounded[name],
                acknowledged=row.get("started_at") is not None,
                is_reachable=True,
            )


class Pressed:
    """One press, and what is heard of it.

    Args:
        broadcast: its id.
        at: its instant.
        names: the nodes that are to sound.
    """

    def __init__(self, broadcast: str, at: float, names: Sequence[str]) -> None:
        self.broadcast = broadcast
        self.at = at
        self.names = names
        self.first_at: dict[str, float] = {}
        self.sounded: Counter[str] = Counter()

    def begins(self, line: Mapping[str, Any]) -> bool:
        """Whether a line says that its first sample sounds."""
        return bool(line["event"] == "sounds" and line["broadcast"] == self.broadcast)

    def count(self, line: Mapping[str, Any]) -> None:
        """How often it began at each node."""
        self.sounded[line["node"]] += self.begins(line)

    async def listen(self, tape: Tape, counts: Callable[[Mapping[str, Any]], bool]) -> None:
        """Until every node was heard, or no more is to be expected."""
        waiting = set(self.names)

        def is_enough(line: Mapping[str, Any]) -> bool:
            self.count(line)
            if counts(line) and line["node"] in waiting:
                waiting.discard(line["node"])
                self.first_at[line["node"]] = line["at"]
            return not waiting

        await tape.until(is_enough, SOUNDS_WITHIN_S)


def _is_ready(clip: str, line: Mapping[str, Any]) -> bool:
    return bool(line["event"] == "ready" and line["clip"] == clip)


def _lose(options: Options) -> None:
    """Run the series with loss in a namespace of its own."""
    if not options.loss_presses:
        return
    if os.geteuid() != 0 or shutil.which("unshare") is None or shutil.which("iptables") is None:
        _say("SKIPPED: the series with loss needs root, unshare and iptables")
        return
    _say(f"loss: {options.loss_presses} presses")
    inside = [sys.executable, "-m", "tests.bench.bench_emergency", "--only-loss", "--out", str(options.out)]
    command = ["unshare", "--net", *inside, "--loss-presses", str(options.loss_presses)]
    if subprocess.run(command, check=False, timeout=600).returncode:
        _say("the series with loss failed")


def _say(what: str) -> None:
    sys.stderr.write(f"· {what}\n")


if __name__ == "__main__":
    sys.exit(main())
