"""The rounds: which pulls are compared, what the pairs say about two places, and the words for it.

A *block* is one image in one round of one campaign at one vantage point. Places are compared within a block,
so that an hour in which everything was slow counts against none of them.

A failed pull is censored, not dropped: it took longer than the successful pull beside it, by an unknown
amount. The place that failed alone therefore loses the pair by an infinite ratio, which the signed-rank
interval treats as the largest of all: the place can lose by it, and the size of the ratio still comes from
the pairs in which both succeeded. An interval that reaches such pairs is open at that end ("at least"). A
pair in which both failed is only counted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .measurements import bad_table
from .statistics import Floats, shift, win_shares

MIN_ROUNDS = 10


def verdict(pair: Mapping[str, Any]) -> str:
    """Return a sentence that says what one row of ``pairs()`` means, the faster place first.

    >>> verdict({"place": "near", "baseline": "far", "ratio": 2.1, "low": 1.9, "high": 2.4, "rounds": 20})
    'near is 2.1× faster than far (1.9–2.4)'
    >>> verdict({"place": "near", "baseline": "far", "ratio": 1.01, "low": 0.93, "high": 1.08, "rounds": 20})
    'no difference shown between near and far (0.93–1.08)'
    """
    one, other = named(pair["place"]), named(pair["baseline"])
    ratio, low, high, rounds = pair["ratio"], pair["low"], pair["high"], pair["rounds"]
    if rounds < MIN_ROUNDS:
        common = f"{plural(rounds, 'round')} in common, at least {MIN_ROUNDS} are needed"
        return f"no verdict on {one} and {other}: {common}"
    if low <= 1 <= high:
        return f"no difference shown between {one} and {other} {_between(low, high)}"
    if ratio < 1:
        one, other = other, one
        ratio, low, high = (1 / each if each else math.inf for each in (ratio, high, low))
    if math.isinf(ratio):
        least = "" if math.isinf(low) else f"at least {_figure(low)}× "
        return f"{one} is {least}faster than {other}: {other} failed too often for a ratio"
    return f"{one} is {_figure(ratio)}× faster than {other} {_between(low, high)}"


def _between(low: float, high: float) -> str:
    if math.isinf(high):
        return f"({_figure(low)} or more)" if low > 0 else "(anything is possible)"
    return f"({_figure(low)}–{_figure(high)})" if low > 0 else f"({_figure(high)} or less)"


def _figure(ratio: float) -> str:
    """Return a ratio with as many digits as it takes to see how far it is from 1.

    >>> [_figure(each) for each in (2.13, 1.204, 1.0213, 31.4)]
    ['2.1', '1.20', '1.02', '31']
    """
    if math.isinf(ratio) or ratio <= 0:
        return "∞" if ratio > 0 else "0"
    if ratio >= 10:
        return f"{ratio:.0f}"
    if ratio >= 1.5:
        return f"{ratio:.1f}"
    distance = abs(ratio - 1)
    digits = -math.floor(math.log10(distance)) if distance > 1e-4 else 2
    return f"{ratio:.{min(max(digits, 2), 4)}f}"


def named(place: str) -> str:
    """Return a place's name, or words for the empty one."""
    return place or "(no name)"


