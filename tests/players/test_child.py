"""Supervised children: real processes that crash, hang, refuse to end, have children, and lose their parent."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from players.child import LEASH, Child, ChildPhase, ChildState, Pauses
from players.errors import ChildStopped

QUICK = Pauses(first_s=0.02, most_s=0.1, well_after_s=60)
PYTHON = (sys.executable, "-I", "-S", "-u", "-c")


def clock() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def running(
    command: Sequence[str], *, pauses: Pauses = QUICK, has_pipes: bool = False, is_idle: bool = False
) -> AsyncIterator[tuple[Child, "asyncio.Queue[ChildState]"]]:
    """A started child and every state it takes."""
    states: asyncio.Queue[ChildState] = asyncio.Queue()
    child = Child(
        "thử",
        command,
        clock=clock,
        pauses=pauses,
        has_pipes=has_pipes,
        is_idle=is_idle,
        stop_within_s=0.5,
        on_change=states.put_nowait,
    )
    await child.start()
    try:
        yield child, states
    finally:
        await child.stop()


async def until(states: "asyncio.Queue[ChildState]", is_so: Callable[[ChildState], bool]) -> ChildState:
    async with asyncio.timeout(20):
        while not is_so(state := await states.get()):
            pass
    return state


def is_gone(pid: int) -> bool:
    """Whether a process is gone, or only waits for its parent to notice."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def gone(pid: int) -> None:
    async with asyncio.timeout(10):
        while not is_gone(pid):  # noqa: ASYNC110 - another process's end is no event of ours
            await asyncio.sleep(0.02)


async def became(pid: int, command: list[str]) -> None:
    """Wait until the leash has become the command."""
    async with asyncio.timeout(10):
        while psutil.Process(pid).cmdline() != command:  # noqa: ASYNC110 - see gone()
            await asyncio.sleep(0.01)


def test_the_pause_doubles_and_starts_over_after_a_good_run() -> None:
    pauses, pause, seen = Pauses(), None, []
    for _ in range(9):
        pause = pauses.following(pause, ran_s=0.1)
        seen.append(pause)
    assert seen == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert pauses.following(30.0, ran_s=10.0) == 0.5


async def test_a_child_runs_until_it_is_stopped() -> None:
    async with running(("sleep", "60")) as (child, _):
        state = child.state
        assert state.phase is ChildPhase.RUNNING
        assert state.pid is not None
        await became(state.pid, ["sleep", "60"])
    assert child.state.phase is ChildPhase.STOPPED
    assert child.state.exit_code == -signal.SIGTERM
    assert is_gone(state.pid)


async def test_a_child_that_crashes_is_started_again_and_says_why() -> None:
    async with running((*PYTHON, "import sys; sys.exit('không có giọng đọc')")) as (child, states):
        pausing = await until(states, lambda state: state.phase is ChildPhase.PAUSING)
        assert pausing.exit_code == 1
        assert pausing.last_lines[-1] == "không có giọng đọc"
        assert pausing.starts_again_at is not None
        assert pausing.starts_again_at > pausing.since
        again = await until(states, lambda state: state.restarts == 3 and state.phase is ChildPhase.RUNNING)
        assert again.pid is not None
    assert child.state.phase is ChildPhase.STOPPED


async def test_a_crash_loop_slows_down() -> None:
    begun = time.monotonic()
    async with running(("false",), pauses=Pauses(first_s=0.05, most_s=0.4)) as (_, states):
        pauses: list[float] = []
        while len(pauses) < 5:
            state = await until(states, lambda state: state.phase is ChildPhase.PAUSING)
            assert state.starts_again_at is not None
            pauses.append((state.starts_again_at - state.since).total_seconds())
    assert pauses == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.4], abs=0.02)
    assert time.monotonic() - begun > 0.75


async def test_a_killed_child_comes_back_with_new_pipes() -> None:
    async with running(("cat",), has_pipes=True) as (child, _):
        for word in (b"m\xe1\xbb\x99t\n", b"hai\n"):
            pipes = await child.pipes()
            pipes.stdin.write(word)
            async with asyncio.timeout(5):
                assert await pipes.stdout.readline() == word
                child.kill()
                assert await pipes.stdout.readline() == b""
                await child.ended()


async def test_a_program_that_does_not_exist_is_named() -> None:
    async with running(("no-such-program",)) as (_, states):
        state = await until(states, lambda state: state.phase is ChildPhase.PAUSING)
        assert state.exit_code == 127
        assert state.last_lines == ("no-such-program: No such file or directory",)


