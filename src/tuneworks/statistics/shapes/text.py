"""A written text: N score arrays (T, 2), code points with the log-probability of their token; targets N texts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuneworks.core.answers import Answer, TextAnswer
from tuneworks.core.asking import Examples, Row
from tuneworks.core.errors import InvalidInput
from tuneworks.core.text import Text
from tuneworks.core.types import Output, TaskSpec
from tuneworks.statistics.generation import chrf, same
from tuneworks.statistics.shapes.shape import Shape, Signature
from tuneworks.statistics.shapes.values import shown, whole_text

NAMES = ("characters", "probability")
LONGEST = 100_000
LETTERS = "abcdefgh "
_sentence = re.compile(r"\S.*?(?:[。！？!?]|\.(?=\s|$)|$)", re.MULTILINE)


class Written(Shape):
    """Each example is answered with a text; its error is 1 - chrF, 0 where the texts are the same."""

    simplest = Text("first sentence of the input", "输入的第一句")
    right_or_wrong = False
    golden_rows = 3

    def known(self, targets: Any) -> NDArray[np.bool_]:
        return np.array([bool(target.strip()) for target in targets], dtype=bool)

    def prior(self, output: Output, train: Examples, examples: Examples) -> Any:
        return [certain(_first_sentence(value)) for value in next(iter(examples.inputs.values()))]

    def truth(self, value: Any, row: Row, spec: TaskSpec) -> str:
        if not isinstance(value, str) or not value.strip() or len(value) > LONGEST:
            raise InvalidInput(
                Text(
                    f"The true value must be a text of 1 to {LONGEST} characters, got {shown(value)}.",
                    f"正确值应为 1 至 {LONGEST} 个字符的文本，实为 {shown(value)}。",
                ),
                Text("Send the text as it should have been written.", "请发送本应写出的文本。"),
            )
        return whole_text(value, Text("The true text", "正确文本"))

    def error(self, answer: TextAnswer, truth: Any) -> float:
        return 0.0 if same(answer.text, str(truth)) else 1.0 - chrf(answer.text, str(truth))

    def signature(self, answers: Sequence[Answer], spec: TaskSpec) -> Signature:
        values = [[len(a.text), a.score] if isinstance(a, TextAnswer) else [0, 0] for a in answers]
        return Signature(NAMES, np.array(values, dtype=np.float64).reshape(-1, len(NAMES)), counted=False)

    def perfect(self, output: Output, examples: Examples) -> Any:
        return [certain(target) for target in examples.targets]

    def guess(self, output: Output, examples: Examples, random: np.random.Generator) -> Any:
        lengths = random.integers(1, 20, len(examples))
        return [certain("".join(random.choice(list(LETTERS), length)), -1.0) for length in lengths]

    def apart(self, then: Any, now: Any) -> float:
        """Infinite where a character differs; else the largest difference of the log-probabilities."""
        then, now = (np.asarray(scores, dtype=float).reshape(-1, 2) for scores in (then, now))
        if then.shape != now.shape or (then[:, 0] != now[:, 0]).any():
            return float("inf")
        return super().apart(then[:, 1], now[:, 1])


def certain(text: str, log_probability: float = 0.0) -> NDArray[np.float32]:
    """A text as a score array, every character of the same log-probability."""
    made = [[ord(character), log_probability] for character in text]
    return np.array(made, dtype=np.float32).reshape(-1, 2)


def _first_sentence(value: Any) -> str:
    """The first sentence of a text, or of the last message of a conversation."""
    text = str(value[-1].get("content") or "") if isinstance(value, (list, tuple)) and value else str(value or "")
    found = _sentence.search(text)
    return found[0] if found else ""
