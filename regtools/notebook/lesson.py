"""What a reader calls beside an exercise: ``check``, ``hint``, ``solution`` and ``progress``.

What was checked and how many hints were shown is known as long as the kernel runs; nothing is stored. So a
chapter that is run from its top always prints the same. None of these functions raises: an answer that is
wrong, or a name that no exercise has, gets a line.
"""

from __future__ import annotations

from typing import Final

from regtools.errors import RegtoolsError

from .exercises import CORRECT, NOT_ATTEMPTED, Exercise, grade, load_exercises
from .language import say

_GRADES: Final[dict[str, str]] = {}  # exercise → the last line about its answer
_SHOWN: Final[dict[str, int]] = {}  # exercise → how many of its hints were shown


def check(exercise: str, answer: object = ...) -> None:
    """Print one line about an answer: *not attempted yet*, *correct, because …* or *not yet: …*.

    Args:
        exercise: its number, such as ``"06-1"``.
        answer: any object; ``...`` and None count as not attempted.
    """
    if (known := _find(exercise)) is not None:
        _GRADES[known.name] = grade(known, answer)
        print(_GRADES[known.name])


def hint(exercise: str) -> None:
    """Print a hint; each call shows the next one, and the last one again after it.

    Args:
        exercise: its number, such as ``"06-1"``.
    """
    if (known := _find(exercise)) is None:
        return
    if not known.hints:
        print(say('there is no hint; solution("{name}") shows an answer', name=known.name))
        return
    number = _SHOWN[known.name] = min(_SHOWN.get(known.name, 0) + 1, len(known.hints))
    text = known.hints[number - 1]
    print(say("hint {number} of {all}: {text}", number=number, all=len(known.hints), text=text))


def solution(exercise: str) -> None:
    """Print an answer that is right, ready to be run, and why it is right.

    Args:
        exercise: its number, such as ``"06-1"``.
    """
    if (known := _find(exercise)) is not None:
        why = say("It is right because {why}.", why=known.because)
        print(f"answer = {known.solution}\n\n{why}")


def progress(chapter: str | None = None) -> None:
    """Print which exercises were answered in this kernel: a line for each chapter.

    Args:
        chapter: its number, such as ``"06"``; None for every chapter whose exercises were checked here.
    """
    exercises = _load()
    if exercises is None:
        return
    chapters: dict[str, list[str]] = {}
    for name in exercises:
        chapters.setdefault(name.partition("-")[0], []).append(name)
    named = str.__str__(chapter) if isinstance(chapter, str) else ""
    if chapter is not None and named not in chapters:
        print(say("there is no such chapter; there are {chapters}", chapters=", ".join(chapters)))
        return
    begun = {name.partition("-")[0] for name in _GRADES}
    wanted = [named] if named else [each for each in chapters if each in begun]
    for each in wanted:
        print(_line(each, chapters[each]))
    if not wanted:
        print(say("no exercise was checked in this kernel yet"))


def _line(chapter: str, names: list[str]) -> str:
    open_ = [name for name in names if _GRADES.get(name, say(NOT_ATTEMPTED)) == say(NOT_ATTEMPTED)]
    correct = [name for name in names if _GRADES.get(name, "").startswith(say(CORRECT, why=""))]
    not_yet = [name for name in names if name not in correct and name not in open_]
    parts = [say("{right} of {all} correct", right=len(correct), all=len(names))]
    if not_yet:
        parts.append(say("not yet: {names}", names=", ".join(not_yet)))
    if open_:
        parts.append(say("not attempted yet: {names}", names=", ".join(open_)))
    return say("chapter {chapter}: {parts}", chapter=chapter, parts=say("; ").join(parts))


def _load() -> dict[str, Exercise] | None:
    try:
        return load_exercises()
    except (RegtoolsError, OSError) as error:
        why = str(error).splitlines()[0]
        print(say("not yet: the exercises cannot be read: {why}", why=why))
        return None


def _find(exercise: object) -> Exercise | None:
    """Return an exercise by its name; None, and a line that names those there are, for every other object."""
    known = _load()
    if known is None:
        return None
    name = str.__str__(exercise).strip() if isinstance(exercise, str) else ""
    if name in known:
        return known[name]
    chapter = name.partition("-")[0]
    near = [each for each in known if each.partition("-")[0] == chapter] or list(known)
    print(say("not yet: there is no such exercise; there are {names}", names=", ".join(near)))
    return None
