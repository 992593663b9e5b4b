"""JupyterLab really opens: started as a reader starts it, asked over HTTP, and gone afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.notebooks.stored import NOTEBOOKS, read

TOKEN = "a-token-for-this-test"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def ask(port: int, path: str, method: str = "GET") -> bytes:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)
    request.add_header("Authorization", f"token {TOKEN}")
    with urllib.request.urlopen(request, timeout=20) as answer:
        body: bytes = answer.read()
        return body


@contextlib.contextmanager
def served(command: list[str], port: int, cwd: Path, home: Path) -> Iterator[int]:
    """Start ``command``, wait until it answers on ``port``, stop it as the menu does; nothing may be left."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "MAKE"))}
    environ |= {f"JUPYTER_{kind}_DIR": str(home / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    log = home / "lab.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        _wait_until_it_answers(process, port, log)
        yield port
        ask(port, "/api/shutdown", "POST")
        assert process.wait(60) == 0, log.read_text()
        with pytest.raises(ProcessLookupError):
            _wait_until_gone(process.pid)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def _wait_until_it_answers(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(600):
        assert process.poll() is None, log.read_text()
        try:
            ask(port, "/api/status")
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise AssertionError(f"no answer after a minute:\n{log.read_text()}")


def _wait_until_gone(group: int) -> None:
    for _ in range(100):
        os.killpg(group, 0)
        time.sleep(0.1)


def options(port: int) -> list[str]:
    return [
        "--no-browser",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={TOKEN}",
    ]


def check_what_is_served(port: int) -> None:
    assert b"<title>JupyterLab" in ask(port, "/lab/tree/00-start-here.ipynb")
    chapter = json.loads(ask(port, "/api/contents/00-start-here.ipynb"))
    assert chapter["type"] == "notebook"
    assert len(chapter["content"]["cells"]) == len(read(NOTEBOOKS / "00-start-here.ipynb").cells)
    assert ask(port, "/files/images/00-the-road.svg").startswith(b"<svg")


def test_make_lab_serves_the_first_notebook(root: Path, tmp_path: Path) -> None:
    port = free_port()
    # -o: this environment is set up already, whatever its files' times say.
    make = [
        "make",
        "lab",
        f"VENV={sys.prefix}",
        "-o",
        f"{sys.prefix}/.ready",
        f"LAB_ARGS={' '.join(options(port))}",
    ]
    with served(make, port, root, tmp_path):
        check_what_is_served(port)
    assert "pip install" not in (tmp_path / "lab.log").read_text()


def test_regtools_lab_serves_a_copy_of_ones_own(tmp_path: Path) -> None:
    port = free_port()
    more = [f"--lab-option={option}" for option in options(port)[2:]]
    command = [sys.executable, "-m", "regtools", "lab", "mine", "--no-open", f"--port={port}", *more]
    with served(command, port, tmp_path, tmp_path):
        check_what_is_served(port)
    assert (tmp_path / "mine" / "exercises.toml").is_file()
