"""The decoder of a Piper model, stage by stage, as onnxruntime does it fastest. See `tts.piper_graph`."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil
from typing import TypeVar

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

_KIND = TensorProto.FLOAT
_SAMPLE_BY_SAMPLE = {"Add", "Div", "LeakyRelu", "Mul", "Relu", "Tanh"}
_CONVOLUTIONS = {"Conv", "ConvTranspose"}
_PER_AXIS = {"dilations", "kernel_shape", "strides"}
_KNOWN_ATTRIBUTES = {"group", "pads", *_PER_AXIS}
_WEIGHT_DIMS = 3
"""Of a convolution over time: channels out, channels in, time."""

_Message = TypeVar("_Message", NodeProto, TensorProto)


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the decoder that goes on in time: it makes `hop` values of each step it is given."""

    model: bytes
    given: str
    """The input that goes on in time, of shape (1, channels, 1, steps); the others belong to the whole sentence."""
    hop: int
    reach: int
    """How many steps to each side a value depends on, at most."""
    width: int
    """How many numbers the widest sound in it has for a step."""


@dataclass(frozen=True, slots=True)
class _Sound:
    """A value in the decoder that goes on in time: how often for each step that is given, and what it depends on."""

    rate: int
    reach: Fraction
    channels: int


class UnknownDecoder(Exception):
    """The decoder is not what this file knows."""


def sounds_in(
    decoder: Iterable[NodeProto], weights: Mapping[str, TensorProto], given: str, channels: int
) -> dict[str, _Sound]:
    """Each sound in the decoder, or in a stage of it that is given a sound of so many channels.

    Raises:
        UnknownDecoder: a node makes something else.
    """
    found = {given: _Sound(1, Fraction(0), channels)}
    for node in decoder:
        before = [found[name] for name in node.input if name in found]
        if len({(sound.rate, sound.channels) for sound in before}) != 1:
            raise UnknownDecoder(f"{node.name} joins sounds of several shapes, or none")
        widest = max(before, key=lambda sound: sound.reach)
        if node.op_type in _CONVOLUTIONS:
            found[node.output[0]] = _convolved(node, weights, widest)
        elif node.op_type in _SAMPLE_BY_SAMPLE and all(
            not weights[name].dims for name in node.input if name in weights
        ):
            found[node.output[0]] = widest
        else:
            raise UnknownDecoder(f"{node.name} is {node.op_type}")
    return found


def _convolved(node: NodeProto, weights: Mapping[str, TensorProto], sound: _Sound) -> _Sound:
    about = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    weight = weights.get(node.input[1])
    if weight is None or len(weight.dims) != _WEIGHT_DIMS or about.keys() - _KNOWN_ATTRIBUTES:
        raise UnknownDecoder(f"{node.name} is no plain {node.op_type}")
    kernel, group = weight.dims[2], about.get("group", 1)
    stride, dilation, pads = about.get("strides", [1])[0], about.get("dilations", [1])[0], about.get("pads", [0, 0])
    if node.op_type == "Conv" and stride == 1 and list(pads) == [dilation * (kernel - 1) / 2] * 2:
        return _Sound(sound.rate, sound.reach + Fraction(pads[0], sound.rate), weight.dims[0])
    if node.op_type == "ConvTranspose" and dilation == 1 and list(pads) == [(kernel - stride) / 2] * 2:
        rate = sound.rate * stride
        return _Sound(rate, sound.reach + Fraction(kernel, rate), weight.dims[1] * group)
    raise UnknownDecoder(f"{node.name} changes the length")


def given_to(nodes: Iterable[NodeProto], weights: Mapping[str, TensorProto]) -> list[str]:
    """What goes into the nodes from elsewhere."""
    made = {name for node in nodes for name in node.output}
    return list(dict.fromkeys(name for node in nodes for name in node.input if name not in made | weights.keys()))


def cut_in_stages(decoder: Sequence[NodeProto], sound: str) -> list[tuple[Sequence[NodeProto], str]]:
    """The decoder's nodes in stages, each with what it makes: cut where many values are made of one, but the first."""
    edges, made = [0], []
    for at in [at for at, node in enumerate(decoder) if node.op_type == "ConvTranspose"][1:]:
        before = {name for node in decoder[:at] for name in node.output}
        if before.intersection(name for node in decoder[at:] for name in node.input) == {decoder[at].input[0]}:
            edges.append(at)
            made.append(decoder[at].input[0])
    stages = [decoder[start:end] for start, end in pairwise([*edges, len(decoder)])]
    return list(zip(stages, [*made, sound], strict=True))


