"""What an answer means: one form for each way to write it, so that equal forms are the same answer.

An answer may be any object. :meth:`Rule.form` returns a form that compares by meaning, or raises
:class:`UnusableError` with the text that the reader should see. No form calls an ``__eq__`` of the answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from decimal import Decimal
from fractions import Fraction
from numbers import Real
from typing import Final

from regtools.errors import RegtoolsError, TomlError
from regtools.reference import Reference
from regtools.registries.checks import ERROR, WARNING, Finding, check_texts
from regtools.registries.conf import RegistriesConf
from regtools.registries.reading.releases import release
from regtools.toml.reader import read

from .commands import CommandError, read_commands
from .language import say

PODMAN: Final = "6"  # the strictest release: the others accept what it accepts, except TOML 1.1
INCOMPARABLE: Final = "{what} cannot be compared; give plain text, numbers, lists or dictionaries"
DEEPEST: Final = 50  # nesting of an answer; only one that contains itself is deeper
LONGEST: Final = 20_000  # characters of a text; shlex takes seconds for a word of 100,000
BOOLEANS: Final = ("insecure", "blocked", "mirror-by-digest-only")


class UnusableError(Exception):
    """An answer that cannot be compared; its text says what was wanted."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How the answers of one exercise are compared.

    Attributes:
        kind: a row of :data:`KINDS`.
        names: the image names that a ``conf`` is asked about; the keys of a ``unit`` that count.
        by: the kind of each item of a ``set`` or ``list``, or of what a ``machine`` says.
        unit: the unit that may follow a ``number``.
        asks: the command whose output is the right answer of a ``machine``.
    """

    kind: str
    names: tuple[str, ...] = ()
    by: str = "word"
    unit: str = ""
    asks: tuple[str, ...] = ()

    def form(self, answer: object) -> object:
        """Return the form of an answer.

        Raises:
            UnusableError: the answer cannot be one of this kind.
        """
        return KINDS[self.kind](answer, self)

    def item(self, answer: object) -> object:
        """Return the form of an item, or of what the machine says."""
        return replace(self, kind=self.by, by="word").form(answer)


@dataclass(frozen=True, slots=True)
class Refused:
    """Text that its reader refuses; equal when the reason is the same and it is about the same key."""

    code: str
    about: str
    note: str = field(compare=False)


# -- values and words --------------------------------------------------------------------------------------


def plain(value: object, depth: int = 0) -> object:
    """Copy a value to a form in which 1, 1.0 and True differ, and nothing has an __eq__ of its own."""
    if depth > DEEPEST:
        raise UnusableError(say("this answer is nested too deeply to be compared"))
    if isinstance(value, Mapping):
        return ("table", {str(key): plain(item, depth + 1) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return ("list", [plain(item, depth + 1) for item in value])
    for kind in (bool, int, float, str, datetime, date, time):  # bool is an int, datetime is a date
        if isinstance(value, kind):
            return (kind.__name__, _own(value))
    if value is None:
        return ("nothing", None)
    what = say("an answer of type {type}", type=type(value).__name__)
    raise UnusableError(say(INCOMPARABLE, what=what))


def _own(value: bool | int | float | str | date | time) -> object:
    """Strip a subclass off a value, and with it any __eq__ of its own."""
    if isinstance(value, bool | datetime | date | time):
        return value
    if isinstance(value, int):
        return int(value)
    return float(value) if isinstance(value, float) else str.__str__(value)


NAMES: Final = {
    "bool": "a boolean",
    "int": "an integer",
    "float": "a float",
    "str": "text",
    "list": "a list",
    "table": "a dictionary",
    "dict": "a dictionary",
    "nothing": "nothing",
}


def article(word: str) -> str:
    """Return the name of a type in words."""
    return say(NAMES[word]) if word in NAMES else say("a {word}", word=word)


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        words = {"what": say(what), "given": article(type(value).__name__)}
        raise UnusableError(say("the answer is {what} in quotes, not {given}", **words))
    text = str.__str__(value)
    if len(text) > LONGEST:
        raise UnusableError(say("this answer is too long to be compared"))
    return text


# The keys of a keyboard by the names that people give them.
_KEYS: Final = {name: name for name in ("shift", "ctrl", "alt", "meta", "enter", "tab", "esc", "space")} | {
    "control": "ctrl",
    "strg": "ctrl",
    "return": "enter",
    "cmd": "meta",
    "command": "meta",
    "option": "alt",
    "escape": "esc",
    "⇧": "shift",
    "⌘": "meta",
    "↵": "enter",
    "⏎": "enter",
}
_FOLDED_QUOTES: Final = str.maketrans("‘’“”–—", "''\"\"--")


def _text_form(value: object, _: Rule) -> object:
    """Compare text with its case, but without blanks and quotes around it."""
    return ("text", _bare(_text(value, "text")))


def _word(value: object, _: Rule) -> object:
    """Compare text without regard to case, blanks and the way in which keys are joined."""
    words = _bare(_text(value, "a word")).casefold().removesuffix(".")
    keys = [_KEYS.get(each) for each in re.split(r"\s*[+\s-]\s*|(?<=[⇧⌘])", words)]
    if keys and all(keys):
        *held, pressed = map(str, keys)
        return ("word", "+".join([*sorted(held), pressed]))
    return ("word", re.sub(r"(?<=\w)[\s-]+(?=\w)", " ", words))


def _bare(text: str) -> str:
    words = " ".join(text.translate(_FOLDED_QUOTES).split())
    while len(words) > 2 and words[0] == words[-1] and words[0] in "\"'`":
        words = words[1:-1].strip()
    return words


# Beyond what a float holds all exponents are the same, and a fraction would write out each of its digits.
_EXPONENT: Final = re.compile(r"(?i)(e[+-]?)0*[1-9]\d{3,}$")
_GROUPED: Final = re.compile(r"[+-]?[1-9]\d{0,2}(?:[ ,_'’\u00a0\u202f]\d{3})+(?!\d)")


def _number(value: object, rule: Rule) -> object:
    """Compare numbers by their value, however they are written."""
    if isinstance(value, str):
        return ("number", _read_number(str.__str__(value), rule.unit))
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        given = article(type(value).__name__)
        raise UnusableError(say("the answer is a number, not {given}", given=given))
    return ("number", _rounded(value))


def _read_number(text: str, unit: str) -> str:
    words = _bare(text).replace("−", "-").removeprefix("≈").strip()
    if unit and words.casefold().endswith(unit.casefold()):
        words = words[: -len(unit)].rstrip()
    share = words.endswith("%") and unit != "%"
    words = words.removesuffix("%").rstrip()
    words = _GROUPED.sub(lambda found: re.sub(r"[^\d+-]", "", found[0]), words)
    words = _EXPONENT.sub(r"\g<1>999", words)
    try:
        number = Fraction(words.replace(",", ".").replace(" / ", "/"))
    except (ValueError, ZeroDivisionError):
        what = say("a number of {unit}", unit=unit) if unit else say("a number")
        raise UnusableError(say("the answer is {what}, not text", what=what)) from None
    return _rounded(number / 100 if share else number)


def _rounded(number: Real | Decimal | Fraction) -> str:
    try:
        found = float(number)
    except (OverflowError, ValueError):
        raise UnusableError(say("this number is too large to be compared")) from None
    return f"{found + 0.0:.12g}"  # 12 digits: 0.1 + 0.2 is 0.3


_BETWEEN: Final = re.compile(r"\s*(?:,|;|\n|→|->)\s*")


def _items(value: object, rule: Rule) -> tuple[object, ...]:
    """Return the forms of a list's items; text is split at commas, arrows and line ends."""
    if isinstance(value, str):
        value = [each for each in _BETWEEN.split(str.__str__(value).strip(" \n[](){}")) if each]
    if not isinstance(value, list | tuple | set | frozenset):
        raise UnusableError(say("the answer is a list, not {given}", given=article(type(value).__name__)))
    return tuple(rule.item(each) for each in value)


