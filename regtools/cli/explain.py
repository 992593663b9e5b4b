"""``regtools explain``: where an image name leads, why, and what else it means.

The answer is for the files, variables and user of this machine, or of the one below ``--root``; nothing is
contacted and podman need not be installed. Logins are looked for where the answer depends on them.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from collections.abc import Iterable, Iterator
from functools import partial
from stat import S_ISREG

from regtools.display import wrapped
from regtools.errors import RegtoolsError
from regtools.reference import PullName
from regtools.registries.advice import Note, advice, advice_on_failure
from regtools.registries.entries import best_prefix
from regtools.registries.reading.document import Document
from regtools.registries.reading.host import Surroundings
from regtools.registries.reading.lookup import Ignored, look_up
from regtools.registries.reading.releases import release
from regtools.registries.resolution import Resolution, answer, details, note_lines
from regtools.registries.settings import SEARCH, Settings
from regtools.values import TYPE_CHECKING, NamedTuple

from .options import configuration, load, named_files, releases, surroundings
from .output import NO, OK, complain, say, say_json
from .parser import ending

if TYPE_CHECKING:
    from typing import Any

    from regtools.registries.reading.credentials import Certificates, Credentials


class Outcome(NamedTuple):
    """What one release makes of a name.

    Attributes:
        image: the name.
        podman: the release.
        conf: its configuration, or None if that cannot be loaded.
        result: the resolution, or the error instead of it.
        files_read, files_ignored: known even if the files cannot be used.
    """

    image: str
    podman: str
    conf: Settings | None
    result: Resolution | RegtoolsError
    files_read: tuple[str, ...] = ()
    files_ignored: tuple[Ignored, ...] = ()

    @property
    def fails(self) -> bool:
        """Whether the name cannot be pulled: an error, or no source that can be used."""
        return isinstance(self.result, RegtoolsError) or not any(s.usable for s in self.result.sources)


def configure(parser: ArgumentParser) -> None:
    """Add the options of ``explain``."""
    add = parser.add_argument
    add("image", metavar="IMAGE", nargs="+", help="name as you would give it to podman pull")
    configuration(parser, every=True)
    add(
        "--tty",
        action=BooleanOptionalAction,
        help="whether podman can ask on a terminal (default: whether this is one)",
    )
    add("-v", "--verbose", action="store_true", help="also logins, certificates, other releases, all reasons")
    add("--json", action="store_true", help="print the answer as JSON; for several images a list")
    parser.epilog = ending(
        "0 there is a source to pull from, 1 there is none, every one is blocked, or a file cannot be used, "
        "2 wrong usage.",
        "regtools explain nginx",
        "regtools explain quay.io/team/app:1 --podman all",
        "regtools explain nginx --conf my-registries.conf --json",
    )


def run(options: Namespace) -> int:
    """Explain each name as text or as JSON; errors go to standard error."""
    if options.tty is None:
        options.tty = sys.stdin.isatty() and sys.stdout.isatty()
    asked = releases(options)
    wanted = [[_outcome(options, image, podman) for podman in asked] for image in options.image]
    if options.json:
        data = [{outcome.podman: _data(outcome) for outcome in outcomes} for outcomes in wanted]
        plain = data if options.podman == "all" else [found for each in data for found in each.values()]
        say_json(plain if len(plain) > 1 else plain[0])
        errors = [
            each.result for outcomes in wanted for each in outcomes if isinstance(each.result, Exception)
        ]
        for error in {str(error): error for error in errors}.values():
            complain(error)
    else:
        for number, outcomes in enumerate(wanted):
            if number:
                say()
            _show(options, outcomes)
    return NO if any(outcome.fails for outcomes in wanted for outcome in outcomes) else OK


def _outcome(options: Namespace, image: str, podman: str) -> Outcome:
    conf = None
    try:
        PullName.parse(image)  # podman, too, judges the name before the files
        conf = load(options, podman)
        result: Resolution | RegtoolsError = conf.resolve(image, options.tty)
    except RegtoolsError as error:
        result = error
    if conf is not None:
        return Outcome(image, podman, conf, result, conf.files_read, conf.files_ignored)
    try:  # the files of a configuration that cannot be loaded
        files = look_up(release(podman), surroundings(options), **named_files(options))
    except RegtoolsError:
        return Outcome(image, podman, None, result)
    return Outcome(
        image, podman, None, result, tuple(found.path for found in files.read), tuple(files.ignored)
    )


# -- text --------------------------------------------------------------------------------------------------


def _show(options: Namespace, outcomes: list[Outcome]) -> None:
    """Print what each release makes of a name; a release with the same answer is only named."""
    shown: dict[str, str] = {}  # what was said → the release of which it was said
    for outcome in outcomes:
        same = shown.setdefault(_essence(outcome), outcome.podman)
        if same != outcome.podman:
            say(f"podman {outcome.podman}: as podman {same}")
            continue
        if len(shown) > 1:
            say()
        if isinstance(outcome.result, RegtoolsError):
            complain(outcome.result)
            lines = _failure(options, outcome, outcome.result, outcomes)
        else:
            head, *lines = _success(options, outcome, outcome.result, outcomes)
            say(head, bold=True)
        if lines:
            say("\n".join(lines))


def _essence(outcome: Outcome) -> str:
    result = outcome.result
    said = str(result) if isinstance(result, RegtoolsError) else repr(result.to_dict())
    return f"{said}\n{outcome.files_read}\n{[path for path, _ in outcome.files_ignored]}"


def _failure(options: Namespace, outcome: Outcome, error: RegtoolsError, shown: list[Outcome]) -> list[str]:
    """Return what helps with a name that cannot be resolved; the error itself is on standard error."""
    if error.stage == "parse":
        return []
    notes: list[Note] = []
    if outcome.conf is not None:
        notes += advice_on_failure(outcome.conf, PullName.parse(outcome.image), error)
    notes += [Note(f"{who} {text}") for who, text in _differences(options, outcome, shown)]
    lines = [f"podman {outcome.podman} cannot pull {outcome.image}:"]
    lines += [line for note in notes for line in note_lines(note)]
    if outcome.conf is None:
        lines += wrapped(f"Files: {', '.join(outcome.files_read) or 'none'}")
    return lines + [line for each in outcome.files_ignored for line in wrapped(f"Not read: {each}")]


def _success(options: Namespace, outcome: Outcome, res: Resolution, shown: list[Outcome]) -> list[str]:
    around = Surroundings() if options.conf else res.conf.surroundings
    notes, step = list(_without_effect(around, outcome.files_ignored, res)), ""
    if lacking := _host_without_login(res):
        notes.insert(0, lacking[1])
        step = f"podman login {lacking[0]}"
    return answer(
        res,
        notes=notes,
        others=_differences(options, outcome, shown),
        step=step,
        whole=options.verbose,
        more="" if options.verbose else " (-v shows more)",
    ) + (_verbose(res) if options.verbose else [])


def _without_effect(around: Surroundings, ignored: Iterable[Ignored], res: Resolution) -> Iterator[Note]:
    """Yield what the files that are not read would have set for these names."""
    for path, why in ignored:
        if not S_ISREG(around.mode(path) or 0):  # a pipe would keep us waiting
            continue
        try:
            document = Document.read(around.read(path), release("6"), file=path)
        except RegtoolsError:
            continue
        entries = document.settings.entries
        found = [best_prefix(entries, candidate.repository) for candidate in res.candidates]
        for prefix in filter(None, dict.fromkeys(found)):
            place = document.place(document.entry_path(prefix))
            what = "block" if entries[prefix].get("blocked") else "entry"
            yield Note(
                f"the {what} of {prefix!r} in {place} has no effect, since its file is not read: {why}"
            )
        if res.how == "search" and document.settings.search is not None:
            place = document.place((SEARCH,))
            yield Note(f"the search list in {place} has no effect, since its file is not read: {why}")


def _differences(options: Namespace, mine: Outcome, shown: list[Outcome]) -> list[tuple[str, str]]:
    """Return what other releases do instead, those that do the same in one row."""
    if len(shown) > 1:
        return []
    rows: dict[str, list[str]] = {}
    for podman in release(mine.podman).others:
        for text in _between(mine, _outcome(options, mine.image, podman)):
            rows.setdefault(text, []).append(podman)
    if options.verbose and not rows:
        rows["would give the same answer"] = [*release(mine.podman).others]
    return [(f"podman {', '.join(releases)}", text) for text, releases in rows.items()]


def _between(mine: Outcome, other: Outcome) -> Iterator[str]:
    error = other.result
    if isinstance(error, RegtoolsError):
        my = mine.result
        if not isinstance(my, RegtoolsError) or (my.kind, my.where) != (error.kind, error.where):
            yield f"would stop: {error.message} [{error.kind}]{f' ({error.where})' if error.where else ''}"
    elif isinstance(mine.result, RegtoolsError) or mine.result.to_dict() != error.to_dict():
        yield _pulls(error)
    fewer = [file for file in mine.files_read if file not in other.files_read]
    more = [file for file in other.files_read if file not in mine.files_read]
    if fewer:
        yield f"would not read {', '.join(fewer)}{_why(fewer[0], other)}"
    if more:
        yield f"would read {', '.join(more)}{_why(more[0], mine, f'podman {mine.podman}: ')}"
    if mine.files_read != other.files_read and not fewer and not more:
        yield f"would read the files in this order: {', '.join(other.files_read)}"


def _why(file: str, outcome: Outcome, opening: str = "") -> str:
    """Return the reason why a release ignores a file, unless that it does not look there says it all."""
    found = [each.why for each in outcome.files_ignored if each.path == file and each.code != "elsewhere"]
    return f" ({opening}{found[0]})" if found else ""


def _pulls(res: Resolution) -> str:
    """Return in one line where a name is pulled from."""
    parts = []
    for candidate in res.candidates:
        if candidate.failed:
            parts.append(f"nothing for {candidate.name} [{candidate.failed}]")
        for source in candidate.sources:
            marks = [word for word in ("insecure", "blocked") if getattr(source, word)]
            parts.append(source.reference + (f" ({', '.join(marks)})" if marks else ""))
    return f"would {'ask, then ' if res.prompt else ''}pull from {', then '.join(parts)}"


# -- logins and certificates -------------------------------------------------------------------------------


def _access(conf: Settings, reference: str) -> tuple[Credentials, Certificates]:
    from regtools.registries.reading.credentials import certificates, credentials

    around = conf.surroundings
    logins = credentials(reference, around, helpers=conf.credential_helpers, podman=conf.podman)
    return logins, certificates(reference, around)


def _host_without_login(res: Resolution) -> tuple[str, Note] | None:
    """Return a host that is contacted and has no login, with a note, where the name's own host has one."""
    candidate = res.candidates[0]
    if all(source.parsed.domain == candidate.parsed.domain for source in candidate.sources):
        return None
    own, _ = _access(res.conf, candidate.name)
    looked = [_access(res.conf, source.reference)[0] for source in candidate.sources if source.usable]
    lacking = [*dict.fromkeys(each.registry for each in looked if each.found is None)]
    if own.found is None or not lacking:
        return None
    keys = ", then ".join(dict.fromkeys(f"{each.keys[0]} … {each.registry}" for each in looked))
    files = ", ".join(step.where for step in own.steps if step.outcome != "missing")
    return lacking[0], Note(
        f"the login for {own.registry} and --creds are not sent to another host: logins are searched under "
        f"{keys}, and {files} has none for {', '.join(lacking)}"
    )


