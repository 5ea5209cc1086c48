"""espeak-ng, the voice that needs no download. The one door to it: its program, run with the text on its stdin."""

import shutil
import subprocess
from pathlib import Path

import numpy as np

from tts.engine import check_rate, has_words, plain
from tts.errors import EngineError, VoiceUnusable
from tts.speech import Speech

_WORDS_PER_MINUTE = 150
_AMPLITUDE = 50  # of 200; at its default of 100 it clips
_WAV_HEADER_BYTES = 44
_TIMEOUT_S = 60.0


class EspeakEngine:
    """Speaks Vietnamese, robotic but intelligible and with its tones, one process per sentence."""

    name = "espeak"
    voice = "espeak-vi"
    sample_rate = 22050

    def __init__(self) -> None:
        """Find the program.

        Raises:
            VoiceUnusable: espeak-ng is not installed.
        """
        program = shutil.which("espeak-ng")
        if program is None:
            raise VoiceUnusable("no-espeak")
        self._program = program
        state = Path(program).stat()
        self.fingerprint = f"espeak-{_WORDS_PER_MINUTE}-{_AMPLITUDE}-{state.st_size}-{state.st_mtime_ns}"

    def speak(self, sentence: str, *, rate: float = 1.0) -> Speech:
        """See `SpeechEngine.speak`."""
        check_rate(rate)
        text = plain(sentence)
        if not has_words(text):
            return Speech(np.zeros(0, dtype=np.float32), self.sample_rate)
        sound = self._run(text, round(_WORDS_PER_MINUTE * rate))
        # The sizes in the header are not to be trusted: espeak-ng writes it before it knows them.
        if len(sound) <= _WAV_HEADER_BYTES or sound[:4] != b"RIFF":
            raise EngineError("espeak-ng gave no sound")
        if int.from_bytes(sound[24:28], "little") != self.sample_rate:
            raise EngineError("espeak-ng changed its sample rate")
        body = sound[_WAV_HEADER_BYTES:]
        samples = np.frombuffer(body[: len(body) // 2 * 2], dtype="<i2").astype(np.float32) / 32768.0
        return Speech(samples, self.sample_rate)

    def _run(self, text: str, words_per_minute: int) -> bytes:
        how = ["-v", "vi", "-a", str(_AMPLITUDE), "-s", str(words_per_minute), "-b", "1"]
        command = [self._program, *how, "--stdin", "--stdout"]
        try:
            done = subprocess.run(  # noqa: S603 - a fixed program and arguments of ours; the text goes in by stdin
                command, input=text.encode(), capture_output=True, timeout=_TIMEOUT_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise EngineError(f"espeak-ng did not answer: {error}") from error
        if done.returncode != 0:
            raise EngineError(f"espeak-ng ended with {done.returncode}: {done.stderr.decode(errors='replace')[:200]}")
        return done.stdout
