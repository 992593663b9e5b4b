"""Setup, round trip and rate are found again in pulls made of them."""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd
import pytest

import regtools as rt
from regtools.analysis.fit import fit, fit_rows
from regtools.analysis.measurements import prepared

IMAGES = {  # layers, bytes
    "tiny": (1, 20_000),
    "layers": (40, 2_000_000),
    "large": (1, 30_000_000),
    "both": (20, 40_000_000),
}


def pulls(
    setup: float, rtt: float, rate: float, *, noise: float = 0.05, rounds: int = 15, seed: int = 7
) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    rows = []
    for number in range(1, rounds + 1):
        for image, (layers, size) in IMAGES.items():
            requests = 3 + layers + 1
            trips = 3 + math.ceil((layers + 1) / 4)
            total = (setup + trips * rtt + size / rate) * math.exp(noise * random.normal())
            rows.append((image, number, total, layers, requests, size))
    table = pd.DataFrame(
        rows, columns=["image", "round", "total_s", "n_layers", "n_requests", "bytes_fetched"]
    )
    return table.assign(place="p", ok=True, workers=4)


@pytest.mark.parametrize(("rtt", "rate"), [(0.05, 2.5e6), (0.005, 50e6), (0.2, 1e6)])
def test_the_parts_are_found_within_a_tenth(rtt: float, rate: float) -> None:
    (row,) = rt.compare(pulls(0.02, rtt, rate)).fits().to_dict("records")
    assert row["rtt_s"] == pytest.approx(rtt, rel=0.1)
    assert row["rate_bytes_s"] == pytest.approx(rate, rel=0.1)
    assert row["residual"] < 0.06
    assert row["note"] == ""


def test_outliers_are_held_back() -> None:
    table = pulls(0.02, 0.05, 2.5e6)
    table.loc[table["round"] == 3, "total_s"] *= 10
    (row,) = rt.compare(table).fits().to_dict("records")
    assert row["rtt_s"] == pytest.approx(0.05, rel=0.1)
    assert row["rate_bytes_s"] == pytest.approx(2.5e6, rel=0.1)


def test_a_known_round_trip_is_taken_from_the_probes_or_the_caller() -> None:
    table = pulls(0.02, 0.05, 2.5e6)
    two = table[table["image"].isin(["tiny", "large"])]
    (unknown,) = rt.compare(two).fits().to_dict("records")
    assert math.isnan(unknown["rate_bytes_s"])
    assert unknown["note"] == "kinds of image measured: 2, needed: 3"
    for found in (rt.compare(two, rtt={"p": 0.05}), rt.compare(two.assign(rtt_s=0.05))):
        (row,) = found.fits().to_dict("records")
        assert row["rtt_s"] == 0.05
        assert row["rate_bytes_s"] == pytest.approx(2.5e6, rel=0.1)
        assert re.search(r"^place +setup \(ms\) +round trip \(ms\) +rate \(MB/s\)", str(found), re.MULTILINE)
        assert row["told_apart"]
        assert row["rate_low_bytes_s"] < 2.5e6 < row["rate_high_bytes_s"]


@pytest.mark.parametrize(("setup", "rtt"), [(0.02, 0.0), (0.0, 0.05)])
def test_a_part_that_cannot_be_told_from_nothing_is_not_shown(setup: float, rtt: float) -> None:
    found = rt.compare(pulls(setup, rtt, 2.5e6))
    (row,) = found.fits().to_dict("records")
    assert not row["told_apart"]
    assert "Cost model" not in str(found) + found._repr_html_()


def test_the_intervals_hold_the_truth_about_nineteen_times_in_twenty() -> None:
    tables = [pulls(0.3, 0.05, 2.5e6, seed=seed).assign(place=str(seed)) for seed in range(60)]
    rows = list(fit_rows(prepared(pd.concat(tables))))
    assert len(rows) == 60
    held = 0
    for row in rows:
        held += (row["rtt_low_s"] < 0.05 < row["rtt_high_s"]) + (
            row["setup_low_s"] < 0.3 < row["setup_high_s"]
        )
    assert 100 <= held <= 120


def test_no_part_is_negative() -> None:
    random = np.random.default_rng(1)
    for seed in range(50):
        random = np.random.default_rng(seed)
        trips, size = random.integers(1, 20, 30).astype(float), random.uniform(1e3, 1e7, 30)
        found = fit(random.uniform(0.1, 9, 30), trips, size)
        assert math.isnan(found.setup_s) or (
            found.setup_s >= 0 and found.rtt_s >= 0 and found.rate_bytes_s > 0
        )


def test_size_and_round_trips_that_go_together_are_not_told_apart() -> None:
    trips = np.repeat([4.0, 8.0, 16.0], 5)
    found = fit(0.1 + trips * 0.01, trips, trips * 1e6 + np.tile([0.0, 1, 2, 3, 4], 3))
    assert math.isnan(found.rtt_s)
    assert found.note == "size and round trips go together: the parts cannot be told apart"


def test_pulls_without_the_columns_have_no_fit() -> None:
    table = pulls(0.02, 0.05, 2.5e6).drop(columns=["n_requests"])
    (row,) = rt.compare(table).fits().to_dict("records")
    assert math.isnan(row["setup_s"])
    assert "Cost model" not in str(rt.compare(table))
