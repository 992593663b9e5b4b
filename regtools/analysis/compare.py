"""``compare``: measured pulls in, places with uncertainty and verdicts in words out.

Pulls are compared within rounds (:mod:`.pairing`), by ranks (:mod:`.statistics`), apart for each client and
for cold and warm caches, which are different questions and never one mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .cautions import cautions
from .comparison import Comparison
from .fit import fit_rows
from .measurements import prepared
from .pairing import blocks_of, pair_rows, shares
from .verdicts import place_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    import pandas as pd

    from regtools.pull.records import Pull

    from .cautions import Caution

__all__ = ["compare"]

SEED = 20


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
        baseline: compare each place with this one only; else every pair is compared.
        rtt: place → seconds of a round trip, where it is known; see :mod:`regtools.analysis.fit`.
        seed: of the bootstrap; kept in :attr:`Comparison.facts`.

    Raises:
        RegtoolsError: kind ``bad-table``; a column or the baseline is missing, or a cell is wrong.
    """
    table = prepared(pulls)
    chosen = [by] if isinstance(by, str) else list(by or ())
    _check(table, chosen, baseline)
    keys = list(dict.fromkeys([*chosen, "client", "cache_state"]))
    rows: dict[str, list[dict[str, Any]]] = {"places": [], "pairs": [], "fits": []}
    warned: list[tuple[Mapping[str, str], Caution]] = []
    for key, group in _groups(table, keys):
        blocks = blocks_of(group)
        rows["places"] += [{**key, **row} for row in _with_shares(group, blocks, seed)]
        rows["pairs"] += [{**key, **row} for row in pair_rows(blocks, baseline)]
        rows["fits"] += [{**key, **row} for row in fit_rows(group, rtt)]
        warned += [(key, caution) for caution in cautions(group, blocks)]
    return Comparison(
        tuple(keys),
        tuple(warned),
        _facts(table, seed),
        *(_frame(rows[name], [*keys, *columns]) for name, columns in _COLUMNS.items()),
    )


_COLUMNS: dict[str, tuple[str, ...]] = {
    "places": (
        *("place", "n", "ok", "success", "success_low", "success_high"),
        *("total_q1_s", "total_median_s", "total_q3_s", "ttfb_q1_s", "ttfb_median_s", "ttfb_q3_s"),
        *("rate_q1_bytes_s", "rate_median_bytes_s", "rate_q3_bytes_s"),
        *("fastest", "fastest_low", "fastest_high"),
    ),
    "pairs": (
        *("place", "baseline", "ratio", "low", "high", "differs", "verdict"),
        *("n", "rounds", "failed", "baseline_failed", "both_failed"),
    ),
    "fits": ("place", "setup_s", "rtt_s", "rate_bytes_s", "residual", "n", "note"),
}


def _check(table: pd.DataFrame, by: list[str], baseline: str | None) -> None:
    from regtools.errors import RegtoolsError

    for name in by:
        if name not in table.columns or name in ("place", "round", "seconds", "ok"):
            message = f"the pulls cannot be kept apart by {name!r}: there is no such column to choose"
            raise RegtoolsError(
                message, kind="bad-table", stage="load", hint="try vantage, image or campaign"
            )
    if baseline is not None and not (table["place"] == baseline).any():
        places = ", ".join(sorted(table["place"].unique())[:10])
        message = f"{baseline!r} was not measured, so it cannot be the baseline"
        raise RegtoolsError(message, kind="bad-table", stage="load", hint=f"measured were {places}")


def _groups(table: pd.DataFrame, keys: list[str]) -> Iterator[tuple[dict[str, str], pd.DataFrame]]:
    for values, group in table.groupby(keys, sort=True, dropna=False, observed=True):
        yield dict(zip(keys, map(str, values), strict=True)), group


def _with_shares(group: pd.DataFrame, blocks: Any, seed: int) -> Iterator[dict[str, Any]]:
    """Add to each place's row how often it was the fastest; a place outside of all rounds has no share."""
    found = dict(zip(blocks.places, zip(*shares(blocks, seed), strict=True), strict=True))
    nothing = (float("nan"),) * 3
    for row in place_rows(group):
        values = found.get(row["place"], nothing)
        yield {
            **row,
            **dict(zip(("fastest", "fastest_low", "fastest_high"), map(float, values), strict=True)),
        }


def _facts(table: pd.DataFrame, seed: int) -> dict[str, Any]:
    import pandas as pd

    begun = pd.to_datetime(table["started_at"], utc=True, errors="coerce").dropna()
    return {
        "pulls": len(table),
        "failed": int((~table["ok"]).sum()),
        "rounds": len(table[["campaign", "vantage", "round"]].dropna().drop_duplicates()),
        "places": sorted(map(str, table["place"].unique())),
        "images": sorted(map(str, table["image"].unique())),
        "clients": sorted({f"{name} {version}".strip() for name, version in _clients(table)}),
        "vantages": sorted(map(str, table["vantage"].unique())),
        "begun": begun.min().isoformat() if len(begun) else None,
        "ended": begun.max().isoformat() if len(begun) else None,
        "bootstrap_seed": seed,
    }


def _clients(table: pd.DataFrame) -> Iterator[tuple[str, str]]:
    versions = table["client_version"].astype("string").fillna("")
    for name, version in table[["client"]].assign(version=versions).drop_duplicates().itertuples(index=False):
        yield str(name), str(version)


def _frame(rows: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows, columns=list(dict.fromkeys(columns)))
