"""The seal of a model folder: every file's hash, and golden inputs whose outputs must come out again."""

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
from tuneworks.core.text import Text
from tuneworks.serving.pictures import beside, image_columns, named
from tuneworks.statistics.shapes.shape import shape_of

MANIFEST = "manifest.json"
GOLDEN = "golden.json"
PICTURES = "golden"
TOLERANCE = 1e-3  # relative to the output's scale: above rounding of other batch sizes, below any change that matters
AGAIN = Text(
    "The folder is a copy: delete it and deploy the version again; its parts are kept in the workspace.",
    "该文件夹只是副本：请删除它并重新部署该版本，其组成文件保存在工作区中。",
)


def make(model: Model, runtime: Runtime, rows: Sequence[Row], scores: Sequence[Any] | None = None) -> None:
    """Seal ``model.folder``: golden rows with their scores (run here unless given), then the manifest."""
    kept = _run(model, runtime, rows) if scores is None else scores
    for name, path in named(rows).items():
        write_atomically(model.folder / PICTURES / name, path.read_bytes())
    write_golden(model.folder, rows, kept, labels=model.spec.labels)
    verify_golden(model, runtime)
    write_manifest(model.folder)


def write_manifest(folder: Path) -> None:
    """Write ``manifest.json``: SHA-256 and size of every other file in the folder."""
    files = {
        name: {"sha256": sha256_of_file(folder / name), "size": (folder / name).stat().st_size}
        for name in _files(folder)
    }
    write_atomically(folder / MANIFEST, _json({"files": files}))


def verify_manifest(folder: Path, compiled: Mapping[str, str] | None = None) -> None:
    """Raise ``BrokenSeal`` naming the first file that is missing, extra or changed.

    ``compiled``: files a runtime added since, name -> SHA-256.
    """
    listed = _read(folder, MANIFEST).get("files", {})
    listed = listed | {name: {"sha256": sha256} for name, sha256 in (compiled or {}).items()}
    present = set(_files(folder))
    for name in sorted(set(listed) - present):
        raise _broken(folder, name, Text("is missing", "缺失"))
    for name in sorted(present - set(listed)):
        raise _broken(folder, name, Text("is not in the manifest", "不在清单中"))
    for name in sorted(present):
        if _changed(folder / name, listed[name]):
            raise _broken(folder, name, Text("was changed since the folder was sealed", "在封存之后被改动"))


def golden(
    rows: Sequence[Row], scores: Iterable[Any], labels: Sequence[str] = (), tolerance: float = TOLERANCE
) -> bytes:
    """The bytes of ``golden.json``: inputs, the scores they gave, the label order, and how far a rerun may differ."""
    examples = [
        {"row": dict(row), "scores": numpy.asarray(score, dtype=float).tolist()}
        for row, score in zip(rows, scores, strict=True)
    ]
    return _json({"tolerance": tolerance, "labels": list(labels), "examples": examples})


def write_golden(
    folder: Path,
    rows: Sequence[Row],
    scores: Iterable[Any],
    *,
    labels: Sequence[str] = (),
    tolerance: float = TOLERANCE,
) -> None:
    """Write ``golden.json`` into the folder (before the manifest)."""
    write_atomically(folder / GOLDEN, golden(rows, scores, labels, tolerance))


def verify_golden(model: Model, runtime: Runtime) -> None:
    """Run the golden rows again; raise ``BrokenSeal`` where labels or scores are not what they were.

    How far scores are apart is for the output's shape to say, an example at a time.
    """
    stored = _read(model.folder, GOLDEN)
    _verify_labels(model, stored.get("labels", []))
    examples = stored.get("examples", [])
    if not examples:
        return
    rows = beside(_rows(examples), image_columns(model.spec), model.folder / PICTURES)
    for number, (example, now) in enumerate(zip(examples, _run(model, runtime, rows), strict=True), start=1):
        _verify_scores(model, number, numpy.asarray(example["scores"], dtype=float), now, stored["tolerance"])


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


def _rows(examples: Sequence[Mapping[str, Any]]) -> list[Row]:
    return [example["row"] for example in examples]


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
