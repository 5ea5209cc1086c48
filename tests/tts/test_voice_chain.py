import json
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.piper_voice import VOICE_NAME, vietnamese_voice_dir
from tts.chimes import Chime
from tts.clip_file import Framing, Passage, decode_clip, probe_clip
from tts.engine import SpeechEngine
from tts.errors import ClipError, VoiceUnusable
from tts.preview import speak_to_file
from tts.speech import Speech
from tts.tone import ToneEngine
from tts.voice_chain import VoiceChain
from tts.voice_install import install_from, remove_voice
from tts.voices import load_engine

NOW = datetime(2026, 6, 1, tzinfo=UTC)
WORDS = [Passage("Mời bà con ra đồng."), Passage("Trân trọng cảm ơn.")]


def test_the_chosen_voice_speaks(voices_dir: Path) -> None:
    made = VoiceChain(voices_dir).make_clip(WORDS, VOICE_NAME, Framing())
    assert (made.clip.engine, made.clip.voice, made.fallback_reason) == ("piper", VOICE_NAME, None)


def test_a_missing_voice_is_replaced_and_comes_back_when_installed(tmp_path: Path) -> None:
    chain = VoiceChain(tmp_path)
    made = chain.make_clip(WORDS, VOICE_NAME, Framing())
    assert made.clip.engine == "espeak"
    assert made.fallback_reason
    vietnamese_voice_dir(tmp_path)
    assert chain.make_clip(WORDS, VOICE_NAME, Framing()).clip.engine == "piper"


def test_a_corrupt_model_is_replaced(tmp_path: Path) -> None:
    folder = vietnamese_voice_dir(tmp_path)
    (folder / f"{VOICE_NAME}.onnx").unlink()
    (folder / f"{VOICE_NAME}.onnx").write_bytes(b"\x08\x08 half a model")
    made = VoiceChain(tmp_path).make_clip(WORDS, VOICE_NAME, Framing(Chime.EMERGENCY))
    assert made.clip.engine == "espeak"
    assert VOICE_NAME in (made.fallback_reason or "")


def test_warm_says_who_is_warm(voices_dir: Path, tmp_path: Path) -> None:
    reader, reason = VoiceChain(voices_dir).warm(VOICE_NAME)
    assert (reader.engine.name, reason) == ("piper", None)
    reader, reason = VoiceChain(tmp_path).warm(VOICE_NAME)
    assert reader.engine.name == "espeak"
    assert reason


def test_without_any_voice_only_an_emergency_sounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    chain = VoiceChain(tmp_path)
    for chime in (None, Chime.NORMAL, Chime.PRIORITY, Chime.DRILL):
        with pytest.raises(VoiceUnusable):
            chain.make_clip(WORDS, VOICE_NAME, Framing(chime))
    made = chain.make_clip(WORDS, VOICE_NAME, Framing(Chime.EMERGENCY))
    assert made.clip.engine == "chime"
    assert decode_clip(made.clip.data).duration_s > 10
    with pytest.raises(VoiceUnusable):
        chain.warm(VOICE_NAME)


def test_nothing_to_say_is_nobodys_fault(voices_dir: Path) -> None:
    with pytest.raises(ClipError):
        VoiceChain(voices_dir).make_clip([Passage("…")], "tone", Framing(Chime.EMERGENCY))


@pytest.mark.parametrize("suffix", [".wav", ".ogg", ".opus"])
def test_speaks_into_a_file(tmp_path: Path, voices_dir: Path, suffix: str) -> None:
    out = tmp_path / f"out{suffix}"
    made = speak_to_file(WORDS, out, voice="tone", voices_dir=voices_dir)
    assert abs(decode_clip(out).duration_s * 1000 - made.clip.duration_ms) <= 1
    if suffix != ".wav":
        assert probe_clip(out).sample_rate == 48_000


def test_speaks_into_no_other_file(tmp_path: Path, voices_dir: Path) -> None:
    for out in (tmp_path / "out.mp3", tmp_path / "out", tmp_path / "none" / "out.wav", tmp_path / "none" / "out.ogg"):
        with pytest.raises(ClipError):
            speak_to_file(WORDS, out, voice="tone", voices_dir=voices_dir)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_can_be_named_instead_of_a_voice(tmp_path: Path) -> None:
    folder = vietnamese_voice_dir(tmp_path / "usb")
    made = speak_to_file(WORDS, tmp_path / "out.wav", voice=str(folder), voices_dir=tmp_path / "voices")
    assert (made.clip.engine, made.clip.voice) == ("piper", VOICE_NAME)


