"""`python -m tests.bench.bench_speech`: our speech beside the raw piper API, same model, same sentences, turn by turn.

Closes with one JSON line. wyoming-piper is not measured yet: its `throughput_vs_wyoming` is null.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from piper import PiperVoice, SynthesisConfig

from tests.fakes.piper_voice import VOICE_NAME, vietnamese_voice_dir
from tests.tts.measuring import ebur128
from tts.chimes import Chime
from tts.clip_file import Framing, Passage, make_clip, passages_of, speak
from tts.normalize import normalize
from tts.reader import Reader
from tts.sentence_cache import SentenceCache
from tts.split import split_long
from tts.voices import load_engine

BULLETINS = Path(__file__).parent.parent / "data" / "bulletins"
WORDS = 300
ROUNDS = 5


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        raw = PiperVoice.load(vietnamese_voice_dir(folder) / f"{VOICE_NAME}.onnx")
        engine = load_engine(VOICE_NAME, folder)
        texts = [passages_of(normalize(path.read_text("utf-8"))) for path in sorted(BULLETINS.glob("*.txt"))[:10]]
        passages = _of_words([passage for text in texts for passage in text], WORDS)
        found = _times(raw, Reader(engine), passages)
        found |= _rerendering(Reader(engine, cache=SentenceCache(folder / "cache")), passages)
        found |= _levels(Reader(engine, cache=SentenceCache(folder / "cache")), texts, folder / "clip.opus")
    print(json.dumps(found | {"throughput_vs_wyoming": None}))  # noqa: T201 - what this program is for


def _of_words(passages: Sequence[Passage], count: int) -> list[Passage]:
    taken: list[Passage] = []
    for passage in passages:
        if sum(len(one.spoken.split()) for one in taken) >= count:
            break
        taken.append(passage)
    return taken


def _times(raw: PiperVoice, reader: Reader, passages: list[Passage]) -> dict[str, float]:
    pieces = [piece for passage in passages for piece in split_long(passage.spoken)]
    usual = SynthesisConfig()

    def theirs() -> None:
        for piece in pieces:
            list(raw.synthesize(piece, usual))

    whole = _ratio(lambda: make_clip(passages, reader, Framing(Chime.NORMAL, closing=True)), theirs)
    first = _ratio(lambda: next(speak(passages, reader)), lambda: list(raw.synthesize(pieces[0], usual)))
    return {"render_ratio": whole, "first_sentence_ratio": first}


def _rerendering(reader: Reader, passages: list[Passage]) -> dict[str, float]:
    """A changed word, against the first rendering; another word each time."""
    fresh = _seconds(lambda: make_clip(passages, reader))
    again = []
    for word in ["Một", "Hai", "Ba", "Bốn", "Năm"]:
        changed = [*passages[:3], Passage(f"{word} {passages[3].spoken}", passages[3].pause), *passages[4:]]
        again.append(_seconds(lambda changed=changed: make_clip(changed, reader)))  # type: ignore[misc]
    return {"rerender_ratio": round(statistics.median(again) / fresh, 3)}


def _levels(reader: Reader, texts: list[tuple[Passage, ...]], path: Path) -> dict[str, float]:
    measured = []
    for passages in texts:
        path.write_bytes(make_clip(passages, reader, Framing(Chime.NORMAL, closing=True)).data)
        measured.append(ebur128(path))
    worst = max(abs(loudness - reader.level.target_lufs) for loudness, _ in measured)
    return {"loudness_error_lu_max": round(worst, 2), "true_peak_dbtp_max": max(peak for _, peak in measured)}


def _ratio(ours: Callable[[], object], theirs: Callable[[], object]) -> float:
    """The median of ours ÷ theirs, taken in pairs so that a busy machine is busy for both."""
    ours()
    theirs()
    pairs = [_seconds(ours) / _seconds(theirs) for _ in range(ROUNDS)]
    return round(statistics.median(pairs), 3)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
