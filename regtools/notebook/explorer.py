"""Files, a name and a release that can be changed below a cell, and what podman makes of them.

::

    explorer(files, image) ─▶ Explorer ─▶ explore() ─▶ answers, findings
                                  ▲                        │
                                  └─── typed, pasted, a fix applied

The answer itself is that of :mod:`regtools.notebook.exploration`. What can be typed into needs ipywidgets;
without it, and in a stored notebook, the same answer is text and HTML.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from regtools.display import escape, masked, printable
from regtools.errors import RegtoolsError
from regtools.registries.checks import Findings
from regtools.registries.reading.releases import release as release_named

from .colours import coloured_toml
from .exploration import DROPIN, MAIN, PODMANS, Exploration, explore, plain_html
from .live import INSTALL, WRAPPED, bundle, is_installed

if TYPE_CHECKING:
    from ipywidgets import Widget

# A file with the mistake that is made most: the address of a web page where podman wants a host.
SAMPLE = """\
unqualified-search-registries = ["docker.io"]

[[registry]]
location = "docker.io"

[[registry.mirror]]
location = "https://near.mirror.example"
"""
RUN = "Run this cell to edit the files below it, and to apply each fix with a click."
LACKING = f"To edit the files below this cell and apply fixes with a click, install ipywidgets: {INSTALL}"
ROWS = (8, 24)  # of a text area, at least and at most
# Text areas in the page's own monospaced letters; one heading for all findings, and each from edge to edge.
STYLE = """<style>
.regtools-explorer, .regtools-explorer .widget-box {gap: 6px}
.regtools-explorer textarea {font-family: var(--jp-code-font-family, monospace); white-space: pre}
.regtools-explorer .jp-RenderedHTMLCommon {padding: 0}
.regtools-explorer .widget-html-content {line-height: normal; overflow-x: auto}
.regtools-finding table, .regtools-finding tbody, .regtools-finding tr, .regtools-finding td {display: block}
.regtools-finding table {margin: 0 !important}
.regtools-finding th {display: none}
.regtools-finding pre {white-space: pre !important; overflow-x: auto}
</style>"""

Files = tuple[tuple[str, str], ...]  # path and text of each, as typed: two paths may be the same for a moment


class Explorer:
    """The files, the name and the release, and the answer: made by :func:`explorer`.

    Attributes:
        image: the name, which may be empty.
        podman: the release of which the findings are.
        answer: an :class:`~regtools.notebook.exploration.Exploration`, or the error where the files cannot
            be put on one machine, such as two with the same path.
    """

    def __init__(self, files: Files, image: str, podman: str) -> None:
        self._files = files
        self._before: list[Files] = []
        self._desk: _Desk | None = None
        self.image = image
        self.podman = podman
        self.answer = self._answer()

    @property
    def files(self) -> dict[str, str]:
        """The files as they are now: path → text."""
        return dict(self._files)

    def change(
        self, files: Mapping[str, str] | None = None, *, image: str | None = None, podman: str | None = None
    ) -> None:
        """Answer again, for other files, another name or another release; undo does not reach behind it."""
        self._typed(self._files if files is None else tuple(files.items()), image, podman)
        self._show()

    def apply(self, number: int | None = None) -> None:
        """Apply the fix of one finding, or all fixes that can be applied at once.

        Args:
            number: which finding, from 0; None for all of them.

        Raises:
            IndexError: no finding has this number.
        """
        if isinstance(self.answer, Exploration):
            fixed = self.answer.fixed(number)
            # The files keep the paths as they were typed, such as ~/…; a fix may add a file.
            typed = [path for path, _ in self._files]
            self._step((*zip([*typed, *list(fixed)[len(typed) :]], fixed.values(), strict=True),))

    def add(self) -> None:
        """Add an empty drop-in."""
        paths = [path for path, _ in self._files]
        free = (DROPIN.replace("50", f"{number}") for number in range(50, 51 + len(paths)))
        self._step((*self._files, (next(path for path in free if path not in paths), "")))

    def remove(self, number: int) -> None:
        """Take away one file, from 0."""
        self._step(self._files[:number] + self._files[number + 1 :])

    def undo(self) -> None:
        """Take back the last fix, or the last file added or removed."""
        if self._before:
            self._files = self._before.pop()
            self.answer = self._answer()
            self._show()

    def _step(self, files: Files) -> None:
        if files != self._files:
            self._before.append(self._files)
            self._files = files
            self.answer = self._answer()
            self._show()

    def _typed(self, files: Files, image: str | None, podman: str | None) -> None:
        if files != self._files:
            self._before.clear()
        self._files = files
        self.image = self.image if image is None else image
        self.podman = self.podman if podman is None else release_named(podman).name
        self.answer = self._answer()

    def _answer(self) -> Exploration | RegtoolsError:
        try:
            return explore(self._files, self.image, self.podman)
        except RegtoolsError as error:
            return error

    def _show(self) -> None:
        if self._desk is not None:
            self._desk.show()

    def __str__(self) -> str:
        lines = [f"podman pull {self.image}".rstrip()]
        for path, text in self._files:
            lines += ["", path, *(f"  {line}".rstrip() for line in _shown(text).split("\n"))]
        return printable("\n".join([*lines, "", str(self.answer)]))

    def __repr__(self) -> str:
        return str(self)

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        if is_installed() and self._desk is None:
            self._desk = _Desk(self)
        html = (
            f"{self._files_html()}{self._answer_html()}<p><i>{escape(RUN if self._desk else LACKING)}</i></p>"
        )
        return bundle({"text/plain": str(self), "text/html": html}, self._desk and self._desk.widget)

    def _files_html(self) -> str:
        parts = [f"<p>podman pull <b>{escape(printable(self.image))}</b>, with</p>"]
        for path, text in self._files:
            parts.append(f"<div><b>{escape(printable(path))}</b></div>")
            parts.append(f'<pre style="margin:0 0 8px;background:none">{coloured_toml(_shown(text))}</pre>')
        return "".join(parts)

    def _answer_html(self) -> str:
        if isinstance(self.answer, RegtoolsError):
            return plain_html(str(self.answer))
        return f"{self.answer.answers_html()}{_heading(self)}{self.answer.findings._repr_html_()}"


class _Row:
    """One file on the desk: its path, its text, and the button that takes it away."""

    def __init__(self, typed: Callable[[object], None], removed: Callable[[_Row], None]) -> None:
        from ipywidgets import Button, HBox, Text, Textarea, VBox

        # A path is looked at when it is whole, so that no half of it is called wrong.
        self.path = Text(continuous_update=False, layout={"flex": "1 1 auto", "width": "auto"})
        self.text = Textarea(placeholder="paste the file here", layout={"width": "auto"})
        button = Button(description="Remove", tooltip="Take this file away", layout={"width": "auto"})
        button.on_click(lambda _: removed(self))
        self.path.observe(typed, "value")
        self.text.observe(typed, "value")
        self.widget = VBox([HBox([self.path, button]), self.text], layout={"flex": "1 1 400px"})

    def fill(self, path: str, text: str) -> None:
        self.path.value, self.text.value = path, text
        self.text.rows = min(max(text.count("\n") + 2, ROWS[0]), ROWS[1])


class _Desk:
    """The widgets of an explorer: what is typed goes to the explorer, and its answer is shown below."""

    def __init__(self, explorer: Explorer) -> None:
        from ipywidgets import HTML, Box, Label, Text, ToggleButtons, VBox

        self._explorer = explorer
        self._filling = False
        self._rows: list[_Row] = []
        self._found: list[tuple[Widget, Widget]] = []  # text and button of each finding; kept for the next
        self._image = Text(description="podman pull", style={"description_width": "initial"})
        releases = [*PODMANS, *({explorer.podman} - set(PODMANS))]
        self._podman = ToggleButtons(options=releases, style={"button_width": "auto"})
        for each in (self._image, self._podman):
            each.observe(self._typed, "value")
        self._files = Box(layout=WRAPPED)
        self._all = _button("Apply all fixes", lambda _: explorer.apply())
        self._undo = _button("Undo", lambda _: explorer.undo())
        add = _button("Add a drop-in", lambda _: explorer.add())
        self._answers, self._heading, self._findings = HTML(), HTML(), VBox()
        top = Box([self._image, Label("and findings for podman"), self._podman], layout=WRAPPED)
        buttons = Box([add, self._all, self._undo], layout=WRAPPED)
        below = [self._answers, self._heading, self._findings]
        self.widget = VBox([HTML(STYLE), top, self._files, buttons, *below])
        self.widget.add_class("regtools-explorer")
        for each in (self._answers, self._heading):
            each.add_class("jp-RenderedHTMLCommon")
        self.show()

    def show(self) -> None:
        """Show the explorer's files and its answer."""
        self._filling = True
        try:
            self._fill()
        finally:
            self._filling = False
        self._show_answer()

    def _fill(self) -> None:
        files = self._explorer._files
        while len(self._rows) < len(files):
            self._rows.append(_Row(self._typed, self._removed))
        del self._rows[len(files) :]
        for row, (path, text) in zip(self._rows, files, strict=True):
            row.fill(path, text)
        self._files.children = [row.widget for row in self._rows]
        self._image.value, self._podman.value = self._explorer.image, self._explorer.podman

    def _typed(self, _: object) -> None:
        if not self._filling:
            files = tuple((row.path.value, row.text.value) for row in self._rows)
            self._explorer._typed(files, self._image.value, self._podman.value)
            self._show_answer()

    def _removed(self, row: _Row) -> None:
        self._explorer.remove(self._rows.index(row))

    def _show_answer(self) -> None:
        answer = self._explorer.answer
        found = answer.findings if isinstance(answer, Exploration) else Findings()
        self._undo.disabled = not self._explorer._before
        self._all.disabled = not any(finding.fix for finding in found)
        if isinstance(answer, Exploration):
            self._answers.value = answer.answers_html()
            self._heading.value = _heading(self._explorer) + ("" if found else found._repr_html_())
        else:
            self._answers.value, self._heading.value = plain_html(str(answer)), ""
        while len(self._found) < len(found):
            self._found.append(self._place(len(self._found)))
        shown: list[Widget] = []
        for finding, (text, button) in zip(found, self._found, strict=False):
            text.value = Findings([finding])._repr_html_()
            shown += [text, button] if finding.fix else [text]
        self._findings.children = shown

    def _place(self, number: int) -> tuple[Widget, Widget]:
        from ipywidgets import HTML

        text = HTML()
        for name in ("jp-RenderedHTMLCommon", "regtools-finding"):
            text.add_class(name)
        return text, _button("Apply this fix", lambda _: self._explorer.apply(number))


