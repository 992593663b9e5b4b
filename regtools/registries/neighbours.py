"""Files of other tools that say where images come from, recognised and written as registries.conf.

Known are Docker's ``daemon.json``, containerd's ``hosts.toml`` and ``config.toml``, the ``registries.yaml``
of k3s and RKE2, the first registries.conf, which was YAML, and today's settings written as YAML or JSON.
What has no counterpart is named in a comment of the result and in its notes; a login is never shown.

Source: containerd's ``docs/hosts.md`` and ``docs/cri/registry.md``; k3s' "Private Registry Configuration".
"""

# ruff: noqa: PTH119, PTH120 - paths are text: a file may lie on another machine
from __future__ import annotations

import json
import os.path
import re
from collections.abc import Callable, Iterable, Iterator

from regtools.errors import RegtoolsError
from regtools.reference import HUB, HUB_HOST, HUB_OLD, is_host
from regtools.toml.reader import decode, parse
from regtools.values import TYPE_CHECKING, NamedTuple

from .convert import Conversion, convert, converted, docker_mirror
from .entries import Mirror, Registry, build
from .reading.document import Document
from .reading.releases import release
from .reading.schema import TOP, fold_key
from .reading.validation import check
from .settings import DEFAULT_HELPERS, SEARCH
from .writing import array, document_toml, entries_toml
from .yaml import read_yaml

if TYPE_CHECKING:
    from typing import Any

# Below comments and empty lines: a key with nothing after its colon, and on the next line a dash or a key.
_ABOVE = r"(?:[ \t]*(?:#[^\n]*)?\r?\n)*"
_YAML = re.compile(
    rf"{_ABOVE}---[ \t]*\r?\n|{_ABOVE}(?:\"[^\"\n]*\"|'[^'\n]*'|[\w.-]+):[ \t]*(?:#[^\n]*)?\r?\n"
    rf"{_ABOVE}[ \t]*(?:-\s|[\w\"'.*-][^=\n]*:\s)"
)
_SHORT = f'# As with containerd, a short name means Docker Hub.\n{SEARCH} = ["{HUB}"]'


class Parts(NamedTuple):
    """What a file of another tool becomes: the lines above all tables, the tables, and notes."""

    top: str
    body: str
    notes: list[str]


class Neighbour(NamedTuple):
    """A file of another tool: in words what it is, its values, and what reads them with the file's name."""

    what: str
    data: dict[str, Any]
    read: Callable[[dict[str, Any], str], Parts] | None


def recognise(text: str, file: str | None = None) -> Neighbour | None:
    """Return which other tool a file is for; None if it is for podman, or for nothing known.

    Raises:
        RegtoolsError: it is YAML or JSON and cannot be read.
    """
    name = os.path.basename(file or "")
    if text.lstrip()[:1] == "{":
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            return None
        form = "JSON"
    elif is_yaml(text) or name.endswith((".yaml", ".yml")):
        data, form = read_yaml(text, file=file), "YAML"
    else:
        try:
            data, form = parse(text, file=file), "TOML"
        except RegtoolsError:
            return None
    if not isinstance(data, dict):
        return None
    keys = {fold_key(str(key)) for key in data}
    if form == "TOML":
        if name == "hosts.toml" or ("host" in keys and not keys & TOP.keys()):
            return Neighbour("a hosts.toml of containerd", data, _hosts)
        plugins = any(_tables(data.get("plugins"), "registry"))
        return Neighbour("a config.toml of containerd", data, _containerd) if plugins else None
    for known, what, read in _SHAPES:
        if keys & known:
            return Neighbour(f"{what} ({form})", data, read)
    return None


def is_yaml(text: str) -> bool:
    """Return whether a text looks like YAML, and not like TOML with some colons.

    >>> is_yaml("registries:\\n  - docker.io\\n"), is_yaml('location: "a.io"\\n')
    (True, False)
    """
    return bool(_YAML.match(text))


