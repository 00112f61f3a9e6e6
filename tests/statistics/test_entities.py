"""Span scores equal seqeval's, token reports scikit-learn's."""

import json
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import classification_report as span_report
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.metrics.sequence_labeling import get_entities
from sklearn.metrics import classification_report

from tuneworks.core.answers import Span
from tuneworks.core.errors import UnsuitableData
from tuneworks.core.records import to_json
from tuneworks.core.types import TaskSpec
from tuneworks.statistics.entities import METRICS, SpanRows, entity_tallies, evaluate_entities
from tuneworks.statistics.intervals import value
from tuneworks.statistics.iob2 import spans_of_tags, tags_of_spans

SPEC = TaskSpec("token-classification", {"text": "text"}, "entities", ("ORG", "PER", "地点"), "span_f1")
TAGS = ["O", *(f"{mark}-{label}" for mark in "BI" for label in SPEC.labels)]
pairs_of_tags = st.lists(
    st.lists(st.tuples(st.sampled_from(TAGS), st.sampled_from(TAGS)), min_size=1, max_size=8), min_size=1, max_size=6
)


def held_out_of(pairs):
    units = [[(2 * i, 2 * i + 1) for i in range(len(row))] for row in pairs]
    texts = ["字 " * len(row) for row in pairs]
    sides = [
        [spans_of_tags(u, [pair[side] for pair in row], t) for u, row, t in zip(units, pairs, texts, strict=True)]
        for side in (0, 1)
    ]
    return SpanRows(sides[0], sides[1], units), [{"text": text} for text in texts]


@given(st.lists(st.sampled_from(TAGS), max_size=12))
@settings(max_examples=200, deadline=None)
def test_spans_of_tags_are_those_seqeval_reads(tags):
    units = [(i, i + 1) for i in range(len(tags))]
    spans = spans_of_tags(units, tags, "x" * len(tags))
    assert [(s.label, s.start, s.end - 1) for s in spans] == get_entities(tags)


@given(st.lists(st.sampled_from(TAGS), max_size=12))
def test_spans_survive_the_way_to_tags_and_back(tags):
    units = [(3 * i, 3 * i + 2) for i in range(len(tags))]
    spans = spans_of_tags(units, tags, "abc" * len(tags))
    assert spans_of_tags(units, tags_of_spans(units, spans), "abc" * len(tags)) == spans


@given(pairs_of_tags)
@settings(max_examples=80, deadline=None)
def test_span_scores_equal_seqevals(pairs):
    held_out, rows = held_out_of(pairs)
    truth, answers = [[[pair[side] for pair in row] for row in pairs] for side in (0, 1)]
    found = {name: value(tally) for name, tally in entity_tallies(held_out, SPEC.labels).items()}
    if not any(tag != "O" for side in (truth, answers) for row in side for tag in row):
        assert found["span_f1"] == 0
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = span_report(truth, answers, output_dict=True, zero_division=0)
        assert found["span_precision"] == pytest.approx(precision_score(truth, answers, zero_division=0))
        assert found["span_recall"] == pytest.approx(recall_score(truth, answers, zero_division=0))
        assert found["span_f1"] == pytest.approx(f1_score(truth, answers, zero_division=0))
    report = evaluate_entities(held_out, spec=SPEC, rows=rows)[0].tables[0]
    assert {str(getattr(row[0], "en", row[0])) for row in report.rows} == expected.keys()
    for row in report.rows:
        wanted = expected[str(getattr(row[0], "en", row[0]))]
        assert row[1:5] == pytest.approx([wanted[k] for k in ("precision", "recall", "f1-score", "support")])


@given(pairs_of_tags)
@settings(max_examples=40, deadline=None)
def test_the_token_report_equals_scikit_learns(pairs):
    held_out, rows = held_out_of(pairs)
    truth, answers = (
        [tag for units, spans in zip(held_out.units, side, strict=True) for tag in tags_of_spans(units, spans)]
        for side in (held_out.truth, held_out.predicted)
    )
    expected = classification_report(truth, answers, output_dict=True, zero_division=0)
    report = next(t for t in evaluate_entities(held_out, spec=SPEC, rows=rows)[0].tables if t.name == "token_report")
    for row in report.rows:
        name = str(getattr(row[0], "en", row[0]))
        if name == "accuracy":
            assert row[3] == pytest.approx(expected["accuracy"])
        else:
            wanted = [expected[name][k] for k in ("precision", "recall", "f1-score", "support")]
            assert row[1:5] == pytest.approx(wanted)


def test_every_score_has_an_interval_that_holds_it():
    held_out, rows = held_out_of([[("B-PER", "B-PER"), ("O", "B-ORG")], [("B-地点", "O"), ("I-地点", "O")]] * 5)
    evaluation, tallies = evaluate_entities(held_out, spec=SPEC, rows=rows)
    assert evaluation.metric == "span_f1"
    assert evaluation.scores.keys() == tallies.keys() == METRICS.keys()
    assert all(score.low <= score.value <= score.high for score in evaluation.scores.values())
    assert json.dumps(json.loads(to_json(evaluation)), allow_nan=False)


def test_confusions_tell_wrong_types_from_missed_and_invented_spans():
    held_out, rows = held_out_of([[("B-PER", "B-ORG"), ("B-地点", "O"), ("O", "B-PER")]])
    matrix = evaluate_entities(held_out, spec=SPEC, rows=rows)[0].matrices[0]
    counts = {
        (true, answer): matrix.counts[i][j]
        for i, true in enumerate(matrix.labels)
        for j, answer in enumerate(matrix.labels)
        if matrix.counts[i][j]
    }
    assert counts == {("PER", "ORG"): 1, ("地点", "O"): 1, ("O", "PER"): 1}


def test_mistakes_show_the_surest_wrong_span_first():
    units = [[(0, 1), (1, 2)]] * 3
    truth = [[Span(0, 1, "PER", "张")], [], [Span(0, 2, "ORG", "公司")]]
    predicted = [[Span(0, 2, "PER", "张三", 0.7)], [Span(0, 1, "PER", "李", 0.9)], [Span(0, 2, "ORG", "公司", 0.99)]]
    rows = [{"text": text} for text in ("张三", "李四", "公司")]
    mistakes = evaluate_entities(SpanRows(truth, predicted, units), spec=SPEC, rows=rows)[0].mistakes
    assert [(m.inputs["text"], m.confidence) for m in mistakes] == [("李四", 0.9), ("张三", 0.7)]
    assert mistakes[1].truth == [{"start": 0, "end": 1, "label": "PER", "text": "张"}]


def test_texts_without_any_span_can_be_scored():
    held_out = SpanRows([[], []], [[], []], [[(0, 1)], [(0, 1)]])
    evaluation, _ = evaluate_entities(held_out, spec=SPEC, rows=[{"text": "a"}, {"text": "b"}])
    assert evaluation.scores["span_f1"].value == evaluation.scores["macro_span_f1"].value == 0
    assert json.dumps(json.loads(to_json(evaluation)), allow_nan=False)
    assert evaluation.scores["token_accuracy"].value == 1


def test_no_rows_is_an_error():
    with pytest.raises(UnsuitableData, match="no rows to score"):
        evaluate_entities(SpanRows([], [], []), spec=SPEC, rows=[])
