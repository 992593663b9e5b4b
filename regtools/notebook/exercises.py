"""Exercises as data: an answer in, one deterministic line out.

``notebooks/exercises.toml`` has one table for each exercise::

    [06-1]
    kind = "number"           # how answers are compared, a row of KINDS
    expected = 2              # the right answer
    because = "..."           # why it is right; follows "correct, because"
    solution = "2"            # Python source that gives a right answer
    hints = ["...", "..."]    # from a nudge to nearly all
    accept = [...]            # more right answers, which mean something else to the comparison
    verb = "count"            # the verb of the chapter's goals that this exercise tests

    [[06-1.wrong]]            # a known wrong answer
    answer = "..."
    reply = "..."             # what it would do; follows "not yet:"

Answers are compared by meaning, kind by kind:

==========  =====================================================================================
value       Python values with their types, letter for letter
word        text; case, blanks, quotes and the names of keys (Return, Enter) do not count
text        text; its case counts
number      7, 7.0, "7", 60e3 and "60,000" are equal; ``unit = "s"`` may follow
list, set   items in order, or in any; ``by`` is the kind of each item (default: word)
reference   an image name; the case of its host and what podman fills in do not count
command     a command line; the order of options and their short names do not count
toml        what the TOML says
conf        a registries.conf: where podman goes for ``names``, and what it refuses or ignores
unit        a systemd or Quadlet unit: its keys ``names``, such as "Container.Image", or all
machine     what the command ``asks`` prints on the reader's machine; ``by`` is the kind of that
==========  =====================================================================================

Nothing that a reader passes can raise: an answer may be any object, with any ``__eq__``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from regtools.display import visible
from regtools.errors import Place, RegtoolsError
from regtools.toml.reader import read

from .answers import INCOMPARABLE, KINDS, Meaning, Refused, Rule, UnusableError, article
from .commands import compare_commands
from .language import is_chinese, say
from .share import notebooks_dir

NOT_ATTEMPTED: Final = "not attempted yet"
CORRECT: Final = "correct, because {why}"
NOT_YET: Final = "not yet: {why}"
LONGEST: Final = 1000  # characters of the line
_KEYS: Final = {"kind", "expected", "because", "solution", "hints", "wrong"}
_MORE: Final = {"accept", "verb", "by", "unit", "names", "asks"}
# Keys that a kind must have beside the others; "machine" has no answer that anybody could write down.
_NEEDED: Final = {"conf": {"names"}, "machine": {"asks"}}
_SPARED: Final = {"machine": {"expected"}}


@dataclass(frozen=True, slots=True)
class Wrong:
    """A known wrong answer and the reply to it."""

    answer: object
    reply: str


@dataclass(frozen=True, slots=True)
class Exercise:
    """One exercise: what is right, why, and what people believe instead."""

    name: str
    rule: Rule
    expected: object
    because: str
    solution: str
    hints: tuple[str, ...]
    wrong: tuple[Wrong, ...] = ()
    accept: tuple[object, ...] = ()
    verb: str = ""

    def right(self) -> Iterator[object]:
        """Return the forms of the right answers.

        Raises:
            UnusableError: the reader's machine does not say what is right.
        """
        yield self.rule.item(_said(self.rule.asks)) if self.rule.asks else self.rule.form(self.expected)
        yield from map(self.rule.form, self.accept)


def load_exercises(path: Path | None = None) -> dict[str, Exercise]:
    """Read the exercises of all chapters; the keys are names such as ``"06-1"``.

    Args:
        path: the file; None for the one beside the notebooks.

    Raises:
        RegtoolsError: kind ``bad-exercise`` for a table without its keys; ``TomlError`` for broken TOML.
    """
    beside = path or notebooks_dir() / "exercises.toml"
    found = _in_file(beside.read_bytes(), beside.name)
    return found | (_in_chinese(found, beside.parent / "zh" / "exercises") if is_chinese() else {})


@lru_cache(maxsize=2)  # each check() reads them, and the answers of all are looked at
def _in_file(text: bytes, file: str) -> dict[str, Exercise]:
    return {name: _exercise(name, table, file) for name, table in read(text, file=file).data.items()}


def _in_chinese(exercises: dict[str, Exercise], folder: Path) -> dict[str, Exercise]:
    """Return the exercises that have Chinese texts, with these."""
    return {
        name: replace(
            exercises[name],
            because=table["because"],
            hints=tuple(table["hints"]),
            wrong=tuple(map(Wrong, (each.answer for each in exercises[name].wrong), table["replies"])),
        )
        for path in sorted(folder.glob("*.toml"))
        for name, table in read(path.read_bytes(), file=path.name).data.items()
    }


def grade(exercise: Exercise, answer: object) -> str:
    """Return the one line for an answer: *not attempted yet*, *correct, because …* or *not yet: …*.

    ``...`` and None count as not attempted. Never raises. What the line quotes of the answer, or of what the
    machine says, is escaped, and cut where it is long.
    """
    told = " ".join(_told(exercise, answer).split())
    return visible(told if len(told) <= LONGEST else f"{told[:LONGEST]}…")


def _told(exercise: Exercise, answer: object) -> str:
    if answer is ... or answer is None:
        return say(NOT_ATTEMPTED)
    try:
        return _verdict(exercise, exercise.rule.form(answer))
    except UnusableError as error:
        return say(NOT_YET, why=error)
    except Exception:  # whatever the answer's own methods do, the reader gets a line
        return say(NOT_YET, why=say(INCOMPARABLE, what=say("this answer")))


def _verdict(exercise: Exercise, given: object) -> str:
    right = tuple(exercise.right())
    if given in right and not isinstance(given, Refused):
        return say(CORRECT, why=exercise.because)
    for known in exercise.wrong:
        if given == exercise.rule.form(known.answer):
            return say(NOT_YET, why=known.reply)
    return say(NOT_YET, why=_nudge(given, right[0], exercise.rule))


def _said(command: tuple[str, ...]) -> str:
    """Run a command on the reader's machine and return what it prints."""
    import subprocess

    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    except OSError:
        why = say("{program} is not here, so your machine cannot be asked", program=command[0])
        raise UnusableError(why) from None
    except subprocess.TimeoutExpired:
        why = say("your machine did not answer within a minute: {command}", command=" ".join(command))
        raise UnusableError(why) from None
    if done.returncode:
        error = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        words = {"command": " ".join(command), "error": error}
        raise UnusableError(say("your machine did not say: {command}: {error}", **words))
    return done.stdout.strip()


