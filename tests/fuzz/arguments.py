"""Every command with hostile arguments, in this process and a folder of its own: no traceback, exit status 0, 1 or 2.

Nothing leaves the folder: PATH holds no program, what would connect or replace this process is refused, and no word
names a place above.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import tempfile
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import patch

from regtools.cli import COMMANDS, command
from regtools.cli.parser import Parser
from regtools.errors import RegtoolsError
from tests.support.command import regtools

from .shown import shown

MOST_FILES = 40  # in the folder; then it is made again


def _options() -> tuple[str, ...]:
    """The options of all commands and their verbs."""
    found: set[str] = set()
    for name in COMMANDS:
        parser = Parser(name)
        command(name).configure(parser)
        for action in parser._actions:
            verbs = action.choices if isinstance(action.choices, dict) else {}
            found |= {*action.option_strings, *verbs}
            found |= {
                text for verb in verbs.values() for each in verb._actions for text in each.option_strings
            }
    return tuple(sorted(found))


WORDS = (
    *COMMANDS, *_options(), "\n", "=", "--", "-", "0", "-1", "1e400", "nan", "\u0663", "1_0", "9" * 30, "nginx", "'", '"',
    "a\x00b", "\x1b[31m", "\udcff", "x" * 300, "x/" * 2000, "good.conf", "good.csv", "good.jsonl", "folder", "hub", "all",
    "auto", "x.png", "x.svg", "vantage", "{place}", "%s", "@x", "linux/arm64", "quay.io/a", "tcp://127.0.0.1:1", "near=5,400",
)  # fmt: skip


def refuse(*args: object, **options: object) -> NoReturn:
    raise RegtoolsError("nothing leaves this process", kind="connect", stage="pull")


def refuse_program(*args: object) -> NoReturn:
    raise FileNotFoundError(2, "No such file or directory", str(args[0]))


def no_checkout() -> bool:
    return False


def notebooks() -> Path:
    return home() / "notebooks"


# What would connect, start programs, wait for Ctrl-C, or write into the checkout.
REFUSED: dict[str, Any] = {
    "regtools.cli.time.time_pull": refuse,
    "regtools.cli.bench.bench": refuse,
    "regtools.cli.bench.run_campaign": refuse,
    "regtools.cli.bench.LocalFleet": refuse,
    "regtools.cli.bench.connect": refuse,
    "regtools.cli.testbed.Testbed": refuse,
    "regtools.cli.cache.Cache.up": refuse,
    "regtools.cli.cache.Cache.status": refuse,
    "regtools.cli.cache.Cache.verify": refuse,
    "regtools.cli.lab.is_checkout": no_checkout,
    "regtools.cli.lab.notebooks_dir": notebooks,
    "os.execve": refuse_program,
}


@cache
def home() -> Path:
    made = tempfile.TemporaryDirectory(prefix="regtools-fuzz-")
    home.keep = made  # type: ignore[attr-defined]
    return Path(made.name)


def furnished() -> Path:
    """Return a folder with files that some of the words name."""
    folder = home() / "work"
    if not folder.exists() or sum(1 for _ in folder.iterdir()) > MOST_FILES:
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "folder").mkdir(parents=True)
        (home() / "notebooks").mkdir(exist_ok=True)
        (home() / "notebooks/a.ipynb").write_text("{}")
        (folder / "good.conf").write_text('[[registry]]\nlocation = "quay.io"\n')
        rows = "".join(f"{place},{n},{n}.0,true\n" for place in ("a", "b") for n in range(1, 12))
        (folder / "good.csv").write_text(f"place,round,seconds,ok\n{rows}")
        (folder / "good.jsonl").touch()
    return folder


def harmless(word: str) -> str:
    """Return a word that names no place outside of the folder, whichever option it belongs to."""
    word = word.replace("..", "._")
    return word.replace("/", "") if word.startswith("-") else re.sub(r"(^|=)/+", r"\1", word)


def run(data: bytes) -> None:
    """Run the command whose words are the lines of the data."""
    words = [harmless(word) for word in data.decode("utf-8", "surrogateescape").split("\n")]
    before = Path.cwd()
    environ = {
        "PATH": str(home()),
        "HOME": str(home()),
        "MPLCONFIGDIR": str(home()),
        "REGTOOLS_TRACEBACK": "",
    }
    os.chdir(furnished())
    try:
        with ExitStack() as stack:
            stack.enter_context(patch.dict(os.environ, environ))
            for name, instead in {**REFUSED, "sys.stdin": io.TextIOWrapper(io.BytesIO(), "utf-8")}.items():
                stack.enter_context(patch(name, instead))
            done = regtools(*words)
    finally:
        os.chdir(before)
    assert done.returncode in (0, 1, 2), done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    shown(done.stderr)
    if words[0] not in ("toml2json", "convert"):  # theirs is a document, for programs
        shown(done.stdout)
    assert done.returncode == 0 or done.stdout or done.stderr
