"""The expected time of a pull through a list of sources that are tried in order.

A source delivers with its measured success rate and then takes one of its measured times; else its failure
costs the time until the next one is asked, and the next one has its turn::

    E = Σ over sources k:  (all before k failed) × (success_k × time_k + failure_k × cost_k)

The order with the least E over all measured images is found by trying every order, up to seven sources;
beyond, from the order by ``time + cost × failure / success`` (which is the best for a single image) by
moving one or exchanging two until nothing gets better.

What a failure costs is podman's to say, since it is podman that will follow the list. Measured with podman
4.3: a mirror that refuses the connection, or answers 404 or 500, costs next to nothing; one that swallows
packets costs about 120 s. So a failure by silence counts 120 s unless podman itself was measured; others
count what was measured where one source was tried after another, else 0.1 s.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

__all__ = [
    "FAILURE_S",
    "Measured",
    "best_order",
    "expected",
    "failure_cost",
    "gain",
    "gains",
    "interval",
    "mean_time",
]

if TYPE_CHECKING:
    Floats = NDArray[np.float64]

SILENT = ("timeout", "stalled", "too-slow")
SILENCE_S = 120.0
FAILURE_S = 0.1
_EVERY_ORDER = 7
_DRAWS = 2000


@dataclass(frozen=True, slots=True)
class Measured:
    """One place's pulls of one image, by round: number, number done, summed time; and a failure's cost."""

    n: Floats
    done: Floats
    time: Floats
    cost: float

    def drawn(self, weights: Floats) -> tuple[Floats, Floats]:
        """Give success rate and mean time of pulls that were done, for each draw of rounds.

        Args:
            weights: draws × rounds, how often each round was drawn.
        """
        n, done, time = weights @ self.n, weights @ self.done, weights @ self.time
        with np.errstate(invalid="ignore", divide="ignore"):
            return done / n, np.where(done > 0, time / done, 0.0)

    @classmethod
    def of(cls, group: pd.DataFrame, rounds: int, cost: float) -> Measured:
        """Take the pulls of one place and image, with their round as a number in ``at``."""
        at, ok = group["at"].to_numpy(), group["ok"].to_numpy()
        seconds = np.where(ok, group["seconds"].to_numpy(), 0.0)
        return cls(
            np.bincount(at, minlength=rounds).astype(float),
            np.bincount(at, ok, minlength=rounds).astype(float),
            np.bincount(at, seconds, minlength=rounds).astype(float),
            cost,
        )


def failure_cost(failed: pd.DataFrame, attempts: pd.DataFrame) -> float:
    """Give the seconds that a failure of one source costs podman.

    Args:
        failed: its failed pulls: ``client`` and ``error_kind``.
        attempts: rows of :func:`~regtools.analysis.failures.failed_attempts` about it: ``kind``, ``seconds``.
    """
    if failed.empty:
        return FAILURE_S
    measured = {str(kind): float(group["seconds"].mean()) for kind, group in attempts.groupby("kind")}
    costs = []
    for client, kind in zip(failed["client"].astype(str), failed["error_kind"].astype("string"), strict=True):
        word = str(kind)
        silent = any(each in word for each in SILENT)
        if silent:
            costs.append(max(SILENCE_S if client != "podman" else 0.0, measured.get(word, 0.0)) or SILENCE_S)
        else:
            costs.append(measured.get(word, FAILURE_S))
    return float(np.mean(costs))


def expected(images: Sequence[Mapping[str, Measured]], order: Sequence[str], weights: Floats) -> Floats:
    """Give the expected time of a pull for each draw of rounds, the mean over the images.

    Args:
        images: of each image, place → what was measured.
        order: places in the order in which they are tried.
        weights: draws × rounds.
    """
    total = np.zeros(len(weights))
    for places in images:
        reached = np.ones(len(weights))
        for place in order:
            success, time = places[place].drawn(weights)
            total += reached * (success * time + (1 - success) * places[place].cost)
            reached = reached * (1 - success)
    return total / len(images)


def best_order(
    images: Sequence[Mapping[str, Measured]], places: Sequence[str], last: Sequence[str] = ()
) -> list[str]:
    """Give the order of ``places`` with the least expected time.

    Of equals the one whose rest is the best without its first, and so on; of equals still, the one given.

    Args:
        last: places that are tried after them in any case: the registry itself.
    """
    figures = [
        {place: (*_first(each.drawn(np.ones((1, len(each.n))))), each.cost) for place, each in image.items()}
        for image in images
    ]

    def time(order: Iterable[str]) -> tuple[float, ...]:
        # What stands behind a source that never failed is never reached: there, as if all before had failed.
        rest = list(order)
        tails = [[*rest[start:], *last] for start in range(len(rest))]
        return tuple(round(sum(_walk(image, tail) for image in figures), 9) for tail in tails)

    if len(places) <= _EVERY_ORDER:
        return list(min(permutations(places), key=time))
    starts = [sorted(places, key=lambda place: sum(_index(*image[place]) for image in figures))]
    starts += [_by_index(places, image) for image in figures]
    return min((_improved(start, time) for start in starts), key=time)


def _first(drawn: tuple[Floats, Floats]) -> tuple[float, float]:
    return float(drawn[0][0]), float(drawn[1][0])


def _walk(image: Mapping[str, tuple[float, float, float]], order: Sequence[str]) -> float:
    """The expected time of one image, as :func:`expected` for a single draw."""
    total, reached = 0.0, 1.0
    for place in order:
        success, time, cost = image[place]
        total += reached * (success * time + (1 - success) * cost)
        reached *= 1 - success
    return total


def _index(success: float, time: float, cost: float) -> float:
    """What a source costs for each pull that it delivers."""
    return time + cost * (1 - success) / success if success else 1e9


def _by_index(places: Sequence[str], image: Mapping[str, tuple[float, float, float]]) -> list[str]:
    return sorted(places, key=lambda place: _index(*image[place]))


def _improved(order: list[str], time: Callable[[Iterable[str]], tuple[float, ...]]) -> list[str]:
    """Move one place, or exchange two, as long as that makes the order better."""
    least, better = time(order), True
    while better:
        better = False
        for tried in _neighbours(order):
            value = time(tried)
            if value < least:
                order, least, better = tried, value, True
                break
    return order


def _neighbours(order: list[str]) -> Iterator[list[str]]:
    for one, other in permutations(range(len(order)), 2):
        moved = order[:one] + order[one + 1 :]
        moved.insert(other, order[one])
        yield moved
        if one < other:
            exchanged = order.copy()
            exchanged[one], exchanged[other] = order[other], order[one]
            yield exchanged


def gain(
    images: Sequence[Mapping[str, Measured]],
    before: Sequence[str],
    after: Sequence[str],
    *,
    seed: int,
    choices: int,
) -> tuple[float, float, float, float, float]:
    """Give what an order gains over another: the expected times, the gain, and its bootstrap interval.

    Args:
        before, after: the orders, the registry itself included where it was measured.
        choices: from how many comparisons the order was picked. The interval's lower end is that of
            1 - 0.05 / ``choices``, so that picking the luckiest of many does not look like a gain.

    Returns: expected seconds before and after, the gain, its low and high.
    """
    now, then = (mean_time(images, order) for order in (before, after))
    low, high = interval(gains(images, before, after, seed=seed), choices)
    return now, then, now - then, low, high


def mean_time(images: Sequence[Mapping[str, Measured]], order: Sequence[str]) -> float:
    """Give the expected seconds of a pull, all rounds counted once."""
    return float(expected(images, order, np.ones((1, _rounds(images))))[0])


def gains(
    images: Sequence[Mapping[str, Measured]], before: Sequence[str], after: Sequence[str], *, seed: int
) -> Floats:
    """Give what one order saves over the other, in seconds, for 2,000 draws of rounds."""
    rounds = _rounds(images)
    drawn = np.random.default_rng(seed).multinomial(rounds, np.full(rounds, 1 / rounds), size=_DRAWS)
    weights = drawn.astype(float)
    return expected(images, before, weights) - expected(images, after, weights)


def interval(drawn: Floats, choices: int) -> tuple[float, float]:
    """Give the 95 % interval of drawn gains, the lower end corrected as :func:`gain` says."""
    known = drawn[np.isfinite(drawn)]
    if not len(known):
        return -np.inf, np.inf
    low, high = np.quantile(known, [0.025 / max(choices, 1), 0.975])
    return float(low), float(high)


def _rounds(images: Sequence[Mapping[str, Measured]]) -> int:
    return len(next(iter(images[0].values())).n)