# -- replies -----------------------------------------------------------------------------------------------


def _nudge(given: object, wanted: object, rule: Rule) -> str:
    """Return a useful reply to an answer that the exercise does not list."""
    if rule.kind == "conf" and isinstance(given, Meaning | Refused):
        return _explain(given, wanted)
    if isinstance(given, Refused):
        return given.note
    if rule.kind == "toml":
        return say("this is good TOML, but it says something else; turn it into JSON and compare")
    if rule.kind == "machine":
        return say("your machine says something else; ask it: {command}", command=" ".join(rule.asks))
    if isinstance(given, tuple) and isinstance(wanted, tuple):
        if given[0] != wanted[0]:
            words = {"wanted": article(wanted[0]), "given": article(given[0])}
            return say("the answer is {wanted}, and this is {given}; open a hint", **words)
        if rule.kind in _SIDE_BY_SIDE:
            return _SIDE_BY_SIDE[rule.kind](given[1], wanted[1])
    return say("that is another answer; open a hint")


def _compare_sets(given: frozenset[object], wanted: frozenset[object]) -> str:
    right, many = len(given & wanted), len(given - wanted)
    start = say("{right} of {all} are right", right=right, all=len(wanted))
    if refused := [each.note for each in given if isinstance(each, Refused)]:
        return f"{start}{say('; ')}{min(refused)}"
    if not many:
        return say("{start}, the rest is missing", start=start)
    if many == 1:
        return say("{start}, and 1 does not belong", start=start)
    return say("{start}, and {many} do not belong", start=start, many=many)


