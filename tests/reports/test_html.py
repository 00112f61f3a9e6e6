"""The report is one safe page that stands alone, in both languages."""

import re
from html.parser import HTMLParser

import pytest

from tests.reports.examples import EVIL, HISTORY, PROVENANCE, example
from tuneworks.core.answers import Span
from tuneworks.core.evaluation import Evaluation
from tuneworks.core.records import from_json, to_json
from tuneworks.core.text import language
from tuneworks.core.types import TaskSpec
from tuneworks.reports.html import render_report
from tuneworks.statistics.entities import SpanRows, evaluate_entities

VOID = {"meta", "input", "br", "hr", "link", "img"}


class Page(HTMLParser):
    """Collects tags, attributes and texts; complains about tags closed in the wrong order."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.texts, self._open = [], [], [], []
        self.feed(html)
        assert not self._open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(scope="module")
def html():
    version, evaluation, comparison = example()
    with language("en"):
        return render_report(version, evaluation, comparisons=[comparison], history=HISTORY, provenance=PROVENANCE)


def test_every_tag_is_closed_in_order(html):
    assert Page(html).tags.count("main") == 1


def test_texts_of_the_data_never_become_markup(html):
    page = Page(html)
    assert "script" not in page.tags
    assert "i" not in page.tags
    assert any(EVIL[0] in text for text in page.texts)
    assert any(EVIL[1] in text for text in page.texts)
    assert not [name for name, _ in page.attributes if name.startswith("on")]


def test_the_page_needs_neither_network_nor_script(html):
    page = Page(html)
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name in ("src", "href", "srcset")]
    assert not re.search(r"url\(|@import", html)
    assert set(re.findall(r"https?://[^\"\s<]+", html)) <= {"http://www.w3.org/2000/svg"}


def test_every_text_stands_in_both_languages(html):
    page = Page(html)
    classes = [value.split() for name, value in page.attributes if name == "class" and value]
    assert sum("en" in c for c in classes) == sum("zh" in c for c in classes) > 60


@pytest.mark.parametrize(("code", "checked"), [("en", "speak-en"), ("zh", "speak-zh")])
def test_the_page_opens_in_the_users_language(code, checked):
    version, evaluation, _ = example()
    with language(code):
        page = render_report(version, evaluation)
    boxes = re.findall(r"<input[^>]*>", page)
    assert [re.search(r'id="([^"]*)"', box).group(1) for box in boxes if " checked" in box] == [checked]


def test_the_page_tells_the_result_and_where_it_comes_from(html):
    version, evaluation, comparison = example()
    score = evaluation.scores["macro_f1"]
    shown = " ".join(Page(html).texts)
    for wanted in (
        f"{score.value:.3f}",
        f"{score.low:.3f}",
        f"{comparison.difference.value:+.3f}",
        version.dataset_id,
        "version-0",
        "2 times",
        "1 min 15 s",
        "812",
        "majority class",
        "多数类",
    ):
        assert wanted in shown


def test_a_stored_evaluation_gives_the_same_page_as_a_fresh_one(html):
    version, evaluation, comparison = example()
    stored = from_json(Evaluation, to_json(evaluation))
    with language("en"):
        again = render_report(version, stored, comparisons=[comparison], history=HISTORY, provenance=PROVENANCE)
    assert again == html


def test_many_classes_show_the_weakest_first_and_no_giant_matrix():
    version, evaluation, _ = example(tuple(f"label {i:02d}" for i in range(40)), rows=400)
    page = render_report(version, evaluation)
    assert 'class="matrix"' not in page
    assert "Most confused pairs" in page
    assert "<details>" in page


def test_few_classes_are_drawn_as_a_matrix_of_all_counts(html):
    _, evaluation, _ = example()
    drawn = [int(count) for count in re.findall(r'class="count[^>]*>(\d+)<', html)]
    assert drawn == [count for row in evaluation.matrices[0].counts for count in row if count]


def test_a_page_of_spans_shows_their_words():
    version, _, _ = example()
    spec = TaskSpec("token-classification", {"text": "text"}, "entities", ("PER",), "span_f1")
    held_out = SpanRows([[Span(0, 2, "PER", "张三")]], [[Span(0, 1, "PER", "张", 0.8)]], [[(0, 1), (1, 2)]])
    evaluation, _ = evaluate_entities(held_out, spec=spec, rows=[{"text": "张三"}])
    page = render_report(version, evaluation)
    assert "<mark>张三<small>PER</small></mark>" in page
    assert "<mark>张<small>PER</small></mark>三" in page
