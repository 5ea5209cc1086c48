"""Plays half a second of silence on an output, in a process of its own, and measures that the samples were taken."""

import asyncio
import logging
import sys
import tempfile
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from pydantic import BaseModel, ValidationError

from players.errors import OutputError, OutputMissing
from players.node.clock import NodeClock
from players.node.doctor_words import Trouble
from players.node.events import Way
from players.node.output import SAMPLE_RATE, AudioOutput, Sound
from players.node.outputs import choose_outputs
from players.node.settings import OutputSection

SILENCE_S: Final = 0.5
PLAY_WITHIN_S: Final = 10.0
WHOLE_WITHIN_S: Final = 20.0
"""With the start of the interpreter on a small board."""


class Heard(BaseModel):
    """What came of it."""

    samples: int = 0
    seconds: float = 0.0
    trouble: Trouble | None = None
    why: str = ""


async def try_sound(section: OutputSection) -> Heard:
    """Play silence there, from another process, which is ended when it takes too long."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "players.node.doctor_sound", section.model_dump_json()),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(WHOLE_WITHIN_S):
            said, _ = await child.communicate()
        return Heard.model_validate_json(said)
    except TimeoutError:
        return Heard(trouble=Trouble.SOUND_STUCK, why=f"no sample was taken in {WHOLE_WITHIN_S:.0f} s")
    except ValidationError:
        return Heard(trouble=Trouble.SOUND_STUCK, why=f"the driver crashed (status {child.returncode})")
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


async def play_silence(output: AudioOutput, clock: NodeClock) -> Heard:
    """Play on an output that is not yet opened.

    Raises:
        OutputError: it cannot sound.
        TimeoutError: it takes nothing.
    """
    with tempfile.TemporaryDirectory(prefix="loalang-doctor-") as folder:
        path = Path(folder) / "silence.wav"
        soundfile.write(path, np.zeros(round(SILENCE_S * SAMPLE_RATE), np.float32), SAMPLE_RATE)
        async with asyncio.timeout(PLAY_WITHIN_S):
            await output.open()
            try:
                playing = await output.prepare(Sound((path,)))
                playing.start(clock.monotonic())
                seconds = -await playing.started() + await playing.finished()
                return Heard(samples=round(seconds * SAMPLE_RATE), seconds=seconds)
            finally:
                await output.close()


def judge(section: OutputSection) -> Heard:
    """Play, and say what was wrong if it did not go."""
    clock = NodeClock()
    try:
        output = choose_outputs(section.model_copy(update={"record_to": None}), clock).by_way[Way.FILES]
        return asyncio.run(play_silence(output, clock))
    except (OSError, ImportError) as error:  # sounddevice and python-vlc say so that their C library is not there
        return Heard(trouble=Trouble.SOUND_LIBRARY_MISSING, why=str(error))
    except OutputMissing as error:
        return Heard(trouble=Trouble.NO_SOUND_DEVICE, why=str(error))
    except OutputError as error:
        return Heard(trouble=Trouble.SOUND_STUCK, why=str(error))


def main() -> None:
    """The process: the output's section as JSON on the command line, what was heard as JSON on stdout."""
    logging.disable()
    sys.stdout.write(judge(OutputSection.model_validate_json(sys.argv[1])).model_dump_json() + "\n")


if __name__ == "__main__":
    main()
