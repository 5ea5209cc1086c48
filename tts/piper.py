"""Piper, the neural voice. The one door to piper-tts and onnxruntime; what is done to its models: `tts.piper_graph`."""

import hashlib
import json
import os
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors
from piper import PiperVoice, SynthesisConfig
from piper.config import PhonemeType, PiperConfig

from tts.engine import check_rate, has_words, plain
from tts.errors import EngineError, VoiceUnusable
from tts.piper_graph import NOISE_SEED, Decoder, PiperModel, read_model
from tts.speech import Speech

_ORT_ERRORS: tuple[type[Exception], ...] = (
    ort_errors.EngineError,
    ort_errors.EPFail,
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NoModel,
    ort_errors.NoSuchFile,
    ort_errors.NotFound,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)
_NOT_LOADED: tuple[type[Exception], ...] = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    MemoryError,
    DecodeError,
    *_ORT_ERRORS,
)
_NOT_SPOKEN: tuple[type[Exception], ...] = (ValueError, KeyError, IndexError, RuntimeError, MemoryError, *_ORT_ERRORS)
_LOG_ERRORS_ONLY = 3
_SHRINK_EVERY = 16
_WINDOW = 250
"""Frames; 2.9 s of a medium voice. Longer ones take more memory, shorter ones more work done twice."""
_REACHES = 4

_Array = NDArray[Any]


class PiperEngine:
    """A Piper voice, loaded and warm. Loading takes about a second and 230 MB with a medium model."""

    name = "piper"

    def __init__(self, model_path: Path, voice: str) -> None:
        """Load the model and its config (`<model_path>.json`).

        Args:
            model_path: the voice's `.onnx` file.
            voice: the voice's name, for the log.

        Raises:
            VoiceUnusable: the files are not a Piper voice, or cannot be read.
        """
        try:
            config = PiperConfig.from_dict(json.loads(Path(f"{model_path}.json").read_text("utf-8")))
            if config.espeak_voice.split("-")[0] != "vi":
                config.espeak_voice = "vi"  # a foreign voice reads Vietnamese phonemes, as far as it can
            model = LoadedModel(read_model(model_path), len(os.sched_getaffinity(0)))
            fingerprint = _fingerprint(model_path)
        except _NOT_LOADED as error:
            raise VoiceUnusable("not-loadable", name=voice, why=f"{type(error).__name__}: {error}") from error
        self._piper = PiperVoice(config=config, session=model)
        self._phonemes = threading.Lock()
        self.voice = voice
        self.sample_rate = config.sample_rate
        self.fingerprint = fingerprint

    def speak(self, sentence: str, *, rate: float = 1.0) -> Speech:
        """See `SpeechEngine.speak`."""
        check_rate(rate)
        text = plain(sentence)
        if self._piper.config.phoneme_type is PhonemeType.TEXT:
            text = text.lower()
        if not has_words(text):
            return Speech(np.zeros(0, dtype=np.float32), self.sample_rate)
        how = SynthesisConfig(length_scale=self._piper.config.length_scale / rate)
        try:
            with self._phonemes:  # espeak-ng is one for the whole process
                sentences = self._piper.phonemize(text)
            pieces = [self._sound(phonemes, how) for phonemes in sentences if phonemes]
        except _NOT_SPOKEN as error:
            raise EngineError(f"{self.voice}: {type(error).__name__}: {error}") from error
        if not pieces or not np.isfinite(sum(float(piece.sum()) for piece in pieces)):
            raise EngineError(f"{self.voice} gave no sound for a sentence of {len(text)} characters")
        return Speech(np.concatenate(pieces), self.sample_rate)

    def _sound(self, phonemes: list[str], how: SynthesisConfig) -> NDArray[np.float32]:
        # What piper's `synthesize` does once it has the phonemes, its levelling of each sentence left out.
        sound = self._piper.phoneme_ids_to_audio(self._piper.phonemes_to_ids(phonemes), how)
        assert isinstance(sound, np.ndarray)  # noqa: S101 - no alignments were asked for
        clipped: NDArray[np.float32] = np.clip(np.atleast_1d(sound), -1.0, 1.0).astype(np.float32, copy=False)
        return clipped


