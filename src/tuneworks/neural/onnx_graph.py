"""Stock text encoders drawn as ONNX graphs for one stream of many texts' tokens: no padding but in attention, no torch.

Inputs: ``words`` (T, D), rows of the word embeddings, which stay in the stock weights' file; ``positions`` (T,);
``places`` (B, S), where in the stream the tokens of each text stand, filled up with its first; ``inside`` (B, S), which
of these are tokens; ``back`` (T,), where each token stands among the places. Outputs ``layer_1``, ``layer_2``, ...
(T, D): the states after each layer. In int8 every matrix has one scale a column and every token's row of numbers a
scale of its own, so that no answer depends on what else is in the stream, and nothing is calibrated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tuneworks.neural.encoder_files import layer_output
from tuneworks.neural.stock_weights import FAMILIES, POSITIONS, TYPES, NamedWeights, Shape
from tuneworks.statistics.features import Floats

OPSET, IR = 17, 8
ORT = "com.microsoft"
MIDDLE = 128  # the number that stands for zero in a token's quantised row
TINY = 1e-9
HIDDEN = -30.0  # below the score of the text's first token, which fills the place: a share of less than 1e-13
# (far below, shares would be denormal numbers, with which products take many times as long)
GELU = 32, 0.17 / 32  # the same after GELU, and the least scale: its values are never below -0.17
ACTIVATIONS = {
    "gelu": ("Gelu", ORT),
    "gelu_new": ("FastGelu", ORT),
    "gelu_pytorch_tanh": ("FastGelu", ORT),
    "relu": ("Relu", ""),
}
GIVEN = {
    "words": (TensorProto.FLOAT, ["tokens", "width"]),
    "positions": (TensorProto.INT64, ["tokens"]),
    "places": (TensorProto.INT64, ["texts", "longest"]),
    "inside": (TensorProto.INT32, ["texts", "longest"]),
    "back": (TensorProto.INT64, ["tokens"]),
}
LEAST = {"gelu": GELU, "gelu_new": GELU, "gelu_pytorch_tanh": GELU, "relu": (0, TINY)}


@dataclass
class _Graph:
    """Nodes and constants as they are drawn."""

    nodes: list[Any] = field(default_factory=list)
    constants: dict[str, NDArray[Any]] = field(default_factory=dict)

    def constant(self, name: str, array: Any) -> str:
        self.constants[name] = np.ascontiguousarray(array)
        return name

    def add(self, kind: str, *inputs: str, domain: str = "", output: str = "", **attributes: Any) -> str:
        name = output or f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name, domain=domain, **attributes))
        return name

    def model(self, width: int, outputs: Sequence[str]) -> bytes:
        """The whole as deterministic bytes."""
        given = [helper.make_tensor_value_info(name, *stated) for name, stated in GIVEN.items()]
        made = [helper.make_tensor_value_info(one, TensorProto.FLOAT, ["tokens", width]) for one in outputs]
        kept = [numpy_helper.from_array(array, name) for name, array in self.constants.items()]
        graph = helper.make_graph(self.nodes, "encoder", given, made, kept)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(ORT, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR, producer_name="tuneworks")
        return bytes(model.SerializeToString(deterministic=True))


@dataclass(frozen=True)
class _Rows:
    """Rows as int8 products take them: whole numbers, each row's scale (M, 1), and the number that stands for zero."""

    numbers: str
    scale: str
    zero: str


def drawn(shape: Shape, weights: NamedWeights, *, int8: bool) -> bytes:
    """The encoder as an ONNX file's bytes; equal weights give equal bytes."""
    return (_Int8 if int8 else _Float32)(shape, weights).draw()


