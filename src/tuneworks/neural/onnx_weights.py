"""Reading trained weights out of an ONNX file by the names they had in torch; quantised ones are made floats again.

An ONNX file is a protocol buffer: fields of a number and a wire type, messages within messages (onnx.proto of the ONNX
standard). Only the few fields named here are read. A matrix that a product of the graph uses has lost its own name in
the export; it is called after the module whose product it is: ``/layer.0/attention/q_lin/MatMul`` gives
``layer.0.attention.q_lin.weight``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tuneworks.neural.protocol_buffers import fields, whole_number
from tuneworks.statistics.features import Floats

GRAPH, NODES, TENSORS = 7, 1, 5
NODE_INPUTS, NODE_OUTPUTS, NODE_NAME, NODE_KIND, NODE_ATTRIBUTES = 1, 2, 3, 4, 5
ATTRIBUTE_NAME, ATTRIBUTE_NUMBER, ATTRIBUTE_TENSOR = 1, 3, 5
DIMENSIONS, TYPE, NAME, RAW = 1, 2, 8, 9
TYPES = {1: "<f4", 2: "u1", 3: "i1", 5: "<i2", 6: "<i4", 7: "<i8", 9: "?", 10: "<f2", 11: "<f8"}
VALUES = {4: "<f4", 10: "<f8"}  # fields that hold values beside ``RAW``, as packed numbers of that form
WHOLE_VALUES = (5, 7)  # and as packed variable-length whole numbers
QUANTISED = "_quantized"
PASSED_ON = ("Identity", "Cast")
DEQUANTISED = "DequantizeLinear"
PRODUCTS = ("MatMul", "Gemm", "MatMulInteger")
Array = NDArray[np.generic]


@dataclass(frozen=True)
class Node:
    """One operation of the graph."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    numbers: Mapping[str, int]
    tensors: Mapping[str, Array]


@dataclass(frozen=True)
class Graph:
    """The operations, the stored tensors by name, and which operation makes what.

    ``axes``: quantised tensor -> the axis whose slices have scales of their own.
    """

    nodes: Sequence[Node]
    tensors: Mapping[str, Array]
    makers: Mapping[str, Node]
    axes: Mapping[str, int]


def weights_of(source: Path) -> Iterator[tuple[str, Floats]]:
    """The weights of an ONNX file as (name in torch, float32 array), linear ones as (out, in); each name once.

    Raises ``ValueError`` where the file is no ONNX model.
    """
    graph = read(source)
    seen: set[str] = set()
    for name, array in (*_named(graph), *_of_products(graph)):
        if name not in seen:
            seen.add(name)
            yield name, np.ascontiguousarray(array, np.float32)


def read(source: Path) -> Graph:
    """The file's graph; its tensors lie in the memory of the file's bytes."""
    found = [value for number, value in fields(source.read_bytes()) if number == GRAPH]
    if len(found) != 1 or not isinstance(found[0], bytes):
        raise ValueError(f"{source} holds no ONNX graph")
    parts = list(fields(found[0]))
    nodes = [_node(value) for number, value in parts if number == NODES]
    tensors = dict(_tensor(value) for number, value in parts if number == TENSORS)
    for node in nodes:
        if node.kind == "Constant" and "value" in node.tensors:
            tensors[node.outputs[0]] = node.tensors["value"]
    axes = {node.inputs[0]: node.numbers.get("axis", 1) for node in nodes if node.kind == DEQUANTISED}
    return Graph(nodes, tensors, {output: node for node in nodes for output in node.outputs}, axes)


def _named(graph: Graph) -> Iterator[tuple[str, Array]]:
    """Parameters that kept their names."""
    for stored in graph.tensors:
        name = stored.removesuffix(QUANTISED)
        array = _value(graph, stored) if name.endswith((".weight", ".bias")) else None
        if array is not None and array.dtype.kind == "f":
            yield name, array