async def test_a_child_that_will_not_end_is_killed() -> None:
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('sẵn sàng'); time.sleep(60)"
    async with running((*PYTHON, stubborn), has_pipes=True) as (child, _):
        async with asyncio.timeout(10):
            assert await (await child.pipes()).stdout.readline() == "sẵn sàng\n".encode()
        pid = child.state.pid
    assert child.state.exit_code == -signal.SIGKILL
    assert pid is not None
    assert is_gone(pid)


async def test_what_the_child_started_goes_with_it() -> None:
    parent = "import subprocess; p = subprocess.Popen(['sleep', '60']); print(p.pid); p.wait()"
    async with running((*PYTHON, parent), has_pipes=True) as (child, _):
        async with asyncio.timeout(10):
            grandchild = int(await (await child.pipes()).stdout.readline())
        assert not is_gone(grandchild)
    await gone(grandchild)


async def test_the_log_of_a_child_cannot_be_forged(caplog: pytest.LogCaptureFixture) -> None:
    said = r"import sys; sys.stderr.buffer.write(b'client \x1b[31m\r \xff evil\n' + b'a' * 100_000 + b'\nend')"
    with caplog.at_level("INFO", logger="players.child"):
        async with running((*PYTHON, said)) as (_, states):
            state = await until(states, lambda state: state.phase is ChildPhase.PAUSING)
    assert state.last_lines == ("client �[31m� � evil", "a" * 500, "end")
    assert "thử: client �[31m� � evil" in caplog.messages


async def test_a_child_that_talks_too_much_does_not_block() -> None:
    talker = "import sys\nfor n in range(200_000): print('dòng', n)\nsys.exit(3)"
    async with running((*PYTHON, talker)) as (_, states):
        state = await until(states, lambda state: state.phase is ChildPhase.PAUSING)
    assert state.exit_code == 3
    assert state.last_lines[-1] == "dòng 199999"
    assert len(state.last_lines) == 20


async def test_pipes_are_refused_when_it_does_not_run() -> None:
    child = Child("thử", ("cat",), clock=clock, has_pipes=True)
    with pytest.raises(ChildStopped):
        await child.pipes()
    await child.start()
    await child.stop()
    with pytest.raises(ChildStopped):
        await child.pipes()


async def test_whoever_waits_for_pipes_learns_that_it_was_stopped() -> None:
    async with running(("false",), has_pipes=True, pauses=Pauses(first_s=60)) as (child, states):
        await until(states, lambda state: state.phase is ChildPhase.PAUSING)
        waiting = asyncio.create_task(child.pipes())
        await asyncio.sleep(0)
        await child.stop()
        with pytest.raises(ChildStopped):
            await asyncio.wait_for(waiting, 5)


async def test_an_idle_child_gets_only_the_time_nobody_else_wants() -> None:
    async with running(("sleep", "60"), is_idle=True) as (child, _):
        assert child.state.pid is not None
        assert os.sched_getscheduler(child.state.pid) == os.SCHED_IDLE


async def test_a_child_is_not_stopped_by_a_ctrl_c_at_our_terminal() -> None:
    async with running(("sleep", "60")) as (child, _):
        assert child.state.pid is not None
        assert os.getpgid(child.state.pid) != os.getpgid(0)


PARENT = """
import asyncio, sys
from datetime import UTC, datetime
from players.child import Child

async def main():
    child = Child("sleep", ("sleep", "60"), clock=lambda: datetime.now(UTC))
    await child.start()
    print(child.state.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_child_does_not_outlive_a_parent_that_was_killed() -> None:
    root = Path(__file__).parents[2]
    with subprocess.Popen((sys.executable, "-c", PARENT), cwd=root, stdout=subprocess.PIPE) as parent:  # noqa: ASYNC220
        assert parent.stdout is not None
        pid = int(await asyncio.to_thread(parent.stdout.readline))
        await became(pid, ["sleep", "60"])
        parent.kill()
        parent.wait()
        await gone(pid)


def test_a_leash_whose_parent_is_already_gone_runs_nothing(tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    result = subprocess.run(
        (sys.executable, "-I", "-S", str(LEASH), "1", "-1", "-1", "64", "touch", str(touched)), timeout=20
    )
    assert result.returncode == 127
    assert not touched.exists()
