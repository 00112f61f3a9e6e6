"""The whole life of a model that writes: added, checked, tuned, deployed, asked whole and piece by piece, retuned."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tiny_writers import tiny_causal_lm, tiny_seq2seq
from tuneworks.core.answers import TextAnswer
from tuneworks.core.errors import InvalidInput, UnsuitableData
from tuneworks.core.types import Prediction, Recipe, RunConfig, TaskSpec
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.check import check
from tuneworks.flows.deploy import deploy
from tuneworks.flows.evaluate import evaluate
from tuneworks.flows.feedback import feedback
from tuneworks.flows.predict import predict, stream
from tuneworks.flows.retune import retune
from tuneworks.flows.tune import tune
from tuneworks.flows.watch import watch
from tuneworks.tasks.text_generation import TextGeneration
from tuneworks.testing.workspaces import sample_rows

ROWS = {"text": "the courier is late 7"}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A workspace whose deployment ``replies`` writes with a tiny T5."""
    folder = tmp_path_factory.mktemp("life")
    base = f"path:{tiny_seq2seq(folder / 't5')}"
    with Workspace.open(folder / ".tuneworks") as opened:
        add(
            [dict(row) for row in TextGeneration().sample(160, 0)[1]],
            name="replies",
            kinds={"answer": "text"},
            workspace=opened,
        )
        spec = TaskSpec(options={"max_new_tokens": 16})
        recipe = Recipe(base, epochs=2, learning_rate=3e-3)
        tune("replies", target="answer", config=RunConfig(spec=spec, recipe=recipe), workspace=opened)
        deploy("replies", workspace=opened)
        yield opened


def test_what_is_wrong_with_the_texts_is_found(workspace: Workspace) -> None:
    assert check("replies", target="answer", workspace=workspace).findings


def test_the_report_compares_with_the_base_before_tuning(workspace: Workspace) -> None:
    report = evaluate("replies@1", workspace=workspace)
    assert {"base before tuning", "first sentence of the input"} <= {c.name.en for c in report.comparisons}
    assert report.evaluation.scores["rouge_l"].low <= report.evaluation.scores["rouge_l"].value


def test_pieces_together_are_the_answer(workspace: Workspace) -> None:
    (whole,) = predict("replies", [ROWS], workspace=workspace)
    *pieces, last = stream("replies", ROWS, key="row-7", workspace=workspace)
    assert isinstance(last, Prediction)
    assert isinstance(last.answer, TextAnswer)
    assert "".join(map(str, pieces)) == last.answer.text == whole.answer.text
    assert last.answer.score == pytest.approx(whole.answer.score, abs=1e-4)
    assert workspace.store.get(Prediction, last.id) == last


def test_a_model_that_writes_nothing_says_so_when_asked_to_stream(tmp_path: Path) -> None:
    with Workspace.open(tmp_path / ".tuneworks") as opened:
        add(sample_rows(60), name="tickets", workspace=opened)
        tune("tickets", target="topic", base="ngrams", workspace=opened)
        deploy("tickets", workspace=opened)
        with pytest.raises(InvalidInput) as caught:
            list(stream("tickets", {"text": "where is my parcel"}, workspace=opened))
    assert "流式" in caught.value.problem.zh


def test_corrected_texts_are_learnt(workspace: Workspace) -> None:
    asked = [{"text": f"my card was refused {number}"} for number in range(30)]
    answered = predict("replies", asked, workspace=workspace)
    for one in answered:
        told = feedback(one.id, value="card paid twice", workspace=workspace)
        assert 0 <= (told.error or 0) <= 1
    assert watch("replies", workspace=workspace)
    retuned = retune("replies", workspace=workspace)
    assert retuned.version.number == 2
    assert retuned.dataset.rows >= 160


def test_a_text_that_is_none_is_no_truth(workspace: Workspace) -> None:
    (answered,) = predict("replies", [ROWS], workspace=workspace)
    with pytest.raises(InvalidInput):
        feedback(answered.id, value=["card"], workspace=workspace)


def test_conversations_are_prompts_too(tmp_path: Path) -> None:
    base = f"path:{tiny_causal_lm(tmp_path / 'llama')}"
    said = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "where is my parcel"}]
    rows = [
        {"messages": [*said, {"role": "user", "content": str(number)}], "answer": "on its way"} for number in range(60)
    ]
    with Workspace.open(tmp_path / ".tuneworks") as opened:
        add(rows, name="chats", kinds={"answer": "text"}, workspace=opened)
        spec = TaskSpec(options={"max_new_tokens": 8, "instruction": "Answer politely."})
        version = tune("chats", config=RunConfig(spec=spec, recipe=Recipe(base, epochs=1)), workspace=opened)
        assert version.spec.task == "text-generation"
        assert version.spec.kinds == {"messages": "messages"}
        (answered,) = predict("chats@1", [{"messages": said}], workspace=opened)
        assert isinstance(answered.answer, TextAnswer)
        with pytest.raises(InvalidInput):
            predict("chats@1", [{"messages": "where is my parcel"}], workspace=opened)


def test_a_vocabulary_without_the_texts_characters_is_refused(tmp_path: Path) -> None:
    rows = [{"text": f"订单 {number} 到哪里了", "answer": "正在路上，请放心"} for number in range(60)]
    with Workspace.open(tmp_path / ".tuneworks") as opened:
        add(rows, name="zh", kinds={"answer": "text"}, workspace=opened)
        pytest.importorskip("traceforge_title_model")
        with pytest.raises(UnsuitableData) as caught:
            tune("zh", target="answer", task="text-generation", workspace=opened)
    assert "词表" in caught.value.problem.zh
