"""Latency and bandwidth apart: ``total = setup + round trips × rtt + bytes / rate``, for each place.

Which of two places is faster depends on the image: many small layers cost round trips, few large ones cost
bandwidth. Least squares over images of different size and number of layers separates the two.

*Round trips* are counted along the longest chain of requests that wait for each other: everything except
blobs is requested one after the other, and the workers share the blobs (layers and configuration)::

    round trips = (requests - blobs) + ceil(blobs / workers)

That holds for images whose layers are of similar size. With several workers, the round trips of small layers
are hidden by the transfer of a large one beside them, and a fit to such images overestimates the rate (by a
fifth, where a dozen were beside one); with one worker nothing is hidden.

Connecting costs the same for every image of a place, so it is part of ``setup``. Times are weighted by their
inverse, because noise grows with them, and outliers get less weight (Huber, Ann. Math. Stat. 35 (1964) 73).
None of the three parts can be negative. Each has a 95 % interval, from the usual covariance of the weighted
solution. Where one of them cannot be told apart from nothing (its interval reaches 0, or the rate's has no
bound), the others took over what belongs to it: ``told_apart`` is then False, and none is shown to people.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from .statistics import Z95, Floats

_HUBER = 1.345  # standard deviations; 95 % efficient where there are no outliers
_TURNS = 30
_UNKNOWN = (math.nan,) * 4
_TOLD_APART = 50.0  # condition number, columns scaled, up to which size and round trips can be separated


class Fit(NamedTuple):
    """What the pulls of a place were made of; the parts are NaN where they cannot be determined.

    ``told_apart`` says whether every part differs from nothing; the last six bound the parts (95 %).
    """

    setup_s: float
    rtt_s: float
    rate_bytes_s: float
    residual: float
    n: int
    note: str = ""
    told_apart: bool = False
    setup_low_s: float = math.nan
    setup_high_s: float = math.nan
    rtt_low_s: float = math.nan
    rtt_high_s: float = math.nan
    rate_low_bytes_s: float = math.nan
    rate_high_bytes_s: float = math.nan


def fit_rows(table: pd.DataFrame, rtt: Mapping[str, float] | None = None) -> Iterator[dict[str, Any]]:
    """Yield one row a place of a group.

    Args:
        table: prepared pulls of one group.
        rtt: place → seconds of a round trip. For a place that is not in it, the round trip is the median of
            the column ``rtt_s`` (latency probes), and without probes it is fitted, too.
    """
    for name, group in table[table["ok"]].groupby("place", sort=True, observed=True):
        place = str(name)
        probed = group["rtt_s"].dropna()
        known = (rtt or {}).get(place, float(probed.median()) if len(probed) else None)
        trips = round_trips(group)
        enough = trips.notna() & group["bytes_fetched"].notna() & (group["seconds"] > 0)
        chosen = group[enough]
        parts = (chosen["seconds"], trips[enough], chosen["bytes_fetched"])
        seconds, chain, size = (np.asarray(part, dtype=np.float64) for part in parts)
        yield {"place": place, **fit(seconds, chain, size, known)._asdict()}


def round_trips(table: pd.DataFrame) -> pd.Series[float]:
    """Return the round trips of each pull, NaN where requests, layers or workers are not recorded."""
    blobs = table["n_layers"] + 1  # and the configuration
    chain: pd.Series[float] = (table["n_requests"] - blobs).clip(lower=0) + np.ceil(blobs / table["workers"])
    return chain


def fit(seconds: Floats, trips: Floats, size: Floats, rtt: float | None = None) -> Fit:
    """Fit one place's pulls.

    Args:
        seconds, trips, size: time, round trips and fetched bytes of each pull.
        rtt: the round trip in seconds, if it is known.

    Returns: a :class:`Fit`; ``residual`` is the median relative distance of the pulls from it. Where the
        pulls are too similar to separate the parts, ``note`` says so and the parts are NaN.
    """
    n = len(seconds)
    columns = [np.ones(n), size] if rtt is not None else [np.ones(n), size, trips]
    kinds = len(pd.DataFrame({"trips": trips, "size": size}).drop_duplicates())
    if kinds < len(columns):
        note = f"kinds of image measured: {kinds}, needed: {len(columns)}"
        return Fit(*_UNKNOWN, n, note)
    design = np.stack(columns, axis=1)
    target = seconds - (0.0 if rtt is None else trips * rtt)
    scale = design.max(axis=0)
    scaled = design / scale
    weighted = scaled / seconds[:, None]
    norm = np.linalg.norm(weighted, axis=0)
    if np.linalg.cond(weighted / norm) > _TOLD_APART:
        return Fit(*_UNKNOWN, n, "size and round trips go together: the parts cannot be told apart")
    found = _robust(scaled, target, seconds) / scale
    off = (target - design @ found) / seconds
    half = Z95 * _errors(weighted, off) / scale
    low, high = np.maximum(found - half, 0.0), found + half
    trips_s = [part[2] for part in (found, low, high)] if rtt is None else [rtt] * 3
    with np.errstate(divide="ignore"):
        rate, fastest, slowest = (float(1 / np.float64(part[1])) for part in (found, low, high))
    return Fit(
        float(found[0]),
        float(trips_s[0]),
        rate,
        float(np.median(np.abs(off))),
        n,
        told_apart=bool((low > 0).all()),
        setup_low_s=float(low[0]),
        setup_high_s=float(high[0]),
        rtt_low_s=float(trips_s[1]),
        rtt_high_s=float(trips_s[2]),
        rate_low_bytes_s=slowest,
        rate_high_bytes_s=fastest,
    )


def _errors(weighted: Floats, off: Floats) -> Floats:
    """Return each part's standard error; the pulls' spread comes from the median, so outliers weigh less."""
    spread = (
        1.4826 * float(np.median(np.abs(off))) * math.sqrt(len(off) / max(len(off) - weighted.shape[1], 1))
    )
    errors: Floats = spread * np.sqrt(np.diag(np.linalg.inv(weighted.T @ weighted)))
    return errors


def _robust(design: Floats, target: Floats, seconds: Floats) -> Floats:
    """Solve weighted least squares, repeated with less weight on outliers."""
    weight = 1 / seconds
    found = _not_negative(design * weight[:, None], target * weight)
    for _ in range(_TURNS):
        off = np.abs(target - design @ found) / seconds
        spread = 1.4826 * float(np.median(off))
        if spread <= 1e-12:
            break
        held = weight * np.sqrt(np.minimum(1.0, _HUBER * spread / np.maximum(off, 1e-300)))
        again = _not_negative(design * held[:, None], target * held)
        if np.allclose(again, found, rtol=1e-6, atol=0):
            break
        found = again
    return found


def _not_negative(design: Floats, target: Floats) -> Floats:
    """Solve least squares without negative parts: the best of all choices of parts that stay positive."""
    width = design.shape[1]
    gram, side = design.T @ design, design.T @ target
    best, least = np.zeros(width), math.inf
    for count in range(width, 0, -1):
        for chosen in combinations(range(width), count):
            index = np.array(chosen)
            part = np.linalg.lstsq(gram[np.ix_(index, index)], side[index], rcond=None)[0]
            if (part < 0).any():
                continue
            whole = np.zeros(width)
            whole[index] = part
            loss = float(whole @ gram @ whole - 2 * whole @ side)
            if loss < least:
                best, least = whole, loss
        if least < math.inf and count == width:
            break
    return best
