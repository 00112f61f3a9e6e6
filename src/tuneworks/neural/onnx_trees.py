"""Boosted trees as one ONNX operator: the same comparisons in double precision, without LightGBM's overhead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession, SessionOptions

OPSET, TREES_OPSET, IR = 17, 3, 8
TREES = "ai.onnx.ml"
NODES = ("treeids", "nodeids", "featureids", "modes", "truenodeids", "falsenodeids", "missing_value_tracks_true")
Numbers = NDArray[np.float64]


def drawn_trees(stated: Mapping[str, Any]) -> bytes:
    """LightGBM's trees (``Booster.dump_model()``) as an ONNX file's bytes: rows (N, D) in, sums (N, C) out."""
    outputs = int(stated["num_tree_per_iteration"])
    columns: dict[str, list[Any]] = {name: [] for name in (*NODES, "values")}
    leaves: dict[str, list[Any]] = {name: [] for name in ("treeids", "nodeids", "ids", "weights")}
    for number, tree in enumerate(stated["tree_info"]):
        for node in _nodes(tree["tree_structure"]):
            for name, value in zip((*NODES, "values"), (number, *node[:7]), strict=True):
                columns[name].append(value)
            if node[2] == "LEAF":
                for name, value in zip(leaves, (number, node[0], number % outputs, node[7]), strict=True):
                    leaves[name].append(value)
    attributes: dict[str, Any] = {f"nodes_{name}": columns[name] for name in NODES}
    attributes |= {f"target_{name}": leaves[name] for name in ("treeids", "nodeids", "ids")}
    attributes["nodes_values_as_tensor"] = numpy_helper.from_array(np.array(columns["values"], np.float64))
    attributes["target_weights_as_tensor"] = numpy_helper.from_array(np.array(leaves["weights"], np.float64))
    node = helper.make_node(
        "TreeEnsembleRegressor", ["rows"], ["sums"], "trees", domain=TREES, n_targets=outputs, **attributes
    )
    given = helper.make_tensor_value_info("rows", TensorProto.DOUBLE, ["rows", "features"])
    made = helper.make_tensor_value_info("sums", TensorProto.FLOAT, ["rows", outputs])
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(TREES, TREES_OPSET)]
    graph = helper.make_graph([node], "trees", [given], [made])
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR, producer_name="tuneworks")
    return bytes(model.SerializeToString(deterministic=True))


def opened_trees(path: Path) -> Callable[[Any], Numbers]:
    """What sums (N, C) the trees of a file give rows (N, D)."""
    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def sums(rows: Any) -> Numbers:
        made = session.run(None, {"rows": np.ascontiguousarray(rows, np.float64)})[0]
        return np.asarray(made, np.float64)

    return sums


def _nodes(root: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
    """A tree's nodes: number, feature, mode, where true, where false, whether a gap is true, threshold, leaf value."""
    numbers = {id(node): number for number, node in enumerate(_walk(root))}
    for node in _walk(root):
        number = numbers[id(node)]
        if "split_feature" not in node:
            yield number, 0, "LEAF", 0, 0, 0, 0.0, node["leaf_value"]
            continue
        left, right = numbers[id(node["left_child"])], numbers[id(node["right_child"])]
        yield number, node["split_feature"], "BRANCH_LEQ", left, right, _gap(node), node["threshold"], 0.0


def _walk(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    if "split_feature" in node:
        yield from _walk(node["left_child"])
        yield from _walk(node["right_child"])


def _gap(node: Mapping[str, Any]) -> int:
    """Whether what is not a number goes left: as was learnt; where none was seen, as 0 does."""
    return int(node["default_left"] if node["missing_type"] == "NaN" else node["threshold"] >= 0)