def _list(value: object, rule: Rule) -> object:
    if isinstance(value, set | frozenset):
        raise UnusableError(say("the order counts here, and a set has none: write a list in square brackets"))
    return ("list", _items(value, rule))


def _set(value: object, rule: Rule) -> object:
    return ("set", frozenset(_items(value, rule)))


def _machine(value: object, rule: Rule) -> object:
    """Compare with what the machine says; ``answer = !command`` is a list of lines."""
    lines = isinstance(value, list | tuple) and rule.by not in ("set", "list")
    return rule.item("\n".join(map(str, value)) if lines and isinstance(value, list | tuple) else value)


# -- names, commands, files --------------------------------------------------------------------------------


def _reference(value: object, _: Rule) -> object:
    """Compare image names by the image that they mean; the case of a host does not count."""
    text = _bare(_text(value, "an image name")).removeprefix("docker://")
    try:
        named = Reference.parse(text)
    except RegtoolsError as error:
        return Refused(error.kind or "", "", say("podman refuses this name: {why}", why=error.message))
    domain, path = (None, named.path) if named.domain is None else _filled(named.domain, named.path)
    return ("reference", domain, path, named.tag or ("" if named.digest else "latest"), named.digest)


def _filled(domain: str, path: str) -> tuple[str, str]:
    """Return domain and path as podman fills them in: lower case, Docker Hub's one name, ``library/``."""
    host = domain.lower()
    if host in ("docker.io", "index.docker.io"):
        return "docker.io", path if "/" in path else f"library/{path}"
    return host, path