def test_names_that_are_no_names(voices_dir: Path) -> None:
    made = VoiceChain(voices_dir).make_clip(WORDS, "..", Framing())
    assert made.clip.engine == "espeak"


class SlowEngine(ToneEngine):
    """Takes longer to say a sentence than it is long."""

    def __init__(self, clock: list[float]) -> None:
        self.clock = clock

    def speak(self, sentence: str, *, rate: float = 1.0) -> Speech:
        speech = super().speak(sentence, rate=rate)
        self.clock[0] += 2 * speech.duration_s
        return speech


@pytest.mark.parametrize(("chime", "engine"), [(Chime.EMERGENCY, "espeak"), (Chime.NORMAL, "tone")])
def test_an_emergency_does_not_wait_for_a_voice_slower_than_real_time(
    tmp_path: Path, chime: Chime, engine: str
) -> None:
    clock = [0.0]

    def open_voice(name: str, folder: Path) -> SpeechEngine:
        return SlowEngine(clock) if name == "slow" else load_engine(name, folder)

    chain = VoiceChain(tmp_path, open_voice=open_voice, seconds=lambda: clock[0])
    made = chain.make_clip(WORDS * 4, "slow", Framing(chime))
    assert made.clip.engine == engine
    assert ("chậm" in (made.fallback_reason or "")) == (engine == "espeak")


def test_piper_itself_is_left_for_another_when_it_is_slow(voices_dir: Path) -> None:
    """The real voice on clocks that run two hundred times too fast: as on a machine that is so much slower."""
    slow = VoiceChain(
        voices_dir,
        seconds=lambda: 200 * time.monotonic(),
        work_seconds=lambda: 200 * time.process_time(),
    )
    for chime in (Chime.EMERGENCY, Chime.NORMAL):
        made = slow.make_clip(WORDS * 2, VOICE_NAME, Framing(chime))
        assert (made.clip.engine, made.clip.voice) == ("espeak", "espeak-vi")
        assert "chậm hơn nói" in (made.fallback_reason or "")
        assert "slower than real time" in (made.fallback_log or "")


def test_a_bulletin_may_wait_for_a_processor_that_others_use(voices_dir: Path) -> None:
    busy = VoiceChain(voices_dir, seconds=lambda: 200 * time.monotonic())
    assert busy.make_clip(WORDS, VOICE_NAME, Framing(Chime.NORMAL)).clip.engine == "piper"


class GreedyEngine(ToneEngine):
    """Runs out of memory in the middle of a text, `times` times."""

    def __init__(self, times: int) -> None:
        self.times = times

    def speak(self, sentence: str, *, rate: float = 1.0) -> Speech:
        if "cảm ơn" in sentence and self.times:
            self.times -= 1
            raise MemoryError
        return super().speak(sentence, rate=rate)


def test_a_voice_that_runs_out_of_memory_while_it_speaks_is_replaced_for_that_clip(tmp_path: Path) -> None:
    greedy, opened = GreedyEngine(times=1), []

    def open_voice(name: str, folder: Path) -> SpeechEngine:
        opened.append(name)
        return greedy if name == "greedy" else load_engine(name, folder)

    chain = VoiceChain(tmp_path, open_voice=open_voice)
    made = chain.make_clip(WORDS, "greedy", Framing(Chime.EMERGENCY))
    assert (made.clip.engine, made.fallback_reason) == ("espeak", "máy chủ hết bộ nhớ")
    again = chain.make_clip(WORDS, "greedy", Framing(Chime.EMERGENCY))
    assert (again.clip.engine, again.fallback_reason) == ("tone", None)
    assert opened == ["greedy", "espeak-vi", "greedy"], "it is loaded anew: its memory may have been the trouble"


