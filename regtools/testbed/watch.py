"""What the podman of this machine tries for an image name, without asking any registry.

::

    attempts("nginx", 'unqualified-search-registries = ["docker.io", "quay.io"]')
    # ['docker.io/library/nginx:latest', 'quay.io/nginx:latest']

It is the real podman, and it pulls. Its storage is an empty folder that goes away afterwards, and its proxy
on loopback answers 404 to everything: podman asks every place, and none has the image, so that the whole
list shows. podman writes what it tries into its debug log.

The files are those of ``HOME``, given as text or as a folder. The system's drop-ins are hidden where podman
would read them: from podman 6 on, unless ``CONTAINERS_REGISTRIES_CONF`` names a file; before that, if the
variable is set or ``HOME`` has no registries.conf. A user who may not hide them gets an error. For root, the
answers that podman remembers for short names are those of the machine.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import TypedDict, Unpack

from regtools.errors import RegtoolsError
from regtools.pull.engines.home import new_folder, remove_folder, storage_options, variable_is_alone

with suppress(ImportError):  # Windows, where podman runs in a machine of its own
    import pty


PATIENCE_S = 60.0  # a pull from here takes a tenth of a second; more than this is a hang
CONFIG = ".config/containers"
EMPTY_TAR = bytes(10_240)
_TRYING = re.compile(r'level=debug msg="Trying to access \\"([^"]+)\\""')
_BLOCKED = re.compile(r'level=debug msg="Accessing \\"([^"]+)\\" failed: registry \S+ is blocked in')
_ASKED = re.compile(r'level=debug msg="GET (https?://[^/"]+)')
_ERROR = re.compile(r"^Error: (.+)", re.MULTILINE)
# The prompt underlines or indents each choice, behind codes that move the cursor.
_CODE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_CHOICE = re.compile(r"^\s*(?:[▸>]\s*)?(\S+/\S+)\s*$")
_CTRL_C = b"\x03"
_KINDS = ("registries.conf.d", "registries.rootful.conf.d", "registries.rootless.conf.d")
DROPINS = tuple(f"{root}/{kind}" for root in ("/etc/containers", "/usr/share/containers") for kind in _KINDS)
# Runs a command in a mount namespace in which the system has no drop-ins.
HIDE = f"""
for folder in {" ".join(DROPINS)}; do [ ! -d $folder ] || mount -t tmpfs tmpfs $folder || exit; done
exec "$@"
"""


class Machine(TypedDict, total=False):
    """What podman finds; :func:`attempts` explains each."""

    dropins: Mapping[str, str] | None
    home: str | os.PathLike[str] | None
    environ: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Watched:
    """What one ``podman pull`` did.

    Attributes:
        tried: references that podman tried, in order, blocked ones included.
        blocked: those of them that an entry blocks.
        contacted: ``https://host`` and ``http://host`` in the order in which they were first asked.
        error: the first line of podman's error.
    """

    tried: tuple[str, ...]
    blocked: tuple[str, ...]
    contacted: tuple[str, ...]
    error: str


def attempts(
    image: str,
    conf: str | None = None,
    *,
    local: Sequence[str] = (),
    **machine: Unpack[Machine],
) -> list[str]:
    """Return the references that the real podman tries for ``image``, in order.

    Args:
        image: what to give to ``podman pull``.
        conf: text of the user's ``registries.conf``; None for none.
        dropins: name → text of files in the user's ``registries.conf.d``.
        home: a folder that is the home directory instead of these; nothing is written there.
        environ: more environment variables, such as ``CONTAINERS_REGISTRIES_CONF``.
        local: names of images that the storage has already, as if they had been built here.

    Raises:
        RegtoolsError: ``podman-refused`` if podman tries nothing, with its own words; ``podman-missing``;
            ``podman-hangs``; ``podman-reads-more`` if the system's drop-ins cannot be hidden from it.
    """
    seen = watch(image, conf, local=local, **machine)
    if not seen.tried:
        raise _refused(seen.error)
    return list(seen.tried)


def watch(
    image: str,
    conf: str | None = None,
    *,
    local: Sequence[str] = (),
    **machine: Unpack[Machine],
) -> Watched:
    """Let podman try to pull, and return everything that it did; arguments as for :func:`attempts`.

    Raises:
        RegtoolsError: as :func:`attempts`, but ``podman-refused`` only for a name in ``local``.
    """
    with _practice(conf, **machine) as (podman, surroundings):
        for name in local:
            made = _run([*podman, "import", "--quiet", "-", name], surroundings, EMPTY_TAR)
            if made.returncode:
                raise _refused(_told(made, surroundings))
        done = _run([*podman, "--log-level=debug", "pull", "--", image], surroundings)
    log = done.stderr.decode(errors="replace")
    return Watched(
        tuple(_TRYING.findall(log)),
        tuple(_BLOCKED.findall(log)),
        tuple(dict.fromkeys(_ASKED.findall(log))),
        _told(done, surroundings),
    )


def choices(image: str, conf: str | None = None, **machine: Unpack[Machine]) -> list[str]:
    """Return the names among which podman lets a user at a terminal choose; empty if it does not ask.

    The answer is Ctrl-C, so nothing is pulled. podman shows five names at a time, and so does this.

    Args:
        image, conf, dropins, home, environ: as for :func:`attempts`.

    Raises:
        RegtoolsError: ``podman-missing``, ``podman-hangs`` or ``podman-reads-more``.
    """
    with _practice(conf, **machine) as (podman, surroundings):
        shown = _at_a_terminal([*podman, "pull", "--", image], surroundings | {"TERM": "xterm"})
    lines = [_CODE.sub("", line) for line in re.split(r"[\r\n]+", shown.partition("Please select")[2])]
    found = (_CHOICE.match(line) for line in lines)
    return list(dict.fromkeys(match[1] for match in found if match))


def _run(
    command: list[str], environ: dict[str, str], text: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(command, env=environ, input=text, capture_output=True, timeout=PATIENCE_S)
    except subprocess.TimeoutExpired as error:
        raise _hangs() from error


def _told(done: subprocess.CompletedProcess[bytes], environ: dict[str, str]) -> str:
    found = _ERROR.search(done.stderr.decode(errors="replace"))
    return found[1].replace(environ["HOME"], "~") if found else ""


def _refused(words: str) -> RegtoolsError:
    return RegtoolsError(f"podman says: {words}", kind="podman-refused", stage="resolve")


def _hangs() -> RegtoolsError:
    message = f"podman did not end within {PATIENCE_S:g} s"
    hint = "podman itself contacts a place on loopback (localhost, 127.0.0.1); is it in use?"
    return RegtoolsError(message, kind="podman-hangs", stage="pull", hint=hint)


# -- an empty machine --------------------------------------------------------------------------------------


@contextmanager
def _practice(conf: str | None, **machine: Unpack[Machine]) -> Iterator[tuple[list[str], dict[str, str]]]:
    """Yield the command of a podman with empty storage, and an environment without any registry."""
    home, dropins = machine.get("home"), machine.get("dropins") or {}
    if home is not None and (conf is not None or dropins):
        raise ValueError("give either a home directory or the text of files, not both")
    podman = shutil.which("podman")
    if podman is None:
        message = "podman is not installed on this machine"
        hint = "regtools doctor says how to get it"
        raise RegtoolsError(message, kind="podman-missing", stage="pull", hint=hint)
    folder = new_folder()
    try:
        own = Path(home).absolute() if home is not None else folder / "home"
        _lay_out(own, conf, dropins)
        (folder / ".run").mkdir(mode=0o700)
        (folder / "auth.json").write_text("{}")
        with refusing_proxy() as proxy:
            surroundings = {
                "PATH": os.environ.get("PATH", os.defpath),
                "HOME": str(own),
                "XDG_RUNTIME_DIR": str(folder / ".run"),
                "REGISTRY_AUTH_FILE": str(folder / "auth.json"),  # no logins
                **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), proxy),
                **(machine.get("environ") or {}),
            }
            command = [podman, *storage_options(folder)]
            yield [*_without_dropins(command, surroundings), *command], surroundings
    finally:
        remove_folder(folder)


def _without_dropins(podman: list[str], environ: dict[str, str]) -> list[str]:
    """Return the start of a command that hides the system's drop-ins; nothing if podman reads none.

    Raises:
        RegtoolsError: ``podman-reads-more`` if this user may not hide them.
    """
    own = Path(environ["HOME"], CONFIG, "registries.conf").exists()
    named, named_before = map(environ.get, ("CONTAINERS_REGISTRIES_CONF", "REGISTRIES_CONFIG_PATH"))
    hidden = named if variable_is_alone("podman") else own and not (named or named_before)
    shown = [path for folder in DROPINS for path in sorted(Path(folder).rglob("*.conf"))]
    if hidden or not shown:
        return []
    namespace = ["unshare", "--mount"] if os.geteuid() == 0 else [*podman, "unshare"]
    start = [*namespace, "sh", "-c", HIDE, "sh"]
    with suppress(OSError):
        if _run([*start, "true"], environ).returncode == 0:
            return start
    message = f"this podman also reads {shown[0]}, and this user may not hide it from podman"
    hint = "the answer would be that of your machine; try this on a machine without that file"
    raise RegtoolsError(message, kind="podman-reads-more", stage="pull", hint=hint)


def _lay_out(home: Path, conf: str | None, dropins: Mapping[str, str]) -> None:
    files = {f"registries.conf.d/{name}": text for name, text in dropins.items()}
    if conf is not None:
        files["registries.conf"] = conf
    for name, text in files.items():
        path = home / CONFIG / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    home.mkdir(exist_ok=True)


@contextmanager
def refusing_proxy() -> Iterator[str]:
    """Yield the address of a proxy on loopback that has nothing."""
    with ThreadingTCPServer(("127.0.0.1", 0), _NotFound) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class _NotFound(StreamRequestHandler):
    """Answers 404 to GET and to CONNECT alike; both are definite, so podman does not try again."""

    timeout = 10

    def handle(self) -> None:
        with suppress(OSError):
            while self.rfile.readline(65536).strip():
                pass
            self.wfile.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


# -- a person at a terminal --------------------------------------------------------------------------------


def _at_a_terminal(command: list[str], environ: dict[str, str]) -> str:
    """Run a command on a terminal of its own, press Ctrl-C at its question, and return what it showed."""
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "r+b", 0) as screen:
        with os.fdopen(theirs, "r+b", 0) as end:
            process = subprocess.Popen(
                command, env=environ, stdin=end, stdout=end, stderr=end, start_new_session=True
            )
        with process:
            shown, answered, until = b"", False, time.monotonic() + PATIENCE_S
            while time.monotonic() < until:
                # The menu is complete when nothing more comes for a moment.
                if select.select([screen], [], [], 0.2)[0]:
                    piece = b""
                    with suppress(OSError):  # the other end has been closed
                        piece = screen.read(65536)
                    if not piece:
                        return shown.decode(errors="replace")
                    shown += piece
                elif b"Please select" in shown and not answered:
                    shown += b"\n"
                    screen.write(_CTRL_C)
                    answered = True
            process.kill()
            raise _hangs()
