"""A command line as what it asks for: the order of options, their short names and ``=`` do not count."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from regtools.toml.reader import read

from .language import say

_PROGRAMS: Final = ("podman", "buildah", "skopeo", "docker")


@cache
def _options() -> dict[str, Any]:
    return read(Path(__file__).with_name("options.toml").read_bytes()).data


class CommandError(Exception):
    """A line that no shell would run; its text says why."""


class Command(NamedTuple):
    """One command of a line.

    Attributes:
        program: its name without a path.
        verb: its subcommands.
        options: long names with their values, sorted.
        words: what is left, in order; image names as forms.
        set: the variables set before it, and whether sudo is.
    """

    program: str
    verb: tuple[str, ...]
    options: tuple[str, ...]
    words: tuple[object, ...]
    set: tuple[str, ...] = ()


@dataclass(slots=True)
class _Reader:
    """The words of a command that are still to be read."""

    rest: list[str]
    verb: tuple[str, ...] = ()

    def option(self, word: str) -> list[str]:
        """Return the long forms of a word that begins with a dash, and the value that follows it."""
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            return [self._with_value(name, value if equals else None)]
        short = _options()["short"]
        known = short["any"] | short.get(self.verb[-1] if self.verb else "", {})
        found: list[str] = []
        for at, letter in enumerate(word[1:], 2):
            name = f"--{known[letter]}" if letter in known else f"-{letter}"
            glued = word[at:].removeprefix("=")
            if _takes_value(name):
                return [*found, self._with_value(name, glued or None)]
            found.append(name)
        return found

    def _with_value(self, name: str, value: str | None) -> str:
        if value is None and self.rest and _takes_value(name):
            value = self.rest.pop(0)
        # A switch that is on is a switch; every other value counts.
        return name if value is None or (value == "true" and not _takes_value(name)) else f"{name}={value}"


def _takes_value(name: str) -> bool:
    return name[2:] in _options()["valued"]


def read_commands(text: str, image: Callable[[str], object]) -> tuple[object, ...]:
    """Return the commands of a line and the operators between them.

    Args:
        text: as typed, also after a prompt ``$`` or the notebook's ``!``.
        image: returns the form of a word that names an image.

    Raises:
        CommandError: a quote is not closed, or nothing is there.
    """
    line = text.replace("\\\n", " ").strip().strip("`").strip()
    line = line.removeprefix("$ ").removeprefix("!").strip()
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>\n")
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, "#"
    try:
        words = list(lexer)
    except ValueError:
        raise CommandError(say("the shell would wait for more: a quote is not closed")) from None
    found: list[object] = []
    current: list[str] = []
    for word in [*words, "\n"]:
        if not word or set(word) - set("|&;<>\n"):
            current.append(word)
            continue
        if current:
            found.append(_command(current, image))
        current = []
        operator = word.replace("\n", ";").replace(";;", ";")
        if found and operator != found[-1]:
            found.append(operator)
    while found and found[-1] == ";":
        found.pop()
    if not found:
        raise CommandError(say("the answer is a command, and this is empty"))
    return tuple(found)


def _command(words: list[str], image: Callable[[str], object]) -> Command:
    before = []
    while words and (words[0] == "sudo" or ("=" in words[0] and words[0].partition("=")[0].isidentifier())):
        before.append(words.pop(0))
    if not words:
        return Command("", (), (), (), tuple(sorted(before)))
    program = words.pop(0).rpartition("/")[2]
    reader = _Reader(words, (program,))
    verb: tuple[str, ...] = ()
    options: list[str] = []
    left: list[object] = []
    while reader.rest:
        word = reader.rest.pop(0)
        if word.startswith("-") and len(word) > 1 and word != "--":
            options += reader.option(word)
        elif program in _PROGRAMS and (not verb or verb[-1] in _options()["groups"]):
            reader.verb = verb = _shortened((*verb, word))
        else:
            named = verb and len(left) < _options()["images"].get(verb[-1], 0)
            left.append(image(word) if named else word)
            if verb and verb[-1] in _options()["handed_on"]:
                left += reader.rest
                break
    return Command(program, verb, tuple(sorted(options)), tuple(left), tuple(sorted(before)))


def _shortened(verb: tuple[str, ...]) -> tuple[str, ...]:
    """Return the subcommand without its group, where podman knows it without one."""
    short = _options()["grouped"].get(verb[0], {}).get(verb[-1])
    return (short,) if short else verb


def compare_commands(given: tuple[object, ...], wanted: tuple[object, ...]) -> str:
    """Return in words what a command line does otherwise than the wanted one."""
    if len(given) != len(wanted):
        several = sum(isinstance(each, Command) for each in wanted)
        if several == 1:
            return say("the answer is 1 command in one line")
        return say("the answer is {several} commands in one line", several=several)
    for mine, right in zip(given, wanted, strict=True):
        if mine != right and isinstance(mine, Command) and isinstance(right, Command):
            return _difference(mine, right)
    return say("the commands are joined in another way")


def _difference(mine: Command, right: Command) -> str:
    name = " ".join([mine.program, *mine.verb])
    if mine.program != right.program:
        started = mine.program or say("nothing")
        return say("this starts {program}; another program does what is asked", program=started)
    if mine.verb != right.verb:
        return say("this runs {name}, which does something else", name=name)
    if mine.set != right.set:
        return say("{name} is right; look at the words before it", name=name)
    needless = [each for each in mine.options if each not in right.options]
    if needless:
        words = {"name": name, "option": needless[0]}
        return say("{name} is right, but with {option} it does something else", **words)
    if mine.options != right.options:
        lacking = len(right.options) - len(mine.options)
        if lacking == 1:
            return say("{name} is right; 1 option is missing", name=name)
        return say("{name} is right; {lacking} options are missing", name=name, lacking=lacking)
    return say("{name} and its options are right; look at the words after them", name=name)
