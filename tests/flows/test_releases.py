"""Releases: tried beside the champion, taken back by themselves where they fail, and every move says why."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy
import pytest
from safetensors.numpy import load_file, save_file

from tuneworks.core import registry
from tuneworks.core.errors import BrokenSeal, InvalidConfig, InvalidInput, NotFound, Unavailable
from tuneworks.core.types import Deployment, ModelVersion, Move, Policy, Prediction, Served, Shadow
from tuneworks.core.workspace import Workspace
from tuneworks.flows.deploy import deploy
from tuneworks.flows.feedback import feedback
from tuneworks.flows.guard import chosen, guard_of, place
from tuneworks.flows.moves import moves_of
from tuneworks.flows.predict import predict
from tuneworks.flows.promote import promote
from tuneworks.flows.references import version_of
from tuneworks.flows.retune import retune
from tuneworks.flows.rollback import rollback
from tuneworks.flows.warm import warm
from tuneworks.serving.engine import engine_of
from tuneworks.testing.workspaces import NAME, deployed_workspace, sample_rows, tune_again

ROWS = [{"text": row["text"]} for row in sample_rows(40, seed=3)]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace that serves ``tickets@1`` and has ``tickets@2`` and ``tickets@3``."""
    folder = tmp_path_factory.mktemp("prepared") / ".tuneworks"
    with deployed_workspace(folder, rows=200) as opened:
        tune_again(opened)
        tune_again(opened)
    return folder


@pytest.fixture
def workspace(prepared: Path, tmp_path: Path) -> Iterator[Workspace]:
    shutil.copytree(prepared, tmp_path / ".tuneworks")
    with Workspace.open(tmp_path / ".tuneworks") as opened:
        yield opened


def present(workspace: Workspace) -> Deployment:
    found = workspace.store.get(Deployment, NAME)
    assert found is not None
    return found


def champion(workspace: Workspace) -> str:
    return version_of(workspace, f"{NAME}@champion").label


def newest(workspace: Workspace) -> Move:
    return moves_of(workspace, NAME, limit=1)[0]


def break_off(workspace: Workspace, served: Served | None, change: Callable[[dict[str, numpy.ndarray]], None]) -> None:
    """Change the weights of a model in memory's own folder and open it unsealed: the seal is another test's subject."""
    assert served is not None
    engine = engine_of(workspace)
    loaded = engine.model(served)
    head = loaded.model.folder / "head.safetensors"
    arrays = load_file(head)
    change(arrays)
    save_file(arrays, head)
    files = {path.name: path for path in loaded.model.folder.iterdir() if path.is_file()}
    worse = registry.load("methods", loaded.version.recipe.method or "")().load(files)
    object.__setattr__(loaded.model, "head", worse)


def not_a_number(arrays: dict[str, numpy.ndarray]) -> None:
    for array in arrays.values():
        if array.dtype.kind == "f":
            array[...] = numpy.nan


def too_narrow(arrays: dict[str, numpy.ndarray]) -> None:
    widest = max(arrays, key=lambda name: arrays[name].size)
    arrays[widest] = numpy.ascontiguousarray(
        arrays[widest][..., :-1] if arrays[widest].ndim == 1 else arrays[widest][:-1]
    )


def test_a_canary_answers_its_share_and_a_key_always_gets_the_same_version(workspace: Workspace) -> None:
    deployment = deploy(f"{NAME}@2", name=NAME, mode="canary", policy={"share": 0.3}, workspace=workspace)
    assert (deployment.mode, deployment.policy.share) == ("canary", 0.3)
    keys = [f"order-{number}" for number in range(10_000)]
    asked = Counter(chosen(workspace, deployment, key) == deployment.challenger for key in keys)
    assert asked[True] / len(keys) == pytest.approx(0.3, abs=0.02)  # its standard deviation is 0.0046
    more = replace(deployment, policy=replace(deployment.policy, share=0.5))
    assert all(place(more, key) == place(deployment, key) for key in keys[:100])
    by_key = {key: predict(NAME, [ROWS[0]], keys=[key], workspace=workspace)[0].version_id for key in keys[:30]}
    assert len(set(by_key.values())) == 2
    for key, version in by_key.items():
        assert predict(NAME, ROWS[:3], keys=[key, "b", "c"], workspace=workspace)[2].version_id == version


