"""Advice for many vantage points: a file for each, the best for all, and what that costs each of them."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Mapping
from typing import Any

import pandas as pd
import pytest

import regtools as rt
from regtools.analysis.advice.vantages import Advice
from tests.analysis.test_advise import CONF, IMAGE, measured, order
from tests.conftest import LONG

PLACES = ("dead", "slow", "fast")  # in the order of the entry
Towns = Mapping[str, Mapping[str, float]]
# Where "slow" stands next door, and where "fast" does. Nobody likes "dead", which is far from everybody.
TOWNS: Towns = {
    "bonn": {"dead": 5.0, "slow": 3.0, "fast": 1.0},
    "cork": {"dead": 5.0, "slow": 2.0, "fast": 1.0},
    "oslo": {"dead": 5.0, "slow": 1.0, "fast": 4.5},
}


def everywhere(towns: Towns, **more: Any) -> pd.DataFrame:
    parts = [
        measured(places, seed=seed, **more).assign(vantage=name)
        for seed, (name, places) in enumerate(towns.items())
    ]
    table = pd.concat(parts, ignore_index=True)
    return table.assign(run_id=[str(number) for number in range(len(table))])


def advised(table: pd.DataFrame, conf: rt.RegistriesConf = CONF) -> Advice:
    found = rt.advise(table, conf, by="vantage")
    assert isinstance(found, Advice)
    return found


def first(text: str | None) -> str:
    assert text is not None
    return order(text)[0]


@pytest.fixture(scope="module")
def advice() -> Advice:
    return advised(everywhere(TOWNS))


def test_each_vantage_point_gets_the_order_that_is_best_there(advice: Advice) -> None:
    assert {name: first(text) for name, text in advice.files.items()} == {
        "bonn": "fast.example",
        "cork": "fast.example",
        "oslo": "slow.example/hub",
    }
    whole = everywhere(TOWNS)
    for name, text in advice.files.items():
        assert order(rt.advise(whole[whole["vantage"] == name], CONF)) == order(text)


def test_the_one_for_all_is_the_best_on_average_and_says_what_it_costs_whom(advice: Advice) -> None:
    assert first(advice.for_all) == "slow.example/hub"  # (3 + 2 + 1) / 3 beside (1 + 1 + 4.5) / 3
    costs = advice.costs().set_index("vantage")
    assert list(costs.columns) == ["prefix", "now_s", "own_s", "for_all_s", "loss_s", "low", "high"]
    assert costs["loss_s"].to_dict() == pytest.approx({"bonn": 2.0, "cork": 1.0, "oslo": 0.0}, abs=0.2)
    assert (costs["low"] <= costs["loss_s"]).all() and (costs["loss_s"] <= costs["high"]).all()
    assert costs.loc[["bonn", "cork"], "low"].gt(0.5).all()
    assert costs["now_s"].to_list() == pytest.approx([5.0] * 3, rel=0.15)
    text = " ".join(str(advice.for_all).replace("#", "").split())
    assert "at bonn, cork, oslo" in text
    assert "- bonn: " in text and "with an order of its own" in text


def test_what_is_written_passes_check_and_is_in_effect(advice: Advice) -> None:
    for text in (*advice.files.values(), advice.for_all):
        assert text is not None
        conf = rt.RegistriesConf.from_toml(text)
        assert not [each for each in conf.check() if each.severity != "note"]
        mirrors = [each for each in conf.resolve(IMAGE).candidates[0].sources if each.kind == "mirror"]
        assert [each.reference.partition("/library")[0] for each in mirrors] == [
            each for each in order(text) if each != "digest.example"
        ]


def test_a_file_for_very_many_stays_readable() -> None:
    advice = advised(everywhere({f"host{number:02}": TOWNS["bonn"] for number in range(45)}, rounds=10))
    text = " ".join(str(advice.for_all).replace("#", "").split())
    assert "host07 and 37 more" in text
    assert "- and 5 more" in text


def test_it_is_shown_as_text_and_as_a_table(advice: Advice) -> None:
    text = str(advice)
    assert max(map(len, text.splitlines())) <= 80
    assert re.match(
        r"One file for all: \d\.\d+ s a pull on average instead of \d\.\d+ s\.\n\nvantage +entry ", text
    )
    assert "bonn: a file of its own" in text and "for all: one file" in text
    assert "nothing" in next(line for line in text.splitlines() if line.startswith("oslo"))
    html = advice._repr_html_()
    assert html.count("<tr") == 4 and "<script" not in html
    assert "&lt;b&gt;" in advised(everywhere({"<b>": TOWNS["bonn"]}))._repr_html_()


@pytest.mark.sized
@pytest.mark.parametrize("seed", range(12 if LONG else 4))
def test_the_common_order_is_that_of_trying_them_all(seed: int) -> None:
    rng = random.Random(seed)
    towns = {name: {place: rng.uniform(0.5, 5) for place in PLACES} for name in "abc"}
    fail = {place: rng.choice([0.0, 0.2, 0.5]) for place in PLACES}
    table = everywhere(towns, fail=fail, kind="http-500", rounds=12)
    found = advised(table).costs()["for_all_s"].mean()

    def mean_of(tried: tuple[str, ...]) -> float:
        total = 0.0
        for _, town in table.groupby("vantage"):
            reached = 1.0
            for place in tried:
                pulls = town[town["place"] == place]
                success = pulls["ok"].mean()
                time = pulls.loc[pulls["ok"], "total_s"].mean() if success else 0.0
                total += reached * (success * time + (1 - success) * 0.1)
                reached *= 1 - success
        return total / 3

    assert found == pytest.approx(min(map(mean_of, itertools.permutations(PLACES))))


def test_where_nothing_is_better_nothing_is_written() -> None:
    good = {"dead": 1.0, "slow": 2.0, "fast": 3.0}
    advice = advised(everywhere({"bonn": good, "cork": good}))
    assert (dict(advice.files), advice.for_all) == ({}, None)
    assert all("the current order is the best of all" in why for (why,) in advice.refused.values())
    assert "the current order is the best for all" in advice.reasons[0]
    assert (advice.costs()["loss_s"] == 0).all()
    assert "for all: left as it is" in str(advice)
    assert str(advice).startswith("No change is needed: ")


def test_a_gain_that_is_not_sure_is_no_common_file() -> None:
    # Two that gain and two that lose as much: on average nothing but noise.
    one, other = {"dead": 1.0, "slow": 2.0, "fast": 9.0}, {"dead": 2.0, "slow": 1.0, "fast": 9.0}
    advice = advised(everywhere({"a": one, "b": other, "c": one, "d": other}, noise=0.5, rounds=10))
    assert advice.for_all is None
    assert set(advice.files) <= {"b", "d"}


def test_a_vantage_point_with_too_few_rounds_is_left_out_and_told() -> None:
    table = everywhere(TOWNS)
    table = table[(table["vantage"] != "oslo") | (table["round"] <= 5)]
    advice = advised(table)
    assert set(advice.files) == {"bonn", "cork"}
    assert "5 rounds have all of its mirrors" in advice.refused["oslo"][0]
    assert first(advice.for_all) == "fast.example"
    assert "docker.io: oslo cannot be judged, and is not counted" in advice.reasons
    assert set(advice.costs()["vantage"]) == {"bonn", "cork"}


@pytest.mark.parametrize(
    ("change", "by", "said"),
    [
        (lambda table: table, None, "several vantage points (bonn, cork, oslo)"),
        (lambda table: table, "image", "cannot be written by 'image'"),
        (lambda table: table.drop(columns="vantage"), "vantage", "no vantage points are recorded"),
        (lambda table: table[table["round"] < 4], "vantage", "bonn: docker.io: 3 rounds"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_words(change: Any, by: str | None, said: str) -> None:
    with pytest.raises(rt.RegtoolsError) as caught:
        rt.advise(change(everywhere(TOWNS)), CONF, by=by)  # not a column
    assert caught.value.kind == "no-advice"
    assert said in caught.value.message
    assert caught.value.hint
