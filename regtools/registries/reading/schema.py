"""The keys of a registries.conf and their types.

Podman compares keys without regard to case and converts no type. It ignores keys that it does not know, and
takes one of two spellings of a key by chance, so here they are an error. Dictionaries are checked in place,
with a fast path for tables without anything unusual.

Source: containers-registries.conf(5).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from regtools.values import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

Path = tuple[str | int, ...]
Table = dict[str, "Any"]

LAYER_HELPER = "additional-layer-store-auth-helper"
NAMESPACE = "namespace-proxy"
TOP: dict[str, type] = {
    "registry": list,
    "unqualified-search-registries": list,
    "short-name-mode": str,
    "aliases": dict,
    "credential-helpers": list,
    LAYER_HELPER: str,
    "registries": dict,
}
MIRROR: dict[str, type] = {"location": str, "insecure": bool, "pull-from-mirror": str, NAMESPACE: str}
ENTRY: dict[str, type] = {
    **MIRROR,
    "prefix": str,
    "blocked": bool,
    "mirror-by-digest-only": bool,
    "mirror": list,
}
OLD_LISTS: dict[str, type] = {"search": dict, "insecure": dict, "block": dict}
_OLD_LIST: dict[str, type] = {"registries": list}
_WANTED = {str: "text in quotes", bool: "true or false", list: "a list", dict: "a table"}
_FOUND = {str: "text", bool: "a boolean", list: "a list", dict: "a table", int: "a number", float: "a number"}


class Problem(NamedTuple):
    """One thing that podman refuses: stable kind, words for a person, and where.

    ``path`` is that of the faulty key, or of a table's header if a key is missing; ``at_key`` asks for the
    key itself to be marked, not its value. ``related`` is the path of a second place, with a word about it.
    """

    kind: str
    message: str
    path: Path
    hint: str | None = None
    at_key: bool = False
    related: tuple[Path, str] | None = None


def fold_key(key: str) -> str:
    """Fold a key as podman does when it compares it with the ones it knows.

    >>> fold_key("Short-Name-Mode")
    'short-name-mode'
    """
    return key.lower().replace("\u017f", "s")  # the long s; lower() makes k of the Kelvin sign


class Shape:
    """Checks the types of one file's values; keys that are ``unknown`` to the release are not checked.

    Attributes:
        top: the values, known keys in their usual spelling; values of a wrong type are taken out.
        unusual: whether there is anything that podman does not know or accept. Such values have not been
            checked, so their numbers may be out of TOML's range.
    """

    def __init__(self, data: Table, unknown: Collection[str] = ()) -> None:
        self.data = data
        self.known, self.entry, self.mirror = (
            {key: kind for key, kind in table.items() if key not in unknown} if unknown else table
            for table in (TOP, ENTRY, MIRROR)
        )
        self.top: Table = {}
        self.unusual = False

    def check(self) -> Iterator[Problem]:
        """Yield every wrong type and every key that is written twice."""
        self.top = dict(self.data)
        yield from self._fold(self.top, self.known, ())
        for key, kind in self.known.items():
            if key in self.top and type(self.top[key]) is not kind:
                yield from self._wrong_top(key, kind)
        yield from self._tables(self.top.get("registry", ()), "registry", self.entry, ())
        yield from self._texts(self.top, "unqualified-search-registries", ())
        yield from self._texts(self.top, "credential-helpers", ())
        yield from self._aliases()
        yield from self._old_lists()

    def _wrong_top(self, key: str, kind: type) -> Iterator[Problem]:
        self.unusual = True
        value = self.top.pop(key)
        if key != "aliases":  # which podman ignores then
            yield _mismatch((key,), key, kind, value)

    def _fold(self, table: Table, known: dict[str, type], path: Path) -> Iterator[Problem]:
        """Bring known keys into their usual spelling; two spellings of one key are a problem."""
        if table.keys() <= known.keys():
            return
        self.unusual = True
        first: dict[str, str] = {}
        for key in list(table):
            name = fold_key(key)
            if name not in known:
                continue
            if name in first:
                message = f"{first[name]!r} and {key!r} are one key to podman, which takes either at random"
                other = ((*path, first[name]), "the other spelling")
                yield Problem("ambiguous-key", message, (*path, key), f"keep one, as {name}", True, other)
            first.setdefault(name, key)
            table[name] = table.pop(key)

    def _tables(self, tables: Any, name: str, known: dict[str, type], path: Path) -> Iterator[Problem]:
        """Check a list of tables; most are as usual, which is seen fast."""
        for index, table in enumerate(tables):
            if not self._fits(table, known):
                self.unusual = True
                yield from self._odd_table(tables, index, known, (*path, name, index))

    def _fits(self, table: Any, known: dict[str, type]) -> bool:
        """Return whether a table has only known keys in their usual spelling, and values of their types."""
        if type(table) is not dict:
            return False
        for key, value in table.items():
            if known.get(key) is not type(value):
                return False
            if key == "mirror":
                for mirror in table["mirror"]:
                    if not self._fits(mirror, self.mirror):
                        return False
        return True

    def _odd_table(
        self, tables: list[Any], index: int, known: dict[str, type], here: Path
    ) -> Iterator[Problem]:
        """Check a table with an unknown key, a key in another case, or a wrong type."""
        table = tables[index]
        if type(table) is not dict:
            header = "[[registry.mirror]]" if known is self.mirror else "[[registry]]"
            message = f"each item of {here[-2]!r} must be a table, not {_found(table)}"
            # podman names the list, so the list is where people are sent
            yield Problem("type-mismatch", message, here[:-1], f"write {header} and the keys below it")
            tables[index] = None  # so that those after it keep their numbers
            return
        yield from self._fold(table, known, here)
        for key, kind in known.items():
            if key in table and type(table[key]) is not kind:
                yield _mismatch((*here, key), key, kind, table.pop(key))
        if "mirror" in table and "mirror" in known:
            yield from self._tables(table["mirror"], "mirror", self.mirror, here)

    def _texts(self, table: Table, key: str, path: Path) -> Iterator[Problem]:
        """Check a list of texts."""
        values = table.get(key, ())
        for index, value in enumerate(values):
            if type(value) is not str:
                self.unusual = True
                message = f"each item of {key!r} must be text in quotes, not {_found(value)}"
                yield Problem("type-mismatch", message, (*path, key, index))
        if values:
            table[key] = [value for value in values if type(value) is str]

    def _aliases(self) -> Iterator[Problem]:
        aliases = self.top.get("aliases", {})
        for name, value in list(aliases.items()):
            if type(value) is not str:
                self.unusual = True
                message = f"the alias {name!r} must be text in quotes, not {_found(value)}"
                path, dotted = ("aliases", name), type(value) is dict
                yield Problem("type-mismatch", message, path, _alias_hint(name, value), at_key=dotted)
                del aliases[name]

    def _old_lists(self) -> Iterator[Problem]:
        """Check the tables of the old file format."""
        tables = self.top.get("registries", {})
        yield from self._fold(tables, OLD_LISTS, ("registries",))
        for name in [name for name in OLD_LISTS if name in tables]:
            path = ("registries", name)
            if type(tables[name]) is not dict:
                self.unusual = True
                yield _mismatch(path, f"registries.{name}", dict, tables.pop(name))
                continue
            yield from self._fold(tables[name], _OLD_LIST, path)
            if type(tables[name].get("registries", [])) is not list:
                self.unusual = True
                yield _mismatch((*path, "registries"), "registries", list, tables[name].pop("registries"))
            yield from self._texts(tables[name], "registries", path)


def _mismatch(path: Path, key: str, kind: type, value: Any) -> Problem:
    if kind is list and type(value) is dict and key in ("registry", "mirror"):
        header = "registry.mirror" if key == "mirror" else key
        below = ", below the [[registry]] that it belongs to" if key == "mirror" else ""
        message = f"{header!r} is a list of tables, and here it is a single table"
        return Problem("type-mismatch", message, path, f"write [[{header}]] with two brackets{below}", True)
    hint = None
    if kind is bool and value in ("true", "false", 0, 1):
        hint = f"write {key} = {'true' if value in ('true', 1) else 'false'}"
    elif kind is list and type(value) is str:
        hint = f'write {key} = ["{value}"]'
    elif kind is str and type(value) in (int, float, bool):
        hint = f'put it in quotes: {key} = "{str(value).lower()}"'
    elif kind is dict:
        hint = f"the old file format has [{key}] with registries = [...] below it"
    return Problem("type-mismatch", f"{key!r} must be {_WANTED[kind]}, not {_found(value)}", path, hint)


def _alias_hint(name: str, value: Any) -> str | None:
    if fold_key(name) in TOP:
        return f"{name} is below [aliases] and so is an alias; move it above the first [table]"
    if type(value) is dict and value:
        return f'a dot in a key without quotes makes a table; write "{name}.{next(iter(value))}" = "..."'
    return None


def _found(value: Any) -> str:
    """Name a value's type in words."""
    return _FOUND.get(type(value), "a date or time")
