"""The recorded pulls of mirrors are whole, and what is said about them holds in them."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import pandas as pd
import pytest

import regtools as rt
from regtools import data_path
from regtools.campaigns.journal import read_probes
from tests.conftest import ROOT
from tests.recorded.measure_mirrors import CLIENTS, STATES
from tests.recorded.mirrors import CACHES, FAILING, IMAGES, MIRRORS, UPSTREAM

README = (ROOT / "data" / "README.md").read_text()
FOLDER = data_path("mirrors")
MACHINE: dict[str, Any] = json.loads((FOLDER / "machine.json").read_text())

each_client = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.engine)


def lines(engine: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / f"{engine}.jsonl").read_text().splitlines()]


@each_client
def test_every_round_is_a_complete_block(client: Any) -> None:
    pulls, requests = rt.read_journal(FOLDER / f"{client.engine}.jsonl")
    assert pulls.attrs["skipped"] == [] and len(requests) == 0
    assert set(pulls["client"]) == {client.engine}
    wanted = Counter(
        (f"origin.test/{image}:latest", place, state)
        for image in client.images
        for place in MIRRORS
        for state in STATES
    )
    assert set(pulls["round"]) == set(range(1, MACHINE["rounds"] + 1))
    for _, block in pulls.groupby("round"):
        assert Counter(zip(block["image"], block["place"], block["cache_state"], strict=True)) == wanted
        assert sorted(block["order"]) == list(range(1, client.pulls + 1))


@each_client
def test_the_seed_is_that_of_the_journal(client: Any) -> None:
    (campaign,) = [row for row in lines(client.engine) if row["row"] == "campaign"]
    assert campaign["seed"] == MACHINE["seed"]


@each_client
def test_cold_was_cold_and_warm_was_warm(client: Any) -> None:
    # A cold pull-through cache fetches every blob twice, once to answer and once to store; a warm one none.
    pulls = pd.DataFrame(row for row in lines(client.engine) if row["row"] == "pull")
    pulls = pulls[pulls["ok"] & pulls["origin_bytes"].notna()]
    steady = pulls[pulls["place"].isin(set(CACHES) - {"flaky"})]
    cold, warm = (steady[steady["cache_state"] == state] for state in STATES)
    assert (cold["origin_bytes"] / cold["bytes_declared"]).between(1.9, 2.1).mean() > 0.98
    assert (warm["origin_bytes"] == 0).mean() > 0.99


def test_each_mirror_fails_as_often_as_it_should() -> None:
    pulls, _ = rt.read_journal([FOLDER / f"{client.engine}.jsonl" for client in CLIENTS])
    done = pulls.groupby("place")["ok"].mean()
    assert done["dead"] == 0
    assert (done[["near", "twin", "far", "thin"]] == 1).all()
    assert abs(1 - done["flaky"] - FAILING) < 0.1


def test_probes_show_the_links() -> None:
    probes = read_probes(FOLDER / "builtin.jsonl").groupby("place")["rtt_s"].median() * 1000
    for place in CACHES:
        assert MIRRORS[place].rtt_ms <= probes[place] <= MIRRORS[place].rtt_ms + 10


def test_what_is_said_beside_the_data_is_so() -> None:
    section = README.partition("\n## mirrors/")[2].partition("\n## ")[0]
    for place, link in MIRRORS.items():
        row = next(line for line in section.splitlines() if re.match(rf"\|.*`{place}`", line))
        assert f"{link.rtt_ms:g} ms, {link.mbit:g} Mbit/s" in row
    assert f"{UPSTREAM.rtt_ms:g} ms and {UPSTREAM.mbit:g} Mbit/s" in section
    for name, image in IMAGES.items():
        assert f"| `origin.test/{name}` | {len(image.layers)} of {image.layers[0]:,} bytes |" in section
    assert MACHINE["links"] == {name: str(link) for name, link in {**MIRRORS, "upstream": UPSTREAM}.items()}
    assert [name for name in (*MACHINE, "origin_bytes") if f"`{name}`" not in section] == []


def test_all_recorded_data_are_small() -> None:
    assert sum(path.stat().st_size for path in (ROOT / "data").rglob("*") if path.is_file()) < 5_000_000
