"""The seal of a model folder: every file's hash, what is asked of it, and golden inputs whose outputs must come out.

A folder in a workspace is held against the version's record too, so that a change is found even where the manifest was
written anew. What a runtime compiled lies beside it (``compiled``) under a seal of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy

from tuneworks.core import registry
from tuneworks.core.asking import Row
from tuneworks.core.contracts import Model, Runtime
from tuneworks.core.errors import BrokenSeal
from tuneworks.core.files import sha256_of_file, write_atomically
from tuneworks.core.records import from_plain, to_plain
from tuneworks.core.text import Text
from tuneworks.core.types import ModelVersion, TaskSpec
from tuneworks.serving.loaded import CARD
from tuneworks.serving.pictures import beside, image_columns, named
from tuneworks.statistics.shapes.shape import shape_of

MANIFEST = "manifest.json"
GOLDEN = "golden.json"
PICTURES = "golden"
TOLERANCE = 1e-3  # relative to the output's scale: above rounding of other batch sizes, below any change that matters
MISSING, CHANGED = Text("is missing", "缺失"), Text("was changed since the folder was sealed", "在封存之后被改动")
FOREIGN = Text("is no part of it", "不是其组成文件")
AGAIN = Text(
    "The folder is a copy: delete it and deploy the version again; its parts are kept in the workspace.",
    "该文件夹只是副本：请删除它并重新部署该版本，其组成文件保存在工作区中。",
)


def make(model: Model, runtime: Runtime, rows: Sequence[Row], scores: Sequence[Any] | None = None) -> None:
    """Seal ``model.folder``: golden rows with their scores (run here unless given), then the manifest."""
    kept = _run(model, runtime, rows) if scores is None else scores
    for name, path in named(rows).items():
        write_atomically(model.folder / PICTURES / name, path.read_bytes())
    write_atomically(model.folder / GOLDEN, golden(rows, kept, model.spec))
    verify_golden(model, runtime)
    write_manifest(model.folder)


def write_manifest(folder: Path) -> None:
    """Write ``manifest.json``: SHA-256 and size of every other file in the folder."""
    files = {
        name: {"sha256": sha256_of_file(folder / name), "size": (folder / name).stat().st_size}
        for name in _files(folder)
    }
    write_atomically(folder / MANIFEST, _json({"files": files}))


def verify_manifest(folder: Path) -> None:
    """Raise ``BrokenSeal`` naming the first file that is missing, extra or changed."""
    listed = _read(folder, MANIFEST).get("files", {})
    present = set(_files(folder))
    for name in sorted(set(listed) - present):
        raise _broken(folder, name, MISSING)
    for name in sorted(present - set(listed)):
        raise _broken(folder, name, Text("is not in the manifest", "不在清单中"))
    for name in sorted(present):
        if _changed(folder / name, listed[name]):
            raise _broken(folder, name, CHANGED)


def verify_record(folder: Path, version: ModelVersion) -> None:
    """Raise ``BrokenSeal`` where a verified manifest, or the card in the folder, is not what the version's record says.

    A version's parts are blobs, whose ids are their SHA-256.
    """
    listed = _read(folder, MANIFEST).get("files", {})
    for name in sorted({*version.parts, *listed} - {CARD}):
        if name not in listed or name not in version.parts:
            raise _broken(
                folder, name, MISSING if name in version.parts else Text("is no part of it", "不是其组成文件")
            )
        if listed[name]["sha256"] != version.parts[name]:
            raise _broken(folder, name, CHANGED)
    stated = {name: value for name, value in _read(folder, CARD).items() if name != "format"}
    if found := _differing(_known(folder, CARD, ModelVersion, {**stated, "parts": version.parts}), version):
        raise _broken(folder, CARD, Text(f"says another {found}", f"中的 {found} 与记录不同"))


def golden(rows: Sequence[Row], scores: Iterable[Any], spec: TaskSpec, tolerance: float = TOLERANCE) -> bytes:
    """The bytes of ``golden.json``: what is asked, inputs, the scores they gave, and how far a rerun may differ."""
    examples = [
        {"row": dict(row), "scores": numpy.asarray(score, dtype=float).tolist()}
        for row, score in zip(rows, scores, strict=True)
    ]
    return _json({"tolerance": tolerance, "spec": to_plain(spec), "examples": examples})


def golden_rows(model: Model) -> list[Row]:
    """The inputs a model is sealed with."""
    return _pictured(model, _read(model.folder, GOLDEN).get("examples", []))


def verify_golden(model: Model, runtime: Runtime, folder: Path | None = None) -> None:
    """Run the golden rows again; raise ``BrokenSeal`` where what is asked, or scores, are not what they were.

    ``folder``: where they lie, if not in the model's. How far scores are apart is for the output's shape to say, an
    example at a time.
    """
    stored = _read(folder or model.folder, GOLDEN)
    _verify_spec(model, stored.get("spec", {}))
    examples = stored.get("examples", [])
    if not examples:
        return
    scores = _run(model, runtime, _pictured(model, examples))
    for number, (example, now) in enumerate(zip(examples, scores, strict=True), start=1):
        _verify_scores(model, number, numpy.asarray(example["scores"], dtype=float), now, stored["tolerance"])


def _verify_spec(model: Model, stated: Mapping[str, Any]) -> None:
    """What is asked of the model is what was asked when it was sealed: labels in order, columns, thresholds."""
    _verify_labels(model, stated.get("labels", []))
    if found := _differing(_known(model.folder, GOLDEN, TaskSpec, stated), model.spec):
        raise _broken(model.folder, GOLDEN, Text(f"was made with another {found}", f"对应的 {found} 与现在不同"))


def _verify_labels(model: Model, labels: Sequence[str]) -> None:
    if labels and tuple(labels) != tuple(model.spec.labels):
        raise BrokenSeal(
            Text(
                f"The labels of {model.folder.name} are not in the order it was sealed with: "
                f"{_short(model.spec.labels)} instead of {_short(labels)}.",
                f"{model.folder.name} 的标签顺序与封存时不同："
                f"现为 {_short(model.spec.labels)}，原为 {_short(labels)}。",
            ),
            AGAIN,
        )


def _verify_scores(model: Model, number: int, then: Any, now: Any, tolerance: float) -> None:
    folder, now = model.folder, numpy.asarray(now, dtype=float)
    found = shape_of(model.output.kind).apart(then, now)
    if found <= tolerance:
        return
    shapes = "" if then.shape == now.shape else f" ({then.shape} -> {now.shape})"
    raise BrokenSeal(
        Text(
            f"{folder.name} no longer gives the scores it was sealed with: golden example {number} differs by "
            f"{found:.3g}{shapes}, allowed is {tolerance:g}.",
            f"{folder.name} 的输出与封存时不同：第 {number} 条校验样例相差 {found:.3g}{shapes}，允许 {tolerance:g}。",
        ),
        Text(
            "A setting or library that changes answers is different here. " + AGAIN.en,
            "此处有影响结果的设置或程序库与封存时不同。" + AGAIN.zh,
        ),
    )


def _run(model: Model, runtime: Runtime, rows: Sequence[Row]) -> Any:
    task = registry.load("tasks", model.spec.task or "")()
    return runtime.run(model, task.examples(model.spec, rows))


def _pictured(model: Model, examples: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Golden rows with their images, which lie in the model's folder."""
    rows = [example["row"] for example in examples]
    return list(beside(rows, image_columns(model.spec), model.folder / PICTURES))


