"""``run_campaign``: many pulls that can be compared, from the first to the last or from where it stopped.

Every job's rows are on the disk before the next job begins. After a kill, a power cut or Ctrl-C the same
call goes on: what the journal holds is not done again, and nothing that was finished is lost. What is carried
out where is the executor's matter: :func:`in_turn` does one job after the other, here;
:mod:`regtools.campaigns.hosts.fleet` does it on many hosts.
"""

from __future__ import annotations

import os
import random
import time
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from .job import carry_out
from .journal import JournalWarning, Past, append_rows, campaign_rows, locked, read_journal
from .plan import Plan, another_plan, named_places, new_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    import pandas as pd

    from .hosts.fleet import Courier
    from .job import Job, Row

__all__ = ["Progress", "conduct", "in_turn", "run_campaign"]

if TYPE_CHECKING:
    Executor = Callable[
        [Callable[[Job], list[Row]], Sequence[Job], Callable[[], bool]], Iterator[tuple[Job, list[Row]]]
    ]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a campaign is.

    Attributes:
        done, total: pulls.
        failed: of these; counted since this start.
        bytes: fetched, those of earlier starts included.
        round, rounds: of the pull that comes next.
        seconds: since this start.
        left_s: what the rest will take if it goes on like this; None before the first pull.
        vantage: where the last pull was made; empty on one machine.
    """

    done: int
    total: int
    failed: int
    bytes: int
    round: int
    rounds: int
    seconds: float
    left_s: float | None
    vantage: str = ""


def run_campaign(
    images: str | Iterable[str],
    places: Any,
    *,
    rounds: int = 10,
    journal: str | os.PathLike[str] = "pulls.jsonl",
    engine: str = "builtin",
    client: Any = None,
    seed: int | None = None,
    platform: str | None = None,
    workers: int = 4,
    timeout_s: float | None = None,
    cache_states: Sequence[str] = ("unknown",),
    make_cold: Sequence[str] = (),
    probes: int = 5,
    pause_s: float = 1.0,
    jitter: float = 0.5,
    stop_file: str | os.PathLike[str] | None = None,
    limit_bytes: int | None = None,
    stop_on_429: bool = True,
    progress: Callable[[Progress], None] | None = None,
) -> pd.DataFrame:
    """Pull every image from every place, once a round, in shuffled order; every pull goes to the journal.

    If the journal holds a part of the same campaign, it is gone on with; ``rounds`` may have grown. The
    first rounds of a campaign and those of its prolongation are alike.

    Arguments:
        images: one name or several, as podman would be given them.
        places: name → :class:`~regtools.RegistriesConf`, or things with ``name`` and ``conf``, such as
            ``bed.places``. With a ``client`` a place may be another configuration at each vantage point:
            name → vantage point → configuration.
        rounds: blocks; 10 are enough for a verdict about differences worth having.
        journal: JSON Lines, made or gone on with.
        engine, platform, workers, timeout_s: as of :func:`~regtools.time_pull`.
        client: a Dask client, or a :class:`~regtools.campaigns.hosts.fleet.Fleet` with limits of its own:
            the same campaign from each of its vantage points. Configurations are the ones given here; logins,
            certificates and environment are those of each host.
        seed: of the shuffling; None for the journal's, or a new one. It stands in the journal.
        cache_states: ``unknown`` just pulls. ``cold`` runs ``make_cold`` before each pull, ``warm`` pulls
            once unmeasured before (after a cold pull the place is warm anyway).
        make_cold: program and arguments that empty a place's cache; ``{place}`` stands for its name. With a
            ``client`` each host runs it; it travels as it is, so no password should stand in it.
        probes: round trips that are measured of each place once a round, when nothing else runs; see
            :func:`~regtools.campaigns.journal.read_probes`.
        pause_s, jitter: seconds of rest before each pull, and by which share of it they vary.
        stop_file: as soon as there is such a file, no further pull begins.
        limit_bytes: no further pull begins once so many bytes have been fetched, by earlier starts as well.
            On many hosts, what is under way then still comes to its end.
        stop_on_429: no further pull begins once a registry has answered 429, "too many requests".
        progress: called after each pull.

    Returns:
        The campaign's pulls so far, columns as :func:`~regtools.read_journal`; ``attrs["seed"]`` and
        ``attrs["stopped"]``: why it ended early, or None. ``attrs["missing"]``: vantage point → how many
        pulls could not be done there, and why.

    Raises:
        RegtoolsError: ``bad-campaign``; ``another-campaign`` and ``journal-in-use`` for the journal; what a
            name or configuration leads to; ``versions-differ``, ``no-workers`` and ``scheduler-gone`` for a
            client. ``KeyboardInterrupt`` passes through; the journal is whole then.
    """
    plan = Plan(
        id=new_id(),
        seed=random.SystemRandom().randrange(2**32) if seed is None else seed,
        images=(images,) if isinstance(images, str) else tuple(images),
        places=named_places(places),
        rounds=rounds,
        engine=engine,
        platform=platform,
        workers=workers,
        timeout_s=timeout_s,
        cache_states=tuple(cache_states),
        make_cold=tuple(make_cold),
        probes=probes,
        pause_s=pause_s,
        jitter=jitter,
    )
    courier = None
    if client is not None:
        from .hosts.fleet import Fleet

        courier = (client if isinstance(client, Fleet) else Fleet(client)).meet()
        plan = replace(plan, vantages=courier.vantages())
    plan.check()
    stop = _Stop(stop_file, limit_bytes, stop_on_429)
    given = seed is not None
    return conduct(plan, os.fspath(journal), stop, seed_is_given=given, progress=progress, courier=courier)


def in_turn(
    do: Callable[[Job], list[Row]], jobs: Sequence[Job], go_on: Callable[[], bool]
) -> Iterator[tuple[Job, list[Row]]]:
    """Carry jobs out one after the other, in this process.

    A cold pull that failed has warmed nothing: the warm one after it pulls once unmeasured first.
    """
    delivered = True
    for job in jobs:
        if not go_on():
            return
        rows = do(job if delivered or not job.is_warm else replace(job, is_warm=False))
        delivered = bool(rows[-1]["ok"])
        yield job, rows


def conduct(
    plan: Plan,
    journal: str,
    stop: _Stop,
    *,
    seed_is_given: bool = False,
    progress: Callable[[Progress], None] | None = None,
    execute: Executor = in_turn,
    courier: Courier | None = None,
) -> pd.DataFrame:
    """Carry a plan out, but for what the journal holds already; see :func:`run_campaign`."""
    with locked(journal):
        past = Past.read(journal)
        plan = _continued(plan, past, journal, seed_is_given)
        if past.row is None:
            append_rows(journal, [plan.row()])
        if courier is not None:
            plan = replace(plan, vantages=courier.vantages(past.vantages))
            append_rows(journal, courier.rows(plan.id, plan.vantages))
        every = list(plan.jobs())
        jobs = list(_undone(every, past.done))
        count = _Count(len(every) - len(jobs), len(every), plan.rounds, past.bytes, time.monotonic())
        if jobs:
            stop.look(count.bytes, None)
        for job, rows in (courier or execute)(carry_out, jobs, stop.allows):
            append_rows(journal, rows)
            count.add(job, rows[-1])
            if progress is not None:
                progress(count.progress())
            if count.done < count.total:
                stop.look(count.bytes, rows[-1])
    missing = {} if courier is None else dict(courier.missing)
    return _frame(journal, {job.key for job in every}, plan, stop.why or _told(missing), missing)


def _told(missing: Mapping[str, tuple[int, str]]) -> str | None:
    return (
        "; ".join(f"{left} pulls are missing at {at}: {why}" for at, (left, why) in missing.items()) or None
    )


def _undone(jobs: Sequence[Job], done: frozenset[str]) -> Iterator[Job]:
    """Give the jobs that are left; a place that was warm before the stop is made warm again."""
    before = ""
    for job in jobs:
        if job.key not in done:
            yield replace(job, is_warm=False) if job.is_warm and before in done else job
        before = job.key


def _continued(plan: Plan, past: Past, journal: str, seed_is_given: bool) -> Plan:
    """Give the plan as the journal's campaign, whose name and seed it takes over."""
    if past.row is None:
        return plan
    told = plan.differences(past.row)
    seed, name = past.row.get("seed"), past.row.get("campaign")
    if seed_is_given and seed != plan.seed:
        told.append(f"seed: {seed}, now {plan.seed}")
    if told or not isinstance(seed, int) or not isinstance(name, str):
        raise another_plan(journal, told or ["its first line is damaged"])
    return replace(plan, id=name, seed=seed)


