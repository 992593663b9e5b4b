"""The notebook's face: ``%regtools``, ``%%toml``, ``%%terminal``, ``%%needs``, diagnostics.

``%regtools check registries.conf`` prints what that command prints in a terminal, on every machine: it needs
neither a shell nor a path.

``%%terminal`` types the cell into the practice terminal that was opened last (see
:mod:`regtools.testbed.practice`); ``%%terminal NAME`` also binds its output to a variable, as text.
``%load_ext regtools`` turns magics and diagnostics on. From then on an error of regtools is shown as its
diagnostic (place, line, caret, hint) without the traceback; ``%unload_ext regtools`` turns that off again.
"""

from __future__ import annotations

import keyword
import os
import shlex
from argparse import ArgumentParser
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn

from regtools.display import columns, printable
from regtools.errors import RegtoolsError, TomlError
from regtools.registries.checks import Findings, check_texts
from regtools.registries.reading.releases import release
from regtools.testbed.practice import latest
from regtools.toml.reader import decode, read
from regtools.toml.to_json import read_file, toml_to_json

from .colours import coloured_json, coloured_toml
from .lesson import hint, solution
from .needs import transform

_OFFERED = {"hint": hint, "solution": solution}  # for readers to type; cells import what they use
CELL = "<cell>"  # the file name in diagnostics; line 1 is the line below %%toml
_BLOCK = "display:inline-block;vertical-align:top;max-width:100%;padding-right:2em;padding-bottom:0.5em"
_PRE = "background:none;overflow-x:auto"


@dataclass(frozen=True, slots=True)
class Beside:
    """TOML and the JSON made of it, side by side; the answer of a ``%%toml`` cell."""

    toml: str
    json: str
    dialect: str

    def __repr__(self) -> str:
        left = [f"TOML {self.dialect}", *printable(self.toml.expandtabs(4)).splitlines()]
        right = ["JSON", *printable(self.json).splitlines()]
        left += [""] * (len(right) - len(left))
        right += [""] * (len(left) - len(right))
        width = max(map(columns, left))
        pairs = zip(left, right, strict=True)
        return "\n".join(f"{a}{' ' * (width - columns(a))}  │ {b}".rstrip() for a, b in pairs)

    def _repr_html_(self) -> str:
        # Two blocks, side by side where there is room, and one below the other where there is not.
        # JupyterLab gives every <pre> a ground of its own, which would cut the picture into pieces.
        toml, json = (printable(text.rstrip("\n")) for text in (self.toml, self.json))
        blocks = ((f"TOML {self.dialect}", coloured_toml(toml)), ("JSON", coloured_json(json)))
        return "".join(
            f'<div style="{_BLOCK}"><strong>{title}</strong><pre style="{_PRE}">{text}</pre></div>'
            for title, text in blocks
        )


def beside(source: str | os.PathLike[str], *, podman: str = "6", tagged: bool = False) -> Beside:
    """Show TOML and its JSON side by side; the function behind ``%%toml``, for files and variables.

    Args:
        source: text, or a path-like object whose file is read.
        podman: the release whose dialect counts: 4 and 5 read TOML 1.0, 6 reads 1.1.
        tagged: also show the type of every value.

    Raises:
        TomlError: the text is not acceptable TOML, or cannot be shown as JSON.
        RegtoolsError: ``unknown-release``, ``file-missing`` or ``file-unreadable``.

    >>> beside('location = "quay.io"')
    TOML 1.1              │ JSON
    location = "quay.io"  │ {
                          │   "location": "quay.io"
                          │ }
    """
    dialect = release(podman).toml
    file = None if isinstance(source, str) else Path(source).name
    text, _ = decode(source if isinstance(source, str) else read_file(source), file=file)
    return Beside(text, toml_to_json(text, toml=dialect, tagged=tagged, file=file), dialect)


def examine(source: str | os.PathLike[str], *, podman: str = "6") -> Findings:
    """Return all that ``regtools check`` finds in a registries.conf, also in one that podman refuses.

    Args:
        source: text, or a path-like object whose file is read.
        podman: the release that would read it, such as ``"6"`` or ``"5.4.2"``.

    Raises:
        RegtoolsError: ``file-missing`` or ``file-unreadable``.

    >>> print(examine('[[registry]]\\nlocation = quay.io'))
    registries.conf:2:12: error: this value needs quotes [unquoted-value]
      2 | location = quay.io
        |            ^^^^^^^
      hint: write location = "quay.io"
      fix:
        location = "quay.io"
      after this, quay.io/app comes from quay.io/app
    """
    file = "registries.conf" if isinstance(source, str) else Path(source).name
    data = source if isinstance(source, str) else read_file(source)
    return check_texts(release(podman), [(file, data, False)]).findings


