"""The terminal face: one command, whose subcommands are modules of this package.

Each subcommand module has ``configure(parser)`` and ``run(options) -> int``. Only the chosen one is
imported, and only its parser is built: starting up is a good part of what a short command costs.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import redirect_stderr, suppress
from importlib import import_module
from io import StringIO

from regtools.values import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["COMMANDS", "main"]

# name on the terminal → one line of help
COMMANDS: dict[str, str] = {
    "toml2json": "convert TOML to JSON, or show what is wrong with it",
    "check": "report what is wrong or without effect in registries.conf",
    "convert": "convert an old registries.conf, or Docker's daemon.json",
    "explain": "show where podman would pull an image from, in which order, and why",
    "time": "pull an image, keep nothing, and show where the time went",
    "bench": "compare every source of an image: one look, or a campaign",
    "compare": "compare measured pulls: which source is faster, and how surely",
    "advise": "write mirrors into registries.conf in the order of measured pulls",
    "doctor": "list the external programs on this machine and what each enables",
    "lab": "open the notebooks in JupyterLab, in a folder of yours",
    "cache": "set up, run and check a local pull-through cache",
    "testbed": "open practice registries on this machine until Ctrl-C",
    "completion": "print a script that completes commands and options in a shell",
}

# The commands that follow the rules of the installed podman, unless options name a release.
FOLLOWERS = ("advise", "bench", "check", "explain", "time")

OVERVIEW = """\
usage: regtools COMMAND ...

Understand and speed up where podman's images come from.

{commands}

Exit status: 0; 1 where the answer is "no"; 2 wrong usage; 70 a fault of
regtools itself; 130 after Ctrl-C.

Examples:
  regtools explain nginx
  regtools help explain           the options of one command
"""


MOST_OPTIONS = 1000  # argparse looks at all words again for each
REPORT = "please report it with what the command prints under REGTOOLS_TRACEBACK=1"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; whatever happens, the user gets a message.

    Args:
        argv: the words after ``regtools``; None for those of this process.

    Returns:
        0; 1 where the answer is "no"; 2 for wrong usage; 70 for a fault of regtools itself, whose traceback
        is printed where ``REGTOOLS_TRACEBACK=1``; 130 after Ctrl-C. A closed pipe ends quietly with 0.
    """
    if argv is None:
        gc.disable()  # what the imports make stays, and looking for garbage in it takes time
    try:
        return _report(list(sys.argv[1:] if argv is None else argv))
    except BrokenPipeError:
        _silence_stdout()
        return 0
    except KeyboardInterrupt as stop:  # also during the imports, which therefore happen inside
        if argv is None and stop.__cause__ is not None:
            # Of a module in C only a part is there, and Python that ends crashes in it.
            atexit._run_exitfuncs()
            with suppress(OSError):
                sys.stdout.flush()
            os._exit(130)
        return 130


def _report(arguments: list[str]) -> int:
    """Run one command; turn every way in which it can end into a message and an exit status."""
    from regtools.errors import RegtoolsError

    from .output import FAULT, NO, USAGE, complain

    for each, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, each) is None:  # closed by who started us
            setattr(sys, each, open(os.devnull, mode))  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):  # UTF-8 whatever the locale; a test's stand-in may not know how
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    command = " ".join(["regtools", *(word for word in arguments[:1] if word in COMMANDS)])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = lambda message, *_: complain(f"{command}: {message}")
            status = _run(arguments)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        raise
    except Exception as error:
        if _interrupted(error):
            raise KeyboardInterrupt from error
        if isinstance(error, RegtoolsError):
            complain(error)
            return USAGE if error.kind == "usage" else NO
        if isinstance(error, MemoryError):
            told, status = "error: this process has no memory left (see ulimit -v)", NO
        elif isinstance(error, OSError) and error.strerror:
            told, status = f"error: {f'{error.filename}: ' if error.filename else ''}{error.strerror}", NO
        else:
            told, status = f"a fault of regtools itself: {type(error).__name__}: {error}; {REPORT}", FAULT
        complain(f"{command}: {told}")
        if os.environ.get("REGTOOLS_TRACEBACK") == "1":
            with redirect_stderr(StringIO()) as trace:  # importing traceback would cost every start 2 ms
                sys.__excepthook__(type(error), error, error.__traceback__)
            complain(trace.getvalue())
    try:
        sys.stdout.flush()
    except OSError:  # a full disk behind it, which has been reported
        _silence_stdout()
    return status


def _interrupted(error: BaseException | None) -> bool:
    """Return whether Ctrl-C is behind an error: modules in C make an ImportError of it while they load."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _run(arguments: list[str]) -> int:
    from .output import OK, USAGE, complain, say

    if arguments[:1] == ["help"]:
        arguments = [*arguments[1:2], "--help"]
    name = arguments[0] if arguments else "--help"
    if name in ("-h", "--help"):
        rows = "\n".join(f"  {each:<10} {text}" for each, text in COMMANDS.items())
        say(OVERVIEW.format(commands=rows), end="")
        return OK if arguments else USAGE
    if name == "--version":
        from regtools.version import __version__

        say(f"regtools {__version__}")
        return OK
    if name not in COMMANDS:
        from difflib import get_close_matches

        near = "".join(f" (did you mean {each}?)" for each in get_close_matches(name, COMMANDS, 1))
        complain(f"regtools: there is no command {name!r}{near}; see regtools --help")
        return USAGE
    if sum(word.startswith("-") for word in arguments) > MOST_OPTIONS:
        complain(f"regtools {name}: error: more than {MOST_OPTIONS} options")
        return USAGE
    from .parser import Parser, Question

    released = any(word.startswith(("--po", "--roo", "-h", "--h")) for word in arguments)
    asked = Question() if name in FOLLOWERS and not released else None
    module = command(name)
    parser = Parser(f"regtools {name}", COMMANDS[name])
    parser.set_defaults(asked=asked)
    module.configure(parser)
    try:
        options = parser.parse_args(arguments[1:])
    except SystemExit as stop:  # argparse has printed what is wrong, or the help
        return int(stop.code or OK)
    if not gc.isenabled():  # the imports are over; what they made stays, so the first search passes it over
        gc.freeze()
        gc.enable()
    status: int = module.run(options)
    return status


def command(name: str) -> ModuleType:
    """Import the module of a command, which has ``configure(parser)`` and ``run(options)``."""
    return import_module(f"{__name__}.formats.{name}" if name == "completion" else f"{__name__}.{name}")


def _silence_stdout() -> None:
    # Python flushes stdout once more at exit; give it something that takes the bytes.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
