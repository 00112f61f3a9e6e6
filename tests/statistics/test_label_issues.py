"""Labels that look wrong: planted ones are found, count less, and do less harm."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from tuneworks.core.errors import InvalidConfig
from tuneworks.core.types import Recipe, TaskSpec
from tuneworks.methods.head import Head
from tuneworks.neural.losses import Truth, cross_entropy, focal
from tuneworks.statistics import label_issues, linear
from tuneworks.testing.samples import job_of, sample_data

RANDOM = np.random.default_rng(0)
CLASSES = 4
TRUTH = RANDOM.integers(0, CLASSES, 800)
SEEN = [(np.eye(CLASSES)[TRUTH] @ RANDOM.normal(size=(CLASSES, 20)) + RANDOM.normal(size=(800, 20))).astype(np.float32)]
WRONG = RANDOM.random(800) < 0.15
PLANTED = np.where(WRONG, (TRUTH + RANDOM.integers(1, CLASSES, 800)) % CLASSES, TRUTH)


def test_planted_wrong_labels_are_found_and_few_others() -> None:
    doubted = label_issues.suspicion(label_issues.out_of_fold(SEEN, PLANTED, CLASSES), PLANTED)
    found = set(doubted.rows.tolist())
    planted = set(np.flatnonzero(WRONG).tolist())
    assert len(found & planted) > 0.8 * len(planted)
    assert len(found - planted) < 0.2 * len(found)
    assert (doubted.seems[sorted(found & planted)] == TRUTH[sorted(found & planted)]).mean() > 0.9


def test_rows_in_doubt_count_less_and_the_others_fully() -> None:
    weights = label_issues.believed(SEEN, PLANTED, CLASSES)
    assert weights[WRONG].mean() < 0.3
    assert weights[~WRONG].mean() > 0.95
    assert ((weights > 0) & (weights <= 1)).all()


def test_rows_of_no_class_are_not_doubted() -> None:
    targets = np.where(np.arange(800) < 5, -1, PLANTED)
    assert (label_issues.believed(SEEN, targets, CLASSES)[:5] == 1).all()


def test_a_group_labelled_wrong_throughout_does_not_vouch_for_itself() -> None:
    random = np.random.default_rng(0)
    groups = np.arange(800) % 100
    truth, wrong = groups % 2, groups < 8
    seen = np.hstack([3 * np.eye(2)[truth], 6 * random.normal(size=(100, 60))[groups] / 60**0.5])
    labels, rows = np.where(wrong, 1 - truth, truth), [{"patient": int(group)} for group in groups]
    blocks = [(seen + 0.1 * random.normal(size=seen.shape)).astype(np.float32)]
    alone, together = (
        label_issues.believed(blocks, labels, 2, rows=rows, spec=TaskSpec(split=split))
        for split in ("content", "group(patient)")
    )
    assert np.median(alone[wrong]) == 1
    assert np.median(together[wrong]) < 0.3
    assert np.median(together[~wrong]) == 1


def test_a_label_that_is_not_believed_hardly_pulls() -> None:
    fitted = []
    for believed in (None, label_issues.believed(SEEN, PLANTED, CLASSES)):
        task, scales = linear.problem(SEEN, PLANTED, CLASSES, believed=believed)
        head = linear.to_head(task, linear.fit(task, 100.0), scales)
        sure = linear.LINKS["softmax"](linear.logits(SEEN, head))
        fitted.append(sure[np.flatnonzero(WRONG), TRUTH[WRONG]].mean())
    assert fitted[1] > fitted[0] + 0.05


def test_only_one_label_a_row_can_be_doubted(tmp_path) -> None:
    data = sample_data("text-regression")
    job = job_of(data, Recipe("ngrams", "head", options={"label_noise": "down-weight"}), tmp_path)
    with pytest.raises(InvalidConfig, match="label_noise"):
        list(Head().fit(job))


def test_a_network_learns_less_from_what_is_not_believed() -> None:
    sums = torch.randn(6, CLASSES, generator=torch.Generator().manual_seed(0))
    targets = torch.tensor([0, 1, 2, 3, -1, 1])
    believed = torch.tensor([1.0, 0.0, 1.0, 0.5, 1.0, 1.0])
    for loss in (cross_entropy, partial(focal, gamma=2.0)):
        each = [loss(sums[[row]], Truth(targets[[row]], [1])).item() for row in (0, 2, 3, 5)]
        expected = (each[0] + each[1] + 0.5 * each[2] + each[3]) / 3.5
        assert loss(sums, Truth(targets, [1] * 6, None, believed)).item() == pytest.approx(expected, rel=1e-5)
