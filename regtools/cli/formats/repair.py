"""``regtools check --diff`` and ``--fix``: the proven fixes shown as a patch, or written.

::

    look ─▶ fixes ─▶ drafts in memory ─▶ look again ─▶ … ─▶ one patch, or one write a file

Both make the same files. A fix that has to wait for another one has its turn in the next look, so a
second run changes nothing.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING

from regtools.errors import Place, RegtoolsError
from regtools.files import write_file
from regtools.registries.checks.fixes import difference
from regtools.registries.reading.host import Surroundings

from ..output import complain, counted, write

if TYPE_CHECKING:
    from regtools.registries.checks import Report

Look = Callable[[Surroundings], "Report"]

MOST_LOOKS = 20  # each removes what the one before it found


class Drafts(Surroundings):
    """A machine on which some files have another text, which is not written yet.

    Attributes:
        texts: path → the new text.
        found: path → what is in the file.
    """

    def __init__(self, base: Surroundings) -> None:
        super().__init__(base.root, base.environ, base.uid)
        self._base = base
        self.texts: dict[str, str] = {}
        self.found: dict[str, bytes] = {}

    def read(self, path: str) -> bytes:
        """Read a draft, or else the file."""
        if path in self.texts:
            return self.texts[path].encode("utf-8", "surrogateescape")
        self.found[path] = self._base.read(path)
        return self.found[path]

    @property
    def changed(self) -> dict[str, str]:
        """The drafts that differ from their files."""
        return {path: text for path, text in self.texts.items() if self.read(path) != self.found[path]}

    def diff(self, path: str) -> str:
        """Return a draft and its file as a unified diff."""
        return difference(path, self.found[path].decode("utf-8", "surrogateescape"), self.texts[path])


def configure(parser: ArgumentParser) -> None:
    """Add ``--diff`` and ``--fix``."""
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--diff", action="store_true", help="print all proven fixes as one unified diff")
    either.add_argument("--fix", action="store_true", help="write the proven fixes into the files")


def run(options: Namespace, around: Surroundings, look: Look) -> Report:
    """Return the findings; print or write the fixes where that is asked for.

    Args:
        options: with ``diff`` and ``fix``.
        around: the machine.
        look: checks the files on a machine.

    Returns:
        What is wrong; after writing, what is left.

    Raises:
        RegtoolsError: a file cannot be written; those before it have been.
    """
    if not options.diff and not options.fix:
        return look(around)
    drafts = Drafts(around)
    first = report = look(drafts)
    for _ in range(MOST_LOOKS):
        fixed = report.findings.fixed()
        if not fixed:
            break
        drafts.texts |= fixed
        report = look(drafts)
    texts = {path: text for path, text in drafts.changed.items() if path not in report.hidden}
    for path in report.hidden:
        complain("not changed: a fault in it has no fix and hides what follows it", about=path)
    if options.diff:
        write("".join(map(drafts.diff, texts)), None)
        complain(f"left after this: {counted(report)}")
        return first
    for path, text in texts.items():
        _write(drafts, path, text)
    return look(around)


def _write(drafts: Drafts, path: str, text: str) -> None:
    try:
        write_file(drafts.real(path), text, what="the fixed file", old=drafts.found[path])
    except RegtoolsError as error:
        error.where = Place(path)
        if error.kind == "file-unwritable":
            error.hint = "nothing was changed; regtools check --diff prints the change as a patch"
        raise
    complain("fixed", about=path)