def test_without_a_key_the_id_of_the_answer_says_who_gave_it(workspace: Workspace) -> None:
    deployment = deploy(f"{NAME}@2", name=NAME, mode="canary", policy={"share": 0.5}, workspace=workspace)
    made = [predict(NAME, [row], workspace=workspace)[0] for row in ROWS]
    assert all(one.version_id == chosen(workspace, deployment, one.id).version_id for one in made)
    assert len({one.version_id for one in made}) == 2


def test_a_challenger_in_shadow_is_asked_too_and_never_heard(workspace: Workspace) -> None:
    before = [one.answer for one in predict(NAME, ROWS, workspace=workspace)]
    challenger = deploy(f"{NAME}@2", name=NAME, mode="shadow", workspace=workspace).challenger
    made = predict(NAME, ROWS, keys=[str(number) for number in range(len(ROWS))], workspace=workspace)
    assert [one.answer for one in made] == before
    workspace.loaded["shadows"].close()
    shadows = workspace.store.find(Shadow, deployment=NAME)
    assert [one.prediction_id for one in shadows] == [one.id for one in made]
    assert {one.version_id for one in shadows} == {challenger.version_id}
    assert all(one.same and one.error is None for one in shadows)
    assert len(workspace.store.find(Prediction, deployment=NAME, version_id=challenger.version_id)) == 0
    assert feedback(key="7", value="delivery", workspace=workspace).prediction_id == made[7].id
    del workspace.loaded["shadows"]


def test_what_is_tried_is_promoted_or_discarded_by_one_word(workspace: Workspace) -> None:
    first, second = version_of(workspace, f"{NAME}@1"), version_of(workspace, f"{NAME}@2")
    deploy(second.label, name=NAME, mode="shadow", workspace=workspace)
    discarded = rollback(NAME, workspace=workspace)
    assert (discarded.challenger, discarded.mode, champion(workspace)) == (None, "champion", first.label)
    with pytest.raises(InvalidInput, match="tries no challenger"):
        promote(NAME, workspace=workspace)
    deploy(second.label, name=NAME, mode="canary", workspace=workspace)
    promoted = promote(NAME, workspace=workspace)
    assert (promoted.champion.version_id, promoted.challenger, promoted.mode) == (second.id, None, "champion")
    assert [move.kind for move in moves_of(workspace, NAME)] == [
        "promoted",
        "canary",
        "discarded",
        "shadow",
        "deployed",
    ]
    began = time.monotonic()
    assert rollback(NAME, workspace=workspace).champion.version_id == first.id
    assert time.monotonic() - began <= 2
    assert newest(workspace).instead_of == second.id


@pytest.mark.parametrize("mode", ["shadow", "canary", "champion"])
def test_a_version_that_answers_not_a_number_is_taken_back_and_no_caller_sees_it(
    workspace: Workspace, mode: str
) -> None:
    before = [one.answer for one in predict(NAME, ROWS[:5], workspace=workspace)]
    moved = deploy(f"{NAME}@2", name=NAME, mode=mode, policy={"share": 1.0}, workspace=workspace)
    break_off(workspace, moved.champion if mode == "champion" else moved.challenger, not_a_number)
    assert [one.answer for one in predict(NAME, ROWS[:5], workspace=workspace)] == before
    if mode == "shadow":
        workspace.loaded.pop("shadows").close()
        assert all(one.error and one.answer is None for one in workspace.store.find(Shadow))
    assert champion(workspace) == f"{NAME}@1"
    assert (present(workspace).challenger, present(workspace).mode) == (None, "champion")
    told = newest(workspace)
    assert (told.kind, told.automatic) == ("rolled-back" if mode == "champion" else "discarded", True)
    assert "not-a-number" in told.reason.en
    assert "NaN" in told.reason.zh


