"""What this machine can do: which real parts are installed, what each one enables, how to get the rest.

Nothing here starts a container or contacts anybody. Without ``details`` no program is even started: a part is
there when its program is on the search path, or its Python package can be imported.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING

from regtools.display import escape, html_table, text_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["PARTS", "Checkup", "Finding", "Part", "doctor", "part"]


@dataclass(frozen=True, slots=True)
class Part:
    """One real part: a program, or a Python package.

    ``tag`` is the word after ``needs-`` by which a notebook cell asks for it. ``programs`` are the names it
    may have on the search path, the first one found counts; a Python package has a ``package`` instead.
    """

    tag: str
    name: str
    enables: str
    install: str
    programs: tuple[str, ...] = ()
    package: str | None = None
    ask: str = "--version"

    def find(self) -> str | None:
        """Give the path of its program or the name of its package; None where it is missing."""
        if self.package:
            return self.package if find_spec(self.package) else None
        return next(filter(None, map(shutil.which, self.programs)), None)

    def asked_version(self) -> str | None:
        """Ask the part itself for its version; None where it is missing or does not say."""
        if self.package:
            try:
                return version(self.package)
            except PackageNotFoundError:
                return None
        path = self.find()
        return _version_of([path, self.ask]) if path else None


_DISTRO = "sudo apt install {0}  |  sudo dnf install {0}"

PARTS: tuple[Part, ...] = (
    Part(
        "podman",
        "podman",
        "runs containers; shows what the real program does with a registries.conf",
        _DISTRO.format("podman") + "  |  brew install podman",
        ("podman",),
    ),
    Part("buildah", "buildah", "builds images without a daemon", _DISTRO.format("buildah"), ("buildah",)),
    Part(
        "skopeo",
        "skopeo",
        "looks at and copies images without pulling them; a second opinion on names",
        _DISTRO.format("skopeo") + "  |  brew install skopeo",
        ("skopeo",),
    ),
    Part("runc", "runc", "the OCI runtime in Go: runs a bundle directly", _DISTRO.format("runc"), ("runc",)),
    Part("crun", "crun", "the OCI runtime in C: runs the same bundle", _DISTRO.format("crun"), ("crun",)),
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
        "pycurl",
        "pycurl",
        "times each phase of a pull (name, connection, TLS, first byte)",
        "python -m pip install podman-regtools",
        package="pycurl",
    ),
    Part(
        "jupyterlab",
        "jupyterlab",
        "opens these notebooks; its web server also serves the practice registries",
        "python -m pip install 'podman-regtools[lab]'",
        package="jupyterlab",
    ),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One part as found on this machine; ``version`` is None unless it was asked for."""

    part: Part
    path: str | None
    version: str | None = None

    @property
    def found(self) -> bool:
        """Whether it is here."""
        return self.path is not None

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain data for JSON."""
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

    findings: tuple[Finding, ...]
    python: str
    rootless: bool
    system: str
    details: bool = False

    @property
    def missing(self) -> tuple[Finding, ...]:
        """The parts that are not here."""
        return tuple(found for found in self.findings if not found.found)

    def has(self, tag: str) -> bool:
        """Say whether the part with this tag is here (``"podman"``, ``"registry"``, ``"redis"``, …)."""
        return any(found.found for found in self.findings if found.part is part(tag))

    def to_dict(self) -> dict[str, Any]:
        """Give the whole answer as plain data for JSON."""
        return {
            "format": 1,
            "python": self.python,
            "system": self.system,
            "rootless": self.rootless,
            "parts": [found.to_dict() for found in self.findings],
        }

    def __str__(self) -> str:
        lines = text_table(self._rows())
        return "\n".join([*lines, "", *self._closing()])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        closing = "".join(f"<p>{escape(line)}</p>" for line in self._closing())
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
            return [*lines, "Every real part is here: all cells can run."]
        lines.append("Missing parts only switch off the cells that need them. To get them:")
        return lines + [f"{found.part.name}: {found.part.install}" for found in self.missing]


def doctor(*, details: bool = False) -> Checkup:
    """Say which real parts this machine has, and what each one enables.

    Args:
        details: also ask every program for its version, and show Python, system and user (about a second).

    Returns:
        A :class:`Checkup`; printing it or ending a cell with it shows a table.
    """
    import platform

    return Checkup(
        tuple(Finding(each, each.find(), each.asked_version() if details else None) for each in PARTS),
        python=platform.python_version(),
        rootless=hasattr(os, "geteuid") and os.geteuid() != 0,
        system=f"{platform.system()} {platform.machine()}",
        details=details,
    )


def part(tag: str) -> Part:
    """Give the part that a cell's tag ``needs-TAG`` speaks of.

    >>> part("registry").name
    'docker-registry'
    """
    for each in PARTS:
        if each.tag == tag:
            return each
    raise KeyError(f"no real part is called {tag!r}; there are {', '.join(each.tag for each in PARTS)}")


def _version_of(command: Sequence[str]) -> str | None:
    import re
    import subprocess

    try:
        told = subprocess.run(
            command, capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"\d+\.\d+[\w.+~-]*", told.stdout or told.stderr)
    return found[0] if found else None
