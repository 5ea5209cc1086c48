"""How loud a sound is, and making it as loud as it should be (EBU R 128, by pyloudnorm)."""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from pyloudnorm.iirfilter import IIRfilter
from scipy.ndimage import minimum_filter1d, uniform_filter1d
from scipy.signal import sosfilt

from tts.speech import Speech

SILENCE_LUFS = -70.0
"""The absolute gate of ITU-R BS.1770: what is quieter counts as silence."""

_STEP_S = 0.1
_STEPS_PER_BLOCK = 4
_RELATIVE_GATE_LU = 10.0
_LOOK_AHEAD_S = 0.004
BETWEEN_SAMPLES_DB = 3.0
"""What a true peak may stand above the samples beside it, for sound without much near half the sample rate."""

_TAPS = 13


@dataclass(frozen=True, slots=True)
class Level:
    """The house level every clip is brought to."""

    target_lufs: float = -16.0
    """Integrated loudness of the clip, in LUFS."""
    ceiling_dbtp: float = -1.5
    """No true peak of the decoded clip is above this, in dBTP."""
    horn: bool = False
    """Shape speech for horn loudspeakers (see `tts.horn`)."""


class LoudnessMeter:
    """Integrated loudness of a sound that comes piece by piece (ITU-R BS.1770-5), in constant memory per second.

    pyloudnorm's own meter wants the whole sound at once; the filters are its own, the gating is the standard's.
    """

    def __init__(self, sample_rate: int) -> None:
        """Make a meter for mono sound of one sample rate."""
        filters = (
            IIRfilter(3.99984385397, 0.7071752369554193, 1681.9744509555319, sample_rate, "high_shelf_DeMan"),
            IIRfilter(0.0, 0.5003270373253953, 38.13547087613982, sample_rate, "high_pass_DeMan"),
        )
        self._sections = np.array([[*stage.b, *stage.a] for stage in filters])
        self._state = np.zeros((len(filters), 2))
        self._step = round(_STEP_S * sample_rate)
        self._left = np.zeros(0)
        self._powers: list[NDArray[np.float64]] = []

    def add(self, samples: NDArray[np.float32]) -> None:
        """Measure the next piece, of any length."""
        if len(samples) == 0:
            return
        weighted, self._state = sosfilt(self._sections, samples.astype(np.float64), zi=self._state)
        power = np.concatenate([self._left, np.square(weighted)])
        count = len(power) // self._step
        self._powers.append(power[: count * self._step].reshape(count, self._step).mean(axis=1))
        self._left = power[count * self._step :]

    def loudness(self) -> float:
        """LUFS so far; `SILENCE_LUFS` for silence or less than 0.4 s."""
        steps = np.concatenate([*self._powers, np.zeros(0)])
        if len(steps) < _STEPS_PER_BLOCK:
            return SILENCE_LUFS
        blocks = np.convolve(steps, np.full(_STEPS_PER_BLOCK, 1 / _STEPS_PER_BLOCK), mode="valid")
        heard = blocks[blocks > _power(SILENCE_LUFS)]
        if len(heard) == 0:
            return SILENCE_LUFS
        above = heard[heard > _power(_lufs(float(heard.mean())) - _RELATIVE_GATE_LU)]
        return _lufs(float(above.mean()))


def measure_loudness(speech: Speech) -> float:
    """Integrated loudness in LUFS; `SILENCE_LUFS` for silence. A sound under 0.4 s is measured as if it went on."""
    samples = speech.samples
    shortest = round(_STEP_S * speech.sample_rate) * _STEPS_PER_BLOCK
    if 0 < len(samples) < shortest:
        samples = np.resize(samples, shortest)
    meter = LoudnessMeter(speech.sample_rate)
    meter.add(samples)
    return meter.loudness()


def true_peak_dbtp(speech: Speech) -> float:
    """The true peak in dBTP, by fourfold oversampling (ITU-R BS.1770-5, annex 2); −inf for silence."""
    loudest = float(np.max(np.abs(speech.samples), initial=0.0))
    peak = float(np.max(_oversampled_peaks(speech.samples, loudest * to_gain(-BETWEEN_SAMPLES_DB)), initial=0.0))
    return float(20 * np.log10(peak)) if peak > 0 else float("-inf")


def _power(lufs: float) -> float:
    return float(10 ** ((lufs + 0.691) / 10))


def _lufs(power: float) -> float:
    return float(-0.691 + 10 * np.log10(power))


def to_gain(gain_db: float) -> float:
    """Decibels as a factor of amplitude."""
    return float(10 ** (gain_db / 20))


def limit(speech: Speech, ceiling_dbtp: float) -> Speech:
    """Hold true peaks under a ceiling, turning down smoothly 4 ms ahead of each; quieter parts stay as they are."""
    ceiling = to_gain(ceiling_dbtp)
    harmless = ceiling * to_gain(-BETWEEN_SAMPLES_DB)
    if np.max(np.abs(speech.samples), initial=0.0) <= harmless:
        return speech
    peaks = _oversampled_peaks(speech.samples, harmless)
    needed = np.minimum(np.float32(1.0), np.float32(ceiling) / np.maximum(peaks, np.float32(1e-9)))
    width = 2 * round(_LOOK_AHEAD_S * speech.sample_rate) + 1
    # The minimum over 2 widths, averaged over 1, is never above what is needed at its centre.
    gain = uniform_filter1d(minimum_filter1d(needed, 2 * width + 1), width)
    return Speech((speech.samples * gain).astype(np.float32, copy=False), speech.sample_rate)


def _oversampled_peaks(samples: NDArray[np.float32], loud: float) -> NDArray[np.float32]:
    """For each sample, the largest absolute value of it and of three points on the way to the next.

    Looked for only beside samples that are `loud`: speech has few.
    """
    peaks = np.abs(samples)
    near = np.zeros(len(samples), dtype=bool)
    np.greater_equal(peaks, loud, out=near)
    near[:-1] |= near[1:]
    at = np.flatnonzero(near)
    if len(samples) > _TAPS and len(at):
        around = sliding_window_view(np.pad(samples, _TAPS // 2), _TAPS)[at]
        peaks[at] = np.maximum(peaks[at], np.abs(around @ _BETWEEN).max(axis=1))
    return peaks


def _interpolators() -> NDArray[np.float32]:
    """Columns that give the sound a quarter, a half and three quarters of a sample later (windowed sinc)."""
    at = np.arange(_TAPS) - _TAPS // 2
    kernels = [np.sinc(at - shift) * np.kaiser(_TAPS, 5.0) for shift in (0.25, 0.5, 0.75)]
    return np.stack([kernel / kernel.sum() for kernel in kernels], axis=1).astype(np.float32)


_BETWEEN = _interpolators()
