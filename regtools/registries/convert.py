"""Other ways to say where images come from, turned into the current format of registries.conf.

Two are known: the old file format, which podman 6 refuses, and Docker's ``daemon.json``. What has no
counterpart is said in a comment of the result and in its notes, never left out in silence.

Source: containers-registries.conf(5), "VERSION 1"; Docker's documentation of dockerd's configuration file.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from regtools.errors import Place, RegtoolsError
from regtools.reference import HUB, Reference, is_host, is_qualified
from regtools.toml.reader import decode, parse

from .reading.document import Document
from .reading.releases import release
from .reading.schema import OLD_LISTS, fold_key
from .reading.validation import check
from .writing import _list, entries_toml, quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from .reading.schema import Path, Table

__all__ = ["Conversion", "convert", "docker_toml", "old_entries", "old_toml"]

SEARCH = "unqualified-search-registries"
# Of podman's refusals, those that converting removes.
_CURABLE = ("v1-format", "mixed-v1-v2")


class Conversion(NamedTuple):
    """The text in the current format, and what a person must know about it, a line each."""

    text: str
    notes: tuple[str, ...] = ()


def convert(source: str | bytes, *, file: str | None = None) -> Conversion:
    """Convert a file in the old format, or a daemon.json; which one it is, is seen by its first character.

    Args:
        source: the file's text or bytes.
        file: path to show in errors.

    Returns:
        A text that podman 6 loads. A file that is in the current format already comes back as it is.

    Raises:
        TomlError: no TOML.
        RegtoolsError: ``json-syntax`` or ``type-mismatch`` for a daemon.json, and what podman refuses in the
            file apart from its format.
    """
    text, _ = decode(source, file=file)
    result = _from_docker(text, file) if text.lstrip().startswith("{") else _from_old(text, file)
    Document.read(result.text, release("6"), file=file)
    return result


# -- the old format --------------------------------------------------------------------------------------


def old_lists(raw: Table) -> dict[str, list[str]]:
    """Give the old lists of a file, ``search``, ``insecure``, ``block``; what is no text is left out."""
    tables = _folded(raw).get("registries")
    found = _folded(tables) if isinstance(tables, dict) else {}
    lists = {name: _folded(found[name]) for name in OLD_LISTS if isinstance(found.get(name), dict)}
    return {
        name: [value for value in table["registries"] if isinstance(value, str)]
        for name, table in lists.items()
        if isinstance(table.get("registries"), list)
    }


def old_entries(lists: Mapping[str, list[str]]) -> dict[str, dict[str, bool]]:
    """Turn the lists of blocked and insecure places into entries, as podman 4 and 5 do."""
    entries: dict[str, dict[str, bool]] = {}
    for name, flag in (("block", "blocked"), ("insecure", "insecure")):
        for location in lists.get(name, ()):
            place = _bare(location)
            if place:
                entries.setdefault(place, {})[flag] = True
    return entries


def old_toml(lists: Mapping[str, list[str]]) -> str:
    """Write what stands in the old lists in the current format."""
    parts = []
    if "search" in lists:
        parts.append(f"{SEARCH} = {_list(map(_bare, lists['search']))}")
    parts.append(entries_toml(old_entries(lists)))
    return "\n\n".join(filter(None, parts))


def _from_old(text: str, file: str | None) -> Conversion:
    text = text.replace("\r\n", "\n")
    document, raw = Document(text, file), parse(text, file=file)
    lists = old_lists(raw)
    problems = list(check(parse(text), document.settings, release("5"), dropin=False))
    for problem in problems:
        in_old_list = problem.path[:1] == ("registries",) and problem.kind != "type-mismatch"
        if problem.kind not in _CURABLE and not in_old_list:
            raise document.error(problem)
    if not lists:
        return Conversion(text, ("the file is in the current format already; nothing was changed",))
    rest, notes = _without_old(document, raw)
    search = [_bare(entry) for entry in lists.get("search", ())]
    good = [entry for entry in search if is_host(entry)]
    notes += [
        f"search list entry {entry!r} is no host and was not carried over"
        for entry in search
        if entry not in good
    ]
    notes += [
        f"{location!r}: the scheme was left out; an entry is a host"
        for values in lists.values()
        for location in values
        if "://" in location
    ]
    current = _folded(raw).get(SEARCH)
    entries, clashes = _new_entries(old_entries(lists), raw)
    notes += clashes
    lines = []
    if "search" in lists:
        if isinstance(current, list):
            good = [*current, *(entry for entry in good if entry not in current)]
            notes.append(f"the file had two search lists; {SEARCH} has the entries of both")
        lines = [f"{SEARCH} = {_list(good)}"]
    parts = [*lines, rest] if _has_tables(rest) else [rest, *lines]
    comments = "\n".join(f"# Note: {_one_line(note)}" for note in notes)
    body = "\n\n".join(part.strip("\n") for part in (comments, *parts, entries_toml(entries)) if part.strip())
    return Conversion(body + "\n" if body else "", tuple(notes))


def _without_old(document: Document, raw: Table) -> tuple[str, list[str]]:
    """Cut the old tables out of a text; what they had besides their lists is kept as comments."""
    from regtools.toml.positions import locate

    text = document.text
    spans = locate(text)
    drop_search = "search" in old_lists(raw)
    cut = sorted(
        (span.key_start, span.value_end, path)
        for path, span in spans.items()
        if _is_old(path) or (drop_search and fold_key(str(path[0])) == SEARCH)
    )
    notes = [
        f"{'.'.join(map(str, path))} means nothing to podman and was not carried over"
        for _, _, path in cut
        if _unknown(path)
    ]
    lines = text.split("\n")
    gone: set[int] = set()
    for start, end, _ in cut:
        gone.update(range(text.count("\n", 0, start), text.count("\n", 0, end) + 1))
    ends = {text.count("\n", 0, end): end for _, end, _ in sorted(cut, key=lambda item: item[1])}
    kept: list[str] = []
    offset = 0
    for number, line in enumerate(lines):
        after = line[max(ends[number] - offset, 0) :] if number in ends else line
        comment = after[after.index("#") :] if number in gone and "#" in after else None
        if number not in gone:
            kept.append(line)
        elif comment and (number in ends or line.lstrip().startswith("#")):
            kept.append(comment.rstrip("\r"))
        offset += len(line) + 1
    return "\n".join(kept), notes


def _is_old(path: Path) -> bool:
    return fold_key(str(path[0])) == "registries"


def _unknown(path: Path) -> bool:
    """Say whether a path below [registries] is none of the old format."""
    names = [fold_key(str(part)) for part in path[1:3]]
    if len(path) not in (2, 3) or not _is_old(path):
        return False
    return names[0] not in OLD_LISTS if len(path) == 2 else names[0] in OLD_LISTS and names[1] != "registries"


def _has_tables(text: str) -> bool:
    from regtools.toml.positions import locate

    return any(span.header_line is not None for span in locate(text).values())


def _new_entries(
    entries: dict[str, dict[str, bool]], raw: Table
) -> tuple[dict[str, dict[str, bool]], list[str]]:
    """Leave out the places that have a ``[[registry]]`` already, and say so."""
    tables = _folded(raw).get("registry")
    have: set[str] = set()
    for table in tables if isinstance(tables, list) else ():
        named = _folded(table) if isinstance(table, dict) else {}
        have |= {_bare(named[key]) for key in ("prefix", "location") if isinstance(named.get(key), str)}
    notes = [
        f"{place!r} has a [[registry]] already; "
        f"{' and '.join(f'{flag} = true' for flag in flags)} was not carried over to it"
        for place, flags in entries.items()
        if place in have
    ]
    return {place: flags for place, flags in entries.items() if place not in have}, notes


# -- Docker's daemon.json --------------------------------------------------------------------------------


def docker_toml(mirrors: Iterable[Any], insecure: Iterable[Any]) -> tuple[str, list[str]]:
    """Write Docker's two lists as ``[[registry]]`` tables; give also what could not be carried over.

    Args:
        mirrors: ``registry-mirrors``: URLs of mirrors of Docker Hub.
        insecure: ``insecure-registries``: hosts and networks.
    """
    notes: list[str] = []
    hosts = [host for item in insecure if (host := _insecure_host(item, notes)) is not None]
    hosts = list(dict.fromkeys(hosts))
    blocks = []
    found = [mirror for item in mirrors if (mirror := _docker_mirror(item, hosts, notes)) is not None]
    if found:
        flag = "\ninsecure = true" if HUB in hosts else ""
        blocks.append(f"[[registry]]\nlocation = {quote(HUB)}{flag}")
        for location, unsafe in dict(found).items():
            flag = "\ninsecure = true" if unsafe else ""
            blocks.append(f"[[registry.mirror]]\nlocation = {quote(location)}{flag}")
        hosts = [host for host in hosts if host != HUB]
    blocks.append(entries_toml({host: {"insecure": True} for host in hosts}))
    return "\n\n".join(filter(None, blocks)), notes


def _insecure_host(item: Any, notes: list[str]) -> str | None:
    text = _bare(item) if isinstance(item, str) else ""
    if is_host(text):
        return text
    why = "is a network, and podman knows hosts only" if "/" in text else "is no host"
    notes.append(f"insecure-registries: {_shown(item)} {why}; it was not carried over")
    return None


def _docker_mirror(item: Any, insecure: list[str], notes: list[str]) -> tuple[str, bool] | None:
    text = item if isinstance(item, str) else ""
    host = _bare(text).partition("/")[0]
    if "@" in text or not is_qualified(host) or not _is_place(_bare(text)):
        shown = "a mirror with a login in its URL" if "@" in text else _shown(item)
        why = (
            "podman keeps logins elsewhere (podman login)" if "@" in text else "it is no place podman can use"
        )
        notes.append(f"registry-mirrors: {shown} was not carried over: {why}")
        return None
    return _bare(text), text.lower().startswith("http://") or host in insecure


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
            f"this is no JSON: {error.msg}",
            kind="json-syntax",
            stage="load",
            where=Place(file, error.lineno, error.colno),
            hint="a file that starts with { is taken for Docker's daemon.json",
            source_line=text.split("\n")[error.lineno - 1].rstrip("\r"),
        ) from error
    except (RecursionError, ValueError) as error:
        raise RegtoolsError(
            "this JSON is nested too deeply, or has a number too long",
            kind="json-syntax",
            stage="load",
            where=Place(file),
        ) from error
    lists: dict[str, list[Any]] = {}
    for key in ("registry-mirrors", "insecure-registries"):
        lists[key] = data.get(key, [])
        if not isinstance(lists[key], list):
            raise RegtoolsError(
                f"{key!r} must be a list of texts",
                kind="type-mismatch",
                stage="load",
                where=Place(file),
                hint=f'write "{key}": ["..."]',
            )
    body, notes = docker_toml(lists["registry-mirrors"], lists["insecure-registries"])
    notes += [f"{key}: registries.conf has no such setting" for key in data if key not in lists]
    top = "# As with Docker, a short name means Docker Hub.\n" + f"{SEARCH} = {_list([HUB])}"
    comments = "\n".join(f"# Note: {_one_line(note)}" for note in notes)
    return Conversion("\n\n".join(filter(None, (comments, top, body))) + "\n", tuple(notes))


# -- small words -----------------------------------------------------------------------------------------


def _folded(table: Any) -> dict[str, Any]:
    return {fold_key(key): value for key, value in table.items()}


def _bare(text: str) -> str:
    """Leave out scheme and last slashes."""
    lower = text.lower()
    if lower.startswith(("http://", "https://")):
        text = text.partition("://")[2]
    return text.rstrip("/")


def _shown(item: Any) -> str:
    return repr(item) if isinstance(item, str) else "a value that is no text"


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
