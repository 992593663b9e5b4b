"""Prepare the folder in which podman, buildah or skopeo runs: a home, and storage that leaves no trace.

Whatever runs these programs on a user's machine (a measured pull, the practice terminal, a watched podman,
the check of a cache) uses it, so that the user's images and settings are neither seen nor changed.

Up to podman 5 the drop-ins of the system are ignored only if the user has a ``registries.conf``
(containers-registries.conf(5)): with a variable alone, a drop-in of this machine could override the
configuration that is measured. So the program gets a home of its own. Logins, certificates and the signature
policy are links to the user's files, which are neither copied nor read here. Since podman 6
``CONTAINERS_REGISTRIES_CONF`` makes it ignore all other files.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from functools import lru_cache
from pathlib import Path

from regtools.errors import IN_BROWSER
from regtools.registries.conf import RegistriesConf
from regtools.registries.writing import effective_toml

from ..http.values import pull_error

with suppress(ImportError):  # Windows, where none of these programs runs
    import resource


ENGINES = ("builtin", "podman", "skopeo")
PATIENCE_S = 60.0  # within which a program says its version; a tenth of a second is usual
LONGEST = 30  # characters of the parent folder: podman takes no runroot of more than 50
LIMIT = 20_000  # open files and processes; podman's default is more than an ordinary user may grant
# Where podman writes the number of the process that keeps a rootless user's namespaces open.
PAUSE = ("tmpdir/pause.pid", ".run/podman/pause.pid", ".run/libpod/tmp/pause.pid")
NETAVARK = ("/usr/lib/podman/netavark", "/usr/libexec/podman/netavark")
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


class EngineHome(AbstractContextManager["EngineHome"]):
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
            "CONTAINERS_STORAGE_CONF": str(storage),  # no additional image stores: every layer is fetched
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

    def __exit__(self, *_: object) -> None:
        remove_folder(self.path)


# -- storage, and what goes with it -----------------------------------------------------------------------


def new_folder() -> Path:
    """Make an empty temporary folder whose name is short enough for podman."""
    parent = tempfile.gettempdir()
    return Path(tempfile.mkdtemp(prefix="rt-", dir=parent if len(parent) < LONGEST else "/tmp"))


def storage_options(folder: Path) -> list[str]:
    """Return the options with which podman keeps all that it stores in ``folder``."""
    return [*(f"--{kind}={folder / kind}" for kind in ("root", "runroot", "tmpdir")), "--storage-driver=vfs"]


def storage_conf(root: object, runroot: object) -> str:
    """Return a storage.conf (containers-storage.conf(5)) without the machine's additional image stores."""
    return f'[storage]\ndriver = "vfs"\ngraphroot = "{root}"\nrunroot = "{runroot}"\n'


def containers_conf(*, tmp_dir: object, networks: object, runtime: str = "", netns: str = "") -> str:
    """Return a containers.conf (containers.conf(5)) that works on any machine that can run podman.

    Args:
        tmp_dir: folder for the state of containers.
        networks: folder for the definitions of networks.
        runtime: the OCI runtime; empty for podman's default.
        netns: the network of containers, such as ``none``; empty for podman's default.
    """
    files, processes = _limit("RLIMIT_NOFILE"), _limit("RLIMIT_NPROC")
    limits = f'"nofile={files}:{files}", "nproc={processes}:{processes}"'
    lines = ["[engine]", 'cgroup_manager = "cgroupfs"', 'lock_type = "file"', 'events_logger = "file"']
    lines += [f'tmp_dir = "{tmp_dir}"', *([f'runtime = "{runtime}"'] if runtime else [])]
    lines += ["[network]", f'network_config_dir = "{networks}"']
    lines += ['network_backend = "netavark"'] * any(map(os.path.exists, NETAVARK))
    lines += ["[containers]", *([f'netns = "{netns}"'] if netns else []), 'log_driver = "k8s-file"']
    return "\n".join([*lines, f"default_ulimits = [{limits}]", ""])


def remove_folder(folder: Path) -> None:
    """Remove a folder that podman has used, with its mounts, pause process and files of other user ids."""
    _remove(folder)
    if folder.exists() and shutil.which("podman"):  # files of a rootless user's subordinate ids
        other = new_folder()
        command = ["podman", *storage_options(other), "unshare", "rm", "-rf", str(folder)]
        subprocess.run(command, capture_output=True, check=False, timeout=60)
        _remove(other)


def _remove(folder: Path) -> None:
    for name in PAUSE:
        with suppress(OSError, ValueError):
            os.kill(int((folder / name).read_text()), signal.SIGKILL)
    for point in _mounts_below(str(folder)):
        subprocess.run(["umount", "-l", point], capture_output=True, check=False)
    shutil.rmtree(folder, ignore_errors=True)


def _mounts_below(folder: str) -> list[str]:
    """Return the mount points below a folder, innermost first (proc(5), mountinfo)."""
    try:
        rows = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    points = [row.split()[4] for row in rows]
    return sorted((each for each in points if each.startswith(f"{folder}/")), reverse=True)


def _limit(kind: str) -> int:
    """Return how many open files, or processes, this user may grant a container; in a browser none runs."""
    if IN_BROWSER:
        return LIMIT
    _, hard = resource.getrlimit(getattr(resource, kind))
    return LIMIT if hard == resource.RLIM_INFINITY else min(hard, LIMIT)


# -- the programs ------------------------------------------------------------------------------------------


def variable_is_alone(engine: str) -> bool:
    """Return whether CONTAINERS_REGISTRIES_CONF makes the installed engine ignore all other files.

    Raises:
        RegtoolsError: as :func:`engine_version`.
    """
    return int(engine_version(engine).partition(".")[0]) >= (6 if engine == "podman" else 2)


@lru_cache
def engine_version(engine: str) -> str:
    """Return the version of ``podman`` or ``skopeo`` on this machine.

    Raises:
        RegtoolsError: ``unknown-engine``, ``program-missing``, or ``engine`` if it does not report one.
    """
    if engine not in ENGINES[1:]:
        hint = f"choose one of {', '.join(ENGINES)}"
        raise pull_error("unknown-engine", f"there is no engine {engine!r}", hint)
    if shutil.which(engine) is None:
        hint = f"install {engine}, or use --engine builtin, which needs no program"
        raise pull_error("program-missing", f"{engine} is not installed here", hint)
    command = [engine, "--version"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    except subprocess.TimeoutExpired:
        hint = "see what it waits for, or use --engine builtin"
        raise pull_error("engine", f"{engine} --version does not answer", hint) from None
    version = re.search(r"\d+\.\d+\S*", done.stdout)
    if version is None:
        raise pull_error("engine", f"{engine} does not report its version")
    return version[0]
