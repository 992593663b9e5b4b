"""What podman refuses in one file, with what to write instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from difflib import get_close_matches
from itertools import takewhile
from typing import Any

from regtools.errors import RegtoolsError
from regtools.reference import HUB, is_host, split

from ..convert import convert, old_lists, old_toml
from ..neighbours import recognise, translate
from ..reading.schema import ENTRY, MIRROR, TOP, Path, Problem, fold_key
from ..reading.validation import MODES, PULL_FROM_MIRROR
from ..writing import array, mirrors_toml, quote
from .finding import Finding
from .fixes import Edit, Fix
from .lenient import Sheet
from .mending import doubled_brackets
from .rules import ERROR, WARNING

_ALL = (
    "'all' in a block list blocks nothing: podman takes it for a host that no image has, and registries.conf "
    'cannot block everything; policy.json can: {"default": [{"type": "reject"}]}'
)
_CIDR = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}/\d{1,2}|[0-9a-fA-F:]*:[0-9a-fA-F:.]*/\d{1,3}")
FORMAT = (
    "version 1 and 2 are formats of this file, not of the registry API; up to podman 5 a drop-in in the old "
    "format and a file with both are refused, podman 6 refuses the old format always"
)
_HEADER_ABOVE = "put the [[registry]] that it belongs to above it: whose mirror it is, the file does not say"
_LIST_HINT = "a search list holds hosts only; for a path below a host use the full name, or an alias"
_NETWORK = "this is a network, and podman knows hosts only, HOST or HOST:PORT: name each registry"
_ADDRESS = "an address is HOST[:PORT][/PATH], without a scheme; http:// is insecure = true"
_VERSION = "; /v2/ belongs to the protocol, leave it out"
_NO_DEFAULT = (
    "write one [[registry]] for each registry that is to have the mirror; *.example.com stands for all hosts "
    "below a domain"
)


def faults(sheet: Sheet) -> Iterator[Finding]:
    """Yield what keeps the file from being read at all."""
    for error, fix in sheet.faults:
        if sheet.foreign:
            yield _foreign(sheet, error)
        elif error.label == "duplicate-key" and error.line:
            yield _doubled(sheet, Finding.of(error), error.line)
        elif error.label == "mirror-before-registry" and fix is None:
            yield _headless_mirror(sheet, Finding.of(error))
        else:
            yield Finding.of(error, fix=fix)


def _doubled(sheet: Sheet, found: Finding, number: int) -> Finding:
    """Return the fault of a key that is set twice: it is not needed, or a header above it is missing."""
    line, start = sheet.source(number), sheet.start(number)
    key = line.partition("=")[0].strip()
    before = [sheet.source(each) for each in range(number - 1, 0, -1)]
    table = list(takewhile(lambda each: not each.lstrip().startswith("["), before))
    same = next((each for each in table if each.partition("=")[0].strip() == key), None)
    removal = sheet.fix(f"{key} once", Edit(sheet.file, start, sheet.start(number + 1), ""))
    if same is None or same.strip() == line.strip():
        return replace(found, fix=removal if same else None)
    headers = ["[[registry.mirror]]", "[[registry]]"] if fold_key(key) in ("location", "prefix") else []
    added = [sheet.fix(f"{each}\n{line}", Edit(sheet.file, start, start, f"{each}\n")) for each in headers]
    others = (*added, sheet.fix(same.strip(), *removal.edits) if removal else None)
    return replace(found, alternatives=tuple(fix for fix in others if fix))


def _headless_mirror(sheet: Sheet, found: Finding) -> Finding:
    """Return the fault of a mirror above all entries: keys above it may lack their header."""
    for number, line in enumerate((sheet.text or "").split("\n"), 1):
        if line.lstrip().startswith("["):
            break
        if fold_key(line.partition("=")[0].strip()) in ENTRY:
            edit = Edit(sheet.file, sheet.start(number), sheet.start(number), "[[registry]]\n")
            return replace(found, fix=sheet.fix(f"[[registry]]\n{line}", edit))
    return found


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
            beside = f"{word} is on line {sheet.line(other)}"
            hint = f"{hint}; {beside}" if hint else beside
        at_key, message, value = problem.at_key, problem.message, sheet.value(path)
        mend, choose = _MENDS.get(code), _CHOICES.get(code)
        fix = mend(sheet, path, value) if mend else None
        others = choose(sheet, path, value) if choose else []
        if code == "misplaced-key":
            hint = f"move it above line {sheet.first_header()}, the first table header of the file"
            at_key = True
        elif code == "bad-search-registry" and "/" in str(value):
            hint = _NETWORK if is_network(str(value)) else _LIST_HINT
        elif code == "scheme-not-allowed":
            hint = _ADDRESS + (
                _VERSION if bare(str(value)) != str(value).partition("://")[2].rstrip("/") else ""
            )
        elif path[-1:] == ("mirror",) and isinstance(value, str | list):
            hint = "each mirror is a table of its own: [[registry.mirror]] with its location"
        elif code == "table-for-list" and (sheet.statement(path) or "").startswith("[[registry.mirror"):
            hint = _HEADER_ABOVE if others else "the fix of the keys above it gives it its [[registry]]"
        elif code == "location-unset" and sheet.value((*path, "prefix")) == "*":
            path, hint = (*path, "prefix"), _NO_DEFAULT
            message = "prefix '*' matches nothing: podman has no mirror for every registry"
        found = sheet.finding(code, message, path, at_key=at_key, hint=hint, fix=fix, severity=ERROR)
        yield replace(found, alternatives=tuple(each for each in others if each))


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
    if path == ("registries",) and isinstance(value, list):
        headers = [sheet.header((*path, index)) for index in range(len(value))]
        edits = [sheet.edit(each.key_start, each.key_end, "[[registry]]") for each in headers if each]
        return sheet.fix("[[registry]]", *edits)
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
    """Leave out the scheme; plain HTTP is then allowed in the entry or mirror."""
    if "://" not in str(value) or not bare(value):
        return None
    plain = value.startswith("http:") and path[-1] == "location"
    flag = "\ninsecure = true" if plain and sheet.value((*path[:-1], "insecure")) is None else ""
    return sheet.replaced(path, quote(bare(value)) + (flag if sheet.header(path[:-1]) else ""))


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
    if not isinstance(prefix, str) or "*" in prefix or header is None:
        return None
    if get_close_matches("location", [key for key in value if fold_key(key) not in ENTRY], 1, 0.7):
        return None  # it is there, misspelt
    if sheet.value((*path, "location")) == "":
        return sheet.replaced((*path, "location"), quote(prefix))
    text = f"location = {quote(prefix)}"
    return sheet.fix(text, sheet.insertion(header, text))


def _empty(sheet: Sheet, path: Path, value: Any) -> Fix | None:
    """Take out a header that is written twice."""
    header = sheet.header(path)
    if value or header is None or sheet.document is None:
        return None
    end = sheet.document.text.find("\n", header.key_end) + 1
    text = sheet.document.text[header.key_start : header.key_end]
    doubled = sheet.document.text[end:].lstrip().startswith(text)
    return sheet.fix(f"{text} once", sheet.edit(header.key_start, end, "")) if end and doubled else None


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
    "location-and-prefix-unset": _empty,
}


# -- of which only the reader knows the right one ------------------------------------------------------------


def is_network(text: str) -> bool:
    """Return whether a text is an IP network, which Docker knows in insecure-registries.

    >>> is_network("172.30.0.0/16"), is_network("reg.example/16")
    (True, False)
    """
    return _CIDR.fullmatch(text) is not None


def _shorter_list(sheet: Sheet, path: Path, value: Any) -> list[Fix | None]:
    """Leave an item out of a list; of a path, keep the host."""
    key, items = path[-2], [*sheet.value(path[:-1])]
    at = int(path[-1])
    host = str(value).partition("/")[0]
    kept = []
    if isinstance(value, str) and is_host(host) and not is_network(value):
        edit = sheet.replaced(path, quote(host))
        new = array(map(str, (*items[:at], host, *items[at + 1 :])))
        kept = [edit and replace(edit, text=f"{key} = {new}")]
    gone = sheet.dropped(path)
    rest = array(map(str, items[:at] + items[at + 1 :]))
    return [sheet.fix(f"{key} = {rest}", gone) if gone else None, *kept]


def _whose_mirror(sheet: Sheet, path: Path, value: Any) -> list[Fix | None]:
    """Put an entry above a mirror that has none."""
    header = sheet.header((*path, "mirror", 0))
    if header is None or sheet.document is None or any(fold_key(key) in ENTRY for key in sheet.raw or {}):
        return []
    later = next((at for at in sheet.headers if at > header.key_start), None)
    mirror = sheet.document.text[header.key_start : later].rstrip()
    fixes = []
    for host in (HUB, "quay.io"):
        text = f"[[registry]]\nprefix = {quote(host)}\nlocation = {quote(host)}\n"
        fixes.append(sheet.fix(f"{text}\n{mirror}", sheet.inserted(header.key_start, text)))
    return fixes


def _no_default(sheet: Sheet, path: Path, value: Any) -> list[Fix | None]:
    """Write the entry that was meant for every registry for one, and for the hosts below a domain."""
    span, location = sheet.span((*path, "prefix")), sheet.span((*path, "location"))
    if sheet.value((*path, "prefix")) != "*" or not span or not location or not sheet.header(path):
        return []
    hub = sheet.edit(location.value_start, location.value_end, quote(HUB))
    gone = sheet.removal((*path, "location"))
    each, domain = (
        sheet.edit(span.value_start, span.value_end, quote(new)) for new in (HUB, "*.example.com")
    )
    return [sheet.shown(path, each, hub), sheet.shown(path, domain, gone) if gone else None]


_CHOICES: dict[str, Callable[[Sheet, Path, Any], list[Fix | None]]] = {
    "bad-search-registry": _shorter_list,
    "table-for-list": _whose_mirror,
    "location-unset": _no_default,
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
    if "all" in old_lists(sheet.raw or {}).get("block", ()):
        hint = f"{_ALL}; {FORMAT}"
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
    hint, severity = "replace the old tables by the text below, or run regtools convert", None
    if "all" in old_lists(sheet.raw or {}).get("block", ()):
        hint, severity = _ALL, WARNING
    fix, path = _converted(sheet), ("registries", name)
    yield sheet.finding("old-format", message, path, hint=hint, fix=fix, severity=severity)
