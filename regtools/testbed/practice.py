"""A terminal to practise in: podman, buildah and skopeo with storage and settings of their own.

::

    with Testbed() as bed, Practice(bed) as practice:
        practice.run("podman pull --quiet origin.test/hello && podman run --rm origin.test/hello")

The commands are the usual ones. They have a home folder of their own, which holds images, containers and
``~/.config/containers``, and which is removed afterwards. They neither see nor change the images of the
machine's user, or any file of ``/etc/containers``.

In a notebook, ``%%terminal`` (see :mod:`regtools.notebook.magics`) types a whole cell into it.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from regtools.display import printable
from regtools.errors import IN_BROWSER, RegtoolsError, absent_from_browsers
from regtools.pull.engines.home import (
    containers_conf,
    new_folder,
    remove_folder,
    storage_conf,
    variable_is_alone,
)

from .bed import Testbed
from .process import Closing, failed
from .watch import refusing_proxy

NOWHERE = "unqualified-search-registries = []\n"  # a registries.conf without any registry
SECONDS = 120.0  # a command of a lesson takes one or two; more than this is a hang
READER = 1000  # user and group id of the ordinary user that root becomes if rootless is asked for
SETTINGS = ".config/containers"
STORAGE = ".local/share/containers/storage"  # where an ordinary user's images are, whatever storage.conf says
LOG_TIME = re.compile(r'^time="[^"]+" ', re.MULTILINE)

# The files of names are replaced for one command, in a mount namespace of its own: podman looks the user up
# in them. If cgroups of version 1 and 2 are mounted side by side, it sees version 2 alone, as crun needs it.
ENTER = f"""
if [ -d /sys/fs/cgroup/unified ]; then
    umount --recursive --lazy /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup || exit
