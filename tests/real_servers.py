"""Real servers for tests, on free ports of this machine: PostgreSQL, and one that speaks S3's protocol."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

SECONDS = 30
BUCKET = "tuneworks"


def postgresql_programs() -> Path:
    """The folder of PostgreSQL's programs; skips where it is not installed."""
    found = shutil.which("postgres")
    places = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not places:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    return places[-1]


@contextmanager
def postgresql() -> Iterator[Postgresql]:
    """A server with an empty cluster, in a folder of its own that its user may enter."""
    with tempfile.TemporaryDirectory(prefix="postgresql-", ignore_cleanup_errors=True) as folder:
        server = Postgresql(postgresql_programs(), Path(folder))
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.stop()


class Postgresql:
    """One cluster on a port of its own; it does not run as root, so that it gets another user's folder there."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.programs, self.folder, self.port = programs, folder, free_port()
        self.user = pwd.getpwnam("postgres") if os.getuid() == 0 else pwd.getpwuid(os.getuid())

    def create(self) -> None:
        """An empty cluster that trusts whoever is on this machine."""
        os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        self._run("initdb", "-D", str(self.folder), "-A", "trust", "-U", "tuneworks", "-E", "UTF8", "--no-sync")

    def start(self) -> None:
        """Begin, and wait until it answers."""
        asked = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder}"
        self._run("pg_ctl", "-D", str(self.folder), "-w", "-l", str(self.folder / "log"), "-o", asked, "start")

    def stop(self) -> None:
        """End at once, whoever is connected."""
        self._run("pg_ctl", "-D", str(self.folder), "-m", "immediate", "stop", check=False)

    def database(self, name: str) -> str:
        """The address of a new database."""
        server = f"postgresql://tuneworks@127.0.0.1:{self.port}"
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"{server}/{name}"

    def _run(self, program: str, *words: str, check: bool = True) -> None:
        subprocess.run(
            [str(self.programs / program), *words],
            check=check,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            user=self.user.pw_uid if os.getuid() == 0 else None,
        )


@contextmanager
def s3(folder: Path) -> Iterator[Mapping[str, str]]:
    """A server with one bucket, as the environment variables by which it is reached."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with open(folder / "log", "wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            endpoint = f"http://127.0.0.1:{port}"
            _made_bucket(f"{endpoint}/{BUCKET}")
            yield {
                "AWS_ENDPOINT_URL": endpoint,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_REGION": "us-east-1",
                "TUNEWORKS_BLOBS": f"s3://{BUCKET}/kept",
            }
        finally:
            process.kill()


def _made_bucket(url: str) -> None:
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="PUT"), timeout=SECONDS).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])