class _Stop:
    """The switches that end a campaign between two pulls; ``why`` says which one did."""

    def __init__(
        self, file: str | os.PathLike[str] | None, limit_bytes: int | None, stop_on_429: bool
    ) -> None:
        self._file = None if file is None else Path(file)
        self._limit = limit_bytes
        self._on_429 = stop_on_429
        self.why: str | None = None

    def allows(self) -> bool:
        """Say whether a further pull may begin."""
        return self.why is None

    def look(self, fetched: int, last: Row | None) -> None:
        """Look at the switches; what is off stays off."""
        self.why = self.why or self._reason(fetched, last)

    def _reason(self, fetched: int, last: Row | None) -> str | None:
        if self._file is not None and self._file.exists():
            return f"there is a file {self._file}"
        if self._limit is not None and fetched >= self._limit:
            return f"{fetched} bytes were fetched; the limit is {self._limit}"
        if self._on_429 and last is not None and last["error_kind"] == "http-429":
            return f"{last['place']} answers 429, too many requests"
        return None


class _Count:
    """Counts pulls while they are done."""

    def __init__(self, done: int, total: int, rounds: int, fetched: int, begun: float) -> None:
        self.done, self.total, self.bytes = done, total, fetched
        self._rounds, self._begun, self._before = rounds, begun, done
        self._failed, self._round, self._vantage = 0, 1, ""

    def add(self, job: Job, row: Row) -> None:
        self.done += 1
        self.bytes += row["bytes_fetched"] or 0
        self._failed += not row["ok"]
        self._round, self._vantage = job.round, job.vantage

    def progress(self) -> Progress:
        seconds = time.monotonic() - self._begun
        each = seconds / (self.done - self._before)
        left = each * (self.total - self.done)
        return Progress(
            self.done,
            self.total,
            self._failed,
            self.bytes,
            self._round,
            self._rounds,
            seconds,
            left,
            self._vantage,
        )


def _frame(
    journal: str, keys: set[str], plan: Plan, stopped: str | None, missing: dict[str, tuple[int, str]]
) -> pd.DataFrame:
    mine = {row["run_id"] for row in campaign_rows(journal) if row.get("job") in keys}
    with warnings.catch_warnings():  # what a kill has torn is no news; attrs["skipped"] tells of it
        warnings.simplefilter("ignore", JournalWarning)
        pulls = read_journal(journal)[0]
    found = pulls[pulls["run_id"].isin(mine)].reset_index(drop=True)
    found.attrs |= {"seed": plan.seed, "stopped": stopped, "missing": missing}
    return found
