"""A network with nobody in it but one registry that has nothing, for programs that would leave the machine.

    with offline(real, ("docker.io", "origin.test")) as real:    # an Engine, as tests.support.podman makes them
        real.podman("pull", "docker.io/nginx", check=False)      # is told 404 on loopback

The engine's programs run in a network namespace that has only loopback, with a hosts file that sends all names
there. The registry answers 400 to a TLS hello, and to plain requests 200 for ``/v2/`` and 404 for all else: both
are definite, so nothing is repeated.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conftest import absent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.support.podman import Engine

PORTS = (80, 443, 5000)
CLOSED_PORT = 5999
"""Nobody listens there."""

# $1 a hosts file, then the command. Mounts and links go with the namespaces, that is with the last process.
ENTER = """
set -e
PATH=$PATH:/usr/sbin:/sbin
ip link set lo up
mount --bind "$1" /etc/hosts
shift
exec "$@"
"""

TLS_HELLO = 0x16


@contextlib.contextmanager
def offline(real: Engine, hosts: Iterable[str]) -> Iterator[Engine]:
    """Give the same engine, but cut off, with a registry at every one of ``hosts`` and ``PORTS``.

    The user's own registries.conf is read (``HOME`` is the engine's folder); no variable names another.
    """
    missing = [name for name in ("unshare", "nsenter", "ip") if not shutil.which(name, path=_path())]
    if missing or os.geteuid() != 0:
        absent(f"needs root, and {', '.join(missing) or 'nothing else'}, for a network of its own")
    with tempfile.TemporaryDirectory(prefix="rt-net-") as folder:
        names = Path(folder) / "hosts"
        names.write_text("".join(f"127.0.0.1 {host}\n" for host in ("localhost", *hosts)))
        own = ("unshare", "--net", "--mount", "sh", "-c", ENTER, "sh", str(names))
        with subprocess.Popen(
            [*own, sys.executable, "-m", __name__], stdout=subprocess.PIPE, cwd=_root()
        ) as server:
            try:
                if server.stdout is None or server.stdout.readline() != b"ready\n":
                    absent("needs a network namespace, and the kernel gives none")
                into = tuple(f"--{kind}=/proc/{server.pid}/ns/{file}" for kind, file in _NAMESPACES)
                yield replace(
                    real,
                    prefix=("nsenter", *into, *real.prefix, "env", "--unset=CONTAINERS_REGISTRIES_CONF"),
                )
            finally:
                server.kill()


_NAMESPACES = (("net", "net"), ("mount", "mnt"))


def _path() -> str:
    return os.environ["PATH"] + ":/usr/sbin:/sbin"


def _root() -> Path:
    return Path(__file__).resolve().parent.parent.parent


def _serve() -> None:
    import socketserver
    import threading

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(ConnectionError):
                while request := self.request.recv(65536):
                    if request[0] == TLS_HELLO:
                        self.request.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")
                        return
                    status = b"200 OK" if request.split()[1:2] == [b"/v2/"] else b"404 Not Found"
                    self.request.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    *others, last = (Server(("127.0.0.1", port), Handler) for port in PORTS)
    for other in others:
        threading.Thread(target=other.serve_forever, daemon=True).start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    last.serve_forever()  # here: once the main thread has ended, Python 3.12 starts no thread for a request


if __name__ == "__main__":
    _serve()
