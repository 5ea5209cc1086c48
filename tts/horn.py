"""An optional preset for horn loudspeakers: only what a horn carries, and quiet syllables nearer to the loud ones."""

import numpy as np
from scipy.signal import butter, lfilter, sosfilt

from tts.speech import Speech

_LOW_HZ, _HIGH_HZ = 250.0, 7_000.0
_THRESHOLD_DB = -20.0
"""Below the sentence's own loudest 50 ms; what is louder than that is turned down."""
_RATIO = 2.0
_SMOOTH_S = 0.05


def shape_for_horn(speech: Speech) -> Speech:
    """Band-limited to 250–7,000 Hz and gently compressed (2:1); the level is set afterwards, as for any sound."""
    if len(speech.samples) == 0:
        return speech
    highest = min(_HIGH_HZ, 0.45 * speech.sample_rate)
    band = butter(2, (_LOW_HZ, highest), btype="bandpass", fs=speech.sample_rate, output="sos")
    within = sosfilt(band, speech.samples.astype(np.float64))
    keep = np.exp(-1.0 / (_SMOOTH_S * speech.sample_rate))
    power = lfilter([1.0 - keep], [1.0, -keep], np.square(within))
    loudest = float(power.max())
    if loudest == 0.0:
        return Speech(within.astype(np.float32), speech.sample_rate)
    above_db = 10 * np.log10(np.maximum(power / loudest, 1e-12)) - _THRESHOLD_DB
    gain = 10 ** (-np.maximum(0.0, above_db) * (1 - 1 / _RATIO) / 20)
    return Speech((within * gain).astype(np.float32), speech.sample_rate)
