"""``regtools completion``: the completion of commands, options and files for a shell.

The wheel was built with a script for each shell (see :mod:`regtools.cli.formats.pages`). pip has put them
below ``share/`` of the environment, where only the shells of that prefix look. This command prints them.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from importlib.metadata import PackageNotFoundError, files

from regtools.errors import RegtoolsError

from ..output import OK, write
from ..parser import ending

SHELLS = {
    "bash": "bash-completion/completions/regtools",
    "fish": "fish/vendor_completions.d/regtools.fish",
    "zsh": "zsh/site-functions/_regtools",
}


def configure(parser: ArgumentParser) -> None:
    """Add the argument of ``completion``."""
    parser.add_argument("shell", metavar="SHELL", choices=tuple(SHELLS), help="bash, fish or zsh")
    parser.epilog = ending(
        "0 printed, 1 this installation has no scripts, 2 wrong usage.",
        'eval "$(regtools completion bash)"     (in ~/.bashrc)',
        "regtools completion fish > ~/.config/fish/completions/regtools.fish",
        'regtools completion zsh > "${fpath[1]}/_regtools"',
    )


def run(options: Namespace) -> int:
    """Print the script of one shell."""
    try:
        installed = files("podman-regtools") or []
    except PackageNotFoundError:
        installed = []
    for path in installed:
        if path.as_posix().endswith(f"share/{SHELLS[options.shell]}"):
            write(path.read_text(encoding="utf-8"), None)
            return OK
    message = "this installation has no completion scripts"
    hint = "they are made when regtools is built: install it with pip"
    raise RegtoolsError(message, kind="file-missing", stage="load", hint=hint)
