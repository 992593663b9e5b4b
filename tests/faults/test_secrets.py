"""Logins are planted; then every command that takes part in a pull runs, and all that it leaves and shows is searched.

Searched are both streams, the journal, all files, and the arguments and environments of every process that the command
starts, while it runs. The server repeats the login in each answer, in headers and in errors.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from base64 import b64encode
from pathlib import Path

import pytest

from tests.support import scripted
from tests.support.confs import text_leading_to
from tests.support.logins import Home
from tests.support.registries import server
from tests.support.scripted import Answer, Handler, Server
from tests.support.secrets import files_below, planted_in

WORD = "pl4nted-w0rd"
PAIR = b64encode(f"ann:{WORD}".encode()).decode()
__all__ = ["server"]
ROOM = "REGTOOLS_TEST_ROOM"


def echo(handler: Handler, answer: Answer) -> None:
    """Answer rightly, and repeat the login in headers."""
    shown = handler.headers.get("Authorization", "")
    handler.reply(
        Answer(answer.status, answer.headers | {"X-Cache": shown, "RateLimit-Limit": shown}, answer.body)
    )


def deny(handler: Handler, answer: Answer) -> None:
    """Refuse, and repeat the login in the message."""
    shown = handler.headers.get("Authorization", "")
    words = json.dumps(
        {"errors": [{"code": "DENIED", "message": f"{shown} {WORD} may not", "detail": shown}]}
    )
    handler.reply(Answer(403, {"Content-Type": "application/json", "X-Cache": shown}, words.encode()))


class Watch(threading.Thread):
    """Collects arguments and environments of the processes in one room, until it is told to stop."""

    def __init__(self, room: str) -> None:
        super().__init__(daemon=True)
        self.mark = f"{ROOM}={room}\0".encode()
        self.seen: set[bytes] = set()
        self.programs: set[str] = set()
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.005):
            for each in Path("/proc").glob("[0-9]*"):
                try:
                    environ = (each / "environ").read_bytes()
                    if self.mark in environ:
                        words = (each / "cmdline").read_bytes()
                        self.seen |= {environ, words}
                        self.programs.add(Path(words.partition(b"\0")[0].decode()).name)
                except OSError:
                    continue


COMMANDS = {
    "time": ["time", "IMAGE", "--journal", "JOURNAL"],
    "time --json": ["time", "IMAGE", "--json"],
    "time --into": ["time", "IMAGE", "--into", "image"],
    "bench": ["bench", "IMAGE", "--rounds", "1", "--journal", "JOURNAL", "--pause", "0"],
    "podman": ["time", "IMAGE", "--engine", "podman", "--journal", "JOURNAL"],
    "skopeo": ["time", "IMAGE", "--engine", "skopeo", "--journal", "JOURNAL"],
    "cache init": ["cache", "init", "--upstream", "UPSTREAM", "--username", "ann", "--password-stdin", "cache"],
}  # fmt: skip


@pytest.mark.parametrize("told", [deny, pytest.param(echo, marks=pytest.mark.long)])
@pytest.mark.parametrize("helper", [False, pytest.param(True, marks=pytest.mark.long)])
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(each, marks=pytest.mark.needs(each) if each in ("podman", "skopeo") else ())
        for each in COMMANDS
    ],
)
def test_no_command_shows_or_leaves_a_login(
    server: Server, name: str, helper: bool, told: scripted.Fault, tmp_path: Path
) -> None:
    home, here = Home(tmp_path / "home"), tmp_path / "here"
    here.mkdir()
    if helper:
        home.program("planted", f"""echo '{{"Username":"ann","Secret":"{WORD}"}}'""")
        home.auth({}, credHelpers={server.host: "planted"})
    else:
        home.login(server.host, PAIR)
    (here / "registries.conf").write_text(text_leading_to(server.host))
    server.script.login = f"Basic {PAIR}"
    server.script.fault("/manifests/", *[told] * 40)
    server.script.fault("/blobs/", *[told] * 40)
    names = {
        "IMAGE": f"{server.host}/team/small:1",
        "JOURNAL": "a.jsonl",
        "UPSTREAM": f"http://{server.host}",
    }
    words = [names.get(each, each) for each in COMMANDS[name]]
    if name != "cache init":
        words += ["--conf", "registries.conf"]
    watch = Watch(str(tmp_path))
    watch.start()
    done = subprocess.run(
        [sys.executable, "-m", "regtools", *words],
        cwd=here,
        env=os.environ | home.environ | {ROOM: str(tmp_path), "PYTHONPATH": str(Path.cwd())},
        input=f"{WORD}\n" if name == "cache init" else None,
        capture_output=True,
        text=True,
        timeout=120,
    )
    watch.over.set()
    watch.join()
    asked = name == "cache init" or any(
        each.headers.get("authorization") == f"Basic {PAIR}" for each in server.script.seen
    )
    assert asked, done  # else nothing was tested
    assert done.returncode == int(told is deny and name != "cache init"), done
    assert name not in ("podman", "skopeo") or name in watch.programs
    if (own := here / "cache/secrets.env").exists():  # the cache's own, for its owner alone
        assert own.stat().st_mode & 0o077 == 0
        own.unlink()
    shown = [
        done.stdout,
        done.stderr,
        files_below(here),
        *(each.decode("utf-8", "replace") for each in watch.seen),
    ]
    assert planted_in("\n".join(shown), WORD, f"ann:{WORD}") == []
