"""A clip of spoken and recorded parts: in order, whole, at one level."""

from pathlib import Path

import numpy as np
import soundfile

from tests.fakes.sounds import find, noise
from tests.tts.measuring import ebur128, find_tone
from tts.chimes import Chime
from tts.clip_file import decode_clip
from tts.clip_store import ClipStore
from tts.loudness import Level
from tts.recorded import cut_clip
from tts.render_job import ClipLine, Rendered, RenderFailed, RenderJob, SentenceLine
from tts.renderer import answer
from tts.sound import MIX_RATE
from tts.speech import Speech
from tts.spoken import Pause
from tts.tone import ToneEngine, word_hz
from tts.voice_chain import VoiceChain


def test_recorded_sound_stands_between_spoken_words_in_one_clip_at_one_level(tmp_path: Path) -> None:
    """Vietnamese, then what was recorded, then Vietnamese again."""
    store = ClipStore(tmp_path / "store")
    soundfile.write(tmp_path / "m.flac", noise(12, 5)[::2], MIX_RATE)
    recorded = store.add(cut_clip(tmp_path / "m.flac", 0, 12_000, Level()).data)
    job = RenderJob(
        job="1",
        sentences=(
            SentenceLine(spoken="Kính thưa bà con.", pause=Pause.PARAGRAPH),
            ClipLine(clip=recorded),
            SentenceLine(spoken="Xin trân trọng cảm ơn bà con."),
        ),
        voice="tone",
        chime=Chime.NORMAL,
    )
    chain = VoiceChain(tmp_path, open_voice=lambda _voice, _folder: ToneEngine())
    made = answer(job.model_dump_json(), chain, store)
    assert isinstance(made, Rendered)
    clip = store.path_of(made.sha256)
    heard = decode_clip(clip)
    at, likeness = find(
        np.asarray(decode_clip(store.path_of(recorded)).samples, dtype=np.float64),
        np.asarray(heard.samples, dtype=np.float64),
    )
    assert likeness > 0.8, "all of it, without a gap"
    before = find_tone(Speech(heard.samples[:at], heard.sample_rate), word_hz("bà"))
    after = at + 12 * heard.sample_rate
    assert before < at / heard.sample_rate
    assert find_tone(Speech(heard.samples[after:], heard.sample_rate), word_hz("trân")) > 0.9, "after a rest"
    assert abs(ebur128(clip)[0] - -16) <= 0.5
    assert ebur128(clip)[1] <= -1.5
    assert made.engine == "tone"


def test_recorded_sound_alone_needs_no_voice(tmp_path: Path) -> None:
    store = ClipStore(tmp_path / "store")
    soundfile.write(tmp_path / "m.flac", noise(3, 5)[::2], MIX_RATE)
    recorded = store.add(cut_clip(tmp_path / "m.flac", 0, 3000, Level()).data)
    chain = VoiceChain(tmp_path)
    made = answer(
        RenderJob(job="1", sentences=(ClipLine(clip=recorded),), voice="nobody").model_dump_json(), chain, store
    )
    assert isinstance(made, Rendered)
    assert (made.engine, made.voice, made.fallback_reason) == ("recording", "", None)
    assert abs(made.duration_ms - 4000) < 50


def test_a_recorded_clip_that_is_gone_fails_the_job_and_not_the_renderer(tmp_path: Path) -> None:
    job = RenderJob(job="1", sentences=(ClipLine(clip="0" * 64),), voice="espeak")
    made = answer(job.model_dump_json(), VoiceChain(tmp_path), ClipStore(tmp_path / "store"))
    assert isinstance(made, RenderFailed)
    assert "000000.opus" in made.error
