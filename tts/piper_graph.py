"""A Piper model as it is handed to onnxruntime: its noise from a table, and the part that makes the sound by itself.

The door to onnx, with `tts.piper_decoder`. Three things are done to a model before it is loaded:

- Piper models draw random noise inside the network, from a generator that no option of piper-tts or onnxruntime
  rewinds between sentences. So that the same text gives the same clip, each drawing node is replaced by a look-up in a
  fixed table of normally distributed numbers.
- The decoder, which makes samples of frames and takes two thirds of the time, is parted from what comes before it,
  and again where it makes many values of one. Each stage is a chain of convolutions, so that a stretch of its output
  needs little more than the same stretch of its input: it can be run in windows that a core's own cache holds, on
  several cores at once.
- The decoder's convolutions over time become convolutions over pictures of height 1, for which onnxruntime has faster
  kernels. They want their channels in blocks, so what stands between them is written as they can do it beside their
  own work.

A model whose decoder is not what this file knows is left whole; it speaks as well, only slower.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from tts.piper_decoder import (
    Stage,
    UnknownDecoder,
    copied,
    cut_in_stages,
    given_to,
    part_of,
    sounds_in,
    stage_of,
    values_of,
)

_log = logging.getLogger(__name__)

NOISE_SEED = 20260101
_NOISE_LENGTH = 65521  # prime, so that the table's period falls on no frame length

# torch's exporter names each node by its module: `dec` is VITS's, and `cond` gives it the speaker, once a sentence.
_DECODER, _SPEAKER, _FIRST = "/dec/", "/dec/cond/", "/dec/conv_pre/Conv"
_SAME_SOUND = {"Identity", "Squeeze", "Unsqueeze"}


@dataclass(frozen=True, slots=True)
class PiperModel:
    """A model ready to be loaded: what comes first, then the decoder's stages; without any, all of it comes first."""

    first: bytes
    stages: tuple[Stage, ...] = ()


def read_model(path: Path) -> PiperModel:
    """Read a Piper model and make it ready.

    Raises:
        OSError: the file cannot be read.
        google.protobuf.message.DecodeError: it is no model.
    """
    model = onnx.load(str(path), load_external_data=False)
    _fix_noise(model.graph)
    _name_constants(model.graph)
    try:
        return _parted(model)
    except UnknownDecoder as why:
        _log.info("%s is left whole: %s", path.name, why)
        return PiperModel(bytes(model.SerializeToString()))


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
    replaced = [copied(node) for node in nodes]
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


def _name_constants(graph: GraphProto) -> None:
    """Make weights of the nodes that give a constant."""
    kept = []
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            weight = copied(node.attribute[0].t)
            weight.name = node.output[0]
            graph.initializer.append(weight)
        else:
            kept.append(copied(node))
    del graph.node[:]
    graph.node.extend(kept)


def _parted(model: ModelProto) -> PiperModel:
    """The model in parts.

    Raises:
        UnknownDecoder: its decoder is not what this file knows.
    """
    graph = model.graph
    weights = {weight.name: weight for weight in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    decoder = [node for node in graph.node if node.name.startswith(_DECODER) and not node.name.startswith(_SPEAKER)]
    begin = next((node for node in decoder if node.name == _FIRST), None)
    weight = weights.get(begin.input[1]) if begin else None
    if begin is None or weight is None or weight.data_type != TensorProto.FLOAT:
        raise UnknownDecoder(f"there is no {_FIRST}")
    frames, channels = begin.input[0], weight.dims[1]
    given = given_to(decoder, weights)
    for name in given:
        if name != frames and not (name in makers and makers[name].name.startswith(_SPEAKER)):
            raise UnknownDecoder(f"{name or 'nothing'} goes into it")
    sounds = sounds_in(decoder, weights, frames, channels)
    sound = graph.output[0].name
    while sound not in sounds and makers[sound].op_type in _SAME_SOUND:
        sound = makers[sound].input[0]
    if sound not in sounds:
        raise UnknownDecoder(f"the sound is made by {makers[sound].name}")
    stages = []
    for nodes, made in cut_in_stages(decoder, sound):
        stages.append(stage_of(model, nodes, (frames, channels), made))
        frames, channels = made, sounds[made].channels
    first = part_of(model, _needed_for(given, graph.node), graph.initializer, graph.input, values_of(given))
    return PiperModel(first, tuple(stages))


def _needed_for(names: Iterable[str], nodes: Sequence[NodeProto]) -> list[NodeProto]:
    """Those of the nodes, which are in order, that the values named depend on."""
    needed, kept = set(names), []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(node)
    return kept[::-1]
