"""Keys that podman ignores without a word: unknown, misspelt, borrowed, or under the wrong table.

Source: containers-registries.conf(5), which says what belongs where.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..convert import docker_toml
from ..reading.schema import ENTRY, LAYER_HELPER, MIRROR, OLD_LISTS, TOP, fold_key
from .finding import NOTE, WARNING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ..conf import RegistriesConf
    from ..reading.schema import Path, Table
    from .finding import Finding
    from .lenient import Sheet

__all__ = ["keys"]

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
    "plugins": "nothing: this is a setting of containerd",
}
_HEADER = re.compile(r"\s*(\[\[?[^\]]*\]\]?)")
_NAMES = {"top": "the top of the file", "entry": "a [[registry]]", "mirror": "a [[registry.mirror]]"}


def keys(sheet: Sheet, view: RegistriesConf) -> Iterator[Finding]:
    """Yield what is wrong with the keys of one file.

    Args:
        sheet: the file.
        view: what is in force, for what misplaced keys were to change.
    """
    if sheet.raw is None:
        return
    known = [key for key in TOP if key != LAYER_HELPER or sheet.release.knows_layer_helper]
    yield from _table(sheet, view, sheet.raw, (), known, "top")
    for name, value in sheet.raw.items():
        if fold_key(name) == "registry" and isinstance(value, list):
            yield from _entries(sheet, view, name, value)
        elif fold_key(name) == "registries" and isinstance(value, dict):
            yield from _old(sheet, view, value, (name,))


def _entries(sheet: Sheet, view: RegistriesConf, name: str, tables: list[Any]) -> Iterator[Finding]:
    for index, table in enumerate(tables):
        if not isinstance(table, dict):
            continue
        path: Path = (name, index)
        yield from _table(sheet, view, table, path, list(ENTRY), "entry")
        for key, mirrors in table.items():
            if fold_key(key) != "mirror" or not isinstance(mirrors, list):
                continue
            for number, mirror in enumerate(mirrors):
                if isinstance(mirror, dict):
                    yield from _table(sheet, view, mirror, (*path, key, number), list(MIRROR), "mirror")


def _old(sheet: Sheet, view: RegistriesConf, tables: Table, path: Path) -> Iterator[Finding]:
    for name in tables:
        if fold_key(name) in TOP:
            yield _misplaced_top(sheet, view, (*path, name), fold_key(name))
        elif fold_key(name) not in OLD_LISTS:
            yield _unknown(sheet, (*path, name), list(OLD_LISTS))
        elif isinstance(tables[name], dict):
            for key in tables[name]:
                here = (*path, name, key)
                if fold_key(key) in TOP and fold_key(key) != "registries":
                    yield _misplaced_top(sheet, view, here, fold_key(key))
                elif fold_key(key) != "registries":
                    yield _unknown(sheet, here, ["registries"])


def _table(
    sheet: Sheet, view: RegistriesConf, table: Table, path: Path, known: list[str], kind: str
) -> Iterator[Finding]:
    """Judge the keys of one table; ``kind`` is top, entry or mirror."""
    for key in table:
        name, here = fold_key(key), (*path, key)
        if name in known:
            if key != name:
                message = f"podman knows this key as {name!r}; it reads {key!r} too, other tools may not"
                yield sheet.finding(NOTE, "case-variant", message, here, at_key=True, hint=f"write {name}")
                yield from _not_a_table(sheet, table[key], name, here)
            else:
                yield from _not_a_table(sheet, table[key], name, here)
        elif name == LAYER_HELPER and kind == "top":
            message = f"podman {sheet.release.name} does not know {name!r} yet and ignores it"
            yield sheet.finding(WARNING, "unknown-key", message, here, at_key=True)
        elif kind != "top" and name in TOP:
            yield _misplaced_top(sheet, view, here, name)
        elif kind == "top" and name in ("mirror", "registrys"):
            yield _misnamed_table(sheet, here, name)
        elif kind != "entry" and name in ENTRY:
            yield _misplaced_entry(sheet, here, name, kind)
        elif name in BORROWED:
            yield _borrowed(sheet, here, name, table[key])
        else:
            yield _unknown(sheet, here, known)


def _not_a_table(sheet: Sheet, value: Any, name: str, path: Path) -> Iterator[Finding]:
    if name == "aliases" and not isinstance(value, dict):
        message = "'aliases' is no table here, and podman ignores it without a word"
        yield sheet.finding(
            WARNING, "aliases-no-table", message, path, at_key=True, hint="write [aliases]", fix="[aliases]"
        )


# -- one finding each ------------------------------------------------------------------------------------


def _header(sheet: Sheet, path: Path) -> tuple[str, int | None]:
    """Give the header that a key stands under, as written, and its line."""
    span = sheet.span(path)
    line = span.header_line if span else None
    found = _HEADER.match(sheet.source(line)) if line else None
    return (found[1] if found else "a table"), line


def _misplaced_top(sheet: Sheet, view: RegistriesConf, path: Path, name: str) -> Finding:
    header, line = _header(sheet, path)
    first = sheet.first_header()
    swallowed = f"{header} opened on line {line}" if line else "an inline table"
    message = f"{name!r} stands in the table {swallowed}, and is ignored there; {_in_force(view, name)}"
    hint = (
        f"move it above line {first}, the first table header of the file" if first else "move it to the top"
    )
    return sheet.finding(
        WARNING, "misplaced-key", message, path, at_key=True, hint=hint, fix=sheet.statement(path)
    )


def _in_force(view: RegistriesConf, name: str) -> str:
    """Say what a setting is without the key that was meant to change it."""
    values: dict[str, str] = {
        "short-name-mode": view.short_name_mode,
        "unqualified-search-registries": ", ".join(view.unqualified_search_registries) or "empty",
        "credential-helpers": ", ".join(view.credential_helpers),
        "additional-layer-store-auth-helper": view.additional_layer_store_auth_helper or "not set",
    }
    if name not in values:
        return "it has no effect"
    where = view.setting_place(name) if name != LAYER_HELPER else None
    origin = f"set at {where}" if where else "the default"
    return f"the effective {name} is {values[name]}, {origin}"


def _misplaced_entry(sheet: Sheet, path: Path, name: str, kind: str) -> Finding:
    header, line = _header(sheet, path)
    if kind == "top":
        message = f"{name!r} stands before any [[registry]] header, and is ignored there"
        hint = "put it below the [[registry]] that it is about"
        return sheet.finding(
            WARNING,
            "misplaced-key",
            message,
            path,
            at_key=True,
            hint=hint,
            fix=f"[[registry]]\n{sheet.statement(path) or ''}".rstrip(),
        )
    entry = sheet.line(path[:2])
    message = f"{name!r} belongs to a [[registry]], and is ignored in {header} opened on line {line}"
    hint = f"move it up to the [[registry]] of line {entry}, above the first [[registry.mirror]]"
    return sheet.finding(
        WARNING, "misplaced-key", message, path, at_key=True, hint=hint, fix=sheet.statement(path)
    )


def _misnamed_table(sheet: Sheet, path: Path, name: str) -> Finding:
    right = "[[registry.mirror]]" if name == "mirror" else "[[registry]]"
    below = " below the [[registry]] that it belongs to" if name == "mirror" else ""
    message = f"podman knows no table {name!r} and ignores all that stands in it"
    return sheet.finding(
        WARNING, "unknown-key", message, path, at_key=True, hint=f"write {right}{below}", fix=right
    )


def _borrowed(sheet: Sheet, path: Path, name: str, value: Any) -> Finding:
    message = f"{name!r} is no setting of registries.conf (Docker and others have one), and is ignored"
    fix = None
    if name in ("registry-mirrors", "insecure-registries") and isinstance(value, list):
        lists = (value, []) if name == "registry-mirrors" else ([], value)
        fix = docker_toml(*lists)[0] or None
    return sheet.finding(
        WARNING, "docker-key", message, path, at_key=True, hint=f"here that is {BORROWED[name]}", fix=fix
    )


def _unknown(sheet: Sheet, path: Path, known: list[str]) -> Finding:
    from difflib import get_close_matches

    name = fold_key(str(path[-1])).replace("_", "-")
    near = get_close_matches(name[:80], known, 1, 0.7)
    message = f"podman knows no key {str(path[-1])!r} here, and ignores it without a word"
    hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
    statement = sheet.statement(path)
    fix = None
    if near and statement and "=" in statement and not statement.startswith("["):
        fix = f"{near[0]} ={statement.partition('=')[2]}"
    return sheet.finding(WARNING, "unknown-key", message, path, at_key=True, hint=hint, fix=fix)
