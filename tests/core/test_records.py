"""Records survive the trip through JSON unchanged, whatever they hold."""

from __future__ import annotations

import inspect
import json
import math
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneworks.core import answers, evaluation, types
from tuneworks.core.records import from_json, from_plain, to_json, to_plain
from tuneworks.core.text import Text
from tuneworks.stores._bodies import body_of

CALLABLE_INSIDE = {"Tally"}
RECORDS = [
    kind
    for module in (types, answers, evaluation)
    for kind in vars(module).values()
    if inspect.isclass(kind) and is_dataclass(kind) and kind.__module__ == module.__name__
    if kind.__name__ not in CALLABLE_INSIDE
]
numbers = st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | numbers | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
json_rows = st.lists(json_values, max_size=3)
st.register_type_strategy(float, numbers)


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Values as annotated, ``Any`` being any JSON value."""
    text = str(hint)
    if hint is Any:
        return json_values
    if text.endswith("Mapping[str, typing.Any]"):
        return st.dictionaries(st.text(), json_values, max_size=3)
    if text == "tuple[tuple[typing.Any, ...], ...]":
        return json_rows.map(lambda row: (tuple(row), tuple(row)))
    if is_dataclass(hint):
        return records(hint)
    if getattr(hint, "__origin__", None) is tuple and is_dataclass(hint.__args__[0]):
        return st.lists(records(hint.__args__[0]), max_size=2).map(tuple)
    return st.from_type(hint)


def records(kind: Any) -> st.SearchStrategy[Any]:
    """Records of a kind with every field drawn, but for the fixed ``kind`` of an answer."""
    hints = get_type_hints(kind)
    fixed = {f.name for f in fields(kind) if f.name == "kind" and f.default is not MISSING}
    return st.deferred(
        lambda: st.builds(kind, **{name: values_of(hint) for name, hint in hints.items() if name not in fixed})
    )


for kind in (*RECORDS, Text):
    st.register_type_strategy(kind, records(kind))


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_record_comes_back_equal_from_json(kind: type, data: st.DataObject) -> None:
    record = data.draw(records(kind))
    assert from_json(kind, to_json(record)) == record
    assert from_json(kind, body_of(record)) == record


@pytest.mark.parametrize("number", [math.inf, -math.inf, 1e-7, 1e308, 10**400])
def test_no_number_is_lost_in_what_is_stored(number: float) -> None:
    scores = {"a": number, "b": 1e308, "c": [number]}
    assert json.loads(body_of(scores)) == json.loads(to_json(scores)) == scores
    assert math.isnan(json.loads(body_of({"a": math.nan, "b": 1.0, "text": "late"}))["a"])


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_plain_values_are_what_json_can_hold(kind: type, data: st.DataObject) -> None:
    plain = to_plain(data.draw(records(kind)))
    assert json.loads(json.dumps(plain)) == plain


def test_fields_of_a_newer_version_are_passed_over() -> None:
    assert from_plain(types.Score, {"value": 1, "low": 0, "high": 1, "invented": 2}) == types.Score(1.0, 0.0, 1.0)


def test_a_whole_number_in_a_fractions_place_becomes_a_fraction() -> None:
    assert isinstance(from_plain(types.Score, {"value": 1, "low": 0, "high": 1}).value, float)


def test_fields_of_an_older_version_get_their_defaults() -> None:
    plain = to_plain(types.Served("v", "arrays"))
    del plain["compiled"]
    assert from_plain(types.Served, plain) == types.Served("v", "arrays")


def test_the_kind_of_an_answer_chooses_its_class() -> None:
    for answer in (answers.ClassAnswer("a", 0.5, {"a": 0.5}), answers.SpansAnswer((answers.Span(0, 1, "PER"),))):
        prediction = types.Prediction("p", "d", "v", "2026", {"text": "x"}, answer, 1.0)
        assert from_json(types.Prediction, to_json(prediction)).answer == answer


def test_a_recipes_base_is_an_address_or_a_mapping() -> None:
    for base in ("ngrams", {"text": ("ngrams", "pkg:encoder")}, None):
        recipe = types.Recipe(base)
        assert from_json(types.Recipe, to_json(recipe)) == recipe


def test_chinese_stays_readable_in_the_stored_text() -> None:
    assert "账单" in to_json(types.Column("账单", "text"))
