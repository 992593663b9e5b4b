"""A private podman, buildah or skopeo: storage and settings in a folder that goes away without a trace.

Whatever runs these programs on a user's machine (a measured pull, the practice terminal, a watched podman,
the check of a cache) uses it, so that the user's images and settings are neither seen nor changed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

with suppress(ImportError):  # Windows, where none of these programs runs
    import resource


LONGEST = 30  # characters of the parent folder: podman takes no runroot of more than 50
LIMIT = 20_000  # open files and processes; podman's default is more than an ordinary user may grant
# Where podman writes the number of the process that keeps a rootless user's namespaces open.
PAUSE = ("tmpdir/pause.pid", ".run/podman/pause.pid", ".run/libpod/tmp/pause.pid")
NETAVARK = ("/usr/lib/podman/netavark", "/usr/libexec/podman/netavark")


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
    files, processes = _limit(resource.RLIMIT_NOFILE), _limit(resource.RLIMIT_NPROC)
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


def _limit(kind: int) -> int:
    """Return how many open files, or processes, this user may grant a container."""
    _, hard = resource.getrlimit(kind)
    return LIMIT if hard == resource.RLIM_INFINITY else min(hard, LIMIT)
