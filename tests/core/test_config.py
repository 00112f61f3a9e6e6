"""A setting that does not exist or does not fit is an error that says where, and what to write instead."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tuneworks.core.config import (
    apply_settings,
    check_options,
    config_from,
    parse_settings,
    read_config,
    with_settings,
)
from tuneworks.core.errors import InvalidConfig, NotFound
from tuneworks.core.records import to_plain
from tuneworks.core.types import Recipe, RunConfig, TaskSpec


@dataclass(frozen=True)
class Options:
    depth: int = 3
    share: float = 0.5
    names: tuple[str, ...] = ()


def problem_of(text: str, folder: Path) -> tuple[str, str]:
    path = folder / "run.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidConfig) as caught:
        read_config(path)
    return caught.value.problem.en, caught.value.fix.en


def test_a_file_gives_every_setting(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(
        'name = "topics"\ndataset = "tickets"\ngoal = 1\n'
        '[spec]\ntarget = "topic"\nlabels = ["a", "b"]\n[spec.inputs]\ntext = "message"\n'
        '[recipe]\nbase = "ngrams"\nepochs = 3\n[recipe.options]\nclip = 2.0\n'
    )
    assert read_config(path) == RunConfig(
        name="topics",
        dataset="tickets",
        goal=1.0,
        spec=TaskSpec(target="topic", labels=("a", "b"), inputs={"text": "message"}),
        recipe=Recipe(base="ngrams", epochs=3, options={"clip": 2.0}),
    )


def test_a_written_config_reads_back_the_same() -> None:
    config = RunConfig(dataset="d", recipe=Recipe(base={"text": ("a", "b")}, learning_rate=0.1))
    assert config_from(to_plain(config)) == config


@pytest.mark.parametrize(
    ("text", "unknown", "near"),
    [
        ("[recipe]\nepoch = 3", "recipe.epoch ", "recipe.epochs"),
        ("epochs = 3", "epochs ", "recipe.epochs"),
        ("datset = 'x'", "datset ", "dataset"),
        ("[spec]\nmetrics = 'f1'", "spec.metrics ", "spec.metric"),
        ("spec.metrik = 'f1'", "spec.metrik ", "spec.metric"),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one_and_the_file(
    text: str, unknown: str, near: str, tmp_path: Path
) -> None:
    problem, fix = problem_of(text, tmp_path)
    assert unknown in problem
    assert "run.toml" in problem
    assert fix == f"Did you mean {near}?"


def test_a_key_near_to_nothing_gets_the_list(tmp_path: Path) -> None:
    _, fix = problem_of("xyzzy = 1", tmp_path)
    assert all(name in fix for name in ("name", "dataset", "spec", "recipe"))


@pytest.mark.parametrize(
    ("text", "key", "expected", "received"),
    [
        ('[recipe]\nepochs = "3"', "recipe.epochs", "a whole number", '"3"'),
        ("[recipe]\nepochs = 3.5", "recipe.epochs", "a whole number", "3.5"),
        ("[recipe]\nseed = true", "recipe.seed", "a whole number", "true"),
        ('goal = "high"', "goal", "a number", '"high"'),
        ("name = 3", "name", "text", "3"),
        ('[spec]\nlabels = "a"', "spec.labels", "a list", '"a"'),
        ("spec = 3", "spec", "a table", "3"),
    ],
)
def test_a_wrong_type_says_key_expected_and_received(
    text: str, key: str, expected: str, received: str, tmp_path: Path
) -> None:
    problem, _ = problem_of(text, tmp_path)
    assert problem.startswith(f"{key} in ")
    assert f"must be {expected}" in problem
    assert problem.endswith(f"received {received}.")


def test_a_file_that_is_not_toml_says_where(tmp_path: Path) -> None:
    problem, _ = problem_of("name = 'a'\nepochs = = 3", tmp_path)
    assert "line 2" in problem


def test_what_the_parser_says_stands_inside_a_sentence_of_our_own(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("name = 'a'\nepochs = = 3", encoding="utf-8")
    with pytest.raises(InvalidConfig) as caught:
        read_config(path)
    assert caught.value.problem.zh.startswith(f"{path} 第 2 行第 10 列不是有效的 TOML（")
    assert "(at line" not in caught.value.problem.en + caught.value.problem.zh
    path.write_text("name = 'a'\n[recipe", encoding="utf-8")
    with pytest.raises(InvalidConfig) as caught:
        read_config(path)
    assert caught.value.problem.zh.startswith(f"{path} 末尾不是有效的 TOML（")
    assert "at the end" in caught.value.problem.en


def test_a_file_in_another_encoding_says_so(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_bytes("name = '工单'".encode("gbk"))
    with pytest.raises(InvalidConfig) as caught:
        read_config(path)
    assert caught.value.problem.en == f"{path} is not UTF-8: byte 9 cannot be read."
    assert "UTF-8" in caught.value.problem.zh


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[recipe]\nepochs = 0", "recipe.epochs in {} must be at least 1; received 0."),
        ("[recipe]\nbatch_tokens = -5", "recipe.batch_tokens in {} must be at least 1; received -5."),
        ("[recipe]\nlearning_rate = 0.0", "recipe.learning_rate in {} must be above 0; received 0.0."),
        ("[recipe]\nlearning_rate = nan", "recipe.learning_rate in {} must be above 0; received nan."),
        ("[recipe]\nlearning_rate = inf", "recipe.learning_rate in {} must be above 0; received inf."),
        ("[recipe]\nseed = -1", "recipe.seed in {} must be at least 0 and at most 9223372036854775807; received -1."),
    ],
)
def test_a_number_out_of_range_says_key_range_and_received(text: str, said: str, tmp_path: Path) -> None:
    problem, _ = problem_of(text, tmp_path)
    assert problem == said.format(tmp_path / "run.toml")


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_config(tmp_path / "none.toml")


def test_values_of_settings_are_toml_and_else_text() -> None:
    words = ["a=3", "b=0.5", "c=true", "d=[1, 2]", "e=plain words", "f='quoted'", "g=x=y", "h="]
    assert parse_settings(words) == {
        "a": 3,
        "b": 0.5,
        "c": True,
        "d": [1, 2],
        "e": "plain words",
        "f": "quoted",
        "g": "x=y",
        "h": "",
    }


@pytest.mark.parametrize("word", ["recipe.epochs", "=3", ""])
def test_a_setting_without_key_or_value_is_an_error(word: str) -> None:
    with pytest.raises(InvalidConfig, match="KEY=VALUE"):
        parse_settings([word])


def test_settings_go_on_top_and_leave_the_given_as_it_is() -> None:
    given = {"recipe": {"epochs": 1, "seed": 7}}
    assert apply_settings(given, ["recipe.epochs=3"]) == {"recipe": {"epochs": 3, "seed": 7}}
    assert given == {"recipe": {"epochs": 1, "seed": 7}}


def test_settings_may_be_given_as_a_mapping() -> None:
    assert with_settings(RunConfig(name="a"), {"recipe.options.clip": 2}).recipe.options == {"clip": 2}


def test_options_are_checked_against_the_plugins_own() -> None:
    assert check_options(Options, {"depth": 4, "share": 1, "names": ["a"]}) == Options(4, 1.0, ("a",))
    with pytest.raises(InvalidConfig) as caught:
        check_options(Options, {"dept": 4}, owner="head")
    assert caught.value.problem.en == "There is no setting recipe.options.dept of head."
    assert caught.value.fix.en == "Did you mean recipe.options.depth?"
    with pytest.raises(InvalidConfig, match=r"recipe\.options\.depth of head must be a whole number"):
        check_options(Options, {"depth": "4"}, owner="head")
