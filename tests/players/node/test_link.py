"""How a node finds its server again."""

import asyncio
import subprocess

import pytest

from players.errors import CertificateUnknown, CredentialRefused, TransportClosed
from players.node.line_watch import watching_line
from players.node.link import (
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    SHORT_FOR_S,
    SHORT_PAUSE_S,
    longest_pause,
    pause_after,
)
from players.presence import OFFLINE_AFTER


def test_the_pause_grows_while_nobody_answers() -> None:
    pauses = [pause_after(None, 0, LONGEST_PAUSE_S)]
    while len(pauses) < 7:
        pauses.append(pause_after(pauses[-1], 0.1, LONGEST_PAUSE_S))
    assert pauses == [0.5, 1, 2, 4, 8, 8, 8]


def test_it_stays_short_while_the_line_may_be_back_any_moment() -> None:
    assert pause_after(1, 0.1, SHORT_PAUSE_S) == SHORT_PAUSE_S
    assert pause_after(SHORT_PAUSE_S, 0.1, SHORT_PAUSE_S) == SHORT_PAUSE_S


def test_it_is_short_again_after_a_connection_that_held() -> None:
    assert pause_after(8, LONGEST_PAUSE_S + 1, LONGEST_PAUSE_S) == FIRST_PAUSE_S
    assert pause_after(4, 3, LONGEST_PAUSE_S) == 8


def test_a_pole_finds_a_restarted_server_before_anybody_would_call_it_offline() -> None:
    assert OFFLINE_AFTER.total_seconds() > 3 * LONGEST_PAUSE_S


@pytest.mark.parametrize(
    ("trouble", "alone_s", "expected"),
    [
        (TransportClosed("no route"), 0, SHORT_PAUSE_S),
        (TransportClosed("no route"), SHORT_FOR_S - 1, SHORT_PAUSE_S),
        (TransportClosed("no route"), SHORT_FOR_S, LONGEST_PAUSE_S),
        (CredentialRefused("revoked"), 0, LONGEST_PAUSE_S),
        (CertificateUnknown("another server"), 0, LONGEST_PAUSE_S),
    ],
)
def test_it_is_longer_where_the_line_is_long_gone_or_the_node_is_refused(
    trouble: TransportClosed, alone_s: float, expected: float
) -> None:
    assert longest_pause(trouble, alone_s) == expected


async def test_a_change_of_the_network_is_heard_and_nothing_after_the_watch() -> None:
    changed = asyncio.Event()
    with watching_line(changed.set, changed.set):
        if not address("add"):
            pytest.skip("needs to give this machine an address more: run it as root")
        try:
            async with asyncio.timeout(30):
                await changed.wait()
        finally:
            address("del")
    changed.clear()
    await asyncio.sleep(0.5)
    assert not changed.is_set()


def address(act: str) -> bool:
    """An address more on loopback: nothing but the watch sees it. Whether that could be done."""
    command = ["ip", "address", act, "127.83.83.83/32", "dev", "lo"]
    return subprocess.run(command, check=False, timeout=10, stderr=subprocess.DEVNULL).returncode == 0
