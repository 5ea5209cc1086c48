"""Hears from the kernel when the board's network changes, so that a line that is back is tried at once.

rtnetlink(7): who is bound to its groups is told of links, addresses and routes that come and go. Each is a reason to
try; a link that runs again after it did not is one to leave a connection of before, which may hang for long.
"""

import asyncio
import logging
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

LINK, IPV4_ADDRESS, IPV4_ROUTE, IPV6_ADDRESS, IPV6_ROUTE = 0x1, 0x10, 0x40, 0x100, 0x400
"""`RTMGRP_…` of linux/rtnetlink.h."""
NEW_LINK, GONE_LINK, RUNNING = 16, 17, 0x40
"""`RTM_…` of linux/rtnetlink.h, `IFF_RUNNING` of linux/if.h."""
_HEADER, _LINK_FLAGS = struct.Struct("=IH10x"), struct.Struct("=8xI")
"""`struct nlmsghdr`: length and kind. `struct ifinfomsg`: its flags."""
SETTLES_S = 0.3
"""A link that comes up brings its addresses and routes one after the other; all of them are one change."""


@contextmanager
def watching_line(on_change: Callable[[], None], on_return: Callable[[], None]) -> Iterator[None]:
    """Have one of these called, on the event loop, some moments after each change.

    Args:
        on_change: for any other change.
        on_return: a link runs again. Where the kernel tells nothing neither is called.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE) as line:
        try:
            line.bind((0, LINK | IPV4_ADDRESS | IPV4_ROUTE | IPV6_ADDRESS | IPV6_ROUTE))
        except OSError as error:
            log.info("changes of the network are not heard: %s", error)
            yield
            return
        watch, loop = _Watch(line, on_change, on_return), asyncio.get_running_loop()
        loop.add_reader(line, watch.read)
        try:
            yield
        finally:
            loop.remove_reader(line)
            watch.end()


class _Watch:
    """Makes one call of many messages."""

    def __init__(self, line: socket.socket, on_change: Callable[[], None], on_return: Callable[[], None]) -> None:
        self._line = line
        self._on_change = on_change
        self._on_return = on_return
        self._went = False
        self._returned = False
        self._due: asyncio.TimerHandle | None = None

    def read(self) -> None:
        """Take what came; a call is due."""
        try:
            while said := self._line.recv(65_536):
                for is_running in links_in(said):
                    self._returned |= is_running and self._went
                    self._went = not is_running
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
        tell, self._returned = self._on_return if self._returned else self._on_change, False
        tell()


def links_in(said: bytes) -> Iterator[bool]:
    """Of each link that one of the kernel's messages tells of, whether it runs."""
    at = 0
    while at + _HEADER.size + _LINK_FLAGS.size <= len(said):
        length, kind = _HEADER.unpack_from(said, at)
        if kind in (NEW_LINK, GONE_LINK):
            yield kind == NEW_LINK and bool(_LINK_FLAGS.unpack_from(said, at + _HEADER.size)[0] & RUNNING)
        at += max(length + 3 & ~3, _HEADER.size)
