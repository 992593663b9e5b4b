"""A machine on which podman finds hostile drop-ins: the system's in /etc, and those of the user who runs the tests.

start, environ = hostile_machine("6.1", tmp_path)
subprocess.run([*start, "podman", "pull", "nginx"], env=environ)    # leads to hostile.test
"""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.podman import as_installed

# Each key that could change what a chapter shows. 000 comes before every other file, zzz after it.
DROPINS = {
    "000-hostile.conf": """
short-name-mode = "enforcing"
[aliases]
"hello" = "hostile.test/hello"
"nginx" = "hostile.test/nginx"
"app" = "hostile.test/app"
[[registry]]
location = "origin.test"
blocked = true
[[registry]]
location = "quay.io"
[[registry.mirror]]
location = "mirror.hostile.test"
""",
    "zzz-hostile.conf": """
unqualified-search-registries = ["hostile.test", "docker.io"]
[[registry]]
location = "docker.io"
blocked = true
[[registry]]
prefix = "a.example"
location = "hostile.test"
""",
}


def hostile_machine(release: str, folder: Path) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the start of a command that has this release of podman, and the environment of its user."""
    system, user = folder / "system", folder / "home/.config/containers/registries.conf.d"
    for directory in (system, user):
        directory.mkdir(parents=True)
        for name, text in DROPINS.items():
            (directory / name).write_text(text)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return as_installed(release, dropins=system), environ | {"HOME": str(folder / "home")}
