"""Notices a connection that the line has left behind: it is back, and what was sent still waits for TCP's next try.

tcp(7): what is not acknowledged is sent again after 0.2, 0.4, 0.8 … s, so that after a line that was silent for 20 s
the old connection may carry nothing for 20 s more. Whoever connects anew need not wait for it.
"""

import asyncio
import socket

LOOK_EVERY_S = 0.5
SENT_IN_VAIN = 3
"""So often TCP has sent the same bytes again: at the least 1.4 s on a quick line, more on a slow one."""
KNOCK_WITHIN_S = 1.0
GRACE_S = 0.5
"""A line that is back may bring the old connection's answer by itself."""
_RETRANSMITS = 2
"""Its place in `struct tcp_info` (linux/tcp.h): one byte after the states of the connection and of its congestion."""


async def until_left_behind(connected: socket.socket, host: str, port: int) -> None:
    """Returns when a connection hangs while its other end can be reached; knocks there only while it hangs."""
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        if _hangs(connected) and await _can_be_reached(host, port):
            await asyncio.sleep(GRACE_S)
            if _hangs(connected):
                return


def _hangs(connected: socket.socket) -> bool:
    try:
        return connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)[_RETRANSMITS] >= SENT_IN_VAIN
    except OSError:
        return False  # it is closed: who reads from it notices


async def _can_be_reached(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(KNOCK_WITHIN_S):
            _, writer = await asyncio.open_connection(host, port)
    except (TimeoutError, OSError):
        return False
    writer.transport.abort()
    return True
