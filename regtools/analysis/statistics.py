"""The statistics of a comparison, on plain arrays: nothing here knows what a pull is.

* :func:`wilson`: interval of a share. Wilson, J. Am. Stat. Assoc. 22 (1927) 209.
* :func:`shift`: the Hodges-Lehmann estimate and the interval that belongs to Wilcoxon's signed-rank test.
  Hodges and Lehmann, Ann. Math. Stat. 34 (1963) 598; Wilcoxon, Biometrics Bull. 1 (1945) 80; Hollander,
  Wolfe and Chicken, Nonparametric Statistical Methods (3rd ed. 2014), sections 3.1 to 3.3.
* :func:`win_shares`: how often each column wins its rows, with a bootstrap interval.
* :func:`quantile`: a quantile of values of which some are infinite.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


Z95 = 1.959963984540054  # the normal distribution's 97.5 % point
BOOTSTRAP = 1000  # draws of rounds
_MOST_DRAWN = 2000  # rounds up to which they are drawn; beyond, the standard error says the same
_EXACT = 200  # pairs up to which the null distribution is counted out; then it is normal to 4 digits
_EXPLICIT = 1500  # values up to which all their averages are held in memory: a million
_FINE = 1e-7  # how far apart two averages may lie and count as one, where they are not held in memory
_FAR = 1e6  # represents infinity among logarithms, which are within a few hundred


class Estimate(NamedTuple):
    """An estimate of ``n`` values and its interval, infinite at an end where the values set no bound."""

    value: float
    low: float
    high: float
    n: int


def wilson(successes: ArrayLike, n: ArrayLike, z: float = Z95) -> tuple[Floats, Floats]:
    """Return the low and high end of Wilson's interval of a share, NaN where ``n`` is 0.

    Args:
        successes, n: counts, numbers or arrays of one shape; the ends have the same shape.
        z: quantile of the normal distribution; the default makes a 95 % interval.

    Source: Wilson (1927), Journal of the American Statistical Association 22, 209-212.

    >>> low, high = wilson(9, 10)
    >>> round(float(low), 3), round(float(high), 3)
    (0.596, 0.982)
    """
    count = np.asarray(n, dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.asarray(successes, dtype=float) / count
        middle = (share + z * z / (2 * count)) / (1 + z * z / count)
        half = z / (1 + z * z / count) * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return np.clip(middle - half, 0.0, 1.0), np.clip(middle + half, 0.0, 1.0)


# -- the signed-rank interval ----------------------------------------------------------------------------


@lru_cache(maxsize=512)
def signed_rank(n: int, alpha: float = 0.05) -> int:
    """Return the rank, from either end, of the averages that bound the signed-rank interval.

    Sort the averages of all pairs of ``n`` differences: the interval reaches from the k-th smallest to the
    k-th largest, where k is the largest rank with P(W < k) at most ``alpha`` / 2 under the null hypothesis.
    The distribution of W is exact up to 200 differences and normal beyond. The rank is 0 where even the
    whole range is too narrow; at 5 % that is so with fewer than six differences.

    >>> [signed_rank(n) for n in (5, 6, 10, 20)]
    [0, 1, 9, 53]
    """
    if n > _EXACT:
        mean = n * (n + 1) / 4
        deviation = math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
        return math.floor(mean - NormalDist().inv_cdf(1 - alpha / 2) * deviation + 0.5)
    chance = np.zeros(n * (n + 1) // 2 + 1)
    chance[0] = 1.0
    for rank in range(1, n + 1):
        chance[rank:] += chance[:-rank].copy()
        chance /= 2
    return int(np.searchsorted(np.cumsum(chance), alpha / 2, side="right"))


def shift(differences: ArrayLike, alpha: float = 0.05) -> Estimate:
    """Estimate the centre of paired differences, with the interval that goes with Wilcoxon's test.

    Args:
        differences: one number a pair. ``inf`` and ``-inf`` mean that only the sign is known, and that the
            difference is larger than all others. NaN is ignored.
        alpha: one minus the coverage.

    Returns: the median of all pairwise averages, and the averages at :func:`signed_rank` from either end.
        The average of ``inf`` and ``-inf`` counts as 0, as that of two equally large opposite differences.
    """
    values = np.asarray(differences, dtype=float)
    values = np.sort(np.clip(values[~np.isnan(values)], -_FAR, _FAR))
    n = len(values)
    if n == 0:
        return Estimate(math.nan, -math.inf, math.inf, 0)
    count = n * (n + 1) // 2
    edge = signed_rank(n, alpha)
    wanted = [(count + 1) // 2, count // 2 + 1, *((edge, count + 1 - edge) if edge else ())]
    averages = _averages_at(values, wanted)
    found = [each if abs(each) < _FAR / 10 else math.copysign(math.inf, each) for each in averages]
    low, high = found[2:] if edge else (-math.inf, math.inf)
    centre = (found[0] + found[1]) / 2 if math.isfinite(found[0] - found[1]) else found[0]
    return Estimate(centre, low, high, n)


def _averages_at(ordered: Floats, ranks: list[int]) -> list[float]:
    """Return the pairwise averages of these ranks, from 1; each value also pairs with itself."""
    if len(ordered) <= _EXPLICIT:
        first, second = np.triu_indices(len(ordered))
        averages = (ordered[first] + ordered[second]) / 2
        at = [rank - 1 for rank in ranks]
        return [float(each) for each in np.partition(averages, sorted(set(at)))[at]]
    found = {rank: _average_at(ordered, rank) for rank in ranks if rank + 1 not in ranks}
    return [found[rank if rank in found else rank + 1] for rank in ranks]  # neighbours are one to 7 digits


def _average_at(ordered: Floats, rank: int) -> float:
    """Find the average of one rank by narrowing a bracket, without a list of all averages."""
    low, high = float(ordered[0]), float(ordered[-1])
    below, upto = 0, len(ordered) * (len(ordered) + 1) // 2
    if _count_averages(ordered, low) >= rank:
        return low
    step = 0
    while high - low > _FINE * max(1.0, abs(low)):
        share = (rank - below) / (upto - below)  # where it is if the averages are spread evenly
        guess = low + (high - low) * min(max(share, 0.02), 0.98) if step % 3 else (low + high) / 2
        step += 1
        seen = _count_averages(ordered, guess)
        if seen >= rank:
            high, upto = guess, seen
        else:
            low, below = guess, seen
    return high


def _count_averages(ordered: Floats, bound: float) -> int:
    """Count the averages up to a bound: of two values below it, and of one below it and one above."""
    count = int(np.searchsorted(ordered, bound, side="right"))
    below, above = ordered[:count], ordered[count:]
    # Reversed, so that the needles rise, too: numpy then starts each search where the one before ended.
    mixed = int(np.searchsorted(above, 2 * bound - below[::-1], side="right").sum())
    return count * (count + 1) // 2 + mixed


# -- the share of wins -----------------------------------------------------------------------------------


def win_shares(wins: Floats, blocks: ArrayLike, seed: int) -> tuple[Floats, Floats, Floats]:
    """Return each column's share of wins with a 95 % interval: shares, low ends, high ends.

    Args:
        wins: rounds × places, wins of each place in each round; a tie counts as parts of a win.
        blocks: number of wins that were possible in each round.
        seed: of the random draws; the same seed gives the same interval.

    Rounds are drawn whole, because the pulls within one are not independent. Beyond 2,000 rounds the
    bootstrap distribution is almost normal, and the interval is computed from the standard error. Where all
    draws are equal (a place won always or never, or there is one round), they show no uncertainty; the
    interval is then Wilson's.
    """
    weight = np.asarray(blocks, dtype=float)
    rounds, places = wins.shape
    if rounds == 0 or not weight.sum():
        return np.full(places, math.nan), np.full(places, math.nan), np.full(places, math.nan)
    share = wins.sum(axis=0) / weight.sum()
    if rounds > _MOST_DRAWN:
        residual = wins - share * weight[:, None]
        error = np.sqrt((residual**2).sum(axis=0)) / weight.sum()
        low, high = np.maximum(share - Z95 * error, 0), np.minimum(share + Z95 * error, 1)
    else:
        rng = np.random.default_rng(seed)
        drawn = rng.multinomial(rounds, np.full(rounds, 1 / rounds), size=BOOTSTRAP).astype(float)
        shares = (drawn @ wins) / np.maximum(drawn @ weight, 1e-12)[:, None]
        low, high = np.quantile(shares, [0.025, 0.975], axis=0)
    n = np.count_nonzero(weight)
    sure_low, sure_high = wilson(share * n, n)
    equal = np.isclose(low, high, rtol=0, atol=1e-9)
    return share, np.where(equal, sure_low, low), np.where(equal, sure_high, high)


def quantile(ordered: Floats, share: float) -> float:
    """Return a quantile of sorted values that may end in infinities, interpolated linearly.

    >>> quantile(np.array([1.0, 2.0, 4.0, math.inf]), 0.5)
    3.0
    >>> quantile(np.array([1.0, 2.0, math.inf, math.inf]), 0.5)
    inf
    """
    if not len(ordered):
        return math.nan
    position = (len(ordered) - 1) * share
    lower = math.floor(position)
    part = position - lower
    value = float(ordered[lower])
    return value if not part else value * (1 - part) + float(ordered[lower + 1]) * part
