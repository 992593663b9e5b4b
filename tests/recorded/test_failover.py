"""The recorded cost of a bad first mirror is whole, and shows what each kind of badness is."""

from __future__ import annotations

import json
import math
from typing import Any

import pandas as pd
import pytest

import regtools as rt
from regtools import data_path
from regtools.analysis.failures import failed_attempts
from tests.conftest import ROOT
from tests.recorded.measure_failover import ENDLESS_S, LATE_S, QUICK, SILENT, SILENT_PULLS

FOLDER = data_path("failover")
MACHINE: dict[str, Any] = json.loads((FOLDER / "machine.json").read_text())
ROUNDS = {"builtin": MACHINE["rounds"], "podman": math.ceil(MACHINE["rounds"] / 2)}


@pytest.fixture(scope="module", params=list(SILENT_PULLS))
def journal(request: pytest.FixtureRequest) -> tuple[str, pd.DataFrame, pd.DataFrame]:
    return request.param, *rt.read_journal(FOLDER / f"{request.param}.jsonl")


def test_every_kind_was_measured(journal: tuple[str, pd.DataFrame, pd.DataFrame]) -> None:
    engine, pulls, _ = journal
    assert pulls.attrs["skipped"] == []
    wanted = dict.fromkeys(QUICK, ROUNDS[engine]) | dict.fromkeys(SILENT, SILENT_PULLS[engine])
    assert pulls.groupby("place").size().to_dict() == wanted


def test_the_good_source_delivers_in_the_end(journal: tuple[str, pd.DataFrame, pd.DataFrame]) -> None:
    _, pulls, _ = journal
    endless = pulls[(pulls["place"] == "hangs") & (pulls["client"] == "podman")]
    assert (~endless["ok"]).all() and (endless["total_s"] >= ENDLESS_S).all()
    rest = pulls.drop(endless.index)
    assert rest["ok"].all()
    tried = rest.groupby("place")["attempts"].agg(lambda each: set(map(len, each)))
    assert tried["none"] == tried["slow"] == {1}
    assert all(tried[name] == {2} for name in ("refuses", "404", "500", "late", "swallows"))


def test_the_requests_tell_what_was_wrong() -> None:
    lost = failed_attempts(*rt.read_journal(FOLDER / "builtin.jsonl"))
    kinds = lost.groupby("place")["kind"].agg(set).to_dict()
    assert kinds == {
        "refuses": {"connect"},
        "404": {"http-404"},
        "500": {"http-500"},
        "late": {"http-404"},
        "swallows": {"timeout"},
        "hangs": {"timeout"},
    }
    assert (lost[lost["place"] == "late"]["seconds"] >= LATE_S).all()


def test_what_is_said_beside_the_data_is_so() -> None:
    section = (ROOT / "data" / "README.md").read_text().partition("\n## failover/")[2].partition("\n## ")[0]
    assert [name for name in (*QUICK, *SILENT, *MACHINE["links"]) if f"`{name}`" not in section] == []
    assert f"after {LATE_S:.0f} s" in section and f"killed after {ENDLESS_S:.0f} s" in section
    assert (
        f"pulled {SILENT_PULLS['builtin']} times by\nthe built-in client and {SILENT_PULLS['podman']} times"
        in section
    )
