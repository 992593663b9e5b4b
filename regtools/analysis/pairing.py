"""Rounds: which pulls belong together, and what their pairs say about two places.

A *block* is one image in one round of one campaign at one vantage; the places that were measured in it are
compared with each other there, so that an hour in which everything was slow says nothing about a place.

A failed pull is censored, not dropped: it is known to have taken longer than the finished one beside it, and
not by how much. So the place that failed alone loses the pair by an infinite ratio, which the signed-rank
interval takes as the largest of all: the place can lose by it, and the size of the ratio still comes from the
pairs that both finished. An interval that reaches such pairs is open at that end ("at least"). Where both
failed, the pair tells nothing of which is faster and is only counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .statistics import shift, win_shares
from .verdicts import MIN_ROUNDS, verdict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Blocks", "blocks_of", "image_conflicts", "pair_rows", "shares"]

if TYPE_CHECKING:
    Floats = NDArray[np.float64]

_BLOCK = ("campaign", "vantage", "round", "image")
_ROUND = ("campaign", "vantage", "round")
_SHORTEST = 1e-9  # seconds; a clock that shows 0 has no logarithm
MANY_PLACES = 40  # beyond, each place is compared with the fastest only: 780 verdicts are read by nobody
_MOST_CELLS = 100_000_000


@dataclass(frozen=True, slots=True)
class Blocks:
    """Times by block and place: NaN where there is no pull, infinite where it failed."""

    places: tuple[str, ...]
    times: Floats
    rounds: NDArray[Any]
    images: NDArray[Any]
    image_names: tuple[str, ...]
    repeated: int

    @property
    def n_rounds(self) -> int:
        """How many rounds there are."""
        return len(np.unique(self.rounds))


def blocks_of(table: pd.DataFrame) -> Blocks:
    """Lay the pulls of one group out by block and place.

    Several pulls of a place in one block count as one, by their median. Pulls without a round are left out.

    Raises:
        RegtoolsError: so many places and rounds, and so few pulls in them, that no memory would hold them.
    """
    import pandas as pd

    table = table[table["round"].notna()]
    code, names = pd.factorize(table["place"], sort=True)
    block = table.groupby(list(_BLOCK), sort=False, observed=True).ngroup().to_numpy()
    count, width = (int(block.max()) + 1 if len(block) else 0), len(names)
    if count * width > _MOST_CELLS:
        raise _too_wide(count, width)
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
    rounds = table.groupby(list(_ROUND), sort=False, observed=True).ngroup().to_numpy()
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
    order = _by_speed(blocks)
    for one, other in _pairs(blocks, order, baseline):
        yield _pair_row(blocks, one, other, turn=baseline is None)


def _by_speed(blocks: Blocks) -> list[int]:
    """Give the places from the fastest to the slowest median; what failed mostly stands last."""
    filled = np.where(np.isnan(blocks.times), np.nan, np.minimum(blocks.times, 1e12))
    medians = [
        float(np.median(column[~np.isnan(column)])) if (~np.isnan(column)).any() else 1e13
        for column in filled.T
    ]
    return sorted(range(len(medians)), key=lambda number: (medians[number], blocks.places[number]))


def _pairs(blocks: Blocks, order: list[int], baseline: str | None) -> Iterator[tuple[int, int]]:
    if baseline is not None:
        last = blocks.places.index(baseline) if baseline in blocks.places else None
        if last is not None:
            yield from ((each, last) for each in order if each != last)
    elif len(order) > MANY_PLACES:
        yield from ((order[0], each) for each in order[1:])
    else:
        for position, one in enumerate(order):
            yield from ((one, other) for other in order[position + 1 :])


def _pair_row(blocks: Blocks, one: int, other: int, *, turn: bool) -> dict[str, Any]:
    mine, theirs = blocks.times[:, one], blocks.times[:, other]
    common = ~(np.isnan(mine) | np.isnan(theirs))
    mine, theirs = mine[common], theirs[common]
    estimate = shift(_log_ratio(mine, theirs))
    if turn and estimate.value < 0:
        one, other, mine, theirs = other, one, theirs, mine
        estimate = shift(_log_ratio(mine, theirs))
    lost, failed = np.isinf(mine), np.isinf(theirs)
    useful = ~(lost & failed)
    rounds = len(np.unique(blocks.rounds[common][useful]))
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
    """Give how often each place was the fastest of its block, with an interval; nobody where all failed."""
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
    """Yield where one image's pairs say that a place is faster, and another image's that it is slower.

    Each as place, other place, image for which the first is faster, image for which the second is. Looked at
    with 99 % intervals, since many are looked at.
    """
    if not 1 < len(blocks.image_names) <= 20 or len(blocks.places) > 12:
        return
    for one, other in _pairs(blocks, list(range(len(blocks.places))), None):
        faster: dict[int, str] = {}
        for number, name in enumerate(blocks.image_names):
            here = blocks.times[blocks.images == number]
            pair = _log_ratio(here[:, one], here[:, other])
            estimate = shift(pair, 0.01)
            if estimate.n >= MIN_ROUNDS and not estimate.low <= 0 <= estimate.high:
                faster.setdefault(1 if estimate.value > 0 else -1, name)
        if len(faster) == 2:
            yield blocks.places[one], blocks.places[other], faster[1], faster[-1]


def _too_wide(count: int, width: int) -> Exception:
    from regtools.errors import RegtoolsError

    return RegtoolsError(
        f"{width} places in {count} rounds and images are too many to compare at once",
        kind="bad-table",
        stage="load",
        hint="compare a part of them, or check that place and round are not mistaken for each other",
    )
