"""How well each text was foreseen: score arrays (N, 2), nats and tokens; targets (N,), characters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from tuneworks.core.answers import Answer, LikelihoodAnswer
from tuneworks.core.asking import Examples, Row
from tuneworks.core.errors import InvalidInput
from tuneworks.core.text import Text
from tuneworks.core.types import Output, TaskSpec
from tuneworks.statistics.likelihood import by_frequency
from tuneworks.statistics.shapes.shape import Shape, Signature

LONGEST_GUESS = 3.0


class Likelihood(Shape):
    """Each example is answered with how it surprised the model; there is no truth beside the text itself."""

    simplest = Text("every character by its frequency", "按字符频率")
    right_or_wrong = False

    def known(self, targets: Any) -> NDArray[np.bool_]:
        return np.asarray(targets) > 0

    def prior(self, output: Output, train: Examples, examples: Examples) -> Any:
        learnt, asked = ([str(text) for text in next(iter(one.inputs.values()))] for one in (train, examples))
        return by_frequency(learnt, asked)

    def truth(self, value: Any, row: Row, spec: TaskSpec) -> NoReturn:
        raise InvalidInput(
            Text("A model of language has no true value beside the text itself.", "语言模型的正确值就是文本本身。"),
            Text(
                "Send correct=true or correct=false, or add the text to the dataset.",
                "请发送 correct=true 或 correct=false，或把文本加入数据集。",
            ),
        )

    def error(self, answer: LikelihoodAnswer, truth: Any) -> float:
        return answer.perplexity - 1

    def signature(self, answers: Sequence[Answer], spec: TaskSpec) -> Signature:
        values = [[np.log(one.perplexity) if isinstance(one, LikelihoodAnswer) else np.nan] for one in answers]
        return Signature(("log perplexity",), np.array(values, dtype=np.float64).reshape(-1, 1), counted=False)

    def perfect(self, output: Output, examples: Examples) -> Any:
        return np.column_stack([np.zeros(len(examples)), np.asarray(examples.targets)])

    def guess(self, output: Output, examples: Examples, random: np.random.Generator) -> Any:
        tokens = np.asarray([len(str(text)) for text in next(iter(examples.inputs.values()))])
        return np.column_stack([tokens * random.uniform(0.5, LONGEST_GUESS, len(examples)), tokens])
