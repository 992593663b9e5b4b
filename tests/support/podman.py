"""Real podman and skopeo of three releases, each with fresh storage.

    with engine("5.4") as real:
        real.configure(conf_text)                       # the registries.conf of what follows
        done = real.podman("pull", "origin.test/hello")  # a CompletedProcess, text
        real.skopeo("copy", "docker://origin.test/hello", f"dir:{real.inside / 'copy'}")

4.3 is the machine's own (Debian bookworm). 5.4 (trixie) and 6.1 (experimental) are in root folders that mmdebstrap
makes once, below the user's cache directory; they run there in their own mount namespace, so that no mount outlives
the command. ``as_installed`` starts a command on a machine that looks as if it had that release itself.

Debian's experimental moves. If it cannot be had, the tests of 6.1 are skipped with the reason, in CI too. It cannot
be had if apt says that it finds no such suite or package, cannot download, or cannot satisfy the dependencies
(``NOT_TO_BE_HAD``), if that takes more than ``MAKING_S``, or if the folder holds another release than 6.1. Everything
else is broken: a missing mmdebstrap, another failure of it, a podman that does not answer. That fails in CI.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from regtools.pull.engines.home import containers_conf, new_folder, storage_conf
from tests.conftest import absent
from tests.support.terminal import on_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

RELEASES = ("4.3", "5.4", "6.1")
CACHE = Path.home() / ".cache" / "regtools-tests"
PACKAGES = "podman,skopeo,netavark,crun,mount,ca-certificates"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
SECONDS = 180  # nothing here takes a tenth of it; more is a hang
MAKING_S = 240  # to make a root folder; 20 to 30 are usual
ASK_AGAIN_S = 3600  # after which a suite that could not be had is asked again
HAD: dict[str, str] = {}
"""Release → full version, of every podman that this process started."""
LACKED: dict[str, str] = {}
"""Release → why the tests of it were skipped."""

# How apt words that a suite or a package of it is not there, not whole, or not to be downloaded.
NOT_TO_BE_HAD = re.compile(
    r"Unable to locate package|has no installation candidate|unmet dependencies|Unable to correct problems"
    r"|Failed to fetch|does not have a Release file|is not available in the sources|Could not resolve|Unable to connect"
    r"|Unable to satisfy dependencies"
)


@dataclass(frozen=True)
class Debian:
    """A root folder that mmdebstrap makes of ``suites``; the last one has the podman that is wanted.

    A ``moving`` suite is one that may be gone tomorrow, which is no fault of what is tested.
    """

    name: str
    suites: tuple[str, ...]
    moving: bool = False

    def command(self, folder: Path, mirror: str) -> list[str]:
        """Return the command that makes the folder."""
        options = ['--aptopt=APT::Install-Recommends "false"']
        if self.moving:  # experimental's Release file is out of date on mirrors
            options += ['--aptopt=Acquire::Check-Valid-Until "false"']
            options += [f'--aptopt=APT::Default-Release "{self.suites[-1]}"']
        sources = [f"deb [signed-by={KEYRING}] {mirror} {suite} main" for suite in self.suites]
        made = ("mmdebstrap", "--variant=apt", "--mode=root", f"--include={PACKAGES}")
        return [*made, *options, self.suites[0], str(folder), *sources]


DEBIANS = {
    "5.4": Debian("trixie-1", ("trixie",)),
    "6.1": Debian("experimental-1", ("sid", "experimental"), moving=True),
}


def settings(inside: Path, runtime: str) -> dict[str, str]:
    """Name and text of the files with which podman keeps everything in ``inside``, as it sees that folder."""
    conf = containers_conf(tmp_dir=inside / "tmp", networks=inside / "networks", runtime=runtime)
    return {
        "containers.conf": conf,
        "storage.conf": storage_conf(inside / "root", inside / "runroot"),
        "registries.conf": "unqualified-search-registries = []\n",
    }


# $1 the root folder, $2 the work folder, then the command. containers/storage remounts "/", which must therefore be a
# mount of its own; crun wants to see no half of cgroup v1 and v2, and podman 6 refuses v1. Of cgroup v2, which all
# see, podman shall change nothing: as root it would move every process of this machine into a group of its own making.
# One mount makes them all: this runs before each command, and a process for each would take most of its time.
ENTER = """
set -e
root=$1 work=$2
shift 2
[ -e "$work/mounts" ] || cat >"$work/mounts" <<END
$root $root none bind
proc $root/proc proc defaults
sysfs $root/sys sysfs defaults
cgroup2 $root/sys/fs/cgroup cgroup2 defaults
none $root/sys/fs/cgroup none remount,bind,ro
/dev $root/dev none rbind
tmpfs $root/dev/shm tmpfs defaults
tmpfs $root/run tmpfs defaults
tmpfs $root/tmp tmpfs defaults
tmpfs $root/var/tmp tmpfs defaults
$work/answers $root/var/cache/containers none bind,nofail,X-mount.mkdir
$work $root/mnt none bind
/etc/hosts $root/etc/hosts none bind,nofail
/etc/resolv.conf $root/etc/resolv.conf none bind,nofail
END
touch "$root/etc/hosts" "$root/etc/resolv.conf"
mount --all --fstab "$work/mounts"
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

