"""What was measured of each place: how many pulls, how many done, how long, how fast."""

from __future__ import annotations

import math

import numpy as np

from .statistics import wilson

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["median_of_all", "place_rows", "quantile"]


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
