"""A Dask cluster on this machine, for trying things out: a scheduler, and a worker for each vantage point.

All vantage points see the same network unless the places lead them through different links.

The processes are Dask's own (``dask spec``). They listen on loopback, where every user of this machine can
connect, and a Dask process runs the code that it is sent. Therefore both ends of each connection must show
the certificate that is made for this one cluster; only its owner can read the key.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

from regtools.pull.engines.process import interrupt_later
from regtools.pull.http.values import pull_error

from ..plan import bad_campaign

HERE = "127.0.0.1"
SCHEMES = ("tcp", "tls", "ws", "wss", "inproc")  # of addresses; Dask's ucx needs hardware and packages
# Dask runs this text in each process, which then ends with its standard input: with its owner, however that
# one ends. Threads of a pull that is still running do not hold it up.
LIFELINE = """
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(0)), daemon=True).start()
"""
# By default Dask samples the worker's stack every 10 ms, in the very process that is being timed, wakes it 50
# times a second, and answers questions about the cluster over plain HTTP.
SETTINGS = {
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "1s",
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    "DASK_DISTRIBUTED__WORKER__HTTP__ROUTES": "[]",
    "DASK_DISTRIBUTED__SCHEDULER__HTTP__ROUTES": "[]",
}
_START_S, _END_S = 60.0, 5.0


class LocalFleet(AbstractContextManager["LocalFleet"]):
    """A cluster of processes that ends with its ``with`` block or with this process, however that one ends.

    Args:
        vantages: names of the vantage points, one worker each; or how many.

    Attributes:
        address: of the scheduler; only :meth:`client` can connect to it.

    Raises:
        RegtoolsError: kind ``missing-package`` without Dask, ``program-missing`` without openssl,
            ``no-workers`` if a process does not start.
    """

    def __init__(self, vantages: int | Iterable[str]) -> None:
        names = (
            [f"local-{n}" for n in range(1, vantages + 1)] if isinstance(vantages, int) else list(vantages)
        )
        if not names:
            raise bad_campaign("a fleet needs at least one vantage point")
        _need_dask()
        self._workers: dict[str, list[subprocess.Popen[bytes]]] = {}
        with ExitStack() as closing:
            self._closing = closing
            self._folder = closing.enter_context(tempfile.TemporaryDirectory(prefix="regtools-fleet-"))
            self._security = _certificate(self._folder)
            known = Path(self._folder, "scheduler.json")
            self._scheduler = self._start("Scheduler", {}, protocol="tls", scheduler_file=str(known))
            self.address: str = _await(self._scheduler, lambda: json.loads(known.read_bytes())["address"])
            self._add(names, {})
            self._closing = closing.pop_all()

    def pids(self, vantage: str) -> list[int]:
        """Return the process numbers of a vantage point's workers."""
        return [process.pid for process in self._workers[vantage]]

    @property
    def scheduler_pid(self) -> int:
        """The process number of the scheduler."""
        return self._scheduler.pid

    def add(self, vantage: str, environ: Mapping[str, str] | None = None) -> None:
        """Start one more worker at a vantage point, old or new.

        Args:
            vantage: its name.
            environ: variables in which the worker differs from this process, such as another ``HOME``.
        """
        self._add([vantage], environ or {})

    def client(self) -> Any:
        """Return a new ``dask.distributed.Client`` of this cluster; the caller closes it."""
        return connect(self.address, security=self._security)

    def close(self) -> None:
        """End all processes; calling it again does nothing."""
        self._closing.close()

    def _add(self, vantages: Sequence[str], environ: Mapping[str, str]) -> None:
        begun = {}
        for vantage in vantages:
            others = self._workers.setdefault(vantage, [])
            name = f"{vantage}/{len(others) + 1}"
            begun[name] = self._start(
                "Worker",
                environ,
                name=name,
                scheduler_ip=self.address,
                resources={f"vantage:{vantage}": 1},
                nthreads=1,
                local_directory=self._folder,
                memory_limit=0,
                death_timeout=_START_S,
            )
            others.append(begun[name])
        with self.client() as client:
            for name, process in begun.items():
                _await(process, partial(_has_worker, client, name))

    def _start(self, kind: str, environ: Mapping[str, str], **more: Any) -> subprocess.Popen[bytes]:
        options = {
            "host": HERE,
            "port": 0,
            "security": self._security,
            "preload": LIFELINE,
            "dashboard": False,
            "dashboard_address": f"{HERE}:0",
            **more,
        }
        order = json.dumps({"cls": f"distributed.{kind}", "opts": options})
        process = subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_spec", "--spec", order],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **SETTINGS, "TMPDIR": self._folder, **environ},  # Dask leaves files there
            process_group=0,  # Ctrl-C reaches the owner alone, which ends its processes in order
        )
        self._closing.callback(_end, process)
        return process

    def __exit__(self, *_: object) -> None:
        self.close()


