"""Advice: the order with the least expected time, what it rests on, and when there is none."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

import regtools as rt
from regtools.analysis.advice.advise import changes
from regtools.analysis.advice.expected import (
    FAILURE_S,
    SILENCE_S,
    Measured,
    best_order,
    expected,
    failure_cost,
)
from tests.conftest import LONG
from tests.support.synthetic import campaign

IMAGE = "docker.io/library/nginx:latest"
LOCATIONS = {"dead": "dead.example", "slow": "slow.example/hub", "fast": "fast.example", "hub": "docker.io"}
TEXT = """\
unqualified-search-registries = ["docker.io"]

[[registry]]
prefix = "docker.io"
location = "docker.io"

[[registry.mirror]]
location = "dead.example"

[[registry.mirror]]
location = "slow.example/hub"
insecure = true

[[registry.mirror]]
location = "digest.example"
pull-from-mirror = "digest-only"

[[registry.mirror]]
location = "fast.example"
"""
CONF = rt.RegistriesConf.from_toml(TEXT, file="registries.conf")


def measured(
    places: Mapping[str, float],
    *,
    fail: Mapping[str, float] | None = None,
    kind: str = "timeout",
    **more: Any,
) -> pd.DataFrame:
    """A campaign in which each place is one source of CONF."""
    table = campaign(places, fail=fail, images={IMAGE: 1.0}, **more)
    table["attempts"] = [[f"{LOCATIONS[place]}/library/nginx:latest"] for place in table["place"]]
    table["run_id"] = [str(number) for number in range(len(table))]
    table["error_kind"] = [None if ok else kind for ok in table["ok"]]
    return table.assign(started_at="2026-03-01T10:00:00Z", client_version="1.0", cache_state="cold")


USUAL: dict[str, Any] = {
    "places": {"dead": 0.01, "slow": 4.0, "fast": 1.0, "hub": 6.0},
    "fail": {"dead": 1.0},
}


def unfolded(text: Any) -> str:
    """The comments as one line."""
    return " ".join(str(text).replace("#", " ").split())


def order(text: str) -> list[str]:
    (entry,) = rt.RegistriesConf.from_toml(text).registries
    return [mirror.location for mirror in entry.mirrors]


def test_mirrors_come_in_the_order_that_is_expected_to_be_fastest() -> None:
    text = rt.advise(measured(**USUAL), CONF)
    assert order(text) == ["fast.example", "slow.example/hub", "digest.example", "dead.example"]


def test_a_slow_mirror_that_never_fails_may_beat_a_fast_one_that_falls_silent() -> None:
    places, fail = {"fast": 1.0, "slow": 4.0, "dead": 9.0}, {"fast": 0.3}
    silent = order(rt.advise(measured(places, fail=fail, kind="timeout"), CONF))
    assert silent[0] == "slow.example/hub"  # a third of 120 s is more than 4 s
    loud = order(rt.advise(measured(places, fail=fail, kind="http-500"), CONF))
    assert loud[0] == "fast.example"


def test_nothing_is_added_dropped_or_changed() -> None:
    (before,) = CONF.registries
    (after,) = rt.RegistriesConf.from_toml(rt.advise(measured(**USUAL), CONF)).registries
    assert sorted(before.mirrors) == sorted(after.mirrors)
    assert before._replace(mirrors=()) == after._replace(mirrors=())
    assert after.mirrors.index(before.mirrors[2]) == 2  # for digests only: it kept its seat


@pytest.mark.parametrize("podman", ["4", "5", "6"])
def test_as_a_drop_in_it_passes_check_and_explain_shows_it_in_effect(podman: str) -> None:
    text = rt.advise(measured(**USUAL), CONF)
    conf = rt.RegistriesConf.from_toml(
        TEXT, file="registries.conf", dropins={"measured.conf": text}, podman=podman
    )
    assert [str(each) for each in conf.check() if each.severity != "note"] == []
    (candidate,) = conf.resolve("nginx").candidates
    assert [source.reference.partition("/")[0] for source in candidate.sources] == [
        "fast.example", "slow.example", "dead.example", "docker.io",
    ]  # fmt: skip
    assert "measured.conf:" in str(conf.resolve("nginx"))
    assert [
        each for each in rt.RegistriesConf.from_toml(text, podman=podman).check() if each.severity != "note"
    ] == []


def test_the_file_says_when_from_what_and_what_it_gains() -> None:
    text = rt.advise(measured(**USUAL), CONF)
    comment = " ".join(line.removeprefix("#").strip() for line in text.splitlines() if line.startswith("#"))
    for words in (
        "2026-03-01 10:00 to 2026-03-01 10:00 UTC",
        "80 pulls (20 failed) in 20 rounds, synthetic 1.0, cold caches",
        "Replaces the entry at registries.conf:3:1",
        f"Images: {IMAGE}",
        "dead: never done in 20 pulls",
        "one by silence costs podman 120 s",
    ):
        assert words in comment
    assert "Expected 1.0" in comment
    assert max(map(len, text.splitlines())) <= 100


def test_advice_holds_for_what_it_was_given_again() -> None:
    table = measured(**USUAL)
    text = rt.advise(table, CONF)
    assert rt.advise(table, CONF) == text
    improved = rt.RegistriesConf.from_toml(TEXT, dropins={"measured.conf": text})
    again = rt.advise(table, improved)
    assert "No change: docker.io: the current order is the best of all: fast, slow, dead" in unfolded(again)


def test_no_change_is_an_answer_that_says_what_was_compared() -> None:
    text = rt.advise(measured({"dead": 1.0, "slow": 2.0, "fast": 9.0, "hub": 5.0}), CONF)
    assert not changes(text)
    assert rt.RegistriesConf.from_toml(text).registries == ()
    told = unfolded(text)
    assert told.startswith(
        "No change: docker.io: the current order is the best of all: dead, slow, fast, expected "
    )
    assert "80 pulls (0 failed) in 20 rounds" in told
    assert "- hub: 5" in told
    assert "faster than none" not in told


@pytest.mark.parametrize("hub", [1.0, 2.0])
def test_no_mirror_faster_than_none_is_said(hub: float) -> None:
    places = {"dead": 4.0, "slow": 3.0, "fast": 2.5, "hub": hub}
    told = unfolded(rt.advise(measured(places, noise=0.05), CONF))
    assert told.startswith("No mirror of docker.io is faster than none: ")
    assert re.search(rf"{hub:.0f}\.?\d* s a pull without mirrors against 2\.\d+ s with the best order", told)


@pytest.mark.parametrize(("fast", "hub"), [(3.0, 1.0), (1.0, 3.0)])
def test_an_only_mirror_is_compared_with_none(fast: float, hub: float) -> None:
    alone = '[[registry]]\nlocation = "docker.io"\n[[registry.mirror]]\nlocation = "fast.example"\n'
    conf = rt.RegistriesConf.from_toml(alone)
    text = rt.advise(measured({"fast": fast, "hub": hub}, noise=0.05), conf)
    assert not changes(text)
    told = unfolded(text)
    if hub < fast:
        assert re.match(
            r"No mirror of docker\.io is faster than none: [\d.]+ s a pull without mirrors against [\d.]+ s with "
            r"its only one\. No change: ",
            told,
        )
    else:
        assert "faster than none" not in told
    assert re.search(r"No change: docker\.io: fast is its only mirror, expected [\d.]+ s a pull\.", told)
    assert re.search(r"- fast: [\d.]+ s on average.* - hub: [\d.]+ s on average", told)


def test_an_only_mirror_without_its_registry_is_compared_with_nothing() -> None:
    conf = rt.RegistriesConf.from_toml(
        '[[registry]]\nlocation = "docker.io"\nmirror = [{location = "fast.example"}]\n'
    )
    with pytest.raises(rt.RegtoolsError) as caught:
        rt.advise(measured({"fast": 1.0}), conf)
    assert "fewer than two of its sources were measured" in caught.value.message


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda table: table[table["round"] <= 6], "6 rounds have all of its mirrors, at least 10 are needed"),
        (lambda table: table[table["place"] != "slow"], "the mirror slow.example/hub was not measured"),
        (lambda table: table.assign(round=None), "0 rounds have all of its mirrors"),
        (
            lambda table: table.assign(attempts=[[f"elsewhere.example/{place}:1"] for place in table["place"]]),
            "none of the measured places (dead, fast, hub, slow) is a mirror",
        ),
        (lambda table: table.assign(attempts=[["a/x:1", "b/x:1"]] * len(table)), "every pull went through several sources"),
        (
            lambda table: table.assign(vantage=np.where(table["round"] > 10, "a", "b")),
            "several vantage points (a, b)",
        ),
        (lambda table: table.assign(image="quay.io/x/y:1"), "none of the measured places"),
    ],
)  # fmt: skip
def test_without_support_there_is_no_advice(change: Any, told: str) -> None:
    with pytest.raises(rt.RegtoolsError) as caught:
        rt.advise(change(measured(**USUAL)), CONF)
    assert caught.value.kind == "no-advice"
    assert told in caught.value.message


def test_a_difference_that_may_be_chance_is_no_reason_to_reorder() -> None:
    quiet = 0
    for seed in range(20):
        table = measured({"dead": 1.0, "slow": 1.0, "fast": 1.0}, seed=seed, noise=0.3)
        quiet += not changes(rt.advise(table, CONF))
    assert quiet >= 18


def test_the_state_of_the_caches_can_be_chosen_and_cold_is_the_default() -> None:
    cold = measured({"dead": 1.0, "slow": 2.0, "fast": 9.0})
    warm = measured({"dead": 9.0, "slow": 2.0, "fast": 1.0}).assign(cache_state="warm")
    both = pd.concat([cold, warm], ignore_index=True)
    assert order(rt.advise(both, CONF, cache_state="warm"))[0] == "fast.example"
    assert "the current order is the best" in unfolded(rt.advise(both, CONF))
    with pytest.raises(rt.RegtoolsError, match="no pulls with warm caches"):
        rt.advise(cold, CONF, cache_state="warm")


def test_times_of_podman_count_before_those_of_other_clients() -> None:
    ours = measured({"dead": 1.0, "slow": 2.0, "fast": 9.0}).assign(client="builtin")
    podman = measured({"dead": 9.0, "slow": 2.0, "fast": 1.0}).assign(client="podman")
    text = rt.advise(pd.concat([ours, podman], ignore_index=True), CONF)
    assert order(text)[0] == "fast.example"


def test_a_table_from_elsewhere_is_matched_by_the_names_of_hosts() -> None:
    table = campaign({"dead.example": 3.0, "slow.example": 2.0, "fast.example": 1.0}, images={IMAGE: 1.0})
    assert order(rt.advise(table[["place", "round", "total_s", "ok", "image"]], CONF))[0] == "fast.example"


# -- the expected time -----------------------------------------------------------------------------------


def figures(seed: int, places: int, images: int = 1) -> tuple[list[dict[str, Measured]], list[str]]:
    drawn = random.Random(seed)
    names = [f"m{number}" for number in range(places)]
    made = []
    for _ in range(images):
        image = {}
        for name in names:
            done = float(drawn.choice([0, 3, 10, 19, 20]))
            cost = drawn.choice([0.1, 4.0, 120.0])
            image[name] = Measured(
                np.array([20.0]), np.array([done]), np.array([done * drawn.uniform(0.5, 9)]), cost
            )
        made.append(image)
    return made, names


@pytest.mark.sized
@pytest.mark.parametrize("images", [1, 3])
@pytest.mark.parametrize("places", [2, 4, 5])
def test_the_order_is_that_of_brute_force(places: int, images: int) -> None:
    whole = np.ones((1, 1))
    for seed in range(20 if LONG else 5):
        made, names = figures(seed, places, images)
        least = min(float(expected(made, each, whole)[0]) for each in itertools.permutations(names))
        found = best_order(made, names)
        assert float(expected(made, found, whole)[0]) == pytest.approx(least, abs=1e-8)


def test_exchanging_finds_for_many_mirrors_what_trying_all_orders_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for seed in range(5):
        made, names = figures(seed, 6, 2)
        tried = best_order(made, names)
        with monkeypatch.context() as patch:
            patch.setattr("regtools.analysis.advice.expected._EVERY_ORDER", 1)
            found = best_order(made, names)
        one, other = (float(expected(made, each, np.ones((1, 1)))[0]) for each in (tried, found))
        assert other == pytest.approx(one, rel=0.01)


def test_the_expected_time_is_that_of_pulls_played_out() -> None:
    (image,), names = figures(4, 3)
    random_ = np.random.default_rng(0)
    total, count = 0.0, 40_000
    rates = {name: float(image[name].done[0] / 20) for name in names}
    for _ in range(count):
        for name in names:
            if random_.random() < rates[name]:
                total += float(image[name].time[0] / max(image[name].done[0], 1))
                break
            total += image[name].cost
    assert float(expected([image], names, np.ones((1, 1)))[0]) == pytest.approx(total / count, rel=0.03)


def test_silence_costs_podmans_patience_other_failures_what_they_took() -> None:
    none = pd.DataFrame({"kind": [], "seconds": []})
    failed = pd.DataFrame({"client": ["builtin"] * 2, "error_kind": ["timeout", "http-404"]})
    assert failure_cost(failed, none) == (SILENCE_S + FAILURE_S) / 2
    seen = pd.DataFrame({"kind": ["http-404"] * 2, "seconds": [1.0, 3.0]})
    assert failure_cost(failed, seen) == (SILENCE_S + 2.0) / 2
    podman = pd.DataFrame({"client": ["podman"], "error_kind": ["timeout"]})
    assert failure_cost(podman, pd.DataFrame({"kind": ["timeout"], "seconds": [31.0]})) == 31.0
    assert failure_cost(failed.head(0), none) == FAILURE_S
