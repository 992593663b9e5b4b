"""The recorded measurement of the cache is whole, and what is said about it holds in it."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from regtools import data_path
from tests.conftest import ROOT
from tests.recorded.measure_cache import CASES, COLUMNS


@pytest.fixture(scope="module")
def pulls() -> pd.DataFrame:
    return pd.read_csv(data_path("cache/pulls.csv"), keep_default_na=False)


@pytest.fixture(scope="module")
def machine() -> dict[str, object]:
    told: dict[str, object] = json.loads(data_path("cache/machine.json").read_text())
    return told


def test_every_round_has_every_pull(pulls: pd.DataFrame, machine: dict[str, object]) -> None:
    assert tuple(pulls.columns) == COLUMNS
    assert pulls["ok"].all()
    ways = [5 if case.cold_without_redis else 4 for case in CASES]
    wanted = sum(case.clients * number for case, number in zip(CASES, ways, strict=True))
    assert pulls.groupby("round").size().to_list() == [wanted] * int(str(machine["rounds"]))


def test_the_origin_gave_away_what_the_way_explains(pulls: pd.DataFrame) -> None:
    copies = pulls["copies"]
    direct, cold, warm = (
        pulls[name] == value for name, value in (("way", "direct"), ("state", "cold"), ("state", "warm"))
    )
    assert (copies[direct] == pulls["clients"][direct]).all()
    assert (copies[warm] == 0).all()
    assert (copies[cold & (pulls["clients"] == 1)] == 2).all()
    many = copies[cold & (pulls["clients"] == 8)]
    assert many.between(2, 16).all()


def test_every_column_is_explained_beside_the_data(machine: dict[str, object]) -> None:
    text = (ROOT / "data" / "README.md").read_text()
    section = text.partition("## cache/")[2]
    missing = [name for name in (*COLUMNS, *machine) if f"`{name}`" not in section]
    assert missing == []
