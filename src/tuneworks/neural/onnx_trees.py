"""Boosted trees as one ONNX operator: the same comparisons in double precision, without LightGBM's overhead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession, SessionOptions

OPSET, TREES_OPSET, IR = 17, 5, 8
TREES = "ai.onnx.ml"
LESS_OR_EQUAL, SUM, AS_IT_IS = 0, 1, 0
Numbers = NDArray[np.float64]


@dataclass
class _Forest:
    """All trees' inner nodes and leaves, each in one row of its table; a branch leads to a row of either."""

    features: list[int] = field(default_factory=list)
    splits: list[float] = field(default_factory=list)
    gaps: list[int] = field(default_factory=list)
    branches: list[list[tuple[int, bool]]] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    def add(self, node: Mapping[str, Any], target: int) -> tuple[int, bool]:
        """The row of a node with all below it, and whether it is one of the leaves."""
        if "split_feature" not in node:
            self.targets.append(target)
            self.weights.append(node["leaf_value"])
            return len(self.targets) - 1, True
        row = len(self.features)
        self.features.append(node["split_feature"])
        self.splits.append(node["threshold"])
        self.gaps.append(_gap(node))
        self.branches.append([])
        self.branches[row] = [self.add(node[side], target) for side in ("left_child", "right_child")]
        return row, False

    def add_alone(self, node: Mapping[str, Any], target: int) -> int:
        """The row of a tree's root; a tree that is one leaf is a node both of whose branches lead to it."""
        row, is_leaf = self.add(node, target)
        if not is_leaf:
            return row
        self.features.append(0)
        self.splits.append(0.0)
        self.gaps.append(0)
        self.branches.append([(row, True)] * 2)
        return len(self.features) - 1


def drawn_trees(stated: Mapping[str, Any]) -> bytes:
    """LightGBM's trees (``Booster.dump_model()``) as an ONNX file's bytes: rows (N, D) in, sums (N, C) out."""
    outputs, forest = int(stated["num_tree_per_iteration"]), _Forest()
    trees = stated["tree_info"]
    roots = [forest.add_alone(tree["tree_structure"], number % outputs) for number, tree in enumerate(trees)]
    left, right = zip(*forest.branches, strict=True)
    attributes: dict[str, Any] = {
        "tree_roots": roots,
        "nodes_featureids": forest.features,
        "nodes_splits": numpy_helper.from_array(np.array(forest.splits, np.float64)),
        "nodes_modes": numpy_helper.from_array(np.full(len(forest.features), LESS_OR_EQUAL, np.uint8)),
        "nodes_missing_value_tracks_true": forest.gaps,
        "nodes_truenodeids": [row for row, _ in left],
        "nodes_trueleafs": [int(is_leaf) for _, is_leaf in left],
        "nodes_falsenodeids": [row for row, _ in right],
        "nodes_falseleafs": [int(is_leaf) for _, is_leaf in right],
        "leaf_targetids": forest.targets,
        "leaf_weights": numpy_helper.from_array(np.array(forest.weights, np.float64)),
        "n_targets": outputs,
        "aggregate_function": SUM,
        "post_transform": AS_IT_IS,
    }
    node = helper.make_node("TreeEnsemble", ["rows"], ["sums"], "trees", domain=TREES, **attributes)
    given = helper.make_tensor_value_info("rows", TensorProto.DOUBLE, ["rows", "features"])
    made = helper.make_tensor_value_info("sums", TensorProto.DOUBLE, ["rows", outputs])
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
        made: Numbers = session.run(None, {"rows": np.ascontiguousarray(rows, np.float64)})[0]
        return made

    return sums


def _gap(node: Mapping[str, Any]) -> int:
    """Whether what is not a number goes left: as was learnt; where none was seen, as 0 does."""
    return int(node["default_left"] if node["missing_type"] == "NaN" else node["threshold"] >= 0)