def _known(folder: Path, name: str, kind: type, stated: Mapping[str, Any]) -> Any:
    """What a file states, as the record it is; fields that came later have their defaults."""
    try:
        return from_plain(kind, stated)
    except (ValueError, KeyError, TypeError) as error:
        raise _broken(folder, name, Text("cannot be read", "无法读取")) from error


def _differing(first: Any, second: Any) -> str:
    """Where two records of a kind differ: ``spec.labels``; empty where they do not."""
    return _difference(json.loads(_json(to_plain(first))), json.loads(_json(to_plain(second))))


def _difference(first: Any, second: Any) -> str:
    if not (isinstance(first, dict) and isinstance(second, dict)):
        return ""
    name = next((name for name in {**first, **second} if first.get(name) != second.get(name)), None)
    if name is None:
        return ""
    deeper = _difference(first.get(name), second.get(name))
    return f"{name}.{deeper}" if deeper else name


def _files(folder: Path) -> list[str]:
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in found if name != MANIFEST)


def _changed(path: Path, entry: Mapping[str, Any]) -> bool:
    return path.stat().st_size != entry.get("size", path.stat().st_size) or sha256_of_file(path) != entry["sha256"]


def _read(folder: Path, name: str) -> dict[str, Any]:
    try:
        return dict(json.loads((folder / name).read_bytes()))
    except FileNotFoundError as error:
        raise _broken(folder, name, Text("is missing", "缺失")) from error
    except (ValueError, TypeError) as error:
        raise _broken(folder, name, Text("cannot be read", "无法读取")) from error


def _broken(folder: Path, name: str, reason: Text) -> BrokenSeal:
    return BrokenSeal(
        Text(
            f"The model folder {folder.name} is not what was tuned: {name} {reason.en}.",
            f"模型文件夹 {folder.name} 与微调结果不符：{name} {reason.zh}。",
        ),
        AGAIN,
    )


def _short(labels: Sequence[str]) -> str:
    shown = ", ".join(labels[:4])
    return f"[{shown}, ...]" if len(labels) > 4 else f"[{shown}]"


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
