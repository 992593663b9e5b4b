"""Pasted files, a name, and what podman 4, 5 and 6 make of them: the explorer's answer.

The files are those of a machine that is not there: each has the path where podman would look for it, so that
the answer tells which of them are read. The page of the web edition and :mod:`regtools.notebook.explorer`
show the same answer.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from regtools.display import escape, printable, visible
from regtools.errors import RegtoolsError
from regtools.reference import PullName
from regtools.registries.checks import Findings, Report, check_machine
from regtools.registries.checks.fixes import apply_all
from regtools.registries.conf import RegistriesConf
from regtools.registries.reading.host import Surroundings
from regtools.registries.reading.releases import RELEASES
from regtools.registries.reading.releases import release as release_named
from regtools.registries.resolution import Resolution
from regtools.values import Value

MAIN = "/etc/containers/registries.conf"
DROPIN = "/etc/containers/registries.conf.d/50-mine.conf"
HOME = "/home/you"
USER = 1000
PODMANS = tuple(RELEASES)
# What only the machine itself can tell: its programs, and whose files they are.
OF_THE_MACHINE = frozenset({"helper-missing", "unreadable-for-user"})
MOST = 2_000_000  # characters of all files: a configuration, not an archive

_BOX = "flex:1 1 300px;min-width:0;overflow-x:auto"


class Answer(Value):
    """What one release makes of the files and the name.

    Attributes:
        podman: the release.
        result: where the name leads, or the error instead of it; None where no name was given.
        files_read: paths, in the order of merging.
        files_ignored: path → why it is not read.
    """

    __slots__ = ("files_ignored", "files_read", "podman", "result")

    def __init__(
        self,
        podman: str,
        result: Resolution | RegtoolsError | None,
        files_read: tuple[str, ...],
        files_ignored: dict[str, str],
    ) -> None:
        self.podman = podman
        self.result = result
        self.files_read = files_read
        self.files_ignored = files_ignored

    @property
    def essence(self) -> str:
        """What can be compared between releases: all that is said, without the release's own name."""
        return f"{self.result}\n{self.files_read}".replace(f"podman {self.podman}", "podman")

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data; a ``result`` that is an error has ``kind`` and ``message``."""
        plain = self.result.to_dict() if self.result else None
        return {
            "podman": self.podman,
            "result": plain,
            "files_read": list(self.files_read),
            "files_ignored": [{"path": path, "why": why} for path, why in self.files_ignored.items()],
        }


class Exploration:
    """The answer: print it, or let JupyterLab show it.

    Attributes:
        files: path → text.
        image: the name, which may be empty.
        podman: the release of which the findings are.
        answers: one for each release, the oldest first.
        findings: what is wrong in the files, or without effect, each with fixes that have been tried.
    """

    __slots__ = ("answers", "files", "findings", "image", "podman")

    def __init__(
        self,
        files: dict[str, str],
        image: str,
        podman: str,
        answers: tuple[Answer, ...],
        findings: Findings,
    ) -> None:
        self.files = files
        self.image = image
        self.podman = podman
        self.answers = answers
        self.findings = findings

    def fixed(self, number: int | None = None, alternative: int | None = None) -> dict[str, str]:
        """Return all files after the fix of one finding, or after all fixes that can be applied at once.

        Args:
            number: which finding, from 0; None for all of them.
            alternative: which of the finding's alternatives, from 0; None for its fix.

        Raises:
            IndexError: there is no such finding or alternative.
        """
        if number is None:
            return self.files | self.findings.fixed()
        finding = self.findings[number]
        fix = finding.fix if alternative is None else finding.alternatives[alternative]
        texts = apply_all([fix] if fix else [])
        return self.files | {path: text for path, text in texts.items() if path is not None}

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data: ``answers`` of all releases, ``findings`` of one.

        Beside what :meth:`Finding.to_dict` has, a finding has its ``text`` without fixes, and the ``diff`` of
        its fix.
        """
        return {
            "format": 1,
            "image": self.image,
            "podman": self.podman,
            "answers": [answer.to_dict() for answer in self.answers],
            "findings": [
                finding.to_dict()
                | {
                    "text": str(finding.without_fixes()),
                    "diff": finding.fix.diff() if finding.fix else None,
                }
                for finding in self.findings
            ],
        }

    def __str__(self) -> str:
        lines = []
        for text, names in self._grouped(_as_text).items():
            lines += [visible(_together(names)), *(f"  {line}".rstrip() for line in text.splitlines()), ""]
        lines += [f"Findings for podman {visible(self.podman)}", str(self.findings)]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return f"{self.answers_html()}{self.findings._repr_html_()}"

    def answers_html(self) -> str:
        """Return the answers side by side, or below each other where there is no room for that."""
        boxes = [
            f'<section style="{_BOX}">'
            f'<h4 style="margin:4px 0">{escape(visible(_together(names)))}</h4>{text}</section>'
            for text, names in self._grouped(_as_html).items()
        ]
        return f'<div style="display:flex;flex-wrap:wrap;gap:8px 24px">{"".join(boxes)}</div>'

    def _grouped(self, look: Callable[[Answer], str]) -> dict[str, list[str]]:
        """Return each look of an answer with the releases that share it."""
        first: dict[str, Answer] = {}
        groups: dict[str, list[str]] = {}
        for answer in self.answers:
            one = first.setdefault(answer.essence, answer)
            groups.setdefault(one.podman, []).append(answer.podman)
        by_name = {answer.podman: answer for answer in self.answers}
        return {look(by_name[name]): names for name, names in groups.items()}


