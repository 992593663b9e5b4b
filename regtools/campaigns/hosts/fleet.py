"""A campaign on many hosts: Dask carries jobs to the vantage points and rows back.

Each vantage point has one pull under way at a time, each host as well. A job is bound to one worker; if that
one is lost, the job goes to another of the same vantage point, and if there is none for a while, what is
left there is told as missing. A job's rows are taken once, whoever has done it: no row twice, none lost.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from regtools.errors import RegtoolsError

from .vantage import check_versions, in_turn_on_this_host, present, scheduler_gone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from ..job import Job, Row
    from .vantage import Worker

__all__ = ["Courier", "Fleet"]

_LOOK_S = 1.0  # how often it is looked who is there
_HELD_S = 0.02  # how soon to try again what a limit holds back
_KEPT = 50  # futures; letting go of one is a message, and Dask holds back what follows within 10 ms
_FETCH_S = 10.0  # for rows to arrive that are done


@dataclass(frozen=True, slots=True)
class Fleet:
    """The hosts of a Dask cluster, and how carefully to use them; for ``run_campaign(client=...)``.

    Attributes:
        client: a connected ``dask.distributed.Client``.
        vantages: names of the vantage points that take part; None for all that are there.
        overlap: whether several pulls may run on one host at the same time, one for each vantage point on it.
        at_once: at most so many vantage points pull from one place at the same time; None for no limit.
        per_minute: at most so many pulls a minute begin at one place, evenly spread; None for no limit.
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
            raise _bad(f"a connected Dask client is wanted, not {type(self.client).__name__}")
        if self.client.asynchronous:
            raise _bad("an asynchronous Dask client cannot be used", "make it by Client(address)")
        for name, least in (("at_once", 1), ("per_minute", 0.001), ("patience_s", 0)):
            value = getattr(self, name)
            if value is not None and not least <= value:
                raise _bad(f"{name} must be {least} at least, not {value}")

    def meet(self) -> Courier:
        """Look who is there, and make sure that all understand each other.

        Raises:
            RegtoolsError: kind ``versions-differ``, ``scheduler-gone``, ``bad-campaign``; ``no-workers``.
        """
        check_versions(self.client)
        there = present(self.client, {})
        names = {worker.vantage for worker in there.values()}
        if not there or (self.vantages is not None and not names & set(self.vantages)):
            wanted = f" of {', '.join(self.vantages)}" if self.vantages else ""
            raise RegtoolsError(
                f"the Dask cluster has no worker{wanted}",
                kind="no-workers",
                stage="pull",
                hint='start some: dask worker ADDRESS --nthreads 1 --resources "vantage:NAME=1"',
            )
        return Courier(self, there)


@dataclass(slots=True)
class _Flight:
    """A job under way."""

    job: Job
    worker: Worker
    future: Any


