"""A comparison says what the rows say: counts, medians, verdicts, and what stands against them."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import regtools as rt
from regtools.analysis.measurements import read_measurements
from regtools.campaigns.journal import write_parquet
from regtools.pull.failures import FAILURES
from regtools.pull.records import frames
from tests.analysis.test_charts import REQUEST, pull
from tests.support.synthetic import campaign


def rows_of(comparison: rt.Comparison, place: str, baseline: str) -> dict[str, Any]:
    pairs = comparison.pairs()
    (row,) = pairs[(pairs["place"] == place) & (pairs["baseline"] == baseline)].to_dict("records")
    return dict(row)


def codes(comparison: rt.Comparison) -> set[str]:
    return {caution.code for _, caution in comparison.cautions}


def test_each_place_has_its_counts_quartiles_and_success() -> None:
    made = [pull("near", total) for total in (1.0, 2.0, 3.0)] + [pull("far", 9.0), pull("far", 0.5, ok=False)]
    table = frames([each.row() for each in made], [])[0]
    table["round"] = [1, 2, 3, 1, 2]
    table["ttfb_s"] = [0.1, 0.2, 0.3, 0.4, None]
    table["bytes_fetched"] = [100, 100, 300, 90, 5]
    table["transfer_s"] = [1.0, 2.0, 3.0, 9.0, 0.5]
    places = rt.compare(table).places().set_index("place")
    near, far = places.loc["near"], places.loc["far"]
    assert (near["n"], near["ok"], far["n"], far["ok"]) == (3, 3, 2, 1)
    assert (near["n_ok"], far["n_ok"]) == (3, 1)
    assert (near["total_q1_s"], near["total_median_s"], near["total_q3_s"]) == (1.5, 2.0, 2.5)
    assert math.isinf(far["total_median_s"])  # half of them never got done
    assert near["ttfb_median_s"] == pytest.approx(0.2)
    assert far["ttfb_median_s"] == pytest.approx(0.4)
    assert near["rate_median_bytes_s"] == pytest.approx(100)
    assert far["rate_median_bytes_s"] == pytest.approx(10)
    assert far["success"] == 0.5
    assert (far["success_low"], far["success_high"]) == pytest.approx((0.0945, 0.9055), abs=1e-4)


def test_a_pair_has_a_ratio_an_interval_and_words() -> None:
    found = rt.compare(campaign({"near": 1.0, "far": 2.1}, noise=0.1, seed=5))
    row = rows_of(found, "near", "far")
    assert list(found.pairs().columns[2:9]) == [
        "place", "baseline", "ratio", "low", "high", "differs", "verdict",
    ]  # fmt: skip
    assert row["low"] < 2.1 < row["high"]
    assert row["differs"] is True
    assert re.fullmatch(r"near is 2\.\d× faster than far \(\d\.\d–\d\.\d\)", row["verdict"])
    assert (
        rt.compare(campaign({"a": 1.0, "b": 1.0}, seed=1))
        .verdicts[0]
        .startswith("no difference shown between")
    )


def test_a_place_that_never_delivered_is_compared_with_a_baseline_too() -> None:
    rounds = range(1, 13)
    made = [pull("sure", 1.0) for _ in rounds] + [pull("dead", 0.01, ok=False) for _ in rounds]
    table = frames([each.row() for each in made], [])[0]
    table["round"] = [*rounds, *rounds]
    row = rows_of(rt.compare(table, baseline="sure"), "dead", "sure")
    assert row["verdict"] == "sure is faster than dead: dead failed too often for a ratio"


def test_a_baseline_turns_every_pair_towards_it() -> None:
    table = campaign({"near": 1.0, "far": 2.0, "mid": 1.5}, noise=0.05)
    pairs = rt.compare(table, baseline="mid").pairs().set_index("place")
    assert list(pairs["baseline"]) == ["mid", "mid"]
    assert pairs.loc["near", "ratio"] == pytest.approx(1.5, rel=0.1)
    assert pairs.loc["far", "ratio"] == pytest.approx(0.75, rel=0.1)
    assert re.fullmatch(r"mid is 1\.\d+× faster than far \(1\.\d+–1\.\d+\)", pairs.loc["far", "verdict"])
    with pytest.raises(rt.RegtoolsError, match="'nowhere' was not measured"):
        rt.compare(table, baseline="nowhere")


def test_failures_lose_their_pairs_and_are_told() -> None:
    table = campaign({"sure": 1.0, "flaky": 0.9, "dead": 0.01}, fail={"flaky": 0.3, "dead": 1.0}, rounds=30)
    found = rt.compare(table)
    dead = rows_of(found, "sure", "dead")
    assert dead["differs"]
    assert dead["baseline_failed"] == 30
    assert dead["verdict"] == "sure is faster than dead: dead failed too often for a ratio"
    flaky = rows_of(found, "sure", "flaky")
    assert flaky["baseline_failed"] > 0
    assert flaky["high"] == math.inf
    assert rows_of(found, "flaky", "dead")["both_failed"] == flaky["baseline_failed"]
    # Dropped failures would have made the flaky place the faster one.
    done = table[table["ok"]]
    assert (
        done[done["place"] == "flaky"]["total_s"].median() < done[done["place"] == "sure"]["total_s"].median()
    )


def test_the_failing_time_itself_does_not_matter() -> None:
    table = campaign({"a": 1.0, "b": 1.0}, fail={"b": 0.4}, rounds=25)
    other = table.copy()
    other.loc[~other["ok"], "total_s"] = np.nan
    assert rt.compare(table).pairs().equals(rt.compare(other).pairs())


def test_cold_and_warm_and_clients_are_never_mixed() -> None:
    cold = campaign({"a": 1.0, "b": 2.0}, seed=1).assign(cache_state="cold")
    warm = campaign({"a": 1.0, "b": 0.5}, seed=2).assign(cache_state="warm")
    podman = campaign({"a": 1.0, "b": 2.0}, seed=3).assign(cache_state="cold", client="podman")
    pairs = rt.compare(pd.concat([cold, warm, podman])).pairs()
    told = {(row["client"], row["cache_state"]): row["place"] for row in pairs.to_dict("records")}
    assert told == {("synthetic", "cold"): "a", ("synthetic", "warm"): "b", ("podman", "cold"): "a"}


def test_vantages_and_images_can_be_kept_apart() -> None:
    here = campaign({"a": 1.0, "b": 2.0}, seed=1).assign(vantage="here")
    there = campaign({"a": 2.0, "b": 1.0}, seed=2).assign(vantage="there")
    table = pd.concat([here, there])
    by = rt.compare(table, by="vantage")
    assert dict(zip(by.pairs()["vantage"], by.pairs()["place"], strict=True)) == {"here": "a", "there": "b"}
    assert rt.compare(table).pairs()["rounds"].tolist() == [40]  # paired within each vantage all the same
    assert len(rt.compare(table, by=["vantage", "image"]).places()) == 4
    with pytest.raises(rt.RegtoolsError, match="no such column"):
        rt.compare(table, by="planet")


def test_images_are_paired_with_themselves() -> None:
    table = campaign({"a": 1.0, "b": 1.5}, images={"small": 1.0, "huge": 500.0}, noise=0.1)
    row = rows_of(rt.compare(table), "a", "b")
    assert (row["n"], row["rounds"]) == (40, 20)
    assert row["low"] < 1.5 < row["high"]


def test_the_share_of_being_fastest_comes_with_its_uncertainty() -> None:
    places = rt.compare(campaign({"a": 1.0, "b": 1.1, "c": 3.0})).places().set_index("place")
    assert places["fastest"].sum() == pytest.approx(1)
    assert places.loc["c", "fastest"] == 0
    assert places.loc["a", "fastest_low"] < places.loc["a", "fastest"] < places.loc["a", "fastest_high"]


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("few-rounds", lambda table: table[table["round"] <= 9]),
        ("no-rounds", lambda table: table.assign(round=None)),
        ("unbalanced", lambda table: table[(table["place"] != "b") | (table["round"] > 3)]),
        ("repeated", lambda table: pd.concat([table, table[table["round"] == 2]])),
        ("cold-at-first", lambda table: table.assign(total_s=table["total_s"].where(table["round"] > 1, 9.0))),
        ("not-shuffled", lambda table: table.assign(order=table["place"].map({"a": 1, "b": 2}))),
        ("other-load", lambda table: table.assign(other_cpu=0.6)),
        ("client-limit", lambda table: table.assign(client_cpu=0.95)),
        ("failures", lambda table: table.assign(ok=table["place"] != "b", error_kind=np.where(table["place"] == "b", "connect", None))),
        ("digests-differ", lambda table: table.assign(digest=table["place"].map({"a": "sha256:0", "b": "sha256:1"}))),
        ("client-differs", lambda table: table.assign(client_version=np.where(table["round"] > 5, "1", "2"))),
    ],
)  # fmt: skip
def test_what_stands_against_a_verdict_is_said(code: str, change: Any) -> None:
    table = campaign({"a": 1.0, "b": 2.0})
    assert codes(rt.compare(table)) == set()
    found = rt.compare(change(table))
    assert code in codes(found)
    (text,) = {caution.text for _, caution in found.cautions if caution.code == code}
    assert text in found.warnings
    assert " ".join(f"note: {text}".split()) in " ".join(str(found).split())
    if code in ("few-rounds", "no-rounds"):
        assert not found.pairs()["differs"].any()
        assert all(verdict.startswith("no verdict on ") for verdict in found.verdicts)


def test_why_a_place_failed_is_told_with_the_cure_the_most_frequent_kind_first() -> None:
    table = campaign({"a": 1.0, "b": 2.0, "c": 1.0}, rounds=10)
    kinds = np.where(table["place"] == "c", np.where(table["round"] > 3, "http-429", "timeout"), None)
    found = rt.compare(table.assign(ok=table["place"] != "c", error_kind=kinds))
    told = [text for text in found.warnings if " failed in " in text]
    assert [text.partition(":")[0] for text in told] == [
        "c failed in 7 of 10 pulls [http-429]",
        "c failed in 3 of 10 pulls [timeout]",
    ]
    assert f"{FAILURES['http-429'].means}; to repair it: {FAILURES['http-429'].cure}" in told[0]


def test_a_winner_that_depends_on_the_image_is_no_winner() -> None:
    small = campaign({"a": 1.0, "b": 2.0}, images={"small": 1.0}, seed=1)
    huge = campaign({"a": 2.0, "b": 1.0}, images={"huge": 9.0}, seed=2)
    found = rt.compare(pd.concat([small, huge]))
    assert "depends-on-image" in codes(found)
    assert any("a is faster than b for small and slower for huge" in text for text in found.warnings)


def test_many_places_are_compared_with_the_fastest_only() -> None:
    names = {f"m{number:02}": 1.0 + number / 10 for number in range(50)}
    pairs = rt.compare(campaign(names, rounds=10, noise=0.01)).pairs()
    assert len(pairs) == 49
    assert set(pairs["place"]) == {"m00"}


def test_it_shows_itself_in_text_in_a_notebook_and_as_data() -> None:
    table = campaign({"<near>": 1.0, "far": 2.0, "dead": 1.0}, fail={"dead": 1.0})
    found = rt.compare(table)
    text = str(found)
    assert max(map(len, text.splitlines())) <= 80
    assert "60 pulls (20 failed) of 3 places in 20 rounds" in text
    assert "never" in text
    html = found._repr_html_()
    assert "&lt;near&gt;" in html
    assert "<near>" not in html
    assert "<style" not in html
    assert "class=" not in html
    Balanced().feed(html)
    data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert data["format"] == 1
    assert {row["place"] for row in data["places"]} == {"<near>", "far", "dead"}
    dead = next(row for row in data["places"] if row["place"] == "dead")
    assert dead["total_median_s"] is None
    assert data["measured"]["bootstrap_seed"] == 20
    assert found.to_frame().equals(found.places())


@pytest.mark.parametrize(
    ("bases", "more", "verdict", "order"),
    [
        ({"a": 1.0, "b": 2.0}, {}, r"a is the fastest: 9\d\d\.\d ms against 2\.\d+ s from b\.", "Order: a, b."),
        ({"a": 1.0, "b": 1.0, "c": 3.0}, {}, r"No difference shown between [ab] and [ab]: \S+ (m?s) against \S+ m?s; c takes 3\.\d+ s\.", "Order: b = a, c (= no difference shown)."),
        ({"a": 1.0, "b": 2.0}, {"rounds": 9}, r"No verdict yet: a .* against .* \(b\), from 9 rounds in common; 10 are needed\.", "Order: a, b."),
        ({"a": 1.0, "b": 2.0}, {"fail": {"b": 1.0}}, r"a takes 9\d\d\.\d ms, and no other place delivered half of its pulls\.", "Order: a; without success in half of the pulls or more: b."),
        ({"a": 1.0}, {"fail": {"a": 1.0}}, r"No place delivered half of its pulls\.", ""),
    ],
)  # fmt: skip
def test_the_verdict_comes_first_with_both_numbers(
    bases: dict[str, float], more: Any, verdict: str, order: str
) -> None:
    found = rt.compare(campaign(bases, **more))
    text = " ".join(str(found).split())
    assert re.match(verdict, text), text
    assert order in text
    assert re.fullmatch(verdict, found.verdict)
    assert found._repr_html_().startswith(f"<div><p><b>{found.verdict}</b></p>")
    assert found.to_markdown().startswith(f"**{found.verdict}**\n")


def test_no_mirror_faster_than_the_registry_is_the_verdict() -> None:
    found = rt.compare(campaign({"mirror": 2.0, "registry": 1.0}))
    assert re.fullmatch(
        r"Pull without mirrors: \S+ m?s against \S+ s from mirror, the fastest mirror\.",
        replace(found, registry="registry").verdict,
    )


class Balanced(HTMLParser):
    """Fails on a tag that closes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_pulls_themselves_can_be_compared() -> None:
    made = [
        pull(place, total).replace(round=number)
        for number in range(1, 11)
        for place, total in (("a", 1.0), ("b", 2.0 + number / 50))
    ]
    row = rows_of(rt.compare(made), "a", "b")
    assert row["differs"]
    assert row["ratio"] == pytest.approx(2.11, abs=0.02)


