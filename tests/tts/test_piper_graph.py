"""What is done to a Piper model before it is loaded: it must say what the whole model says."""

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

from tests.fakes.piper_voice import VOICE_NAME
from tts.engine import SpeechEngine
from tts.piper import LoadedModel, PiperEngine, window_spans
from tts.piper_graph import read_model

SENTENCE = "Mời bà con ra đồng thu hoạch lúa đã chín trước khi bão số ba đổ bộ vào đất liền."


def _weight(rng: np.random.Generator, name: str, *shape: int) -> TensorProto:
    return numpy_helper.from_array(rng.standard_normal(shape).astype(np.float32) / 3, name)


def _model(path: Path, **changed: NodeProto) -> Path:
    """A small model of two speakers with the build of Piper's: 8 samples a frame. Nodes may be changed by name."""
    rng = np.random.default_rng(5)
    weights = [
        _weight(rng, "pre", 6, 4, 7),
        _weight(rng, "speaker", 6, 3, 1),
        _weight(rng, "up0", 6, 5, 8),
        _weight(rng, "up1", 5, 3, 6),
        _weight(rng, "res0", 5, 5, 3),
        _weight(rng, "res1", 3, 3, 5),
        _weight(rng, "post", 1, 3, 7),
        numpy_helper.from_array(np.array(3, dtype=np.float32), "third"),
        numpy_helper.from_array(np.array([1]), "axis"),
    ]
    nodes = {
        "twice": helper.make_node("Mul", ["frames", "third"], ["z"], "/flow/Mul"),
        "cond": helper.make_node("Conv", ["who", "speaker"], ["g"], "/dec/cond/Conv"),
        "pre": helper.make_node("Conv", ["z", "pre"], ["a"], "/dec/conv_pre/Conv", pads=[3, 3]),
        "with_speaker": helper.make_node("Add", ["a", "g"], ["b"], "/dec/Add"),
        "up0": helper.make_node("ConvTranspose", ["b", "up0"], ["c"], "/dec/ups.0/C", strides=[4], pads=[2, 2]),
        "leaky": helper.make_node("LeakyRelu", ["c"], ["d"], "/dec/LeakyRelu", alpha=0.1),
        "res0": helper.make_node("Conv", ["d", "res0"], ["e"], "/dec/res.0/C", pads=[3, 3], dilations=[3]),
        "res0_sum": helper.make_node("Add", ["e", "c"], ["f"], "/dec/res.0/Add"),
        "mean": helper.make_node("Div", ["f", "third"], ["h"], "/dec/Div"),
        "up1": helper.make_node("ConvTranspose", ["h", "up1"], ["i"], "/dec/ups.1/C", strides=[2], pads=[2, 2]),
        "res1": helper.make_node("Conv", ["i", "res1"], ["j"], "/dec/res.1/C", pads=[4, 4], dilations=[2]),
        "post": helper.make_node("Conv", ["j", "post"], ["k"], "/dec/conv_post/Conv", pads=[3, 3]),
        "tanh": helper.make_node("Tanh", ["k"], ["l"], "/dec/Tanh"),
        "output": helper.make_node("Unsqueeze", ["l", "axis"], ["output"], "/Unsqueeze"),
    }
    kind = TensorProto.FLOAT
    inputs = [
        helper.make_tensor_value_info("frames", kind, [1, 4, "frames"]),
        helper.make_tensor_value_info("who", kind, [1, 3, 1]),
    ]
    outputs = [helper.make_tensor_value_info("output", kind, None)]
    graph: GraphProto = helper.make_graph(list((nodes | changed).values()), "small", inputs, outputs, weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8), str(path))
    return path


def _feed(frames: int) -> dict[str, NDArray[np.float32]]:
    rng = np.random.default_rng(frames)
    sizes = {"frames": (1, 4, frames), "who": (1, 3, 1)}
    return {name: rng.standard_normal(size).astype(np.float32) for name, size in sizes.items()}


@pytest.mark.parametrize("longest", [1, 20, 1 << 20])
@pytest.mark.parametrize("frames", [1, 30, 149, 600])
def test_windows_of_a_sentence_are_the_whole_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, longest: int, frames: int
) -> None:
    path = _model(tmp_path / "small.onnx")
    whole = onnxruntime.InferenceSession(str(path)).run(None, _feed(frames))[0].ravel()
    parts = read_model(path)
    assert [stage.hop for stage in parts.stages] == [4, 2]
    monkeypatch.setattr("tts.piper._WINDOW", longest * max(stage.width for stage in parts.stages))
    (sound,) = LoadedModel(parts, 2).run(None, _feed(frames))
    assert whole.shape == (8 * frames,)
    assert np.abs(sound.ravel() - whole).max() < 1e-5


