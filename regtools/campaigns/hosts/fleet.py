"""A campaign on many hosts: Dask carries jobs to the vantage points and rows back.

Each vantage point runs one pull at a time, and so does each host. A job is bound to one worker; if that one
is lost, the job goes to another worker of the same vantage point. If there is none for a while, what is left
at that vantage point is reported as missing. The rows of a job are taken once, from whichever worker: no row
twice, none lost.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from typing import Any

from regtools.errors import RegtoolsError

from ..job import Job, checked_rows, lost_row
from ..plan import bad_campaign
from ..rows import Row
from .vantage import Worker, check_versions, in_turn_on_this_host, present, scheduler_gone

Delivery = tuple[Job, list[Row]]


TRIES = 3  # of a job whose worker is lost or brings back nonsense, before it counts as a failed pull
_LOOK_S = 1.0  # between two looks at which workers are present
_HELD_S = 0.02  # before another try to submit what a limit held back
_KEPT = 50  # futures; releasing one is a message, and Dask delays what follows it within 10 ms
_FETCH_S = 10.0  # to wait for rows of a finished job


@dataclass(frozen=True, slots=True)
class Fleet:
    """The hosts of a Dask cluster, and how carefully to use them; for ``run_campaign(client=...)``.

    Attributes:
        client: a connected ``dask.distributed.Client``.
        vantages: names of the vantage points that take part; None for all that are present.
        overlap: whether pulls may overlap on one host, one for each vantage point on it.
        at_once: how many vantage points may pull from one place at the same time; None for no limit.
        per_minute: how many pulls a minute may begin at one place, evenly spread; None for no limit.
        patience_s: seconds to wait for a vantage point that has lost its last worker.
    """

    client: Any = field(repr=False)
    vantages: tuple[str, ...] | None = None
    overlap: bool = False
    at_once: int | None = 4
    per_minute: float | None = 120
    patience_s: float = 60.0

    def __post_init__(self) -> None:
        if not hasattr(self.client, "scheduler_info"):
            raise bad_campaign(f"client must be a connected Dask client, not {type(self.client).__name__}")
        if self.client.asynchronous:
            raise bad_campaign("an asynchronous Dask client cannot be used", "make it with Client(address)")
        for name, least in (("at_once", 1), ("per_minute", 0.001), ("patience_s", 0)):
            value = getattr(self, name)
            if value is not None and not least <= value:
                raise bad_campaign(f"{name} must be at least {least}, not {value}")

    def meet(self) -> Courier:
        """Look which workers are present, and check that all sides run the same versions.

        Raises:
            RegtoolsError: kind ``versions-differ``, ``scheduler-gone``, ``bad-campaign``; ``no-workers``.
        """
        check_versions(self.client)
        there = present(self.client, {})
        names = {worker.vantage for worker in there.values()}
        if not there or (self.vantages is not None and not names & set(self.vantages)):
            wanted = f" of {', '.join(self.vantages)}" if self.vantages else ""
            message = f"the Dask cluster has no worker{wanted}"
            hint = 'start some: dask worker ADDRESS --nthreads 1 --resources "vantage:NAME=1"'
            raise RegtoolsError(message, kind="no-workers", stage="pull", hint=hint)
        return Courier(self, there)


@dataclass(slots=True)
class _Flight:
    """A job that a worker is doing."""

    job: Job
    worker: Worker
    future: Any


class Courier:
    """Carries the jobs of one campaign out and the rows home; made by :meth:`Fleet.meet`.

    Attributes:
        missing: vantage point → number of pulls that were left undone there, and why.
        refused: vantage point → number of results that were not the rows of their job, and the last reason.
    """

    def __init__(self, fleet: Fleet, there: dict[str, Worker]) -> None:
        self._fleet = fleet
        self._there = there
        self._queues: dict[str, deque[Job]] = {}
        self._flights: dict[str, _Flight] = {}
        self._landed: SimpleQueue[Any] = SimpleQueue()
        self._home: list[Any] = []
        self._begun: dict[str, float] = {}
        self._tries: Counter[str] = Counter()
        self._cold: set[str] = set()  # vantage points whose last pull failed, and so has warmed nothing
        self._absent: dict[str, float] = {}
        self._looked = time.monotonic()
        self._sent = 0
        self.missing: dict[str, tuple[int, str]] = {}
        self.refused: dict[str, tuple[int, str]] = {}

    def vantages(self, before: frozenset[str] = frozenset()) -> tuple[str, ...]:
        """Return the names that take part; ``before`` are those that took part before a stop."""
        if self._fleet.vantages is not None:
            return self._fleet.vantages
        return tuple(sorted({worker.vantage for worker in self._there.values()} | before))

    def rows(self, campaign: str, vantages: Sequence[str]) -> list[Row]:
        """Return a row for the journal for each host that takes part."""
        hosts = {(each.vantage, each.host): each for each in self._there.values() if each.vantage in vantages}
        return [{**hosts[key].row, "campaign": campaign} for key in sorted(hosts)]

    def __call__(
        self, do: Callable[[Job], list[Row]], jobs: Sequence[Job], go_on: Callable[[], bool]
    ) -> Iterator[Delivery]:
        """Carry jobs out and yield each with its rows; once no more may begin, wait for those that run."""
        for job in jobs:
            self._queues.setdefault(job.vantage, deque()).append(job)
        try:
            while self._flights or (self._queues and go_on()):
                held = self._send(do) if go_on() else False
                if len(self._home) >= _KEPT:
                    self._home.clear()
                yield from self._receive(_HELD_S if held else _LOOK_S)
                yield from self._look()
        finally:
            self._call_back()

    # -- there ---------------------------------------------------------------------------------------------

    def _send(self, do: Callable[[Job], list[Row]]) -> bool:
        """Submit every job whose host and place are free; return True if a limit held one back."""
        flights = self._flights.values()
        under_way = {flight.job.vantage for flight in flights}
        busy = set() if self._fleet.overlap else {flight.worker.machine for flight in flights}
        pulling = Counter(flight.job.place for flight in flights)
        held = False
        for vantage in list(self._queues):
            here = (each for each in self._there.values() if each.vantage == vantage)
            worker = next((each for each in here if each.machine not in busy), None)
            if vantage in under_way or worker is None:
                continue
            job = self._queues[vantage][0]
            if not self._may_begin(job.place, pulling):
                held = True
                continue
            queue = self._queues.pop(vantage)
            queue.popleft()
            if queue:  # at the end, so that the others on its host go first next time
                self._queues[vantage] = queue
            self._submit(do, job, worker)
            pulling[job.place] += 1
            if not self._fleet.overlap:
                busy.add(worker.machine)
        return held

    def _may_begin(self, place: str, pulling: Counter[str]) -> bool:
        most, each_minute = self._fleet.at_once, self._fleet.per_minute
        if most is not None and pulling[place] >= most:
            return False
        now = time.monotonic()
        if each_minute is not None and now < self._begun.get(place, 0.0) + 60 / each_minute:
            return False
        self._begun[place] = now
        return True

    def _submit(self, do: Callable[[Job], list[Row]], job: Job, worker: Worker) -> None:
        self._sent += 1
        future = self._fleet.client.submit(
            in_turn_on_this_host,
            do,
            replace(job, is_warm=False) if job.is_warm and job.vantage in self._cold else job,
            alone=not self._fleet.overlap,
            key=f"regtools-pull-{job.key.replace('/', '-')}-{self._sent}",
            workers=[worker.address],
            pure=False,
        )
        self._flights[future.key] = _Flight(job, worker, future)
        future.add_done_callback(self._landed.put)

    # -- and back ------------------------------------------------------------------------------------------

    def _receive(self, patience_s: float) -> Iterator[Delivery]:
        if not self._flights:
            time.sleep(patience_s if self._queues else 0)
            return
        with suppress(Empty):
            while True:
                future = self._landed.get(timeout=patience_s)
                patience_s = 0
                self._home.append(future)
                flight = self._flights.pop(future.key, None)
                if flight is not None:
                    yield from self._open(flight)

    def _open(self, flight: _Flight) -> Iterator[Delivery]:
        """Yield the rows that a flight has brought, unless its job has to be done again or is given up."""
        job, future = flight.job, flight.future
        if future.status != "finished":  # a client that loses its scheduler cancels every future
            self._check_client()
        if future.status == "error":
            error = future.exception()
            if type(error).__name__ != "KilledWorker":
                self._requeue(job)
                self._give_up(job.vantage, _reason(error))
                return
        elif future.status == "finished":
            try:
                rows = checked_rows(future.result(timeout=_FETCH_S), job)
            except OSError:
                pass  # its worker is lost, and the rows with it
            except Exception as error:  # unpickling the result may raise anything
                self._check_client()
                count, _ = self.refused.get(job.vantage, (0, ""))
                self.refused[job.vantage] = count + 1, _reason(error)
                yield from self._again(flight, "bad-rows")
                return
            else:
                rows[-1]["host"] = flight.worker.host
                yield self._deliver(job, rows)
                return
        yield from self._again(flight, "worker-lost")

    def _again(self, flight: _Flight, error_kind: str) -> Iterator[Delivery]:
        """Queue a job again, or yield a failed pull after the last try."""
        self._fleet.client.cancel([flight.future])
        self._tries[flight.job.key] += 1
        if self._tries[flight.job.key] < TRIES:
            self._requeue(flight.job)
        else:
            yield self._deliver(flight.job, [lost_row(flight.job, error_kind)])

    def _deliver(self, job: Job, rows: list[Row]) -> Delivery:
        (self._cold.discard if rows[-1]["ok"] else self._cold.add)(job.vantage)
        return job, rows

    def _requeue(self, job: Job) -> None:
        self._queues.setdefault(job.vantage, deque()).appendleft(job)

    # -- who is present --------------------------------------------------------------------------------------

    def _look(self) -> Iterator[Delivery]:
        """Look at the workers once a second; yield failed pulls for jobs that keep losing theirs."""
        now = time.monotonic()
        self._check_client()
        if now - self._looked < _LOOK_S:
            return
        self._looked = now
        self._there = present(self._fleet.client, self._there)
        for key, flight in list(self._flights.items()):
            if flight.worker.address not in self._there:
                del self._flights[key]
                yield from self._again(flight, "worker-lost")
        names = {worker.vantage for worker in self._there.values()}
        for vantage in list(self._queues):
            if vantage in names:
                self._absent.pop(vantage, None)
            elif now - self._absent.setdefault(vantage, now) >= self._fleet.patience_s:
                self._give_up(vantage, f"no worker was there for {self._fleet.patience_s:g} s")

    def _check_client(self) -> None:
        if self._fleet.client.status != "running":
            raise scheduler_gone()

    def _give_up(self, vantage: str, why: str) -> None:
        self.missing[vantage] = len(self._queues.pop(vantage)), why

    def _call_back(self) -> None:
        """Cancel what still runs; a pull that has begun finishes on its host and does not count."""
        futures = [flight.future for flight in self._flights.values()]
        self._flights.clear()
        self._home.clear()
        if futures and self._fleet.client.status == "running":
            with suppress(OSError):
                self._fleet.client.cancel(futures)


def _reason(error: BaseException) -> str:
    if isinstance(error, RegtoolsError):
        return error.message
    lines = str(error).splitlines() or ["nothing more is known"]
    return f"{type(error).__name__}: {lines[0]}"