# -- tables from elsewhere -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"place": ["a"], "seconds": [1.0]}, "no column ok, round; it has place, seconds"),
        ({"time": [1.0]}, "no column ok, place, round, seconds; it has time"),
        ({"place": ["a"], "round": [1], "seconds": ["quick"], "ok": [True]}, "row 1: seconds is 'quick', which is no time"),
        ({"place": ["a", "a"], "round": [1, 2], "seconds": [1, -1], "ok": [True] * 2}, "row 2: seconds is -1"),
        ({"place": ["a"], "round": [1], "seconds": [None], "ok": [True]}, "row 1: the pull is ok, and seconds is empty"),
        ({"place": ["a"], "round": [1], "seconds": [1.0], "ok": ["perhaps"]}, "row 1: ok is 'perhaps'"),
        ({"place": ["a"], "round": ["first"], "seconds": [1.0], "ok": [True]}, "row 1: round is 'first'"),
        ({"place": [], "round": [], "seconds": [], "ok": []}, "there are no pulls to compare"),
    ],
)  # fmt: skip
def test_a_table_that_is_none_is_told_what_it_lacks(columns: dict[str, list[Any]], told: str) -> None:
    with pytest.raises(rt.RegtoolsError) as caught:
        rt.compare(pd.DataFrame(columns))
    assert told in caught.value.message
    assert caught.value.kind == "bad-table"