def _button(words: str, pressed: Callable[[object], None]) -> Widget:
    from ipywidgets import Button

    button = Button(description=words, layout={"width": "auto", "align_self": "flex-start"})
    button.on_click(pressed)
    return button


def _shown(text: str) -> str:
    """Return a file's text as a notebook may keep it: no secret, no control character."""
    return printable("\n".join(map(masked, text.rstrip().split("\n"))))


def _heading(explorer: Explorer) -> str:
    return f'<h4 style="margin:8px 0">Findings for podman {escape(explorer.podman)}</h4>'


def explorer(
    files: Mapping[str, str] | str | None = None, image: str = "nginx", podman: str = "6"
) -> Explorer:
    """Return files and a name to experiment with: what podman 4, 5 and 6 make of them, and what is wrong.

    As the last line of a cell it is a desk: edit or paste files, change the name, apply a fix and take it
    back. Nothing is written to this machine and nothing of it is read.

    Args:
        files: path → text, where podman would find them, ``~`` being a user's home; a text alone is that of
            ``/etc/containers/registries.conf``. None is a file with a mistake, to begin with.
        image: the name as it would be given to ``podman pull``; empty for the findings alone.
        podman: the release of which the findings are wanted.

    Raises:
        RegtoolsError: kind ``unknown-release``.

    >>> desk = explorer()
    >>> [finding.code for finding in desk.answer.findings]
    ['scheme-not-allowed']
    >>> desk.apply()
    >>> desk.answer.answers[-1].result.sources[0].reference
    'near.mirror.example/library/nginx:latest'
    """
    given = {MAIN: SAMPLE if files is None else files} if isinstance(files, str | None) else files
    return Explorer(tuple(given.items()), image, release_named(podman).name)
