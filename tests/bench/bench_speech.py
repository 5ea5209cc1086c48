"""`make bench-speech`: our speech beside the raw piper API and wyoming-piper, same model, same sentences, turn by turn.

Closes with one JSON line; every single measurement is left in bench-out/speech/, the renderer's memory over 1,000
bulletins too. `--memory N` does only that, with N bulletins.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
from piper import PiperVoice, SynthesisConfig

from tests.bench.speech_servers import ROOT, OurRenderer, speak_with_ours, speak_with_wyoming, wyoming_server
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
OUT = ROOT / "bench-out" / "speech"
LONG_BULLETIN = "village-festival.txt"
"""Of 312 words."""
ROUNDS = 5
FRAMING = Framing(Chime.NORMAL, closing=True)
CLIENTS = 4
CROWD = 20
CROWD_WORDS = 25
CROWD_ROUNDS = 2
MANY = 1000
LONGEST_WORDS = 25


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench-speech")
    parser.add_argument("--memory", type=int, metavar="N", help="only render N bulletins and watch the memory")
    options = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        vietnamese_voice_dir(folder / "voices")
        if options.memory:
            found = _memory(folder, options.memory)
        else:
            found = _speech(folder)
            _memory(folder, MANY)
    print(json.dumps(found))  # noqa: T201 - what this program is for


def _speech(folder: Path) -> dict[str, float]:
    voices_dir = folder / "voices"
    raw = PiperVoice.load(voices_dir / VOICE_NAME / f"{VOICE_NAME}.onnx")
    engine = load_engine(VOICE_NAME, voices_dir)
    texts = [path.read_text("utf-8") for path in sorted(BULLETINS.glob("*.txt"))]
    long = (BULLETINS / LONG_BULLETIN).read_text("utf-8")
    found = _times(raw, Reader(engine), long)
    found |= _rerendering(Reader(engine, cache=SentenceCache(folder / "said")), long)
    found |= _throughput([passages_of(normalize(text)) for text in texts], folder)
    found |= _levels(Reader(engine), [passages_of(normalize(text)) for text in texts[:10]], folder / "clip.opus")
    return found


def _times(raw: PiperVoice, reader: Reader, text: str) -> dict[str, float]:
    """The whole bulletin, normalising, levelling and encoding included; and its first sentence."""
    pieces = [piece for passage in passages_of(normalize(text)) for piece in split_long(passage.spoken)]
    usual = SynthesisConfig()

    def theirs() -> None:
        for piece in pieces:
            list(raw.synthesize(piece, usual))

    whole = _ratio("render", lambda: make_clip(passages_of(normalize(text)), reader, FRAMING), theirs)
    first = _ratio(
        "first_sentence",
        lambda: next(speak(passages_of(normalize(text)), reader)),
        lambda: list(raw.synthesize(pieces[0], usual)),
    )
    return {"render_ratio": whole, "first_sentence_ratio": first}


def _rerendering(reader: Reader, text: str) -> dict[str, float]:
    """A changed word, against the first rendering; another word each time."""
    passages = passages_of(normalize(text))
    fresh = _seconds(lambda: make_clip(passages, reader, FRAMING))
    again = []
    for word in ["Một", "Hai", "Ba", "Bốn", "Năm"]:
        changed = [*passages[:3], Passage(f"{word} {passages[3].spoken}", passages[3].pause), *passages[4:]]
        again.append(_seconds(lambda changed=changed: make_clip(changed, reader, FRAMING)))  # type: ignore[misc]
    _keep("rerender", {"fresh_s": fresh, "again_s": again})
    return {"rerender_ratio": round(statistics.median(again) / fresh, 3)}


def _throughput(texts: Sequence[Sequence[Passage]], folder: Path) -> dict[str, float]:
    """The same bulletins by four clients at once, ours and wyoming-piper's turn by turn."""
    bulletins = _crowd(texts)
    spoken = [" ".join(passage.spoken for passage in bulletin) for bulletin in bulletins]
    voices_dir, ours, theirs = folder / "voices", [], []
    with wyoming_server(voices_dir / VOICE_NAME, VOICE_NAME) as port:
        speak_with_wyoming(spoken[:1], port, 1)  # it loads its voice at the first sentence
        for turn in range(CROWD_ROUNDS):
            scratch = folder / f"crowd-{turn}"
            if turn % 2:  # who is first changes, as the machine's other work does
                theirs.append(speak_with_wyoming(spoken, port, CLIENTS))
            ours.append(speak_with_ours(bulletins, voices_dir, scratch, VOICE_NAME, CLIENTS))
            if not turn % 2:
                theirs.append(speak_with_wyoming(spoken, port, CLIENTS))
    _keep("throughput", {"bulletins": spoken, "clients": CLIENTS, "ours": ours, "wyoming": theirs})
    took, took_theirs = (sum(one["seconds"] for one in runs) for runs in (ours, theirs))
    return {"throughput_vs_wyoming": round(took_theirs / took, 3)}