# $1 a root folder, $2 a folder or nothing, then the command. The programs and libraries of that Debian lie over this
# machine's /usr; the files of $2 are all drop-ins that the system has.
AS_INSTALLED = """
set -e
root=$1 dropins=$2
shift 2
if [ -n "$root" ]; then
    if [ -d /sys/fs/cgroup/unified ]; then
        umount --recursive --lazy /sys/fs/cgroup
        mount -t cgroup2 cgroup2 /sys/fs/cgroup
        mount -o remount,bind,ro /sys/fs/cgroup
    fi
    mount -t overlay overlay -o "ro,lowerdir=$root/usr:/usr" /usr
fi
[ -z "$dropins" ] || mount --bind "$dropins" /etc/containers/registries.conf.d
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
            enter = ("unshare", "--mount", "sh", "-c", ENTER, "sh", str(debian_root(release)), str(folder))
            made = Engine(release, folder, Path("/mnt"), enter, ("--network=none", "--cgroups=disabled"))
            runtime = "crun"
        for name, text in settings(made.inside, runtime).items():
            (folder / name).write_text(text)
        if release not in HAD:
            HAD[release] = _answer(made)
        yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def as_installed(release: str, *, dropins: Path | None = None) -> tuple[str, ...]:
    """Return the start of a command for which the machine has this release, and these drop-ins of the system alone.

    The machine's own podman counts as 4.3, whichever it is.
    """
    _need("podman", "unshare")
    root = "" if release == "4.3" else str(debian_root(release))
    start = ("unshare", "--mount", "sh", "-c", AS_INSTALLED, "sh", root, str(dropins or ""))
    done = subprocess.run([*start, "podman", "--version"], capture_output=True, text=True, timeout=SECONDS)
    if done.returncode:
        absent(f"needs root, and an overlay over /usr ({done.stderr.strip()})")
    HAD[release] = done.stdout.split()[-1]
    return start


def _answer(made: Engine) -> str:
    """Return the full version; a podman that is there and does not say it is broken, not absent."""
    try:
        done = made.podman("--version", check=False)
    except subprocess.TimeoutExpired:
        pytest.fail(
            f"podman {made.release} does not answer: --version took more than {SECONDS} s", pytrace=False
        )
    version = re.fullmatch(r"podman version (\d+\.\d+\.\d+)\n", done.stdout)
    if version is None:
        said = (done.stderr + done.stdout).strip() or "nothing"
        pytest.fail(f"podman {made.release} is broken: --version said {said}", pytrace=False)
    if not version[1].startswith(f"{made.release}."):
        absent(f"needs podman {made.release}, and this machine has {version[1]}")
    return version[1]


def debian_root(release: str) -> Path:
    """Return the root folder with podman of a release; make it, once for all runs, where it is missing."""
    debian = DEBIANS[release]
    _need("mmdebstrap", "unshare", "chroot")
    if os.geteuid() != 0:
        absent("needs root for the root folder of another Debian")
    CACHE.mkdir(parents=True, exist_ok=True)
    target, lacking = CACHE / debian.name, CACHE / f"{debian.name}.lacking"
    with (CACHE / f"{debian.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process may be making it
        if not target.exists():
            known = lacking.exists() and time.time() - lacking.stat().st_mtime < ASK_AGAIN_S
            reason = lacking.read_text() if known else _make_root(debian, release, target)
            if reason:
                lacking.write_text(reason)
                LACKED[release] = reason
                pytest.skip(f"needs podman {release}: {reason}")
    return target


def _make_root(debian: Debian, release: str, target: Path) -> str:
    """Make the folder; return why it cannot be had, or nothing."""
    partial, suite = target.with_suffix(".partial"), debian.suites[-1]
    shutil.rmtree(partial, ignore_errors=True)
    try:
        done = subprocess.run(
            debian.command(partial, _debian_mirror()), capture_output=True, text=True, timeout=MAKING_S
        )
        said = done.stderr
    except subprocess.TimeoutExpired:
        said = f"Failed to fetch within {MAKING_S} s"
    else:
        version = packaged_podman(partial)
        if done.returncode == 0 and version.startswith(f"{release}."):
            partial.rename(target)
            return ""
        if done.returncode == 0:
            said = f"Unable to locate package podman {release}: it has {version or 'none'}"
    shutil.rmtree(partial, ignore_errors=True)
    if debian.moving and (why := NOT_TO_BE_HAD.search(said)):
        line = next(line for line in said.splitlines() if why[0] in line)
        return f"Debian {suite} cannot be had ({line.removeprefix('E: ').strip()})"
    absent(
        f"needs a root folder of Debian {suite}; mmdebstrap said: {(said.strip().splitlines() or ['nothing'])[-1]}"
    )
    raise AssertionError


def packaged_podman(root: Path) -> str:
    """Return the version of podman that a root folder's list of packages names, or nothing."""
    try:
        listed = (root / "var/lib/dpkg/status").read_text()
    except OSError:
        return ""
    found = re.search(r"^Package: podman\n(?:.+\n)*?Version: (\d+\.\d+\.\d+)", listed, re.MULTILINE)
    return found[1] if found else ""


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


def _make_all() -> None:
    for release in DEBIANS:
        with contextlib.suppress(pytest.skip.Exception, pytest.fail.Exception):
            debian_root(release)


if __name__ == "__main__":
    _make_all()