def plural(count: int, noun: str) -> str:
    """Return a number of things.

    >>> plural(1, "round"), plural(12, "round")
    ('1 round', '12 rounds')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


_ROUND = ["campaign", "vantage", "round"]
_SHORTEST = 1e-9  # seconds; a clock that shows 0 has no logarithm
MANY_PLACES = 40  # beyond, each place is compared with the fastest only: 780 verdicts are too many to read
_MOST_CELLS = 100_000_000


@dataclass(frozen=True, slots=True)
class Blocks:
    """Times by block and place: NaN where there is no pull, infinite where it failed.

    ``rounds`` and ``images`` hold the number of each block's round and image; ``repeated`` counts the pulls
    beyond the first of a place in a block.
    """

    places: tuple[str, ...]
    times: Floats
    rounds: NDArray[Any]
    images: NDArray[Any]
    image_names: tuple[str, ...]
    repeated: int

    @property
    def n_rounds(self) -> int:
        """The number of rounds."""
        return len(np.unique(self.rounds))


def blocks_of(table: pd.DataFrame) -> Blocks:
    """Arrange the pulls of one group by block and place.

    Several pulls of a place in one block count as one, by their median. Pulls without a round are left out.

    Raises:
        RegtoolsError: kind ``bad-table``; places × blocks are too many to hold in memory.
    """
    table = table[table["round"].notna()]
    code, names = pd.factorize(table["place"], sort=True)
    block = table.groupby([*_ROUND, "image"], sort=False, observed=True).ngroup().to_numpy()
    count, width = (int(block.max()) + 1 if len(block) else 0), len(names)
    if count * width > _MOST_CELLS:
        message = f"{width} places in {count} rounds and images are too many to compare at once"
        hint = "compare a part of them, or check that the columns place and round are not exchanged"
        raise bad_table(message, hint)
    time = np.where(table["ok"], np.maximum(table["seconds"], _SHORTEST), np.inf)
    cell = block * width + code
    times = np.full(count * width, np.nan)
    times[cell] = time
    repeated = len(cell) - len(pd.unique(cell))
    if repeated:
        middle = pd.Series(time).groupby(cell).median()
        times[middle.index.to_numpy()] = middle.to_numpy()
    first = np.full(count, -1, dtype=np.int64)
    first[block[::-1]] = np.arange(len(block))[::-1]
    images, image_names = pd.factorize(table["image"], sort=True)
    rounds = table.groupby(_ROUND, sort=False, observed=True).ngroup().to_numpy()
    return Blocks(
        tuple(str(name) for name in names),
        times.reshape(count, width),
        rounds[first],
        images[first],
        tuple(str(name) for name in image_names),
        repeated,
    )


def pair_rows(blocks: Blocks, baseline: str | None) -> Iterator[dict[str, Any]]:
    """Yield one row a pair of places, the faster one as ``place``; with a ``baseline``, that one last."""
    for one, other in _pairs(blocks, baseline):
        yield _pair_row(blocks, one, other, turn=baseline is None)


def _pairs(blocks: Blocks, baseline: str | None) -> Iterable[tuple[int, int]]:
    """Return the pairs to compare, from the fastest median to the slowest; what mostly failed comes last."""
    medians = pd.DataFrame(np.minimum(blocks.times, 1e12)).median().fillna(1e13)
    order = sorted(range(len(medians)), key=lambda number: (medians[number], blocks.places[number]))
    if baseline is not None:
        last = [number for number in order if blocks.places[number] == baseline]
        return [(each, number) for number in last for each in order if each != number]
    if len(order) > MANY_PLACES:
        return [(order[0], each) for each in order[1:]]
    return combinations(order, 2)


def _pair_row(blocks: Blocks, one: int, other: int, *, turn: bool) -> dict[str, Any]:
    mine, theirs = blocks.times[:, one], blocks.times[:, other]
    common = ~(np.isnan(mine) | np.isnan(theirs))
    mine, theirs = mine[common], theirs[common]
    estimate = shift(_log_ratio(mine, theirs))
    if turn and estimate.value < 0:
        one, other, mine, theirs = other, one, theirs, mine
        estimate = shift(_log_ratio(mine, theirs))
    lost, failed = np.isinf(mine), np.isinf(theirs)
    rounds = len(np.unique(blocks.rounds[common][~(lost & failed)]))
    with np.errstate(over="ignore"):
        ratio, low, high = (float(np.exp(each)) for each in (estimate.value, estimate.low, estimate.high))
    row: dict[str, Any] = {
        "place": blocks.places[one],
        "baseline": blocks.places[other],
        "ratio": ratio,
        "low": low,
        "high": high,
        "differs": rounds >= MIN_ROUNDS and not low <= 1 <= high,
        "verdict": "",
        "n": estimate.n,
        "rounds": rounds,
        "failed": int((lost & ~failed).sum()),
        "baseline_failed": int((failed & ~lost).sum()),
        "both_failed": int((lost & failed).sum()),
    }
    return {**row, "verdict": verdict(row)}


def _log_ratio(mine: Floats, theirs: Floats) -> Floats:
    with np.errstate(invalid="ignore"):  # two failures: infinity less infinity, which is not a number
        difference: Floats = np.log(theirs) - np.log(mine)
    return difference


def shares(blocks: Blocks, seed: int) -> tuple[Floats, Floats, Floats]:
    """Return each place's share of blocks won, its low and its high end; where all failed, no place wins."""
    times = np.where(np.isnan(blocks.times), np.inf, blocks.times)
    contested = (~np.isnan(blocks.times)).sum(axis=1) > 1
    best = times.min(axis=1, initial=np.inf)
    won = (times == best[:, None]) & np.isfinite(best)[:, None] & contested[:, None]
    parts = won / np.maximum(won.sum(axis=1), 1)[:, None]
    _, number = np.unique(blocks.rounds, return_inverse=True)
    rounds = int(number.max()) + 1 if len(number) else 0
    wins = np.zeros((rounds, len(blocks.places)))
    for place, column in enumerate(parts.T):
        wins[:, place] = np.bincount(number, column, minlength=rounds)
    return win_shares(wins, np.bincount(number, contested, minlength=rounds), seed)


def image_conflicts(blocks: Blocks) -> Iterator[tuple[str, str, str, str]]:
    """Yield the pairs of places whose order depends on the image.

    Each as place, other place, image for which the first is faster, image for which the second is. The
    intervals are 99 %, because there are many of them.
    """
    if not 1 < len(blocks.image_names) <= 20 or len(blocks.places) > 12:
        return
    for one, other in combinations(range(len(blocks.places)), 2):
        faster: dict[int, str] = {}
        for number, name in enumerate(blocks.image_names):
            here = blocks.times[blocks.images == number]
            estimate = shift(_log_ratio(here[:, one], here[:, other]), 0.01)
            if estimate.n >= MIN_ROUNDS and not estimate.low <= 0 <= estimate.high:
                faster.setdefault(1 if estimate.value > 0 else -1, name)
        if len(faster) == 2:
            yield blocks.places[one], blocks.places[other], faster[1], faster[-1]
