"""The words for what a pair of places showed.

What was measured of each place: how many pulls, how many done, how long, how fast.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .statistics import wilson

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["MIN_ROUNDS", "NO_DIFFERENCE", "median_of_all", "place_rows", "quantile", "times", "verdict"]

MIN_ROUNDS = 10
NO_DIFFERENCE = "no difference shown"


def verdict(pair: Mapping[str, Any]) -> str:
    """Say in a sentence what one row of ``pairs()`` means.

    >>> verdict({"place": "near", "baseline": "far", "ratio": 2.1, "low": 1.9, "high": 2.4, "rounds": 20})
    'near is 2.1× faster than far (1.9–2.4)'
    >>> verdict({"place": "near", "baseline": "far", "ratio": 1.01, "low": 0.93, "high": 1.08, "rounds": 20})
    'no difference shown between near and far (0.93–1.08)'
    """
    one, other = _named(pair["place"]), _named(pair["baseline"])
    ratio, low, high, rounds = pair["ratio"], pair["low"], pair["high"], pair["rounds"]
    if rounds < MIN_ROUNDS:
        return (
            f"no verdict on {one} and {other}: {_rounds(rounds)} in common, at least {MIN_ROUNDS} are needed"
        )
    if low <= 1 <= high:
        return f"{NO_DIFFERENCE} between {one} and {other} {_between(low, high)}"
    if ratio < 1:
        return _difference(
            one, other, "slower", *(1 / each if each else math.inf for each in (ratio, high, low))
        )
    return _difference(one, other, "faster", ratio, low, high)


def _difference(one: str, other: str, word: str, ratio: float, low: float, high: float) -> str:
    if math.isinf(ratio):
        failing = other if word == "faster" else one
        if math.isinf(low):
            return f"{one} is {word} than {other}: {failing} failed too often for a ratio"
        return f"{one} is at least {times(low)} {word} than {other}: {failing} failed too often for a ratio"
    return f"{one} is {times(ratio)} {word} than {other} {_between(low, high)}"


def times(ratio: float) -> str:
    """Give a ratio with as many figures as tell it from 1.

    >>> times(2.13), times(1.204), times(1.0213), times(31.4)
    ('2.1×', '1.20×', '1.02×', '31×')
    """
    return f"{_figure(ratio)}×"


def _between(low: float, high: float) -> str:
    if math.isinf(high):
        return f"({_figure(low)} or more)" if low > 0 else "(anything is possible)"
    return f"({_figure(low)}–{_figure(high)})" if low > 0 else f"({_figure(high)} or less)"


def _figure(ratio: float) -> str:
    if math.isinf(ratio) or ratio <= 0:
        return "∞" if ratio > 0 else "0"
    if ratio >= 10:
        return f"{ratio:.0f}"
    if ratio >= 1.5:
        return f"{ratio:.1f}"
    distance = abs(ratio - 1)
    digits = -math.floor(math.log10(distance)) if distance > 1e-4 else 2
    return f"{ratio:.{min(max(digits, 2), 4)}f}"


def _named(place: str) -> str:
    return place or "(no name)"


def _rounds(count: int) -> str:
    return f"{count} round" if count == 1 else f"{count} rounds"


if TYPE_CHECKING:
    Floats = NDArray[np.float64]


def place_rows(table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield one row a place of a group, in the order of their names."""
    for name, group in table.groupby("place", sort=True, observed=True):
        yield {"place": str(name), **_row(group)}


def _row(group: pd.DataFrame) -> dict[str, Any]:
    ok = group["ok"].to_numpy()
    n, done = len(group), int(ok.sum())
    low, high = wilson(done, n)
    row: dict[str, Any] = {
        "n": n,
        "ok": done,
        "success": done / n,
        "success_low": float(low),
        "success_high": float(high),
    }
    every = np.sort(np.where(ok, group["seconds"].to_numpy(), np.inf))
    row |= _quartiles("total", every, "s")
    first = group["ttfb_s"].to_numpy()[ok]
    row |= _quartiles("ttfb", np.sort(first[~np.isnan(first)]), "s")
    row |= _quartiles("rate", _rates(group[ok]), "bytes_s")
    return row


def _rates(done: pd.DataFrame) -> Floats:
    """Give bytes fetched a second of transfer, sorted; of the whole time where the transfer is not known."""
    fetched = done["bytes_fetched"].to_numpy()
    time = done["transfer_s"].fillna(done["seconds"]).to_numpy()
    with np.errstate(invalid="ignore", divide="ignore"):
        rates = np.where((fetched > 0) & (time > 0), fetched / time, np.nan)
    found: Floats = np.sort(rates[~np.isnan(rates)])
    return found


def _quartiles(name: str, ordered: Floats, unit: str) -> dict[str, float]:
    points = (("q1", 0.25), ("median", 0.5), ("q3", 0.75))
    return {f"{name}_{point}_{unit}": quantile(ordered, share) for point, share in points}


def quantile(ordered: Floats, share: float) -> float:
    """Give a quantile of sorted values that may end in infinities, interpolated linearly.

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


def median_of_all(times: Floats, ok: Any) -> float:
    """Give the median time of pulls, a failed one taking for ever."""
    return quantile(np.sort(np.where(ok, times, np.inf)), 0.5)
