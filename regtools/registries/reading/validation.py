"""What podman checks in one file, in its order, as problems that are found one after the other.

Loading stops at the first problem, as podman does; a checker may continue and collect all of them. Positions
are paths into the text (:mod:`regtools.toml.positions`), looked up only when a problem is shown.

Source: containers-registries.conf(5); the order is that of podman's image library.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from regtools.reference import is_host
from regtools.values import TYPE_CHECKING

from .aliases import check_aliases
from .releases import Release
from .schema import OLD_LISTS, TOP, Path, Problem, Shape, Table

if TYPE_CHECKING:
    from typing import Any

MODES = ("enforcing", "permissive", "disabled")
PULL_FROM_MIRROR = ("all", "digest-only", "tag-only")
_SCHEMES = ("http://", "https://")


class Checked:
    """What one file sets, after its checks.

    Attributes:
        entries: prefix → its ``[[registry]]`` table; of equal prefixes the first.
        indices: prefix → the number of its table among ``tables``.
        tables: all ``[[registry]]`` tables in the order of the file.
        search: the search list; None, like ``helpers``, if the file does not set it.
        mode: ``short-name-mode``, empty if it is not set.
        aliases: short name → normalised repository, or empty.
        helpers, layer_helper: the programs for logins.
        old_format: whether the file was converted from the old format.
        old_paths: of a converted file: prefix → the path that it came from.
        unusual: whether there is anything that podman does not know or accept.
    """

    def __init__(self) -> None:
        self.entries: dict[str, Table] = {}
        self.indices: dict[str, int] = {}
        self.tables: list[Table] = []
        self.search: list[str] | None = None
        self.mode = ""
        self.aliases: dict[str, str] = {}
        self.helpers: list[str] | None = None
        self.layer_helper = ""
        self.old_format = False
        self.old_paths: dict[str, Path] = {}
        self.unusual = False

    @property
    def search_path(self) -> Path:
        """Where the search list is written."""
        old: Path = ("registries", "search", "registries")
        return old if self.old_format else ("unqualified-search-registries",)


def check(data: Table, checked: Checked, release: Release, *, dropin: bool) -> Iterator[Problem]:
    """Yield everything that podman refuses in one file, in its order; fill ``checked`` on the way.

    Args:
        data: the file's values, changed in place.
        checked: gets what the file sets.
        release: whose rules.
        dropin: whether the file is a drop-in, which must not be in the old format.
    """
    shape = Shape(data, release.unknown_keys)
    for problem in shape.check():
        checked.unusual = True
        yield problem
    top = shape.top
    checked.unusual = shape.unusual
    checked.search = top.get("unqualified-search-registries")
    checked.mode = top.get("short-name-mode", "")
    checked.helpers = top.get("credential-helpers")
    if release.knows_layer_helper:
        checked.layer_helper = top.get("additional-layer-store-auth-helper", "")
    tables = top.get("registry", [])
    old = _old_lists(top, release)
    if old:
        yield from _old_format(top, old, release, dropin=dropin)
        checked.old_format = True
        tables, checked.old_paths = _convert(old)
        checked.search = old.get("search", [])
    checked.tables = tables
    where = list(checked.old_paths.values()).__getitem__ if old else _registry
    yield from _entries(checked, where, release)
    yield from _search(checked)
    if checked.mode and checked.mode not in MODES:
        message = f"short-name-mode {checked.mode!r} is not one of {', '.join(MODES)}"
        yield Problem("bad-short-name-mode", message, ("short-name-mode",), _nearest(checked.mode, MODES))
    yield from _wildcards(checked, where)
    yield from check_aliases(top.get("aliases", {}), checked.aliases)


# -- the old format --------------------------------------------------------------------------------------


def _old_lists(top: Table, release: Release) -> dict[str, list[str]]:
    """Return the lists of the old format that count; none if the file is in the current format."""
    tables = top.get("registries", {})
    lists: dict[str, list[str]] = {
        name: tables[name]["registries"] for name in OLD_LISTS if "registries" in tables.get(name, ())
    }
    return lists if release.empty_old_list_counts or any(lists.values()) else {}


def _old_format(
    top: Table, old: dict[str, list[str]], release: Release, *, dropin: bool
) -> Iterator[Problem]:
    name = next(iter(old))
    path = ("registries", name)
    if dropin or not release.converts_old_format:
        what = "drop-ins" if release.converts_old_format else "files"
        only = f"podman {release.name} reads {what} in the current format only"
        message = f"this is the old file format (version 1); {only}"
        hint = f"instead of [registries.{name}] write {_instead(name)}"
        yield Problem("v1-format", message, path, hint, at_key=True)
        return
    settings = [key for key in TOP if key in top and key != "registries"]
    # An empty list of the current format counts to some releases, an empty text to none.
    lists = {key for key in settings if release.empty_new_list_counts and not isinstance(top[key], str)}
    new = [key for key in settings if top[key] or key in lists]
    if new:
        message = (
            f"[registries.{name}] is the old file format (version 1), {new[0]!r} the current one (version 2),"
            " and one file cannot have both"
        )
        yield Problem("mixed-v1-v2", message, path, f"instead write {_instead(name)}", at_key=True)


def _instead(name: str) -> str:
    if name == "search":
        return "unqualified-search-registries = [...] at the top of the file"
    flag = "blocked" if name == "block" else name
    return f"for each one [[registry]], location = ..., {flag} = true"


def _convert(old: dict[str, list[str]]) -> tuple[list[Table], dict[str, Path]]:
    """Return the old lists as entries, and for each place the path that it came from."""
    tables: dict[str, Table] = {}
    paths: dict[str, Path] = {}
    for name, flag in (("block", "blocked"), ("insecure", "insecure")):
        for index, location in enumerate(old.get(name, [])):
            place = location.rstrip("/")
            tables.setdefault(place, {"location": place})[flag] = True
            paths.setdefault(place, ("registries", name, "registries", index))
    return list(tables.values()), paths


# -- entries ---------------------------------------------------------------------------------------------


def _entries(checked: Checked, where: Callable[[int], Path], release: Release) -> Iterator[Problem]:
    """Check the entries one by one, then against one another."""
    tables: list[Any] = checked.tables
    first_at: dict[str, int] = {}
    conflicts: dict[int, int] = {}  # first entry of a place → first one that disagrees with it
    for index, table in enumerate(tables):
        if table is None:  # had a wrong type
            continue
        location, prefix = table.get("location", ""), table.get("prefix", "")
        named = prefix != ""
        if location[-1:] == "/" or location[:4] == "http" or prefix[-1:] == "/" or prefix[:4] == "http":
            yield from _addresses(table, ("location", "prefix"), where(index))
            location, prefix = table.get("location", ""), table.get("prefix", "")
        if not named:
            prefix = location
        if not location and prefix[:2] != "*.":
            yield _no_location(prefix, where(index), named=named)
        if "pull-from-mirror" in table or ("mirror" in table and not _plain(table["mirror"])):
            yield from _mirrors(table, prefix, where(index), release)
        checked.entries.setdefault(prefix, table)
        checked.indices.setdefault(prefix, index)
        first = first_at.setdefault(location or prefix, index)
        if first != index and first not in conflicts and _differ(tables[first], table):
            conflicts[first] = index
    for first in sorted(conflicts):
        yield _conflict(tables, where, first, conflicts[first])


def _plain(mirrors: list[Any]) -> bool:
    """Return whether all mirrors have a location that needs no closer look, and no pull-from-mirror."""
    for mirror in mirrors:
        location = mirror and mirror.get("location")
        if not location or location[-1] == "/" or location[:4] == "http" or "pull-from-mirror" in mirror:
            return False
    return True


def _registry(index: int) -> Path:
    return "registry", index


def _key(path: Path, key: str) -> Path:
    """Return the path of an entry's key; an entry of the old format is a text without keys."""
    return path if path[0] == "registries" else (*path, key)