def test_a_version_that_does_not_load_gives_way_to_the_one_before(prepared: Path, workspace: Workspace) -> None:
    promote(NAME, f"{NAME}@2", workspace=workspace)
    with Workspace.open(workspace.root) as server:
        head = server.models / f"{NAME}@2" / "head.safetensors"
        head.write_bytes(head.read_bytes()[:-1] + b"\x07")
        made = predict(NAME, ROWS[:3], workspace=server)
        assert {one.version_id for one in made} == {version_of(server, f"{NAME}@1").id}
        assert champion(server) == f"{NAME}@1"
        assert "It does not load" in newest(server).reason.en
        head = server.models / f"{NAME}@1" / "head.safetensors"
        head.write_bytes(head.read_bytes()[:-1] + b"\x07")
    with Workspace.open(workspace.root) as server, pytest.raises(BrokenSeal):
        predict(NAME, ROWS[:3], workspace=server)


def test_a_server_that_starts_on_a_broken_champion_serves_the_one_before(workspace: Workspace) -> None:
    promote(NAME, f"{NAME}@2", workspace=workspace)
    head = workspace.models / f"{NAME}@2" / "head.safetensors"
    head.write_bytes(head.read_bytes()[:-1] + b"\x07")
    with Workspace.open(workspace.root) as server:
        assert warm(server) == []
        assert champion(server) == f"{NAME}@1"
        assert engine_of(server).is_open(present(server).champion)


def test_too_many_failures_take_a_new_champion_back_and_few_do_not(workspace: Workspace) -> None:
    policy = {"window": 8, "fewest": 4, "error_share": 0.5}
    moved = deploy(f"{NAME}@2", name=NAME, policy=policy, workspace=workspace)
    for row in ROWS[:4]:
        predict(NAME, [row], workspace=workspace)
    break_off(workspace, moved.champion, too_narrow)
    for row in ROWS[:4]:
        with pytest.raises(ValueError, match=r"matmul|mismatch|shape|broadcast|dimension"):
            predict(NAME, [row], workspace=workspace)
    assert champion(workspace) == f"{NAME}@2"
    assert predict(NAME, ROWS[:1], workspace=workspace)[0].version_id == version_of(workspace, f"{NAME}@1").id
    assert champion(workspace) == f"{NAME}@1"
    assert "62% of its newest requests failed (allowed 50%)" in newest(workspace).reason.en


def test_a_canary_that_fails_is_answered_for_by_the_champion_from_the_first_failure_on(workspace: Workspace) -> None:
    policy = {"share": 1.0, "window": 10, "fewest": 3, "error_share": 0.1}
    moved = deploy(f"{NAME}@2", name=NAME, mode="canary", policy=policy, workspace=workspace)
    break_off(workspace, moved.challenger, too_narrow)
    for number in range(3):
        assert present(workspace).challenger is not None, number
        assert predict(NAME, ROWS[:1], workspace=workspace)[0].version_id == moved.champion.version_id
    assert present(workspace).challenger is None


def test_a_champion_that_stood_its_test_is_not_taken_back_by_a_strange_row(workspace: Workspace) -> None:
    moved = deploy(f"{NAME}@2", name=NAME, workspace=workspace)
    long_ago = (datetime.now(UTC) - timedelta(minutes=moved.policy.guard_minutes + 1)).isoformat()
    workspace.store.put(replace(newest(workspace), made=long_ago))
    break_off(workspace, moved.champion, not_a_number)
    with pytest.raises(Unavailable, match="not-a-number"):
        predict(NAME, ROWS[:1], workspace=workspace)
    assert champion(workspace) == f"{NAME}@2"


def test_callers_errors_count_against_nobody(workspace: Workspace) -> None:
    deploy(f"{NAME}@2", name=NAME, policy={"fewest": 1, "error_share": 0.0}, workspace=workspace)
    for _ in range(3):
        with pytest.raises(InvalidInput):
            predict(NAME, [{"wrong": 1}], workspace=workspace)
    assert champion(workspace) == f"{NAME}@2"