class LoadedModel:
    """A model of two parts: what comes first, then the decoder in windows.

    A sentence alone has all cores, a window each; of two that are spoken at once each has one core. The windows overlap
    by what the sound at their edges depends on, so that none can be heard: the samples are those of the whole, however
    it is cut.
    """

    def __init__(self, parts: PiperModel, cores: int) -> None:
        self._first = _TidySession(parts.first, cores)
        self._decoder = parts.decoder
        self._last = _TidySession(parts.decoder.model, 1) if parts.decoder else None
        self._cores = cores
        self._hands = ThreadPoolExecutor(cores, "decoder")
        self._counting, self._whole = threading.Lock(), threading.Lock()
        self._running = 0

    def run(self, _: None, feed: Mapping[str, _Array]) -> list[_Array]:
        """Called by piper-tts, by several threads at once: phonemes in, sound out."""
        if self._decoder is None or self._last is None:
            with self._whole:  # it takes all cores anyway, and much memory for a long sentence
                return list(self._first.run(feed).values())
        with self._counting:
            self._running += 1
        try:
            found = self._first.run(feed)
            is_alone = self._running == 1
            frames = found[self._decoder.frames].shape[-1]
            spans = window_spans(frames, self._decoder.reach, self._cores if is_alone else 1)
            sound = partial(self._sound, self._last, self._decoder, found)
            return [np.concatenate(list(self._hands.map(sound, spans) if is_alone else map(sound, spans)), axis=-1)]
        finally:
            with self._counting:
                self._running -= 1

    @staticmethod
    def _sound(session: "_TidySession", decoder: Decoder, found: Mapping[str, _Array], span: tuple[int, int]) -> _Array:
        """The samples of the frames from the first of a span to before the second."""
        first, end = span
        start = max(0, first - decoder.reach)
        feed = {name: value[:, :, np.newaxis] for name, value in found.items()}
        feed[decoder.frames] = np.ascontiguousarray(feed[decoder.frames][..., start : end + decoder.reach])
        (sound,) = session.run(feed).values()
        return sound[..., (first - start) * decoder.hop : (end - start) * decoder.hop]


def window_spans(frames: int, reach: int, cores: int) -> list[tuple[int, int]]:
    """Windows of a sentence, as (first frame, frame after the last): alike, and enough to keep all cores busy.

    None is much longer than `_WINDOW`, nor so short that most of the work would be done twice.
    """
    count = cores * -(-frames // (cores * _WINDOW))
    count = max(1, min(count, frames // (_REACHES * max(1, reach))))
    edges = [frames * number // count for number in range(count + 1)]
    return list(pairwise(edges))


class _TidySession:
    """A session that gives back, now and then, what its longest sentences needed."""

    def __init__(self, model: bytes, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _LOG_ERRORS_ONLY
        # A plan of memory for each length of sentence ever met would grow without end.
        options.enable_mem_pattern = False
        # Threads wait for each other spinning, which a first sentence gains by; but not for long, as the encoder and
        # the rest of the server want a core too, and the work is shared out in shrinking pieces.
        options.add_session_config_entry("session.intra_op.spin_duration_us", "50")
        options.add_session_config_entry("session.force_spinning_stop", "1")
        options.add_session_config_entry("session.dynamic_block_base", "4")
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._session.disable_fallback()
        self._session._model_bytes = None  # noqa: SLF001 - 63 MB kept only for the fallback just switched off
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._runs = 0

    def run(self, feed: Mapping[str, _Array]) -> dict[str, _Array]:
        """The outputs by name."""
        self._runs += 1
        options = onnxruntime.RunOptions()
        if self._runs % _SHRINK_EVERY == 0:
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        return dict(zip(self._outputs, self._session.run(self._outputs, feed, options), strict=True))


def _fingerprint(model_path: Path) -> str:
    parts = [version("piper-tts"), onnxruntime.__version__, str(NOISE_SEED)]
    for path in (model_path, Path(f"{model_path}.json")):
        with path.open("rb") as file:
            parts.append(hashlib.file_digest(file, "sha256").hexdigest())
    return "piper-" + "-".join(parts)
