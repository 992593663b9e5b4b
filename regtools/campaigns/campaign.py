"""``run_campaign``: many pulls that can be compared, from the first to the last, or from where it stopped.

Every job's rows are on the disk before the next job begins. After a kill, a power cut or Ctrl-C the same call
continues: what is in the journal is not done again, and no finished pull is lost. An executor decides where
jobs run: :func:`in_turn` does one after the other on this machine, :mod:`regtools.campaigns.hosts.fleet` uses
many hosts.
"""

from __future__ import annotations

import os
import random
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .job import How, Job, carry_out
from .journal import JournalWarning, Past, append_rows, locked, read_journal
from .plan import Plan, another_plan, named_places
from .rows import Row

if TYPE_CHECKING:
    import pandas as pd

    from .hosts.fleet import Courier
    from .plan import Places


Executor = Callable[
    [Callable[[Job], list[Row]], Sequence[Job], Callable[[], bool]], Iterator[tuple[Job, list[Row]]]
]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a campaign is.

    Attributes:
        done, total: pulls.
        failed: failed pulls since this start.
        bytes: fetched, those of earlier starts included.
        round, rounds: the last pull's round, and how many there are.
        seconds: since this start.
        left_s: seconds that the rest will take at the same speed; None before the first pull.
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
    places: Places,
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
    """Pull every image from every place, once a round, in shuffled order; write each pull to the journal.

    If the journal holds a part of the same campaign, the campaign continues; ``rounds`` may have grown. The
    seed alone decides the order, so a campaign that was prolonged equals one that was planned as long.

    Args:
        images: one name or several, as one would give them to podman.
        places: name → :class:`~regtools.RegistriesConf`, or things with ``name`` and ``conf``, such as
            ``bed.places``. With a ``client`` a place may have its own configuration at each vantage point:
            name → vantage point → configuration.
        rounds: number of blocks; 10 are enough for a verdict about differences that matter.
        journal: a file of JSON Lines; it is created, or continued.
        engine, platform, workers, timeout_s: as for :func:`~regtools.time_pull`.
        client: a Dask client, or a :class:`~regtools.campaigns.hosts.fleet.Fleet` with its own limits: the
            same campaign from each vantage point. The configurations are those given here; logins,
            certificates and environment are those of each host.
        seed: of the shuffling; None for the journal's seed, or a new one. The journal records it.
        cache_states: ``unknown`` just pulls. ``cold`` runs ``make_cold`` before each pull, ``warm`` pulls
            once unmeasured before (after a cold pull the place is warm anyway).
        make_cold: program and arguments that empty a place's cache; ``{place}`` stands for its name. With a
            ``client`` each host runs it; it travels as it is, so it must not contain a password.
        probes: round trips to measure to each place once a round, while nothing else runs; see
            :func:`~regtools.campaigns.journal.read_probes`.
        pause_s, jitter: seconds of rest before each pull, and the share by which they vary.
        stop_file: no further pull begins once this file exists.
        limit_bytes: no further pull begins once so many bytes have been fetched, earlier starts included. On
            many hosts, pulls that are running then still finish.
        stop_on_429: no further pull begins once a registry has answered 429, "too many requests".
        progress: called after each pull.

    Returns:
        The campaign's pulls so far, with the columns of :func:`~regtools.read_journal`; ``attrs["seed"]``;
        ``attrs["stopped"]``: why it ended early, or None; ``attrs["missing"]``: vantage point → number of
        pulls that could not be done there, and why; ``attrs["refused"]``: vantage point → how often its
        workers brought back what are not the rows of their job, and what was wrong the last time.

    Raises:
        RegtoolsError: ``bad-campaign``; ``another-campaign``, ``journal-in-use`` and ``file-unwritable`` for
            the journal; errors of names and configurations; ``versions-differ``, ``no-workers`` and
            ``scheduler-gone`` for a client. ``KeyboardInterrupt`` passes through; the journal is whole then.
    """
    plan = Plan(
        id=os.urandom(8).hex(),
        seed=random.SystemRandom().randrange(2**32) if seed is None else seed,
        images=(images,) if isinstance(images, str) else tuple(images),
        places=named_places(places),
        rounds=rounds,
        how=How(engine, platform, workers, timeout_s),
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
    return conduct(
        plan,
        os.fspath(journal),
        Stop(stop_file, limit_bytes, stop_on_429),
        seed_is_given=seed is not None,
        progress=progress,
        courier=courier,
    )


def in_turn(
    do: Callable[[Job], list[Row]], jobs: Sequence[Job], go_on: Callable[[], bool]
) -> Iterator[tuple[Job, list[Row]]]:
    """Carry jobs out one after the other in this process, and yield each with its rows.

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
    stop: Stop,
    *,
    seed_is_given: bool = False,
    progress: Callable[[Progress], None] | None = None,
    execute: Executor = in_turn,
    courier: Courier | None = None,
) -> pd.DataFrame:
    """Carry out what the journal does not yet hold of a plan; see :func:`run_campaign`."""
    with locked(journal):
        past = Past.read(journal)
        if past.row is None:
            append_rows(journal, [plan.row()])
        else:
            plan = _continued(plan, past.row, journal, seed_is_given)
        if courier is not None:
            plan = replace(plan, vantages=courier.vantages(past.vantages))
            append_rows(journal, courier.rows(plan.id, plan.vantages))
        every = list(plan.jobs())
        runs = {job.key: past.done[job.key] for job in every if job.key in past.done}
        begun, before = time.monotonic(), len(runs)
        failed, fetched = 0, past.bytes
        if before < len(every):
            stop.look(fetched, None)
        for job, rows in (courier or execute)(carry_out, _undone(every, past.done), stop.allows):
            append_rows(journal, rows)
            pull = rows[-1]
            runs[job.key] = pull["run_id"]
            fetched += pull["bytes_fetched"] or 0
            failed += not pull["ok"]
            if progress is not None:
                seconds = time.monotonic() - begun
                left = seconds / (len(runs) - before) * (len(every) - len(runs))
                far = len(runs), len(every), failed, fetched
                progress(Progress(*far, job.round, plan.rounds, seconds, left, job.vantage))
            if len(runs) < len(every):
                stop.look(fetched, pull)
    missing = {} if courier is None else dict(courier.missing)
    told = "; ".join(
        f"{left} {'pull is' if left == 1 else 'pulls are'} missing at {at}: {why}"
        for at, (left, why) in missing.items()
    )
    pulls = _pulls(journal, set(runs.values()))
    pulls.attrs |= {"seed": plan.seed, "stopped": stop.why or told or None, "missing": missing}
    pulls.attrs["refused"] = {} if courier is None else dict(courier.refused)
    return pulls


def _pulls(journal: str, runs: set[str]) -> pd.DataFrame:
    with warnings.catch_warnings():  # what a kill has torn is in attrs["skipped"]
        warnings.simplefilter("ignore", JournalWarning)
        pulls = read_journal(journal)[0]
    return pulls[pulls["run_id"].isin(runs)].reset_index(drop=True)


def _undone(jobs: Sequence[Job], done: Mapping[str, str]) -> list[Job]:
    """Return the jobs that are left; a place that was warm before the stop is warmed again."""
    pairs = zip(["", *(job.key for job in jobs)], jobs, strict=False)
    return [
        replace(job, is_warm=False) if job.is_warm and before in done else job
        for before, job in pairs
        if job.key not in done
    ]


def _continued(plan: Plan, row: Row, journal: str, seed_is_given: bool) -> Plan:
    """Return the plan with the name and the seed of the journal's campaign, if it is the same campaign."""
    told = plan.differences(row)
    seed, name = row.get("seed"), row.get("campaign")
    if seed_is_given and seed != plan.seed:
        told.append(f"seed: {seed}, now {plan.seed}")
    if told or not isinstance(seed, int) or not isinstance(name, str):
        raise another_plan(journal, told or ["its first line is damaged"])
    return replace(plan, id=name, seed=seed)


@dataclass(slots=True)
class Stop:
    """The switches that end a campaign between two pulls; ``why`` names the one that did."""

    file: str | os.PathLike[str] | None = None
    limit_bytes: int | None = None
    on_429: bool = True
    why: str | None = field(default=None, init=False)

    def allows(self) -> bool:
        """Return whether a further pull may begin."""
        return self.why is None

    def look(self, fetched: int, last: Row | None) -> None:
        """Look at the switches after the pull ``last``; a switch that is off stays off."""
        if self.why is not None:
            return
        if self.file is not None and Path(self.file).exists():
            self.why = f"there is a file {os.fspath(self.file)}"
        elif self.limit_bytes is not None and fetched >= self.limit_bytes:
            self.why = f"{fetched} bytes were fetched; the limit is {self.limit_bytes}"
        elif self.on_429 and last is not None and last["error_kind"] == "http-429":
            self.why = f"{last['place']} answers 429, too many requests"
