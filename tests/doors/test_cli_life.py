"""The whole life of a model by the command line: n-grams on a small sample, no pretrained weights."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from tuneworks.cli.main import main
from tuneworks.core import registry
from tuneworks.core.text import set_language

ROWS = 240


class House:
    """A folder with a workspace in which commands are given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *words: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        arguments = ["--workspace", str(self.folder / "workspace"), "--lang", "en", *words]
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as left:
            main(arguments)
        set_language(None)
        return int(left.value.code or 0), out.getvalue(), err.getvalue()

    def json(self, *words: str) -> Any:
        code, out, err = self.run(*words, "--json")
        assert code == 0, err
        return json.loads(out)

    def piped(self, text: str, *words: str) -> list[dict[str, Any]]:
        command = [sys.executable, "-m", "tuneworks", "--workspace", str(self.folder / "workspace"), *words]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    _, sampled = registry.load("tasks", "text-classification")().sample(ROWS, 0)
    return [dict(row) for row in sampled]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]) -> House:
    """A workspace with a dataset ``tickets``, a version ``tickets@1`` and a deployment ``tickets``."""
    house = House(tmp_path_factory.mktemp("house"))
    with open(house.folder / "tickets.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    for words in (
        ["add", str(house.folder / "tickets.csv")],
        ["tune", "tickets", "--base", "ngrams", "--set", "recipe.seed=1"],
        ["deploy", "tickets"],
    ):
        code, _, err = house.run(*words)
        assert code == 0, err
    return house


def text_column(rows: list[dict[str, Any]]) -> str:
    return next(name for name, value in rows[0].items() if " " in str(value) or len(str(value)) > 12)


def test_json_is_the_record_the_flow_returned(house: House) -> None:
    version = house.json("show", "tickets@1")
    assert version["name"] == "tickets"
    assert version["number"] == 1
    assert version["recipe"]["seed"] == 1
    assert [each["status"] for each in house.json("list", "runs")] == ["finished"]


def test_lists_name_what_there_is(house: House) -> None:
    _, out, _ = house.run("list")
    assert "tickets@1" in out
    assert "ngrams" in out
    assert "finished" in out


def test_progress_and_results_do_not_mix(house: House) -> None:
    code, out, _ = house.run("evaluate", "tickets", "--json")
    assert code == 0
    assert json.loads(out)["evaluation"]["scores"]


def test_lines_json_lines_and_csv_give_the_same_answers(house: House, rows: list[dict[str, Any]]) -> None:
    column = text_column(rows)
    texts = [str(row[column]) for row in rows[:20]]
    lines = house.piped("\n".join(texts), "predict", "tickets@1")
    objects = house.piped("".join(json.dumps({column: text}) + "\n" for text in texts), "predict", "tickets@1")
    table = io.StringIO()
    csv.writer(table).writerows([[column], *([text] for text in texts)])
    cells = house.piped(table.getvalue(), "predict", "tickets@1", "--format", "csv")
    assert len(lines) == 20
    assert [line["answer"] for line in lines] == [o["answer"] for o in objects] == [c["answer"] for c in cells]


def test_answers_come_in_the_order_of_the_rows(house: House, rows: list[dict[str, Any]]) -> None:
    column = text_column(rows)
    forward = house.piped("\n".join(str(row[column]) for row in rows), "predict", "tickets@1")
    backward = house.piped("\n".join(str(row[column]) for row in reversed(rows)), "predict", "tickets@1")
    assert [line["answer"]["label"] for line in forward] == [line["answer"]["label"] for line in reversed(backward)]


def test_a_key_finds_its_prediction_again(house: House, rows: list[dict[str, Any]]) -> None:
    column = text_column(rows)
    [answered] = house.piped(json.dumps({"order": 77, column: rows[0][column]}), "predict", "tickets", "--key", "order")
    assert answered["key"] == "77"
    noted = house.json("feedback", "--key", "77", "--value", answered["answer"]["label"])
    assert noted["value"] == answered["answer"]["label"]


def test_a_mistyped_label_is_kept_and_the_nearest_is_named(house: House, rows: list[dict[str, Any]]) -> None:
    house.piped(json.dumps({"order": 78, text_column(rows): "where is it"}), "predict", "tickets", "--key", "order")
    code, out, _ = house.run("feedback", "--key", "78", "--value", "delivry")
    assert code == 0
    assert "Noted: fb-" in out
    assert "Did you mean 'delivery'?" in out
    assert house.json("feedback", "--key", "78", "--value", "delivery")["note"] is None


def test_an_error_in_a_later_batch_says_where_it_began(house: House, rows: list[dict[str, Any]]) -> None:
    column = text_column(rows)
    path = house.folder / "broken.jsonl"
    path.write_text("".join(json.dumps({column if n < 300 else "other": "a"}) + "\n" for n in range(310)))
    code, out, err = house.run("predict", "tickets@1", str(path))
    assert code == 65
    assert len(out.splitlines()) == 256
    assert "Counting from row 257: Row 45" in err


def test_explain_config_says_who_chose(house: House) -> None:
    explained = {e["key"]: e for e in house.json("explain-config", "tickets", "--set", "recipe.epochs=2")}
    assert explained["recipe.epochs"] == {"key": "recipe.epochs", "value": 2, "source": "user"}
    assert explained["spec.task"]["source"] == "derived"
    assert explained["spec.task"]["value"] == "text-classification"
    assert explained["goal"]["source"] == "default"


def test_explain_config_without_a_dataset_shows_defaults(house: House) -> None:
    assert {e["source"] for e in house.json("explain-config")} == {"default"}


def test_watching_measures_what_was_predicted(house: House, rows: list[dict[str, Any]]) -> None:
    house.piped("\n".join(str(row[text_column(rows)]) for row in rows), "predict", "tickets")
    signals = house.json("watch", "tickets")
    assert {signal["deployment"] for signal in signals} == {"tickets"}


def test_rolling_back_brings_the_earlier_version_back(house: House) -> None:
    assert house.run("tune", "tickets", "--base", "ngrams", "--name", "second", "--set", "recipe.seed=2")[0] == 0
    first = house.json("show", "deployments/tickets")["champion"]["version_id"]
    assert house.json("promote", "tickets", "second@1")["champion"]["version_id"] != first
    assert house.json("rollback", "tickets")["champion"]["version_id"] == first


def test_two_versions_are_compared_on_the_same_rows(house: House) -> None:
    comparisons = house.json("compare", "tickets@1", "tickets@1")
    assert all(comparison["difference"]["value"] == 0 for comparison in comparisons)


def test_what_is_deleted_is_gone_and_must_be_meant(house: House) -> None:
    assert house.run("tune", "tickets", "--base", "ngrams", "--name", "spare")[0] == 0
    code, _, err = house.run("delete", "versions", "spare@1")
    assert code == 2
    assert "--yes" in err
    assert "Interrupted" not in err
    assert house.run("show", "spare@1")[0] == 0
    assert house.run("delete", "versions", "spare@1", "--yes")[0] == 0
    assert house.run("show", "spare@1")[0] == 66
    assert house.run("delete", "versions", "tickets@1", "--yes")[0] == 75
    assert house.run("show", "tickets@1")[0] == 0