def _compare_lists(given: tuple[object, ...], wanted: tuple[object, ...]) -> str:
    if refused := [each.note for each in given if isinstance(each, Refused)]:
        return refused[0]
    if sorted(map(repr, given)) == sorted(map(repr, wanted)):
        return say("all {all} are right, but in another order", all=len(wanted))
    if len(given) != len(wanted):
        words = {"wanted": len(wanted), "given": len(given)}
        return say("the list has {wanted} items, not {given}; open a hint", **words)
    at = next(n for n, (mine, right) in enumerate(zip(given, wanted, strict=True), 1) if mine != right)
    return say("item {at} is another one; open a hint", at=at)


def _compare_references(_: object, __: object) -> str:
    return say("this is a name, but of another image; open a hint")


def _compare_units(given: tuple[tuple[str, object], ...], wanted: tuple[tuple[str, object], ...]) -> str:
    mine = dict(given)
    for name, values in wanted:
        if not mine.get(name):
            section, _, key = name.partition(".")
            words = {"key": key, "section": section}
            return say(
                "nothing is set by {key}= in the section [{section}], and both have their case", **words
            )
        if mine[name] != values:
            return say("{key}= is there, with another value", key=name.partition(".")[2])
    return say("what is wanted is there; something else is set beside it")


# Kinds whose forms are compared part by part, so that the reply says which part differs.
_SIDE_BY_SIDE: Final[dict[str, Callable[[Any, Any], str]]] = {
    "set": _compare_sets,
    "list": _compare_lists,
    "reference": _compare_references,
    "command": compare_commands,
    "unit": _compare_units,
}


def _exercise(name: str, table: object, file: str) -> Exercise:
    kind = table.get("kind") if isinstance(table, dict) else None
    keys = (_KEYS | _NEEDED.get(str(kind), set())) - _SPARED.get(str(kind), set())
    given = set(table) if isinstance(table, dict) else set()
    odd = (keys - given) | (given - keys - _MORE)
    if not isinstance(table, dict) or odd or kind not in KINDS or table.get("by", "word") not in KINDS:
        message = f"exercise {name} is not complete or has a kind that is not known"
        hint = f"its keys are {', '.join(sorted(keys))}, and perhaps {', '.join(sorted(_MORE))}"
        raise _bad_exercise(
            f"{message} ({', '.join(sorted(odd)) or 'kind'})",
            file,
            f"{hint}; the kinds are {', '.join(KINDS)}",
        )
    lists = [tuple(table.get(key, ())) for key in ("names", "asks")]
    exercise = Exercise(
        name,
        Rule(str(kind), lists[0], table.get("by", "word"), table.get("unit", ""), lists[1]),
        table.get("expected"),
        table["because"],
        table["solution"],
        tuple(table["hints"]),
        tuple(Wrong(**entry) for entry in table["wrong"]),
        tuple(table.get("accept", ())),
        table.get("verb", ""),
    )
    if not exercise.rule.asks:  # the machine is asked when a reader answers
        try:
            refused = any(isinstance(each, Refused) for each in exercise.right())
        except UnusableError as error:
            raise _bad_exercise(f"exercise {name} expects what cannot be compared: {error}", file) from None
        if refused:
            raise _bad_exercise(f"exercise {name} expects what is refused", file)
    return exercise


def _bad_exercise(message: str, file: str, hint: str | None = None) -> RegtoolsError:
    return RegtoolsError(message, kind="bad-exercise", stage="load", where=Place(file), hint=hint)


def _explain(given: Meaning | Refused, wanted: object) -> str:
    """Return what is still to do in a file that is not the wanted one."""
    if isinstance(given, Refused):
        return f"podman refuses this file: {given.note}"
    if isinstance(wanted, Meaning) and given.places == wanted.places:
        return f"the places are right, but something has no effect: {given.note}"
    if given.note:
        return f"podman accepts this file, but {given.note}"
    expected = dict(wanted.places) if isinstance(wanted, Meaning) else {}
    for name, places in given.places:
        if places != expected.get(name):
            return f"for {name} podman would now try {_shown(places)}; that is not what is wanted"
    return "podman accepts this file, but it means something else; open a hint"


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
