"""A Dask cluster on this machine, for trying: a scheduler, and a worker for each vantage point, as processes.

All vantage points see the same network, of course, unless the places lead them through different links.

A process of a :class:`~regtools.campaigns.hosts.local.LocalFleet`: a scheduler or a worker, on loopback only.

It ends when its standard input does, so it outlives whoever started it by a moment only.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from typing import TYPE_CHECKING

from regtools.errors import RegtoolsError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType
    from typing import Any, Self

__all__ = ["LocalFleet", "connect"]

_END_S = 5.0


class LocalFleet:
    """Processes from ``with`` to the end of the block; they end with this process, however it ends.

    Args:
        vantages: names of the vantage points, or how many.

    Attributes:
        address: of the scheduler, as ``Client`` takes it.

    Raises:
        RegtoolsError: kind ``missing-package`` without Dask; ``no-workers``: a process did not start.
    """

    def __init__(self, vantages: int | Iterable[str]) -> None:
        names = (
            [f"local-{n}" for n in range(1, vantages + 1)] if isinstance(vantages, int) else list(vantages)
        )
        if not names:
            raise RegtoolsError("a fleet needs a vantage point at least", kind="bad-campaign", stage="pull")
        _needs_dask()
        self._closing = ExitStack()
        self._workers: dict[str, list[subprocess.Popen[str]]] = {}
        with ExitStack() as opening:
            self._folder = opening.enter_context(tempfile.TemporaryDirectory(prefix="regtools-fleet-"))
            self._scheduler = _start({}, opening)
            self.address: str = _address(self._scheduler)
            begun = [(name, self._begin(name, opening)) for name in names]
            for name, process in begun:
                _address(process)
                self._workers.setdefault(name, []).append(process)
            self._closing = opening.pop_all()

    def pids(self, vantage: str) -> list[int]:
        """Give the process numbers of a vantage point's workers."""
        return [process.pid for process in self._workers[vantage]]

    @property
    def scheduler_pid(self) -> int:
        """The process number of the scheduler."""
        return self._scheduler.pid

    def add(self, vantage: str) -> None:
        """Start a further worker at a vantage point, old or new."""
        process = self._begin(vantage, self._closing)
        _address(process)
        self._workers.setdefault(vantage, []).append(process)

    def client(self) -> Any:
        """Give a new ``dask.distributed.Client`` of this cluster; close it yourself."""
        return connect(self.address)

    def close(self) -> None:
        """End all processes; more than once is harmless."""
        self._closing.close()

    def _begin(self, vantage: str, opening: ExitStack) -> subprocess.Popen[str]:
        return _start({"scheduler": self.address, "vantage": vantage, "folder": self._folder}, opening)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def connect(address: str, *, timeout_s: float = 10.0) -> Any:
    """Connect to a Dask scheduler; give the client.

    Raises:
        RegtoolsError: kind ``missing-package`` without Dask; ``scheduler-gone`` where none answers.
    """
    _needs_dask()
    from distributed import Client

    try:
        connected: Any = Client
        return connected(address, timeout=timeout_s, set_as_default=False)
    except (OSError, ValueError) as error:
        raise RegtoolsError(
            f"no Dask scheduler answers at {address}",
            kind="scheduler-gone",
            stage="pull",
            hint="start one: dask scheduler; its address looks like tcp://10.0.0.1:8786",
        ) from error


def _needs_dask() -> None:
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        raise RegtoolsError(
            "campaigns on many hosts need Dask",
            kind="missing-package",
            stage="pull",
            hint="pip install 'podman-regtools[fleet]'",
        ) from error


def _start(order: dict[str, str], opening: ExitStack) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "regtools.campaigns.hosts.local", json.dumps(order)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    opening.callback(_end, process)
    return process


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RegtoolsError(
            "a process of the local Dask cluster did not start", kind="no-workers", stage="pull"
        )
    return str(json.loads(line)["address"])


def _end(process: subprocess.Popen[str]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


HERE = "127.0.0.1"


async def serve(order: dict[str, Any]) -> None:
    """Run a scheduler, or a worker of ``order["scheduler"]`` with ``order["vantage"]``, until told to end."""
    server = _server(order)
    async with server:
        print(json.dumps({"address": server.address}), flush=True)
        ends = [asyncio.create_task(_input_ends()), asyncio.create_task(server.finished())]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)


def _server(order: dict[str, Any]) -> Any:
    import dask
    from distributed import Scheduler, Worker

    # Left on, it would look at the pull every 10 ms, in the very process that is being timed.
    dask.config.set({"distributed.worker.profile.enabled": False})
    common: dict[str, Any] = {"host": HERE, "port": 0, "dashboard": False, "dashboard_address": f"{HERE}:0"}
    if "scheduler" not in order:
        return Scheduler(**common)
    return Worker(
        order["scheduler"],
        nthreads=1,
        resources={f"vantage:{order['vantage']}": 1},
        local_directory=order["folder"],
        memory_limit=0,
        death_timeout=10,
        **common,
    )


async def _input_ends() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


if __name__ == "__main__":
    asyncio.run(serve(json.loads(sys.argv[1])))
    sys.stdout.flush()
    os._exit(0)  # threads of a pull that still runs must not hold it up
