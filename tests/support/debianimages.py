"""podman with storage and networks of its own, and the images `registry` and `redis` made of Debian's programs.

The images are called as those on Docker Hub, and take the same arguments, so that the commands under test are the
ones that a reader types. Each holds a program and the libraries that it needs, and nothing else.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from regtools.pull.engines.home import new_folder
from tests.conftest import absent
from tests.support.podman import settings

REGISTRY, REDIS = "docker.io/library/registry:2", "docker.io/library/redis:7"


@dataclass(frozen=True)
class Box:
    """An environment in which `podman` is one that shares nothing with the machine's."""

    work: Path
    environ: dict[str, str]

    def network(self, name: str) -> str:
        """Make a network; give the address that this machine has in it, as soon as a container is there, too.

        podman calls the bridge podman1 if it sees none of that name. Of another podman's bridge, which comes with its
        first container, it knows nothing: two networks would share one, and the first to end would end the other.
        """
        second, third = random.randint(200, 250), random.randint(0, 255)
        subnet = f"10.{second}.{third}"
        self.podman("network", "create", "--subnet", f"{subnet}.0/24", "--gateway", f"{subnet}.1", name)
        definition = self.work / "networks" / f"{name}.json"  # podman 4.3 has no --interface-name
        settings = json.loads(definition.read_text())
        definition.write_text(json.dumps(settings | {"network_interface": f"test{second}x{third}"}))
        return f"{subnet}.1"

    def podman(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            ["podman", *arguments], env=self.environ, capture_output=True, text=True, timeout=180
        )
        if check and done.returncode:
            raise AssertionError(f"podman {' '.join(arguments)}:\n{done.stdout}{done.stderr}")
        return done.stdout


@contextlib.contextmanager
def box() -> Iterator[Box]:
    """Give a podman with both images."""
    if os.geteuid() != 0:
        absent("needs root, for containers in a network whose gateway is this machine")
    for program in ("podman", "docker-registry", "redis-server", "redis-cli", "runc"):
        if shutil.which(program) is None:
            absent(f"needs {program}, not installed on this machine")
    work = new_folder()
    for name, text in settings(work, "runc").items():
        (work / name).write_text(text)
    environ = {
        "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin",
        "HOME": str(work),
        "CONTAINERS_CONF": str(work / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(work / "storage.conf"),
        "CONTAINERS_REGISTRIES_CONF": str(work / "registries.conf"),
    }
    made = Box(work, environ)
    try:
        add_images(made.podman, work)
        yield made
    finally:
        made.podman("rm", "--force", "--all", "--time", "1", check=False)
        shutil.rmtree(work, ignore_errors=True)


def add_images(podman: Callable[..., str], work: Path) -> None:
    """Let ``podman(*arguments)`` have both images; ``work`` is a folder that it can read."""
    serve = ["serve", "/etc/docker/registry/config.yml"]
    redis = {"redis-server": "bin/redis-server", "redis-cli": "bin/redis-cli"}
    _import(podman, work, REGISTRY, {"docker-registry": "bin/registry"}, serve, "registry")
    _import(podman, work, REDIS, redis, ["redis-server"], None)


def _import(
    podman: Callable[..., str],
    work: Path,
    name: str,
    programs: dict[str, str],
    command: list[str],
    entrypoint: str | None,
) -> None:
    archive = work / "image.tar"
    with tarfile.open(archive, "w") as tar:
        found = {str(Path(str(shutil.which(program))).resolve()): path for program, path in programs.items()}
        for program in list(found):
            for library in libraries(program):
                found[library] = library.lstrip("/")
        for source, path in found.items():
            tar.add(os.path.realpath(source), path)
        for folder in ("tmp", "var/lib/registry", "etc", "usr/local/etc/redis"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
    quoted = ", ".join(f'"{word}"' for word in command)
    changes = ["ENV PATH=/bin", f"CMD [{quoted}]"]
    if entrypoint:
        changes.append(f'ENTRYPOINT ["{entrypoint}"]')
    options = [word for change in changes for word in ("--change", change)]
    podman("import", "--quiet", *options, str(archive), name)
    archive.unlink()


def libraries(program: str) -> list[str]:
    """Return the paths of the libraries that a program needs; none if it is linked statically."""
    told = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    return re.findall(r"(/\S+) \(0x", told)
