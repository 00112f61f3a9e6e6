"""A server of its own process, started and ended by id."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from tuneworks.core.access import token_in

PROGRAM = """
import sys
from pathlib import Path
from tuneworks.core.workspace import Workspace
from tuneworks.server.run import serve
serve(port=int(sys.argv[2]), workspace=Workspace.open(Path(sys.argv[1])), ready=lambda url: print(url, flush=True))
print("stopped", flush=True)
"""


class ServerProcess:
    """``tuneworks.server`` in a process (``pid``); ``url``: where it answers; ``headers``: an administrator's."""

    def __init__(self, workspace: Path, port: int = 0, *, log: str = "off") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(workspace), str(port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TUNEWORKS_LANG": "en", "TUNEWORKS_LOG": log},
        )
        assert self._process.stdout is not None
        self.pid = self._process.pid
        self.url = self._process.stdout.readline().strip()
        assert self.url.startswith("http://"), self._end()[1]
        self.token = token_in(workspace) or ""
        self.headers = {"authorization": f"Bearer {self.token}"}

    def kill(self) -> None:
        """Kill it at once, as a power cut would."""
        self._process.kill()
        self._end()

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Ask it to stop; its exit code, what it still printed, and its errors."""
        self._process.send_signal(number)
        said, errors = self._end()
        return self._process.returncode, said, errors

    def _end(self) -> tuple[str, str]:
        try:
            return self._process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            raise

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._process.poll() is None:
            self.stop()


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])
