"""What the contract asks of every output, as a plan that is performed on one; also as a process of its own.

Devices are heard in a process with its own sound server: PortAudio and ALSA read their environment only once.
"""

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from players.errors import PlayersError
from players.node.clock import NodeClock
from players.node.events import Way
from players.node.output import AudioOutput, Sound, Sounded
from players.node.outputs import choose_outputs
from players.node.settings import OutputSection


@dataclass(frozen=True)
class Plan:
    """One sound, from opening the output to closing it."""

    paths: tuple[str, ...] = ()
    url: str | None = None
    from_ms: int = 0
    gain_db: float = 0.0
    expected_ms: int | None = None
    is_live: bool = False
    begins_in_s: float = 1.0
    stop_after_s: float | None = None
    """After the planned beginning."""


@dataclass(frozen=True)
class Result:
    """What came of it, in monotonic seconds."""

    planned: float
    started: float | None = None
    finished: float | None = None
    error: str | None = None
    stop_asked: float | None = None
    stop_took_s: float | None = None


async def perform(output: AudioOutput, plan: Plan) -> Result:
    await output.open()
    try:
        return await _play(output, plan)
    finally:
        # What sounded may still be on its way to an ear.
        await asyncio.sleep(0.3)
        await output.close()


async def _play(output: AudioOutput, plan: Plan) -> Result:
    planned = time.monotonic() + plan.begins_in_s
    sound = Sound(tuple(map(Path, plan.paths)), plan.url, plan.from_ms, plan.gain_db, plan.expected_ms, plan.is_live)
    try:
        playing = await asyncio.wait_for(output.prepare(sound), 15)
        playing.start(planned)
        if plan.stop_after_s is None:
            started = await asyncio.wait_for(playing.started(), 15)
            return Result(planned, started, await asyncio.wait_for(playing.finished(), 30))
    except PlayersError as error:
        return Result(planned, error=f"{type(error).__name__}: {error}")
    await asyncio.sleep(planned + plan.stop_after_s - time.monotonic())
    asked = time.monotonic()
    sounded: Sounded = await asyncio.wait_for(playing.stop(), 10)
    return Result(planned, sounded.started, sounded.finished, None, asked, time.monotonic() - asked)


def main() -> None:
    """Perform a plan given as JSON on an output given by name; the result as JSON."""
    clock = NodeClock()
    section = OutputSection.model_validate({"name": sys.argv[1], "device": sys.argv[2] or None})
    plan = Plan(**json.loads(sys.argv[3]))
    output = choose_outputs(section, clock).by_way[Way.FILES]
    sys.stdout.write(json.dumps(asdict(asyncio.run(perform(output, plan)))) + "\n")


if __name__ == "__main__":
    main()
