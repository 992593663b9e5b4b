"""The promise of fixes: each slip is found, and what is fixed loads, means what was meant, and stays as it is."""

from __future__ import annotations

import os
import random
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regtools import RegistriesConf, RegtoolsError
from regtools.registries.checks import Findings, Fix, Report, check_texts
from regtools.registries.checks.proof.probes import SHORT, probe
from regtools.registries.checks.proof.prover import UNKNOWN
from regtools.registries.reading.releases import release
from tests.conftest import LONG
from tests.real.generate import MAIN, Configuration
from tests.real.test_differential import lay_out, our_answer, podman_answers
from tests.registries.slips import SLIPS, VALID
from tests.support.loading import refusals
from tests.support.offline import offline
from tests.support.podman import Engine, engine

PODMANS = ("4", "5", "6")
# Of these only the reader knows what was meant; the alternatives are shown.
NOT_FIXED = {
    "path in the search list",
    "network in the search list",
    "missing header of a mirror",
    "no header",  # of the second entry: its keys are set twice in the first
    "prefix in the mirror",  # of an entry that has a location only
}
# Of two equal lists podman 4 and 5 take the last, which is no TOML; of two spellings of a key, one at random.
UNDECIDED = {"duplicate-key", "ambiguous-key"}
MOST_RUNS = 20
# What names of the valid files lead to.
HOSTS = (
    "docker.io", "registry-1.docker.io", "index.docker.io", "quay.io", "m.example", "n.example", "r.example",
    "bad.example", "lab.example", "any.corp.example",
)  # fmt: skip

slips = st.lists(st.tuples(st.sampled_from(sorted(SLIPS)), st.integers(0, 2)), min_size=1, max_size=3)


@lru_cache(maxsize=200)  # the same text is checked before and after its fixes
def check(text: str, podman: str) -> Report:
    return check_texts(release(podman), [("a.conf", text, False)])


def slipped(text: str, made: list[tuple[str, int]]) -> str:
    for name, number in made:
        text = SLIPS[name](text, number)
    return text


def settled(text: str, podman: str) -> tuple[str, list[Fix]]:
    """Return what `check --fix` writes, and all fixes of it."""
    fixes: list[Fix] = []
    for _ in range(MOST_RUNS):
        findings = check(text, podman).findings
        fixes += [finding.fix for finding in findings if finding.fix and not finding.fix.waits]
        fixed = findings.fixed()
        if not fixed:
            return text, fixes
        text = fixed["a.conf"]
    raise AssertionError(f"{MOST_RUNS} runs did not end it:\n{text}")


def leads(conf: RegistriesConf, name: str) -> list[tuple[str, bool]] | str:
    try:
        return [(s.reference, s.insecure) for s in conf.resolve(name).sources if not s.blocked]
    except RegtoolsError as error:
        return error.kind


def moved(before: str, after: str, podman: str) -> list[str]:
    """Return the names that lead elsewhere; of short ones those that stand for another name."""
    old, new = (RegistriesConf.from_toml(text, podman=podman) for text in (before, after))
    names = {*map(probe, old.prefixes | new.prefixes)}
    names |= {name for name in (*old.aliases, *new.aliases) if old.aliases.get(name) != new.aliases.get(name)}
    names |= {SHORT} if old.unqualified_search_registries != new.unqualified_search_registries else set()
    return sorted(name for name in names if leads(old, name) != leads(new, name))


def alarms(findings: Findings) -> list[str]:
    return [finding.code for finding in findings if finding.severity != "note"]


@pytest.mark.parametrize("podman", PODMANS)
def test_the_valid_files_are_good(podman: str) -> None:
    assert [alarms(check(text, podman).findings) for text in VALID.values()] == [[]] * len(VALID)


@pytest.mark.parametrize("name", SLIPS)
def test_one_slip_is_found_and_fixed_or_the_choice_is_shown(name: str) -> None:
    tried = 0
    for number, (good, text) in enumerate(VALID.items()):
        podman, bad = PODMANS[number % 3], SLIPS[name](text, number)
        if bad == text:
            continue
        tried += 1
        found = check(bad, podman).findings
        assert found != check(text, podman).findings, good
        fixed, fixes = settled(bad, podman)
        left = check(fixed, podman)
        if name in NOT_FIXED and alarms(left.findings):
            assert any(finding.alternatives for finding in left.findings), bad
            continue
        assert not left.stops, bad
        assert alarms(left.findings) == [], bad
        told = " ".join(fix.effect or "" for fix in fixes)
        assert [each for each in moved(text, fixed, podman) if each not in told] == [], bad
    assert tried


