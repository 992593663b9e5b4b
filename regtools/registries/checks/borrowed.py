"""Settings of other programs in a registries.conf: whose they are, and how the same is written here.

Source: containers.conf(5), containers-storage.conf(5); containerd's ``docs/hosts.md`` and
``docs/cri/registry.md``; K3s's "Private Registry Configuration"; Docker's documentation of dockerd.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from regtools.reference import HUB, HUB_HOST

from ..convert import docker_mirror
from ..entries import Mirror, Registry
from ..reading.schema import Path, Table, fold_key
from ..writing import entries_toml
from .finding import Finding
from .fixes import Fix
from .lenient import Sheet

_CONTAINERS = "podman's containers.conf", "move it to /etc/containers/containers.conf"
_CONTAINERD = "containerd", "podman reads no file of containerd"
_K3S = "K3s and containerd", "podman reads no file of theirs"
TOOLS = {
    **dict.fromkeys(("containers", "engine", "network", "machine", "secrets", "farms"), _CONTAINERS),
    "storage": ("podman's storage.conf", "move it to /etc/containers/storage.conf"),
    **dict.fromkeys(("plugins", "proxy_plugins", "grpc", "host", "server", "version"), _CONTAINERD),
    **dict.fromkeys(("mirrors", "configs"), _K3S),
}
"""Tables and keys at the top of other programs' files: whose they are, and what to do."""

LOGINS = frozenset(
    ("username", "user", "password", "passwd", "pass", "auth", "token", "identitytoken", "secret")
)
"""Keys with which people try to log in; podman has none of them."""


def logins(sheet: Sheet, path: Path, table: Table) -> Iterator[Finding]:
    """Yield one finding for all the keys of a login in a table, at the first of them."""
    keys = [key for key in table if fold_key(key) in LOGINS]
    if path[-1] != keys[0]:
        return
    place = table.get("location") or table.get("prefix")
    host = place.partition("/")[0] if isinstance(place, str) and place else "HOST"
    message = (
        f"{' and '.join(map(repr, keys))}: logins do not belong in registries.conf, and are ignored here"
    )
    hint = f"run podman login {host}, and remove what is written here: everybody can read this file"
    yield sheet.finding("login-key", message, path, at_key=True, hint=hint)


def foreign(sheet: Sheet, path: Path, value: Any) -> Finding:
    """Return the finding of a table or key at the top that another program knows."""
    whose, hint = TOOLS[fold_key(str(path[0]))]
    message = f"{str(path[0])!r} is a setting of {whose}, and podman ignores it in registries.conf"
    fix = _converted(sheet, str(path[0]), value)
    if any(name == "*" for name, _ in _mirrors(value)):
        hint = "podman has no mirror for everything: write one [[registry]] for each registry"
    elif fix is not None:
        hint = f"{hint}; in registries.conf, a [[registry]] with a [[registry.mirror]] says the same"
    return sheet.finding("foreign-table", message, path, at_key=True, hint=hint, fix=fix)


def _converted(sheet: Sheet, top: str, value: Any) -> Fix | None:
    """Write the mirrors of another program's table as entries, in its place."""
    places, unsafe = {name: urls for name, urls in _mirrors(value) if name != "*"}, list[str]()
    if top == "host" and isinstance(value, dict):
        server = str(sheet.value(("server",)) or "").partition("://")[2].rstrip("/")
        places = {HUB if server == HUB_HOST else server: list(value)}
        skipped = (
            url
            for url, table in value.items()
            if isinstance(table, dict) and table.get("skip_verify") is True
        )
        unsafe = [url.partition("://")[2].partition("/")[0] for url in skipped]
    entries, notes = [], list[str]()
    for name, urls in places.items():
        found = [docker_mirror(url, unsafe, notes) for url in urls]
        mirrors = (Mirror(*each) for each in found if each and each[0].removeprefix("registry-1.") != name)
        entries.append(Registry("", name, mirrors=tuple(mirrors)))
    edits = [sheet.edit(start, end, "") for start, end in _tables(sheet, top)]
    if not edits or notes or not any(entry.location and entry.mirrors for entry in entries):
        return None
    text = entries_toml(entries)
    return sheet.fix(text, *edits, sheet.inserted(len(sheet.document.text) if sheet.document else 0, text))


def _mirrors(value: Any) -> Iterator[tuple[str, list[Any]]]:
    """Yield the registries below any table ``mirrors``, with the addresses in their ``endpoint``."""
    for name, table in value.items() if isinstance(value, dict) else ():
        if isinstance(table, dict) and isinstance(table.get("endpoint"), list):
            yield name, table["endpoint"]
        else:
            yield from _mirrors(table)


def _tables(sheet: Sheet, top: str) -> Iterator[tuple[int, int]]:
    """Yield where the tables of a key at the top begin and end in the mended text."""
    text = sheet.document.text if sheet.document else ""
    for start, following in pairwise([*sheet.headers, len(text)]):
        name = text[start : sheet.headers[start].key_end].strip("[] \"'")
        if name.startswith(top):
            yield text.rfind("\n", 0, start) + 1, following