def _of_products(graph: Graph) -> Iterator[tuple[str, Array]]:
    """Matrices of products, named after the module."""
    for node in graph.nodes:
        matrix = _value(graph, node.inputs[1]) if node.kind in PRODUCTS else None
        if matrix is not None and matrix.ndim == 2 and "/" in node.name:
            module = node.name.strip("/").split("/")[:-1]
            yield ".".join([*module, "weight"]), matrix if node.numbers.get("transB") else matrix.T


def _value(graph: Graph, name: str) -> Array | None:
    """The constant behind a name, dequantised; ``None`` where it is computed from the input."""
    if name in graph.tensors:
        return _stored(graph, name)
    maker = graph.makers.get(name)
    if maker is None or maker.kind not in (DEQUANTISED, "Transpose", *PASSED_ON):
        return None
    made = _value(graph, maker.inputs[0])
    return made.T if made is not None and maker.kind == "Transpose" else made


def _stored(graph: Graph, name: str) -> Array:
    """A stored tensor; a quantised one, whose scale and zero point are named after it, as floats."""
    plain = name.removesuffix(QUANTISED)
    scale = graph.tensors.get(f"{plain}_scale")
    if graph.tensors[name].dtype.kind == "f" or scale is None:
        return graph.tensors[name]
    return _dequantised(graph.tensors[name], scale, graph.tensors.get(f"{plain}_zero_point"), graph.axes.get(name, -1))


def _dequantised(stored: Array, scale: Array, zero: Array | None, axis: int) -> Array:
    """``(stored - zero point) * scale``, both one for all or one a slice along an axis."""
    shape = [1] * stored.ndim
    if scale.size > 1:
        shape[axis] = scale.size
    around = np.zeros(shape, np.float32) if zero is None else zero.astype(np.float32).reshape(shape)
    made: Array = (stored.astype(np.float32) - around) * scale.astype(np.float32).reshape(shape)
    return made


def _node(data: bytes) -> Node:
    parts = list(fields(data))

    def texts(wanted: int) -> tuple[str, ...]:
        return tuple(value.decode() for number, value in parts if number == wanted)

    attributes = [dict(fields(value)) for number, value in parts if number == NODE_ATTRIBUTES]
    numbers = {a[ATTRIBUTE_NAME].decode(): a[ATTRIBUTE_NUMBER] for a in attributes if ATTRIBUTE_NUMBER in a}
    tensors = {a[ATTRIBUTE_NAME].decode(): _tensor(a[ATTRIBUTE_TENSOR])[1] for a in attributes if ATTRIBUTE_TENSOR in a}
    (name,), (kind,) = texts(NODE_NAME) or ("",), texts(NODE_KIND)
    return Node(name, kind, texts(NODE_INPUTS), texts(NODE_OUTPUTS), numbers, tensors)


def _tensor(data: bytes) -> tuple[str, Array]:
    """A tensor's name and its values."""
    parts = list(fields(data))
    single = dict(parts)
    form = np.dtype(TYPES.get(single[TYPE], "u1"))
    shape = [size for number, value in parts if number == DIMENSIONS for size in _whole(value)]
    if RAW in single:
        values: Array = np.frombuffer(single[RAW], form)
    else:
        listed = [value for number, value in parts if number in VALUES or number in WHOLE_VALUES]
        kind = next((VALUES[number] for number in single if number in VALUES), None)
        whole = [number for value in listed for number in _whole(value)] if kind is None else []
        values = np.frombuffer(b"".join(listed), kind).astype(form) if kind else np.array(whole).astype(form)
    return single.get(NAME, b"").decode(), values.reshape(shape) if values.size == np.prod(shape) else values


def _whole(value: bytes | int) -> Iterator[int]:
    """The whole numbers of a field, packed or single."""
    if isinstance(value, int):
        yield value
        return
    at = 0
    while at < len(value):
        number, at = whole_number(value, at)
        yield number - (1 << 64) if number >> 63 else number
