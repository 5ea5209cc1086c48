"""What is heard in a recording: whole, twice, in part, or not at all."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.crash.hearing import RATE, Recording, Samples, find_soundings, load_recordings, resampled, words_of
from tts.chimes import Chime, opening_chime

AT = datetime(2026, 11, 22, 10, tzinfo=UTC)
WORDS_S = 4.0


def noise(seed: int, seconds: float = WORDS_S) -> Samples:
    return resampled(np.random.default_rng(seed).normal(0, 0.1, round(seconds * RATE)), RATE)


def at_48_khz(samples: Samples) -> Samples:
    """The same sound, six times the samples."""
    return np.asarray(np.fft.irfft(np.fft.rfft(samples), len(samples) * 6) * 6)


def rest(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE))


def heard(*sounds: Samples) -> list[tuple[float, float]]:
    """When the words of seed 1 are found to have begun, in seconds, and which part of them."""
    recording = Recording(np.concatenate(sounds), AT)
    found = find_soundings([recording], noise(1), 0.0)
    return [(round((one.begun_at - AT).total_seconds(), 2), one.part) for one in found]


@pytest.mark.parametrize(
    ("sounds", "wanted"),
    [
        ((rest(3), noise(1), rest(2)), [(3.0, 1.0)]),
        ((rest(3), noise(1) * 0.1, noise(2)), [(3.0, 1.0)]),
        ((rest(1), noise(1), rest(2), noise(1)), [(1.0, 1.0), (7.0, 1.0)]),
        ((rest(1), noise(1)[: 2 * RATE], rest(2)), [(1.0, 0.5)]),
        ((noise(2), rest(1), noise(1)[3 * RATE :], rest(2)), [(2.0, 0.25)]),
        ((noise(2), rest(1), noise(3)), []),
        ((rest(9),), []),
    ],
    ids=["whole", "softly", "twice", "cut", "joined late", "others", "silence"],
)
def test_words_are_found_as_often_and_as_far_as_they_sounded(
    sounds: tuple[Samples, ...], wanted: list[tuple[float, float]]
) -> None:
    assert heard(*sounds) == wanted


def test_the_chimes_that_all_clips_share_are_no_words() -> None:
    rate = 48000
    chime = np.asarray(opening_chime(Chime.NORMAL, rate).samples, dtype=np.float64)
    speech = at_48_khz(noise(1))
    words, offset_s = words_of(np.concatenate([chime, speech]), rate, Chime.NORMAL)
    assert offset_s == pytest.approx(len(chime) / rate)
    assert find_soundings([Recording(resampled(chime, rate), AT)], words, offset_s) == []


def test_a_stretch_of_a_recording_is_read_with_its_own_instant(tmp_path: Path) -> None:
    path = tmp_path / "east.000.wav"
    pcm = (at_48_khz(noise(1)) * 32767).astype("<i2")
    path.write_bytes(bytes(44) + bytes(2 * 48000 * 2) + pcm.tobytes())
    path.with_name(f"{path.name}.json").write_text(json.dumps({"recording_started_at": AT.isoformat()}))
    (found,) = load_recordings([path], AT + timedelta(seconds=1), AT + timedelta(seconds=60))
    assert found.begins_at == AT + timedelta(seconds=1)
    (sounding,) = find_soundings([found], noise(1), 0.0)
    assert (sounding.begun_at - AT).total_seconds() == pytest.approx(2, abs=0.01)
    assert load_recordings([path], AT - timedelta(seconds=9), AT - timedelta(seconds=3)) == []
