"""The expected time of a pull through a list of sources that are tried in order.

With its measured success rate a source delivers, and takes its measured mean time; otherwise its failure
costs the time until the next source is asked, and that one is tried::

    E = Σ over sources k:  (all before k failed) × (success_k × time_k + failure_k × cost_k)

Of up to seven sources every order is tried. Of more, the search starts from the order by
``time + cost × failure / success``, which is the best for a single image, and moves one source or exchanges
two until nothing improves.

What a failure costs depends on podman, which will follow the list. Measured with podman 4.3: a mirror that
refuses the connection, or answers 404 or 500, costs almost nothing; one that drops packets costs about 120 s.
So a failure by silence counts 120 s unless podman itself was measured. Other failures count what was measured
where one source was tried after another, else 0.1 s.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import TypeVar

import numpy as np
import pandas as pd

from ..statistics import Floats

Key = TypeVar("Key", bound="Hashable")  # what a source is called: a place, or the number of a mirror

SILENT = ("timeout", "stalled", "too-slow")
SILENCE_S = 120.0
FAILURE_S = 0.1
_EVERY_ORDER = 7
_DRAWS = 2000


@dataclass(frozen=True, slots=True)
class Measured:
    """One source's pulls of one image, by round: number, number done, summed time; and a failure's cost."""

    n: Floats
    done: Floats
    time: Floats
    cost: float

    def drawn(self, weights: Floats) -> tuple[Floats, Floats]:
        """Return the success rate and the mean time of pulls that were done, for each draw of rounds.

        Args:
            weights: draws × rounds, how often each round was drawn.
        """
        n, done, time = weights @ self.n, weights @ self.done, weights @ self.time
        with np.errstate(invalid="ignore", divide="ignore"):
            return done / n, np.where(done > 0, time / done, 0.0)

    def figures(self) -> tuple[float, float, float]:
        """Return success rate, mean time and the cost of a failure, each round counted once."""
        done = float(self.done.sum())
        return done / float(self.n.sum()), float(self.time.sum()) / done if done else 0.0, self.cost

    @classmethod
    def of(cls, group: pd.DataFrame, rounds: int, cost: float) -> Measured:
        """Return what a frame says of one source and image; its column ``at`` is the number of the round."""
        at, ok = group["at"].to_numpy(), group["ok"].to_numpy()
        seconds = np.where(ok, group["seconds"].to_numpy(), 0.0)
        return cls(
            np.bincount(at, minlength=rounds).astype(float),
            np.bincount(at, ok, minlength=rounds).astype(float),
            np.bincount(at, seconds, minlength=rounds).astype(float),
            cost,
        )


def failure_cost(failed: pd.DataFrame, attempts: pd.DataFrame) -> float:
    """Return the seconds that a failure of one source costs podman.

    Args:
        failed: its failed pulls: ``client`` and ``error_kind``.
        attempts: rows of :func:`~regtools.analysis.failures.failed_attempts` about it: ``kind``, ``seconds``.
    """
    if failed.empty:
        return FAILURE_S
    measured = {str(kind): float(group["seconds"].mean()) for kind, group in attempts.groupby("kind")}
    costs = []
    for client, kind in zip(failed["client"].astype(str), failed["error_kind"].astype(str), strict=True):
        cost = measured.get(kind)
        if any(each in kind for each in SILENT):
            known = cost if client == "podman" else max(SILENCE_S, cost or 0.0)
            costs.append(known or SILENCE_S)
        else:
            costs.append(FAILURE_S if cost is None else cost)
    return float(np.mean(costs))


def expected(images: Sequence[Mapping[Key, Measured]], order: Sequence[Key], weights: Floats) -> Floats:
    """Return the expected seconds of a pull for each draw of rounds, the mean over the images.

    Args:
        images: of each image, source → what was measured.
        order: sources in the order in which they are tried.
        weights: draws × rounds.
    """
    total = np.zeros(len(weights))
    for sources in images:
        reached = np.ones(len(weights))
        for source in order:
            success, time = sources[source].drawn(weights)
            total += reached * (success * time + (1 - success) * sources[source].cost)
            reached = reached * (1 - success)
    return total / len(images)


def mean_time(images: Sequence[Mapping[Key, Measured]], order: Sequence[Key]) -> float:
    """Return the expected seconds of a pull, each round counted once."""
    rounds = len(next(iter(images[0].values())).n)
    return float(expected(images, order, np.ones((1, rounds)))[0])


# -- the best order --------------------------------------------------------------------------------------


def best_order(
    images: Sequence[Mapping[Key, Measured]], sources: Sequence[Key], last: Sequence[Key] = ()
) -> list[Key]:
    """Return the order of ``sources`` with the least expected time.

    Of equally good orders it is the one whose rest is the best without its first source, and so on; of those
    that are still equal, the given one.

    Args:
        last: sources that are tried after them in any case: the registry itself.
    """
    figures = [{source: each.figures() for source, each in image.items()} for image in images]

    def time(given: Iterable[Key]) -> tuple[float, ...]:
        # A source behind one that never failed is never reached; it is ranked as if all before it had failed.
        order = [*given, *last]
        tails = [order[start:] for start in range(len(sources))]
        return tuple(round(sum(_walk(image, tail) for image in figures), 9) for tail in tails)

    if len(sources) <= _EVERY_ORDER:
        return list(min(permutations(sources), key=time))
    starts = [
        sorted(sources, key=lambda source: sum(_index(*image[source]) for image in group))
        for group in [figures, *([image] for image in figures)]
    ]
    return min((_improved(start, time) for start in starts), key=time)


def _walk(image: Mapping[Key, tuple[float, float, float]], order: Sequence[Key]) -> float:
    """Return the expected time of one image, as :func:`expected` for a single draw."""
    total, reached = 0.0, 1.0
    for source in order:
        success, time, cost = image[source]
        total += reached * (success * time + (1 - success) * cost)
        reached *= 1 - success
    return total


def _index(success: float, time: float, cost: float) -> float:
    """Return what a source costs for each pull that it delivers."""
    return time + cost * (1 - success) / success if success else 1e9


def _improved(order: list[Key], time: Callable[[Iterable[Key]], tuple[float, ...]]) -> list[Key]:
    """Return the order after moving one source, or exchanging two, as long as that helps."""
    least = time(order)
    while True:
        tries = ((time(tried), tried) for tried in _neighbours(order))
        better = next((each for each in tries if each[0] < least), None)
        if better is None:
            return order
        least, order = better


def _neighbours(order: list[Key]) -> Iterator[list[Key]]:
    for one, other in permutations(range(len(order)), 2):
        moved = order[:one] + order[one + 1 :]
        moved.insert(other, order[one])
        yield moved
        if one < other:
            exchanged = order.copy()
            exchanged[one], exchanged[other] = order[other], order[one]
            yield exchanged


# -- how sure it is --------------------------------------------------------------------------------------


def gains(
    images: Sequence[Mapping[Key, Measured]], before: Sequence[Key], after: Sequence[Key], *, seed: int
) -> Floats:
    """Return what one order saves over the other, in seconds, for 2,000 draws of rounds."""
    rounds = len(next(iter(images[0].values())).n)
    drawn = np.random.default_rng(seed).multinomial(rounds, np.full(rounds, 1 / rounds), size=_DRAWS)
    weights = drawn.astype(float)
    return expected(images, before, weights) - expected(images, after, weights)


def interval(drawn: Floats, sources: int) -> tuple[float, float]:
    """Return the 95 % interval of drawn gains.

    Args:
        drawn: from :func:`gains`.
        sources: number of sources that were put in order. The lower end is corrected for the pairs of them
            that could have been exchanged, so that picking the luckiest of many does not look like a gain.
    """
    known = drawn[np.isfinite(drawn)]
    if not len(known):
        return -np.inf, np.inf
    pairs = max(sources * (sources - 1) // 2, 1)
    low, high = np.quantile(known, [0.025 / pairs, 0.975])
    return float(low), float(high)
