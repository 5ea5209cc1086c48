"""What happens to a connection and to a link, tried in a network namespace of its own; says what came of it.

`unshare --net python -m tests.players.own_net left-behind|link-returns`, as root.
"""

import asyncio
import socket
import subprocess
import sys
import time

from players.left_behind import until_left_behind
from players.node.line_watch import watching_line

SILENT_S = 7.0
WITHIN_S = 60.0


def run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=20)


async def left_behind() -> None:
    """A line that loses everything for a while, with something on its way."""
    run("ip", "link", "set", "dev", "lo", "up")
    with socket.create_server(("127.0.0.1", 0)) as door, socket.create_connection(door.getsockname()) as line:
        port = door.getsockname()[1]
        line.send(b"heard")
        watching = asyncio.create_task(until_left_behind(line, "127.0.0.1", port))
        await asyncio.sleep(2)
        assert not watching.done(), "nothing hangs"
        lose("-I")
        line.send(b"lost")
        await asyncio.sleep(SILENT_S)
        assert not watching.done(), "it hangs, but there is nothing better"
        lose("-D")
        returned = time.monotonic()
        await asyncio.wait_for(watching, WITHIN_S)
        sys.stdout.write(f"{time.monotonic() - returned:.2f}\n")


def lose(action: str) -> None:
    run("iptables", action, "INPUT", "-p", "tcp", "-j", "DROP")


async def link_returns() -> None:
    """A cable is pulled and put back; then an address is added."""
    run("ip", "link", "add", "pole", "type", "veth", "peer", "name", "mast")
    for card in ("pole", "mast"):
        run("ip", "link", "set", "dev", card, "up")
    told: asyncio.Queue[str] = asyncio.Queue()
    with watching_line(lambda: told.put_nowait("changed"), lambda: told.put_nowait("returned")):
        for act in ("down", "up"):
            run("ip", "link", "set", "dev", "mast", act)
            sys.stdout.write(await asyncio.wait_for(told.get(), WITHIN_S) + "\n")
        await asyncio.sleep(1)
        while not told.empty():  # the kernel gives a link that runs an address of its own, some moments later
            assert told.get_nowait() == "changed"
        run("ip", "address", "add", "10.83.0.1/24", "dev", "pole")
        sys.stdout.write(await asyncio.wait_for(told.get(), WITHIN_S) + "\n")


if __name__ == "__main__":
    asyncio.run({"left-behind": left_behind, "link-returns": link_returns}[sys.argv[1]]())
