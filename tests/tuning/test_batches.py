"""Texts as token pieces and batches: nothing lost, nothing twice, nothing over the budget, units where they belong."""

from __future__ import annotations

import re
import time
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from tests.tiny import tiny_tokenizer
from tuneworks.core.types import Pair
from tuneworks.language.segments import units, whitespace_units
from tuneworks.neural.batches import batch_of, batches_of, shuffled_batches
from tuneworks.neural.pieces import Piece, pieces_of
from tuneworks.neural.streams import stream_of

BERT = tiny_tokenizer()
TEXTS = (
    "where is my parcel, the courier is late?",
    "我在北京工作。包裹什么时候到",
    "Anna😀moved 👍🏽 to 北京 paris",
    "Ｆｕｌｌ　ｗｉｄｔｈ parcel！",
    "  two  spaces\tand\nlines ",
    "İstanbul café naïve cafe\u0301",
    "",
)
lengths = st.lists(st.integers(2, 40), min_size=1, max_size=60)


def sentence_pieces() -> Tokenizer:
    """A unigram tokenizer that marks word beginnings, as e5's does."""
    letters = dict.fromkeys("abcdefghijklmnopqrstuvwxyzABCFIparcel,.?!:我在北京工作包裹什么时候到。")
    words = ("▁", "▁is", "▁my", "▁parcel", "▁query", "▁where", "北京", "工作")
    vocabulary = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -20.0)]
    vocabulary += [(word, -2.0) for word in words] + [(letter, -5.0) for letter in letters]
    made = Tokenizer(models.Unigram(vocabulary, unk_id=3, byte_fallback=False))
    made.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    made.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    made.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    return made


def pieces_with(sizes: list[int]) -> list[Piece]:
    return [Piece(number, [2, *([9] * (size - 2)), 3]) for number, size in enumerate(sizes)]


@given(lengths, st.integers(1, 100))
def test_batches_stay_within_the_budget_and_hold_everything_once(sizes: list[int], budget: int) -> None:
    batches = list(batches_of(pieces_with(sizes), budget))
    assert sorted(number for batch in batches for number in batch.examples) == list(range(len(sizes)))
    for batch in batches:
        assert batch.ids.numel() <= budget or len(batch.pieces) == 1


@given(lengths, st.integers(1, 100), st.integers(0, 5), st.integers(1, 4))
def test_an_epoch_holds_every_piece_once_within_the_budget(sizes: list[int], budget: int, seed: int, pool: int) -> None:
    groups = shuffled_batches(pieces_with(sizes), budget, seed=seed, pool=pool)
    assert sorted(piece.example for group in groups for piece in group) == list(range(len(sizes)))
    for group in groups:
        assert len(group) * max(len(piece.ids) for piece in group) <= budget or len(group) == 1
    assert groups == shuffled_batches(pieces_with(sizes), budget, seed=seed, pool=pool)


def test_another_epoch_has_another_order() -> None:
    pieces = pieces_with([5, 6, 7] * 20)
    assert shuffled_batches(pieces, 30, seed=1) != shuffled_batches(pieces, 30, seed=2)


def test_a_batch_is_one_stream_of_tokens_by_length_and_means_come_in_the_pieces_order() -> None:
    batch = batch_of(pieces_with([2, 4, 3, 2]))
    assert batch.ids.tolist() == [2, 9, 9, 3, 2, 9, 3, 2, 3, 2, 3]
    assert batch.positions.tolist() == [0, 1, 2, 3, 0, 1, 2, 0, 1, 0, 1]
    assert batch.runs == ((0, 1, 4), (4, 1, 3), (7, 2, 2))
    states = torch.arange(11.0)[:, None]
    assert batch.means(states).flatten().tolist() == [7.5, 1.5, 5.0, 9.5]


def test_what_must_be_padded_is_padded_behind_each_piece() -> None:
    ids, inside = batch_of(pieces_with([2, 4])).padded(0)
    assert ids.tolist() == [[2, 9, 9, 3], [2, 3, 0, 0]]
    assert inside.tolist() == [[True, True, True, True], [True, True, False, False]]


def test_a_long_text_is_cut_with_its_end_mark_and_says_so() -> None:
    long, short = pieces_of(BERT, ["parcel " * 50, "parcel"], "", 16)
    assert (len(long.ids), long.ids[0], long.ids[-1], long.truncated) == (16, 2, 3, True)
    assert (len(short.ids), short.truncated) == (3, False)


@pytest.mark.parametrize("tokenizer", [BERT, sentence_pieces()], ids=["wordpiece", "unigram"])
@pytest.mark.parametrize("prefix", ["", "query: "])
@pytest.mark.parametrize("segment", [units, whitespace_units])
@pytest.mark.parametrize("text", TEXTS)
def test_a_unit_has_exactly_the_tokens_that_share_a_character_with_it(
    tokenizer: Tokenizer, prefix: str, segment, text: str
) -> None:
    spans = segment(text)
    (piece,) = pieces_of(tokenizer, [text], prefix, 200, [spans])
    encoding = tokenizer.encode(prefix + text)
    assert piece.ids == encoding.ids
    assert [unit for unit, _ in piece.units] == list(range(len(spans)))
    for (begin, end), (_, positions) in zip(spans, piece.units, strict=True):
        characters = set(range(begin + len(prefix), end + len(prefix)))
        expected = [
            position
            for position, (first, last) in enumerate(encoding.offsets)
            if characters & set(range(first, last)) and not encoding.special_tokens_mask[position]
        ]
        assert list(positions) == expected


