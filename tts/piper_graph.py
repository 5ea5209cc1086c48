"""A Piper model as it is handed to onnxruntime: its noise from a table, and the part that makes the sound by itself.

The one door to onnx. Three things are done to a model before it is loaded:

- Piper models draw random noise inside the network, from a generator that no option of piper-tts or onnxruntime
  rewinds between sentences. So that the same text gives the same clip, each drawing node is replaced by a look-up in a
  fixed table of normally distributed numbers.
- The decoder, which makes samples of frames and takes two thirds of the time, is parted from what comes before it. It
  is a chain of convolutions, so that each stretch of its output needs little more than the same stretch of its
  input: it can be run in windows, on several cores at once, in memory that a long sentence does not enlarge.
- The decoder's convolutions over time become convolutions over pictures of height 1, for which onnxruntime has
  kernels that are a quarter faster.

A model whose decoder is not what this file knows is left whole; it speaks as well, only slower.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import TypeVar

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

_log = logging.getLogger(__name__)

NOISE_SEED = 20260101
_NOISE_LENGTH = 65521  # prime, so that the table's period falls on no frame length

# torch's exporter names each node by its module: `dec` is VITS's, and `cond` gives it the speaker, once a sentence.
_DECODER, _SPEAKER, _FIRST = "/dec/", "/dec/cond/", "/dec/conv_pre/Conv"
_SAMPLE_BY_SAMPLE = {"Add", "Div", "LeakyRelu", "Mul", "Relu", "Tanh"}
_SAME_SOUND = {"Identity", "Squeeze", "Unsqueeze"}
_CONVOLUTIONS = {"Conv", "ConvTranspose"}
_PER_AXIS = {"dilations", "kernel_shape", "strides"}
_KNOWN_ATTRIBUTES = {"group", "pads", *_PER_AXIS}
_WEIGHT_DIMS = 3
"""Of a convolution over time: channels out, channels in, time."""

_Message = TypeVar("_Message", NodeProto, TensorProto)


@dataclass(frozen=True, slots=True)
class Decoder:
    """The part of a model that makes sound of frames, of shape (1, channels, 1, frames)."""

    model: bytes
    frames: str
    """The input that goes on in time; the others belong to the whole sentence."""
    hop: int
    """Samples per frame."""
    reach: int
    """How many frames to each side a sample depends on, at most."""


@dataclass(frozen=True, slots=True)
class PiperModel:
    """A model ready to be loaded: what comes first, or all of it if `decoder` is None."""

    first: bytes
    decoder: Decoder | None


class _Unknown(Exception):
    """The decoder is not what this file knows."""


def read_model(path: Path) -> PiperModel:
    """Read a Piper model and make it ready.

    Raises:
        OSError: the file cannot be read.
        google.protobuf.message.DecodeError: it is no model.
    """
    model = onnx.load(str(path), load_external_data=False)
    _fix_noise(model.graph)
    try:
        return _parted(model)
    except _Unknown as why:
        _log.info("%s is left whole: %s", path.name, why)
        return PiperModel(bytes(model.SerializeToString()), None)


def _fix_noise(graph: GraphProto) -> None:
    """Replace every `RandomNormalLike` by the fixed table, read round and round."""
    table = np.random.default_rng(NOISE_SEED).standard_normal(_NOISE_LENGTH).astype(np.float32)
    constants = {"table": table, "zero": np.int64(0), "one": np.int64(1), "length": np.int64(_NOISE_LENGTH)}
    graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value), f"loalang/{name}") for name, value in constants.items()
    )
    nodes: list[NodeProto] = []
    for index, node in enumerate(graph.node):
        nodes.extend(_table_nodes(node, index) if node.op_type == "RandomNormalLike" else [node])
    replaced = [_copied(node) for node in nodes]
    del graph.node[:]
    graph.node.extend(replaced)


def _table_nodes(node: NodeProto, index: int) -> list[NodeProto]:
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


def _parted(model: ModelProto) -> PiperModel:
    """The model in two.

    Raises:
        _Unknown: its decoder is not what this file knows.
    """
    graph = model.graph
    weights = {weight.name: weight for weight in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    decoder = [node for node in graph.node if node.name.startswith(_DECODER) and not node.name.startswith(_SPEAKER)]
    begin = next((node for node in decoder if node.name == _FIRST), None)
    if begin is None or begin.input[1] not in weights:
        raise _Unknown(f"there is no {_FIRST}")
    frames, kind = begin.input[0], weights[begin.input[1]].data_type
    made = {name for node in decoder for name in node.output}
    given = list(dict.fromkeys(name for node in decoder for name in node.input if name not in made | weights.keys()))
    for name in given:
        if name != frames and not (name in makers and makers[name].name.startswith(_SPEAKER)):
            raise _Unknown(f"{name or 'nothing'} goes into it")
    sound = graph.output[0].name
    while sound not in made and makers[sound].op_type in _SAME_SOUND:
        sound = makers[sound].input[0]
    extents = _extents(decoder, weights, frames)
    if sound not in extents:
        raise _Unknown(f"the sound is made by {makers[sound].name}")
    hop, reach = extents[sound]
    first = _part(model, _needed_for(given, graph.node), graph.input, _values(given, kind))
    pictures = [_as_pictures(node) for node in decoder]
    last = _part(model, pictures, _values(given, kind), _values([sound], kind), are_pictures=True)
    return PiperModel(first, Decoder(last, frames, hop, ceil(reach)))


def _extents(
    decoder: Iterable[NodeProto], weights: Mapping[str, TensorProto], frames: str
) -> dict[str, tuple[int, Fraction]]:
    """For each sound in the decoder: its samples per frame, and how many frames to each side one depends on.

    Raises:
        _Unknown: not so of one of the nodes.
    """
    found = {frames: (1, Fraction(0))}
    for node in decoder:
        before = [found[name] for name in node.input if name in found]
        if node.op_type == "Constant":
            continue
        if len({rate for rate, _ in before}) != 1:
            raise _Unknown(f"{node.name} joins sounds of several rates, or none")
        rate, reach = before[0][0], max(reach for _, reach in before)
        if node.op_type in _CONVOLUTIONS:
            found[node.output[0]] = _convolved(node, weights, rate, reach)
        elif node.op_type in _SAMPLE_BY_SAMPLE and all(
            not weights[name].dims for name in node.input if name in weights
        ):
            found[node.output[0]] = (rate, reach)
        else:
            raise _Unknown(f"{node.name} is {node.op_type}")
    return found


def _convolved(node: NodeProto, weights: Mapping[str, TensorProto], rate: int, reach: Fraction) -> tuple[int, Fraction]:
    about = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    weight = weights.get(node.input[1])
    if weight is None or len(weight.dims) != _WEIGHT_DIMS or about.keys() - _KNOWN_ATTRIBUTES:
        raise _Unknown(f"{node.name} is no plain {node.op_type}")
    kernel = weight.dims[2]
    stride, dilation, pads = about.get("strides", [1])[0], about.get("dilations", [1])[0], about.get("pads", [0, 0])
    if node.op_type == "Conv" and stride == 1 and list(pads) == [dilation * (kernel - 1) / 2] * 2:
        return rate, reach + Fraction(pads[0], rate)
    if node.op_type == "ConvTranspose" and dilation == 1 and list(pads) == [(kernel - stride) / 2] * 2:
        return rate * stride, reach + Fraction(kernel, stride * rate)
    raise _Unknown(f"{node.name} changes the length")


def _needed_for(names: Iterable[str], nodes: Sequence[NodeProto]) -> list[NodeProto]:
    """Those of the nodes, which are in order, that the values named depend on."""
    needed, kept = set(names), []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(node)
    return kept[::-1]


def _part(
    model: ModelProto,
    nodes: Sequence[NodeProto],
    inputs: Iterable[ValueInfoProto],
    outputs: Iterable[ValueInfoProto],
    *,
    are_pictures: bool = False,
) -> bytes:
    """A model of some of the nodes, with their weights."""
    used = {name for node in nodes for name in node.input}
    weights = [_copied(weight) for weight in model.graph.initializer if weight.name in used]
    for weight in weights:
        if are_pictures and len(weight.dims) == _WEIGHT_DIMS:
            weight.dims.insert(2, 1)
    graph = helper.make_graph([_copied(node) for node in nodes], "part", list(inputs), list(outputs), weights)
    part = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    return bytes(part.SerializeToString())


def _as_pictures(node: NodeProto) -> NodeProto:
    """The node over pictures of height 1, whose width is the time."""
    over = _copied(node)
    for attribute in over.attribute:
        if attribute.name == "pads":
            attribute.ints[:] = [0, attribute.ints[0], 0, attribute.ints[1]]
        elif attribute.name in _PER_AXIS:
            attribute.ints[:] = [1, *attribute.ints]
    return over


def _values(names: Iterable[str], kind: int) -> list[ValueInfoProto]:
    return [helper.make_tensor_value_info(name, kind, None) for name in names]


def _copied(message: _Message) -> _Message:
    # A message that stands in one list cannot be put into another as it is.
    copy = type(message)()
    copy.CopyFrom(message)
    return copy
