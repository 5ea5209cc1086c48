"""Hears from the kernel when the board's network changes, so that a line that is back is tried at once.

rtnetlink(7): who is bound to its groups is told of links, addresses and routes that come and go. What they say is not
read: each is only a reason to try.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

LINK, IPV4_ADDRESS, IPV4_ROUTE, IPV6_ADDRESS, IPV6_ROUTE = 0x1, 0x10, 0x40, 0x100, 0x400
"""`RTMGRP_…` of linux/rtnetlink.h."""
SETTLES_S = 0.3
"""A link that comes up brings its addresses and routes one after the other; all of them are one change."""


@contextmanager
def watching_line(on_change: Callable[[], None]) -> Iterator[None]:
    """Have this called, on the event loop, some moments after each change. Where the kernel tells nothing it is not."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE) as line:
        try:
            line.bind((0, LINK | IPV4_ADDRESS | IPV4_ROUTE | IPV6_ADDRESS | IPV6_ROUTE))
        except OSError as error:
            log.info("changes of the network are not heard: %s", error)
            yield
            return
        watch, loop = _Watch(line, on_change), asyncio.get_running_loop()
        loop.add_reader(line, watch.read)
        try:
            yield
        finally:
            loop.remove_reader(line)
            watch.end()


class _Watch:
    """Makes one call of many messages."""

    def __init__(self, line: socket.socket, on_change: Callable[[], None]) -> None:
        self._line = line
        self._on_change = on_change
        self._due: asyncio.TimerHandle | None = None

    def read(self) -> None:
        """Throw away what came; a call is due."""
        try:
            while self._line.recv(65_536):
                pass
        except BlockingIOError:
            pass
        except OSError as error:
            log.debug("some changes of the network were missed: %s", error)
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(SETTLES_S, self._tell)

    def end(self) -> None:
        """Call no more."""
        if self._due is not None:
            self._due.cancel()

    def _tell(self) -> None:
        self._due = None
        self._on_change()