def test_a_decoder_that_cannot_be_cut_is_one_stage(tmp_path: Path) -> None:
    """Two sounds go on where many values are made of one."""
    late = {
        "mean": helper.make_node("ConvTranspose", ["c", "up1"], ["h"], "/dec/ups.1/C", strides=[2], pads=[2, 2]),
        "up1": helper.make_node("ConvTranspose", ["f", "up1"], ["i"], "/dec/ups.2/C", strides=[2], pads=[2, 2]),
        "res1": helper.make_node("Add", ["i", "h"], ["j"], "/dec/Add_1"),
    }
    path = _model(tmp_path / "small.onnx", **late)
    whole = onnxruntime.InferenceSession(str(path)).run(None, _feed(300))[0].ravel()
    parts = read_model(path)
    assert [stage.hop for stage in parts.stages] == [8]
    (sound,) = LoadedModel(parts, 2).run(None, _feed(300))
    assert np.abs(sound.ravel() - whole).max() < 1e-5


def test_constants_may_be_nodes(tmp_path: Path) -> None:
    path = _model(tmp_path / "small.onnx")
    whole = onnxruntime.InferenceSession(str(path)).run(None, _feed(90))[0].ravel()
    model = onnx.load(str(path))
    (third,) = (weight for weight in model.graph.initializer if weight.name == "third")
    model.graph.initializer.remove(third)
    model.graph.node.insert(0, helper.make_node("Constant", [], ["third"], "/dec/Constant", value=third))
    onnx.save(model, str(path))
    parts = read_model(path)
    assert len(parts.stages) == 2
    (sound,) = LoadedModel(parts, 1).run(None, _feed(90))
    assert np.abs(sound.ravel() - whole).max() < 1e-5


CHANGES = {
    "a convolution that shortens": helper.make_node("Conv", ["d", "res0"], ["e"], "/dec/res.0/C", pads=[0, 0]),
    "one that looks back only": helper.make_node("Conv", ["d", "res0"], ["e"], "/dec/res.0/C", pads=[2, 0]),
    "one that skips": helper.make_node("Conv", ["d", "res0"], ["e"], "/dec/res.0/C", pads=[1, 1], strides=[2]),
    "one that pads by itself": helper.make_node("Conv", ["d", "res0"], ["e"], "/dec/res.0/C", auto_pad="SAME_UPPER"),
    "what looks at the whole": helper.make_node("Softmax", ["d"], ["e"], "/dec/res.0/Softmax", axis=2),
    "weights that are computed": helper.make_node("Conv", ["d", "g"], ["e"], "/dec/res.0/C", pads=[0, 0]),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_decoder_of_another_build_is_left_whole(tmp_path: Path, change: NodeProto) -> None:
    assert read_model(_model(tmp_path / "other.onnx", res0=change)).stages == ()


@pytest.mark.parametrize(
    "changed",
    [
        {"pre": helper.make_node("Conv", ["z", "pre"], ["a"], "/vocoder/Conv", pads=[3, 3])},
        {"cond": helper.make_node("Conv", ["who", "speaker"], ["g"], "/speaker/Conv")},
        {"output": helper.make_node("Softmax", ["l"], ["output"], "/Softmax", axis=2)},
    ],
    ids=["no beginning", "something else goes in", "something follows"],
)
def test_a_decoder_with_other_ends_is_left_whole(tmp_path: Path, changed: dict[str, NodeProto]) -> None:
    assert read_model(_model(tmp_path / "other.onnx", **changed)).stages == ()


def test_a_model_left_whole_speaks_the_same(piper: SpeechEngine, voices_dir: Path, tmp_path: Path) -> None:
    """And so the real model says in windows what it says whole."""
    real = voices_dir / VOICE_NAME / f"{VOICE_NAME}.onnx"
    model = onnx.load(str(real))
    for node in model.graph.node:
        node.name = node.name.replace("/dec/", "/vocoder/")
    onnx.save(model, str(tmp_path / "whole.onnx"))
    (tmp_path / "whole.onnx.json").write_bytes(Path(f"{real}.json").read_bytes())
    assert len(read_model(real).stages) == 3
    assert read_model(tmp_path / "whole.onnx").stages == ()
    whole, windowed = PiperEngine(tmp_path / "whole.onnx", "whole").speak(SENTENCE), piper.speak(SENTENCE)
    assert whole.samples.shape == windowed.samples.shape
    assert np.abs(whole.samples - windowed.samples).max() < 1e-4


def test_the_number_of_cores_changes_no_sample(piper: SpeechEngine, voices_dir: Path) -> None:
    def with_one_core() -> SpeechEngine:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # of this thread and of those it starts
        return PiperEngine(voices_dir / VOICE_NAME / f"{VOICE_NAME}.onnx", VOICE_NAME)

    with ThreadPoolExecutor(1) as alone:
        slow = alone.submit(with_one_core).result(60)
    assert np.array_equal(slow.speak(SENTENCE).samples, piper.speak(SENTENCE).samples)


@given(steps=st.integers(1, 5000), reach=st.integers(0, 40), longest=st.integers(0, 600))
def test_windows_part_a_sentence_without_a_gap(steps: int, reach: int, longest: int) -> None:
    spans = window_spans(steps, reach, longest)
    assert (spans[0][0], spans[-1][1]) == (0, steps)
    assert all(one[1] == other[0] for one, other in pairwise(spans))
    lengths = [end - first for first, end in spans]
    assert max(lengths) - min(lengths) <= 1
    assert len(spans) == 1 or min(lengths) >= 4 * reach
    assert max(lengths) <= max(longest, 1, 8 * max(reach, 1))
