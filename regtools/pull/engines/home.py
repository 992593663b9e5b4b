"""Prepare the folder in which podman or skopeo runs: a home with one registries.conf, and empty storage.

Up to podman 5 the drop-ins of the system are ignored only if the user has a ``registries.conf``
(containers-registries.conf(5)): with a variable alone, a drop-in of this machine could override the
configuration that is measured. So the program gets a home of its own. Logins, certificates and the signature
policy are links to the user's files, which are neither copied nor read here. Since podman 6
``CONTAINERS_REGISTRIES_CONF`` makes it ignore all other files.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from regtools.registries.conf import RegistriesConf
from regtools.registries.writing import effective_toml

from .private import new_folder, remove_folder, storage_conf

_CONF = ".config/containers/registries.conf"
# Files of the user's home that are links in the program's home.
_LINKED = (
    ".docker", ".dockercfg", ".config/containers/auth.json", ".config/containers/certs.d",
    ".config/containers/policy.json", ".config/containers/containers.conf",
)  # fmt: skip
# Variables that name other files.
_UNSET = (
    "CONTAINERS_REGISTRIES_CONF", "CONTAINERS_REGISTRIES_CONF_OVERRIDE", "REGISTRIES_CONFIG_PATH",
    "CONTAINERS_STORAGE_CONF", "STORAGE_DRIVER", "STORAGE_OPTS", "XDG_CONFIG_HOME", "CONTAINER_HOST",
)  # fmt: skip


class EngineHome:
    """The folder, which exists until the end of a ``with`` block; then it is removed, including its mounts.

    Attributes:
        path: the folder.
        environ: the program's environment.
        staging: where the program keeps what has arrived and is not stored yet.
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
        home = Path(environ.get("HOME") or "/nonexistent")
        for name in filter(lambda name: (home / name).exists(), _LINKED):
            (self.path / name).symlink_to((home / name).resolve())
        self.environ = {name: value for name, value in environ.items() if name not in _UNSET}
        self.environ |= {
            "HOME": str(self.path),
            "TMPDIR": str(self.staging),
            "CONTAINERS_STORAGE_CONF": str(
                storage
            ),  # without additional image stores, every layer is fetched
        }
        if by_variable:
            self.environ["CONTAINERS_REGISTRIES_CONF"] = str(self.conf)

    def arrived(self) -> float | None:
        """Return when a staged blob was last written to (``time.time()``), or None."""
        times = []
        for root, _, names in os.walk(self.staging):
            for name in names:
                with suppress(OSError):  # the program may have removed it
                    times.append(Path(root, name).stat().st_mtime)
        return max(times, default=None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        remove_folder(self.path)
