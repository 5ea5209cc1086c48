"""The sounds a model must know: all that espeak-ng makes of what communes air, told and never swallowed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.piper_voice import vietnamese_voice_dir
from tts.errors import EngineError
from tts.normalize import normalize
from tts.piper import PiperEngine
from tts.voice_check import LOANED, PHONEMES

_PHONEMIZE = """
import json, sys
from piper.phonemize_espeak import EspeakPhonemizer
phonemizer = EspeakPhonemizer()
words = sys.stdin.read().split()
print(json.dumps([mark for word in words for part in phonemizer.phonemize("vi", word) for mark in part]))
"""
"""In a process of its own: espeak-ng keeps one state for a whole process, and other tests speak in this one."""


def test_the_loaned_phonemes_are_those_espeak_makes_of_what_communes_air() -> None:
    """Bulletins, names that are read as written, and words of other languages as the lexicon has them read."""
    root = Path(__file__).parents[2]
    bulletins = [*root.glob("tests/data/bulletins/*.txt"), *root.glob("broadcast/bulletin_templates/*.txt")]
    said = [spoken.spoken for path in bulletins for spoken in normalize(path.read_text("utf-8")).sentences]
    for name in ("names", "foreign", "symbols"):
        lines = (root / f"tts/normalize/lexicon/{name}.tsv").read_text("utf-8").splitlines()
        said += [line.split("\t")[min(1, line.count("\t"))] for line in lines if not line.startswith("#")]
    words = " ".join(sorted({word for text in said for word in text.split()}))
    done = subprocess.run(
        [sys.executable, "-c", _PHONEMIZE], input=words, capture_output=True, text=True, timeout=60, check=True
    )
    loaned = set(json.loads(done.stdout)) - PHONEMES
    assert "ɹ" in loaned
    assert loaned <= LOANED


def test_a_sentence_with_a_sound_the_model_was_not_taught_is_refused_not_swallowed(tmp_path: Path) -> None:
    source = vietnamese_voice_dir(tmp_path)
    (model,) = source.glob("*.onnx")
    card = Path(f"{model}.json")
    known = json.loads(card.read_text("utf-8"))
    del known["phoneme_id_map"]["ɹ"], known["phoneme_id_map"][";"]
    card.write_text(json.dumps(known), "utf-8")
    engine = PiperEngine(model, "few")
    assert engine.speak("Tiêm sởi; mời bà con.").duration_s > 0.5
    with pytest.raises(EngineError, match="does not know ɹ"):
        engine.speak("Tiêm rubella.")
