"""The model card: a README.md with YAML front matter as model hubs read it, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tuneworks.core.evaluation import Comparison, Evaluation
from tuneworks.core.text import Text, language
from tuneworks.core.types import ModelVersion
from tuneworks.reports.markdown import escaped, front_matter, table
from tuneworks.reports.names import score_name, setting_name, source_name, split_name
from tuneworks.reports.provenance import Provenance
from tuneworks.reports.text import format_score, format_value

LISTED_LABELS = 60


def model_card(
    version: ModelVersion,
    evaluation: Evaluation,
    *,
    comparisons: Sequence[Comparison] = (),
    provenance: Provenance | None = None,
    languages: Sequence[str] = (),
    license: str = "unknown",
) -> str:
    """The card; ``languages`` are ISO codes of the rows, ``license`` an identifier as model hubs know it."""
    known = provenance or Provenance()
    parts = [front_matter(_metadata(version, evaluation, known, languages, license)), f"# {escaped(version.label)}"]
    for code in ("en", "zh"):
        with language(code):
            parts += _body(version, evaluation, comparisons, known)
    return "\n\n".join(part for part in parts if part) + "\n"


def _metadata(
    version: ModelVersion, evaluation: Evaluation, known: Provenance, languages: Sequence[str], license: str
) -> dict[str, Any]:
    task = version.spec.task or "other"
    result = {
        "task": {"type": task},
        "dataset": {"name": known.dataset or version.dataset_id[:12], "type": "private", "split": "test"},
        "metrics": [
            {"type": name, "value": round(score.value, 6), "name": score_name(name).en}
            for name, score in evaluation.scores.items()
        ],
    }
    return {
        "license": license,
        "language": list(languages),
        "library_name": "tuneworks",
        "pipeline_tag": task,
        "base_model": list(dict.fromkeys(base.address for base in version.bases)),
        "metrics": list(evaluation.scores),
        "model-index": [{"name": version.label, "results": [result]}],
    }


def _body(
    version: ModelVersion, evaluation: Evaluation, comparisons: Sequence[Comparison], known: Provenance
) -> list[str]:
    return [
        str(Text("## English", "## 中文")),
        _purpose(version),
        _heading(Text("Results", "结果")),
        _results(evaluation, known),
        _comparisons(comparisons),
        _heading(Text("Training data", "训练数据")),
        _data(version, known),
        _heading(Text("How it was made", "如何得到")),
        _making(version, known),
        _heading(Text("How to use it", "如何使用")),
        _use(version),
        _heading(Text("Limits", "局限")),
        _limits(version),
    ]


def _heading(text: Text) -> str:
    return f"### {text}"


def _purpose(version: ModelVersion) -> str:
    inputs, target = escaped(", ".join(version.spec.inputs.values())), escaped(version.spec.target or "")
    sentence = Text(
        f"This model reads **{inputs}** and answers **{target}** ({version.spec.task or 'other'}).",
        f"本模型读取 **{inputs}**，给出 **{target}**（{version.spec.task or 'other'}）。",
    )
    shown = ", ".join(escaped(label) for label in version.spec.labels[:LISTED_LABELS])
    more = len(version.spec.labels) - LISTED_LABELS
    rest = Text(f", and {more} more", f"，另有 {more} 个") if more > 0 else Text("", "")
    labels = Text(f"Labels: {shown}{rest.en}.", f"标签：{shown}{rest.zh}。")
    return f"{sentence}\n\n{labels}" if version.spec.labels else str(sentence)


def _results(evaluation: Evaluation, known: Provenance) -> str:
    heads = [str(Text("score", "指标")), str(Text("value (95 % interval)", "数值（95 % 置信区间）"))]
    rows = [[str(score_name(name)), format_score(score)] for name, score in evaluation.scores.items()]
    note = Text(
        f"Measured on {evaluation.rows:,} held-out rows, scored {known.test_scored} time(s). "
        f"The deciding score is {score_name(evaluation.metric).en}.",
        f"在 {evaluation.rows:,} 行留出数据上测得，这些数据共评分 {known.test_scored} 次。"
        f"决定性指标为{score_name(evaluation.metric).zh}。",
    )
    return f"{note}\n\n{table(heads, rows)}"


def _comparisons(comparisons: Sequence[Comparison]) -> str:
    if not comparisons:
        return ""
    heads = [
        str(Text("compared with", "对比对象")),
        str(Text("its score", "对方得分")),
        str(Text("difference (95 % interval)", "差值（95 % 置信区间）")),
    ]
    rows = [[str(c.name), format_score(c.champion), format_score(c.difference)] for c in comparisons]
    return table(heads, rows)


def _data(version: ModelVersion, known: Provenance) -> str:
    name = f" {escaped(known.dataset)}" if known.dataset else ""
    lines = [
        str(Text(f"Dataset{name}, version `{version.dataset_id}`.", f"数据集{name}，版本 `{version.dataset_id}`。"))
    ]
    lines += [
        str(Text(f"- {split_name(split).en}: {rows:,} rows", f"- {split_name(split).zh}：{rows:,} 行"))
        for split, rows in known.splits.items()
    ]
    return "\n".join([lines[0], "", *lines[1:]]).rstrip()


def _making(version: ModelVersion, known: Provenance) -> str:
    bases = ", ".join(f"{escaped(base.name)} (`{base.address.replace('`', '')}`)" for base in version.bases)
    method = version.recipe.method or ""
    sentence = Text(
        f"Base model: {bases}. Method: {escaped(method)}. Run: `{version.run_id}`.",
        f"基础模型：{bases}。方法：{escaped(method)}。运行：`{version.run_id}`。",
    )
    if not known.recipe:
        return str(sentence)
    heads = [str(Text("setting", "设置")), str(Text("value", "取值")), str(Text("comes from", "来自"))]
    rows = [[str(setting_name(s.name)), format_value(s.value), str(source_name(s.source))] for s in known.recipe]
    return f"{sentence}\n\n{table(heads, rows)}"


def _use(version: ModelVersion) -> str:
    example = _example(version.spec.inputs)
    code = (
        "```python\nfrom tuneworks.flows.predict import predict\n\n"
        f"answers = predict({version.label!r}, [{example!r}])\n```"
    )
    return f"{Text('In the workspace that holds this version:', '在保存此版本的工作区中：')}\n\n{code}"


def _example(inputs: Mapping[str, str]) -> dict[str, str]:
    return dict.fromkeys(inputs.values(), "…")


def _limits(version: ModelVersion) -> str:
    lines = [
        Text(
            "- The scores hold for rows like the held-out ones; on other text they may be lower.",
            "- 以上得分只适用于与留出数据相似的数据；对其他文本可能更低。",
        ),
        Text(
            "- The model always answers with the labels listed above, also where none fits.",
            "- 模型只会给出上面列出的标签，即使没有合适的标签也是如此。",
        ),
        Text(
            "- It repeats what its training rows say, errors and one-sidedness included.",
            "- 模型会重复训练数据中的内容，包括其中的错误与偏颇。",
        ),
    ]
    return "\n".join(str(text) for i, text in enumerate(lines) if i != 1 or version.output.kind == "classes")
