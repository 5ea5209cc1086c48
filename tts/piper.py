"""Piper, the neural voice. The one door to piper-tts, onnxruntime and onnx.

Piper models draw random noise inside the network, from a generator that no option of piper-tts or onnxruntime
rewinds between sentences. So that the same text gives the same clip, `_fix_noise` replaces each drawing node by a
look-up in a fixed table of normally distributed numbers before the model is handed to onnxruntime.
"""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from google.protobuf.message import DecodeError
from onnx import helper, numpy_helper
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors
from piper import PiperVoice, SynthesisConfig
from piper.config import PhonemeType, PiperConfig

from tts.engine import check_rate, has_words, plain
from tts.errors import EngineError, VoiceUnusable
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
    KeyError,
    TypeError,
    AttributeError,
    MemoryError,
    DecodeError,
    *_ORT_ERRORS,
)
_NOT_SPOKEN: tuple[type[Exception], ...] = (ValueError, KeyError, IndexError, RuntimeError, MemoryError, *_ORT_ERRORS)
_NOISE_SEED = 20260101
_NOISE_LENGTH = 65521  # prime, so that the table's period falls on no frame length
_LOG_ERRORS_ONLY = 3
_SHRINK_EVERY = 16


class PiperEngine:
    """A Piper voice, loaded and warm. Loading takes about a second and 230 MB with a medium model."""

    name = "piper"

    def __init__(self, model_path: Path, voice: str, *, threads: int | None = None) -> None:
        """Load the model and its config (`<model_path>.json`).

        Args:
            model_path: the voice's `.onnx` file.
            voice: the voice's name, for the log.
            threads: of onnxruntime; None leaves it to the machine's cores.

        Raises:
            VoiceUnusable: the files are not a Piper voice, or cannot be read.
        """
        try:
            config = PiperConfig.from_dict(json.loads(Path(f"{model_path}.json").read_text("utf-8")))
            if config.espeak_voice.split("-")[0] != "vi":
                config.espeak_voice = "vi"  # a foreign voice reads Vietnamese phonemes, as far as it can
            session = _open_session(model_path, threads)
            fingerprint = _fingerprint(model_path)
        except _NOT_LOADED as error:
            raise VoiceUnusable("not-loadable", name=voice, why=f"{type(error).__name__}: {error}") from error
        self._piper = PiperVoice(config=config, session=session)
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
        how = SynthesisConfig(length_scale=self._piper.config.length_scale / rate, normalize_audio=False)
        try:
            pieces = [np.atleast_1d(chunk.audio_float_array) for chunk in self._piper.synthesize(text, how)]
        except _NOT_SPOKEN as error:
            raise EngineError(f"{self.voice}: {type(error).__name__}: {error}") from error
        if not pieces or not np.isfinite(sum(float(piece.sum()) for piece in pieces)):
            raise EngineError(f"{self.voice} gave no sound for a sentence of {len(text)} characters")
        return Speech(np.concatenate(pieces).astype(np.float32, copy=False), self.sample_rate)


class _TidySession:
    """A session that gives back, now and then, what its longest sentences needed."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self._runs = 0

    def run(self, output_names: object, feed: object) -> list[Any]:
        self._runs += 1
        options = onnxruntime.RunOptions()
        if self._runs % _SHRINK_EVERY == 0:
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        found: list[Any] = self._session.run(output_names, feed, options)
        return found


def _fingerprint(model_path: Path) -> str:
    parts = [version("piper-tts"), onnxruntime.__version__, str(_NOISE_SEED)]
    for path in (model_path, Path(f"{model_path}.json")):
        with path.open("rb") as file:
            parts.append(hashlib.file_digest(file, "sha256").hexdigest())
    return "piper-" + "-".join(parts)


def _open_session(model_path: Path, threads: int | None) -> _TidySession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _LOG_ERRORS_ONLY
    # A plan of memory for each length of sentence ever met would grow without end.
    options.enable_mem_pattern = False
    # Threads wait for each other spinning, which a first sentence gains by; but not for long, as the encoder and the
    # rest of the server want a core too, and the work is shared out in shrinking pieces.
    options.add_session_config_entry("session.intra_op.spin_duration_us", "50")
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.add_session_config_entry("session.dynamic_block_base", "4")
    if threads is not None:
        options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(_fix_noise(model_path), options, providers=["CPUExecutionProvider"])
    session.disable_fallback()
    session._model_bytes = None  # noqa: SLF001 - 63 MB kept only for the fallback just switched off
    return _TidySession(session)


def _fix_noise(model_path: Path) -> bytes:
    """The model with every `RandomNormalLike` replaced by the fixed table, read round and round."""
    model = onnx.load(str(model_path), load_external_data=False)
    graph = model.graph
    table = np.random.default_rng(_NOISE_SEED).standard_normal(_NOISE_LENGTH).astype(np.float32)
    constants = {"table": table, "zero": np.int64(0), "one": np.int64(1), "length": np.int64(_NOISE_LENGTH)}
    graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value), f"loalang/{name}") for name, value in constants.items()
    )
    nodes: list[Any] = []
    for index, node in enumerate(graph.node):
        nodes.extend(_table_nodes(node, index) if node.op_type == "RandomNormalLike" else [node])
    replaced = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(replaced)
    return bytes(model.SerializeToString())


def _table_nodes(node: onnx.NodeProto, index: int) -> list[onnx.NodeProto]:
    """Nodes that fill the shape of `node`'s input from the table: reshape(table[range(size) mod length])."""
    here = f"loalang/{index}"
    return [
        helper.make_node("Shape", [node.input[0]], [f"{here}/shape"]),
        helper.make_node("ReduceProd", [f"{here}/shape"], [f"{here}/size"], keepdims=0),
        helper.make_node("Range", ["loalang/zero", f"{here}/size", "loalang/one"], [f"{here}/range"]),
        helper.make_node("Mod", [f"{here}/range", "loalang/length"], [f"{here}/at"]),
        helper.make_node("Gather", ["loalang/table", f"{here}/at"], [f"{here}/noise"]),
        helper.make_node("Reshape", [f"{here}/noise", f"{here}/shape"], list(node.output)),
    ]
