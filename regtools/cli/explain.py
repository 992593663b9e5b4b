"""``regtools explain``: where an image name leads, why, and what that means on the wire.

The answer is for the files, variables and user of this machine, or of the one below ``--root``; nothing is
contacted and podman need not be installed.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator
from functools import partial
from stat import S_ISREG
from typing import Any

from regtools.errors import RegtoolsError
from regtools.reference import PullName, physical_host
from regtools.registries.advice import Note, Outcome, advice, advice_on_failure, differences
from regtools.registries.entries import best_prefix
from regtools.registries.reading.credentials import Certificates, Credentials, certificates, credentials
from regtools.registries.reading.document import Document
from regtools.registries.reading.host import Surroundings
from regtools.registries.reading.lookup import Ignored, look_up
from regtools.registries.reading.releases import release
from regtools.registries.resolution import Candidate, Resolution, Source
from regtools.registries.resolve import resolve
from regtools.registries.settings import Settings

from .options import configuration, load, named_files, releases, surroundings
from .output import NO, OK, complain, say, say_json, wrapped
from .parser import ending

Section = tuple[str, list[str]]  # a title, which may be empty, and lines that fit the terminal


CANNOT_KNOW = (
    "local images: podman looks among them first, and contacts the registry of the one it finds{short}",
    "--tls-verify on the command line, which overrides insecure for every place (true and false alike)",
    "the Docker-compatible API, which takes every short name for Docker Hub's unless told otherwise",
    "the files inside a podman machine (macOS, Windows): run this command there, or give --root",
    "signature policy (policy.json), which may refuse an image that was found",
    "a podman that runs as a service: it keeps the environment and the files of its start",
)


def configure(parser: ArgumentParser) -> None:
    """Add the options of ``explain``."""
    parser.add_argument("image", metavar="IMAGE", help="name as you would give it to podman pull")
    configuration(parser, every=True)
    parser.add_argument("--tty", action="store_true", help="as on a terminal, where podman can ask")
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")
    parser.epilog = ending(
        "0 there is a source to pull from, 1 there is none, every one is blocked, or a file cannot be used, "
        "2 wrong usage.",
        "regtools explain nginx",
        "regtools explain quay.io/team/app:1 --podman all",
        "regtools explain nginx --conf my-registries.conf --json",
    )


def run(options: Namespace) -> int:
    """Explain the name as text or as JSON; errors also go to standard error."""
    wanted = [_outcome(options, podman) for podman in releases(options)]
    if options.json:
        data = {outcome.podman: _data(options, outcome) for outcome in wanted}
        say_json(data if options.podman == "all" else data[wanted[0].podman])
    else:
        for number, (title, lines) in enumerate(_answer(options, wanted)):
            if number:
                say()
            if title:
                say(title, bold=True)
            say("\n".join(lines))
    for error in {str(outcome.error): outcome.error for outcome in wanted if outcome.error}.values():
        complain(error)
    return NO if any(outcome.fails for outcome in wanted) else OK


def _outcome(options: Namespace, podman: str) -> Outcome:
    conf = None
    try:
        PullName.parse(options.image)  # podman, too, judges the name before the files
        conf = load(options, podman)
        result: Resolution | RegtoolsError = conf.resolve(options.image, options.tty)
    except RegtoolsError as error:
        result = error
    if conf is not None:
        return Outcome(podman, conf, result, conf.files_read, conf.files_ignored)
    try:  # the files of a configuration that cannot be loaded
        files = look_up(release(podman), surroundings(options), **named_files(options))
    except RegtoolsError:
        return Outcome(podman, None, result)
    return Outcome(podman, None, result, tuple(found.path for found in files.read), tuple(files.ignored))


# -- text --------------------------------------------------------------------------------------------------


def _answer(options: Namespace, wanted: list[Outcome]) -> Iterator[Section]:
    """Yield what each release makes of the name, how the others differ, and what no file shows."""
    shown: dict[str, str] = {}  # what was said → the release of which it was said
    for outcome in wanted:
        same = shown.setdefault(_essence(outcome), outcome.podman)
        if same != outcome.podman:
            yield "", [f"podman {outcome.podman}: as podman {same}"]
        elif isinstance(outcome.result, RegtoolsError):
            yield from _failure(options, outcome, outcome.result)
        else:
            yield from _success(options, outcome, outcome.result)
    mine = wanted[-1]
    others = wanted[:-1] or [_outcome(options, podman) for podman in release(mine.podman).others]
    found = differences(mine, others)
    lines = [f"  seen from podman {mine.podman}:"] if len(wanted) > 1 and found else []
    *names, last = [outcome.podman for outcome in others]
    same = f"podman {', '.join(names)} and {last} give the same answer"
    lines += [line for text in found or (same,) for line in wrapped(text, "  ")]
    yield "Other releases of podman", lines
    short = _short_name(options.image)
    built = f" (localhost, where a localhost/{short} was built here)" if short else ""
    yield "Not to be known from these files", _bullets(t.format(short=built) for t in CANNOT_KNOW)


def _essence(outcome: Outcome) -> str:
    result = outcome.result
    said = str(result) if isinstance(result, RegtoolsError) else repr(result.to_dict())
    return f"{said}\n{outcome.files_read}\n{[path for path, _ in outcome.files_ignored]}"


def _short_name(image: str) -> str | None:
    try:
        pull = PullName.parse(image)
    except RegtoolsError:
        return None
    return None if pull.docker or not pull.reference.is_short else str(pull.reference)


def _success(options: Namespace, outcome: Outcome, res: Resolution) -> Iterator[Section]:
    yield "", [str(res)]
    places = [(candidate, source) for candidate in res.candidates for source in candidate.sources]
    lines = [line for place in places for line in _contact(options, res.conf, *place)]
    if any(not source.blocked for source in res.sources):
        lines += _looked_in(options, res)
    if lines:
        yield "Contacted, in this order", lines
    notes = [*advice(res), *map(Note, _without_effect(options, outcome.files_ignored, res))]
    if notes:
        yield "Worth knowing", _bullets(notes)


def _failure(options: Namespace, outcome: Outcome, error: RegtoolsError) -> Iterator[Section]:
    """Yield what is known of a name that cannot be resolved; the error itself goes to standard error."""
    where = f" ({error.where})" if error.where else ""
    branches = [f"leads nowhere: {error.message} [{error.kind}]{where}"]
    branches += [f"not read: {ignored}" for ignored in outcome.files_ignored]
    lines = wrapped(f"{options.image}  (podman {outcome.podman})")
    lines += [line for text in branches for line in wrapped(text, "├─ ", "│  ")]
    lines += wrapped(f"files: {', '.join(outcome.files_read) or 'none'}", "└─ ", "   ")
    yield "", lines
    if outcome.conf is None:
        return
    lines = _bullets(advice_on_failure(outcome.conf, PullName.parse(options.image).reference.path, error))
    if error.kind == "enforcing-no-tty":
        lines += _bullets(
            ["with a terminal (--tty) podman would ask which of these is meant, and pull the choice:"]
        )
        lines += [
            "",
            *(f"    {line}" for line in str(resolve(outcome.conf, options.image, tty=True)).split("\n")),
        ]
    if lines:
        yield "Worth knowing", lines


def _bullets(notes: Iterable[Note | str]) -> list[str]:
    lines = []
    for note in notes:
        lines += wrapped(str(note), "  - ", "    ")
        if isinstance(note, Note):
            lines += [f"      {line}".rstrip() for line in note.toml.splitlines()]
    return lines


def _without_effect(options: Namespace, ignored: Iterable[Ignored], res: Resolution) -> Iterator[str]:
    """Yield what the files that are not read would have set for these names."""
    around = Surroundings("/" if options.conf else options.root or "/", None, options.uid)
    for path, _ in ignored:
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
        if res.how == "search" and document.settings.search is not None:
            place = document.place(("unqualified-search-registries",))
            yield f"a search list has no effect, because its file is not read ({place})"


# -- on the wire -------------------------------------------------------------------------------------------


def _contact(options: Namespace, conf: Settings, candidate: Candidate, source: Source) -> Iterator[str]:
    """Yield how one source is contacted, and where a login and certificates for it would come from."""
    domain = source.reference.partition("/")[0]
    host = physical_host(domain)
    if source.blocked:
        yield from wrapped(f"{source.reference}: blocked, never contacted", "  ", "    ")
        return
    how = "HTTPS unverified, then plain HTTP (insecure = true)" if source.insecure else "HTTPS only"
    named = f" (the host behind {domain})" if host != domain else ""
    yield from wrapped(f"{source.reference}: {host}{named}, {how}", "  ", "    ")
    logins, certs = _access(options, conf, source.reference)
    lines = [f"login: {_login(logins)}", f"certificates: {_certificates(certs)}"]
    if domain != candidate.name.partition("/")[0]:
        lines.insert(1, f"--creds is not used here, since {domain} is another host than the name's")
    for line in lines:
        yield from wrapped(line, "    ", "      ")


def _looked_in(options: Namespace, res: Resolution) -> Iterator[str]:
    """Yield the files and directories that are searched, once: they are the same for every source."""
    logins, certs = _access(options, res.conf, res.sources[0].reference)
    asked = [
        step.where
        + (" (not there)" if step.outcome == "missing" else "")
        + (f" ({step.named_by} names it)" if step.named_by else "")
        for step in logins.steps
    ]
    yield from wrapped(f"logins are searched in {', '.join(asked)}", "  ", "    ")
    folders = ", ".join(path.rpartition("/")[0] for path in certs.searched)
    yield from wrapped(f"certificates are searched in {folders}", "  ", "    ")


def _access(options: Namespace, conf: Settings, reference: str) -> tuple[Credentials, Certificates]:
    around = surroundings(options)
    logins = credentials(reference, around, helpers=conf.credential_helpers, podman=conf.podman)
    return logins, certificates(reference, around)


def _login(logins: Credentials) -> str:
    parts = [f"{step.where} cannot be used: {step.problem}" for step in logins.steps if step.problem]
    empty = [step for step in logins.steps if step.outcome == "empty-entry"]
    parts += [f"the entry {step.key} of {step.where} holds no login" for step in empty]
    keys = f"searched as {', '.join(logins.keys)}"
    found = logins.found
    if found is None:
        return "; ".join([*parts, "none found", keys, f"to add one: podman login {logins.registry}"])
    if found.helper is None:
        return "; ".join([*parts, f"there is one in {found.where}, under {found.key}", keys])
    place = "" if found.helper == found.where else f" (credHelpers in {found.where})"
    return "; ".join([*parts, f"the program {found.helper} is asked for {found.key}{place}", keys])


def _certificates(certs: Certificates) -> str:
    if certs.directory is None:
        return f"the system's authorities only; there is no directory certs.d/{certs.host}"
    parts = [f"{len(certs.authorities)} *.crt ({', '.join(certs.authorities)})"] if certs.authorities else []
    parts += [f"client {', '.join(certs.clients)}"] if certs.clients else []
    return "; ".join([f"{certs.directory}: {', '.join(parts) or 'nothing usable in it'}", *certs.problems])


# -- data --------------------------------------------------------------------------------------------------


def _data(options: Namespace, outcome: Outcome) -> dict[str, Any]:
    result = outcome.result
    reasons: list[dict[str, Any]] = []
    if isinstance(result, RegtoolsError):
        answer = {"error": result.kind, "stage": result.stage, "file": result.file, "line": result.line}
    else:
        answer, reasons = result.to_dict(), list(_reasons(options, result))
    return {
        "format": 1,
        "image": options.image,
        "podman": outcome.podman,
        "files_read": list(outcome.files_read),
        "files_ignored": [{"path": path, "why": why} for path, why in outcome.files_ignored],
        "result": answer,
        "reasons": reasons,
    }


def _reasons(options: Namespace, res: Resolution) -> Iterator[dict[str, Any]]:
    """Yield each reason with what it is about: the image, a candidate or a source."""
    yield _reason(res.image, "why", res.why)
    yield from map(partial(_reason, res.image, "not used"), res.unused)
    for candidate in res.candidates:
        if candidate.error is not None:
            yield _reason(candidate.name, "why", candidate.error)
        for source in candidate.sources:
            yield _reason(source.reference, "why", source.why)
            logins, certs = _access(options, res.conf, source.reference)
            yield {"about": source.reference, "kind": "login", **logins.to_dict()}
            yield {"about": source.reference, "kind": "certificates", **certs.to_dict()}
        yield from map(partial(_reason, candidate.name, "not used"), candidate.unused)
    yield from (_reason(res.image, "note", note) for note in advice(res))


def _reason(about: str, kind: str, reason: Any) -> dict[str, Any]:
    text = getattr(reason, "text", None) or reason.message
    place = reason.where
    file, line, column = (place.file, place.line, place.column) if place else (None, None, None)
    return {"about": about, "kind": kind, "text": text, "file": file, "line": line, "column": column}