class Courier:
    """Carries the jobs of one campaign out and the rows home; made by :meth:`Fleet.meet`.

    Attributes:
        missing: vantage point → how many pulls were left undone there, and why.
    """

    def __init__(self, fleet: Fleet, there: dict[str, Worker]) -> None:
        self._fleet = fleet
        self._there = there
        self._queues: dict[str, deque[Job]] = {}
        self._flights: dict[str, _Flight] = {}
        self._landed: SimpleQueue[Any] = SimpleQueue()
        self._home: list[Any] = []
        self._begun: dict[str, float] = {}
        self._cold: set[str] = set()  # vantage points whose last pull failed, and so has warmed nothing
        self._absent: dict[str, float] = {}
        self._looked = time.monotonic()
        self._sent = 0
        self.missing: dict[str, tuple[int, str]] = {}

    def vantages(self, before: frozenset[str] = frozenset()) -> tuple[str, ...]:
        """Give the names that take part; ``before`` those that took part before a stop."""
        if self._fleet.vantages is not None:
            return self._fleet.vantages
        return tuple(sorted({worker.vantage for worker in self._there.values()} | before))

    def rows(self, campaign: str, vantages: Sequence[str]) -> list[Row]:
        """Give a line for the journal for each host that takes part."""
        hosts = {(each.vantage, each.host): each for each in self._there.values() if each.vantage in vantages}
        return [hosts[key].row(campaign) for key in sorted(hosts)]

    def __call__(
        self, do: Callable[[Job], list[Row]], jobs: Sequence[Job], go_on: Callable[[], bool]
    ) -> Iterator[tuple[Job, list[Row]]]:
        """Carry jobs out; when nothing more may begin, wait for what is under way."""
        for job in jobs:
            self._queues.setdefault(job.vantage, deque()).append(job)
        try:
            while self._flights or (self._queues and go_on()):
                held = self._send(do) if go_on() else False
                if len(self._home) >= _KEPT:
                    self._home.clear()
                yield from self._receive(_HELD_S if held else _LOOK_S)
                self._look()
        finally:
            self._call_back()

    # -- there ---------------------------------------------------------------------------------------------

    def _send(self, do: Callable[[Job], list[Row]]) -> bool:
        """Let begin what may begin; give whether a limit holds something back."""
        flights = self._flights.values()
        under_way = {flight.job.vantage for flight in flights}
        busy = set() if self._fleet.overlap else {flight.worker.machine for flight in flights}
        pulling = Counter(flight.job.place for flight in flights)
        free: dict[str, list[Worker]] = {}
        for each in self._there.values():
            if each.machine not in busy:
                free.setdefault(each.vantage, []).append(each)
        held = False
        for vantage in list(self._queues):
            workers = [each for each in free.get(vantage, ()) if each.machine not in busy]
            if vantage in under_way or not workers:
                continue
            job = self._queues[vantage][0]
            if not self._may_begin(job.place, pulling):
                held = True
                continue
            self._take(vantage)
            self._submit(do, job, workers[0])
            pulling[job.place] += 1
            if not self._fleet.overlap:
                busy.add(workers[0].machine)
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

    def _take(self, vantage: str) -> None:
        """Take a vantage point's next job off, and let the others of its host go first next time."""
        queue = self._queues.pop(vantage)
        queue.popleft()
        if queue:
            self._queues[vantage] = queue

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

    def _receive(self, patience_s: float) -> Iterator[tuple[Job, list[Row]]]:
        if not self._flights:
            time.sleep(patience_s if self._queues else 0)
            return
        with suppress(Empty):
            while True:
                future = self._landed.get(timeout=patience_s)
                patience_s = 0
                self._home.append(future)
                flight = self._flights.get(future.key)
                if flight is None:
                    continue
                rows = self._rows(flight)
                if rows is not None:
                    (self._cold.discard if rows[-1]["ok"] else self._cold.add)(flight.job.vantage)
                    yield flight.job, rows

    def _rows(self, flight: _Flight) -> list[Row] | None:
        """Take what a flight has brought; None where it has to be done again, or the place is given up."""
        future = flight.future
        del self._flights[future.key]
        if future.status == "finished":
            with suppress(OSError, TimeoutError):
                rows: list[Row] = future.result(timeout=_FETCH_S)
                return rows
        if future.status == "error":
            self._requeue(flight.job)
            self._give_up(flight.job.vantage, _reason(future.exception()))
            return None
        self._fleet.client.cancel([future])
        self._requeue(flight.job)
        return None

    def _requeue(self, job: Job) -> None:
        self._queues.setdefault(job.vantage, deque()).appendleft(job)

    # -- who is there --------------------------------------------------------------------------------------

    def _look(self) -> None:
        now = time.monotonic()
        if self._fleet.client.status != "running":
            raise scheduler_gone()
        if now - self._looked < _LOOK_S:
            return
        self._looked = now
        self._there = present(self._fleet.client, self._there)
        for flight in list(self._flights.values()):
            if flight.worker.address not in self._there:
                del self._flights[flight.future.key]
                self._fleet.client.cancel([flight.future])
                self._requeue(flight.job)
        names = {worker.vantage for worker in self._there.values()}
        for vantage in list(self._queues):
            if vantage in names:
                self._absent.pop(vantage, None)
            elif now - self._absent.setdefault(vantage, now) >= self._fleet.patience_s:
                self._give_up(vantage, f"no worker was there for {self._fleet.patience_s:g} s")

    def _give_up(self, vantage: str, why: str) -> None:
        left = self._queues.pop(vantage)
        self.missing[vantage] = (len(left), why)

    def _call_back(self) -> None:
        """Cancel what is still under way; a pull that runs goes on to its end there, and is not counted."""
        futures = [flight.future for flight in self._flights.values()]
        self._flights.clear()
        self._home.clear()
        if futures and self._fleet.client.status == "running":
            with suppress(OSError, TimeoutError):
                self._fleet.client.cancel(futures)


def _reason(error: BaseException) -> str:
    if isinstance(error, RegtoolsError):
        return error.message
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no more is known'}"


def _bad(message: str, hint: str | None = None) -> RegtoolsError:
    return RegtoolsError(message, kind="bad-campaign", stage="pull", hint=hint)