def _verbose(res: Resolution) -> list[str]:
    """Return what -v adds: reasons, logins, certificates, and the files that are not read."""
    lines = ["", "Reasons"]
    lines += [line for text in details(res) for line in wrapped(text, "  - ", "    ")]
    usable = [source.reference for source in res.sources if source.usable]
    if not usable:
        return lines
    hosts: dict[tuple[str, str], list[str]] = {}
    for reference in usable:
        logins, certs = _access(res.conf, reference)
        hosts.setdefault((_login(logins), _certificates(certs)), []).append(logins.registry)
    lines += ["", "Logins and certificates"]
    for (login, certs_text), names in hosts.items():
        lines += wrapped(", ".join(dict.fromkeys(names)), "  ")
        lines += [*wrapped(f"login: {login}", "    ", "      "), *wrapped(certs_text, "    ", "      ")]
    asked = [
        step.where
        + (" (not there)" if step.outcome == "missing" else "")
        + (f" ({step.named_by} names it)" if step.named_by else "")
        for step in logins.steps
    ]
    folders = ", ".join(path.rpartition("/")[0] for path in certs.searched)
    lines += wrapped(
        f"logins are searched in {', '.join(asked)}, under the name, then its parts", "  ", "    "
    )
    return lines + wrapped(f"certificates are searched in {folders}, below the host's name", "  ", "    ")


