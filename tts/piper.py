"""Piper, the neural voice. The one door to piper-tts and onnxruntime; what is done to its models: `tts.piper_graph`."""

import hashlib
import json
import os
import threading
import unicodedata
from collections.abc import Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from itertools import cycle, pairwise
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
from tts.piper_decoder import Stage
from tts.piper_graph import NOISE_SEED, PiperModel, read_model
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
    ArithmeticError,
    TypeError,
    AttributeError,
    MemoryError,
    DecodeError,
    *_ORT_ERRORS,
)
_NOT_SPOKEN: tuple[type[Exception], ...] = (ValueError, KeyError, IndexError, RuntimeError, MemoryError, *_ORT_ERRORS)
_LOG_ERRORS_ONLY = 3
_SHRINK_EVERY = 16
_WINDOW = 1 << 17
"""Numbers in a window's widest sound: as many as a core's own cache holds a few times."""
_REACHES = 4
"""A window is at least so many times as long as what stands over at each of its ends and is done twice."""

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
        """See `SpeechEngine.speak`. A sentence with a sound that the model was not taught is for another voice."""
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
        unknown = {mark for mark in phonemes if mark not in self._piper.config.phoneme_id_map and _is_heard(mark)}
        if unknown:  # piper-tts would leave them out
            raise EngineError(f"{self.voice} does not know {' '.join(sorted(unknown))}")
        # What piper's `synthesize` does once it has the phonemes, its levelling of each sentence left out.
        sound = self._piper.phoneme_ids_to_audio(self._piper.phonemes_to_ids(phonemes), how)
        assert isinstance(sound, np.ndarray)  # noqa: S101 - no alignments were asked for
        clipped: NDArray[np.float32] = np.clip(np.atleast_1d(sound), -1.0, 1.0).astype(np.float32, copy=False)
        return clipped


def _is_heard(phoneme: str) -> bool:
    """Whether it is a sound or a tone, not a mark between words or one that only colours its neighbour."""
    return unicodedata.category(phoneme[0]) in {"Ll", "Lo", "Nd"}


class LoadedModel:
    """A model in parts: what comes first, then the decoder, stage by stage, in windows.

    The windows overlap by what the sound at their edges depends on, so that none can be heard. They are the same
    whatever else is spoken meanwhile, and so are the samples.
    """

    def __init__(self, parts: PiperModel, cores: int) -> None:
        self._first = _TidySession(parts.first, cores)
        self._stages = [_LoadedStage(stage) for stage in parts.stages]
        places = cycle(sorted(os.sched_getaffinity(0)))
        self._hands = ThreadPoolExecutor(cores, "decoder", initializer=lambda: _keep_to(next(places)))
        # More sentences at once would take more memory and be done no sooner; a whole model takes all cores anyway.
        self._room = threading.Semaphore(cores if self._stages else 1)

    def run(self, _: None, feed: Mapping[str, _Array]) -> list[_Array]:
        """Called by piper-tts, by several threads at once: phonemes in, sound out."""
        with self._room:
            found = self._first.run(feed)
            if not self._stages:
                return list(found.values())
            given = {name: value[:, :, np.newaxis] for name, value in found.items()}
            for stage in self._stages:
                given |= stage.run(given, self._hands)
            return [given[self._stages[-1].made]]


class _LoadedStage:
    """A stage of a decoder, ready to be run in windows."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._session = _TidySession(stage.model, 1)
        (self.made,) = self._session.outputs

    def run(self, given: Mapping[str, _Array], hands: Executor) -> dict[str, _Array]:
        """What it makes of the sentence."""
        spans = window_spans(given[self._stage.given].shape[-1], self._stage.reach, _WINDOW // self._stage.width)
        windows = hands.map(partial(self._window, given), spans)
        return {self.made: np.concatenate(list(windows), axis=-1)}

    def _window(self, given: Mapping[str, _Array], span: tuple[int, int]) -> _Array:
        """What it makes of the steps from the first of a span to before the second."""
        (first, end), stage = span, self._stage
        start = max(0, first - stage.reach)
        feed = {name: given[name] for name in self._session.inputs}
        feed[stage.given] = np.ascontiguousarray(feed[stage.given][..., start : end + stage.reach])
        made = self._session.run(feed)[self.made]
        return made[..., (first - start) * stage.hop : (end - start) * stage.hop]


def window_spans(steps: int, reach: int, longest: int) -> list[tuple[int, int]]:
    """Windows as (first step, step after the last), of about one length: not much longer than they should be.

    Nor so short that most of the work would be done twice.
    """
    count = max(1, min(-(-steps // max(1, longest)), steps // (_REACHES * max(1, reach))))
    edges = [steps * number // count for number in range(count + 1)]
    return list(pairwise(edges))


def _keep_to(core: int) -> None:
    """Give this thread a core of its own, in a process that goes first.

    Two such threads on one core would wait for each other, while another core works for who could wait.
    """
    if os.getpriority(os.PRIO_PROCESS, 0) < 0:
        with suppress(OSError):  # it was taken from us meanwhile
            os.sched_setaffinity(0, {core})


class _TidySession:
    """A session that gives back, now and then, what its longest sentences needed."""

    def __init__(self, model: bytes, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _LOG_ERRORS_ONLY
        # A plan of memory for each length of sentence ever met would grow without end.
        options.enable_mem_pattern = False
        # Threads wait for each other spinning, which a first sentence gains by; but not for long, as the encoder and
        # the rest of the server want a core too, and the work is shared out in shrinking pieces.
        options.add_session_config_entry("session.intra_op.spin_duration_us", "10")
        options.add_session_config_entry("session.force_spinning_stop", "1")
        options.add_session_config_entry("session.dynamic_block_base", "4")
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._session.disable_fallback()
        self._session._model_bytes = None  # noqa: SLF001 - 63 MB kept only for the fallback just switched off
        self.inputs = [given.name for given in self._session.get_inputs()]
        self.outputs = [made.name for made in self._session.get_outputs()]
        self._runs = 0

    def run(self, feed: Mapping[str, _Array]) -> dict[str, _Array]:
        """The outputs by name."""
        self._runs += 1
        options = onnxruntime.RunOptions()
        if self._runs % _SHRINK_EVERY == 0:
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        return dict(zip(self.outputs, self._session.run(self.outputs, feed, options), strict=True))


def _fingerprint(model_path: Path) -> str:
    parts = [version("piper-tts"), onnxruntime.__version__, str(NOISE_SEED)]
    for path in (model_path, Path(f"{model_path}.json")):
        with path.open("rb") as file:
            parts.append(hashlib.file_digest(file, "sha256").hexdigest())
    return "piper-" + "-".join(parts)