def _addresses(table: Table, keys: tuple[str, ...], path: Path, *, keep: bool = False) -> Iterator[Problem]:
    """Trim the slashes of addresses, and refuse the two schemes that podman looks for."""
    for key in keys:
        text = table.get(key, "")
        if text.startswith(_SCHEMES):
            bare = text.partition("://")[2].rstrip("/")
            hint = f'write "{bare}"' + ("; http is allowed by insecure = true" if text[:5] == "http:" else "")
            message = f"{key} {text!r} has a scheme, a host is wanted"
            yield Problem("scheme-not-allowed", message, _key(path, key), hint)
        if text and not keep:
            table[key] = text.rstrip("/")


def _no_location(prefix: str, path: Path, *, named: bool) -> Problem:
    if not named:
        message = "this [[registry]] has neither location nor prefix"
        return Problem("location-and-prefix-unset", message, path, 'add location = "HOST[:PORT][/PATH]"')
    message = f"the [[registry]] with prefix {prefix!r} has no location"
    hint = f'add location = "{prefix}"; only a prefix that starts with *. may do without'
    return Problem("location-unset", message, path, hint)


def _mirrors(table: Table, prefix: str, path: Path, release: Release) -> Iterator[Problem]:
    if table.get("pull-from-mirror"):
        message = f"pull-from-mirror is in the [[registry]] {prefix!r}, but belongs to a mirror"
        hint = "move it below a [[registry.mirror]] header"
        yield Problem("pull-from-mirror-on-registry", message, (*path, "pull-from-mirror"), hint, at_key=True)
    by_digest = table.get("mirror-by-digest-only", False)
    for index, mirror in enumerate(table.get("mirror", ())):
        if mirror is None:
            continue
        here = (*path, "mirror", index)
        location = mirror.get("location", "")
        if location[-1:] == "/" or location[:4] == "http":
            yield from _addresses(mirror, ("location",), here, keep=not release.trims_mirrors)
            location = location.rstrip("/")
        if not location:
            message = f"a mirror of {prefix!r} has no location"
            yield Problem("mirror-location-unset", message, here, 'add location = "HOST[:PORT][/PATH]"')
        pull = mirror.get("pull-from-mirror", "")
        if pull and by_digest:
            message = (
                f"mirror {location!r} sets pull-from-mirror although its registry sets mirror-by-digest-only"
            )
            hint = (
                'keep one of them; mirror-by-digest-only = true is pull-from-mirror = "digest-only" for all'
            )
            yield Problem("pull-from-mirror-conflict", message, (*here, "pull-from-mirror"), hint)
        elif pull and pull not in PULL_FROM_MIRROR:
            message = f"pull-from-mirror {pull!r} of mirror {location!r} is not one of "
            message += ", ".join(PULL_FROM_MIRROR)
            where = (*here, "pull-from-mirror")
            yield Problem("pull-from-mirror-value", message, where, _nearest(pull, PULL_FROM_MIRROR))