fi
mount --make-rshared / || exit
for file in passwd group subuid subgid; do mount --bind "$1/.etc/$file" "/etc/$file" || exit; done
exec setpriv --reuid {READER} --regid {READER} --clear-groups sh -c "$2"
"""


@dataclass(frozen=True, slots=True)
class Said:
    """What a command printed (``text``: output and errors in order) and its exit ``status``."""

    text: str
    status: int

    def __str__(self) -> str:
        # A terminal would hide a status; in a lesson a failure must not look like an empty answer.
        return printable(self.text) + (f"exit status {self.status}\n" if self.status else "")

    def __repr__(self) -> str:
        return str(self).rstrip("\n")


class Practice(Closing):
    """A home folder for commands, and the settings in it, until ``close()`` or the end of the process.

    Args:
        conf: the registries.conf of the commands: that of a :class:`Testbed`, or a text; None for one without
            any registry.
        offline: let no command ask a registry outside this machine. A proxy on loopback answers "not found"
            for each of them: podman tries every source, and none has the image. A testbed still answers.
        rootless: run as an ordinary user even if this process is root (Linux, needs ``unshare``): as
            ``reader``, user id 1000, with the 65,536 subordinate ids from 100,000 on. No account is created.

    In a command, ``$near`` stands for the address of a testbed's place. The output is made the same on every
    machine: the home folder is shown as ``~``, that address as ``127.0.0.1:<near>``, and the time of podman's
    log lines is left out. Containers have no network unless ``--network`` is given.
    """

    def __init__(
        self, conf: Testbed | str | None = None, *, offline: bool = False, rootless: bool = False
    ) -> None:
        if os.name != "posix":
            raise failed("the practice terminal needs a Unix-like system", "on Windows, run it inside WSL")
        self.folder = new_folder()
        self.rootless = rootless and not IN_BROWSER and os.geteuid() == 0
        closing = ExitStack()
        # A browser has no commands that could ask, but its chapters write files into the home folder.
        proxy = closing.enter_context(refusing_proxy()) if offline and not IN_BROWSER else None
        self._environ = {} if proxy is None else dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), proxy)
        self._end = weakref.finalize(self, _clean, self.folder, self.rootless, os.getpid(), closing)
        self._addresses: dict[str, str] = {}
        _lay_out(self.folder, rootless=self.rootless)
        self.use(conf)
        _OPEN.append(weakref.ref(self))

    @property
    def alive(self) -> bool:
        """Whether it is open."""
        return self._end.alive

    def use(self, conf: Testbed | str | None, **addresses: str) -> None:
        """Make ``conf`` the registries.conf of later commands; the file is in ``~/.config/containers``.

        Args:
            conf: as for the class.
            **addresses: more servers on loopback: ``corp="127.0.0.1:40123"`` makes ``$corp`` that address in
                commands, and shows it as ``127.0.0.1:<corp>``.
        """
        if conf is not None and not isinstance(conf, str):
            self._addresses |= conf.addresses
            conf = conf.conf_text
        self._addresses |= addresses
        text = NOWHERE if conf is None else conf
        (self.folder / SETTINGS / "registries.conf").write_text(text, encoding="utf-8")

    def run(self, command: str, *, seconds: float = SECONDS) -> Said:
        """Run ``command``, one or more lines of shell, and return what it prints.

        Args:
            command: as typed into a terminal, in the home folder.
            seconds: how long it may take.

        Raises:
            RegtoolsError: it took longer, the terminal is closed, or this is not Linux.
        """
        if IN_BROWSER:
            raise absent_from_browsers("the practice terminal")
        if sys.platform != "linux":
            hint = "read the stored output, or use a Linux machine"
            raise failed("the practice terminal needs Linux", hint)
        if not self.alive:
            raise failed("the practice terminal is closed", "open a new Practice")
        names = {name.replace("-", "_"): at for name, at in self._addresses.items()}
        environ = names | _environment(self.folder) | self._environ
        status, text = _run(self.folder, command, seconds, environ, rootless=self.rootless)
        shown = {at: f"127.0.0.1:<{name}>" for name, at in self._addresses.items()}
        for found, short in {str(self.folder): "~", **shown}.items():
            text = re.sub(rf"{re.escape(found)}(?!\d)", short, text)
        return Said(LOG_TIME.sub("", text), status)

    def close(self) -> None:
        """Stop its containers and remove everything; more than once is harmless."""
        self._end()


_OPEN: list[weakref.ref[Practice]] = []


def latest() -> Practice:
    """Return the terminal that was opened last and is still open; ``%%terminal`` types into it.

    Raises:
        RegtoolsError: none is open.
    """
    _OPEN[:] = [each for each in _OPEN if (known := each()) is not None and known.alive]
    practice = _OPEN[-1]() if _OPEN else None
    if practice is None:
        raise failed("no practice terminal is open", "open one: practice = Practice(bed)")
    return practice


def _run(
    folder: Path, command: str, seconds: float, environ: dict[str, str], *, rootless: bool
) -> tuple[int, str]:
    start: Sequence[str] = ("sh", "-c", command)
    if rootless:
        start = ("unshare", "--mount", "sh", "-c", ENTER, "sh", str(folder), command)
    # Not a pipe: a command's background process would hold it open.
    with tempfile.TemporaryFile() as out:
        try:
            process = subprocess.Popen(
                start,
                cwd=folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise failed(f"{start[0]} could not be started: {error.strerror}") from error
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise failed(f"the command did not end within {seconds:g} s", "see what it waits for") from None
        finally:
            if process.poll() is None:  # also when the reader interrupts the cell
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        out.seek(0)
        return status, out.read().decode("utf-8", "replace")


def _environment(folder: Path) -> dict[str, str]:
    settings = folder / SETTINGS
    return {
        # Debian keeps runc in a folder that is not in an ordinary user's path.
        "PATH": _path(),
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(folder / ".run"),
        # podman and buildah of root do not look for these at home.
        "CONTAINERS_CONF": str(settings / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(settings / "storage.conf"),
        **_only_at_home(settings / "registries.conf"),
        "PODMAN_IGNORE_CGROUPSV1_WARNING": "1",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "TERM": "dumb",
    }


def _lay_out(folder: Path, *, rootless: bool) -> None:
    """Write what keeps podman, buildah and skopeo inside ``folder``, on any machine that can run them."""
    run = folder / ".run"
    run.mkdir(mode=0o700)
    path = _path()
    # crun needs cgroups of version 2 alone.
    runc = Path("/sys/fs/cgroup/unified").exists() and not rootless and shutil.which("runc", path=path)
    runtime, networks = "runc" if runc else "", folder / ".config" / "networks"
    conf = containers_conf(tmp_dir=run / "podman", networks=networks, runtime=runtime, netns="none")
    texts = {
        f"{SETTINGS}/containers.conf": conf,
        f"{SETTINGS}/storage.conf": storage_conf(folder / STORAGE, run / "containers"),
        f"{SETTINGS}/policy.json": '{"default": [{"type": "insecureAcceptAnything"}]}\n',
    }
    if rootless:
        user = f"reader:x:{READER}:"
        texts[".etc/passwd"] = f"root:x:0:0:root:/root:/bin/sh\n{user}{READER}::{folder}:/bin/sh\n"
        texts[".etc/group"] = f"root:x:0:\n{user}\n"
        texts[".etc/subuid"] = texts[".etc/subgid"] = "reader:100000:65536\n"
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    for each in (folder, *folder.rglob("*")) if rootless else ():
        os.chown(each, READER, READER)


def _path() -> str:
    return os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"


def _only_at_home(conf: Path) -> dict[str, str]:
    """Return the variable that keeps podman from the system's drop-ins.

    Up to podman 5 a registries.conf at home hides them, but not if a variable names it; from 6 on, only the
    variable does.
    """
    alone = shutil.which("podman") is not None and variable_is_alone("podman")
    return {"CONTAINERS_REGISTRIES_CONF": str(conf)} if alone else {}


def _clean(folder: Path, rootless: bool, owner: int, closing: ExitStack) -> None:
    if os.getpid() != owner:  # a process forked from the owner ends, not the owner
        return
    if (folder / STORAGE).exists():
        with suppress(RegtoolsError):
            command = "podman rm --all --force --time 0"
            _run(folder, command, SECONDS, _environment(folder), rootless=rootless)
    closing.close()
    remove_folder(folder)
