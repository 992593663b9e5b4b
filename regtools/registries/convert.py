"""Older ways to say where images come from, converted to the current format of registries.conf.

Two are known: the old file format, which podman 6 refuses, and Docker's ``daemon.json``. What has no
counterpart is reported in a comment of the result and in its notes; nothing is left out silently.

Source: containers-registries.conf(5), "VERSION 1"; Docker's documentation of dockerd's configuration file.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable, Mapping

from regtools.errors import Place, RegtoolsError
from regtools.reference import HUB, Reference, is_host, is_qualified
from regtools.toml.positions import locate
from regtools.toml.reader import decode, parse
from regtools.values import TYPE_CHECKING, NamedTuple

from .entries import Mirror, Registry
from .reading.document import Document
from .reading.releases import release
from .reading.schema import OLD_LISTS, Path, Table, fold_key
from .reading.validation import check
from .settings import SEARCH
from .writing import array, entries_toml

if TYPE_CHECKING:
    from typing import Any

# Of podman's refusals, those that converting removes.
_CURABLE = ("v1-format", "mixed-v1-v2")


class Conversion(NamedTuple):
    """The text in the current format, and notes on what it does not carry over, one line each."""

    text: str
    notes: tuple[str, ...] = ()


def convert(source: str | bytes, *, file: str | None = None) -> Conversion:
    """Convert a file in the old format, or a daemon.json, which begins with ``{``.

    Args:
        source: the file's text or bytes.
        file: path to show in errors.

    Returns:
        A text that podman 6 loads. A file in the current format is returned unchanged.

    Raises:
        TomlError: not TOML.
        RegtoolsError: ``json-syntax`` or ``type-mismatch`` for a daemon.json, and what podman refuses in the
            file apart from its format.
    """
    text, _ = decode(source, file=file)
    result = _from_docker(text, file) if text.lstrip().startswith("{") else _from_old(text, file)
    Document.read(result.text, release("6"), file=file)
    return result


def converted(notes: list[str], *parts: str) -> Conversion:
    """Put the notes as comments above the parts; leave empty parts out."""
    comments = "\n".join(f"# Note: {_printable(note)}" for note in notes)
    body = "\n\n".join(part.strip("\n") for part in (comments, *parts) if part.strip())
    return Conversion(body + "\n" if body else "", tuple(notes))


# -- the old format --------------------------------------------------------------------------------------


def old_lists(raw: Table) -> dict[str, list[str]]:
    """Return the lists ``search``, ``insecure``, ``block`` of a file, without items that are not text."""
    tables = _folded(raw).get("registries")
    found = _folded(tables) if isinstance(tables, dict) else {}
    lists = {name: _folded(found[name]) for name in OLD_LISTS if isinstance(found.get(name), dict)}
    return {
        name: [value for value in table["registries"] if isinstance(value, str)]
        for name, table in lists.items()
        if isinstance(table.get("registries"), list)
    }


def old_toml(lists: Mapping[str, list[str]]) -> str:
    """Return the old lists as TOML in the current format."""
    search = f"{SEARCH} = {array(map(_bare, lists['search']))}" if "search" in lists else ""
    return "\n\n".join(filter(None, (search, entries_toml(_old_entries(lists)))))


def _old_entries(lists: Mapping[str, list[str]]) -> list[Registry]:
    """Make entries of the lists of blocked and insecure places, as podman 4 and 5 do."""
    blocked, insecure = (
        dict.fromkeys(_bare(each) for each in lists.get(name, ())) for name in ("block", "insecure")
    )
    places = filter(None, blocked | insecure)
    return [Registry("", place, place in insecure, place in blocked) for place in places]


def _from_old(text: str, file: str | None) -> Conversion:
    text = text.replace("\r\n", "\n")
    document, raw = Document(text, file), parse(text, file=file)
    lists = old_lists(raw)
    for problem in list(check(parse(text), document.settings, release("5"), dropin=False)):
        in_old_list = problem.path[:1] == ("registries",) and problem.kind != "type-mismatch"
        if problem.kind not in _CURABLE and not in_old_list:
            raise document.error(problem)
    if not lists:
        return Conversion(text, ("the file is in the current format already; nothing was changed",))
    rest, notes = _without_old(text, drop_search="search" in lists)
    search = list(map(_bare, lists.get("search", ())))
    good = [entry for entry in search if is_host(entry)]
    notes += [
        f"search list entry {entry!r} is not a host and was not carried over"
        for entry in search
        if not is_host(entry)
    ]
    notes += [
        f"{location!r}: the scheme was left out; an entry is a host"
        for values in lists.values()
        for location in values
        if "://" in location
    ]
    known, entries = _known(raw), []
    if "all" in lists.get("block", ()):
        notes.append("block = all was not carried over: no release of podman blocks everything by it")
        lists["block"].remove("all")
    for entry in _old_entries(lists):
        if entry.location not in known:
            entries.append(entry)
            continue
        flags = [f"{flag} = true" for flag in ("blocked", "insecure") if getattr(entry, flag)]
        lost = f"{' and '.join(flags)} was not carried over to it"
        notes.append(f"{entry.location!r} has a [[registry]] already; {lost}")
    current, head = _folded(raw).get(SEARCH), ""
    if "search" in lists:
        if isinstance(current, list):
            known_already = {each for each in current if isinstance(each, str)}
            good = [*current, *(entry for entry in good if entry not in known_already)]
            notes.append(f"the file had two search lists; {SEARCH} has the entries of both")
        head = f"{SEARCH} = {array(good)}"
    has_tables = any(span.header_line is not None for span in locate(rest).values())
    return converted(notes, *((head, rest) if has_tables else (rest, head)), entries_toml(entries))


def _without_old(text: str, *, drop_search: bool) -> tuple[str, list[str]]:
    """Cut the old tables out of a text, but keep their comments; note what they had besides the lists."""
    cut = sorted(
        (span.key_start, span.value_end, path)
        for path, span in locate(text).items()
        if _is_old(path) or (drop_search and fold_key(str(path[0])) == SEARCH)
    )
    notes = [
        f"{'.'.join(map(str, path))} means nothing to podman and was not carried over"
        for _, _, path in cut
        if _unknown(path)
    ]
    breaks = [at for at, char in enumerate(text) if char == "\n"]
    gone: set[int] = set()
    covered = 0  # the values of a list lie within the list's own lines
    for start, end, _ in cut:
        if end > covered:
            gone.update(range(bisect_left(breaks, start), bisect_left(breaks, end) + 1))
            covered = end
    ends = {bisect_left(breaks, end): end for _, end, _ in sorted(cut, key=lambda item: item[1])}
    kept: list[str] = []
    offset = 0
    for number, line in enumerate(text.split("\n")):
        after = line[max(ends[number] - offset, 0) :] if number in ends else line
        if number not in gone:
            kept.append(line)
        elif "#" in after and (number in ends or line.lstrip().startswith("#")):
            kept.append(after[after.index("#") :].rstrip("\r"))
        offset += len(line) + 1
    return "\n".join(kept), notes


def _is_old(path: Path) -> bool:
    return fold_key(str(path[0])) == "registries"


def _unknown(path: Path) -> bool:
    """Return whether a path below [registries] does not belong to the old format."""
    names = [fold_key(str(part)) for part in path[1:3]]
    if len(path) not in (2, 3) or not _is_old(path):
        return False
    return names[0] not in OLD_LISTS if len(path) == 2 else names[0] in OLD_LISTS and names[1] != "registries"


def _known(raw: Table) -> set[str]:
    """Return the places that have a ``[[registry]]`` table."""
    tables = _folded(raw).get("registry")
    named = [_folded(each) for each in (tables if isinstance(tables, list) else ()) if isinstance(each, dict)]
    places = (table.get(key) for table in named for key in ("prefix", "location"))
    return {_bare(place) for place in places if isinstance(place, str)}


# -- Docker's daemon.json --------------------------------------------------------------------------------


def docker_toml(mirrors: Iterable[object], insecure: Iterable[object]) -> tuple[str, list[str]]:
    """Return Docker's two lists as ``[[registry]]`` tables, and notes on what could not be carried over.

    Args:
        mirrors: ``registry-mirrors``: URLs of mirrors of Docker Hub.
        insecure: ``insecure-registries``: hosts and networks.
    """
    notes: list[str] = []
    hosts = {host: None for item in insecure if (host := _insecure_host(item, notes))}
    found = dict(mirror for item in mirrors if (mirror := docker_mirror(item, hosts, notes)))
    entries = []
    if found:
        entries.append(Registry("", HUB, HUB in hosts, mirrors=tuple(map(Mirror, found, found.values()))))
        hosts.pop(HUB, None)
    entries += [Registry("", host, insecure=True) for host in hosts]
    return entries_toml(entries), notes


def _insecure_host(item: object, notes: list[str]) -> str | None:
    text = _bare(item) if isinstance(item, str) else ""
    if is_host(text):
        return text
    why = "is a network, and podman knows hosts only" if "/" in text else "is not a host"
    notes.append(f"insecure-registries: {_shown(item)} {why}; it was not carried over")
    return None


def docker_mirror(item: object, insecure: Iterable[str], notes: list[str]) -> tuple[str, bool] | None:
    """Return a mirror's location and whether it is insecure; None, and a note, if podman cannot use it."""
    text = item if isinstance(item, str) else ""
    bare = _bare(text)
    host = bare.partition("/")[0]
    if "@" in text:
        why = "a mirror with a login in its URL was not carried over: podman login keeps logins"
    elif not is_qualified(host) or not _is_place(bare):
        why = f"{_shown(item)} was not carried over: podman cannot use it as a location"
    else:
        return bare, text.lower().startswith("http://") or host in insecure
    notes.append(f"registry-mirrors: {why}")
    return None


def _is_place(text: str) -> bool:
    try:
        return Reference.parse(f"{text}/a/b").domain is not None
    except RegtoolsError:
        return False


def _from_docker(text: str, file: str | None) -> Conversion:
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise RegtoolsError(
            f"this is not JSON: {error.msg}",
            kind="json-syntax",
            stage="load",
            where=Place(file, error.lineno, error.colno),
            hint="a file that starts with { is read as JSON, as Docker's daemon.json is",
            source_line=text.split("\n")[error.lineno - 1].rstrip("\r"),
        ) from error
    except (RecursionError, ValueError) as error:
        message = "this JSON is nested too deeply, or has a number too long"
        raise RegtoolsError(message, kind="json-syntax", stage="load", where=Place(file)) from error
    lists: dict[str, list[Any]] = {}
    for key in ("registry-mirrors", "insecure-registries"):
        lists[key] = data.get(key, [])
        if not isinstance(lists[key], list):
            message = f"{key!r} must be a list of texts"
            raise RegtoolsError(
                message, kind="type-mismatch", stage="load", where=Place(file), hint=f'write "{key}": ["..."]'
            )
    body, notes = docker_toml(lists["registry-mirrors"], lists["insecure-registries"])
    notes += [f"{key}: registries.conf has no such setting" for key in data if key not in lists]
    top = f"# As with Docker, a short name means Docker Hub.\n{SEARCH} = {array([HUB])}"
    return converted(notes, top, body)


# -- small words -----------------------------------------------------------------------------------------


def _folded(table: Any) -> dict[str, Any]:
    return {fold_key(key): value for key, value in table.items()}


def _bare(text: str) -> str:
    """Leave out scheme and last slashes."""
    if text.lower().startswith(("http://", "https://")):
        text = text.partition("://")[2]
    return text.rstrip("/")


def _shown(item: object) -> str:
    return repr(item) if isinstance(item, str) else "a value that is not text"


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
