"""Exercises as data: an answer in, one deterministic line out.

``notebooks/exercises.toml`` has one table for each exercise::

    [06-1]
    kind = "value"            # how answers are compared, a row of KINDS
    expected = "..."          # the right answer
    because = "..."           # why it is right; follows "correct, because"
    solution = '''"..."'''    # Python source that gives a right answer
    hints = ["...", "..."]    # from a nudge to nearly all

    [[06-1.wrong]]            # a known wrong answer
    answer = "..."
    reply = "..."             # the reply to a learner who believes it; follows "not yet:"

Answers of the kind ``conf`` are the text of a ``registries.conf``. Such an exercise has one more key,
``names``: the image names that the files are asked about. Two files are the same answer when these names lead
to the same sources, and when podman refuses or silently ignores the same things, so any repair that works is
right.

Nothing that a reader passes can raise: an answer may be any object, with any ``__eq__``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import Final

from regtools.errors import Place, RegtoolsError, TomlError
from regtools.registries.checks import ERROR, WARNING, Finding, check_texts
from regtools.registries.conf import RegistriesConf
from regtools.registries.reading.releases import release
from regtools.toml.reader import read

from .share import notebooks_dir

NOT_ATTEMPTED: Final = "not attempted yet"
PODMAN: Final = "6"  # the strictest release: the others accept what it accepts, except TOML 1.1
INCOMPARABLE: Final = "cannot be compared; give plain text, numbers, lists or dictionaries"
DEEPEST: Final = 50  # nesting of an answer; only one that contains itself is deeper


@dataclass(frozen=True, slots=True)
class Wrong:
    """A known wrong answer and the reply to it."""

    answer: object
    reply: str


@dataclass(frozen=True, slots=True)
class Exercise:
    """One exercise: what is right, why, and what people believe instead."""

    name: str
    kind: str
    expected: object
    because: str
    solution: str
    hints: tuple[str, ...]
    wrong: tuple[Wrong, ...]
    names: tuple[str, ...] = ()

    def reduce(self, answer: object) -> object:
        """Bring an answer into the form whose equality counts."""
        return KINDS[self.kind](answer, self.names)


class _UnusableError(Exception):
    """An answer that cannot be compared; its text says what was wanted."""


def load_exercises(path: Path | None = None) -> dict[str, Exercise]:
    """Read the exercises of all chapters; the keys are names such as ``"06-1"``.

    Args:
        path: the file; None for the one beside the notebooks.

    Raises:
        RegtoolsError: kind ``bad-exercise`` for a table without its keys; ``TomlError`` for broken TOML.
    """
    path = path or notebooks_dir() / "exercises.toml"
    document = read(path.read_bytes(), file=path.name)
    return {name: _exercise(name, table, path.name) for name, table in document.data.items()}


def grade(exercise: Exercise, answer: object) -> str:
    """Return the one line for an answer: *not attempted yet*, *correct, because …* or *not yet: …*.

    ``...`` and None count as not attempted. Never raises.
    """
    if answer is ... or answer is None:
        return NOT_ATTEMPTED
    try:
        return " ".join(_verdict(exercise, exercise.reduce(answer)).split())
    except _UnusableError as error:
        return f"not yet: {error}"
    except Exception:  # whatever the answer's own methods do, the reader gets a line
        return f"not yet: this answer {INCOMPARABLE}"


def _verdict(exercise: Exercise, given: object) -> str:
    if given == exercise.reduce(exercise.expected):
        return f"correct, because {exercise.because}"
    for known in exercise.wrong:
        if given == exercise.reduce(known.answer):
            return f"not yet: {known.reply}"
    return f"not yet: {_nudge(given, exercise)}"


# -- answers in a form whose equality counts ---------------------------------------------------------------


def _plain(value: object, depth: int = 0) -> object:
    """Copy a value to a form in which 1, 1.0 and True differ, and nothing has an __eq__ of its own."""
    if depth > DEEPEST:
        raise _UnusableError("this answer is nested too deeply to be compared")
    if isinstance(value, Mapping):
        return ("table", {str(key): _plain(item, depth + 1) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return ("list", [_plain(item, depth + 1) for item in value])
    for kind in (bool, int, float, str, datetime, date, time):  # bool is an int, datetime is a date
        if isinstance(value, kind):
            return (kind.__name__, _own(value))
    if value is None:
        return ("nothing", None)
    raise _UnusableError(f"an answer of type {type(value).__name__} {INCOMPARABLE}")


def _own(value: bool | int | float | str | date | time) -> object:
    """Strip a subclass off a value, and with it any __eq__ of its own."""
    if isinstance(value, bool | datetime | date | time):
        return value
    if isinstance(value, int):
        return int(value)
    return float(value) if isinstance(value, float) else str.__str__(value)


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        name = "table" if isinstance(value, dict) else type(value).__name__
        raise _UnusableError(f"the answer is {what} in quotes, not {_article(name)}")
    return str.__str__(value)


def _word(value: object) -> object:
    """Compare text without regard to case and to blanks around and between words."""
    return ("word", " ".join(_text(value, "a word").split()).casefold())


def _toml(value: object) -> object:
    """Compare TOML by what it means; broken TOML by what is wrong with it."""
    text = _text(value, "TOML as text")
    try:
        return ("toml", _plain(read(text).data))
    except TomlError as error:
        return _Refused(error.code, f"line {error.line}, column {error.column}: {error.message}")


@dataclass(frozen=True, slots=True)
class _Refused:
    """Broken TOML, or a file at which podman stops; equal when the reason is the same, wherever it is."""

    code: str
    note: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What a registries.conf means.

    Attributes:
        places: each name with its sources in order, or with why it has none.
        silent: codes of what has no effect.
        note: the first of these in words.
    """

    places: tuple[tuple[str, tuple[object, ...]], ...]
    silent: tuple[str, ...]
    note: str = field(compare=False)