def test_another_process_loads_the_new_champion_while_the_old_one_answers(workspace: Workspace) -> None:
    with Workspace.open(workspace.root) as server:
        first = predict(NAME, ROWS[:1], workspace=server)[0].version_id
        promote(NAME, f"{NAME}@2", workspace=workspace)
        assert predict(NAME, ROWS[:1], workspace=server)[0].version_id == first
        deadline = time.monotonic() + 20
        while predict(NAME, ROWS[:1], workspace=server)[0].version_id == first and time.monotonic() < deadline:
            time.sleep(0.01)
        assert predict(NAME, ROWS[:1], workspace=server)[0].version_id == version_of(server, f"{NAME}@2").id


def test_the_old_champion_answers_meanwhile_though_another_was_tried_beside_it(workspace: Workspace) -> None:
    deploy(f"{NAME}@2", name=NAME, mode="shadow", workspace=workspace)
    with Workspace.open(workspace.root) as server:
        first = predict(NAME, ROWS[:1], workspace=server)[0].version_id
        server.loaded["shadows"].close()
        assert len(server.store.find(Shadow)) == 1
        del server.loaded["shadows"]
        promote(NAME, f"{NAME}@3", workspace=workspace)
        assert predict(NAME, ROWS[:1], workspace=server)[0].version_id == first


def test_what_retuning_made_is_tried_in_shadow_first_where_the_policy_says_so(workspace: Workspace) -> None:
    deploy(f"{NAME}@1", policy={"shadow_answers": 6}, workspace=workspace)
    refunds = [{"text": f"please give me my money back for order {number}"} for number in range(200)]
    for made in predict(NAME, refunds, workspace=workspace):
        feedback(made.id, value="refund", workspace=workspace)
    outcome = retune(NAME, workspace=workspace)
    assert (outcome.promoted, outcome.tried) == (False, True)
    assert (champion(workspace), present(workspace).mode) == (f"{NAME}@1", "shadow")
    predict(NAME, ROWS[:3], workspace=workspace)
    predict(NAME, ROWS[:3], workspace=workspace)
    workspace.loaded.pop("shadows").close()
    assert champion(workspace) == outcome.version.label
    assert newest(workspace).automatic
    assert newest(workspace).kind == "promoted"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"shar": 0.1}, "Did you mean: share"),
        ({"share": 1.5}, "from 0 to 1"),
        ({"share": "much"}, "must be a number"),
        ({"share": float("nan")}, "must be a number"),
        ({"window": 2.5}, "a whole number"),
        ({"window": True}, "a whole number"),
        ({"window": 5, "fewest": 9}, "more than the window holds"),
    ],
)
def test_a_policy_that_cannot_be_is_refused_and_nothing_moves(
    workspace: Workspace, settings: dict[str, object], said: str
) -> None:
    before = present(workspace)
    with pytest.raises(InvalidConfig) as caught:
        deploy(f"{NAME}@2", name=NAME, policy=settings, workspace=workspace)
    assert said in f"{caught.value.problem.en} {caught.value.fix.en}"
    assert present(workspace) == before


def test_a_challenger_needs_a_champion_of_its_kind(workspace: Workspace) -> None:
    with pytest.raises(NotFound):
        deploy(f"{NAME}@2", name="nowhere", mode="shadow", workspace=workspace)
    with pytest.raises(InvalidInput, match="is the champion of"):
        deploy(f"{NAME}@1", mode="canary", workspace=workspace)
    with pytest.raises(InvalidConfig, match="no mode"):
        deploy(f"{NAME}@2", name=NAME, mode="mirror", workspace=workspace)
    assert present(workspace).policy == Policy()
    assert guard_of(workspace) is guard_of(workspace)
    assert workspace.store.get(ModelVersion, present(workspace).champion.version_id) is not None