@pytest.mark.parametrize("text", TEXTS)
def test_units_may_come_in_any_order_and_overlap(text: str) -> None:
    spans = [*units(text), (0, len(text))]
    (forward,) = pieces_of(BERT, [text], "", 200, [spans])
    (backward,) = pieces_of(BERT, [text], "", 200, [spans[::-1]])
    assert [tokens for _, tokens in backward.units] == [tokens for _, tokens in forward.units][::-1]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(["parcel", "北", "京", "late?", "zzzzz", "😀"]), max_size=150),
    st.integers(8, 64),
    st.sampled_from(["", "query: "]),
)
def test_windows_cover_every_unit_once_within_the_length(words: list[str], longest: int, prefix: str) -> None:
    text = " ".join(words)
    spans = units(text)
    pieces = pieces_of(BERT, [text], prefix, longest, [spans])
    assert Counter(unit for piece in pieces for unit, _ in piece.units) == Counter(range(len(spans)))
    whole = pieces_of(BERT, [text], prefix, 10_000, [spans])[0]
    tokens_of = dict(whole.units)
    for piece in pieces:
        assert len(piece.ids) <= longest
        assert (piece.ids[0], piece.ids[-1]) == (2, 3)
        for unit, positions in piece.units:
            expected = [whole.ids[token] for token in tokens_of[unit]]
            assert expected[: len(positions)] == [piece.ids[position] for position in positions]
            assert bool(positions) == bool(expected)


def test_units_of_a_long_text_stand_away_from_the_windows_edges() -> None:
    text = "parcel " * 300
    spans = units(text)
    pieces = pieces_of(BERT, [text], "", 64, [spans])
    for number, piece in enumerate(pieces):
        for unit, positions in piece.units:
            left_edge = number > 0 and positions[0] < 10
            right_edge = number < len(pieces) - 1 and positions[0] > len(piece.ids) - 10
            assert (unit, left_edge, right_edge) == (unit, False, False)


def test_a_very_long_text_takes_time_in_proportion() -> None:
    def seconds(repeats: int) -> float:
        text = "我在北京工作。" * repeats
        spans = units(text)
        began = time.perf_counter()
        pieces_of(BERT, [text], "", 64, [spans])
        return time.perf_counter() - began

    seconds(100)
    assert seconds(8000) < 40 * seconds(800)


def test_every_window_of_a_pair_begins_with_the_question() -> None:
    tokenizer, question = tiny_tokenizer(), "where is my parcel"
    context = " ".join(["the courier is late", "i paid twice"] * 20)
    words = [found.span() for found in re.finditer(r"\w+", context)]
    pieces = pieces_of(tokenizer, [Pair(question, context)], "", 32, [words])
    head = tokenizer.encode(question).ids
    assert len(pieces) > 2
    assert all(piece.ids[: len(head)] == head and len(piece.ids) <= 32 for piece in pieces)
    assert sorted(unit for piece in pieces for unit, _ in piece.units) == list(range(len(words)))
    for piece in pieces:
        for unit, (place, *_) in piece.units:
            assert piece.ids[place] == tokenizer.token_to_id(context[slice(*words[unit])])


def test_a_question_longer_than_the_encoder_reads_leaves_room_for_the_text() -> None:
    context = "the courier is late"
    words = [found.span() for found in re.finditer(r"\w+", context)]
    pieces = pieces_of(tiny_tokenizer(), [Pair("where is my parcel " * 30, context)], "", 16, [words])
    assert all(len(piece.ids) <= 16 and piece.truncated for piece in pieces)
    assert all(places for piece in pieces for _, places in piece.units)
    assert sorted(unit for piece in pieces for unit, _ in piece.units) == [0, 1, 2, 3]


def test_a_pair_without_units_is_one_piece_whose_end_is_cut() -> None:
    short, long = pieces_of(tiny_tokenizer(), [Pair("where", "is my parcel"), Pair("where", "the " * 99)], "", 16)
    assert short.ids == tiny_tokenizer().encode("where", "is my parcel").ids
    assert (len(long.ids), long.truncated, long.ids[-1]) == (16, True, short.ids[-1])


def test_a_place_without_a_token_holds_the_first_of_its_own_text() -> None:
    stream = stream_of([Piece(0, [5, 6, 7]), Piece(1, [8, 9])])
    given = stream.places()
    assert given["places"].shape == given["inside"].shape == (2, 16)
    assert given["places"].tolist() == [[0, 1, 2] + [0] * 13, [3, 4] + [3] * 14]
    assert given["inside"].sum(axis=1).tolist() == [3, 2]
    assert given["positions"].tolist() == [0, 1, 2, 0, 1]
    assert given["back"].tolist() == [0, 1, 2, 16, 17]
