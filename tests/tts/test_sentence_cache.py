import os
import resource
from pathlib import Path

import numpy as np
import pytest

from tts.clip_file import Passage, make_clip
from tts.loudness import Level
from tts.reader import Reader
from tts.sentence_cache import SentenceCache
from tts.speech import Speech
from tts.tone import ToneEngine

SOUND = (np.sin(np.arange(24_000) / 7) * 9000).astype(np.int16)


class CountingEngine(ToneEngine):
    """Counts the sentences it really said."""

    def __init__(self, fingerprint: str = "tone-1") -> None:
        self.said: list[str] = []
        self.fingerprint = fingerprint

    def speak(self, sentence: str, *, rate: float = 1.0) -> Speech:
        self.said.append(sentence)
        return super().speak(sentence, rate=rate)


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_gives_back_to_the_sample_what_was_kept(tmp_path: Path) -> None:
    cache = SentenceCache(tmp_path)
    assert cache.sound("a") is None
    cache.keep_sound("a", SOUND)
    kept = SentenceCache(tmp_path).sound("a")
    assert kept is not None
    assert np.array_equal(kept, SOUND)
    assert kept.dtype == np.int16
    assert cache.sound("b") is None
    assert files(tmp_path)[0].stat().st_size < SOUND.nbytes


def test_gives_back_a_text(tmp_path: Path) -> None:
    SentenceCache(tmp_path).keep_text("gain", "1.5")
    assert SentenceCache(tmp_path).text("gain") == "1.5"


@pytest.mark.parametrize("damage", [b"", b"x", b"\0" * 4000])
def test_a_damaged_file_was_never_there(tmp_path: Path, damage: bytes) -> None:
    cache = SentenceCache(tmp_path)
    cache.keep_sound("a", SOUND)
    files(tmp_path)[0].write_bytes(damage)
    assert cache.sound("a") is None
    cache.keep_sound("a", SOUND)
    assert cache.sound("a") is not None


def test_a_bit_that_flipped_is_noticed(tmp_path: Path) -> None:
    cache = SentenceCache(tmp_path)
    cache.keep_sound("a", SOUND)
    body = bytearray(files(tmp_path)[0].read_bytes())
    body[-10] ^= 1
    files(tmp_path)[0].write_bytes(body)
    assert cache.sound("a") is None


def test_stays_within_its_size_and_keeps_what_is_used(tmp_path: Path) -> None:
    cache = SentenceCache(tmp_path, largest_bytes=300_000)
    noise = np.random.default_rng(1).integers(-9000, 9000, (20, 24_000)).astype(np.int16)
    for number, sound in enumerate(noise):
        cache.keep_sound(str(number), sound)
        for path in files(tmp_path):  # older by a second with each put, so that the order does not hang on the clock
            state = path.stat()
            os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns - 10**9))
        assert cache.sound("0") is not None
    cache.sweep()
    assert sum(path.stat().st_size for path in files(tmp_path)) <= 300_000
    assert cache.sound("0") is not None
    assert cache.sound("19") is not None
    assert cache.sound("1") is None


def test_a_disk_that_refuses_only_costs_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = SentenceCache(tmp_path / "file")
    cache.keep_sound("a", SOUND)
    assert cache.sound("a") is None
    assert make_clip([Passage("mưa")], Reader(ToneEngine(), cache=cache)).duration_ms > 100


def test_a_write_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    """As on a full disk: the kernel takes the first bytes of each file and refuses the rest."""
    cache = SentenceCache(tmp_path)
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    noise = np.random.default_rng(1).integers(-9000, 9000, 24_000).astype(np.int16)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, usual[1]))
    try:
        cache.keep_sound("a", noise)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert files(tmp_path) == []
    cache.keep_sound("a", noise)
    assert cache.sound("a") is not None


def test_a_changed_sentence_is_said_and_the_others_remembered(tmp_path: Path) -> None:
    words = [Passage(word) for word in ("Mưa.", "Lũ.", "Bão.")]
    plain = make_clip(words, Reader(ToneEngine()))
    engine = CountingEngine()
    assert make_clip(words, Reader(engine, cache=SentenceCache(tmp_path))).sha256 == plain.sha256
    later = CountingEngine()
    reader = Reader(later, cache=SentenceCache(tmp_path))
    assert make_clip(words, reader).sha256 == plain.sha256
    assert later.said == []
    make_clip([words[0], Passage("Gió."), words[2]], reader)
    assert later.said == ["Gió."]


def test_another_model_level_or_rate_is_another_sound(tmp_path: Path) -> None:
    Reader(CountingEngine(), cache=SentenceCache(tmp_path)).read("Mưa.")
    for engine, level, rate in (
        (CountingEngine("tone-2"), Level(), 1.0),
        (CountingEngine(), Level(-20.0), 1.0),
        (CountingEngine(), Level(), 0.9),
    ):
        Reader(engine, level, SentenceCache(tmp_path)).read("Mưa.", rate=rate)
        assert engine.said[-1] == "Mưa."
