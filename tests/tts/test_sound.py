"""Loudness, peaks, silence, rates, chimes and splitting: what the clips are made with."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.tts.measuring import ebur128
from tts.chimes import Chime, closing_chime, opening_chime
from tts.clip_file import write_wav
from tts.errors import ClipError
from tts.horn import shape_for_horn
from tts.joining import rested
from tts.loudness import SILENCE_LUFS, LoudnessMeter, limit, measure_loudness, true_peak_dbtp
from tts.opus import OpusWriter, set_output_gain
from tts.sound import resample, trim_silence
from tts.speech import Speech
from tts.split import LONGEST, split_long


def tone(seconds: float, hertz: float = 440.0, amplitude: float = 0.3, rate: int = 24_000) -> Speech:
    at_s = np.arange(round(seconds * rate)) / rate
    return Speech((amplitude * np.sin(2 * np.pi * hertz * at_s)).astype(np.float32), rate)


def silence(seconds: float, rate: int = 24_000) -> Speech:
    return Speech(np.zeros(round(seconds * rate), dtype=np.float32), rate)


def chain(*pieces: Speech) -> Speech:
    return Speech(np.concatenate([piece.samples for piece in pieces]), pieces[0].sample_rate)


UNEVEN = chain(
    tone(3, amplitude=0.5), silence(2), tone(2, hertz=1500, amplitude=0.05), tone(4, hertz=200, amplitude=0.2)
)


# -- loudness ------------------------------------------------------------------------------------------------


def test_loudness_as_pyloudnorm_and_ffmpeg_measure_it(tmp_path: Path) -> None:
    ours = measure_loudness(UNEVEN)
    theirs = pyloudnorm.Meter(UNEVEN.sample_rate, filter_class="DeMan").integrated_loudness(UNEVEN.samples)
    write_wav(tmp_path / "a.wav", UNEVEN)
    assert abs(ours - theirs) < 0.1
    assert abs(ours - ebur128(tmp_path / "a.wav")[0]) < 0.15


@pytest.mark.parametrize("step", [1, 100, 2399, 2400, 50_000])
def test_loudness_does_not_depend_on_how_it_comes(step: int) -> None:
    sound = UNEVEN.samples if step > 1 else UNEVEN.samples[:24_000]
    meter = LoudnessMeter(24_000)
    for start in range(0, len(sound), step):
        meter.add(sound[start : start + step])
    assert abs(meter.loudness() - measure_loudness(Speech(sound, 24_000))) < 1e-6


@pytest.mark.parametrize("speech", [silence(0), silence(0.1), silence(5), tone(2, amplitude=1e-5)])
def test_silence_has_no_loudness(speech: Speech) -> None:
    assert measure_loudness(speech) == SILENCE_LUFS


def test_a_short_word_is_measured_as_if_it_went_on() -> None:
    assert abs(measure_loudness(tone(0.2)) - measure_loudness(tone(2))) < 0.3


def test_true_peak_sees_between_the_samples() -> None:
    """A sine at a quarter of the rate, sampled at 45°: its samples reach 0.707 of its peak."""
    at = np.arange(24_000)
    speech = Speech((0.5 * np.sin(np.pi / 2 * at + np.pi / 4)).astype(np.float32), 24_000)
    assert abs(np.abs(speech.samples).max() - 0.354) < 0.001
    assert abs(true_peak_dbtp(Speech(speech.samples[1000:-1000], 24_000)) - 20 * np.log10(0.5)) < 0.4


@given(gain=st.floats(0.1, 8.0), seed=st.integers(0, 50))
def test_limiting_holds_the_ceiling_and_leaves_the_rest(gain: float, seed: int) -> None:
    noise = np.random.default_rng(seed).standard_normal(6000) * np.repeat([0.02, 0.3, 0.05], 2000)
    speech = Speech((noise * gain).astype(np.float32), 24_000)
    limited = limit(speech, -6.0)
    assert true_peak_dbtp(limited) <= -5.5
    assert len(limited.samples) == len(speech.samples)
    ratio = limited.samples / np.where(speech.samples == 0, 1, speech.samples)
    assert ratio.max() <= 1.0 + 1e-6
    if np.abs(noise[:1500] * gain).max() < 0.3:
        assert np.array_equal(limited.samples[:1200], speech.samples[:1200])


# -- silence and rates ---------------------------------------------------------------------------------------


def test_silence_is_cut_at_the_edges_only() -> None:
    trimmed = trim_silence(chain(silence(0.5), tone(1), silence(0.3), tone(1), silence(0.7)))
    assert abs(trimmed.duration_s - 2.36) < 0.02


@pytest.mark.parametrize("speech", [silence(0), silence(0.001), silence(3)])
def test_nothing_but_silence(speech: Speech) -> None:
    assert not trim_silence(speech).samples.any()


@pytest.mark.parametrize("rate", [16_000, 22_050, 24_000, 48_000])
def test_resampling_keeps_pitch_length_and_level(rate: int) -> None:
    speech = resample(tone(1, hertz=1000, rate=rate), 24_000)
    spectrum = np.abs(np.fft.rfft(speech.samples))
    assert speech.sample_rate == 24_000
    assert len(speech.samples) == 24_000
    assert abs(int(np.argmax(spectrum)) - 1000) <= 1
    assert abs(np.sqrt(np.mean(speech.samples[2000:-2000] ** 2)) - 0.3 / np.sqrt(2)) < 0.003


# -- joining and encoding ------------------------------------------------------------------------------------


def test_rests_are_exact_and_edges_soft() -> None:
    piece = rested(tone(0.5, amplitude=0.9, hertz=997), 250)
    assert len(piece) == 18_000
    assert not piece[12_001:].any()
    assert np.abs(np.diff(piece.astype(int))).max() < 32767 * 0.9 * 2 * np.pi * 997 / 24_000 * 1.1


def encoded(*pieces: NDArray[np.int16]) -> bytes:
    with ThreadPoolExecutor(1) as ear:
        writer = OpusWriter(24_000, ear=ear)
        for piece in pieces:
            writer.write(piece)
        return writer.finish()


def test_the_file_does_not_depend_on_how_the_sound_came() -> None:
    sound = np.round(tone(3.3).samples * 32767).astype(np.int16)
    assert encoded(sound) == encoded(sound[:1000], sound[1000:50_000], sound[50_000:])


@pytest.mark.parametrize("gain_db", [-6.0, 0.0, 3.5])
def test_the_output_gain_is_what_players_apply(gain_db: float, tmp_path: Path) -> None:
    def written(gain: float) -> Path:
        path = tmp_path / f"{gain}.opus"
        path.write_bytes(set_output_gain(encoded(np.round(tone(3).samples * 32767).astype(np.int16)), gain))
        return path

    assert abs(ebur128(written(gain_db))[0] - ebur128(written(0.0))[0] - gain_db) < 0.11
    strictly = ["ffmpeg", "-v", "error", "-err_detect", "explode", "-i", str(written(gain_db)), "-f", "null", "-"]
    check = subprocess.run(strictly, capture_output=True, timeout=60)
    assert check.stderr == b""


@pytest.mark.parametrize("file", [b"", b"OggS" * 20, b"RIFF" + bytes(60)])
def test_no_gain_for_what_is_no_opus(file: bytes) -> None:
    with pytest.raises(ClipError):
        set_output_gain(file, 1.0)


def test_an_empty_or_absurd_clip_is_refused() -> None:
    with pytest.raises(ClipError):
        encoded(np.zeros(0, dtype=np.int16))
    with pytest.raises(ClipError):
        set_output_gain(encoded(np.ones(2400, dtype=np.int16)), 40.0)


# -- chimes --------------------------------------------------------------------------------------------------


def envelope_and_pitch(chime: Chime) -> NDArray[np.float64]:
    """What an ear across a field has: how loud at each 50 ms, and which of eight bands is strongest."""
    sound = opening_chime(chime, 24_000).samples[: 24_000 * 2]
    blocks = sound[: len(sound) // 1200 * 1200].reshape(-1, 1200)
    power = np.sqrt((blocks**2).mean(axis=1))
    pitch = np.abs(np.fft.rfft(blocks, axis=1)).argmax(axis=1) * 20.0
    return np.concatenate([power / power.max(), pitch / 1000])


@pytest.mark.parametrize("first", list(Chime))
def test_chimes_are_told_apart(first: Chime) -> None:
    mine = envelope_and_pitch(first)
    for other in set(Chime) - {first}:
        theirs = envelope_and_pitch(other)
        count = min(len(mine), len(theirs))
        assert np.sqrt(np.mean((mine[:count] - theirs[:count]) ** 2)) > 0.2


@pytest.mark.parametrize("chime", list(Chime))
def test_chimes_fit_and_end_softly(chime: Chime) -> None:
    opening, closing = opening_chime(chime, 24_000), closing_chime(chime, 24_000)
    assert 1.5 < opening.duration_s < 4.5
    assert 0.5 < closing.duration_s < opening.duration_s
    for speech in (opening, closing):
        assert np.abs(speech.samples).max() < 1.0
        assert abs(speech.samples[0]) < 0.001
        assert abs(speech.samples[-1]) < 0.001


# -- splitting -----------------------------------------------------------------------------------------------


CLAUSES = "Đề nghị bà con chằng chống nhà cửa, thu hoạch lúa đã chín, đưa tàu thuyền về nơi tránh trú an toàn"


@pytest.mark.parametrize(
    ("sentence", "pieces"),
    [
        ("Mời bà con.", ["Mời bà con."]),
        (
            f"{CLAUSES}; theo dõi thông tin trên loa, và không ra khơi khi chưa có thông báo mới.",
            [
                f"{CLAUSES};",
                "theo dõi thông tin trên loa, và không ra khơi khi chưa có thông báo mới.",
            ],
        ),
    ],
)
def test_long_sentences_are_cut_at_clauses(sentence: str, pieces: list[str]) -> None:
    assert split_long(sentence) == pieces


def test_without_a_comma_it_is_cut_before_a_linking_word() -> None:
    words = (
        "bà con trong toàn xã chú ý theo dõi thông tin " * 3
        + "và chuẩn bị nhà cửa "
        + "cho chắc chắn trước cơn bão " * 2
    )
    pieces = split_long(words.strip())
    assert len(pieces) == 2
    assert pieces[1].startswith("và ")


@given(st.lists(st.text(st.sampled_from("aăbđ,; .…"), min_size=1, max_size=40), min_size=1, max_size=60))
def test_splitting_loses_nothing_and_keeps_the_limit(words: list[str]) -> None:
    sentence = " ".join(words)
    pieces = split_long(sentence)
    assert " ".join(pieces).split() == sentence.split()
    assert all(len(piece) <= LONGEST for piece in pieces)


# -- horns -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("hertz", "lowest_db", "highest_db"), [(60, -80, -20), (1000, -12, -8), (10_500, -80, -15)])
def test_a_horn_gets_what_it_can_carry(hertz: float, lowest_db: float, highest_db: float) -> None:
    before = tone(2, hertz)
    after = shape_for_horn(chain(tone(2, 1000), before)).samples[48_000:]
    change_db = 20 * np.log10(np.sqrt(np.mean(after[12_000:] ** 2)) / np.sqrt(np.mean(before.samples**2)))
    assert lowest_db < change_db < highest_db


def test_a_horn_hears_quiet_syllables_nearer_to_loud_ones() -> None:
    shaped = shape_for_horn(chain(tone(2, 1000, amplitude=0.5), tone(2, 1000, amplitude=0.1))).samples
    loud, quiet = (np.sqrt(np.mean(part**2)) for part in (shaped[12_000:47_000], shaped[60_000:95_000]))
    assert 2.0 < loud / quiet < 2.6  # it was 5
    assert len(shape_for_horn(silence(0)).samples) == 0
    assert not shape_for_horn(silence(1)).samples.any()
