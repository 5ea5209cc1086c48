"""The demo's processes: which end is a failure, and which was asked for."""

import asyncio
from pathlib import Path

import pytest

from scheduler.clock import utc_now
from web.demo.processes import Processes


@pytest.mark.parametrize(("status", "ended"), [(0, None), (3, "dong-1")])
async def test_a_pole_that_ended_well_is_started_again_and_one_that_failed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, ended: str | None
) -> None:
    (tmp_path / "ends.py").write_text(f"raise SystemExit({status})\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    processes = Processes(tmp_path / "log", utc_now)
    try:
        child = await processes.start("dong-1", "ends", [])
        async with asyncio.timeout(60):
            assert (await child.ended()).exit_code == status
        assert processes.first_ended() == ended
    finally:
        await processes.stop_all()
