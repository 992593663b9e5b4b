"""The terminal's face: one command, whose subcommands are modules of this package.

Each subcommand module has ``configure(parser)`` and ``run(options) -> int``. Only the chosen one is
imported, and only its parser is built: starting up is a good part of what a short command costs.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["COMMANDS", "main"]

# name on the terminal → one line of help; the module has the same name.
COMMANDS: dict[str, str] = {
    "toml2json": "turn TOML into JSON, or say what is wrong with it",
    "check": "say all that is wrong with registries.conf, or in it without effect, at once",
    "convert": "turn an old registries.conf, or Docker's daemon.json, into the current format",
    "explain": "tell where podman would pull an image from, in which order, and why",
    "time": "pull an image for real, keep nothing, and say where the time went",
    "bench": "which mirror, how fast, why: every source of an image asked once, or many times",
    "compare": "say from measured pulls which place is faster, by how much, and how sure that is",
    "advise": "put the mirrors of registries.conf in the order that measured pulls speak for",
    "doctor": "say which real parts this machine has, and what each one enables",
    "lab": "open the notebooks in JupyterLab, in a folder of yours",
    "cache": "set up, run and check a local mirror: a registry that keeps what is pulled through it",
    "testbed": "open registries to practise on, on this machine, until Ctrl-C",
}

OK, NO, USAGE = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; give its exit status: 0, 1 where the answer is "no", 2 for wrong usage.

    A closed pipe ends quietly, Ctrl-C with 130, and no input ends in a traceback.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):  # UTF-8 whatever the locale; a test's stand-in may not know how
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        return _dispatch(arguments)
    except BrokenPipeError:
        _silence_stdout()
        return OK
    except KeyboardInterrupt:
        return 130


def _dispatch(arguments: list[str]) -> int:
    name = arguments[0] if arguments else "--help"
    if name in ("-h", "--help"):
        print(_overview())
        return OK if arguments else USAGE
    if name == "--version":
        from regtools.version import __version__

        print(f"regtools {__version__}")
        return OK
    if name not in COMMANDS:
        print(f"regtools: there is no command {name!r}{_nearest(name)}; see regtools --help", file=sys.stderr)
        return USAGE
    return _run(name, arguments[1:])


def _run(name: str, arguments: list[str]) -> int:
    import argparse
    from importlib import import_module

    module = import_module(f"{__name__}.{name}")
    parser = argparse.ArgumentParser(
        prog=f"regtools {name}",
        description=COMMANDS[name][0].upper() + COMMANDS[name][1:] + ".",
        # Left to itself, the formatter imports shutil, and with it the compressors, to learn the width.
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, width=_width()),
    )
    module.configure(parser)
    try:
        options = parser.parse_args(arguments)
    except SystemExit as stop:  # argparse has printed what is wrong, or the help
        return int(stop.code or OK)
    try:
        status: int = module.run(options)
        sys.stdout.flush()
    except Exception as error:
        from regtools.errors import RegtoolsError

        if not isinstance(error, RegtoolsError):
            raise
        print(error.render(colour=wants_colour(sys.stderr)), file=sys.stderr)
        return NO
    return status


def _width() -> int:
    import os

    columns = os.environ.get("COLUMNS", "")
    try:
        return int(columns) if columns.isdigit() else os.get_terminal_size().columns - 2
    except OSError:
        return 98


def wants_colour(stream: object) -> bool:
    """Say whether ``stream`` is a terminal whose owner has not asked for no colour (no-color.org)."""
    import os

    isatty = getattr(stream, "isatty", None)
    return bool(isatty and isatty()) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _overview() -> str:
    rows = "\n".join(f"  {name:<11}{text}" for name, text in COMMANDS.items())
    return f"usage: regtools COMMAND ...\n\n{rows}\n\nregtools COMMAND --help tells a command's options."


def _nearest(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, COMMANDS, 1)
    return f" (did you mean {near[0]}?)" if near else ""


def _silence_stdout() -> None:
    # Python flushes stdout once more at exit; give it something that takes the bytes.
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