def explore(
    files: Mapping[str, str] | Iterable[tuple[str, str]],
    image: str = "",
    podman: str = "6",
    *,
    fixes: bool = True,
) -> Exploration:
    """Return what podman 4, 5 and 6 make of a machine's files and a name, and what is wrong in the files.

    Args:
        files: path → text, or pairs of them, where podman would find them; ``~`` is the home of an
            ordinary user.
        image: the name as it would be given to ``podman pull``; empty for the findings alone.
        podman: the release of which the findings are wanted.
        fixes: whether fixes are tried; without, the answer comes sooner.

    Raises:
        RegtoolsError: kind ``bad-path``: a path that is not absolute, or at which there can be no file;
            ``same-path``; ``too-much-text``.

    >>> seen = explore({"/etc/containers/registries.conf": 'short-name-mode = "permissive"'}, "quay.io/app:1")
    >>> [len(answer.result.sources) for answer in seen.answers]
    [1, 1, 1]
    """
    import tempfile

    pairs = tuple(files.items() if isinstance(files, Mapping) else files)
    if sum(len(text) for _, text in pairs) > MOST:
        message = f"the files have more than {MOST:,} characters together"
        raise RegtoolsError(message, kind="too-much-text", stage="load", hint="paste one machine's files")
    placed = {_placed(path): text for path, text in pairs}
    if len(placed) < len(pairs):
        message = "two of the files have the same path"
        raise RegtoolsError(message, kind="same-path", stage="load", hint="write another path for one")
    with tempfile.TemporaryDirectory() as root:
        for path, text in placed.items():
            try:
                place = Path(root, path[1:])
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(_encoded(text))
            except (OSError, UnicodeEncodeError):  # too long, a directory of another file, half a character
                raise _bad_path(f"there can be no file {path!r} beside the others") from None
        around = Surroundings(root, {"HOME": HOME}, USER)
        answers = tuple(_answer(around, image.strip(), name) for name in PODMANS)
        report: Report = check_machine(release_named(podman), around, fixes=fixes)
    findings = Findings(finding for finding in report.findings if finding.code not in OF_THE_MACHINE)
    return Exploration(placed, image, podman, answers, findings)


def _placed(path: str) -> str:
    full = HOME + path[1:] if path.startswith("~/") else path
    if not full.startswith("/") or posixpath.normpath(full) != full or "\0" in full:
        raise _bad_path(f"{path!r} is not the absolute path of a file")
    return full


def _bad_path(message: str) -> RegtoolsError:
    hint = f"write where podman would find the file, such as {MAIN} or {DROPIN}"
    return RegtoolsError(message, kind="bad-path", stage="load", hint=hint)


def _encoded(text: str) -> bytes:
    """Return the bytes of a file; half a character (a lone surrogate) becomes bytes that are not UTF-8."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _answer(around: Surroundings, image: str, podman: str) -> Answer:
    try:
        conf = RegistriesConf.load(podman=podman, root=around.root, environ=around.environ, uid=around.uid)
    except RegtoolsError as error:
        return Answer(podman, error, (), {})
    ignored = {each.path: each.why for each in conf.files_ignored}
    if not image:
        return Answer(podman, None, tuple(conf.files_read), ignored)
    try:
        PullName.parse(image)
        result: Resolution | RegtoolsError = conf.resolve(image)
    except RegtoolsError as error:
        result = error
    return Answer(podman, result, tuple(conf.files_read), ignored)


def _together(names: list[str]) -> str:
    return (
        f"podman {' and '.join([', '.join(names[:-1]), names[-1]])} alike"
        if names[1:]
        else f"podman {names[0]}"
    )


def _as_text(answer: Answer) -> str:
    if answer.result is None:
        return f"reads {', '.join(answer.files_read) or 'none of these files'}"
    return str(answer.result)


def _as_html(answer: Answer) -> str:
    result = answer.result
    if isinstance(result, Resolution):
        return result._repr_html_()
    return plain_html(_as_text(answer))


def plain_html(text: str) -> str:
    """Return lines of text as they are on a terminal, wrapped where there is no room."""
    return f'<pre style="white-space:pre-wrap;background:none">{escape(printable(text))}</pre>'
