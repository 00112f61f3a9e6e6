"""Arguments and options that several verbs share, so that one thing has one name and one text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tuneworks.cli.commands import argument, option
from tuneworks.core.text import Text

VERSION = Text(
    "A model version: name@3, name@champion, a name (its newest), or an id.",
    "模型版本：名称@3、名称@champion、名称（最新版本）或标识。",
)

target = option("--target", metavar="COLUMN", about=Text("The column to learn.", "要学习的列。"))
task = option(
    "--task",
    metavar="TASK",
    about=Text("What is asked of the model. Default: from the data.", "任务类型。默认由数据推断。"),
)
base = option("--base", metavar="ADDRESS", about=Text("The pretrained model to start from.", "作为起点的预训练模型。"))
name = option(
    "--name", metavar="NAME", about=Text("The model's name. Default: the dataset's.", "模型名称。默认取数据集名称。")
)
config = option("--config", metavar="FILE", about=Text("A run's settings in TOML.", "TOML 格式的运行设置文件。"))
settings = option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    about=Text(
        "One setting, such as recipe.epochs=3. May be repeated.", "单项设置，例如 recipe.epochs=3。可重复使用。"
    ),
)
goal = option(
    "--goal",
    type=float,
    metavar="SCORE",
    about=Text("The score that is enough, on validation rows.", "验证集上足够好的分数。"),
)
budget = option(
    "--budget",
    type=float,
    metavar="MINUTES",
    about=Text("How many minutes it may take.", "允许花费的分钟数。"),
)
runner = option(
    "--runner",
    metavar="RUNNER",
    default="inline",
    about=Text(
        "Where the work is done: inline (here), process (a process of its own), worker (tuneworks work), ray.",
        "在哪里执行：inline（本进程）、process（独立进程）、worker（由 tuneworks work 执行）、ray。",
    ),
)
rows_from = option(
    "--dataset",
    metavar="DATASET",
    about=Text(
        "Measure on another dataset: its test rows, or all where it has none. Default: the held-out rows.",
        "改用其他数据集评估：用其测试行，没有测试行时用全部行。默认用留出的行。",
    ),
)


def dataset(*, required: bool = True) -> Callable[[Any], Any]:
    """The dataset a verb works on."""
    return argument(
        "dataset",
        required=required,
        about=Text("A dataset's name, or the start of its id.", "数据集名称，或其标识的开头。"),
    )


def version(name: str = "version", about: Text = VERSION, *, required: bool = True) -> Callable[[Any], Any]:
    """A model version, by any of its references."""
    return argument(name, about=about, required=required)


def deployment(about: Text | None = None) -> Callable[[Any], Any]:
    """A deployment, by its name."""
    return argument("deployment", about=about or Text("A deployment's name.", "部署的名称。"))


def run() -> Callable[[Any], Any]:
    """A run, by its id."""
    return argument("run", about=Text("A run's id: see tuneworks list runs.", "运行的标识，见 tuneworks list runs。"))