def _differ(one: Table, other: Table) -> bool:
    return any(one.get(flag, False) != other.get(flag, False) for flag in ("insecure", "blocked"))


def _conflict(tables: list[Table], where: Callable[[int], Path], first: int, second: int) -> Problem:
    one, other = tables[first], tables[second]
    flag = "insecure" if one.get("insecure", False) != other.get("insecure", False) else "blocked"
    place = one.get("location") or one.get("prefix", "")
    message = f"two entries lead to {place!r}, and only one of them says {flag} = true"
    path = _key(where(second), flag) if flag in other else where(second)
    hint = f"give both the same value of {flag}"
    return Problem(f"conflicting-{flag}", message, path, hint, related=(where(first), "the other"))


def _wildcards(checked: Checked, where: Callable[[int], Path]) -> Iterator[Problem]:
    bad = [p for p in checked.entries if p[:2] == "*." and ("/" in p or "@" in p or ":" in p)]
    for prefix in sorted(bad):
        key = "prefix" if checked.entries[prefix].get("prefix") else "location"
        path = _key(where(checked.indices[prefix]), key)
        message = f"a prefix that starts with *. may only be a host, without port or path: {prefix!r}"
        host = "*." + prefix[2:].partition("/")[0].partition(":")[0].partition("@")[0]
        yield Problem("bad-wildcard-prefix", message, path, f'write "{host}"')


def _search(checked: Checked) -> Iterator[Problem]:
    for index, entry in enumerate(checked.search or ()):
        path = (*checked.search_path, index)
        host = entry.rstrip("/")
        first, slash, _ = host.partition("/")
        if host.startswith(_SCHEMES):
            message = f"search list entry {entry!r} has a scheme, a host is wanted"
            yield Problem("scheme-not-allowed", message, path, f'write "{host.partition("://")[2]}"')
        elif not is_host(host):
            what = "is not HOST or HOST:PORT" if host else "is empty"
            hint = f'write "{first}"' if slash and is_host(first) else None
            yield Problem("bad-search-registry", f"search list entry {entry!r} {what}", path, hint)
    if checked.search:
        checked.search = [entry.rstrip("/") for entry in checked.search]


def _nearest(word: str, words: tuple[str, ...]) -> str | None:
    from difflib import get_close_matches

    near = get_close_matches(word.lower(), words, 1)
    return f'write "{near[0]}"' if near else None
