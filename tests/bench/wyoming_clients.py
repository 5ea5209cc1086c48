"""Run by the Python that has `wyoming`: several clients speak texts at once; how long it took, as one JSON line.

python wyoming_clients.py PORT CLIENTS < texts.json
"""

import asyncio
import json
import sys
import time

from wyoming.audio import AudioChunk, AudioStop  # type: ignore[import-not-found]
from wyoming.client import AsyncTcpClient  # type: ignore[import-not-found]
from wyoming.tts import Synthesize  # type: ignore[import-not-found]


async def speak(port: int, waiting: list[str]) -> float:
    """One client: takes texts until there are none; seconds of sound it was given."""
    sound_s = 0.0
    while waiting:
        text = waiting.pop()
        async with AsyncTcpClient("127.0.0.1", port) as client:
            await client.write_event(Synthesize(text=text).event())
            while not AudioStop.is_type((event := await client.read_event()).type):
                if AudioChunk.is_type(event.type):
                    chunk = AudioChunk.from_event(event)
                    sound_s += chunk.samples / chunk.rate
    return sound_s


async def main(port: int, clients: int) -> None:
    """Speak what is on stdin."""
    waiting = json.load(sys.stdin)[::-1]
    started = time.perf_counter()
    sound_s = await asyncio.gather(*(speak(port, waiting) for _ in range(clients)))
    sys.stdout.write(json.dumps({"seconds": time.perf_counter() - started, "sound_s": sum(sound_s)}) + "\n")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
