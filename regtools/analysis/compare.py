"""``compare``: measured pulls in, places with uncertainty and verdicts in words out.

Pulls are compared within rounds (:mod:`.pairing`), by ranks (:mod:`.statistics`), apart for each client and
for cold and warm caches: those are different questions, and a mean over both answers neither.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from regtools.pull.records import Pull

from .cautions import Caution, cautions, left_out
from .comparison import Comparison
from .fit import Fit, fit_rows
from .measurements import bad_table, period, prepared
from .pairing import Blocks, blocks_of, pair_rows, shares
from .statistics import Floats, quantile, wilson

SEED = 20

# The columns of each table, for one without rows.
_COLUMNS: dict[str, tuple[str, ...]] = {
    "places": (),  # there is a place at least, and its row names the columns
    "pairs": (
        *("place", "baseline", "ratio", "low", "high", "differs", "verdict"),
        *("n", "rounds", "failed", "baseline_failed", "both_failed"),
    ),
    "fits": ("place", *Fit._fields),
}


def compare(
    pulls: pd.DataFrame | Iterable[Pull],
    *,
    by: str | Sequence[str] | None = None,
    baseline: str | None = None,
    rtt: Mapping[str, float] | None = None,
    seed: int = SEED,
) -> Comparison:
    """Compare places by their measured pulls.

    Args:
        pulls: the pulls frame of a journal, pulls, or any table with the columns ``place``, ``round``,
            ``seconds`` (or ``total_s``) and ``ok``.
        by: a column, or several, whose values are compared apart: ``"vantage"``, ``"image"``.
        baseline: the only place that the others are compared with; None compares every pair.
        rtt: place → seconds of a round trip, where it is known; see :mod:`regtools.analysis.fit`.
        seed: of the bootstrap; kept in :attr:`Comparison.facts`.

    Raises:
        RegtoolsError: kind ``bad-table``; a column or the baseline is missing, or a cell is wrong.
    """
    table = prepared(pulls)
    chosen = [by] if isinstance(by, str) else list(by or ())
    _check(table, chosen, baseline)
    keys = list(dict.fromkeys([*chosen, "client", "cache_state"]))
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in _COLUMNS}
    warned: list[tuple[Mapping[str, str], Caution]] = []
    for values, group in table.groupby(keys, sort=True, dropna=False, observed=True):
        key = dict(zip(keys, map(str, values), strict=True))
        blocks = blocks_of(group)
        rows["places"] += [{**key, **row} for row in _place_rows(group, blocks, seed)]
        rows["pairs"] += [{**key, **row} for row in pair_rows(blocks, baseline)]
        rows["fits"] += [{**key, **row} for row in fit_rows(group, rtt)]
        warned += [(key, caution) for caution in cautions(group, blocks)]
    if count := table.attrs["left_out"]:
        warned.append(({}, left_out(count)))
    places, pairs, fits = (
        pd.DataFrame(rows[name], columns=list(rows[name][0] if rows[name] else [*keys, *columns]))
        for name, columns in _COLUMNS.items()
    )
    return Comparison(tuple(keys), tuple(warned), _facts(table, seed), places, pairs, fits)


def _check(table: pd.DataFrame, by: list[str], baseline: str | None) -> None:
    for name in by:
        if name not in table.columns or name in ("place", "round", "seconds", "ok"):
            message = f"the pulls cannot be kept apart by {name!r}: there is no such column to choose"
            raise bad_table(message, "try vantage, image or campaign")
    if baseline is not None and not (table["place"] == baseline).any():
        places = ", ".join(sorted(table["place"].unique())[:10])
        message = f"{baseline!r} was not measured, so it cannot be the baseline"
        raise bad_table(message, f"measured were {places}")


# -- what was measured of each place ---------------------------------------------------------------------


def _place_rows(table: pd.DataFrame, blocks: Blocks, seed: int) -> Iterator[dict[str, Any]]:
    """Yield one row a place of a group, in the order of their names."""
    won = dict(zip(blocks.places, zip(*shares(blocks, seed), strict=True), strict=True))
    for name, group in table.groupby("place", sort=True, observed=True):
        ok = group["ok"].to_numpy()
        n, done = len(group), int(ok.sum())
        first = group["ttfb_s"].to_numpy()[ok]
        low, high = wilson(done, n)
        fastest = won.get(str(name), (math.nan,) * 3)  # a place outside of all rounds has no share
        yield {
            "place": str(name),
            "n": n,
            "ok": done,
            "n_ok": done,
            "success": done / n,
            "success_low": float(low),
            "success_high": float(high),
            **_quartiles("total", "s", np.where(ok, group["seconds"].to_numpy(), np.inf)),
            **_quartiles("ttfb", "s", first[~np.isnan(first)]),
            **_quartiles("rate", "bytes_s", _rates(group[ok])),
            **dict(zip(("fastest", "fastest_low", "fastest_high"), map(float, fastest), strict=True)),
        }


def _rates(done: pd.DataFrame) -> Floats:
    """Return bytes fetched a second of transfer; of the whole time where the transfer's is not known."""
    fetched = done["bytes_fetched"].to_numpy()
    time = done["transfer_s"].fillna(done["seconds"]).to_numpy()
    known = (fetched > 0) & (time > 0)
    rates: Floats = fetched[known] / time[known]
    return rates


def _quartiles(name: str, unit: str, values: Floats) -> dict[str, float]:
    ordered = np.sort(values)
    points = (("q1", 0.25), ("median", 0.5), ("q3", 0.75))
    return {f"{name}_{point}_{unit}": quantile(ordered, share) for point, share in points}


def _facts(table: pd.DataFrame, seed: int) -> dict[str, Any]:
    def values(name: str) -> list[str]:
        return sorted(map(str, table[name].unique()))

    clients = table[["client", "client_version"]].drop_duplicates().astype("string").fillna("")
    begun, ended = period(table) or (None, None)
    return {
        "pulls": len(table),
        "failed": int((~table["ok"]).sum()),
        "rounds": len(table[["campaign", "vantage", "round"]].dropna().drop_duplicates()),
        "places": values("place"),
        "images": values("image"),
        "clients": sorted(set((clients["client"] + " " + clients["client_version"]).str.strip())),
        "vantages": values("vantage"),
        "begun": begun.isoformat() if begun is not None else None,
        "ended": ended.isoformat() if ended is not None else None,
        "bootstrap_seed": seed,
    }
