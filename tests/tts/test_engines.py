"""One contract for every engine."""

from pathlib import Path

import numpy as np
import pytest

from tests.fakes.piper_voice import VOICE_NAME
from tts.engine import SpeechEngine, plain
from tts.errors import EngineError
from tts.espeak import EspeakEngine
from tts.loudness import measure_loudness
from tts.tone import ToneEngine, word_hz
from tts.voices import load_engine

SHORT = "Mời bà con ra đồng."
LONG = "Mời bà con ra đồng thu hoạch lúa đã chín trước khi bão số ba đổ bộ vào đất liền."


@pytest.fixture(params=["tone", "espeak", "piper"])
def engine(request: pytest.FixtureRequest) -> SpeechEngine:
    if request.param == "piper":
        found: SpeechEngine = request.getfixturevalue("piper")
        return found
    return ToneEngine() if request.param == "tone" else EspeakEngine()


def test_says_the_same_sentence_the_same_way_whatever_was_said_before(engine: SpeechEngine) -> None:
    first = engine.speak(SHORT)
    engine.speak(LONG)
    assert np.array_equal(first.samples, engine.speak(SHORT).samples)


def test_gives_audible_sound_of_a_plausible_length(engine: SpeechEngine) -> None:
    speech = engine.speak(LONG)
    assert speech.sample_rate == engine.sample_rate
    assert speech.samples.dtype == np.float32
    assert speech.samples.ndim == 1
    assert 3.0 < speech.duration_s < 9.0
    assert np.abs(speech.samples).max() <= 1.0
    assert np.sqrt(np.mean(speech.samples**2)) > 0.01


def test_a_longer_sentence_takes_longer(engine: SpeechEngine) -> None:
    assert engine.speak(LONG).duration_s > 2 * engine.speak(SHORT).duration_s


def test_rate_changes_the_length(engine: SpeechEngine) -> None:
    usual = engine.speak(LONG).duration_s
    assert engine.speak(LONG, rate=0.75).duration_s > 1.15 * usual
    assert engine.speak(LONG, rate=1.5).duration_s < 0.85 * usual


@pytest.mark.parametrize("rate", [0.0, -1.0, 0.49, 2.01, float("nan")])
def test_refuses_a_rate_nobody_can_follow(engine: SpeechEngine, rate: float) -> None:
    with pytest.raises(EngineError):
        engine.speak(SHORT, rate=rate)


@pytest.mark.parametrize("nothing", ["", "   ", "…", " . , ! ?", "[[", "\x00\x1b"])
def test_nothing_to_say_is_no_sound(engine: SpeechEngine, nothing: str) -> None:
    assert len(engine.speak(nothing).samples) == 0


@pytest.mark.parametrize("trick", ["xin [[h@'loU]] chào", "xin <break time='9s'/> chào", "--help", "-f/etc/passwd"])
def test_commands_in_the_text_are_only_text(engine: SpeechEngine, trick: str) -> None:
    assert 0.2 < engine.speak(trick).duration_s < 8.0


def test_does_not_level_one_sentence_against_another(engine: SpeechEngine) -> None:
    """A quiet sentence stays quiet: with piper's own normalisation every peak would be 1.0."""
    peaks = [float(np.abs(engine.speak(text).samples).max()) for text in (SHORT, LONG, "Kính mời.")]
    assert max(peaks) < 0.999


def test_names_itself(engine: SpeechEngine) -> None:
    expected = {"tone": ("tone", "tone"), "espeak": ("espeak", "espeak-vi"), "piper": ("piper", VOICE_NAME)}
    assert (engine.name, engine.voice) == expected[engine.name]


def test_two_piper_engines_of_one_model_say_the_same(piper: SpeechEngine, voices_dir: Path) -> None:
    again = load_engine(VOICE_NAME, voices_dir)
    assert np.array_equal(piper.speak(SHORT).samples, again.speak(SHORT).samples)


def test_piper_keeps_the_models_own_noise(piper: SpeechEngine) -> None:
    """The fixed table stands in for the noise; without noise the voice would be flat and the same twice in a row."""
    speech = piper.speak("lúa lúa lúa lúa lúa lúa")
    assert measure_loudness(speech) > -40
    spectrum = np.abs(np.fft.rfft(speech.samples))
    assert np.count_nonzero(spectrum > spectrum.max() / 1000) > 1000


def test_tones_tell_words_apart() -> None:
    speech = ToneEngine().speak("lúa")
    peak = np.argmax(np.abs(np.fft.rfft(speech.samples, n=speech.sample_rate)))
    assert abs(peak - word_hz("lúa")) < 4
    assert abs(word_hz("lúa") - word_hz("bão")) > 5


@pytest.mark.parametrize(
    ("written", "said"),
    [("a [[b]] c", "a b c"), ("mời\x00bà\ncon", "mời bà con"), ("ho\u0300a", "hòa"), ("<x>|y\\z", "x y z")],
)
def test_plain(written: str, said: str) -> None:
    assert plain(written) == said