def stage_of(model: ModelProto, nodes: Sequence[NodeProto], given: tuple[str, int], made: str) -> Stage:
    """The nodes as a stage that makes one sound of another, of so many channels."""
    weights = {weight.name: weight for weight in model.graph.initializer}
    sounds = sounds_in(nodes, weights, *given)
    # onnxruntime adds in blocks only what it knows to be of one shape.
    shapes = {
        name: helper.make_tensor_value_info(name, _KIND, [1, sound.channels, 1, f"times {sound.rate}"])
        for name, sound in sounds.items()
    }
    others = [name for name in given_to(nodes, weights) if name != given[0]]
    used = dict.fromkeys(name for node in nodes for name in node.input)
    pictures, copies = _in_blocks([_as_picture(node) for node in nodes], weights, sounds)
    part = part_of(
        model,
        pictures,
        [*(_as_picture_weight(weights[name]) for name in used if name in weights), *copies],
        [shapes[given[0]], *values_of(others)],
        [shapes[made]],
        [shape for name, shape in shapes.items() if name not in (given[0], made)],
    )
    width = max(sound.rate * sound.channels for sound in sounds.values())
    return Stage(part, given[0], sounds[made].rate, ceil(sounds[made].reach), width)


def _in_blocks(
    nodes: Sequence[NodeProto], weights: Mapping[str, TensorProto], sounds: Mapping[str, _Sound]
) -> tuple[list[NodeProto], list[TensorProto]]:
    """The nodes so that all between two convolutions is done in blocks, and the weights this needs.

    A leaky rectifier has no kernel for blocks, but a convolution can apply one to what it makes. So where it stands by
    itself it is given one that copies; a division is one that copies less of it, and a sound that does not come in
    blocks is brought into them once.
    """
    uses = Counter(name for node in nodes for name in node.input)
    done: list[NodeProto] = []
    copies: dict[str, TensorProto] = {}

    def copy(name: str, target: str, factor: float = 1.0) -> None:
        channels = sounds[name].channels
        weight = f"loalang/{channels} times {factor}"
        copies[weight] = numpy_helper.from_array(np.full((channels, 1, 1, 1), factor, np.float32), weight)
        source = f"{name}/apart" if name == target else name
        done.append(helper.make_node("Conv", [source, weight], [target], group=channels, kernel_shape=[1, 1]))

    convolved: set[str] = set()
    for node in nodes:
        name = node.input[0]
        if node.op_type == "Div" and name in sounds and node.input[1] in weights:
            copy(name, node.output[0], 1 / numpy_helper.to_array(weights[node.input[1]]).item())
            convolved.update(node.output)
            continue
        if node.op_type == "LeakyRelu" and (name not in convolved or uses[name] > 1):
            node.input[0] = f"{node.output[0]}/copy"
            copy(name, node.input[0])
        done.append(node)
        if node.op_type == "Conv":
            convolved.update(node.output)
        elif node.op_type == "ConvTranspose":
            made = node.output[0]
            node.output[0] = f"{made}/apart"
            copy(made, made)
    return done, list(copies.values())


def _as_picture(node: NodeProto) -> NodeProto:
    """The node over pictures of height 1, whose width is the time."""
    over = copied(node)
    for attribute in over.attribute:
        if attribute.name == "pads":
            attribute.ints[:] = [0, attribute.ints[0], 0, attribute.ints[1]]
        elif attribute.name in _PER_AXIS:
            attribute.ints[:] = [1, *attribute.ints]
    return over


def _as_picture_weight(weight: TensorProto) -> TensorProto:
    over = copied(weight)
    if len(over.dims) == _WEIGHT_DIMS:
        over.dims.insert(2, 1)
    return over


def part_of(
    model: ModelProto,
    nodes: Sequence[NodeProto],
    weights: Iterable[TensorProto],
    inputs: Iterable[ValueInfoProto],
    outputs: Iterable[ValueInfoProto],
    between: Iterable[ValueInfoProto] = (),
) -> bytes:
    """A model of some nodes, with those of the weights that they use."""
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "part",
        list(inputs),
        list(outputs),
        [weight for weight in weights if weight.name in used],
        value_info=list(between),
    )
    part = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    return bytes(part.SerializeToString())


def values_of(names: Iterable[str]) -> list[ValueInfoProto]:
    """Inputs or outputs of a part, of any shape."""
    return [helper.make_tensor_value_info(name, _KIND, None) for name in names]


def copied(message: _Message) -> _Message:
    """Another of the same: one that stands in a list cannot be put into a second."""
    copy = type(message)()
    copy.CopyFrom(message)
    return copy
