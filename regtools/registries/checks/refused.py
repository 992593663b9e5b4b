"""What podman refuses in one file, with what to write instead."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from ..convert import old_lists, old_toml
from ..reading.schema import TOP, fold_key
from ..writing import quote
from .finding import ERROR, NOTE, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regtools.errors import RegtoolsError

    from ..reading.schema import Path, Problem
    from .lenient import Sheet

__all__ = ["faults", "old_format", "problems"]

FORMAT = (
    "version 1 and 2 are formats of this file, not of the registry API; up to podman 5 a drop-in in the old "
    "format and a file with both are refused, podman 6 refuses the old format always"
)
_WRITE = re.compile(
    r"(?:write|put it in quotes:) ([A-Za-z][\w.-]* = [^;]+|\"[^\";]*\"|\[\[[a-z.]+\]\])(?:[; ].*)?"
)


def faults(sheet: Sheet) -> Iterator[Finding]:
    """Yield what keeps the file from being read at all."""
    for error in sheet.faults:
        line = error.line or 0
        mended = sheet.mended.get(line)
        found = Finding.of(error, fix=mended.strip() if mended else _pasted(error))
        # An earlier fault of the same line may have been mended before this one was found.
        yield replace(found, source_line=sheet.source(line)) if mended else found


def _pasted(error: RegtoolsError) -> str | None:
    """Take the corrected text out of a hint that has one."""
    found = _WRITE.fullmatch(error.hint or "")
    if found is None:
        return None
    line = error.source_line or ""
    written = found[1]
    key, equals, _ = line.partition("=")
    if written.startswith('"') and equals and error.column and error.column > len(key):
        end = error.end_column or len(line) + 1
        return (line[: error.column - 1] + written + line[end - 1 :]).strip()
    return written


def problems(sheet: Sheet) -> Iterator[Finding]:
    """Yield what podman refuses in a file that is good TOML."""
    for problem in sheet.problems:
        if problem.kind in ("v1-format", "mixed-v1-v2"):
            yield _refused_format(sheet, problem)
            continue
        hint = problem.hint
        if problem.related is not None:
            path, word = problem.related
            beside = f"{word} stands on line {sheet.line(path)}"
            hint = f"{hint}; {beside}" if hint else beside
        code, fix = _code(sheet, problem), _fix(sheet, problem)
        if code == "misplaced-key":
            hint = f"move it above line {sheet.first_header()}, the first table header of the file"
            fix = sheet.statement(problem.path)
        at_key = problem.at_key or code == "misplaced-key"
        yield sheet.finding(ERROR, code, problem.message, problem.path, at_key=at_key, hint=hint, fix=fix)


def _code(sheet: Sheet, problem: Problem) -> str:
    """Give a type mismatch a word of its own where it is one of the usual ones."""
    path, key = problem.path, problem.path[-1] if problem.path else ""
    below_aliases = fold_key(str(path[0])) == "aliases" if path else False
    if below_aliases and len(path) == 2 and fold_key(str(key)) in TOP:
        return "misplaced-key"
    if problem.kind != "type-mismatch":
        return problem.kind
    value = sheet.value(path)
    if below_aliases and isinstance(value, dict):
        return "dotted-alias"
    if isinstance(value, dict):
        return "table-for-list"
    if "must be true or false" in problem.message and isinstance(value, str):
        return "string-for-boolean"
    if "must be a list" in problem.message and isinstance(value, str):
        return "string-for-list"
    return problem.kind


def _fix(sheet: Sheet, problem: Problem) -> str | None:
    path = problem.path
    value = sheet.value(path)
    key = path[-1] if path else ""
    if problem.kind == "type-mismatch" and len(path) == 2 and isinstance(value, dict) and value:
        inner, target = next(iter(value.items()))
        if path[0] == "aliases" and isinstance(target, str):
            return f"{quote(f'{key}.{inner}')} = {quote(target)}"
    found = _WRITE.fullmatch(problem.hint or "")
    if found is None:
        return None
    written = found[1]
    if not written.startswith('"') or not isinstance(key, str):
        return written
    return f"{key} = {written}" if isinstance(value, str) else None


# -- the old format --------------------------------------------------------------------------------------


def _refused_format(sheet: Sheet, problem: Problem) -> Finding:
    hint = FORMAT
    current = _first_current(sheet)
    if current is not None:
        key, line = current
        hint = (
            f"line {line} ({key}) is in the current format, line {sheet.line(problem.path)} in the old one; "
            f"replace the old tables by the text below; {FORMAT}"
        )
    return sheet.finding(
        ERROR, problem.kind, problem.message, problem.path, at_key=True, hint=hint, fix=_converted(sheet)
    )


def _first_current(sheet: Sheet) -> tuple[str, int] | None:
    keys = [key for key in sheet.raw or {} if fold_key(key) in TOP and fold_key(key) != "registries"]
    places = [(line, key) for key in keys if (line := _line(sheet, (key,))) is not None]
    return (min(places)[1], min(places)[0]) if places else None


def _line(sheet: Sheet, path: Path) -> int | None:
    line = sheet.line(path)
    return line if line is not None else sheet.line((*path, 0))


def _converted(sheet: Sheet) -> str | None:
    return old_toml(old_lists(sheet.raw or {})) or None


def old_format(sheet: Sheet) -> Iterator[Finding]:
    """Note a file in the old format that this podman still reads."""
    if sheet.document is None or not sheet.document.settings.old_format or sheet.problems:
        return
    name = next(iter(old_lists(sheet.raw or {})))
    message = (
        f"[registries.{name}] is the old file format (version 1): podman {sheet.release.name} converts it, "
        "podman 6 refuses it, and then no image can be pulled"
    )
    hint = "replace the old tables by the text below, or run regtools convert"
    path = ("registries", name)
    yield sheet.finding(NOTE, "old-format", message, path, hint=hint, fix=_converted(sheet))
