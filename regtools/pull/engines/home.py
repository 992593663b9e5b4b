"""The folder in which podman or skopeo runs for one pull: a home with one registries.conf, empty storage.

A user's ``registries.conf`` keeps the system's drop-ins from being read (containers-registries.conf(5), up to
podman 5); a variable alone would not, and a drop-in of the machine's could overrule what is measured. So
the program gets a home of its own. Logins, certificates and the signature policy are links to the user's:
they are not copied, and nothing of them is read here. Since podman 6 ``CONTAINERS_REGISTRIES_CONF`` switches
all other files off.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from regtools.registries.writing import effective_toml

from .private import new_folder, remove_folder, storage_conf

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType
    from typing import Self

    from regtools.registries.conf import RegistriesConf

__all__ = ["EngineHome"]

_CONF = ".config/containers/registries.conf"
# What of the user's home the program is to find in its own, as links.
_LINKED = (
    ".docker", ".dockercfg", ".config/containers/auth.json", ".config/containers/certs.d",
    ".config/containers/policy.json", ".config/containers/containers.conf",
)  # fmt: skip
# Variables that would lead to other files than ours.
_UNSET = (
    "CONTAINERS_REGISTRIES_CONF", "CONTAINERS_REGISTRIES_CONF_OVERRIDE", "REGISTRIES_CONFIG_PATH",
    "CONTAINERS_STORAGE_CONF", "STORAGE_DRIVER", "STORAGE_OPTS", "XDG_CONFIG_HOME", "CONTAINER_HOST",
)  # fmt: skip


class EngineHome:
    """The folder, from ``with`` to the end of the block; then nothing of it is left, mounts included.

    Attributes:
        path: the folder.
        environ: the program's environment.
        staging: where it keeps what has arrived and is not yet stored.
    """

    def __init__(self, conf: RegistriesConf, *, by_variable: bool, environ: Mapping[str, str]) -> None:
        self.path = new_folder()
        self.conf = self.path / _CONF
        self.conf.parent.mkdir(parents=True)
        self.conf.write_text(effective_toml(conf), encoding="utf-8")
        self.staging = self.path / "staging"
        self.staging.mkdir()
        storage = self.path / "storage.conf"
        storage.write_text(storage_conf(self.path / "root", self.path / "run"))
        _link(Path(environ.get("HOME") or "/nonexistent"), self.path)
        self.environ = {name: value for name, value in environ.items() if name not in _UNSET}
        self.environ |= {
            "HOME": str(self.path),
            "TMPDIR": str(self.staging),
            "CONTAINERS_STORAGE_CONF": str(storage),  # no additional image stores: every layer is fetched
        }
        if by_variable:
            self.environ["CONTAINERS_REGISTRIES_CONF"] = str(self.conf)

    def arrived(self) -> float | None:
        """Give when the last byte of a staged blob was written (``time.time()``), or None."""
        return max(_times(self.staging), default=None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        remove_folder(self.path)


def _link(home: Path, own: Path) -> None:
    for name in _LINKED:
        if (home / name).exists():
            (own / name).symlink_to((home / name).resolve())


def _times(folder: Path) -> Iterator[float]:
    """Give when the files below a folder were written last; somebody else may be removing them."""
    for root, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                yield Path(root, name).stat().st_mtime
