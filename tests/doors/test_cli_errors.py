"""Wrong words, wrong data and bugs: what the user sees, and what the shell does."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from tuneworks.cli.main import main
from tuneworks.core.text import set_language
from tuneworks.testing.workspaces import deployed_workspace


def run(*words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(words)
    set_language(None)
    shown = capsys.readouterr()
    return int(left.value.code or 0), shown.out, shown.err


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNEWORKS_WORKSPACE", str(tmp_path / "given"))
    monkeypatch.setenv("TUNEWORKS_LANG", "en")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "problem", "fix", "chinese"),
    [
        (["tun"], "There is no command 'tun'.", "Did you mean tune?", "没有名为"),
        (["tune", "--taget", "x"], "There is no option --taget.", "Did you mean --target?", "没有选项"),
        (["list", "things"], "KIND expects one of: datasets", "tuneworks list --help", "应为以下之一"),
        (["watch", "a", "--window", "q"], "--window expects a whole number", "tuneworks watch --help", "应为整数"),
        (["watch", "a", "--window", "0"], "--window expects a whole number in 1..;", "--help", "应为整数，范围 1.."),
        (["compare", "a"], "Missing: CHALLENGER", "tuneworks compare --help", "缺少"),
        (["tune", "a", "b", "c"], "Unexpected: b c", "tuneworks tune --help", "多余的参数"),
        (["tune", "--base"], "The option --base needs a value.", "--help", "需要一个值"),
        (["add", "x.csv", "--kind", "text"], "Expected NAME=VALUE", "--help", "名称=值"),
    ],
)
def test_wrong_use_is_explained_in_both_languages(
    words: list[str], problem: str, fix: str, chinese: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(*words, capsys=capsys)
    assert (code, out) == (2, "")
    assert err.startswith(f"Error: {problem}")
    assert fix in err
    code, out, err = run("--lang", "zh", *words, capsys=capsys)
    assert code == 2
    assert err.startswith("错误：")
    assert chinese in err


def test_what_is_not_found_has_its_own_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run("show", "nothing", capsys=capsys)
    assert (code, out) == (66, "")
    assert "nothing" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("words", [("--json", "show", "nothing"), ("show", "nothing", "--json")])
def test_json_has_the_error_too(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(*words, capsys=capsys)
    error = json.loads(out)["error"]
    assert code == 66
    assert error["code"] == "NotFound"
    assert "nothing" in error["problem"]
    assert error["problem"] in err
    assert error["fix"] in err


def test_a_wrong_setting_has_its_own_exit_code(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workspace / "run.toml").write_text("[recipe]\nepoch = 3")
    code, _, err = run("tune", "x", "--config", str(workspace / "run.toml"), capsys=capsys)
    assert code == 78
    assert "Did you mean recipe.epochs?" in err


def test_a_bug_keeps_its_traceback() -> None:
    @click.group()
    def group() -> None: ...

    @group.command()
    def broken() -> None:
        raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError, match="a bug"):
        main(["broken"], group=group)


@pytest.mark.parametrize("first", [True, False])
def test_the_workspace_may_stand_before_or_after_the_verb(
    first: bool, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    option = ["--workspace", str(workspace / "chosen")]
    code, _, _ = run(*(option if first else []), "list", *([] if first else option), capsys=capsys)
    assert code == 0
    assert (workspace / "chosen" / "store.db").is_file()
    assert not (workspace / "given").exists()


def test_an_empty_workspace_lists_nothing_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run("list", "--json", capsys=capsys)
    assert (code, json.loads(out)) == (0, {"datasets": [], "runs": [], "versions": [], "deployments": [], "keys": []})


def test_interrupting_is_one_line_and_130(workspace: Path) -> None:
    deployed_workspace(workspace / "given", rows=80).close()
    words = [sys.executable, "-m", "tuneworks", "predict", "tickets", "-", "--lang", "zh"]
    process = subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )
    wait_until_idle(process.pid)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out == ""
    assert err.strip() == "已中断。"


def wait_until_idle(process: int) -> None:
    """Wait until the process has started up and waits for its input: its processor time stands still for a while."""
    spent: list[int] = []
    for _ in range(240):
        time.sleep(0.25)
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        spent.append(int(fields[11]) + int(fields[12]))
        asleep = fields[0] == "S" and spent[-1] > 0 and len(set(spent[-6:])) == 1 and len(spent) >= 6
        if asleep and reads_a_pipe(process):
            return
    raise AssertionError("the process never came to rest")


def reads_a_pipe(process: int) -> bool:
    """Whether the kernel says that the process waits for a pipe; where it says nothing, it may be so."""
    try:
        where = Path(f"/proc/{process}/wchan").read_text()
    except OSError:
        return True
    return where in ("", "0") or "pipe" in where


def test_a_run_that_was_cut_off_is_told_once(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = (
        "import os\nfrom tuneworks.core import lifecycle\nfrom tuneworks import RunConfig, Workspace\n"
        "lifecycle.start(Workspace.open(), RunConfig(name='lost'))\nos._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    _, _, first = run("list", capsys=capsys)
    _, _, second = run("list", capsys=capsys)
    assert "was cut off" in first
    assert second == ""


def test_a_file_that_is_not_there_is_not_found(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run("add", str(workspace / "none.csv"), capsys=capsys)
    assert code == 66
    assert "none.csv" in err
