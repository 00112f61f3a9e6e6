"""The model card is read by machines and by people in two languages."""

import re

import pytest
import yaml

from tests.reports.examples import EVIL, PROVENANCE, example
from tuneworks.reports.cards import model_card


@pytest.fixture(scope="module")
def card():
    version, evaluation, comparison = example()
    return model_card(
        version,
        evaluation,
        comparisons=[comparison],
        provenance=PROVENANCE,
        languages=["zh", "en"],
        license="apache-2.0",
    )


def front_matter(card):
    return yaml.safe_load(card.split("---\n")[1])


def test_the_front_matter_is_yaml_with_every_score(card):
    _, evaluation, _ = example()
    values = front_matter(card)
    assert values["license"] == "apache-2.0"
    assert values["language"] == ["zh", "en"]
    assert values["base_model"] == ["ngrams"]
    metrics = values["model-index"][0]["results"][0]["metrics"]
    assert {m["type"]: m["value"] for m in metrics} == {n: round(s.value, 6) for n, s in evaluation.scores.items()}


def test_a_dataset_name_cannot_break_the_front_matter():
    from dataclasses import replace

    version, evaluation, _ = example()
    name = 'a: "b"\n---\n- \u2028x\x85 #'
    card = model_card(version, evaluation, provenance=replace(PROVENANCE, dataset=name))
    assert front_matter(card)["model-index"][0]["results"][0]["dataset"]["name"] == name


def test_the_card_speaks_both_languages(card):
    english, chinese = card.split("## 中文")
    assert "majority class" in english
    assert "多数类" in chinese
    assert english.count("###") == chinese.count("###")


def test_labels_cannot_become_markup(card):
    body = card.split("---\n", 2)[2]
    assert "<script>" not in body
    assert "&lt;script&gt;" in body
    assert "\n`x`" not in body
    assert EVIL[0] not in body


def test_every_row_of_a_table_has_the_columns_of_its_head(card):
    for block in re.findall(r"(?:^\|.*\n)+", card, re.MULTILINE):
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(cells) == 1