def translate(source: str | bytes, *, file: str | None = None) -> Conversion:
    """Convert a file in the old format, or one of another tool, to the current format.

    Args:
        source: the file's text or bytes.
        file: its path, for errors and for what its name says.

    Returns:
        A text that podman 6 loads. A file in the current format is returned unchanged.

    Raises:
        TomlError: not TOML.
        RegtoolsError: YAML or JSON that cannot be read, and what podman refuses in the result.
    """
    text, _ = decode(source, file=file)
    neighbour = recognise(text, file)
    if neighbour is None or neighbour.read is None:
        return convert(text, file=file)
    top, body, notes = neighbour.read(neighbour.data, file or "")
    result = converted(notes, top, body)
    Document.read(result.text, release("6"), file=file)
    return result


# -- k3s and containerd ----------------------------------------------------------------------------------


def _k3s(data: dict[str, Any], file: str) -> Parts:
    entries, notes = _mirrors_and_configs(data)
    return Parts(_SHORT, entries_toml(entries), notes)


def _containerd(data: dict[str, Any], file: str) -> Parts:
    entries, notes = list[Registry](), list[str]()
    for table in _tables(data.get("plugins"), "registry"):
        more = _mirrors_and_configs(table)
        entries += more[0]
        notes += more[1]
        if path := table.get("config_path"):
            notes.append(f"the hosts.toml files below {path} say more: convert each of them")
    return Parts(_SHORT, entries_toml(entries), notes)


def _tables(value: Any, name: str) -> Iterator[dict[str, Any]]:
    """Yield the tables of a name, wherever they are."""
    for key, table in value.items() if isinstance(value, dict) else ():
        if isinstance(table, dict):
            yield from [table] if key == name else _tables(table, name)


def _mirrors_and_configs(data: dict[str, Any]) -> tuple[list[Registry], list[str]]:
    """Return entries and notes of the tables ``mirrors`` and ``configs``, in which k3s follows containerd."""
    notes: list[str] = []
    unsafe = []
    for name, table in _pairs(data, "configs"):
        host = _host(name)
        tls = table.get("tls")
        tls = tls if isinstance(tls, dict) else {}
        unsafe += [host] if tls.get("insecure_skip_verify") is True else []
        if files := [key for key in ("ca_file", "cert_file", "key_file") if tls.get(key)]:
            notes.append(f"{host}: copy {' and '.join(files)} to /etc/containers/certs.d/{host}/")
        if table.get("auth"):
            notes.append(f"{host}: its login was not carried over; run podman login {host}")
    entries = []
    for name, table in _pairs(data, "mirrors"):
        if name in ("*", "_default"):
            notes.append("a mirror for every registry: podman has none; write one [[registry]] for each")
            continue
        if table.get("rewrite"):
            notes.append(f"{name}: podman rewrites no path; a location may have a path of its own")
        urls = table.get("endpoint")
        entries.append(
            _entry(name, urls if isinstance(urls, list) else [urls] if urls else [], unsafe, notes)
        )
    known = {place for entry in entries for place in (entry.location, *(m.location for m in entry.mirrors))}
    entries += [Registry("", host, insecure=True) for host in unsafe if host not in known]
    return entries, notes


def _pairs(data: dict[str, Any], key: str) -> Iterator[tuple[str, dict[str, Any]]]:
    tables = data.get(key)
    for name, table in tables.items() if isinstance(tables, dict) else ():
        yield str(name), table if isinstance(table, dict) else {}