def test_a_thing_that_is_no_pull_is_named() -> None:
    with pytest.raises(rt.RegtoolsError, match="not int"):
        rt.compare([1, 2])  # type: ignore[list-item]


def test_what_read_journal_returns_is_two_tables_and_the_hint_says_which() -> None:
    for function in (rt.compare, rt.charts.ecdf):
        with pytest.raises(rt.RegtoolsError) as caught:
            function((campaign({"a": 1.0}), frames([], [])[1]))  # type: ignore[arg-type]
        assert "pulls, requests = read_journal(path)" in str(caught.value.hint)


def test_no_pulls_are_measured_by_a_campaign() -> None:
    with pytest.raises(rt.RegtoolsError) as caught:
        rt.compare(campaign({"a": 1.0}).head(0))
    assert "regtools bench" in str(caught.value.hint)


@pytest.mark.parametrize("yes", ["true", "TRUE", "yes", "1", 1, True])
def test_ok_may_be_written_as_people_write_it(yes: Any) -> None:
    table = pd.DataFrame({"place": ["a", "a"], "round": [1, 2], "seconds": [1.0, 2.0], "ok": [yes, yes]})
    assert rt.compare(table).places()["ok"].tolist() == [2]


def test_a_pair_of_equal_numbers_of_a_coarse_clock_is_no_difference() -> None:
    table = pd.DataFrame(
        {"place": list("ab") * 12, "round": np.repeat(np.arange(12), 2), "seconds": [0, 0] * 12, "ok": True}
    )
    assert rt.compare(table).pairs()["differs"].tolist() == [False]