def test_a_voice_that_was_too_slow_is_left_alone_for_some_minutes(tmp_path: Path) -> None:
    """An emergency comes sentence by sentence: it has one speaker, and none waits for the slow one again."""
    clock, opened = [0.0], []

    def open_voice(name: str, folder: Path) -> SpeechEngine:
        opened.append(name)
        return SlowEngine(clock) if name == "slow" else load_engine(name, folder)

    def speakers() -> list[str]:
        made = [chain.make_clip([passage], "slow", Framing(Chime.EMERGENCY)) for passage in (*WORDS * 2, long)]
        assert all("chậm" in (one.fallback_reason or "") for one in made if one.clip.engine == "espeak")
        return [one.clip.engine for one in made]

    long = Passage("Đề nghị bà con thôn Đông và thôn Đoài rời nhà ngay và đi lên trường học của xã.")
    chain = VoiceChain(tmp_path, open_voice=open_voice, seconds=lambda: clock[0])
    assert chain.make_clip([long], "slow", Framing(Chime.EMERGENCY)).clip.engine == "espeak"
    taken_s = clock[0]
    assert speakers() == ["espeak"] * 5
    assert clock[0] == taken_s, "nobody waited for it again"
    clock[0] += 301
    assert speakers()[0] == "tone"
    chain.warm("slow")
    assert chain.make_clip([WORDS[0]], "slow", Framing(Chime.EMERGENCY)).clip.engine == "tone"
    assert opened == ["slow", "espeak-vi"], "it stays loaded"


class DamagedEngine(ToneEngine):
    """A model whose weights have rotted: silence, or noise without end, and no error."""

    def __init__(self, seconds: float, loudness: float) -> None:
        self.sound = np.full(round(seconds * self.sample_rate), loudness, dtype=np.float32)

    def speak(self, sentence: str, *, rate: float = 1.0) -> Speech:
        spoken = super().speak(sentence, rate=rate)
        return Speech(self.sound, self.sample_rate) if "cảm ơn" in sentence else spoken


@pytest.mark.parametrize(("seconds", "loudness"), [(2.0, 0.0), (0.0, 0.0), (0.05, 0.2), (60.0, 0.2)])
def test_a_voice_that_makes_no_speech_of_words_is_replaced(tmp_path: Path, seconds: float, loudness: float) -> None:
    def open_voice(name: str, folder: Path) -> SpeechEngine:
        return DamagedEngine(seconds, loudness) if name == "rotten" else load_engine(name, folder)

    words = [WORDS[0], Passage("Trân trọng cảm ơn bà con.")]
    made = VoiceChain(tmp_path, open_voice=open_voice).make_clip(words, "rotten", Framing())
    assert made.clip.engine == "espeak"
    assert made.fallback_reason
    assert [said.passage for said in made.clip.said_at] == [0, 1], "no sentence is left out"


def test_a_voice_that_is_damaged_on_the_disk_does_not_speak(tmp_path: Path) -> None:
    voices_dir = tmp_path / "voices"
    install_from(vietnamese_voice_dir(tmp_path / "usb"), voices_dir, now=NOW)
    model = voices_dir / VOICE_NAME / f"{VOICE_NAME}.onnx"
    whole = model.read_bytes()
    middle = len(whole) // 2
    model.write_bytes(whole[:middle] + bytes(4096) + whole[middle + 4096 :])
    made = VoiceChain(voices_dir).make_clip(WORDS, VOICE_NAME, Framing(Chime.EMERGENCY))
    assert made.clip.engine == "espeak"
    assert "đã bị thay đổi hoặc hỏng" in (made.fallback_reason or "")


def test_a_voice_that_is_installed_again_speaks_as_it_is_now(tmp_path: Path) -> None:
    """A commune's own voice, trained anew under its name: also in a renderer that has the old one loaded."""
    voices_dir, source = tmp_path / "voices", vietnamese_voice_dir(tmp_path / "usb")
    install_from(source, voices_dir, now=NOW)
    chain = VoiceChain(voices_dir)
    before = chain.make_clip(WORDS, VOICE_NAME, Framing()).clip
    config = json.loads((source / f"{VOICE_NAME}.onnx.json").read_text())
    config["inference"] = config.get("inference", {}) | {"length_scale": 1.8}
    (source / f"{VOICE_NAME}.onnx.json").write_text(json.dumps(config))
    install_from(source, voices_dir, now=NOW)
    now = chain.make_clip(WORDS, VOICE_NAME, Framing()).clip
    assert now.duration_ms > 1.2 * before.duration_ms
    remove_voice(VOICE_NAME, voices_dir)
    assert chain.make_clip(WORDS, VOICE_NAME, Framing()).clip.engine == "espeak"