def _conf(value: object, names: tuple[str, ...] = ()) -> _Meaning | _Refused:
    """Compare configurations by where podman goes with them."""
    text = _text(value, "a registries.conf as text")
    try:
        conf = RegistriesConf.from_toml(text, podman=PODMAN)
    except RegtoolsError as error:
        found = check_texts(release(PODMAN), [("registries.conf", text, False)]).findings
        worst = next((each for each in found if each.severity == ERROR), None)
        return _Refused(worst.code, _told(worst)) if worst else _Refused(error.label, error.message)
    warnings = [each for each in conf.check() if each.severity == WARNING]
    return _Meaning(
        tuple((name, _places(conf, name)) for name in names),
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


def _told(finding: Finding) -> str:
    line = f"line {finding.where.line}: " if finding.where and finding.where.line else ""
    return f"{line}{finding.message}"


# How answers are compared: each row turns an answer into a form whose equality is what counts.
KINDS: dict[str, Callable[[object, tuple[str, ...]], object]] = {
    "value": lambda value, _: _plain(value),
    "word": lambda value, _: _word(value),
    "toml": lambda value, _: _toml(value),
    "conf": _conf,
}


# -- replies -----------------------------------------------------------------------------------------------


def _nudge(given: object, exercise: Exercise) -> str:
    """Return a useful reply to an answer that the exercise does not list."""
    wanted = exercise.reduce(exercise.expected)
    if exercise.kind == "conf" and isinstance(given, _Meaning | _Refused):
        return _explain(given, wanted)
    if isinstance(given, _Refused):
        return given.note
    if exercise.kind == "toml":
        return "this is good TOML, but it says something else; turn it into JSON and compare"
    if isinstance(given, tuple) and isinstance(wanted, tuple) and given[0] != wanted[0]:
        return f"the answer is {_article(wanted[0])}, and this is {_article(given[0])}; open a hint below"
    return "that is another answer; open a hint below"


_NAMES = {
    "bool": "a boolean",
    "int": "an integer",
    "float": "a float",
    "str": "text",
    "list": "a list",
    "table": "a dictionary",
    "nothing": "nothing",
}


def _article(word: str) -> str:
    return _NAMES.get(word, f"a {word}")


def _exercise(name: str, table: object, file: str) -> Exercise:
    keys = {"kind", "expected", "because", "solution", "hints", "wrong"}
    if isinstance(table, dict) and table.get("kind") == "conf":
        keys.add("names")
    if not isinstance(table, dict) or set(table) != keys or table["kind"] not in KINDS:
        missing = ", ".join(sorted(keys.symmetric_difference(table if isinstance(table, dict) else ())))
        message = f"exercise {name} is not complete or has a kind that is not known ({missing or 'kind'})"
        hint = f"its keys are {', '.join(sorted(keys))}; the kinds are {', '.join(KINDS)}"
        raise _bad_exercise(message, file, hint)
    lists = {key: tuple(table[key]) for key in ("hints", "names") if key in table}
    wrong = tuple(Wrong(**entry) for entry in table["wrong"])
    exercise = Exercise(name, **{**table, **lists, "wrong": wrong})
    if exercise.kind == "toml" and isinstance(exercise.reduce(exercise.expected), _Refused):
        raise _bad_exercise(f"exercise {name} expects TOML that is broken", file)
    return exercise


def _bad_exercise(message: str, file: str, hint: str | None = None) -> RegtoolsError:
    return RegtoolsError(message, kind="bad-exercise", stage="load", where=Place(file), hint=hint)


def _explain(given: _Meaning | _Refused, wanted: object) -> str:
    """Return what is still to do in a file that is not the wanted one."""
    if isinstance(given, _Refused):
        return f"podman refuses this file: {given.note}"
    if isinstance(wanted, _Meaning) and given.places == wanted.places:
        return f"the places are right, but something has no effect: {given.note}"
    if given.note:
        return f"podman accepts this file, but {given.note}"
    expected = dict(wanted.places) if isinstance(wanted, _Meaning) else {}
    for name, places in given.places:
        if places != expected.get(name):
            return f"for {name} podman would now try {_shown(places)}; that is not what is wanted"
    return "podman accepts this file, but it means something else; open a hint below"


def _shown(places: tuple[object, ...]) -> str:
    """Return the sources in words, in order."""
    words: list[str] = []
    for candidate in places:
        if isinstance(candidate, str):
            words.append(f"nothing ({candidate})")
            continue
        assert isinstance(candidate, tuple)
        for reference, insecure, blocked in candidate:
            notes = [word for word, so in (("insecure", insecure), ("blocked", blocked)) if so]
            words.append(f"{reference} ({', '.join(notes)})" if notes else reference)
    return ", then ".join(words)
