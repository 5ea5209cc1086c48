"""What people send becomes a recording and a clip, or is refused; nothing in a file reaches beyond it."""

import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile
from pydantic import TypeAdapter

from tests.fakes.sent_files import clipped, encoded, film, hours_long, hush, tone, wav, with_cover
from tests.fakes.sounds import RATE, find, noise
from tests.tts.measuring import ebur128
from tts.clip_file import decode_clip, probe_clip
from tts.clip_store import ClipStore
from tts.errors import RecordingUnfit
from tts.loudness import Level
from tts.record_job import Cut, CutJob, Flaw, Refused, TakeJob, Taken, Unfit
from tts.recorded import clip_sound, cut_clip
from tts.recorder import cut, take
from tts.sound import MIX_RATE

FORMATS = {
    ".mp3": (), ".wav": (), ".m4a": (), ".ogg": (), ".flac": (), ".webm": ("-c:a", "libopus"),
    ".aac": (), ".aiff": (), ".opus": ("-c:a", "libopus"),
}  # fmt: skip
ANSWER: TypeAdapter[Taken | Cut | Refused] = TypeAdapter(Taken | Cut | Refused)


def in_a_process(job: TakeJob | CutJob) -> Taken | Cut | Refused:
    """Have the recorder's own process do it, as the server does."""
    command = [sys.executable, "-m", "tts.recorder"]
    done = subprocess.run(command, input=job.model_dump_json(), capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    return ANSWER.validate_json(done.stdout)


def job_for(source: Path, *, max_length_s: int = 1800, target_lufs: float = -16.0) -> TakeJob:
    folder = source.parent
    return TakeJob(
        source=source,
        master=folder / "master.flac",
        store=folder / "store",
        target_lufs=target_lufs,
        max_length_s=max_length_s,
    )


def refusal_of(job: TakeJob) -> Unfit:
    with pytest.raises(RecordingUnfit) as raised:
        take(job)
    return raised.value.why


def clip_of(folder: Path, cut: Cut) -> Path:
    return ClipStore(folder / "store").path_of(cut.sha256)


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_sound_of_any_usual_format_becomes_a_clip_at_the_house_level(tmp_path: Path, suffix: str) -> None:
    taken = take(job_for(encoded(tmp_path, suffix, *FORMATS[suffix])))
    clip = clip_of(tmp_path, taken.cut)
    loudness, peak = ebur128(clip)
    assert abs(loudness - -16) <= 0.5
    assert peak <= -1.5
    assert abs(probe_clip(clip).duration_ms - 3000) < 150
    heard = decode_clip(clip)
    _, likeness = find(noise(3, 1)[RATE // 2 : 2 * RATE], np.asarray(heard.samples, dtype=np.float64))
    assert likeness > 0.75, "the same sound"


@pytest.mark.parametrize(("level", "flaws"), [(1.0, []), (0.03, [Flaw.QUIET])], ids=["loud", "soft"])
@pytest.mark.parametrize("target", [-16.0, -20.0])
def test_loud_and_soft_come_out_alike(tmp_path: Path, level: float, flaws: list[Flaw], target: float) -> None:
    swelling = noise(5, 3, level) * np.linspace(0.5, 1, 5 * RATE)
    taken = take(job_for(wav(tmp_path / "sent.wav", swelling), target_lufs=target))
    loudness, peak = ebur128(clip_of(tmp_path, taken.cut))
    assert abs(loudness - target) <= 0.5
    assert peak <= -1.5
    assert taken.flaws == flaws


BAD: dict[str, tuple[Callable[[Path], Path], Unfit]] = {
    "text": (lambda at: written(at / "a.mp3", "Kính thưa bà con.\n" * 500), Unfit.NOT_AUDIO),
    "empty": (lambda at: written(at / "a.mp3", ""), Unfit.NOT_AUDIO),
    "random": (lambda at: written(at / "a.mp3", np.random.default_rng(7).bytes(100_000)), Unfit.NOT_AUDIO),
    "picture": (lambda at: written(at / "a.wav", b"\x89PNG\r\n\x1a\n" + bytes(5000)), Unfit.NOT_AUDIO),
    "half a header": (lambda at: written(at / "a.wav", b"RIFF\x24\x00\x00\x00WAVEfmt "), Unfit.NOT_AUDIO),
    "film": (film, Unfit.VIDEO),
    "three hours": (hours_long, Unfit.TOO_LONG),
    "a tenth of a second": (lambda at: wav(at / "a.wav", noise(0.1, 1)), Unfit.TOO_SHORT),
    "silence": (lambda at: wav(at / "a.wav", hush(5)), Unfit.SILENT),
    "next to silence": (lambda at: wav(at / "a.wav", noise(5, 3, 0.003)), Unfit.SILENT),
    "channels that cancel each other": (
        lambda at: wav(at / "a.wav", np.stack([noise(3, 1), -noise(3, 1)], axis=1)),
        Unfit.SILENT,
    ),
}


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_a_recording_is_refused_and_leaves_no_clip(tmp_path: Path, name: str) -> None:
    make, why = BAD[name]
    assert refusal_of(job_for(make(tmp_path))) is why
    assert not any((tmp_path / "store").rglob("*.opus"))


def test_a_length_that_the_header_hides_is_found_all_the_same(tmp_path: Path) -> None:
    source = encoded(tmp_path, ".webm", "-c:a", "libopus", "-f", "webm", "-live", "1", seconds=20)
    assert refusal_of(job_for(source, max_length_s=10)) is Unfit.TOO_LONG
    assert soundfile.info(tmp_path / "master.flac").duration <= 12


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("playlist", "#EXTM3U\n#EXTINF:3,\n{url}\n#EXT-X-ENDLIST\n"),
        ("concat", "ffconcat version 1.0\nfile {secret}\n"),
        ("subtitle", "[Script Info]\n{url}\n"),
        ("sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio {port} RTP/AVP 0\n"),
    ],
)
def test_a_file_opens_no_other_file_and_no_address(tmp_path: Path, name: str, content: str) -> None:
    asked = threading.Event()

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.set()
            self.send_error(404)

    secret = wav(tmp_path / "secret.wav", noise(3, 9))
    server = HTTPServer(("127.0.0.1", 0), Listener)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        port = server.server_address[1]
        text = content.format(url=f"http://127.0.0.1:{port}/a.mp3", secret=secret, port=port)
        assert refusal_of(job_for(written(tmp_path / f"{name}.mp3", text))) is Unfit.NOT_AUDIO
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
    assert not asked.is_set()


def test_a_cover_picture_is_no_film(tmp_path: Path) -> None:
    assert take(job_for(with_cover(tmp_path))).original_format == "mp3"


def test_tags_do_not_get_into_what_is_kept(tmp_path: Path) -> None:
    take(job_for(encoded(tmp_path, ".mp3", "-metadata", "title=Nhà ông Bảy", "-metadata", "location=+21.0")))
    kept = (tmp_path / "master.flac").read_bytes()
    assert "Nhà ông Bảy".encode() not in kept
    assert b"+21.0" not in kept


def test_a_clipped_recording_is_taken_and_said(tmp_path: Path) -> None:
    taken = take(job_for(wav(tmp_path / "sent.wav", clipped(4))))
    assert taken.flaws == [Flaw.CLIPPED]
    loudness, peak = ebur128(clip_of(tmp_path, taken.cut))
    assert abs(loudness - -16) <= 0.5
    assert peak <= -1.5


def test_silence_at_the_ends_is_left_out_and_the_middle_kept(tmp_path: Path) -> None:
    wave = np.concatenate([hush(2), noise(2, 1), hush(1.5), noise(2, 2), hush(3)])
    taken = take(job_for(wav(tmp_path / "sent.wav", wave)))
    assert taken.length_ms == 10_500
    assert 1700 <= taken.cut.start_ms <= 2000
    assert 7500 <= taken.cut.end_ms <= 7800
    assert len(taken.peaks) <= 1000
    quiet = [peak for place, peak in enumerate(taken.peaks) if place * 10_500 / len(taken.peaks) < 1900]
    assert max(quiet) == 0
    assert max(taken.peaks) > 15


def test_another_stretch_is_another_clip_of_just_that_stretch(tmp_path: Path) -> None:
    wave = np.concatenate([tone(2, 400), tone(2, 700), tone(2, 1100)])
    job = job_for(wav(tmp_path / "sent.wav", wave))
    take(job)
    middle = cut(CutJob(master=job.master, store=job.store, target_lufs=-16, start_ms=2000, end_ms=4000))
    assert middle.duration_ms == 2000
    heard = decode_clip(clip_of(tmp_path, middle))
    spectrum = np.abs(np.fft.rfft(heard.samples))
    loudest_hz = np.argmax(spectrum) * heard.sample_rate / len(heard.samples)
    assert loudest_hz == pytest.approx(700, abs=5)
    assert spectrum[400 * 2] < spectrum.max() / 100
    assert abs(ebur128(clip_of(tmp_path, middle))[0] - -16) <= 0.5


@pytest.mark.parametrize(("start_ms", "end_ms", "why"), [(0, 1500, Unfit.SILENT), (2000, 2100, Unfit.TOO_SHORT)])
def test_a_stretch_without_sound_is_no_clip(tmp_path: Path, start_ms: int, end_ms: int, why: Unfit) -> None:
    soundfile.write(tmp_path / "m.flac", np.concatenate([hush(2), noise(2, 1)])[::2], MIX_RATE)
    with pytest.raises(RecordingUnfit) as raised:
        cut_clip(tmp_path / "m.flac", start_ms, end_ms, Level())
    assert raised.value.why is why


def test_the_limiter_knows_no_blocks(tmp_path: Path) -> None:
    """A peak at the border of two blocks is held down as anywhere else: no step in the sound."""
    wave = noise(21, 4, 0.1)[::2]
    for second in (5, 10, 15, 20):
        wave[second * MIX_RATE - 240 : second * MIX_RATE + 240] *= 9
    soundfile.write(tmp_path / "m.flac", wave, MIX_RATE)
    clip = cut_clip(tmp_path / "m.flac", 0, 21_000, Level())
    sound = np.asarray(decode_clip(clip.data).samples[::2], dtype=np.float64)
    at_border = sound[10 * MIX_RATE - 480 : 10 * MIX_RATE + 480]
    within = sound[5 * MIX_RATE - 480 : 5 * MIX_RATE + 480]
    assert np.abs(at_border).max() == pytest.approx(np.abs(within).max(), rel=0.35)
    assert abs(ebur128(written(tmp_path / "c.opus", clip.data))[0] - -16) <= 0.5


def test_a_clip_goes_into_another_one_whole(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "m.flac", noise(23, 5)[::2], MIX_RATE)
    clip = written(tmp_path / "c.opus", cut_clip(tmp_path / "m.flac", 0, 23_000, Level()).data)
    again = np.concatenate([piece.samples for piece in clip_sound(clip, Level())]).astype(np.float64)
    assert abs(len(again) - 23 * MIX_RATE) <= 2
    place, likeness = find(np.asarray(decode_clip(clip).samples[::2], dtype=np.float64)[: 22 * MIX_RATE], again)
    assert place <= 24
    assert likeness > 0.98


def test_a_process_does_both_jobs_and_says_no(tmp_path: Path) -> None:
    job = job_for(encoded(tmp_path, ".mp3"))
    taken = in_a_process(job)
    assert isinstance(taken, Taken)
    again = in_a_process(CutJob(master=job.master, store=job.store, target_lufs=-16, start_ms=500, end_ms=1500))
    assert isinstance(again, Cut)
    assert again.sha256 != taken.cut.sha256
    assert in_a_process(job_for(written(tmp_path / "a.mp3", ""))) == Refused(why=Unfit.NOT_AUDIO)


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    job = job_for(encoded(tmp_path, ".mp3")).model_copy(update={"master": Path("/dev/full")})
    assert in_a_process(job) == Refused(why=Unfit.DISK_FULL)


def test_four_minutes_are_never_held_at_once(tmp_path: Path) -> None:
    job = job_for(wav(tmp_path / "long.wav", np.tile(noise(60, 6, 0.3), 4)))
    done = subprocess.run(
        ["/usr/bin/env", "python3", "-c", MEASURED, sys.executable, "-m", "tts.recorder"],
        input=job.model_dump_json(), capture_output=True, text=True, timeout=110,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stderr.split()[-1]) < 200_000, (
        "kB, of which libraries take 135,000; all of it as floats is 23,000 each time"
    )


MEASURED = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdin=sys.stdin)
sys.stderr.write(f" {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss}")
sys.exit(done.returncode)
"""
