"""A pole on a LAN, as a process in a network namespace: says what it hears, spreads what it is told."""

import asyncio
import sys
import time

from players.node.neighbours import Neighbours


async def live(port: int) -> None:
    """Until its standard input ends. Each line of that is spread; what is heard goes out as lines."""

    def hear(data: bytes) -> None:
        sys.stdout.write(data.decode() + "\n")
        sys.stdout.flush()

    lan = Neighbours(port, hear, time.monotonic)
    running = asyncio.create_task(lan.run())
    sys.stdout.write("there\n")
    sys.stdout.flush()
    while line := await asyncio.to_thread(sys.stdin.readline):
        lan.spread(line.strip().encode())
    running.cancel()
    await asyncio.wait({running})


if __name__ == "__main__":
    asyncio.run(live(int(sys.argv[1])))
