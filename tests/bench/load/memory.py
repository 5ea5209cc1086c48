"""How much memory the server and its children hold, and how much processor the server has used, from /proc."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path

from tests.bench.load.evidence import Evidence
from tests.crash.unit import child_named

EVERY_S = 5.0
CHILDREN = ("mosquitto", "renderer", "emergency-renderer")


def resident_mb(pid: int) -> float | None:
    """The resident memory of a process in MB (10⁶ bytes); none when it is not there."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024 / 1e6
    return None


def used_cpu_s(pid: int) -> float | None:
    """The processor time that a process itself has used; none when it is not there."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return None


async def sample_memory(server_pid: int, evidence: Evidence) -> None:
    """Note it every few seconds, with the machine's load, until cancelled."""
    while True:
        pids = {"server": server_pid, **{name: child_named(server_pid, name) for name in CHILDREN}}
        held = {name: resident_mb(pid) for name, pid in pids.items() if pid is not None}
        held_mb = {name: round(mb, 2) for name, mb in held.items() if mb is not None}
        evidence.note(**held_mb, server_cpu_s=used_cpu_s(server_pid), load=os.getloadavg()[0])
        await asyncio.sleep(EVERY_S)