def load_ipython_extension(shell: Any) -> None:
    """Register the magics and show this package's errors as diagnostics; IPython calls this function.

    ``hint`` and ``solution``, which a reader calls and no chapter does, come with the magics.
    """

    def toml(line: str, cell: str) -> Beside | None:
        return _toml_cell(shell, line, cell)

    toml.__doc__ = _parser().format_help()
    shell.register_magic_function(toml, "cell", "toml")

    def terminal(line: str, cell: str) -> None:
        _terminal_cell(shell, line, cell)

    terminal.__doc__ = "Type this cell into the practice terminal opened last; NAME keeps its output as text."
    shell.register_magic_function(terminal, "cell", "terminal")
    shell.register_magic_function(_command_line, "line", "regtools")
    if transform not in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.append(transform)
    shell.push(_OFFERED, interactive=False)
    # IPython calls this method of an exception instead of printing a traceback; only notebooks need it.
    RegtoolsError._render_traceback_ = _diagnostic  # type: ignore[attr-defined]


def unload_ipython_extension(shell: Any) -> None:
    """Take back what :func:`load_ipython_extension` did."""
    for name in ("toml", "terminal"):
        shell.magics_manager.magics["cell"].pop(name, None)
    shell.magics_manager.magics["line"].pop("regtools", None)
    if transform in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.remove(transform)
    shell.drop_by_id(_OFFERED)
    if hasattr(RegtoolsError, "_render_traceback_"):
        del RegtoolsError._render_traceback_


def _toml_cell(shell: Any, line: str, cell: str) -> Beside | None:
    """Show the cell's JSON beside it and bind its value; or print what is wrong and bind nothing."""
    try:
        chosen = _parser().parse_args(shlex.split(line))
        dialect = chosen.toml or release(chosen.podman).toml
    except ValueError as error:  # a quote that is not closed
        raise _misuse("toml", str(error)) from None
    except RegtoolsError as error:
        raise _misuse("toml", f"{error.message}; {error.hint}") from None
    _check_name("toml", chosen.name)
    try:
        text = toml_to_json(cell, toml=dialect, tagged=chosen.tagged, file=CELL)
        if chosen.name:
            shell.push({chosen.name: read(cell, toml=dialect, file=CELL).data})
    except TomlError as error:
        print(error)
        return None
    return Beside(cell, text, dialect)


def _terminal_cell(shell: Any, line: str, cell: str) -> None:
    """Run the cell in the practice terminal and print its output; a status other than 0 gets its own line."""
    name = line.strip()
    _check_name("terminal", name)
    said = latest().run(cell)
    if name:
        shell.push({name: said.text})
    print(said, end="")


def _command_line(line: str) -> None:
    """Run a command of regtools as in a terminal; a status other than 0 gets its own line."""
    try:
        words = shlex.split(line)
    except ValueError as error:  # a quote that is not closed
        raise _misuse("regtools", str(error)) from None
    terminal = import_module("regtools.cli")  # one face does not depend on the other
    screen = TextIOWrapper(BytesIO(), encoding="utf-8", newline="\n", write_through=True)
    try:
        with redirect_stdout(screen), redirect_stderr(screen):  # one after the other, as on a screen
            status = terminal.main(words)  # with words, it leaves the process alone
    except SystemExit as end:
        status = end.code
    screen.seek(0)
    print(printable(screen.read()) + (f"exit status {status}\n" if status else ""), end="")


def _check_name(magic: str, name: str | None) -> None:
    if name and (not name.isidentifier() or keyword.iskeyword(name)):
        raise _misuse(magic, f"{name!r} cannot be the name of a variable")


def _misuse(magic: str, message: str) -> Exception:
    """Return the error that IPython shows as one line."""
    from IPython.core.error import UsageError

    return UsageError(f"{'%' if magic == 'regtools' else '%%'}{magic}: {message}")


class _Parser(ArgumentParser):
    """A parser that reports wrong usage as IPython does, instead of leaving the process."""

    def error(self, message: str) -> NoReturn:
        raise _misuse("toml", f"{message}\n{self.format_usage().rstrip()}")


def _parser() -> ArgumentParser:
    text = "Show the JSON beside the TOML of this cell; on bad TOML, show what is wrong."
    parser = _Parser(prog="%%toml", add_help=False, description=text)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--podman", metavar="RELEASE", default="6", help="read it as this podman would")
    which.add_argument("--toml", choices=("1.0", "1.1"), help="read this dialect (default 1.1)")
    parser.add_argument("--tagged", action="store_true", help="also show the type of every value")
    parser.add_argument("name", metavar="NAME", nargs="?", help="variable that gets the value")
    return parser


def _diagnostic(error: RegtoolsError) -> list[str]:
    return [f"\x1b[31m{type(error).__name__}\x1b[39m: {error.render()}"]