def _hosts(data: dict[str, Any], file: str) -> Parts:
    """Read one registry's hosts.toml; its folder is named after the registry."""
    notes: list[str] = []
    server = _host(str(data.get("server") or ""))
    folder = os.path.basename(os.path.dirname(file))
    name = server or (folder if is_host(folder) and "." in folder else "")
    if not name:
        notes.append("whose mirrors these are its folder says, or a line server = ...; neither is there")
        return Parts("", "", notes)
    unsafe, urls = [], []
    for url, table in _pairs(data, "host"):
        can = table.get("capabilities", ["pull"])
        if isinstance(can, list) and "pull" not in can:
            notes.append(f"{_host(url)}: it is not there to pull from, and was not carried over")
            continue
        if table.get("ca") or table.get("client"):
            notes.append(f"{_host(url)}: copy its certificates to /etc/containers/certs.d/{_host(url)}/")
        unsafe += [_host(url)] if table.get("skip_verify") is True else []
        urls.append(url)
    unsafe += [name] if data.get("skip_verify") is True else []
    return Parts("", entries_toml([_entry(name, urls, unsafe, notes)]), notes)


def _entry(name: str, urls: Iterable[Any], unsafe: list[str], notes: list[str]) -> Registry:
    """Make the entry of one registry with its mirrors; the registry itself is tried last anyway."""
    name = _host(name)
    mirrors = []
    for url in urls:
        text = re.sub(r"(?<=[^:/])/v2(?=/|$)", "", str(url).rstrip("/"), count=1)
        found = docker_mirror(text, unsafe, notes)
        if found and _host(found[0]) != name:
            mirrors.append(Mirror(*found))
        if found and "/" in found[0] and "/v2" not in str(url):
            notes.append(
                f"{found[0]}: podman asks for /v2/{found[0].partition('/')[2]}/..., containerd for "
                f"/{found[0].partition('/')[2]}/v2/...; see that the registry answers there"
            )
    return Registry("", name, insecure=name in unsafe, mirrors=tuple(mirrors))


def _host(url: str) -> str:
    """Return the host of an address; Docker Hub has one name."""
    host = url.rpartition("://")[2].partition("/")[0]
    return HUB if host in (HUB_HOST, HUB_OLD) else host


# -- podman's own settings in another form ---------------------------------------------------------------


def _early(data: dict[str, Any], file: str) -> Parts:
    """Read the first registries.conf, which was YAML with three lists."""
    search, insecure, blocked = (_hosts_of(data.get(key)) for key in _EARLY)
    places = dict.fromkeys(insecure + blocked)
    entries = [Registry("", place, place in insecure, place in blocked) for place in places]
    notes = [f"{key}: registries.conf has no such setting" for key in data if key not in _EARLY]
    return Parts(f"{SEARCH} = {array(search)}" if search else "", entries_toml(entries), notes)


def _hosts_of(value: Any) -> list[str]:
    return [_host(item) for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _own(data: dict[str, Any], file: str) -> Parts:
    """Read the settings of today's registries.conf.

    Raises:
        RegtoolsError: what podman would refuse in them.
    """
    found = Document("", file or None)
    for problem in check(data, found.settings, release("6"), dropin=False):
        raise found.error(problem)
    entries = (build(prefix, table) for prefix, table in found.settings.entries.items())
    text = document_toml(
        (each._replace(prefix="" if each.prefix == each.location else each.prefix) for each in entries),
        search=found.settings.search,
        mode=found.settings.mode,
        helpers=found.settings.helpers or DEFAULT_HELPERS,
        aliases=found.settings.aliases,
    )
    return Parts("", text, [f"{key}: podman has no such key" for key in data if fold_key(key) not in TOP])


_EARLY = ("registries", "insecure_registries", "block_registries")
_DOCKER = {"registry-mirrors", "insecure-registries", "log-driver", "storage-driver", "data-root"}
# Keys at the top → what the file is, and its reader; that of Docker's is in convert.
_SHAPES: tuple[tuple[set[str], str, Callable[[dict[str, Any], str], Parts] | None], ...] = (
    (_DOCKER, "Docker's daemon.json", None),
    ({"mirrors", "configs"}, "a registries.yaml of k3s, RKE2 or containerd", _k3s),
    (set(_EARLY), "a list of registries, as the first registries.conf was", _early),
    ({"registry", SEARCH}, "registries.conf in another form", _own),
)
