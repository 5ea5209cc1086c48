"""A line that is silent and returns, a cable that is pulled and put back: in a network of its own."""

import asyncio
import os
import shutil
import subprocess
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def missing() -> str | None:
    """What this machine does not let us have."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("ip", "iptables", "unshare"))):
        return "needs root, ip, iptables and unshare"
    tried = subprocess.run(["unshare", "--net", "iptables", "-L"], capture_output=True)
    return None if tried.returncode == 0 else f"needs network namespaces: {tried.stderr.decode().strip()}"


@pytest.fixture(autouse=True)
def may_have_networks() -> None:
    lack = missing()
    if lack is not None:
        pytest.skip(lack)


async def what_came_of(trial: str) -> list[str]:
    process = await asyncio.create_subprocess_exec(
        *("unshare", "--net", sys.executable, "-m", "tests.players.own_net", trial),
        cwd=ROOT,
        stdout=PIPE,
        stderr=PIPE,
    )
    said, trouble = await asyncio.wait_for(process.communicate(), 180)
    assert process.returncode == 0, trouble.decode()
    return said.decode().split()


@pytest.mark.timeout(240)
async def test_a_connection_that_hangs_is_noticed_when_its_other_end_can_be_reached_again() -> None:
    """TCP itself would have tried again up to six seconds later."""
    assert len(await what_came_of("left-behind")) == 1


@pytest.mark.timeout(240)
async def test_a_link_that_runs_again_is_told_apart_from_other_changes() -> None:
    assert await what_came_of("link-returns") == ["changed", "returned", "changed"]
