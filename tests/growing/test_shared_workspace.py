"""A workspace in PostgreSQL and a bucket: what one machine tunes, another serves, with a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import tuneworks
from tests.real_servers import postgresql, s3
from tuneworks.core.types import Feedback, Prediction
from tuneworks.testing.workspaces import sample_rows

TEXTS = [{"text": "my parcel is late"}, {"text": "重复扣款了"}]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a shared workspace, its bucket in the environment."""
    with (
        postgresql() as database,
        s3(tmp_path_factory.mktemp("s3")) as bucket,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in bucket.items():
            patch.setenv(name, value)
        yield database.database("shared")


@pytest.fixture
def machine(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Opens the shared workspace as a machine of that name does, which has a folder of its own."""

    def opened(name: str) -> tuneworks.Workspace:
        monkeypatch.setenv("TUNEWORKS_FOLDER", str(tmp_path / name))
        return tuneworks.Workspace.open(address)

    return opened


def test_what_one_machine_tunes_another_serves(machine) -> None:
    with machine("tuner") as here, machine("server") as there:
        tuneworks.add(sample_rows(200), name="tickets", workspace=here)
        tuneworks.tune("tickets", target="topic", base="ngrams", workspace=here)
        tuneworks.deploy("tickets", workspace=here)
        assert here.store.shared
        assert here.blobs.shared
        assert here.root != there.root
        ours, theirs = (tuneworks.predict("tickets", TEXTS, workspace=one) for one in (here, there))
        assert [one.answer for one in ours] == [one.answer for one in theirs]
        tuneworks.feedback(theirs[0].id, value="delivery", workspace=there)
        assert len(here.store.find(Prediction)) == 4
        assert [one.prediction_id for one in here.store.find(Feedback)] == [theirs[0].id]