def connect(address: str, *, timeout_s: float = 10.0, security: Mapping[str, Any] | None = None) -> Any:
    """Connect to a Dask scheduler.

    Args:
        address: of the scheduler, such as ``tcp://10.0.0.1:8786``.
        timeout_s: seconds to wait for its answer.
        security: arguments of ``distributed.Security``; None for Dask's own configuration.

    Returns:
        A ``dask.distributed.Client``; the caller closes it.

    Raises:
        RegtoolsError: kind ``missing-package`` without Dask; ``scheduler-gone`` if no scheduler answers.
    """
    _need_dask()
    import distributed

    dask: Any = distributed
    secured = dask.Security(**(security or {}))
    try:
        scheme, colon, _ = address.partition("://")
        if (colon and scheme not in SCHEMES) or (scheme == "tls" and not secured.tls_ca_file):
            raise ValueError("no such protocol, or no certificate")  # Dask would leave half a client behind
        with interrupt_later():  # half a client would wait for itself when it is thrown away
            return dask.Client(address, timeout=timeout_s, security=secured, set_as_default=False)
    except (OSError, ValueError) as error:
        message = f"no Dask scheduler answers at {address}"
        hint = (
            "start one: dask scheduler; its address looks like tcp://10.0.0.1:8786. For tls://, Dask's "
            "configuration must name the certificates"
        )
        raise pull_error("scheduler-gone", message, hint) from error


def _need_dask() -> None:
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        message = "a run on many hosts needs Dask"
        hint = "pip install 'podman-regtools[fleet]'"
        raise pull_error("missing-package", message, hint) from error


def _certificate(folder: str) -> dict[str, Any]:
    """Make a certificate that vouches for itself; return the arguments of ``distributed.Security``.

    The ``openssl`` program makes it: ``Security.temporary()`` would need one more package.
    """
    key, cert = f"{folder}/key.pem", f"{folder}/cert.pem"
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    usage = ("-subj", "/CN=regtools", "-addext", "keyUsage=critical,digitalSignature,keyCertSign")
    command = ["openssl", "req", "-x509", "-days", "365", *curve, *usage, "-keyout", key, "-out", cert]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        message = f"openssl cannot make a certificate for the local cluster: {error}"
        hint = "install openssl 1.1.1 or newer, or start a Dask cluster yourself and pass its client"
        raise pull_error("program-missing", message, hint) from error
    roles = ("client", "scheduler", "worker")
    pairs = {f"tls_{role}_{part}": path for role in roles for part, path in (("key", key), ("cert", cert))}
    return {"require_encryption": True, "tls_ca_file": cert, **pairs}


def _await(process: subprocess.Popen[bytes], ready: Callable[[], Any]) -> Any:
    """Return what ``ready`` returns once it is true; a file may be read while it is written."""
    end = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < end:
        with suppress(FileNotFoundError, ValueError):
            if found := ready():
                return found
        time.sleep(0.02)
    raise pull_error("no-workers", "a process of the local Dask cluster did not start")


def _has_worker(client: Any, name: str) -> bool:
    # Without the number, some releases of Dask return five workers only.
    return any(each["name"] == name for each in client.scheduler_info(n_workers=-1)["workers"].values())


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
