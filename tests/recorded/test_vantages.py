"""The recorded campaign from three towns is whole, and what chapter A5 says about it holds in it."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import regtools as rt
from tests.conftest import ROOT
from tests.recorded.measure_vantages import COLUMNS, TOWNS, TRIP_MS


@pytest.fixture(scope="module")
def pulls() -> pd.DataFrame:
    return pd.read_csv(rt.data_path("vantages/pulls.csv"))


def test_every_town_pulled_from_every_mirror_in_every_round(pulls: pd.DataFrame) -> None:
    rounds = json.loads(rt.data_path("vantages/machine.json").read_text())["rounds"]
    assert list(pulls.columns) == COLUMNS
    assert pulls["ok"].all()
    assert len(pulls) == len(pulls[["vantage", "round", "place"]].drop_duplicates())
    assert len(pulls) == rounds * len(TOWNS) * len(TRIP_MS)


def test_no_pull_is_quicker_than_its_round_trips(pulls: pd.DataFrame) -> None:
    trips = 4  # HTTPS is tried and refused, then ping, manifest, blobs
    least = [
        trips * TRIP_MS[place][town] / 1000
        for place, town in zip(pulls["place"], pulls["vantage"], strict=True)
    ]
    assert (pulls["total_s"] > least).all()


def test_each_town_has_its_own_winner_and_pooled_none_has(pulls: pd.DataFrame) -> None:
    pairs = rt.compare(pulls, by="vantage").pairs()
    wins = pairs[pairs["differs"]].groupby(["vantage", "place"]).size()
    won = {town: place for (town, place), count in wins.items() if count == 2}
    assert won == {"tokyo": "east.test", "oslo": "west.test", "lima": "middle.test"}
    assert not rt.compare(pulls).pairs()["differs"].any()


def test_every_column_is_explained_beside_the_data() -> None:
    section = (ROOT / "data" / "README.md").read_text(encoding="utf-8").partition("## vantages/")[2]
    known = json.loads(rt.data_path("vantages/machine.json").read_text())
    assert [name for name in (*COLUMNS, *known) if f"`{name}`" not in section] == []
