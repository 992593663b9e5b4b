"""A process of a :class:`~regtools.pull.localfleet.LocalFleet`: a scheduler or a worker, on loopback only.

It ends when its standard input does, so it outlives whoever started it by a moment only.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

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