def _crowd(texts: Sequence[Sequence[Passage]]) -> list[list[Passage]]:
    """Short bulletins without a sentence in common: a sentence said twice costs us nothing, which would be unfair."""
    known: set[str] = set()
    bulletins: list[list[Passage]] = [[]]
    for passage in (passage for text in texts for passage in text):
        if passage.spoken in known:
            continue
        known.add(passage.spoken)
        if sum(len(one.spoken.split()) for one in bulletins[-1]) >= CROWD_WORDS:
            bulletins.append([])
        bulletins[-1].append(passage)
    return bulletins[:CROWD]


def _levels(reader: Reader, texts: Sequence[Sequence[Passage]], path: Path) -> dict[str, float]:
    """Ten different bulletins, measured by ffmpeg's ebur128."""
    measured = []
    for passages in texts:
        path.write_bytes(make_clip(passages, reader, FRAMING).data)
        measured.append(ebur128(path))
    _keep("levels", {"target_lufs": reader.level.target_lufs, "loudness_lufs_true_peak_dbtp": measured})
    worst = max(abs(loudness - reader.level.target_lufs) for loudness, _ in measured)
    return {"loudness_error_lu_max": round(worst, 2), "true_peak_dbtp_max": max(peak for _, peak in measured)}


def _memory(folder: Path, count: int) -> dict[str, float]:
    """Megabytes of the renderer over `count` bulletins of one sentence, of 3 to 25 words never said before."""
    renderer = OurRenderer(folder / "voices", folder / "many", VOICE_NAME)
    process = psutil.Process(renderer.process.pid)
    texts = [path.read_text("utf-8") for path in sorted(BULLETINS.glob("*.txt"))]
    words = " ".join(passage.spoken for text in texts for passage in passages_of(normalize(text))).split()
    megabytes = []
    for number in range(count):
        length = 3 + 7 * number % (LONGEST_WORDS - 2)
        start = 31 * number % (len(words) - length)
        said = " ".join([normalize(f"Tin số {number}").spoken, *words[start : start + length]])
        renderer.render([Passage(said)])
        megabytes.append(process.memory_info().rss / 1e6)
    renderer.close()
    after = {f"after_{number}": round(megabytes[number - 1], 1) for number in (100, 500, count) if number <= count}
    found = {"bulletins": count, **after, "most": round(max(megabytes), 1)}
    _keep("memory", {"renderer_mb": found, "after_each": [round(one, 1) for one in megabytes]})
    return found


def _ratio(name: str, ours: Callable[[], object], theirs: Callable[[], object]) -> float:
    """The median of ours ÷ theirs, taken in pairs so that a busy machine is busy for both."""
    ours()
    theirs()
    pairs = [(_seconds(ours), _seconds(theirs)) for _ in range(ROUNDS)]
    _keep(name, {"ours_s_raw_s": pairs})
    return round(statistics.median(own / raw for own, raw in pairs), 3)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _keep(name: str, measured: object) -> None:
    """Leave the raw measurements as evidence."""
    (OUT / f"{name}.json").write_text(json.dumps(measured, ensure_ascii=False, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
