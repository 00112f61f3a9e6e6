"""What each column, word or Chinese character adds to the answer of a linear model or of trees, exactly."""

from __future__ import annotations

from tuneworks.core.explaining import Attribution, Explainer, Part, Question
from tuneworks.core.text import Text
from tuneworks.statistics.attribution import explainable, leaning_of, parts_of, summed, values_by_base
from tuneworks.statistics.features import plain


class Exact(Explainer):
    """Linear heads add their features up, trees have Shapley values; bases say where features come from."""

    reason = Text(
        "the model adds up what its features say, so what each part adds is known exactly",
        "该模型的答案由各特征的贡献相加而成，因此每一部分的贡献可精确得知",
    )

    def cost(self, question: Question) -> float | None:
        if not explainable(question):
            return None
        if any(base.origins(values[0]) is None for _, base, values in values_by_base(question)):
            return None
        first = question.examples.take([0])
        found = question.model.head.contributions(question.model, first, leaning_of(question)[:1])
        return None if found is None else 1.0

    def explain(self, question: Question) -> list[Attribution]:
        found = question.model.head.contributions(question.model, question.examples, leaning_of(question))
        assert found is not None
        added, without = found
        each: list[list[Part]] = [[] for _ in range(len(question.examples))]
        begin = 0
        for use, base, values in values_by_base(question):
            end = begin + base.features(values[:1]).shape[1]
            for number, value in enumerate(values):
                each[number] += parts_of(use, base, value, plain(added[[number]])[0][begin:end])
            begin = end
        return summed(question, each, without.tolist(), exact=True)
