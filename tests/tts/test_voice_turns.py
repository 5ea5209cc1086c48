import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path

from tts.clip_file import Framing, Passage
from tts.speech import Speech
from tts.tone import ToneEngine
from tts.voice_chain import VoiceChain
from tts.voice_turns import VoiceTurns

LIMIT_S = 60
WORDS = [Passage("Mời bà con ra đồng."), Passage("Trân trọng cảm ơn.")]


def test_one_voice_is_everybodys_at_once() -> None:
    turns, together = VoiceTurns(), threading.Barrier(2, timeout=LIMIT_S)

    def speak(_: int) -> int:
        with turns.taken("one"):
            together.wait()  # breaks unless the other has its turn too
            speaking = turns.speaking
            together.wait()
        return speaking

    with ThreadPoolExecutor(2) as hands:
        assert list(hands.map(speak, range(2))) == [2, 2]
    assert turns.speaking == 0


def test_who_comes_after_another_voice_waits_for_it() -> None:
    """Else a voice that is always wanted would keep the others silent."""
    turns, entered, go_on = VoiceTurns(), threading.Semaphore(0), threading.Event()
    spoken: list[str] = []

    def speak(voice: str) -> None:
        with turns.taken(voice):
            spoken.append(voice)
            entered.release()
            go_on.wait(LIMIT_S)

    with ThreadPoolExecutor(2) as hands:
        first = hands.submit(speak, "one")
        assert entered.acquire(timeout=LIMIT_S)
        other = hands.submit(speak, "other")
        assert not entered.acquire(timeout=0.2)
        go_on.set()
        first.result(LIMIT_S)
        other.result(LIMIT_S)
    assert spoken == ["one", "other"]


class NotingEngine(ToneEngine):
    """Writes its name down with every sentence."""

    def __init__(self, name: str, spoken: list[str]) -> None:
        self._name = name
        self._spoken = spoken

    def speak(self, sentence: str, *, rate: float = 1.0) -> Speech:
        self._spoken.append(self._name)
        return super().speak(sentence, rate=rate)


def test_two_chosen_voices_never_speak_at_once(tmp_path: Path) -> None:
    """Two models would not fit. The waiting is not held against the voice that waited."""
    spoken: list[str] = []
    opened: list[str] = []

    def open_voice(name: str, _: Path) -> NotingEngine:
        opened.append(name)
        return NotingEngine(name, spoken)

    def half_a_second_each() -> float:
        return len(spoken) / 2

    chain = VoiceChain(tmp_path, open_voice=open_voice, work_seconds=half_a_second_each)
    together = threading.Barrier(4, timeout=LIMIT_S)

    def speak(name: str) -> str | None:
        together.wait()
        return chain.make_clip(WORDS * 10, name, Framing()).fallback_reason

    with ThreadPoolExecutor(4) as hands:
        asked = [hands.submit(speak, name) for name in ("first", "second", "first", "second")]
        assert [one.result(LIMIT_S) for one in asked] == [None] * 4
    voices = [name for name, _ in groupby(spoken)]
    assert set(voices) == {"first", "second"}
    assert opened == voices
