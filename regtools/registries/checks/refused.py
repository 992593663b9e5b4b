"""What podman refuses in one file, with what to write instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from regtools.errors import RegtoolsError
from regtools.reference import split

from ..convert import convert, old_lists, old_toml
from ..neighbours import recognise, translate
from ..reading.schema import ENTRY, MIRROR, TOP, Path, Problem, fold_key
from ..reading.validation import MODES, PULL_FROM_MIRROR
from ..writing import mirrors_toml, quote
from .finding import ERROR, Finding
from .fixes import Edit, Fix
from .lenient import Sheet
from .mending import doubled_brackets

FORMAT = (
    "version 1 and 2 are formats of this file, not of the registry API; up to podman 5 a drop-in in the old "
    "format and a file with both are refused, podman 6 refuses the old format always"
)
_HEADER_ABOVE = "put the [[registry]] that it belongs to, with its location, above it"
_LIST_HINT = "a search list holds hosts only; for a path below a host use the full name, or an alias"


def faults(sheet: Sheet) -> Iterator[Finding]:
    """Yield what keeps the file from being read at all."""
    for error, fix in sheet.faults:
        yield _foreign(sheet, error) if sheet.foreign else Finding.of(error, fix=fix)


def _foreign(sheet: Sheet, error: RegtoolsError) -> Finding:
    """Return the one fault of a file that is YAML or JSON: it can be converted as a whole."""
    text = sheet.text or ""
    form = "JSON" if text.lstrip()[:1] == "{" else "YAML"
    found = Finding.of(error)
    message = f"this is {form}, and podman reads TOML only: [[registry]] and key = value"
    try:
        known = recognise(text, sheet.file)
        new = translate(text, file=sheet.file).text if known else ""
    except RegtoolsError as refused:
        return replace(found, message=message, hint=f"{refused.message}: {refused.hint or 'rewrite it'}")
    if known is None or not new:
        return replace(found, message=message, hint="no tool is known whose file this is")
    hint = f"it is {known.what}; the same in a registries.conf is the text below"
    whole = sheet.fix(new.rstrip(), sheet.edit(0, len(text), new))
    return replace(found, message=message, hint=hint, fix=whole)


def problems(sheet: Sheet) -> Iterator[Finding]:
    """Yield what podman refuses in a file that is good TOML."""
    for problem in sheet.problems:
        code, hint, path = _code(sheet, problem), problem.hint, problem.path
        if problem.kind in ("v1-format", "mixed-v1-v2"):
            yield _refused_format(sheet, problem)
            continue
        if problem.related is not None:
            other, word = problem.related
            beside = f"{word} stands on line {sheet.line(other)}"
            hint = f"{hint}; {beside}" if hint else beside
        at_key = problem.at_key
        if code == "misplaced-key":
            hint, at_key = (
                f"move it above line {sheet.first_header()}, the first table header of the file",
                True,
            )
        elif code == "bad-search-registry" and "/" in str(sheet.value(path)):
            hint = _LIST_HINT
        elif code == "table-for-list" and (sheet.statement(path) or "").startswith("[[registry.mirror"):
            hint = _HEADER_ABOVE
        mend = _MENDS.get(code)
        fix = mend(sheet, path, sheet.value(path)) if mend else None
        yield sheet.finding(code, problem.message, path, at_key=at_key, hint=hint, fix=fix, severity=ERROR)


def _code(sheet: Sheet, problem: Problem) -> str:
    """Return the word for a type mismatch where it is one of the usual ones."""
    path, key = problem.path, problem.path[-1] if problem.path else ""
    below_aliases = fold_key(str(path[0])) == "aliases" if path else False
    if below_aliases and len(path) == 2 and fold_key(str(key)) in TOP:
        return "misplaced-key"
    if problem.kind != "type-mismatch":
        return problem.kind
    value, wanted = sheet.value(path), _wanted(path)
    if isinstance(value, dict):
        return "dotted-alias" if below_aliases else "table-for-list"
    if isinstance(value, str) and wanted in (bool, list):
        return "string-for-boolean" if wanted is bool else "string-for-list"
    return problem.kind


def _wanted(path: Path) -> type | None:
    """Return the type that a path must have."""
    keys = [fold_key(part) for part in path if isinstance(part, str)]
    if isinstance(path[-1], int):
        return str if keys[-1] not in ("registry", "mirror") else dict
    known = {1: TOP, 2: ENTRY, 3: MIRROR}.get(len(keys), {}) if keys[0] == "registry" else TOP
    return known.get(keys[-1])


# -- what to write instead: code → the fix, from the file, the path at fault, and its value -----------------


def _retyped(sheet: Sheet, path: Path, value: Any) -> Fix | None:
    """Write a value in the type that podman wants."""
    wanted = _wanted(path)
    if str(path[-1]) == "mirror" and isinstance(value, str | list):
        return as_mirrors(sheet, path, value)
    if wanted is bool and value in ("true", "false", 0, 1):
        return sheet.replaced(path, "true" if value in ("true", 1) else "false")
    if wanted is list and isinstance(value, str):
        return sheet.replaced(path, f"[{quote(value)}]")
    if wanted is str and isinstance(value, int | float):
        return sheet.replaced(path, quote(str(value).lower()))
    return None


def as_mirrors(sheet: Sheet, path: Path, value: Any) -> Fix | None:
    """Write a list of hosts in a ``[[registry]]`` as ``[[registry.mirror]]`` tables."""
    hosts = [value] if isinstance(value, str) else value
    if not hosts or not all(isinstance(host, str) for host in hosts):
        return None
    text = mirrors_toml(map(bare, hosts))
    removal, below = sheet.removal(path), sheet.below(path[:2], text)
    return sheet.fix(text, removal, below) if removal and below else None


def _brackets(sheet: Sheet, path: Path, value: Any) -> Fix | None:
    """Write ``[registry]`` with two brackets."""
    lines = (sheet.text or "").split("\n")
    better = doubled_brackets(lines)
    offsets = {index: sum(len(line) + 1 for line in lines[:index]) for index in better}
    edits = [Edit(sheet.file, at, at + len(lines[index]), better[index]) for index, at in offsets.items()]
    return sheet.fix("\n".join(line.strip() for line in better.values()), *edits)


def _dotted(sheet: Sheet, path: Path, value: Any) -> Fix | None:
    """Write a dotted alias in quotes."""
    if len(path) != 2 or not value:
        return None
    inner, target = next(iter(value.items()))
    return sheet.renamed((*path, inner), quote(f"{path[-1]}.{inner}")) if isinstance(target, str) else None


def bare(address: str) -> str:
    """Return an address without scheme, version of the API and last slashes.

    >>> bare("https://m.example/v2/")
    'm.example'
    """
    address = address.partition("://")[2] or address
    return address.rstrip("/").removesuffix("/v2").removesuffix("/v1").rstrip("/")


def _bare(sheet: Sheet, path: Path, value: Any) -> Fix | None:
    return sheet.replaced(path, quote(bare(value))) if "://" in str(value) and bare(value) else None


def _nearest(words: tuple[str, ...]) -> Callable[[Sheet, Path, Any], Fix | None]:
    def nearest(sheet: Sheet, path: Path, value: Any) -> Fix | None:
        near = get_close_matches(str(value).lower(), words, 1)
        return sheet.replaced(path, quote(near[0])) if near else None

    return nearest


def _wildcard(sheet: Sheet, path: Path, value: Any) -> Fix | None:
    host = str(value)[2:].partition("/")[0].partition(":")[0].partition("@")[0]
    return sheet.replaced(path, quote(f"*.{host}"))


def _alias(sheet: Sheet, path: Path, value: Any) -> Fix | None:
    """Write an alias's target without tag and digest."""
    try:
        _, _, tag, digest = split(str(value))
    except RegtoolsError:
        return None
    bare_name = str(value).partition("@")[0].removesuffix(f":{tag}")
    return sheet.replaced(path, quote(bare_name)) if tag or digest else None


