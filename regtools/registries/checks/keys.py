"""Keys that podman ignores silently: unknown, misspelt, borrowed, or under the wrong table.

Source: containers-registries.conf(5), which says what belongs where.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from ..convert import docker_toml, old_lists, old_toml
from ..reading.releases import SINCE
from ..reading.schema import ENTRY, LAYER_HELPER, MIRROR, NAMESPACE, OLD_LISTS, TOP, Path, Table, fold_key
from ..settings import Settings
from ..writing import quote
from .borrowed import LOGINS, TOOLS, foreign, logins
from .finding import Finding
from .fixes import Fix
from .lenient import Sheet
from .refused import as_mirrors

# Keys of Docker's daemon.json and of other tools, and what the same is called here.
BORROWED = {
    "registry-mirrors": "a [[registry.mirror]] below the [[registry]] of docker.io",
    "insecure-registries": "a [[registry]] with insecure = true",
    "block-registries": "a [[registry]] with blocked = true",
    "blocked-registries": "a [[registry]] with blocked = true",
    "add-registry": "unqualified-search-registries",
    "allow-nondistributable-artifacts": "nothing: podman has no such setting",
    "skip_verify": "insecure = true",
    "endpoint": "a [[registry.mirror]]",
}
_HEADER = re.compile(r"\s*(\[\[?[^\]]*\]\]?)")


def keys(sheet: Sheet, view: Settings) -> Iterator[Finding]:
    """Yield what is wrong with the keys of one file.

    Args:
        sheet: the file.
        view: what is in force, for what misplaced keys were to change.
    """
    top = [key for key in TOP if key != LAYER_HELPER or sheet.release.knows_layer_helper]
    yield from _table(sheet, view, sheet.raw or {}, (), top)
    for name, value in (sheet.raw or {}).items():
        if fold_key(name) == "registry" and isinstance(value, list):
            for path, table in _tables(value, (name,)):
                yield from _table(sheet, view, table, path, ENTRY)
                for key in table:
                    if fold_key(key) == "mirror" and isinstance(table[key], list):
                        for here, mirror in _tables(table[key], (*path, key)):
                            yield from _table(sheet, view, mirror, here, MIRROR)
        elif fold_key(name) == "registries" and isinstance(value, dict):
            yield from _old(sheet, view, value, (name,))


def _tables(tables: list[Any], path: Path) -> Iterator[tuple[Path, Table]]:
    return (((*path, index), table) for index, table in enumerate(tables) if isinstance(table, dict))


def _old(sheet: Sheet, view: Settings, tables: Table, path: Path) -> Iterator[Finding]:
    yield from _old_table(sheet, view, tables, path, OLD_LISTS)
    for name, table in tables.items():
        if fold_key(name) in OLD_LISTS and isinstance(table, dict):
            yield from _old_table(sheet, view, table, (*path, name), ("registries",))


def _old_table(
    sheet: Sheet, view: Settings, table: Table, path: Path, known: Collection[str]
) -> Iterator[Finding]:
    for key in table:
        if fold_key(key) in known:
            continue
        if fold_key(key) in TOP:
            yield _misplaced_top(sheet, view, (*path, key), fold_key(key))
        else:
            yield _unknown(sheet, (*path, key), list(known))


def _table(
    sheet: Sheet, view: Settings, table: Table, path: Path, known: Collection[str]
) -> Iterator[Finding]:
    """Judge the keys of one table: of the top, an entry or a mirror."""
    for key, value in table.items():
        name = key if key in known else fold_key(key)
        here = (*path, key)
        if name in known:
            if key != name:
                message = f"podman knows this key as {name!r}; it reads {key!r} too, other tools may not"
                hint, fix = f"write {name}", sheet.renamed(here, name)
                yield sheet.finding("case-variant", message, here, at_key=True, hint=hint, fix=fix)
            if name == NAMESPACE:
                yield _namespace(sheet, here, value)
            if name == "aliases" and not isinstance(value, dict):
                message = "'aliases' is not a table here, and podman ignores it silently"
                yield sheet.finding("aliases-no-table", message, here, at_key=True, hint="write [aliases]")
        elif name == LAYER_HELPER and not path:
            message = f"podman {sheet.release.name} does not know {name!r} yet and ignores it"
            yield sheet.finding("unknown-key", message, here, at_key=True)
        elif path and name in TOP:
            yield _misplaced_top(sheet, view, here, name)
        elif not path and name in ("mirror", "registrys"):
            yield _misnamed_table(sheet, here, name)
        elif known is not ENTRY and name in ENTRY:
            yield from _misplaced_entry(sheet, here, name)
        elif name in LOGINS:
            yield from logins(sheet, here, table)
        elif not path and name in TOOLS:
            yield foreign(sheet, here, value)
        elif name in BORROWED:
            yield _borrowed(sheet, here, name, value)
        else:
            yield _unknown(sheet, here, list(known))


def _namespace(sheet: Sheet, path: Path, value: Any) -> Finding:
    first = SINCE["knows_namespaces"]
    if sheet.release.knows_namespaces:
        message = f"from podman {first} on, this place is asked for manifests and blobs with ?ns={value}"
        message += "; older releases ignore the key"
    else:
        message = f"{NAMESPACE!r} has no effect before podman {first}: podman {sheet.release.name} ignores it"
    return sheet.finding("namespace-proxy", message, path, at_key=True)


# -- one finding each ------------------------------------------------------------------------------------


def _header(sheet: Sheet, path: Path) -> tuple[str, int | None]:
    """Return the header that a key is written under, and its line."""
    span = sheet.span(path)
    line = span.header_line if span else None
    found = _HEADER.match(sheet.source(line)) if line else None
    return (found[1] if found else "a table"), line


def _misplaced_top(sheet: Sheet, view: Settings, path: Path, name: str) -> Finding:
    header, line = _header(sheet, path)
    first = sheet.first_header()
    swallowed = f"{header} opened on line {line}" if line else "an inline table"
    message = f"{name!r} is in the table {swallowed}, and is ignored there; {_in_force(view, name)}"
    hint = (
        f"move it above line {first}, the first table header of the file" if first else "move it to the top"
    )
    taken = sheet.value((name,)) is not None or bool(old_lists(sheet.raw or {}))
    if sheet.value((name,)) is None and taken:
        hint = "move it above all tables, once these are no longer in the old format"
    elif taken:
        hint = f"{hint}, in place of the one on line {sheet.line((name,))}; or remove it"
    fix = None if taken or isinstance(sheet.value(path), dict) else sheet.moved(path)
    return sheet.finding("misplaced-key", message, path, at_key=True, hint=hint, fix=fix)


def _in_force(view: Settings, name: str) -> str:
    """Return what a setting is without the key that was meant to change it."""
    values: dict[str, str] = {
        "short-name-mode": view.short_name_mode,
        "unqualified-search-registries": ", ".join(view.unqualified_search_registries) or "empty",
        "credential-helpers": ", ".join(view.credential_helpers),
        LAYER_HELPER: view.additional_layer_store_auth_helper or "not set",
    }
    if name not in values:
        return "it has no effect"
    where = view.setting_place(name) if name != LAYER_HELPER else None
    origin = f"set at {where}" if where else "the default"
    return f"the effective {name} is {values[name]}, {origin}"


def _misplaced_entry(sheet: Sheet, path: Path, name: str) -> Iterator[Finding]:
    if len(path) == 1:
        yield from _headless(sheet, path)
        return
    header, line = _header(sheet, path)
    entry = sheet.header(path[:2])
    message = f"{name!r} belongs to a [[registry]], and is ignored in {header} opened on line {line}"
    hint = (
        f"move it up to the [[registry]] of line {sheet.line(path[:2])}, above the first [[registry.mirror]]"
    )
    above, here = sheet.value((*path[:2], name)), sheet.value(path)
    fix, others = sheet.moved(path, entry) if entry and above is None else None, tuple[Fix, ...]()
    if above is not None:
        hint = f"the [[registry]] of line {sheet.line(path[:2])} has {name!r} already"
    if name == "prefix":
        location = sheet.value((*path[:2], "location"))
        own = _own_entry(sheet, path)
        if here in (above, location):
            removal = sheet.removal(path)
            hint, fix = f"{hint}: remove this one", sheet.fix("", removal) if removal else None
        elif above is not None:
            hint, fix = f"{hint}, so this is a mirror of another one: give it an entry of its own", own
        else:
            hint = "a mirror has the prefix of its [[registry]]: say whose it is"
            others, fix = tuple(filter(None, (fix, own))), None
    found = sheet.finding("misplaced-key", message, path, at_key=True, hint=hint, fix=fix)
    yield replace(found, alternatives=others)


def _own_entry(sheet: Sheet, path: Path) -> Fix | None:
    """Make an entry of its own of a mirror with a prefix."""
    header, removal, statement = sheet.header(path[:-1]), sheet.removal(path), sheet.statement(path)
    prefix = sheet.value(path)
    if header is None or removal is None or sheet.document is None or not isinstance(prefix, str):
        return None
    if int(path[3]) + 1 < len(sheet.value(path[:3])):
        return None  # the mirrors below would go along
    text = f"[[registry]]\n{statement}\nlocation = {quote(prefix)}\n"
    start, later = header.key_start, [at for at in sheet.headers if at > header.key_start]
    mirror = sheet.document.text[start : later[0] if later else None].replace(f"{statement}\n", "", 1)
    return sheet.fix(f"{text}\n{mirror.rstrip()}", sheet.inserted(start, text), removal)


def _headless(sheet: Sheet, path: Path) -> Iterator[Finding]:
    """Yield one finding for all keys of an entry that come before any header."""
    own = [key for key in sheet.raw or {} if fold_key(key) in ENTRY and fold_key(key) != "mirror"]
    if path[0] != own[0]:
        return
    names = " and ".join(map(repr, own))
    verb, pronoun = ("are", "they are") if len(own) > 1 else ("is", "it is")
    message = f"{names} {verb} before any [[registry]] header, and {pronoun} ignored there"
    hint = f"put the [[registry]] that {pronoun} about above"
    yield sheet.finding("misplaced-key", message, path, at_key=True, hint=hint, fix=_headed(sheet, own))


def _headed(sheet: Sheet, own: list[str]) -> Fix | None:
    """Open one ``[[registry]]`` above the first of its keys; settings of the whole file go above it."""
    spans = {key: span for key in sheet.raw or {} if (span := sheet.span((key,)))}
    bare = {key: span for key, span in spans.items() if span.header_line is None}
    if not own or any(key not in bare for key in own):
        return None
    start = min(bare[key].key_start for key in own)
    late = [key for key, span in bare.items() if span.key_start > start and key not in own]
    moved = [(sheet.statement((key,)), sheet.removal((key,))) for key in late]
    if not all(text and removal for text, removal in moved):
        return None
    above = "".join(f"{text}\n" for text, _ in moved)
    texts = [f"{above}[[registry]]", *(sheet.statement((key,)) or "" for key in own)]
    removals = (removal for _, removal in moved if removal)
    return sheet.fix("\n".join(texts), sheet.inserted(start, f"{above}[[registry]]"), *removals)


def _misnamed_table(sheet: Sheet, path: Path, name: str) -> Finding:
    right = "[[registry.mirror]]" if name == "mirror" else "[[registry]]"
    below = " below the [[registry]] that it belongs to" if name == "mirror" else ""
    message = f"podman does not know a table {name!r} and ignores everything in it"
    edits = []
    for key, wanted in (
        ("registrys", "[[registry]]"),
        ("mirror", "[[registry.mirror]]"),
    ):  # one needs the other
        headers = (sheet.header((key, index)) for index in range(len(sheet.value((key,)) or ())))
        edits += [sheet.edit(header.key_start, header.key_end, wanted) for header in headers if header]
    fix = sheet.fix(right, *edits)
    return sheet.finding("unknown-key", message, path, at_key=True, hint=f"write {right}{below}", fix=fix)


def _borrowed(sheet: Sheet, path: Path, name: str, value: Any) -> Finding:
    message = f"{name!r} is not a setting of registries.conf (Docker and others have one), and is ignored"
    fix, removal = None, sheet.removal(path)
    if name in ("registry-mirrors", "insecure-registries") and isinstance(value, list) and removal:
        lists = (value, []) if name == "registry-mirrors" else ([], value)
        text, lost = docker_toml(*lists)
        end = len(sheet.document.text) if sheet.document else 0
        fix = sheet.fix(text, removal, sheet.inserted(end, text)) if text and not lost else None
    hint = f"here that is {BORROWED[name]}"
    return sheet.finding("docker-key", message, path, at_key=True, hint=hint, fix=fix)


def _unknown(sheet: Sheet, path: Path, known: list[str]) -> Finding:
    name = fold_key(str(path[-1])).replace("_", "-")
    near = get_close_matches(name[:80], known, 1, 0.7)
    message = f"podman does not know a key {str(path[-1])!r} here, and ignores it silently"
    hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
    fix = None
    if near and near[0] == "mirror" and len(path) == 3:
        hint = "each mirror is a table of its own: [[registry.mirror]] with its location"
        fix = as_mirrors(sheet, path, sheet.value(path))
    elif near and near[0] in OLD_LISTS and fold_key(str(path[0])) == "registries":
        hint, fix = _old_list(sheet, path, near[0])
    elif near:
        fix = sheet.renamed(path, near[0])
    return sheet.finding("unknown-key", message, path, at_key=True, hint=hint, fix=fix)


def _old_list(sheet: Sheet, path: Path, name: str) -> tuple[str, Fix | None]:
    """Return hint and fix for a list that is meant for the old format: the same in the current one."""
    value, removal = sheet.value(path), sheet.removal(path)
    texts = value if isinstance(value, list) and all(isinstance(item, str) for item in value) else []
    text = old_toml({name: texts})
    hint = "write it in the current format" if texts else f"the old format has [registries.{name}]"
    if not texts or not removal or sheet.document is None:
        return hint, None
    end, header = len(sheet.document.text), sheet.header(path[:1])
    if header and len(sheet.value(path[:1])) == 1:  # nothing else is in [registries]
        removal = removal._replace(start=sheet.back(header.key_start))
    added = sheet.insertion(None, text) if name == "search" and not header else sheet.inserted(end, text)
    return hint, sheet.fix(text, removal, added)
