"""Whether a model's confidence can be believed, and how to make it so."""

from __future__ import annotations

import numpy as np
from numpy import ndarray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from scipy.special import softmax as _softmax

from tuneworks.core.evaluation import Table, Tally
from tuneworks.core.text import Text

BINS = 15


def softmax(logits: ndarray, temperature: float = 1.0) -> ndarray:
    """Probabilities (N, C) of logits divided by a temperature."""
    return np.asarray(_softmax(np.asarray(logits, dtype=np.float64) / temperature, axis=1))


def fit_temperature(logits: ndarray, truth: ndarray) -> float:
    """The temperature, 0.05 to 20, that minimises the negative log-likelihood (Guo et al. 2017, arXiv 1706.04599).

    The true class counts (n + 1) / (n + 2) of n rows, the others share the rest (Platt 1999): a few rows, all answered
    rightly, do not make a model certain. Rows whose truth is -1 teach nothing; without any other row, or where all
    classes are one, it is 1.
    """
    known = np.asarray(truth) >= 0
    chosen = np.asarray(logits, dtype=np.float64)[known], np.asarray(truth)[known]
    if not len(chosen[1]) or chosen[0].shape[1] < 2:
        return 1.0
    found = minimize_scalar(
        lambda log: _loss(chosen[0] / np.exp(log), chosen[1]), bounds=(np.log(0.05), np.log(20)), method="bounded"
    )
    return float(np.exp(found.x))


def calibration_tally(confidence: ndarray, right: ndarray) -> Tally:
    """The expected calibration error over 15 equal-width bins, as sums a resampling can use."""
    sums = np.zeros((len(confidence), BINS + 1), dtype=np.float64)
    sums[np.arange(len(confidence)), bins_of(confidence)] = confidence - right
    sums[:, BINS] = 1
    return Tally(sums, lambda totals: np.abs(totals[:, :BINS]).sum(axis=1) / totals[:, BINS])


def expected_calibration_error(confidence: ndarray, right: ndarray) -> float:
    """The gap between confidence and accuracy, averaged over the rows of 15 bins (Naeini et al. 2015)."""
    tally = calibration_tally(np.asarray(confidence, dtype=np.float64), np.asarray(right, dtype=np.float64))
    return float(tally.finish(tally.sums.sum(axis=0, keepdims=True))[0])


def reliability_table(confidence: ndarray, right: ndarray) -> Table:
    """Rows, mean confidence and accuracy of every bin that holds rows."""
    bins = bins_of(confidence)
    rows = tuple(
        (b / BINS, (b + 1) / BINS, int(held.sum()), float(confidence[held].mean()), float(right[held].mean()))
        for b in range(BINS)
        if (held := bins == b).any()
    )
    columns = (
        Text("from", "下限"),
        Text("to", "上限"),
        Text("rows", "行数"),
        Text("mean confidence", "平均置信度"),
        Text("accuracy", "准确率"),
    )
    return Table("reliability", Text("Confidence and accuracy", "置信度与准确率"), columns, rows)


def bins_of(confidence: ndarray) -> ndarray:
    """The number of the bin, 0 to 14, each confidence falls in; a bin holds its upper edge, the first also 0."""
    return np.clip(np.ceil(np.asarray(confidence) * BINS).astype(int) - 1, 0, BINS - 1)


def _loss(logits: ndarray, truth: ndarray) -> float:
    rows, classes = logits.shape
    logs = log_softmax(logits, axis=1)
    right = logs[np.arange(rows), truth]
    wrong = (logs.sum(axis=1) - right) / (classes - 1)
    return float(-np.mean((rows + 1) * right + wrong) / (rows + 2))
