"""Whether a Piper voice can read Vietnamese: its config is read, its model is tried in a process of its own."""

import json
import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tts.errors import TtsError, VoiceUnusable

PHONEMES = frozenset(" ,.?-12456abcefhijklmnopstuvwxyzŋɔəɛɜɗɣɪɲʃˈˌː\u032a")
"""What espeak-ng's voice "vi" makes of every Vietnamese syllable, one code point each (the digits are the tones)."""

LOANED = frozenset("!:;dɐɑɒɡɹʊʌʍʒʲθ")
"""What it makes besides of the texts that communes air: other marks between words, "urê", "kali", "rubella", "Lạk"."""

LETTERS = frozenset("abcdeghiklmnopqrstuvxyđ ,.?\u0300\u0301\u0302\u0303\u0306\u0309\u031b\u0323")
"""What a model of phoneme type "text" gets: decomposed lower-case letters and marks."""

_FRAME_MARKS = frozenset("_^$")
_LOWEST_RATE, _HIGHEST_RATE = 16_000, 48_000
_TRIAL = "Kính mời bà con đến nhà văn hóa thôn họp lúc bảy giờ tối nay."
_TRIAL_TIMEOUT_S = 90
_TRIAL_MEMORY_BYTES = 4 << 30
_SHORTEST_S, _LONGEST_S = 1.0, 20.0
_QUIETEST_RMS = 0.003


@dataclass(frozen=True, slots=True)
class VoiceFacts:
    """What a config says of its voice."""

    sample_rate: int
    speakers: int
    phoneme_type: str
    espeak_voice: str
    """The language it was made for. Another than "vi" is taken too when its model knows our phonemes: an accent."""


def check_config(config: dict[str, Any]) -> VoiceFacts:
    """Whether a voice with this config can read every Vietnamese syllable.

    Raises:
        VoiceUnusable: it cannot; it says what is missing.
    """
    try:
        facts = VoiceFacts(
            sample_rate=int(config["audio"]["sample_rate"]),
            speakers=int(config["num_speakers"]),
            phoneme_type=str(config.get("phoneme_type", "espeak")),
            espeak_voice=str(config["espeak"]["voice"]),
        )
        known = {key for key, ids in config["phoneme_id_map"].items() if ids}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise VoiceUnusable("not-a-config", file=".onnx.json", what=error) from error
    if not _LOWEST_RATE <= facts.sample_rate <= _HIGHEST_RATE:
        raise VoiceUnusable("bad-sample-rate", rate=facts.sample_rate, lowest=_LOWEST_RATE, highest=_HIGHEST_RATE)
    if facts.speakers < 1:
        raise VoiceUnusable("no-speaker")
    _check_phonemes(facts, known)
    return facts


def _check_phonemes(facts: VoiceFacts, known: set[str]) -> None:
    if facts.phoneme_type == "espeak":
        needed = PHONEMES | LOANED
    elif facts.phoneme_type == "text":
        needed = LETTERS
    else:
        raise VoiceUnusable("bad-phoneme-type", kind=facts.phoneme_type)
    missing = sorted((needed | _FRAME_MARKS) - known)
    if missing:
        shown = " ".join(f"{mark!r}" for mark in missing[:20])
        raise VoiceUnusable("missing-phonemes", count=len(missing), shown=shown)


def try_model(model: Path) -> float:
    """Load the model in a child process and have it say a sentence; give the seconds it spoke.

    A file that is no model, or eats memory, or never ends, harms only the child.

    Raises:
        VoiceUnusable: it did not speak.
    """
    command = [sys.executable, "-m", "tts.voice_check", str(model.absolute())]
    try:
        done = subprocess.run(  # noqa: S603 - our own module; the path is one argument
            command, capture_output=True, text=True, timeout=_TRIAL_TIMEOUT_S, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired as error:
        raise VoiceUnusable("too-slow-to-try", file=model.name, seconds=_TRIAL_TIMEOUT_S) from error
    try:
        answer = json.loads(done.stdout)
    except ValueError as error:
        raise VoiceUnusable("trial-died", file=model.name, status=done.returncode) from error
    if "error" in answer:
        raise VoiceUnusable("trial-failed", file=model.name, why=answer["error"])
    seconds, rms = float(answer["seconds"]), float(answer["rms"])
    if not _SHORTEST_S <= seconds <= _LONGEST_S or rms < _QUIETEST_RMS:
        raise VoiceUnusable("not-speech", file=model.name, seconds=seconds, rms=rms)
    return seconds


def _trial(model: Path) -> dict[str, object]:
    """In the child: speak, or say why not."""
    resource.setrlimit(resource.RLIMIT_AS, (_TRIAL_MEMORY_BYTES, _TRIAL_MEMORY_BYTES))
    # Here, because only the child may load what it does not trust.
    import numpy as np  # noqa: PLC0415

    from tts.piper import PiperEngine  # noqa: PLC0415

    try:
        speech = PiperEngine(model, model.stem).speak(_TRIAL)
    except (TtsError, MemoryError) as error:
        return {"error": str(error) or type(error).__name__}
    return {"seconds": speech.duration_s, "rms": float(np.sqrt(np.mean(speech.samples**2)))}


if __name__ == "__main__":
    _answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    _answers.write(json.dumps(_trial(Path(sys.argv[1]))))
    _answers.close()
