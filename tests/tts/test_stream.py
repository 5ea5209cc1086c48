import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.tts.measuring import find_tone
from tts.clip_file import Passage, decode_clip, make_clip, write_wav
from tts.clip_store import ClipStore
from tts.errors import ClipError
from tts.reader import Reader
from tts.speech import Speech
from tts.stream import stream_clips
from tts.tone import ToneEngine, word_hz


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:

    store, reader = ClipStore(tmp_path_factory.mktemp("clips")), Reader(ToneEngine())
    return [store.path_of(store.add(make_clip([Passage(word)], reader).data)) for word in ("mưa", "lũ", "bão")]


def decoded(mp3: bytes) -> Speech:
    """By ffmpeg, as a player would."""
    command = ["ffmpeg", "-v", "error", "-f", "mp3", "-i", "-", "-f", "f32le", "-"]
    done = subprocess.run(command, input=mp3, capture_output=True, timeout=60)
    assert done.stderr == b""
    return Speech(np.frombuffer(done.stdout, dtype="<f4"), 48_000)


def whole(clips: list[Path]) -> Speech:
    return Speech(np.concatenate([decode_clip(path).samples for path in clips]), 48_000)


def best_match(stream: Speech, original: Speech) -> tuple[float, float]:
    """The highest normalised cross-correlation and the delay, in seconds, at which it is found."""
    a, b = original.samples, stream.samples
    size = 1 << (len(a) + len(b)).bit_length()
    crossed = np.fft.irfft(np.fft.rfft(b, size) * np.conj(np.fft.rfft(a, size)), size)
    at = int(np.argmax(crossed))
    lag = at if at < size // 2 else at - size
    return float(crossed[at] / np.sqrt(np.sum(a**2) * np.sum(b**2))), lag / 48_000


def test_the_stream_sounds_as_the_clips_do(clips: list[Path]) -> None:
    stream = decoded(b"".join(stream_clips(clips)))
    match, delay = best_match(stream, whole(clips))
    assert match > 0.99
    assert 0 <= delay < 0.1
    assert abs(stream.duration_s - whole(clips).duration_s) < 0.15


def test_words_come_in_order(clips: list[Path]) -> None:
    stream = decoded(b"".join(stream_clips([clips[2], clips[0]])))
    assert find_tone(stream, word_hz("bão")) < find_tone(stream, word_hz("mưa"))


@pytest.mark.parametrize("offset_ms", [1, 120, 400, 777, 1500])
def test_begins_where_asked(clips: list[Path], offset_ms: int) -> None:
    stream = decoded(b"".join(stream_clips(clips, offset_ms)))
    rest = Speech(whole(clips).samples[offset_ms * 48 :], 48_000)
    match, delay = best_match(stream, rest)
    assert match > 0.98
    assert 0 <= delay < 0.1


def test_after_the_end_there_is_nothing(clips: list[Path]) -> None:
    assert b"".join(stream_clips(clips, 60_000)) == b""
    assert b"".join(stream_clips([])) == b""


def test_sound_leaves_before_the_end_is_read(clips: list[Path]) -> None:
    stream = stream_clips([clips[0], Path("/nowhere/none.opus")])
    assert len(next(stream)) > 100
    with pytest.raises(ClipError):
        list(stream)


def test_every_piece_is_whole_frames(clips: list[Path]) -> None:
    """A listener may join at any piece: each begins with a frame header (11 set bits)."""
    for piece in stream_clips(clips):
        assert piece[0] == 0xFF
        assert piece[1] & 0xE0 == 0xE0


def test_what_is_no_clip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ClipError):
        next(stream_clips([tmp_path / "none.opus"]))
    (tmp_path / "bad.opus").write_bytes(b"OggS" + bytes(100))
    with pytest.raises(ClipError):
        next(stream_clips([tmp_path / "bad.opus"]))
    write_wav(tmp_path / "slow.wav", Speech(np.zeros(8000, dtype=np.float32), 8000))
    with pytest.raises(ClipError):
        next(stream_clips([tmp_path / "slow.wav"]))
