"""Telling systemd that we are ready and alive: `sd_notify(3)` over its socket, in a few lines of our own.

Protocol: <https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html>: datagrams of `KEY=value` lines to
the socket named in `NOTIFY_SOCKET` (`@` stands for an abstract one). Without systemd all of this does nothing.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Mapping

log = logging.getLogger(__name__)

READY = "READY=1"
STOPPING = "STOPPING=1"
_ALIVE = "WATCHDOG=1"
_TURNS = 3
"""So often in its time systemd is told that all is well: one word may come late without harm."""


def notify(word: str, environment: Mapping[str, str] = os.environ) -> None:
    """Say something to systemd, if it listens."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
        try:
            line.sendto(word.encode(), "\0" + address[1:] if address.startswith("@") else address)
        except OSError as error:
            log.warning("systemd does not listen at %s: %s", address, error)


def watchdog_s(environment: Mapping[str, str] = os.environ) -> float | None:
    """After how many seconds of silence systemd starts this process anew; none when it does not watch."""
    meant_for = environment.get("WATCHDOG_PID", str(os.getpid()))
    microseconds = environment.get("WATCHDOG_USEC", "")
    if meant_for != str(os.getpid()) or not microseconds.isdecimal() or int(microseconds) == 0:
        return None
    return int(microseconds) / 1_000_000


async def keep_watchdog(answers: Callable[[], Awaitable[bool]], environment: Mapping[str, str] = os.environ) -> None:
    """Say that we are alive, until cancelled, each time that `answers` returns true. One that hangs says nothing."""
    limit_s = watchdog_s(environment)
    while limit_s is not None:
        if await answers():
            notify(_ALIVE, environment)
        await asyncio.sleep(limit_s / _TURNS)
