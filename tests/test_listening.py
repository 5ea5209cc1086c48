import wave
from pathlib import Path

import numpy as np
import pytest

from tests.listening import find_sound

RATE = 48_000


def _write(path: Path, samples: np.ndarray) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


def _noise(seconds: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, round(seconds * RATE))


def test_a_sound_is_found_where_it_is(tmp_path: Path) -> None:
    sound = _noise(1.0, 1)
    recording = _write(tmp_path / "r.wav", np.concatenate([np.zeros(RATE // 4), sound, np.zeros(RATE)]))
    match = find_sound(recording, _write(tmp_path / "s.wav", sound))
    assert match.offset_s == pytest.approx(0.25, abs=1 / RATE)
    assert match.likeness > 0.999


def test_another_sound_is_not_found(tmp_path: Path) -> None:
    recording = _write(tmp_path / "r.wav", _noise(3.0, 2))
    assert find_sound(recording, _write(tmp_path / "s.wav", _noise(1.0, 3))).likeness < 0.1


def test_half_a_sound_is_only_half_alike(tmp_path: Path) -> None:
    sound = _noise(1.0, 4)
    recording = _write(tmp_path / "r.wav", np.concatenate([sound[: RATE // 2], np.zeros(RATE * 2)]))
    assert 0.6 < find_sound(recording, _write(tmp_path / "s.wav", sound)).likeness < 0.8