class _Float32:
    """The encoder with float products."""

    def __init__(self, shape: Shape, weights: NamedWeights) -> None:
        self.shape, self.weights, self.graph = shape, weights, _Graph()
        self.names: Mapping[str, str] = FAMILIES[shape.family]

    def draw(self) -> bytes:
        add, table = self.graph.add, self._positions()
        width = table.shape[1]
        self.graph.constant("flat", np.array([-1, width]))
        self._place_heads(width // self.shape.heads)
        placed = add("Gather", self.graph.constant("position_table", table), "positions")
        states = self.normed(add("Add", "words", placed), "embeddings.LayerNorm")
        outputs = [layer_output(number + 1) for number in range(self.shape.layers)]
        for number, output in enumerate(outputs):
            states = self.layer(states, {part: name.format(number) for part, name in self.names.items()}, output)
        return self.graph.model(width, outputs)

    def layer(self, states: str, names: Mapping[str, str], output: str) -> str:
        """One layer on states (T, D)."""
        add = self.graph.add
        rows = self.rows(states)
        query, key, value = (
            add("Gather", add("Reshape", self.product(rows, names[part]), "a_head"), self.seen)
            for part in ("query", "key", "value")
        )
        scores = add("FusedMatMul", query, key, domain=ORT, transB=1, alpha=self.sharpness)
        shares = add("Softmax", add("Add", scores, self.unseen), axis=-1)
        mixed = add("Gather", add("Reshape", add("MatMul", shares, value), "a_head"), self.own)
        mixed = add("Reshape", mixed, "flat")
        mixed = self.product(self.rows(mixed), names["mixed"])
        states = self.normed(add("Add", mixed, states), names["first_norm"])
        kind, domain = ACTIVATIONS[self.shape.activation]
        inner = add(kind, self.product(self.rows(states), names["inner"]), domain=domain)
        outer = self.product(self.activated_rows(inner), names["outer"])
        return self.normed(add("Add", outer, states), names["last_norm"], output)

    def _place_heads(self, width: int) -> None:
        """Where tokens find each other: a head's numbers are a row, so that fetching rows does all the transposing.

        ``seen`` (B, H, S): the rows that each text's heads see; ``own`` (T, H): each token's rows of the outcome;
        ``unseen`` (B, 1, 1, S): what hides the places without a token.
        """
        constant, add, heads = self.graph.constant, self.graph.add, self.shape.heads
        constant("a_head", np.array([-1, width]))
        constant("heads", np.int64(heads))
        each = constant("each_head", np.arange(heads))
        second = constant("second", np.array([1]))
        first_row = add("Unsqueeze", add("Mul", "places", "heads"), second)
        self.seen = add("Add", first_row, constant("each_head_down", np.arange(heads)[:, None]))
        longest = add("Gather", add("Shape", "places"), constant("one", np.int64(1)))
        text = add("Div", "back", longest)
        place = add("Sub", "back", add("Mul", text, longest))
        first_row = add("Add", add("Mul", add("Mul", text, "heads"), longest), place)
        self.own = add("Add", add("Unsqueeze", first_row, second), add("Mul", each, longest))
        empty = add("Sub", constant("full", np.float32(1)), add("Cast", "inside", to=TensorProto.FLOAT))
        hidden = add("Mul", empty, constant("hidden", np.float32(HIDDEN)))
        self.unseen = add("Unsqueeze", hidden, constant("between", np.array([1, 2])))
        self.sharpness = width**-0.5

    def normed(self, states: str, name: str, output: str = "") -> str:
        factor = self.graph.constant(f"{name}.weight", self.weights[f"{name}.weight"])
        shift = self.graph.constant(f"{name}.bias", self.weights[f"{name}.bias"])
        inputs = [states, factor, shift]
        return self.graph.add("LayerNormalization", *inputs, output=output, axis=-1, epsilon=self.shape.epsilon)

    def rows(self, states: str) -> Any:
        """Rows as products take them."""
        return states

    def activated_rows(self, states: str) -> Any:
        return self.rows(states)

    def product(self, rows: Any, name: str) -> str:
        """Rows through a linear layer."""
        matrix, bias = self.weights.linear(name)
        made = self.graph.add("MatMul", rows, self.graph.constant(f"{name}.weight", matrix))
        return self.graph.add("Add", made, self.graph.constant(f"{name}.bias", bias))

    def _positions(self) -> Floats:
        """What is added at each position: its embedding, and that of the first text's type where there are types."""
        table = self.weights[POSITIONS][self.shape.first_position :]
        return table + self.weights[TYPES][0] if TYPES in self.weights else table


class _Int8(_Float32):
    """The encoder with products of whole numbers."""

    def draw(self) -> bytes:
        constant, add = self.graph.constant, self.graph.add
        zero, least = LEAST[self.shape.activation]
        for name, number in (("tiny", TINY), ("unit", 1), ("steps", 1 / (255 - MIDDLE))):
            constant(name, np.float32(number))
        for name, number in (("inner_least", least), ("inner_steps", 1 / (255 - zero))):
            constant(name, np.float32(number))
        constant("last", np.array([-1]))
        count = add("Shape", "positions")
        self.zeros = {
            number: add("Expand", constant(f"zero_{number}", np.uint8(number)), count) for number in {MIDDLE, zero}
        }
        self.inner_zero = zero
        return super().draw()

    def rows(self, states: str) -> _Rows:
        add = self.graph.add
        most = add("ReduceMax", states, axes=[-1])
        least = add("Neg", add("ReduceMin", states, axes=[-1]))
        return self._quantised(states, add("Mul", add("Max", most, least, "tiny"), "steps"), MIDDLE)

    def activated_rows(self, states: str) -> _Rows:
        most = self.graph.add("ReduceMax", states, axes=[-1])
        scale = self.graph.add("Max", self.graph.add("Mul", most, "inner_steps"), "inner_least")
        return self._quantised(states, scale, self.inner_zero)

    def _quantised(self, states: str, scale: str, zero: int) -> _Rows:
        flat = self.graph.add("Reshape", scale, "last")
        made = self.graph.add("QuantizeLinear", states, flat, self.zeros[zero], axis=0)
        return _Rows(made, scale, f"zero_{zero}")

    def product(self, rows: _Rows, name: str) -> str:
        matrix, bias = self.weights.linear(name)
        numbers, scales = quantised(matrix)
        constant, add = self.graph.constant, self.graph.add
        weight, scale = constant(f"{name}.weight", numbers), constant(f"{name}.scale", scales)
        made = add("MatMulIntegerToFloat", rows.numbers, weight, "unit", scale, rows.zero, domain=ORT)
        return add("Add", add("Mul", made, rows.scale), constant(f"{name}.bias", bias))


def quantised(matrix: Floats) -> tuple[NDArray[np.int8], Floats]:
    """A matrix (in, out) as whole numbers from -127 to 127, and each column's scale (out,)."""
    scales = np.maximum(np.abs(matrix).max(axis=0), 1e-12) / np.float32(127)
    return np.rint(matrix / scales).astype(np.int8), scales.astype(np.float32)
