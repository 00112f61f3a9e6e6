"""A scaffold is one sound file whose failing tests are the promises left to keep."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tuneworks.core.errors import Conflict, InvalidConfig
from tuneworks.flows.new import SUITES, new


@pytest.mark.parametrize("kind", SUITES)
def test_a_scaffold_is_clean_and_every_promise_of_it_is_open(kind: str, tmp_path: Path) -> None:
    path = new(kind, "credit-risk", folder=tmp_path)
    assert path == tmp_path / "credit_risk.py"
    checked = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--select", "F", path], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", tmp_path, path],
        capture_output=True,
        text=True,
        check=False,
    )
    last = ran.stdout.strip().splitlines()[-1]
    assert "failed" in last, ran.stdout
    assert "error" not in last, ran.stdout


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    new("finder", "credit-risk", folder=tmp_path)
    before = (tmp_path / "credit_risk.py").read_bytes()
    for kind, name in (("finder", "credit-risk"), ("task", "credit-risk"), ("task", "text-classification")):
        with pytest.raises(Conflict):
            new(kind, name, folder=tmp_path)
    assert (tmp_path / "credit_risk.py").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("kind", "name"), [("task", "Credit Risk"), ("task", "../x"), ("task", "class"), ("oracle", "x")]
)
def test_a_name_or_kind_that_cannot_be_is_refused(kind: str, name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig) as caught:
        new(kind, name, folder=tmp_path)
    assert caught.value.fix.zh
    assert not list(tmp_path.iterdir())
