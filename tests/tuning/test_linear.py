"""The linear head: the right gradient, the optimum others find, weights that act on raw features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.utils.class_weight import compute_class_weight

from tuneworks.statistics import linear
from tuneworks.statistics.features import scale_of, scaled

CLASSES = 3


def blocks_and_targets(rows: int = 240, seed: int = 0) -> tuple[list, np.ndarray]:
    """A dense and a sparse block that say something about three classes, not everything."""
    random = np.random.default_rng(seed)
    targets = random.integers(0, CLASSES, rows)
    dense = (random.normal(0, 1, (rows, 6)) + 0.8 * np.eye(CLASSES, 6)[targets]).astype(np.float32) * 3 + 1
    counts = random.poisson(0.2 + 0.5 * np.eye(CLASSES, 30)[targets]).astype(np.float32)
    return [dense, sparse.csr_matrix(counts)], targets


def probabilities(blocks: list, head: dict[str, np.ndarray]) -> np.ndarray:
    return linear.LINKS["softmax"](linear.logits(blocks, head))


def targets_for(link: str, targets: np.ndarray) -> np.ndarray:
    """Class numbers as what a link learns: themselves, yes and no for each class, or numbers."""
    told = {"softmax": targets, "sigmoid": np.eye(CLASSES)[targets], "identity": np.eye(CLASSES)[targets] * 40 - 7}
    return told[link]


def raw(blocks: list) -> np.ndarray:
    return np.concatenate([b.toarray() if sparse.issparse(b) else b for b in blocks], axis=1)


@pytest.mark.parametrize("chosen", [slice(0, 1), slice(1, 2), slice(0, 2)], ids=["dense", "sparse", "both"])
@pytest.mark.parametrize(
    ("link", "balanced"), [("softmax", False), ("softmax", True), ("sigmoid", False), ("identity", False)]
)
def test_the_gradient_is_the_slope_of_the_objective(chosen: slice, link: str, balanced: bool) -> None:
    blocks, targets = blocks_and_targets()
    told = targets_for(link, targets)
    task, _ = linear.problem(blocks[chosen], told, CLASSES, link=link, balanced=balanced)
    random = np.random.default_rng(1)
    point = random.normal(0, 0.5, (sum(task.widths) + 1, CLASSES)).astype(np.float32)
    penalty = 0.01
    _, gradient = linear._objective(task, point, penalty)
    for _ in range(20):
        direction = random.normal(0, 1, point.shape).astype(np.float32)
        direction /= np.linalg.norm(direction)
        ahead, behind = (linear._objective(task, point + step * direction, penalty)[0] for step in (0.01, -0.01))
        assert (ahead - behind) / 0.02 == pytest.approx(float(np.vdot(gradient, direction)), abs=2e-3)


@pytest.mark.parametrize("strength", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("chosen", [slice(0, 1), slice(1, 2), slice(0, 2)], ids=["dense", "sparse", "both"])
def test_the_optimum_is_scikit_learns(chosen: slice, balanced: bool, strength: float) -> None:
    blocks, targets = blocks_and_targets()
    task, scales = linear.problem(blocks[chosen], targets, CLASSES, balanced=balanced)
    ours = probabilities(blocks[chosen], linear.to_head(task, linear.fit(task, strength, iterations=1000), scales))
    theirs = LogisticRegression(C=strength, tol=1e-8, max_iter=5000, class_weight="balanced" if balanced else None).fit(
        raw(task.blocks), targets
    )
    apart = np.abs(ours - theirs.predict_proba(raw(task.blocks)))
    assert apart.mean() < 1e-3
    assert apart.max() < 5e-3


def test_yes_or_no_of_each_label_is_scikit_learns() -> None:
    blocks, targets = blocks_and_targets()
    told = targets_for("sigmoid", targets)
    task, scales = linear.problem(blocks, told, CLASSES, link="sigmoid")
    head = linear.to_head(task, linear.fit(task, 1.0, iterations=2000), scales)
    ours = linear.LINKS["sigmoid"](linear.logits(blocks, head))
    for label in range(CLASSES):
        theirs = LogisticRegression(C=1.0, tol=1e-8, max_iter=5000).fit(raw(task.blocks), told[:, label])
        assert np.abs(ours[:, label] - theirs.predict_proba(raw(task.blocks))[:, 1]).max() < 5e-3


def test_numbers_are_scikit_learns_ridge_in_their_own_unit() -> None:
    blocks, targets = blocks_and_targets()
    told = targets_for("identity", targets)
    task, scales = linear.problem(blocks, told, CLASSES, link="identity")
    ours = linear.logits(blocks, linear.to_head(task, linear.fit(task, 2.0, iterations=2000), scales))
    theirs = Ridge(alpha=1 / 2.0).fit(raw(task.blocks), told).predict(raw(task.blocks))
    assert np.abs(ours - theirs).max() < 0.005 * told.std()


def test_the_objective_ends_no_higher_than_scikit_learns() -> None:
    blocks, targets = blocks_and_targets()
    task, _ = linear.problem(blocks, targets, CLASSES)
    theirs = LogisticRegression(C=3.0, tol=1e-8, max_iter=5000).fit(raw(task.blocks), targets)
    point = np.vstack([theirs.coef_.T, theirs.intercept_]).astype(np.float32)
    penalty = 1 / (3.0 * len(targets))
    best = linear._objective(task, point, penalty)[0]
    assert linear._objective(task, linear.fit(task, 3.0, iterations=1000), penalty)[0] <= best + 1e-5


def test_weights_of_rows_are_those_of_balanced_classes() -> None:
    targets = np.array([0] * 70 + [1] * 20 + [2] * 10)
    block = np.random.default_rng(0).normal(0, 1, (100, 4)).astype(np.float32)
    task, _ = linear.problem([block], targets, CLASSES, balanced=True)
    expected = compute_class_weight("balanced", classes=np.arange(CLASSES), y=targets)[targets]
    assert np.allclose(task.weights, expected)
    assert task.weights.mean() == pytest.approx(1)


def test_a_class_without_rows_is_answered_with_little_probability() -> None:
    blocks, targets = blocks_and_targets()
    for balanced in (False, True):
        task, scales = linear.problem(blocks, targets, CLASSES + 1, balanced=balanced)
        made = probabilities(blocks, linear.to_head(task, linear.fit(task, 10.0), scales))
        assert made.shape == (len(targets), CLASSES + 1)
        assert made[:, CLASSES].max() < 0.05


@pytest.mark.parametrize("temperature", [1.0, 0.3, 4.0])
def test_scales_and_temperature_fold_into_raw_weights(temperature: float) -> None:
    blocks, targets = blocks_and_targets()
    task, scales = linear.problem(blocks, targets, CLASSES)
    point = np.random.default_rng(5).normal(0, 1, (sum(task.widths) + 1, CLASSES)).astype(np.float32)
    on_raw = linear.logits(blocks, linear.to_head(task, point, scales, temperature))
    assert np.allclose(on_raw, linear.raw_logits(task, point) / temperature, atol=1e-4)


def test_scaled_rows_have_a_mean_square_norm_of_one() -> None:
    for block in blocks_and_targets()[0]:
        made = scaled(block, scale_of(block))
        norms = np.asarray((made.multiply(made) if sparse.issparse(made) else made * made).sum(axis=1))
        assert norms.mean() == pytest.approx(1, abs=1e-3)


def test_columns_that_never_change_weigh_nothing() -> None:
    block = np.ones((50, 3), np.float32)
    block[:, 0] = np.arange(50)
    empty = sparse.csr_matrix((50, 7), dtype=np.float32)
    task, scales = linear.problem([block, empty], np.arange(50) % 2, 2)
    head = linear.to_head(task, linear.fit(task, 1.0), scales)
    assert all(np.isfinite(array).all() for array in head.values())
    assert np.abs(head["weight_0"][1:]).max() == 0


def test_a_head_comes_back_from_its_bytes(tmp_path: Path) -> None:
    blocks, targets = blocks_and_targets()
    task, scales = linear.problem(blocks, targets, CLASSES)
    head = linear.to_head(task, linear.fit(task, 1.0), scales)
    (tmp_path / linear.FILE).write_bytes(linear.save_head(head, "sigmoid"))
    stored = linear.load_head({linear.FILE: tmp_path / linear.FILE})
    assert stored.link == "sigmoid"
    assert stored.arrays.keys() == head.keys() == {"weight_0", "weight_1", "bias"}
    assert all((stored.arrays[name] == head[name]).all() for name in head)


def test_starting_from_the_optimum_stays_there() -> None:
    blocks, targets = blocks_and_targets()
    task, _ = linear.problem(blocks, targets, CLASSES)
    best = linear.fit(task, 1.0, iterations=1000, tolerance=1e-9)
    assert np.allclose(linear.fit(task, 1.0, start=best), best, atol=1e-3)


def test_columns_no_row_uses_cost_nothing_and_weigh_nothing() -> None:
    blocks, targets = blocks_and_targets()
    wide = sparse.hstack([blocks[1][:, :10], sparse.csr_matrix((len(targets), 500)), blocks[1][:, 10:]]).tocsr()
    task, scales = linear.problem([wide], targets, CLASSES)
    assert task.widths == [30]
    head = linear.to_head(task, linear.fit(task, 3.0), scales)
    narrow, narrow_scales = linear.problem([blocks[1]], targets, CLASSES)
    expected = linear.to_head(narrow, linear.fit(narrow, 3.0), narrow_scales)
    assert head["weight_0"].shape == (530, CLASSES)
    assert (head["weight_0"][10:510] == 0).all()
    assert np.allclose(np.delete(head["weight_0"], range(10, 510), axis=0), expected["weight_0"])


def test_going_on_from_a_neighbouring_strength_is_sooner_there_and_ends_at_the_same_minimum() -> None:
    (block, _), targets = blocks_and_targets(rows=600)
    random = np.random.default_rng(2)
    wide = np.hstack([block, random.normal(0, 1, (600, 90)).astype(np.float32) * np.geomspace(0.01, 9, 90)])
    task, _ = linear.problem([wide.astype(np.float32)], targets, CLASSES)
    before, penalty = linear.fit_on(task, 30.0), 1 / (100.0 * len(targets))

    def reached(point: np.ndarray) -> float:
        return linear._objective(task, point, penalty)[0]

    best = reached(linear.fit(task, 100.0, iterations=2000, tolerance=1e-9))
    assert reached(linear.fit_on(task, 100.0, before, tolerance=1e-9).point) == pytest.approx(best, abs=1e-5)
    few = {"iterations": 5, "tolerance": 0.0}
    gone_on, anew = linear.fit_on(task, 100.0, before, **few).point, linear.fit(task, 100.0, before.point, **few)
    assert reached(gone_on) - best < 0.5 * (reached(anew) - best)
