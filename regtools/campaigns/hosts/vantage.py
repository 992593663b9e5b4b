"""Vantage points: the hosts of a Dask cluster as places to measure from, and what runs on each of them.

A worker started with a resource ``vantage:NAME`` (``dask worker … --resources "vantage:tokyo=1"``) is at the
vantage point NAME. If no worker has such a label, every worker takes part under its host's name. Workers of
one vantage point are alike: each can do the jobs of another.
"""

from __future__ import annotations

import fcntl
import os
import platform
import socket
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regtools.errors import RegtoolsError, unwritable
from regtools.pull.recorder import utc
from regtools.version import __version__

from ..job import Job
from ..plan import bad_campaign
from ..rows import Row, checked_row

LABEL = "vantage:"
_BOOT = Path("/proc/sys/kernel/random/boot_id")
# What a scheduler and a worker evaluate; as text, because regtools may be missing there.
_VERSION = "__import__('regtools.version').version.__version__"


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker that takes part.

    Attributes:
        address: as Dask knows it.
        vantage: the name of its vantage point.
        host: the host's own name.
        machine: distinguishes one running kernel from another; containers of one host share it.
        row: its row for the journal, without the campaign.
    """

    address: str
    vantage: str
    host: str
    machine: str
    row: Row


def present(client: Any, known: Mapping[str, Worker]) -> dict[str, Worker]:
    """Return the workers that are present now, by address; those that are ``known`` are not asked again.

    Raises:
        RegtoolsError: kind ``scheduler-gone``; ``versions-differ`` for a new worker; ``bad-campaign`` for
            labels that contradict each other; ``bad-row`` if a worker describes its host wrongly.
    """
    with _reaching(client):
        found = client.run_on_scheduler(_resources)
        labels = {address: _label(address, each) for address, each in found.items()}
        chosen = [address for address, label in labels.items() if label or not any(labels.values())]
        new = [address for address in chosen if address not in known]
        told = client.run(about_this_host, workers=new, on_error="ignore") if new else {}
    seen_at = utc(time.time())
    there = {address: known[address] for address in chosen if address in known}
    for address, about in told.items():
        _compare({address: {"regtools": about.get("regtools")}}, {"regtools": __version__})
        vantage = labels[address] or about.get("host")
        row = checked_row({**about, "row": "vantage", "vantage": vantage, "seen_at": seen_at})
        there[address] = Worker(address, row["vantage"], row["host"], str(about.get("machine")), row)
    return there


def check_versions(client: Any) -> None:
    """Check that client, scheduler and workers run the same Python, Dask and regtools.

    Raises:
        RegtoolsError: kind ``versions-differ``; ``scheduler-gone``.
    """
    with _reaching(client):
        told = client.get_versions()
        sides = {"scheduler": told["scheduler"], **told["workers"]}
        _compare({side: _comparable(each) for side, each in sides.items()}, _comparable(told["client"]))
        # Only now: code travels between equal Pythons only.
        versions = client.run(eval, _VERSION, on_error="return")
        versions["scheduler"] = client.run_on_scheduler(eval, _VERSION)
    found = {side: {"regtools": each if isinstance(each, str) else None} for side, each in versions.items()}
    _compare(found, {"regtools": __version__})


def scheduler_gone() -> RegtoolsError:
    """Return the error for a scheduler that does not answer any more."""
    hint = "every pull that had come back is in the journal; the same call with a new client continues"
    return RegtoolsError("the Dask scheduler is gone", kind="scheduler-gone", stage="pull", hint=hint)


def _resources(dask_scheduler: Any) -> dict[str, dict[str, float]]:
    """Return the resources of each worker by its address; runs in the scheduler.

    Do not use ``client.scheduler_info()`` instead: every two seconds the client refreshes what it knows, and
    a refresh that comes between its question and its answer leaves a list without workers.
    """
    return {address: dict(worker.resources) for address, worker in dask_scheduler.workers.items()}


# -- on the host itself ----------------------------------------------------------------------------------


def about_this_host() -> dict[str, str]:
    """Return what the journal keeps of a host, and ``machine``, which distinguishes it from others."""
    host = socket.gethostname()
    try:
        machine = _BOOT.read_text().strip()
    except OSError:
        machine = f"{host}/{uuid.getnode():x}"
    return {
        "host": host,
        "machine": machine,
        "started_at": utc(time.time()),
        "regtools": __version__,
        "python": platform.python_version(),
    }


def in_turn_on_this_host(do: Callable[[Job], list[Row]], job: Job, *, alone: bool) -> list[Row]:
    """Carry a job out on this host; if ``alone``, wait until no other pull of a fleet runs here."""
    with _turn() if alone else nullcontext():
        return do(job)


@contextmanager
def _turn() -> Iterator[None]:
    # For this campaign, an older one that was cut off, and any other campaign of this user.
    path = Path(tempfile.gettempdir()) / f"regtools-{os.getuid()}.lock"
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise unwritable(path, error, what="the lock that keeps pulls apart", stage="pull") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


# -- versions --------------------------------------------------------------------------------------------


def _comparable(told: Any) -> dict[str, str | None]:
    packages = dict((told or {}).get("packages") or {})
    python = str(packages.get("python") or "")
    return {
        "Python": ".".join(python.split(".")[:2]) or None,
        "dask": packages.get("dask"),
        "distributed": packages.get("distributed"),
    }


def _compare(sides: Mapping[str, Mapping[str, str | None]], mine: Mapping[str, str | None]) -> None:
    others = [
        f"{side} has {name} {found[name]}" if found[name] else f"{side} has no {name}"
        for name in mine
        for side, found in sides.items()
        if found[name] != mine[name]
    ]
    if others:
        more = f"; and {len(others) - 5} more" if len(others) > 5 else ""
        here = ", ".join(f"{name} {version}" for name, version in mine.items())
        message = f"versions differ: this side has {here}; {'; '.join(others[:5])}{more}"
        hint = "install the same everywhere: 'podman-regtools[fleet]', with one constraints file"
        raise RegtoolsError(message, kind="versions-differ", stage="pull", hint=hint)


def _label(address: str, resources: Mapping[str, Any]) -> str:
    labels = [name.removeprefix(LABEL) for name in resources if name.startswith(LABEL)]
    if len(labels) > 1:
        message = f"the worker {address} claims to be at {' and '.join(sorted(labels))}"
        hint = "start it with one resource vantage:NAME"
        raise bad_campaign(message, hint)
    return labels[0] if labels else ""


@contextmanager
def _reaching(client: Any) -> Iterator[None]:
    if client.status != "running":
        raise scheduler_gone()
    try:
        yield
    except OSError as error:  # Dask's own errors of connections, and time-outs, are OSErrors
        raise scheduler_gone() from error
