"""``regtools explain``: where an image name leads, why, and what that means on the wire.

The answer is for the files, variables and user of this machine, or of the one below ``--root``; nothing is
contacted and podman need not be installed.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

from regtools.errors import RegtoolsError
from regtools.reference import PullName
from regtools.registries.advice import Outcome, differences
from regtools.registries.resolve import resolve

from . import NO, OK, wants_colour
from . import options as sources
from .contact import access, contact, looked_in, wrapped

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Iterator
    from typing import Any

    from regtools.registries.advice import Note
    from regtools.registries.resolution import Resolution

__all__ = ["configure", "run"]

CANNOT_KNOW = (
    "local images: podman looks among them first, and contacts the registry of the one it finds{short}",
    "--tls-verify on the command line, which overrides insecure for every place (true and false alike)",
    "the Docker-compatible API, which takes every short name for Docker Hub's unless told otherwise",
    "the files inside a podman machine (macOS, Windows): run this command there, or give --root",
    "signature policy (policy.json), which may refuse an image that was found",
    "a podman that runs as a service: it keeps the environment and the files of its start",
)


def configure(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("image", metavar="IMAGE", help="what would be given to podman pull")
    sources.configure(parser, every=True)
    parser.add_argument("--tty", action="store_true", help="as on a terminal, where podman can ask")
    parser.add_argument("--json", action="store_true", help="the answer as data")


def run(options: Namespace) -> int:
    """Explain; give 0, or 1 where the name leads nowhere or the files stop podman."""
    wanted = sources.releases(options)
    outcomes = {podman: _outcome(options, podman) for podman in sources.ALL}
    if options.json:
        _print_json(options, [outcomes[podman] for podman in wanted])
    else:
        _print_text(options, [outcomes[podman] for podman in wanted], list(outcomes.values()))
    sys.stdout.flush()
    for error in _distinct_errors([outcomes[podman] for podman in wanted]):
        print(error.render(colour=wants_colour(sys.stderr)), file=sys.stderr)
    return NO if any(outcomes[podman].fails for podman in wanted) else OK


def _outcome(options: Namespace, podman: str) -> Outcome:
    conf = None
    try:
        PullName.parse(options.image)  # podman, too, judges the name before the files
        conf = sources.load(options, podman)
        return Outcome(
            podman, conf, conf.resolve(options.image, options.tty), conf.files_read, conf.files_ignored
        )
    except RegtoolsError as error:
        if conf is not None:
            return Outcome(podman, conf, error, conf.files_read, conf.files_ignored)
        return Outcome(podman, None, error, *_files(options, podman))


def _files(options: Namespace, podman: str) -> tuple[Any, Any]:
    """Find the files of a configuration that cannot be loaded."""
    from regtools.registries.reading.host import Surroundings
    from regtools.registries.reading.lookup import look_up
    from regtools.registries.reading.releases import release

    try:
        around = Surroundings(options.root or "/", None, options.uid)
        paths = {"path": options.conf, "dropins": options.dropins, "aliases": options.aliases}
        files = look_up(release(podman), around, **paths)
    except RegtoolsError:
        return (), ()
    return tuple(found.path for found in files.read), tuple(files.ignored)


def _distinct_errors(outcomes: list[Outcome]) -> list[RegtoolsError]:
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    return list({str(error): error for error in errors}.values())


# -- text ------------------------------------------------------------------------------------------------


def _print_text(options: Namespace, wanted: list[Outcome], every: list[Outcome]) -> None:
    title = _bold if wants_colour(sys.stdout) else _plain
    shown: dict[str, str] = {}  # what was said → the release of which it was said
    for outcome in wanted:
        same = shown.setdefault(_essence(outcome), outcome.podman)
        if same != outcome.podman:
            print(f"podman {outcome.podman}: as podman {same}\n")
            continue
        for line in _explanation(options, outcome, title):
            print(line)
    mine = wanted[-1]
    print(title("Other releases of podman"))
    others = [outcome for outcome in every if outcome is not mine]
    lines = differences(mine, others)
    if len(wanted) > 1 and lines:
        print(f"  seen from podman {mine.podman}:")
    for line in lines or (f"podman {' and '.join(o.podman for o in others)} give the same answer",):
        print(*wrapped(line, "  "), sep="\n")
    print("\n" + title("Not to be known from these files"))
    short = _short_name(options.image)
    built = f" (localhost, where a localhost/{short} was built here)" if short else ""
    for text in CANNOT_KNOW:
        print(*wrapped(text.format(short=built), "  - ", "    "), sep="\n")


def _short_name(image: str) -> str | None:
    try:
        pull = PullName.parse(image)
    except RegtoolsError:
        return None
    return None if pull.docker or not pull.reference.is_short else str(pull.reference)


def _essence(outcome: Outcome) -> str:
    result = outcome.result
    said = str(result) if isinstance(result, RegtoolsError) else repr(result.to_dict())
    ignored = [path for path, _ in outcome.files_ignored]
    return f"{said}\n{outcome.files_read}\n{ignored}"


def _explanation(options: Namespace, outcome: Outcome, title: Callable[[str], str]) -> Iterator[str]:
    res = outcome.result
    if isinstance(res, RegtoolsError):
        yield from _failure(options, outcome, res, title)
        return
    yield str(res)
    notes = list(_advice(res))
    yield "\n" + title("Contacted, in this order")
    for candidate in res.candidates:
        for source in candidate.sources:
            yield from contact(options, res.conf, candidate, source)
    if any(not source.blocked for source in res.sources):
        yield from looked_in(options, res)
    unread = list(_in_vain(options, outcome, res))
    if notes or unread:
        yield "\n" + title("Worth knowing")
    for note in notes:
        yield from wrapped(str(note), "  - ", "    ")
        yield from (f"      {line}" if line else "" for line in note.toml.splitlines())
    for text in unread:
        yield from wrapped(text, "  - ", "    ")
    yield ""


def _advice(res: Resolution) -> tuple[Note, ...]:
    from regtools.registries.advice import advice

    return advice(res)


def _failure(
    options: Namespace, outcome: Outcome, error: RegtoolsError, title: Callable[[str], str]
) -> Iterator[str]:
    """Say what is known of a name that leads nowhere; the error itself goes to standard error."""
    from regtools.registries.advice import advice_on_failure

    where = f" ({error.where})" if error.where else ""
    yield from wrapped(f"{options.image}  (podman {outcome.podman})", "")
    yield from wrapped(f"leads nowhere: {error.message} [{error.kind}]{where}", "├─ ", "│  ")
    for ignored in outcome.files_ignored:
        yield from wrapped(f"not read: {ignored}", "├─ ", "│  ")
    yield from wrapped(f"files: {', '.join(outcome.files_read) or 'none'}", "└─ ", "   ")
    yield ""
    conf = outcome.conf
    if conf is None:
        return
    reference = PullName.parse(options.image).reference
    notes = advice_on_failure(conf, reference.path, error)
    if notes:
        yield title("Worth knowing")
    for note in notes:
        yield from wrapped(str(note), "  - ", "    ")
        yield from (f"      {line}" if line else "" for line in note.toml.splitlines())
    if error.kind == "enforcing-no-tty":
        yield "  - with a terminal (--tty) podman would ask which of these is meant, and pull the choice:\n"
        yield from ("    " + line for line in str(resolve(conf, options.image, tty=True)).splitlines())
    yield ""


def _in_vain(options: Namespace, outcome: Outcome, res: Resolution) -> Iterator[str]:
    """Say what a file that is not read would have had for these names."""
    from stat import S_ISREG

    from regtools.registries.entries import best_prefix
    from regtools.registries.reading.document import Document
    from regtools.registries.reading.host import Surroundings
    from regtools.registries.reading.releases import release

    around = Surroundings("/" if options.conf else options.root or "/", None, options.uid)
    for path, _ in outcome.files_ignored:
        if not S_ISREG(around.mode(path) or 0):  # a pipe would keep us waiting
            continue
        try:
            document = Document.read(around.read(path), release("6"), file=path)
        except RegtoolsError:
            continue
        entries = document.settings.entries
        for candidate in res.candidates:
            prefix = best_prefix(entries, candidate.repository)
            if prefix is not None:
                place = document.place(document.entry_path(prefix))
                what = "a block" if entries[prefix].get("blocked") else "an entry"
                yield f"{what} of {prefix!r} has no effect, because its file is not read ({place})"
        search = ("unqualified-search-registries",)
        if res.how == "search" and document.settings.search is not None:
            yield f"a search list has no effect, because its file is not read ({document.place(search)})"


def _plain(text: str) -> str:
    return text


def _bold(text: str) -> str:
    return f"\x1b[1m{text}\x1b[0m"


# -- data ------------------------------------------------------------------------------------------------


def _print_json(options: Namespace, outcomes: list[Outcome]) -> None:
    import json

    plain = {outcome.podman: _data(options, outcome) for outcome in outcomes}
    answer: Any = plain if options.podman == "all" else plain[outcomes[0].podman]
    print(json.dumps(answer, indent=2, ensure_ascii=False))


def _data(options: Namespace, outcome: Outcome) -> dict[str, Any]:
    result = outcome.result
    failed = isinstance(result, RegtoolsError)
    return {
        "format": 1,
        "image": options.image,
        "podman": outcome.podman,
        "files_read": list(outcome.files_read),
        "files_ignored": [{"path": path, "why": why} for path, why in outcome.files_ignored],
        "result": _error(result) if isinstance(result, RegtoolsError) else result.to_dict(),
        "reasons": [] if failed else list(_reasons(options, result)),
    }


def _error(error: RegtoolsError) -> dict[str, Any]:
    return {"error": error.kind, "stage": error.stage, "file": error.file, "line": error.line}


def _reasons(options: Namespace, res: Any) -> Iterator[dict[str, Any]]:
    """Yield each reason with what it is about: the image, a candidate or a source."""
    yield _reason(res.image, "why", res.why)
    yield from map(partial(_reason, res.image, "not used"), res.unused)
    for candidate in res.candidates:
        if candidate.error is not None:
            yield _reason(candidate.name, "why", candidate.error)
        for source in candidate.sources:
            yield _reason(source.reference, "why", source.why)
            found = access(options, res.conf.podman, res.conf.credential_helpers, source.reference)
            yield {"about": source.reference, "kind": "login", **found[0].to_dict()}
            yield {"about": source.reference, "kind": "certificates", **found[1].to_dict()}
        yield from map(partial(_reason, candidate.name, "not used"), candidate.unused)
    yield from (_reason(res.image, "note", note) for note in _advice(res))


def _reason(about: str, kind: str, reason: Any) -> dict[str, Any]:
    place = reason.where
    text = getattr(reason, "text", None) or reason.message
    file, line, column = place if place else (None, None, None)
    return {"about": about, "kind": kind, "text": text, "file": file, "line": line, "column": column}
