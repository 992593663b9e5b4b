"""What this machine can do: which external programs are installed, what each enables, how to get the rest.

Nothing here starts a container or contacts a server. Without ``details`` no program is even started: a part
is here if its program is on the search path, or if its Python package can be imported.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from regtools.display import escape, html_table, printable, text_table


@dataclass(frozen=True, slots=True)
class Part:
    """One external program, or one Python package.

    Attributes:
        tag: the word with which a notebook cell requires it, as in ``%%needs podman``.
        name: what people call it.
        enables: what it makes possible here.
        install: how to get it.
        programs: names that it may have on the search path; the first one found counts.
        package: name to import, if it is a Python package.
        asks: what its program is asked for its version with.
    """

    tag: str
    name: str
    enables: str
    install: str
    programs: tuple[str, ...] = ()
    package: str | None = None
    asks: str = "--version"

    def find(self) -> str | None:
        """Return the path of its program or the name of its package; None if it is missing."""
        if self.package:
            try:
                return self.package if find_spec(self.package) else None
            except ValueError:  # JupyterLite puts an empty module in the place of some that a browser lacks
                return None
        return next(filter(None, map(shutil.which, self.programs)), None)

    def asked_version(self) -> str | None:
        """Ask the program or the package for its version; None if it is missing or does not answer."""
        import subprocess

        if self.package:
            try:
                return version(self.package)
            except PackageNotFoundError:
                return None
        path = self.find()
        if path is None:
            return None
        try:
            done = subprocess.run(
                [path, self.asks], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20
            )
        except (OSError, ValueError, subprocess.TimeoutExpired):
            return None
        found = re.search(r"\d+\.\d+[\w.+~-]*", done.stdout or done.stderr)
        return found[0] if found else None


DISTRO = "sudo apt install {0}  |  sudo dnf install {0}"
BREW = f"{DISTRO}  |  brew install {{0}}"


def _program(name: str, enables: str, install: str = DISTRO) -> Part:
    """Return a program that has one name everywhere."""
    return Part(name, name, enables, install.format(name), (name,))


PARTS: tuple[Part, ...] = (
    _program("podman", "runs containers; shows what the real program does with a registries.conf", BREW),
    _program("buildah", "builds images without a daemon"),
    _program("skopeo", "looks at and copies images without pulling them; a second opinion on names", BREW),
    _program("runc", "the OCI runtime in Go: runs a bundle directly"),
    _program("crun", "the OCI runtime in C: runs the same bundle"),
    Part(
        "registry",
        "docker-registry",
        "a real registry on this machine, also as a pull-through cache",
        "sudo apt install docker-registry  |  elsewhere: podman run docker.io/library/registry:2",
        ("docker-registry", "registry"),
    ),
    Part(
        "redis",
        "redis-server",
        "the cache's memory for descriptions of layers",
        "sudo apt install redis-server  |  sudo dnf install redis  |  brew install redis",
        ("redis-server",),
    ),
    Part(
        "openssl",
        "openssl",
        "makes certificates for practice: of a registry with HTTPS, of a fleet (Dask)",
        BREW.format("openssl"),
        ("openssl",),
        asks="version",  # OpenSSL 3.0 does not know --version
    ),
    Part(
        "pycurl",
        "pycurl",
        "times each phase of a pull (name, connection, TLS, first byte)",
        "python -m pip install podman-regtools",
        package="pycurl",
    ),
    Part(
        "testbed",
        "tornado",
        "serves the practice registries",
        "python -m pip install 'podman-regtools[lab]'",
        package="tornado",
    ),
    Part(
        "dask",
        "distributed",
        "carries a measurement to many hosts (Dask)",
        "python -m pip install 'podman-regtools[fleet]'",
        package="distributed",
    ),
    Part(
        "jupyterlab",
        "jupyterlab",
        "opens these notebooks",
        "python -m pip install 'podman-regtools[lab]'",
        package="jupyterlab",
    ),
    Part(
        "ipywidgets",
        "ipywidgets",
        "text areas, buttons and sliders below cells; without it their first answer is shown",
        "python -m pip install 'podman-regtools[lab]'",
        package="ipywidgets",
    ),
)


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether one part is on this machine; ``path`` is None if not, ``version`` unless it was asked for."""

    part: Part
    path: str | None
    version: str | None = None

    @property
    def found(self) -> bool:
        """Whether it is here."""
        return self.path is not None

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data for JSON."""
        return {
            "name": self.part.name,
            "found": self.found,
            "path": self.path,
            "version": self.version,
            "enables": self.part.enables,
            "install": self.part.install,
        }


@dataclass(frozen=True, slots=True)
class Checkup:
    """The answer of :func:`doctor`: shows itself as a table, in a terminal and in JupyterLab."""

    findings: tuple[Presence, ...]
    python: str
    rootless: bool
    system: str
    details: bool = False

    @property
    def missing(self) -> tuple[Presence, ...]:
        """The parts that are not here."""
        return tuple(found for found in self.findings if not found.found)

    def has(self, tag: str) -> bool:
        """Return whether the part with this tag is here (``"podman"``, ``"registry"``, ``"redis"``, …)."""
        return any(found.found for found in self.findings if found.part is part(tag))

    def to_dict(self) -> dict[str, Any]:
        """Return the whole answer as plain data for JSON."""
        return {
            "format": 1,
            "python": self.python,
            "system": self.system,
            "rootless": self.rootless,
            "parts": [found.to_dict() for found in self.findings],
        }

    def __str__(self) -> str:
        return printable("\n".join([*text_table(self._rows()), "", *self._closing()]))

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        closing = "".join(f"<p>{escape(printable(line))}</p>" for line in self._closing())
        return html_table(self._rows()) + closing

    def _rows(self) -> list[tuple[str, ...]]:
        head = ("part", "here", *(("version",) if self.details else ()), "what it enables")
        rows = [head]
        for found in self.findings:
            here = "yes" if found.found else "no"
            asked = (found.version or "-",) if self.details else ()
            rows.append((found.part.name, here, *asked, found.part.enables))
        return rows

    def _closing(self) -> list[str]:
        lines = []
        if self.details:
            user = "rootless (an ordinary user)" if self.rootless else "rootful (as root)"
            lines.append(f"Python {self.python} on {self.system}; podman would run {user}.")
        if not self.missing:
            return [*lines, "Every external program is here: all cells can run."]
        lines.append("Missing parts only switch off the cells that need them. To get them:")
        return lines + [f"{found.part.name}: {found.part.install}" for found in self.missing]


def doctor(*, details: bool = False) -> Checkup:
    """Find out which external programs this machine has, and what each enables.

    Args:
        details: also ask every program for its version, and show Python, system and user (about a second).

    Returns:
        A :class:`Checkup`; printing it or ending a cell with it shows a table.
    """
    return Checkup(
        tuple(Presence(each, each.find(), each.asked_version() if details else None) for each in PARTS),
        python=platform.python_version(),
        rootless=hasattr(os, "geteuid") and os.geteuid() != 0,
        system=f"{platform.system()} {platform.machine()}",
        details=details,
    )


def part(tag: str) -> Part:
    """Return the part that a cell requires with the line ``%%needs TAG``.

    Raises:
        KeyError: no part has this tag.

    >>> part("registry").name
    'docker-registry'
    """
    for each in PARTS:
        if each.tag == tag:
            return each
    raise KeyError(f"no external program has the tag {tag!r}, only {', '.join(each.tag for each in PARTS)}")
