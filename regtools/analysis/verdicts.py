"""The sentence at the top: which place is fastest, with both numbers, and the order of all places."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from regtools.display import seconds

from .pairing import MIN_ROUNDS, named, plural

if TYPE_CHECKING:
    import pandas as pd


def headline(places: pd.DataFrame, pairs: pd.DataFrame, registry: str | None = None) -> str:
    """Return one sentence about one group of a comparison.

    Args:
        places, pairs: rows of one group.
        registry: the place that is the registry itself, where that is known: if no mirror is faster, the
            sentence says so.
    """
    ranked = _ranked(places)
    if not ranked:
        return "No place delivered half of its pulls."
    (best, time), *others = ranked
    if not others:
        alone = "" if len(places) == 1 else ", and no other place delivered half of its pulls"
        return f"{named(best)} takes {seconds(time)}{alone}."
    second, slower = next((each for each in others if _pair(pairs, best, each[0])), others[0])
    pair = _pair(pairs, best, second)
    both = f"{seconds(time)} against {seconds(slower)}"
    if pair is None or pair["rounds"] < MIN_ROUNDS:
        have = plural(0 if pair is None else pair["rounds"], "round")
        return (
            f"No verdict yet: {named(best)} takes {both} ({named(second)}), from {have} in common; "
            f"{MIN_ROUNDS} are needed."
        )
    if not pair["differs"]:
        later = next((each for each in others if not _equal(pairs, best, each[0])), None)
        ahead = f"; {named(later[0])} takes {seconds(later[1])}" if later else ""
        return f"No difference shown between {named(best)} and {named(second)}: {both}{ahead}."
    if best == registry:
        return f"Pull without mirrors: {both} from {named(second)}, the fastest mirror."
    return f"{named(best)} is the fastest: {both} from {named(second)}."


def order(places: pd.DataFrame, pairs: pd.DataFrame) -> str:
    """Return the places from the fastest to the slowest; "=" joins neighbours without a difference."""
    ranked = [place for place, _ in _ranked(places)]
    if len(places) < 2:
        return ""
    told = named(ranked[0]) if ranked else "none"
    for before, place in pairwise(ranked):
        told += f"{' = ' if _equal(pairs, before, place) else ', '}{named(place)}"
    told += " (= no difference shown)" if " = " in told else ""
    never = [named(str(place)) for place in places["place"] if place not in ranked]
    rest = f"; without success in half of the pulls or more: {', '.join(never)}" if never else ""
    return f"Order: {told}{rest}."


def _ranked(places: pd.DataFrame) -> list[tuple[str, float]]:
    """Return the places that delivered, each with its median, the fastest first."""
    rows = places.sort_values(["total_median_s", "place"])[["place", "total_median_s"]]
    return [(str(place), time) for place, time in rows.itertuples(index=False) if math.isfinite(time)]


def _pair(pairs: pd.DataFrame, *both: str) -> dict[Any, Any] | None:
    """Return the row of two places, whichever of them comes first in it."""
    found = pairs[pairs["place"].isin(both) & pairs["baseline"].isin(both)]
    return next(iter(found.to_dict("records")), None)


def _equal(pairs: pd.DataFrame, one: str, other: str) -> bool:
    pair = _pair(pairs, one, other)
    return pair is not None and pair["rounds"] >= MIN_ROUNDS and not pair["differs"]