def _login(logins: Credentials) -> str:
    parts = [f"{step.where} cannot be used: {step.problem}" for step in logins.steps if step.problem]
    empty = [step for step in logins.steps if step.outcome == "empty-entry"]
    parts += [f"the entry {step.key} of {step.where} holds no login" for step in empty]
    found = logins.found
    if found is None:
        return "; ".join([*parts, "none found (podman login HOST adds one)"])
    if found.helper is None:
        return "; ".join([*parts, f"there is one in {found.where}, under {found.key}"])
    place = "" if found.helper == found.where else f" (credHelpers in {found.where})"
    return "; ".join([*parts, f"the program {found.helper} is asked for {found.key}{place}"])


def _certificates(certs: Certificates) -> str:
    if certs.directory is None:
        return "certificates: the system's authorities only"
    parts = [f"{len(certs.authorities)} *.crt ({', '.join(certs.authorities)})"] if certs.authorities else []
    parts += [f"client {', '.join(certs.clients)}"] if certs.clients else []
    inside = f"{certs.directory}: {', '.join(parts) or 'nothing usable in it'}"
    return f"certificates: {'; '.join([inside, *certs.problems])}"


# -- data --------------------------------------------------------------------------------------------------


def _data(outcome: Outcome) -> dict[str, Any]:
    result = outcome.result
    reasons: list[dict[str, Any]] = []
    if isinstance(result, RegtoolsError):
        answer = {"error": result.kind, "stage": result.stage, "file": result.file, "line": result.line}
        answer |= {"message": result.message, "hint": result.hint}
    else:
        answer, reasons = result.to_dict(), list(_reasons(result))
    return {
        "format": 1,
        "image": outcome.image,
        "podman": outcome.podman,
        "files_read": list(outcome.files_read),
        "files_ignored": [{"path": path, "why": why} for path, why in outcome.files_ignored],
        "result": answer,
        "reasons": reasons,
    }


def _reasons(res: Resolution) -> Iterator[dict[str, Any]]:
    """Yield each reason with what it is about: the image, a candidate or a source."""
    yield _reason(res.image, "why", res.why)
    yield from map(partial(_reason, res.image, "not used"), res.unused)
    for candidate in res.candidates:
        if candidate.error is not None:
            yield _reason(candidate.name, "why", candidate.error)
        for source in candidate.sources:
            yield _reason(source.reference, "why", source.why)
            logins, certs = _access(res.conf, source.reference)
            yield {"about": source.reference, "kind": "login", **logins.to_dict()}
            yield {"about": source.reference, "kind": "certificates", **certs.to_dict()}
        yield from map(partial(_reason, candidate.name, "not used"), candidate.unused)
    for note in advice(res.pull, res.how, res.candidates):
        yield _reason(res.image, "note", note)


def _reason(about: str, kind: str, reason: Any) -> dict[str, Any]:
    text = getattr(reason, "text", None) or reason.message
    place = reason.where
    file, line, column = (place.file, place.line, place.column) if place else (None, None, None)
    return {"about": about, "kind": kind, "text": text, "file": file, "line": line, "column": column}