def _location(sheet: Sheet, path: Path, value: Any) -> Fix | None:
    """Write the prefix as location."""
    prefix, header = sheet.value((*path, "prefix")), sheet.header(path)
    if not isinstance(prefix, str) or header is None:
        return None
    text = f"location = {quote(prefix)}"
    return sheet.fix(text, sheet.insertion(header, text))


_MENDS: dict[str, Callable[[Sheet, Path, Any], Fix | None]] = {
    "type-mismatch": _retyped,
    "string-for-boolean": _retyped,
    "string-for-list": _retyped,
    "table-for-list": _brackets,
    "dotted-alias": _dotted,
    "misplaced-key": lambda sheet, path, value: sheet.moved(path),
    "scheme-not-allowed": _bare,
    "bad-short-name-mode": _nearest(MODES),
    "pull-from-mirror-value": _nearest(PULL_FROM_MIRROR),
    "bad-wildcard-prefix": _wildcard,
    "bad-alias": _alias,
    "location-unset": _location,
}


# -- the old format --------------------------------------------------------------------------------------


def _refused_format(sheet: Sheet, problem: Problem) -> Finding:
    hint = FORMAT
    keys = [key for key in sheet.raw or {} if fold_key(key) in TOP and fold_key(key) != "registries"]
    lines = [(line, key) for key in keys if (line := sheet.line((key,)) or sheet.line((key, 0)))]
    if lines:
        line, key = min(lines)
        hint = (
            f"line {line} ({key}) is in the current format, line {sheet.line(problem.path)} in the old one; "
            f"replace the old tables by the text below; {FORMAT}"
        )
    fix = _converted(sheet)
    return sheet.finding(problem.kind, problem.message, problem.path, at_key=True, hint=hint, fix=fix)


def _converted(sheet: Sheet) -> Fix | None:
    """Write the whole file in the current format; print what stands for the old tables."""
    lists = old_lists(sheet.raw or {})
    if "all" in lists.get("block", ()) or sheet.document is None:
        return None  # the current format cannot block everything
    try:
        text = convert(sheet.document.text).text
    except RegtoolsError:
        return None
    return sheet.fix(old_toml(lists), sheet.edit(0, len(sheet.document.text), text)) if lists else None


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
    yield sheet.finding("old-format", message, ("registries", name), hint=hint, fix=_converted(sheet))
