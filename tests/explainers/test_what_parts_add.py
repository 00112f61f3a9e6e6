"""What explainers say of parts is what the model computes, to rounding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tiny import pictures, tiny_encoder, tiny_image_encoder
from tuneworks.core import registry
from tuneworks.core.explaining import Question
from tuneworks.language import ngrams
from tuneworks.language.segments import units
from tuneworks.neural.batches import batch_of
from tuneworks.neural.encoder_files import Settings
from tuneworks.neural.integrated_gradients import integrated, piece_of
from tuneworks.neural.pieces import Piece
from tuneworks.statistics.linear import logits
from tuneworks.statistics.shapes.shape import shape_of
from tuneworks.statistics.views import blocks_of
from tuneworks.testing.explainers import sample_question

TEXTS = ["Where is my parcel?", "Ｗhere ÍS ﬁne É", "重复扣款了，怎么办", "ΟΔΟΣ ΟΔΟΣ", "한국어 텍스트", ""]
VOCABULARY = ngrams.load_vocabulary(ngrams.fit_vocabulary(TEXTS, longest=4, smallest_count=1, most=1000))


@pytest.fixture(scope="module")
def texts() -> Iterator[Question]:
    with sample_question("text-classification", "ngrams", "head") as question:
        yield question


@given(st.one_of(st.sampled_from(TEXTS), st.text(max_size=30), st.text("aéﬁ ΣÍ重扣ᄀ\u0301\u1161", max_size=12)))
def test_every_n_gram_counted_has_a_place_in_the_text_as_given(text: str) -> None:
    places = VOCABULARY.places(text)
    counted = (VOCABULARY.column_of[g] for g in ngrams.grams_of(text, 4) if g in VOCABULARY.column_of)
    assert Counter(column for column, _ in places) == Counter(counted)
    assert all(0 <= begin < end <= len(text) for _, (begin, end) in places)


def test_an_n_grams_place_holds_its_letters() -> None:
    grams = {column: gram for gram, column in VOCABULARY.column_of.items()}
    for text in ("Where is my parcel?", "重复扣款了"):
        for column, (begin, end) in VOCABULARY.places(text):
            assert ngrams.normalised(text[begin:end]) == grams[column].strip() or not grams[column].strip()


def test_exact_parts_add_up_to_the_sums_of_the_linear_head(texts: Question) -> None:
    model, leaning = texts.model, shape_of("classes").leaning(texts.scores)
    sums = logits(blocks_of(model.bases, model.spec, model.output, texts.examples), model.head.arrays)  # type: ignore[attr-defined]
    told = registry.load("explainers", "exact")().explain(texts)
    assert [one.total for one in told] == pytest.approx((leaning * sums).sum(axis=1).tolist(), abs=1e-4)


def test_exact_values_of_trees_add_up_to_their_sums() -> None:
    with sample_question("tabular-regression", "columns", "boosting") as question:
        told = registry.load("explainers", "exact")().explain(question)
    assert [one.total for one in told] == pytest.approx(question.scores.tolist(), rel=1e-6)
    assert all(
        one.exact and {part.column for part in one.parts} == set(question.model.spec.inputs.values()) for one in told
    )


def test_integrated_gradients_add_up_to_what_padding_takes_away(tmp_path) -> None:
    folder = tiny_encoder(tmp_path)
    (folder / "encoder.json").write_bytes(Settings(max_length=32).to_json())
    base = registry.load("bases", "text-encoder")().load({path.name: path for path in folder.iterdir()})
    text, slopes = "where is my parcel 重复", np.random.default_rng(0).normal(size=base.width)
    added = integrated(base, text, units(text), slopes, 300)
    encoder = base.reading_network()
    piece = piece_of(encoder, text, units(text))
    own = {token for _, tokens in piece.units for token in tokens}
    padded = Piece(0, [encoder.pad if t in own else id for t, id in enumerate(piece.ids)])
    apart = encoder.pooled(batch_of([piece])) - encoder.pooled(batch_of([padded]))
    assert added.sum() == pytest.approx(float(apart.detach().numpy()[0] @ slopes), abs=0.02)


def test_places_of_an_image_add_up_to_its_features(tmp_path) -> None:
    folder = tiny_image_encoder(tmp_path)
    base = registry.load("bases", "image-encoder")().load({path.name: path for path in folder.iterdir()})
    picture, slopes = pictures(1)[0], np.random.default_rng(0).normal(size=base.width)
    assert base.activation(picture, slopes).sum() == pytest.approx(
        float(base.features([picture])[0] @ slopes), abs=1e-4
    )


def test_leaving_out_the_word_that_decides_costs_the_most(texts: Question) -> None:
    examples = texts.task.examples(texts.model.spec, [{"text": "hello parcel 17"}, {"text": "扣款 17"}])
    asked = replace(texts, examples=examples, scores=texts.run(examples))
    told = registry.load("explainers", "occlusion")().explain(asked)
    strongest = [max(one.parts, key=lambda part: part.weight).shown for one in told]
    assert strongest[0] == "parcel"
    assert strongest[1] in ("扣", "款")


def test_what_a_row_must_have_is_not_left_out() -> None:
    with sample_question("time-series-forecasting", "series", "head") as question:
        assert all(registry.load("explainers", name)().cost(question) is None for name in ("occlusion", "exact"))
        assert registry.load("explainers", "nearest")().explain(question)[0].neighbours
