"""Completion for three shells, and manual pages, made from the commands' parsers while the wheel is built.

Nothing imports this at run time; shtab and argparse-manpage are requirements of the build alone.
"""

from __future__ import annotations

from argparse import ArgumentParser, _SubParsersAction

import shtab
from argparse_manpage.manpage import Manpage

from regtools.version import __version__

from .. import COMMANDS, command
from ..parser import Ending, Parser, file
from .completion import SHELLS

ABOUT = "understand and speed up where podman's images come from"
MANUAL = "share/man/man1"


def pages() -> dict[str, str]:
    """Return every page: path below a prefix such as /usr → text."""
    whole = Parser("regtools", ABOUT)
    commands = whole.add_subparsers(metavar="COMMAND", title="commands", parser_class=Parser)
    alone = {}
    for name, about in COMMANDS.items():
        configure(commands.add_parser(name, help=about, description=about), name)
        configure(one := Parser(f"regtools {name}", about), name)
        alone[f"{MANUAL}/regtools-{name}.1"] = page(one, about)
    scripts = {f"share/{place}": shtab.complete(whole, shell) for shell, place in SHELLS.items()}
    return {**scripts, f"{MANUAL}/regtools.1": page(whole, ABOUT), **alone}


def configure(parser: ArgumentParser, name: str) -> None:
    """Add a command's options; those that name a file complete file names."""
    command(name).configure(parser)
    parsers = [parser]
    for each in parsers:
        for action in each._actions:
            if action.type is file:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
            elif isinstance(action, _SubParsersAction):
                parsers += action.choices.values()


def page(parser: ArgumentParser, about: str) -> str:
    """Return a manual page in troff: what argparse knows, then the exit status and examples."""
    end, parser.epilog = parser.epilog, None  # argparse-manpage would call it "comments"
    made = Manpage(parser)
    made.prog, made.description = parser.prog.replace(" ", "-"), about
    made.source, made.manual = f"regtools {__version__}", "regtools"
    if isinstance(end, Ending):
        if end.note:
            made.add_section("notes", ">", made.format_text(end.note))
        made.add_section("exit status", ">", made.format_text(end.exits))
        examples = made.mf.format_text("\n".join(end.examples))
        made.add_section("examples", ">", f".nf\n{examples}\n.fi")
    return str(made)
