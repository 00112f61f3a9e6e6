"""Conversations and instructions are read as prompts and answers; other JSON is left to its own reader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tuneworks.core.errors import UnreadableFile
from tuneworks.flows.sources import read_file, reader_of
from tuneworks.language.chats import with_answers
from tuneworks.readers.chat import Chat
from tuneworks.readers.jsonl import Jsonl

ASKED = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "在吗？"}]
ANSWERED = [*ASKED, {"role": "assistant", "content": "在的。"}]


def written(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def test_the_last_answer_is_the_target_and_what_precedes_it_the_prompt(tmp_path: Path) -> None:
    more = [*ANSWERED, {"role": "user", "content": "多少钱？"}, {"role": "assistant", "content": "十元。"}]
    rows = read_file(written(tmp_path / "a.jsonl", {"messages": ANSWERED, "id": 7}, {"messages": more, "id": 8}))
    assert rows == [
        {"messages": ASKED, "answer": "在的。", "id": 7},
        {"messages": more[:-1], "answer": "十元。", "id": 8},
    ]


def test_a_conversation_without_an_answer_keeps_all_it_has(tmp_path: Path) -> None:
    assert read_file(written(tmp_path / "a.jsonl", {"messages": ASKED})) == [{"messages": ASKED, "answer": None}]


def test_other_names_of_roles_are_understood(tmp_path: Path) -> None:
    said = [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}]
    (row,) = read_file(written(tmp_path / "a.json", {"conversations": said}))
    assert row == {"messages": [{"role": "user", "content": "hi"}], "answer": "hello"}


def test_instructions_and_their_input_are_one_text(tmp_path: Path) -> None:
    row = {"instruction": "Translate.", "input": "猫", "output": "cat"}
    bare = {"instruction": "Say hello.", "input": "", "output": "hello"}
    path = tmp_path / "a.json"
    path.write_text(json.dumps([row, bare], ensure_ascii=False), encoding="utf-8")
    assert read_file(path) == [{"text": "Translate.\n猫", "answer": "cat"}, {"text": "Say hello.", "answer": "hello"}]


@pytest.mark.parametrize(
    "row",
    [{"text": "a", "label": "b"}, {"messages": "a text"}, {"messages": []}, {"messages": [1, 2]}, {"instruction": "a"}],
)
def test_other_objects_are_left_to_the_plain_reader(tmp_path: Path, row: Any) -> None:
    path = written(tmp_path / "a.jsonl", row)
    assert not Chat().accepts(path, path.read_bytes())
    assert isinstance(reader_of(path), Jsonl)


def test_a_row_that_is_no_conversation_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", {"messages": ANSWERED}, {"messages": "nothing"})
    with pytest.raises(UnreadableFile) as caught:
        read_file(path)
    assert "row 2" in caught.value.problem.en


def test_rows_of_conversations_alone_are_split_too() -> None:
    assert with_answers([{"messages": ANSWERED}]) == [{"messages": ASKED, "answer": "在的。"}]
    kept = [{"messages": ANSWERED, "topic": "greeting"}]
    assert with_answers(kept) == kept
