"""Real podman and skopeo, of the machine and of Debian trixie, each with fresh storage.

    with engine("5.4") as real:
        real.configure(conf_text)                       # the registries.conf of what follows
        done = real.podman("pull", "origin.test/hello")  # a CompletedProcess, text
        real.skopeo("copy", "docker://origin.test/hello", f"dir:{real.inside / 'copy'}")

4.3 is the machine's own (Debian bookworm). 5.4 lives in a root folder that mmdebstrap makes once, below the
user's cache directory; it runs there in its own mount namespace, so that no mount outlives the command.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from regtools.pull.engines.private import containers_conf, new_folder, storage_conf
from tests.conftest import absent
from tests.support.terminal import on_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

RELEASES = ("4.3", "5.4")
CACHE = Path.home() / ".cache" / "regtools-tests"
PACKAGES = "podman,skopeo,netavark,crun,ca-certificates"
SECONDS = 180  # nothing here takes a tenth of it; more is a hang


def settings(inside: Path, runtime: str) -> dict[str, str]:
    """Name and text of the files with which podman keeps everything in ``inside``, as it sees that folder."""
    conf = containers_conf(tmp_dir=inside / "tmp", networks=inside / "networks", runtime=runtime)
    return {
        "containers.conf": conf,
        "storage.conf": storage_conf(inside / "root", inside / "runroot"),
        "registries.conf": "unqualified-search-registries = []\n",
    }


# $1 the root folder, $2 the work folder, then the command. containers/storage remounts "/", which must
# therefore be a mount of its own; crun without cgroups wants to see no half of cgroup v1 and v2.
ENTER = """
set -e
root=$1 work=$2
shift 2
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t tmpfs tmpfs "$root/sys/fs/cgroup"
mount --rbind /dev "$root/dev"
for own in dev/shm run tmp var/tmp; do mount -t tmpfs tmpfs "$root/$own"; done
if [ -d "$work/answers" ]; then
    mkdir -p "$root/var/cache/containers"
    mount --bind "$work/answers" "$root/var/cache/containers"
fi
mount --bind "$work" "$root/mnt"
for file in hosts resolv.conf; do mount --bind "/etc/$file" "$root/etc/$file" 2>/dev/null || true; done
exec chroot "$root" "$@"
"""


# $1 the work folder, then the command: root's answers to "which registry?" are kept for the whole machine.
OWN_ANSWERS = """
set -e
mkdir -p /var/cache/containers
mount --bind "$1/answers" /var/cache/containers
shift
exec "$@"
"""


@dataclass(frozen=True)
class Engine:
    """One release of podman and skopeo, with storage of its own.

    ``work`` is its folder on this machine, ``inside`` the same folder as the engine's programs see it.
    """

    release: str
    work: Path
    inside: Path
    prefix: tuple[str, ...]
    run_options: tuple[str, ...]  # what `podman run` needs inside a container or a chroot

    def configure(self, registries_conf: str) -> None:
        """Write the registries.conf that the following commands read."""
        (self.work / "registries.conf").write_text(registries_conf)

    def podman(
        self, *arguments: str, check: bool = True, log_level: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run podman; with ``check``, a failure fails the test and shows what podman said."""
        level = () if log_level is None else ("--log-level", log_level)
        return self._run("podman", "--tmpdir", str(self.inside / "tmp"), *level, *arguments, check=check)

    def skopeo(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run skopeo, which knows registries.conf from an option only."""
        conf = str(self.inside / "registries.conf")
        return self._run("skopeo", "--registries-conf", conf, *arguments, check=check)

    def shell(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a line of shell in which podman or skopeo is called as a user would, without our options."""
        return self._run("sh", "-c", command, check=True)

    def forget(self) -> None:
        """Remove everything that was pulled."""
        for name in ("root", "runroot", "tmp"):
            shutil.rmtree(self.work / name, ignore_errors=True)

    def on_terminal(self, *arguments: str, when: str, keys: str) -> tuple[int, str]:
        """Run podman on a terminal and type ``keys`` once it has written ``when``; give status and output."""
        command = [*self.prefix, "podman", "--tmpdir", str(self.inside / "tmp"), *arguments]
        return on_terminal(command, self._environ(), when=when, keys=keys)

    def _environ(self) -> dict[str, str]:
        return {
            "PATH": f"{self.inside / 'bin'}:{os.environ['PATH']}:/usr/sbin:/sbin",
            "HOME": str(self.inside),
            "TERM": "xterm",
            "CONTAINERS_CONF": str(self.inside / "containers.conf"),
            "CONTAINERS_REGISTRIES_CONF": str(self.inside / "registries.conf"),
            "CONTAINERS_STORAGE_CONF": str(self.inside / "storage.conf"),
            "PODMAN_IGNORE_CGROUPSV1_WARNING": "1",
        }

    def _run(self, *command: str, check: bool) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*self.prefix, *command], env=self._environ(), capture_output=True, text=True, timeout=SECONDS
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)} gave {done.returncode}:\n{done.stdout}{done.stderr}")
        return done


@contextlib.contextmanager
def engine(release: str, *, own_answers: bool = False) -> Iterator[Engine]:
    """Give podman and skopeo of a release, with empty storage in a folder that is removed afterwards.

    With ``own_answers``, what is answered to podman's question is kept in ``work / "answers"``, also by the
    machine's own podman.
    """
    folder = new_folder()
    (folder / "answers").mkdir()
    try:
        if release == "4.3":
            _need("podman", "skopeo", "runc")
            enter = ("unshare", "--mount", "sh", "-c", OWN_ANSWERS, "sh", str(folder))
            made = Engine(release, folder, folder, enter if own_answers else (), ())
            runtime = "runc"
        else:
            enter = ("unshare", "--mount", "sh", "-c", ENTER, "sh", str(trixie_root()), str(folder))
            made = Engine(release, folder, Path("/mnt"), enter, ("--network=none", "--cgroups=disabled"))
            runtime = "crun"
        for name, text in settings(made.inside, runtime).items():
            (folder / name).write_text(text)
        yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def trixie_root() -> Path:
    """Give the root folder with podman 5.4; make it, once for all runs, where it is missing."""
    _need("mmdebstrap", "unshare", "chroot")
    if os.geteuid() != 0:
        absent("needs root for the root folder of Debian trixie")
    CACHE.mkdir(parents=True, exist_ok=True)
    target = CACHE / "trixie-1"
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another run may be making it
        if not target.exists():
            _make_root(target)
    return target


def _make_root(target: Path) -> None:
    partial = target.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    done = subprocess.run(
        [
            *("mmdebstrap", "--variant=apt", "--mode=root", f"--include={PACKAGES}"),
            *("trixie", str(partial), _debian_mirror()),
        ],
        capture_output=True,
        text=True,
        timeout=900,
    )
    if done.returncode:
        shutil.rmtree(partial, ignore_errors=True)
        said = done.stderr.strip().splitlines() or ["nothing"]
        absent(f"needs a root folder of Debian trixie; mmdebstrap said: {said[-1]}")
    partial.rename(target)


def _debian_mirror() -> str:
    # apt knows the machine's own sources in all their notations.
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    for uri in listed.stdout.split():
        if uri.rstrip("/").endswith("/debian"):
            return uri
    absent("needs a Debian mirror among the machine's sources")
    raise AssertionError


def _need(*programs: str) -> None:
    missing = [
        name for name in programs if shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin") is None
    ]
    if missing:
        absent(f"needs {', '.join(missing)}, not installed on this machine")
