"""Blobs in a bucket, against a real server that speaks S3's protocol: the contract's promises, damage, refusals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path

import obstore
import pytest

from tests.real_servers import free_port, s3
from tuneworks.blobs.s3 import S3Blobs
from tuneworks.core.errors import InvalidConfig, NotFound, Unavailable
from tuneworks.core.workspace import Workspace
from tuneworks.testing.blobs import CHECKS

_numbers = count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    with s3(tmp_path_factory.mktemp("s3")) as environment:
        yield environment


@pytest.fixture
def address(server: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in server.items():
        monkeypatch.setenv(name, value)
    return f"{server['TUNEWORKS_BLOBS']}/{next(_numbers)}"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_bucket_keeps_the_promises_of_blobs(check: Callable[..., None], address: str, tmp_path: Path) -> None:
    check(lambda folder: S3Blobs(folder, address), tmp_path)


def test_a_damaged_object_is_never_handed_out(address: str, tmp_path: Path) -> None:
    blobs = S3Blobs(tmp_path, address)
    id = blobs.write(b"weights")
    obstore.put(blobs._bucket, f"{id[:2]}/{id}", b"wEights")
    for read in (lambda: blobs.read(id), lambda: blobs.copy_to(id, tmp_path / "copy"), lambda: blobs.local(id)):
        with pytest.raises(Unavailable, match="damaged"):
            read()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_an_object_that_was_cut_short_is_mended_by_writing_again(address: str, tmp_path: Path) -> None:
    blobs = S3Blobs(tmp_path, address)
    id = blobs.write(b"weights")
    obstore.put(blobs._bucket, f"{id[:2]}/{id}", b"wei")
    assert blobs.write(b"weights") == id
    assert blobs.read(id) == b"weights"


def test_a_big_file_goes_in_parts_and_comes_back(address: str, tmp_path: Path) -> None:
    big = tmp_path / "big.bin"
    big.write_bytes(bytes(range(256)) * (20 << 12))
    blobs = S3Blobs(tmp_path / "kept", address)
    blobs.copy_to(blobs.write(big), tmp_path / "back.bin")
    assert (tmp_path / "back.bin").read_bytes() == big.read_bytes()


def test_two_machines_share_what_one_wrote(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEWORKS_BLOBS", address)
    with Workspace.open(tmp_path / "one") as one, Workspace.open(tmp_path / "two") as two:
        assert one.blobs.shared
        assert two.blobs.local(one.blobs.write(b"shared")).read_bytes() == b"shared"


def test_an_address_that_is_none_is_refused(tmp_path: Path) -> None:
    for wrong in ("bucket", "http://bucket", "s3://", "s3://key:secret@bucket", "s3://bucket?x=1"):
        with pytest.raises(InvalidConfig, match="not the address of a bucket"):
            S3Blobs(tmp_path, wrong)


def test_a_server_that_does_not_answer_is_told(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setattr("tuneworks.blobs.s3.PATIENCE", {"max_retries": 0})
    with pytest.raises(Unavailable, match="cannot be used"):
        S3Blobs(tmp_path, address).write(b"x")


def test_a_bucket_that_is_not_there_is_told(address: str, tmp_path: Path) -> None:
    with pytest.raises((NotFound, Unavailable)):
        S3Blobs(tmp_path, "s3://nowhere/kept").write(b"x")
