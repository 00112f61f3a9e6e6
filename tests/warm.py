"""Programs forked from one Python that has imported everything already: each a process of its own, without the wait.

``commands`` holds a ``python`` and a ``tuneworks`` that hand their words, folder, environment and streams to that
Python, pass signals on, and end with the exit code of what was forked.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import tuneworks

ROOT = Path(__file__).parents[1]
UNFORKABLE = ("onnxruntime", "polars", "ray")
"""Packages whose threads do not survive a fork; modules that import them are imported afresh by each program."""

NOT_FOR_IMPORT = {"__main__", "migrations"}

COMMAND = """#!{python} -IS
import json, os, signal, socket, sys
line = socket.socket(socket.AF_UNIX)
line.connect({address!r})
asked = json.dumps([{command!r}, sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(line, [len(asked).to_bytes(8, "big")], [0, 1, 2])
line.sendall(asked)
told = line.makefile("rb")
number = int(told.readline())
for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(name, lambda sent, _: os.kill(number, sent))
code = int(told.readline())
if code < 0:
    signal.signal(-code, signal.SIG_DFL) if -code != signal.SIGKILL else None
    os.kill(os.getpid(), -code)
os._exit(code)
"""


class Warm:
    """That Python at work, from its start until ``stop``."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="warm-")
        self.commands = Path(self._folder.name) / "bin"
        self.commands.mkdir()
        address = f"{self._folder.name}/line"
        for command in ("python", "tuneworks"):
            path = self.commands / command
            path.write_text(COMMAND.format(python=sys.executable, address=address, command=command))
            path.chmod(0o755)
        self.python = str(self.commands / "python")
        words = [sys.executable, "-m", "tests.warm", address, self.python]
        self._process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def environment(self) -> dict[str, str]:
        """The environment in which ``python`` and ``tuneworks`` are the warm ones."""
        return {**os.environ, "PATH": f"{self.commands}{os.pathsep}{os.environ['PATH']}"}

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._folder.cleanup()


def _import_everything() -> None:
    """Every module of the package, but for those that cannot be forked."""
    for name in UNFORKABLE:
        sys.modules[name] = None  # type: ignore[assignment]
    for found in pkgutil.walk_packages(tuneworks.__path__, "tuneworks."):
        if not set(found.name.split(".")) & NOT_FOR_IMPORT:
            try:
                importlib.import_module(found.name)
            except ImportError:
                sys.modules.pop(found.name, None)
    for name in UNFORKABLE:
        del sys.modules[name]


def _serve(address: str) -> tuple[str, list[str]]:
    """Fork a keeper for each that connects, and a program in each keeper; comes back in the program alone."""
    line = socket.socket(socket.AF_UNIX)
    line.bind(address)
    line.listen()
    print("ready", flush=True)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        caller, _ = line.accept()
        if os.fork():
            caller.close()
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        line.close()
        asked, streams = _heard(caller)
        number = os.fork()
        if not number:
            caller.close()
            return _become(*asked, streams)
        _keep(caller, number)


def _heard(caller: socket.socket) -> tuple[list[Any], list[int]]:
    size, streams, _, _ = socket.recv_fds(caller, 8, 3)
    with caller.makefile("rb") as read:
        return json.loads(read.read(int.from_bytes(size, "big"))), list(streams)


def _become(
    command: str, words: list[str], folder: str, environment: Mapping[str, str], streams: list[int]
) -> tuple[str, list[str]]:
    """Take on the streams, folder and environment of the caller."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ |= environment
    return command, words


def _keep(caller: socket.socket, number: int) -> None:
    """Tell the program's process id and, in the end, its exit code; end it where the caller is gone."""
    caller.sendall(f"{number}\n".encode())
    ended = os.pidfd_open(number)
    if ended not in select.select([ended, caller], [], [])[0]:
        os.kill(number, signal.SIGKILL)
    _, status = os.waitpid(number, 0)
    with suppress(OSError):
        caller.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _ended(command: str, words: list[str]) -> int:
    """Run it as Python does, but for taking all that was imported apart in the end; its exit code."""
    code: Any = 0
    try:
        _run(command, words)
    except SystemExit as left:
        code = left.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    if isinstance(code, str):
        print(code, file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    return code if isinstance(code, int) else int(code is not None)


def _run(command: str, words: list[str]) -> None:
    """What the command of that name would do."""
    main = sys.modules["__main__"] = ModuleType("__main__")
    if command == "tuneworks":
        words = ["-m", "tuneworks", *words]
    sys.path[0] = ""
    if words[0] == "-c":
        sys.argv = ["-c", *words[2:]]
        exec(compile(words[1], "<string>", "exec"), main.__dict__)
    elif words[0] == "-m":
        sys.argv = words[1:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = words
        sys.path[0] = str(Path(words[0]).parent)
        runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__":
    _import_everything()
    gc.freeze()
    program = _serve(sys.argv[1])
    sys.executable = sys.argv[2]
    os._exit(_ended(*program))