def _command(value: object, rule: Rule) -> object:
    """Compare command lines by their words; the order of options does not count."""
    text = _text(value, "a command")
    try:
        return ("command", read_commands(text, lambda name: _reference(name, rule)))
    except CommandError as error:
        raise UnusableError(str(error)) from None


def _toml(value: object, _: Rule) -> object:
    """Compare TOML by what it means; broken TOML by what is wrong with it."""
    text = _text(value, "TOML as text")
    try:
        return ("toml", plain(read(text).data))
    except TomlError as error:
        about = _about(text, error.line)
        place = say("line {line}, column {column}: ", line=error.line, column=error.column)
        return Refused(error.code, about, place + (_boolean(about) or error.message))


def _about(text: str, line: int | None) -> str:
    """Return the key of a line; nothing where it has none."""
    lines = text.splitlines()
    found = (
        re.match(r"\s*[\"']?([\w.-]+)[\"']?\s*=", lines[line - 1]) if line and line <= len(lines) else None
    )
    return found[1] if found else ""


def _boolean(about: str) -> str:
    if about not in BOOLEANS:
        return ""
    return say("{key} is true or false, in lower case and without quotes", key=about)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a registries.conf means.

    Attributes:
        places: each name with its sources in order, or with why it has none.
        silent: codes of what has no effect.
        note: the first of these in words.
    """

    places: tuple[tuple[str, tuple[object, ...]], ...]
    silent: tuple[str, ...]
    note: str = field(compare=False)


def _conf(value: object, rule: Rule) -> object:
    """Compare configurations by where podman goes with them."""
    text = _text(value, "a registries.conf as text")
    try:
        conf = RegistriesConf.from_toml(text, podman=PODMAN)
    except RegtoolsError as error:
        found = check_texts(release(PODMAN), [("registries.conf", text, False)]).findings
        worst = next((each for each in found if each.severity == ERROR), None)
        if worst is None:
            return Refused(error.label, "", error.message)
        about = _about(text, worst.where.line if worst.where else None)
        return Refused(worst.code, about, _told(worst, _boolean(about)))
    warnings = [each for each in conf.check() if each.severity == WARNING]
    return Meaning(
        tuple((name, _places(conf, name)) for name in rule.names),
        tuple(sorted(each.code for each in warnings)),
        _told(warnings[0]) if warnings else "",
    )


def _places(conf: RegistriesConf, name: str) -> tuple[object, ...]:
    try:
        found = conf.resolve(name)
    except RegtoolsError as error:
        return (error.kind,)
    return tuple(
        candidate.failed or tuple((s.reference, s.insecure, s.blocked) for s in candidate.sources)
        for candidate in found.candidates
    )


def _told(finding: Finding, message: str = "") -> str:
    line = say("line {line}: ", line=finding.where.line) if finding.where and finding.where.line else ""
    return f"{line}{message or finding.message}"


def _unit(value: object, rule: Rule) -> object:
    """Compare the keys of a systemd or Quadlet unit that count; sections and keys have their case."""
    section, found = "", dict[str, list[str]]()
    for number, line in enumerate(_text(value, "a unit as text").splitlines(), 1):
        words = " ".join(line.split())
        if not words or words[0] in "#;":
            continue
        if header := re.fullmatch(r"\[(.+)\]", words):
            section = header[1]
            continue
        key, equals, text = words.partition("=")
        if not equals or not section:
            why = "a key belongs below its [Section]" if equals else "a line is a [Section] or KEY=VALUE"
            told = say("systemd ignores line {number}: {why}", number=number, why=say(why))
            return Refused("unit", "", told)
        found.setdefault(f"{section}.{key.strip()}", []).append(text.strip())
    return ("unit", tuple((name, tuple(found.get(name, ()))) for name in rule.names or sorted(found)))


# How answers are compared: each row turns an answer into a form whose equality is what counts.
KINDS: dict[str, Callable[[object, Rule], object]] = {
    "value": lambda value, _: plain(value),
    "word": _word,
    "text": _text_form,
    "number": _number,
    "list": _list,
    "set": _set,
    "reference": _reference,
    "command": _command,
    "toml": _toml,
    "conf": _conf,
    "unit": _unit,
    "machine": _machine,
}