# 20,000 in the long run: a share for each podman, so that two cores have part in them.
@pytest.mark.parametrize("podman", PODMANS)
@settings(max_examples=6_667 if LONG else 100)
@given(good=st.sampled_from(sorted(VALID)), made=slips)
def test_slips_are_found_and_what_is_fixed_loads_and_means_the_same(
    podman: str, good: str, made: list[tuple[str, int]]
) -> None:
    text = VALID[good]
    bad = slipped(text, made)
    if bad == text:
        return
    report = check(bad, podman)
    assert report.findings != check(text, podman).findings
    fixed, fixes = settled(bad, podman)
    left = check(fixed, podman)
    assert left.findings.fixed() == {}
    if alarms(left.findings):  # told, with its line, and without a fix
        assert all(
            finding.where and finding.where.line for finding in left.findings if finding.severity == "error"
        )
        return
    RegistriesConf.from_toml(fixed, podman=podman)
    assert all(fix.effect for fix in fixes if not report.stops)
    if all(fix.effect != UNKNOWN for fix in fixes):
        told = " ".join(fix.effect or "" for fix in fixes)
        assert [name for name in moved(text, fixed, podman) if name not in told] == [], fixed


@pytest.mark.sized
@pytest.mark.needs("podman", "skopeo")
@pytest.mark.parametrize("podman", ["4.3", pytest.param("5.4", marks=pytest.mark.long), "6.1"])
def test_podman_reads_what_is_fixed_and_refuses_what_is_an_error(podman: str) -> None:
    """Another sample in each run; its number is shown where it fails."""
    seed = int.from_bytes(os.urandom(4), "big")
    rng, texts, mended = random.Random(seed), dict[str, bool](), set[str]()
    while len(texts) < (300 if LONG else 12) or len(mended) < 3:
        made = [(rng.choice(sorted(SLIPS)), rng.randrange(3)) for _ in range(rng.randint(1, 3))]
        bad = slipped(rng.choice(sorted(VALID.values())), made)
        fixed = settled(bad, podman[0])[0]
        for text in (bad, fixed):
            report = check(text, podman[0])
            # Of two equal keys podman 4 and 5 take the last, which is not TOML; of two spellings, one at random.
            if not UNDECIDED & {finding.code for finding in report.findings}:
                texts[text] = report.stops
        if fixed != bad and not texts.get(fixed, True):
            mended.add(fixed)
    with engine(podman) as real:
        said = refusals(real, list(texts))
    wrong = [(text, no) for (text, stops), no in zip(texts.items(), said, strict=True) if stops != bool(no)]
    assert wrong == [], f"sample {seed}"
    assert not all(texts.values())
    some = rng.sample(sorted(mended), min(60 if LONG else 3, len(mended)))
    with engine(podman) as made, offline(made, HOSTS) as real:
        differ = [found for text in some if (found := places_differ(real, text))]
    assert differ == [], f"sample {seed}"
    assert len(some) >= 3


def places_differ(real: Engine, text: str) -> str:
    """Ask podman for two names of a file; return what it tries if that is not what we say."""
    lay_out(real, Configuration({MAIN: text}, ()))
    conf = RegistriesConf.from_toml(text, podman=real.release[0])
    names = (*sorted(map(probe, conf.prefixes), key=len, reverse=True)[:1], *conf.aliases, SHORT)[:2]
    theirs = podman_answers(real, names)
    ours = [our_answer(real, name) for name in names]
    return "" if theirs == ours else f"{text}\n{names}\n  podman  {theirs}\n  regtools {ours}"


@pytest.mark.sized
def test_of_several_slips_nearly_all_leave_nothing_to_do() -> None:
    rng, left = random.Random(7), list[bool]()
    fixable = sorted(set(SLIPS) - NOT_FIXED)
    while len(left) < (200 if LONG else 80):
        made = [(rng.choice(fixable), rng.randrange(3)) for _ in range(rng.randint(2, 3))]
        good, podman = VALID[rng.choice(sorted(VALID))], rng.choice(PODMANS)
        if (bad := slipped(good, made)) != good:
            left.append(bool(alarms(check(settled(bad, podman)[0], podman).findings)))
    assert sum(left) <= len(left) / 10
