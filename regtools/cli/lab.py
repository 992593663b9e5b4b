"""``regtools lab``: JupyterLab, open on the first chapter of the reader's own copy of the notebooks.

Reading never changes what came with regtools: the chapters are copied to a folder of the reader's first. A
file that the reader has changed is never overwritten; one that was not changed is brought up to date.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from regtools.errors import RegtoolsError, unwritable
from regtools.files import read_small, write_file
from regtools.notebook.language import VARIABLE
from regtools.notebook.share import is_checkout, notebooks_dir

from .output import OK, say
from .parser import ending, file, number

FIRST = "00-start-here.ipynb"
FOLDER = "regtools-notebooks"  # below the current folder
FOLDER_OF_A_CHECKOUT = "my-notebooks"  # at its top; git ignores it
# Switches off what JupyterLab does by itself: ask whether to fetch news, and look for updates.
SETTINGS = Path(__file__).parents[1] / "notebook" / "jupyter"
# Each language with what its folders are called after, its part of the chapters, and its own settings.
LANGUAGES = {"en": ("", "", ""), "zh": ("-zh", "zh", "zh")}
# Folders of the notebooks that no copy has: what others are built from, or another language.
ELSEWHERE = ("source", "web", "zh")
_VERSION = re.compile(rb'("pygments_lexer": "ipython3",\s+"version": )"[^"]*"')
RECORD = ".regtools.json"  # in the reader's folder: what we wrote there, by hash


def configure(parser: ArgumentParser) -> None:
    """Add the options of ``lab``."""
    add = parser.add_argument
    text = f"folder for your copy (default: {FOLDER}; in a checkout its {FOLDER_OF_A_CHECKOUT})"
    add("dir", metavar="DIR", nargs="?", type=file, help=text)
    text = "language of the chapters, of the replies to exercises and of JupyterLab (default: en)"
    add("--lang", choices=tuple(LANGUAGES), default="en", help=text)
    add("--copy-only", action="store_true", help="copy the notebooks and stop")
    add("--no-open", action="store_true", help="open no browser, print the address")
    add("--port", type=number(0, 65535), metavar="N", help="port (default: 8888 or the next free)")
    text = "one more option for JupyterLab itself, as --lab-option=--debug; may be repeated"
    add("--lab-option", metavar="OPTION", action="append", default=[], help=text)
    parser.epilog = ending(
        "0 or that of JupyterLab, 1 it is not installed or a file cannot be written, 2 wrong usage.",
        "regtools lab",
        "regtools lab ~/lessons --copy-only",
        "regtools lab --lang zh",
    )


def run(options: Namespace) -> int:  # noqa: RET503 - the last step never returns
    """Copy the notebooks, then become JupyterLab, so that Ctrl-C and signals reach it directly."""
    if not options.copy_only and find_spec("jupyterlab") is None:
        message = "JupyterLab is not installed in this Python; nothing was copied"
        hint = "python -m pip install 'podman-regtools[lab]', or copy the notebooks alone with --copy-only"
        raise RegtoolsError(message, kind="lab-missing", stage="load", hint=hint)
    after, part, _ = LANGUAGES[options.lang]
    mine = notebooks_dir().parent / FOLDER_OF_A_CHECKOUT if is_checkout() else Path(FOLDER)
    folder = Path(options.dir or mine.with_name(mine.name + after))
    for line in copy_notebooks(notebooks_dir() / part, folder):
        say(line)
    if options.copy_only:
        return OK
    _become([sys.executable, "-m", "jupyterlab", *_lab_options(options, folder)], options.lang)


def _become(command: list[str], language: str) -> NoReturn:
    own = LANGUAGES[language][2]
    paths = filter(None, [own and str(SETTINGS / own), str(SETTINGS), os.environ.get("JUPYTER_CONFIG_PATH")])
    asked = {"JUPYTER_CONFIG_PATH": os.pathsep.join(paths), VARIABLE: language}
    os.execve(command[0], command, {**os.environ, **asked})


def _lab_options(options: Namespace, folder: Path) -> list[str]:
    chosen = [
        f"--ServerApp.root_dir={folder.resolve()}",
        f"--LabApp.default_url=/lab/tree/{FIRST}",  # the printed address leads there, too
    ]
    if options.no_open:
        chosen.append("--no-browser")
    if options.port is not None:
        chosen.append(f"--port={options.port}")
    if os.geteuid() == 0:
        # JupyterLab refuses root without it; root is usual inside a container, and it listens on loopback.
        chosen.append("--allow-root")
    return chosen + list(options.lab_option)


def copy_notebooks(source: Path, target: Path) -> Iterator[str]:
    """Bring ``target`` up to date with ``source``; yield a line for each file kept, and one that counts.

    A file is written when it is missing, or when it still is what an earlier call wrote. Any other file is
    the reader's and is kept.

    Raises:
        RegtoolsError: kind ``file-unwritable``.
    """
    try:
        target.mkdir(parents=True, exist_ok=True)
        record = _read_record(target / RECORD)
        wrote = 0
        for path in _files(source):
            name = path.relative_to(source).as_posix()
            fresh = _at_home(path.read_bytes()) if path.suffix == ".ipynb" else path.read_bytes()
            mine = target / name
            old = _hash(mine.read_bytes()) if mine.exists() else None
            if old not in (None, record.get(name), _hash(fresh)):
                yield f"kept your {name}: it is not the one that came with regtools"
                continue
            if old != _hash(fresh):
                mine.parent.mkdir(parents=True, exist_ok=True)
                write_file(mine, fresh)
                wrote += 1
            record[name] = _hash(fresh)
        write_file(target / RECORD, json.dumps(record, indent=1, sort_keys=True) + "\n")
    except OSError as error:
        problem = unwritable(error.filename or target, error, what="the copy of the notebooks")
        problem.hint = "name another folder: regtools lab DIR"
        raise problem from error
    yield f"{wrote} file{'' if wrote == 1 else 's'} written to {target}"


def _at_home(chapter: bytes) -> bytes:
    """Return a chapter with this Python's version, as its kernel reports it.

    JupyterLab writes that version into a chapter that it opens. Where it is there already, nothing changes,
    and a chapter that was only read can be closed without a question.
    """
    return _VERSION.sub(rb'\g<1>"%s"' % sys.version.split()[0].encode(), chapter, count=1)


def _files(source: Path) -> list[Path]:
    hidden = ("__pycache__", *ELSEWHERE)
    return [
        path
        for path in sorted(source.rglob("*"))
        if path.is_file()
        and not any(p.startswith(".") or p in hidden for p in path.relative_to(source).parts)
    ]


def _read_record(path: Path) -> dict[str, str]:
    try:
        found = json.loads(read_small(path))
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
