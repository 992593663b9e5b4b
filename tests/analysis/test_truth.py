"""What is set is found, as often as promised, and what is not there is not found."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regtools.analysis.compare import compare
from regtools.analysis.measurements import prepared
from regtools.analysis.pairing import blocks_of, pair_rows
from tests.support.synthetic import campaign

LONG = pytest.param(1000, 0.07, marks=pytest.mark.long)
# Of 100 campaigns with 5 % of false alarms each, more than 11 have one in less than 1 of 200 runs.
SHORT = (100, 0.11)


def pairs(tables: Iterable[pd.DataFrame]) -> list[dict[str, Any]]:
    """What ``compare`` says of the two places of each campaign, without all else that it works out."""
    whole = pd.concat(table.assign(campaign=f"{number:04}") for number, table in enumerate(tables))
    groups = prepared(whole).groupby("campaign")
    return [row for _, group in groups for row in pair_rows(blocks_of(group), None)]


def covers(row: dict[str, Any], truth: float) -> bool:
    """Whether the interval of a pair holds the times of ``a`` over those of ``b``."""
    ratio = truth if row["place"] == "b" else 1 / truth
    return bool(row["low"] <= ratio <= row["high"])


@cache
def plain(campaigns: int, ratio: float) -> list[dict[str, Any]]:
    """The pairs of campaigns in which ``a`` takes this many times as long, for whoever asks first."""
    return pairs(campaign({"a": ratio, "b": 1.0}, seed=seed) for seed in range(campaigns))


def test_compare_says_the_same_of_a_pair() -> None:
    for ratio in (1.0, 1.2):
        table = campaign({"a": ratio, "b": 1.0})
        assert compare(table).pairs().to_dict("records")[0].items() >= pairs([table])[0].items()


@pytest.mark.parametrize(("campaigns", "most"), [SHORT, LONG])
def test_equal_places_seldom_seem_to_differ(campaigns: int, most: float) -> None:
    cries = sum(bool(row["differs"]) for row in plain(campaigns, 1.0))
    print(f"\nA/A: {cries} of {campaigns} campaigns say that there is a difference")
    assert cries <= most * campaigns


@pytest.mark.parametrize(
    ("campaigns", "least"), [(100, 0.86), pytest.param(1000, 0.90, marks=pytest.mark.long)]
)
def test_a_fifth_of_difference_is_found(campaigns: int, least: float) -> None:
    found = sum(bool(row["differs"]) and row["place"] == "b" for row in plain(campaigns, 1.2))
    print(f"\npower: {found} of {campaigns} campaigns find 20 %")
    assert found >= least * campaigns


# The short run looks at the campaigns in which a fifth was found.
@pytest.mark.parametrize(
    ("campaigns", "truth", "between"),
    [(100, 1.2, (0.88, 1.0)), pytest.param(1000, 1.5, (0.92, 0.98), marks=pytest.mark.long)],
)
def test_the_interval_covers_the_truth_as_often_as_it_says(
    campaigns: int, truth: float, between: tuple[float, float]
) -> None:
    share = float(np.mean([covers(row, truth) for row in plain(campaigns, truth)]))
    print(f"\ncoverage: {share:.1%} of {campaigns}")
    assert between[0] <= share <= between[1]


def test_drift_over_the_rounds_does_not_hide_a_difference_nor_make_one() -> None:
    drift = np.linspace(1, 6, 20)  # six times as slow at the end
    drifting = (campaign({"a": 1.2, "b": 1.0}, drift=drift, seed=seed) for seed in range(25))
    assert sum(bool(row["differs"]) for row in pairs(drifting)) >= 21
    # The unpaired look is lost: the middle half of either place covers the other's median.
    table = campaign({"a": 1.2, "b": 1.0}, drift=drift, seed=1)
    quartiles = table.groupby("place")["total_s"].quantile([0.25, 0.5, 0.75]).unstack()
    assert quartiles.loc["a", 0.25] < quartiles.loc["b", 0.5] < quartiles.loc["a", 0.75]
    # Measured one after the other instead of in turn, equal places seem to differ; without common rounds
    # there is no verdict.
    one = campaign({"a": 1.0}, rounds=20, drift=drift[:20], seed=2)
    other = campaign({"b": 1.0}, rounds=20, drift=drift[::-1], seed=3).assign(
        round=lambda each: each["round"] + 20
    )
    (row,) = compare(pd.concat([one, other])).pairs().to_dict("records")
    assert not row["differs"]
    assert "no verdict" in row["verdict"]


def test_noise_that_is_not_lognormal_keeps_the_promise() -> None:
    """Heavy tails, as of a network: one pull in twenty takes five times as long."""
    tables = [campaign({"a": 1.0, "b": 1.0}, seed=seed) for seed in range(60)]
    for seed, table in enumerate(tables):
        random = np.random.default_rng(seed + 10_000)
        table["total_s"] *= np.where(random.random(len(table)) < 0.05, 5, 1)
    assert sum(bool(row["differs"]) for row in pairs(tables)) <= 8
