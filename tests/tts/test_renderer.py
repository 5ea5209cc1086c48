"""The renderer as its parent sees it: a process with two pipes."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.fakes.piper_voice import VOICE_NAME, vietnamese_voice_dir
from tests.tts.measuring import find_tone
from tts.clip_file import decode_clip
from tts.clip_store import ClipStore
from tts.tone import word_hz

pytestmark = pytest.mark.timeout(400)
"""On a machine with much else to do, a model takes its time to load."""
NAMES = ["một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín", "mười"]
SENTENCES = [{"spoken": "Mời bà con ra đồng thu hoạch lúa."}, {"spoken": "Trân trọng.", "pause": "paragraph"}]


class Renderer:
    """Starts a renderer and talks to it."""

    def __init__(
        self, voices_dir: Path, store: Path, *options: str, env: dict[str, str] | None = None, leads: bool = False
    ) -> None:
        command = [
            sys.executable,
            "-m",
            "tts.renderer",
            "--voices-dir",
            str(voices_dir),
            "--store",
            str(store),
            *options,
        ]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=env,
            start_new_session=leads,
        )
        self.ready = self.read()

    def read(self) -> dict[str, Any]:
        assert self.process.stdout
        reply: dict[str, Any] = json.loads(self.process.stdout.readline())
        return reply

    def ask(self, line: object) -> dict[str, Any]:
        assert self.process.stdin
        self.process.stdin.write(line + "\n" if isinstance(line, str) else json.dumps(line) + "\n")
        self.process.stdin.flush()
        return self.read()

    def close(self) -> int:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        ended = self.process.wait(timeout=60)
        self.process.stdout.close()
        return ended


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="module")
def renderer(voices_dir: Path, store: Path) -> Iterator[Renderer]:
    started = Renderer(voices_dir, store, "--warm", VOICE_NAME)
    yield started
    assert started.close() == 0


def job(name: str, **fields: object) -> dict[str, object]:
    return {"job": name, "sentences": SENTENCES, "voice": "tone", **fields}


def test_is_warm_when_it_says_ready(renderer: Renderer) -> None:
    assert renderer.ready == {"ready": True, "engine": "piper", "voice": VOICE_NAME, "fallback_reason": None}


@pytest.mark.parametrize(("voice", "engine"), [("tone", "tone"), ("espeak-vi", "espeak"), (VOICE_NAME, "piper")])
def test_makes_a_clip_with_each_voice(renderer: Renderer, store: Path, voice: str, engine: str) -> None:
    reply = renderer.ask(job("1", voice=voice, chime="normal", closing_chime=True))
    assert (reply["job"], reply["engine"], reply["voice"], reply["fallback_reason"]) == ("1", engine, voice, None)
    path = ClipStore(store).path_of(reply["sha256"])
    assert path.stat().st_size == reply["size_bytes"]
    assert abs(decode_clip(path).duration_s * 1000 - reply["duration_ms"]) <= 1
    assert 0 <= reply["render_ms"] < 30_000


def test_sounds_by_the_tune_that_was_chosen(renderer: Renderer) -> None:
    usual = renderer.ask(job("1", chime="normal"))
    first = renderer.ask(job("2", chime="normal", tune="bells"))
    drum = renderer.ask(job("3", chime="normal", tune="drum"))
    unknown = renderer.ask(job("4", chime="normal", tune="of a later version"))
    assert usual["sha256"] == first["sha256"] == unknown["sha256"]
    assert drum["duration_ms"] - usual["duration_ms"] == pytest.approx(660, abs=5)  # 2.86 s of drum, 2.2 s of bells
    alone = renderer.ask(job("5", sentences=[], chime="emergency", tune="siren"))
    assert alone["duration_ms"] == pytest.approx(3 * 1300 + 400, abs=5)


def test_says_what_it_was_given(renderer: Renderer, store: Path) -> None:
    reply = renderer.ask(job("1", sentences=[{"spoken": "mưa"}, {"spoken": "bão"}]))
    sound = decode_clip(ClipStore(store).path_of(reply["sha256"]))
    assert find_tone(sound, word_hz("mưa")) < find_tone(sound, word_hz("bão"))


def test_same_job_same_clip(renderer: Renderer) -> None:
    first = renderer.ask(job("1", voice=VOICE_NAME))
    renderer.ask(job("2", voice=VOICE_NAME, sentences=[{"spoken": "Câu khác chen vào giữa."}]))
    assert renderer.ask(job("3", voice=VOICE_NAME))["sha256"] == first["sha256"]


def test_a_voice_that_is_not_there_is_replaced_and_said(renderer: Renderer) -> None:
    reply = renderer.ask(job("1", voice="vi_VN-none-medium"))
    assert reply["engine"] == "espeak"
    assert "vi_VN-none-medium" in reply["fallback_reason"]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "[]",
        '{"job": "1"}',
        job("1", sentences=[]),
        job("1", chime="loud"),
        job("1", rate=9),
        job("1", extra=1),
    ],
)
def test_what_is_no_job_is_answered_and_survived(renderer: Renderer, line: object) -> None:
    reply = renderer.ask(line)
    assert set(reply) == {"job", "error", "is_disk_full"}
    assert not reply["is_disk_full"]
    assert renderer.ask(job("after"))["job"] == "after"


def test_nothing_to_say_is_an_error_of_that_job(renderer: Renderer) -> None:
    reply = renderer.ask(job("1", sentences=[{"spoken": "…"}]))
    assert reply == {"job": "1", "error": "ClipError: nothing to say", "is_disk_full": False}


def test_says_it_twice_if_asked(renderer: Renderer) -> None:
    once, again = renderer.ask(job("1")), renderer.ask(job("2", twice=True))
    assert again["duration_ms"] > 2 * once["duration_ms"]


def test_a_changed_word_costs_one_sentence(renderer: Renderer) -> None:
    """Issue 5: a second rendering with one word changed in under 0.35 of the time."""
    sentences = [
        {"spoken": f"Đề nghị bà con ở thôn {name} chằng chống nhà cửa, thu hoạch lúa đã chín."} for name in NAMES
    ]
    first = renderer.ask(job("1", voice=VOICE_NAME, sentences=sentences))
    sentences[3] = {"spoken": "Đề nghị bà con ở thôn Đoài chằng chống nhà cửa, thu hoạch lúa đã chín."}
    second = renderer.ask(job("2", voice=VOICE_NAME, sentences=sentences))
    assert second["sha256"] != first["sha256"]
    assert second["render_ms"] < 0.35 * first["render_ms"]


def test_takes_lines_ahead_and_answers_in_order(renderer: Renderer) -> None:
    assert renderer.process.stdin
    renderer.process.stdin.write("".join(json.dumps(job(str(n))) + "\n" for n in range(5)))
    renderer.process.stdin.flush()
    assert [renderer.read()["job"] for _ in range(5)] == list("01234")


def test_clips_made_at_once_are_those_made_one_by_one(renderer: Renderer, voices_dir: Path, tmp_path: Path) -> None:
    """Two texts in its hands, three voices among them, and nothing remembered: whoever is done first is told first."""
    jobs = [
        job(f"{voice} {number}", voice=voice, sentences=[{"spoken": f"Thôn {name} họp tối nay."}, *SENTENCES])
        for number, name in enumerate(NAMES[:3])
        for voice in (VOICE_NAME, "tone", "espeak-vi")
    ]
    one_by_one = {str(asked["job"]): renderer.ask(asked)["sha256"] for asked in jobs}
    started = Renderer(voices_dir, tmp_path / "clips", "--at-once", "2")
    assert started.process.stdin
    started.process.stdin.write("".join(json.dumps(asked) + "\n" for asked in jobs))
    started.process.stdin.flush()
    replies = [started.read() for _ in jobs]
    assert {reply["job"]: reply["sha256"] for reply in replies} == one_by_one
    assert started.close() == 0


def test_answers_what_it_has_in_hand_before_it_ends(voices_dir: Path, tmp_path: Path) -> None:
    started = Renderer(voices_dir, tmp_path / "clips", "--at-once", "2")
    assert started.process.stdin
    assert started.process.stdout
    started.process.stdin.write("".join(json.dumps(job(name)) + "\n" for name in NAMES))
    started.process.stdin.close()
    assert sorted(json.loads(line)["job"] for line in started.process.stdout) == sorted(NAMES)
    assert started.process.wait(timeout=60) == 0
    started.process.stdout.close()


def test_stays_small_with_a_long_bulletin(renderer: Renderer) -> None:
    """Issue: each renderer under 600 MB with a medium Piper model."""
    clause = "đề nghị bà con chằng chống nhà cửa, thu hoạch lúa đã chín, đưa tàu thuyền về nơi tránh trú an toàn, "
    long = [{"spoken": clause * 6 + "và theo dõi thông tin trên loa."}] * 3
    reply = renderer.ask(job("1", voice=VOICE_NAME, sentences=long))
    assert reply["duration_ms"] > 90_000
    assert psutil.Process(renderer.process.pid).memory_info().rss < 600e6


def test_knows_no_normaliser_and_no_database(voices_dir: Path, tmp_path: Path) -> None:
    code = (
        "import sys, io; sys.stdin = io.StringIO('')\n"
        f"from tts.renderer import main; main(['--voices-dir', {str(voices_dir)!r}, '--store', {str(tmp_path)!r},"
        f" '--warm', {VOICE_NAME!r}])\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(loaded & {'underthesea', 'sqlmodel', 'sqlalchemy', 'fastapi', 'sklearn'}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr.splitlines()[-1] == "[]"
    assert [json.loads(line)["ready"] for line in done.stdout.splitlines()] == [True]


def test_an_emergency_is_never_silent_even_without_any_voice(tmp_path: Path) -> None:
    """No Piper voice installed and no espeak-ng on the path: the signal sounds alone, and that is said."""
    started = Renderer(tmp_path / "none", tmp_path / "clips", env={**os.environ, "PATH": "/nowhere"})
    reply = started.ask(job("1", voice=VOICE_NAME, chime="emergency"))
    assert (reply["engine"], reply["voice"]) == ("chime", "emergency")
    assert "espeak-ng" in reply["fallback_reason"]
    assert decode_clip(ClipStore(tmp_path / "clips").path_of(reply["sha256"])).duration_s > 10
    assert "espeak-ng" in started.ask(job("2", voice=VOICE_NAME, chime="normal"))["error"]
    started.close()


def limited(renderer: Renderer, spare_bytes: int) -> None:
    """Let the renderer have only so much more memory than it has now."""
    process = psutil.Process(renderer.process.pid)
    at_most = process.memory_info().vms + spare_bytes
    process.rlimit(psutil.RLIMIT_AS, (at_most, at_most))


def test_a_voice_for_which_there_is_no_memory_is_replaced(voices_dir: Path, tmp_path: Path) -> None:
    """It cannot even be loaded: the next in the chain speaks, and it is said why."""
    started = Renderer(voices_dir, tmp_path / "clips", "--warm", "espeak-vi")
    assert started.ask(job("1", voice="espeak-vi"))["engine"] == "espeak"
    limited(started, 100 << 20)
    reply = started.ask(job("2", voice=VOICE_NAME, chime="emergency"))
    assert (reply["engine"], reply["voice"]) == ("espeak", "espeak-vi"), reply
    assert reply["fallback_reason"]
    assert started.ask(job("3", voice="tone"))["engine"] == "tone"
    assert started.close() == 0


def test_a_truncated_model_is_replaced(tmp_path: Path) -> None:
    """As a full disk or a bad stick leaves it."""
    folder = vietnamese_voice_dir(tmp_path / "voices")
    model = folder / f"{VOICE_NAME}.onnx"
    half = model.read_bytes()[:30_000_000]
    model.unlink()
    model.write_bytes(half)
    started = Renderer(tmp_path / "voices", tmp_path / "clips", "--warm", VOICE_NAME)
    assert (started.ready["engine"], started.ready["voice"]) == ("espeak", "espeak-vi")
    assert "không đọc được" in started.ready["fallback_reason"]
    for chime in ("normal", "emergency"):
        reply = started.ask(job("1", voice=VOICE_NAME, chime=chime))
        assert reply["engine"] == "espeak"
        assert "không đọc được" in reply["fallback_reason"]
    assert started.close() == 0


def test_a_voice_is_warmed_when_it_is_chosen(voices_dir: Path, tmp_path: Path) -> None:
    started = Renderer(voices_dir, tmp_path / "clips")
    assert started.ready["engine"] is None
    assert started.ask({"warm": VOICE_NAME}) == {
        "ready": True,
        "engine": "piper",
        "voice": VOICE_NAME,
        "fallback_reason": None,
    }
    assert "vi_VN-none-medium" in started.ask({"warm": "vi_VN-none-medium"})["fallback_reason"]
    assert started.ask(job("1", voice="tone"))["engine"] == "tone"
    assert started.close() == 0


def test_idle_means_the_scheduler_knows(tmp_path: Path) -> None:
    started = Renderer(tmp_path, tmp_path / "clips", "--idle")
    found = {os.sched_getscheduler(thread.id) for thread in psutil.Process(started.process.pid).threads()}
    assert found == {os.SCHED_IDLE}
    started.close()


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="this kernel does not share by sessions")
def test_urgent_counts_beyond_its_session_but_not_for_others(tmp_path: Path) -> None:
    mine = Path("/proc/self/autogroup").read_text()
    leader = Renderer(tmp_path, tmp_path / "clips", "--urgent", leads=True)
    wanted = os.getpriority(os.PRIO_PROCESS, leader.process.pid)
    assert Path(f"/proc/{leader.process.pid}/autogroup").read_text().endswith(f"nice {min(0, wanted)}\n")
    leader.close()
    guest = Renderer(tmp_path, tmp_path / "clips", "--urgent")
    assert Path("/proc/self/autogroup").read_text() == mine  # a terminal does not go first for what runs in it
    guest.close()


def test_urgent_goes_first_where_it_may(tmp_path: Path) -> None:
    trial = [sys.executable, "-c", "import os; os.setpriority(os.PRIO_PROCESS, 0, -10)"]
    allowed = subprocess.run(trial, check=False, timeout=60, stderr=subprocess.DEVNULL).returncode == 0
    started = Renderer(tmp_path, tmp_path / "clips", "--urgent")
    threads = psutil.Process(started.process.pid).threads()
    found = {os.getpriority(os.PRIO_PROCESS, thread.id) for thread in threads}
    assert found == {-10 if allowed else os.getpriority(os.PRIO_PROCESS, 0)}
    assert started.ask(job("1", voice="tone"))["engine"] == "tone"
    assert started.close() == 0


def test_dies_with_its_parent(tmp_path: Path) -> None:
    """The parent is killed outright, while the renderer's stdin is held open by somebody else."""
    code = (
        "import subprocess, sys, os\n"
        "stdin, keep = os.pipe()\n"
        f"child = subprocess.Popen([sys.executable, '-m', 'tts.renderer', '--voices-dir', {str(tmp_path)!r},"
        f" '--store', {str(tmp_path / 'clips')!r}], stdin=stdin, stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "sys.stdin.read()"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    assert parent.stdin
    child = psutil.Process(int(parent.stdout.readline()))
    parent.send_signal(signal.SIGKILL)
    parent.wait(timeout=30)
    child.wait(timeout=30)
    parent.stdin.close()
    parent.stdout.close()
