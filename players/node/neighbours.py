"""Neighbours on the same LAN hear what was started here, and are heard: one datagram, sent several times.

Multicast within the network (TTL 1) on each of the board's IPv4 addresses. What comes is judged by its signature and
the zone's pack (`local_orders`), never by where it came from.
"""

import asyncio
import logging
import socket
import struct
from collections.abc import Callable
from contextlib import suppress

import psutil

from players.offline import MAX_LOCAL_BYTES

log = logging.getLogger(__name__)

GROUP = "239.192.47.74"
SENT_AFTER_S = (0.0, 0.1, 0.3, 1.0, 2.0, 4.0, 8.0)
"""Of datagrams some are lost; a neighbour obeys the first that it hears, and once."""
LOOK_AGAIN_S = 10.0
"""A network may come up later than the board."""
HEARD_A_SECOND = 20.0
"""So many are looked at: checking a signature takes a tenth of a millisecond, and anybody on the LAN can send."""


class Neighbours(asyncio.DatagramProtocol):
    """The LAN, as one pole hears it.

    Args:
        port: the same at all poles.
        heard: takes each datagram, on the event loop.
        monotonic: the node's clock.
    """

    def __init__(self, port: int, heard: Callable[[bytes], None], monotonic: Callable[[], float]) -> None:
        self._port = port
        self._heard = heard
        self._monotonic = monotonic
        self._transport: asyncio.DatagramTransport | None = None
        self._addresses: frozenset[str] = frozenset()
        self._sending: set[asyncio.TimerHandle] = set()
        self._left, self._left_at = HEARD_A_SECOND, monotonic()

    async def run(self) -> None:
        """Hear until cancelled. Without a network or a port it is tried again."""
        try:
            while True:
                await self._open()
                self._join(_own_addresses())
                await asyncio.sleep(LOOK_AGAIN_S)
        finally:
            for timer in self._sending:
                timer.cancel()
            if self._transport is not None:
                self._transport.close()

    def spread(self, payload: bytes) -> None:
        """Have the neighbours hear it. On the event loop."""
        self._join(_own_addresses())
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._sending = {timer for timer in self._sending if timer.when() > now and not timer.cancelled()}
        self._sending |= {loop.call_later(after_s, self._send, payload) for after_s in SENT_AFTER_S}

    def datagram_received(self, data: bytes, addr: tuple[str | None, int]) -> None:
        """See `asyncio.DatagramProtocol`."""
        now = self._monotonic()
        self._left = min(HEARD_A_SECOND, self._left + (now - self._left_at) * HEARD_A_SECOND)
        self._left_at = now
        if self._left >= 1 and len(data) <= MAX_LOCAL_BYTES:
            self._left -= 1
            self._heard(data)

    def error_received(self, exc: Exception) -> None:
        """See `asyncio.DatagramProtocol`."""
        log.debug("neighbours: %s", exc)

    async def _open(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            return
        link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            link.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
            link.setblocking(False)
            link.bind((GROUP, self._port))
        except OSError as error:
            link.close()
            log.warning("neighbours cannot be heard: %s", error)
            return
        self._addresses = frozenset()
        self._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, sock=link)

    def _join(self, addresses: frozenset[str]) -> None:
        """Hear the group on each network, also on one that has come since."""
        link = None if self._transport is None else self._transport.get_extra_info("socket")
        if link is None:
            return
        for address in addresses:
            with suppress(OSError):  # joined before, or gone again; a card that was pulled out forgets it
                link.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, _membership(address))
        self._addresses = addresses

    def _send(self, payload: bytes) -> None:
        for address in self._addresses:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
                try:
                    out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
                    out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
                    out.sendto(payload, (GROUP, self._port))
                except OSError as error:
                    log.info("neighbours at %s: %s", address, error)


def _own_addresses() -> frozenset[str]:
    """The board's IPv4 addresses."""
    found = (address for addresses in psutil.net_if_addrs().values() for address in addresses)
    return frozenset(one.address for one in found if one.family is socket.AF_INET)


def _membership(address: str) -> bytes:
    return struct.pack("4s4s", socket.inet_aton(GROUP), socket.inet_aton(address))