def test_pooled_vantage_points_are_reported_and_separate_ones_are_not() -> None:
    here, there = campaign({"near": 1.0, "far": 3.0}), campaign({"near": 3.0, "far": 1.0}, seed=1)
    both = pd.concat([here.assign(vantage="tokyo"), there.assign(vantage="oslo")], ignore_index=True)
    pooled = rt.compare(both)
    assert "vantages-pooled" in codes(pooled)
    assert any("2 vantage points are pooled (oslo, tokyo)" in text for text in pooled.warnings)
    assert not pooled.pairs()["differs"].any()
    apart = rt.compare(both, by="vantage")
    assert "vantages-pooled" not in codes(apart)
    assert dict(zip(apart.pairs()["vantage"], apart.pairs()["place"], strict=True)) == {
        "oslo": "far",
        "tokyo": "near",
    }


def test_the_overview_and_the_report_draw_vantage_points_apart() -> None:
    from regtools.analysis.report import overview, report

    towns = [campaign({"near": 1.0, "far": 3.0}).assign(vantage=name) for name in ("oslo", "tokyo")]
    both = pd.concat(towns, ignore_index=True)
    titles = [ax.get_title() for ax in overview(both).axes]
    assert ["oslo" in titles[0], "tokyo" in titles[1]] == [True, True]
    assert "oslo" in report(rt.compare(both, by="vantage"), both)


def test_requests_beside_a_parquet_file_are_read_with_it(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    made = [
        pull("a", 1.0, requests=(REQUEST,)).replace(round=number, run_id=str(number)) for number in (1, 2)
    ]
    wire = [REQUEST.replace(run_id=each.run_id).to_dict() for each in made]
    write_parquet(tmp_path / "campaign.parquet", *frames([each.row() for each in made], wire))
    pulls, requests = read_measurements([tmp_path / "campaign.parquet"])
    assert (len(pulls), len(requests)) == (2, 2)
    (tmp_path / "campaign.requests.parquet").unlink()
    pulls, requests = read_measurements([tmp_path / "campaign.parquet"])
    assert (len(pulls), len(requests)) == (2, 0)
