"""A voice brought to the house level: what reads the sentences of a clip."""

import re

import numpy as np

from tts.engine import SpeechEngine, plain
from tts.errors import EngineError
from tts.horn import shape_for_horn
from tts.loudness import SILENCE_LUFS, Level, LoudnessMeter, limit, to_gain
from tts.sentence_cache import SentenceCache
from tts.sound import MIX_RATE, from_pcm, resample, to_pcm, trim_silence
from tts.speech import Speech

_SOUND_VERSION = 6
"""Counted up when this package changes what a sentence sounds like, so that old sounds are not taken for new."""

_CALIBRATION = (
    "Kính thưa toàn thể nhân dân, Ủy ban nhân dân xã xin thông báo.",
    "Mời bà con đến nhà văn hóa thôn vào lúc bảy giờ tối nay.",
    "Trân trọng cảm ơn và kính chúc bà con sức khỏe.",
)
_OVERSHOOT_DB = 3.5
_DECODERS_DIFFER_DB = 0.1
_CALIBRATION_ROUNDS = 6
_REST_S = 0.5
_LETTER = re.compile("[A-Za-zÀ-ɏḀ-ỿ]")
"""What every voice says something of; of other scripts it may have nothing to say."""
_SHORTEST_S, _LONGEST_S, _AT_LEAST_S = 0.01, 0.4, 5.0
"""What a character takes: about 0.07 s in Vietnamese; single letters and abbreviations are spelled."""


def mix_ceiling_dbtp(level: Level) -> float:
    """How high peaks may be before encoding: Opus makes them 1 to 2 dB higher, at times more than 3."""
    return level.ceiling_dbtp - _OVERSHOOT_DB


def header_gain_db(level: Level, loudness_lufs: float, peak_dbtp: float) -> float:
    """The last correction of a whole clip as it was measured decoded, kept under the ceiling; 0 for silence."""
    if loudness_lufs <= SILENCE_LUFS:
        return 0.0
    return min(level.target_lufs - loudness_lufs, level.ceiling_dbtp - _DECODERS_DIFFER_DB - peak_dbtp)


class Reader:
    """Reads sentences at the house level: silence cut at the edges, at `MIX_RATE`, each voice with one gain for ever.

    The gain is measured once, on fixed sentences, so that a sentence sounds the same in every clip.
    """

    def __init__(self, engine: SpeechEngine, level: Level | None = None, cache: SentenceCache | None = None) -> None:
        """Measure the voice, if the cache does not know it.

        Raises:
            EngineError: the engine does not even speak the measuring sentences.
        """
        self.engine = engine
        self.level = level or Level()
        self._cache = cache
        self._key = f"{_SOUND_VERSION}|{engine.fingerprint}|{self.level}"
        self._gain = self._known_gain()

    def read(self, sentence: str, *, rate: float = 1.0) -> Speech:
        """One sentence or clause as it goes into the clip; empty if there is nothing to say.

        Raises:
            EngineError: the engine did not speak.
        """
        key = f"{self._key}|{rate}|{sentence}"
        known = self._cache.sound(key) if self._cache else None
        if known is not None:
            return from_pcm(known, MIX_RATE)
        # In 16 bits at once, so that a remembered sentence is to the sample what a fresh one is.
        fresh = to_pcm(amplified(self._raw(sentence, rate), self._gain, self.level))
        if self._cache and len(fresh):
            self._cache.keep_sound(key, fresh)
        return from_pcm(fresh, MIX_RATE)

    def _known_gain(self) -> float:
        key = f"{self._key}|gain"
        known = self._cache.text(key) if self._cache else None
        if known is not None:
            return float(known)
        said = [self._raw(sentence, 1.0) for sentence in _CALIBRATION]
        gain = calibrated_gain(said, self.level, rest_s=_REST_S)
        if self._cache:
            self._cache.keep_text(key, repr(gain))
        return gain

    def _raw(self, sentence: str, rate: float) -> Speech:
        said = trim_silence(self.engine.speak(sentence, rate=rate))
        if _LETTER.search(plain(sentence)):
            _check_length(said, len(sentence) / rate, self.engine.voice)
        return resample(shape_for_horn(said) if self.level.horn else said, MIX_RATE)


def _check_length(said: Speech, letters: float, voice: str) -> None:
    """A damaged model gives no sound, or noise without end, and knows nothing of it.

    Raises:
        EngineError: nobody says so much text in that time.
    """
    if not _SHORTEST_S * letters <= said.duration_s <= _LONGEST_S * letters + _AT_LEAST_S or not len(said.samples):
        raise EngineError(f"{voice} made {said.duration_s:.1f} s of sound of {letters:.0f} characters")


def amplified(speech: Speech, gain: float, level: Level) -> Speech:
    """The sound times a gain, its peaks under the mixing ceiling."""
    louder = Speech((speech.samples * np.float32(gain)).astype(np.float32, copy=False), speech.sample_rate)
    return limit(louder, mix_ceiling_dbtp(level))


def calibrated_gain(sounds: list[Speech], level: Level, *, rest_s: float = 0.0) -> float:
    """The gain that brings the sounds to the target, with a rest after each.

    Found in a few rounds, as holding peaks down costs loudness.
    """
    gain_db = 0.0
    for _ in range(_CALIBRATION_ROUNDS):
        meter = LoudnessMeter(sounds[0].sample_rate)
        for sound in sounds:
            meter.add(amplified(sound, to_gain(gain_db), level).samples)
            meter.add(np.zeros(round(rest_s * sound.sample_rate), dtype=np.float32))
        gain_db += level.target_lufs - meter.loudness()
    return to_gain(gain_db)
