"""Small work on sound in memory: change the sample rate, cut the silence at the edges."""

import av
import numpy as np
from numpy.typing import NDArray

from tts.speech import Speech

MIX_RATE = 24_000
"""Hertz at which clips are put together and encoded: Piper's voices end below 11 kHz, horns well below that."""

_SILENT_DBFS = -50.0
_WINDOW_S = 0.01
_KEEP_S = 0.03


def resample(speech: Speech, sample_rate: int) -> Speech:
    """The same sound at another rate, by libswresample. The length stays the same to within a sample."""
    if speech.sample_rate == sample_rate or len(speech.samples) == 0:
        return Speech(speech.samples, sample_rate)
    resampler = av.AudioResampler(format="flt", layout="mono", rate=sample_rate)
    frame = av.AudioFrame.from_ndarray(speech.samples[np.newaxis, :], format="flt", layout="mono")
    frame.sample_rate = speech.sample_rate
    frames = [*resampler.resample(frame), *resampler.resample(None)]
    samples = np.concatenate([out.to_ndarray()[0] for out in frames])
    count = round(len(speech.samples) * sample_rate / speech.sample_rate)
    return Speech(np.pad(samples, (0, max(0, count - len(samples))))[:count], sample_rate)


def trim_silence(speech: Speech) -> Speech:
    """Cut what is below −50 dBFS (against the loudest window) at both ends, leaving 30 ms of breath."""
    window = max(1, round(_WINDOW_S * speech.sample_rate))
    count = len(speech.samples) // window
    if count == 0:
        return speech
    blocks = speech.samples[: count * window].reshape(count, window)
    power = np.sqrt(np.mean(np.square(blocks, dtype=np.float64), axis=1))
    loudest = float(power.max())
    if loudest == 0.0:
        return Speech(speech.samples[:0], speech.sample_rate)
    heard = np.flatnonzero(power > loudest * 10 ** (_SILENT_DBFS / 20))
    keep = round(_KEEP_S * speech.sample_rate)
    start = max(0, int(heard[0]) * window - keep)
    end = min(len(speech.samples), (int(heard[-1]) + 1) * window + keep)
    return Speech(speech.samples[start:end], speech.sample_rate)


def to_pcm(speech: Speech) -> NDArray[np.int16]:
    """The samples in 16 bits; what is beyond full scale is clipped."""
    return np.round(np.clip(speech.samples, -1.0, 1.0) * 32767.0).astype(np.int16)


def from_pcm(samples: NDArray[np.int16], sample_rate: int) -> Speech:
    """16-bit samples as a sound; `to_pcm` gives the same samples back."""
    return Speech((samples / np.float32(32767.0)).astype(np.float32, copy=False), sample_rate)
