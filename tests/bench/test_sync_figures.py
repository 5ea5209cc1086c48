import numpy as np
import pytest

from tests.bench.bench_sync_figures import RATE, begin_of, percentile, skews_ms
from tests.fakes.sounds import noise


@pytest.mark.parametrize("shift", [0.0, 0.25, 0.5, 13.7])
def test_a_beginning_is_found_between_samples(shift: float) -> None:
    sound = noise(0.3, seed=4)
    room = np.concatenate([np.zeros(RATE // 2), sound, np.zeros(RATE)])
    frequencies = np.fft.rfftfreq(len(room))
    late = np.fft.irfft(np.fft.rfft(room) * np.exp(-2j * np.pi * frequencies * shift), len(room))
    found = begin_of(sound, late + noise(len(late) / RATE, seed=5, level=0.02))
    assert found == pytest.approx(RATE // 2 + shift, abs=0.1)


def test_what_was_not_played_is_not_found() -> None:
    assert begin_of(noise(0.3, seed=4), np.zeros(RATE)) is None
    assert begin_of(noise(0.3, seed=4), noise(1.0, seed=5)) is None


def test_the_skew_is_between_the_first_and_the_last_and_needs_all_of_them() -> None:
    found = skews_ms([[0, 48, 96, 24], [0, None, 480, 0], [100, 100, 100, 100]])
    assert found == [2.0, 0.0]
    assert percentile(found, 95) == pytest.approx(1.9)
