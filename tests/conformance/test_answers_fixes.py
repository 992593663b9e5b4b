"""Slips that people made: `check` and `convert` answer each, what they print is loaded by every real podman.

``must_contain`` stands in the output as it is; ``must`` has a row here, in words that a person would recognise,
and what the fix, or each alternative, makes of names.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from regtools import RegistriesConf, RegtoolsError
from regtools.cli import main
from regtools.registries.checks import Findings, check_texts
from regtools.registries.checks.proof.prover import MENDED
from regtools.registries.neighbours import translate
from regtools.registries.reading.releases import release
from tests.real.generate import MAIN, Configuration
from tests.real.test_differential import lay_out, podman_answers
from tests.support.loading import refusals
from tests.support.offline import offline
from tests.support.podman import engine

TABLE = json.loads(Path(__file__).with_name("answer-cases.json").read_text(encoding="utf-8"))
CASES = {case["id"].partition("-")[0]: case for case in TABLE["cases"]}
COMES = re.compile(r"(\S+) comes from (.+?)(?=, and from nowhere|, no longer|;|$)")
HUB, NGINX = "docker.io/library/nginx", "library/nginx"
BLOCKED = ("blocked",)
MIRRORED = {"quay.io/r/app": ("m.example/app", "quay.io/r/app")}

# case → expressions in the output, expressions that must not be there, where names lead in the fixed file
ROWS: dict[str, tuple[tuple[str, ...], tuple[str, ...], dict[str, tuple[str, ...]]]] = {
    "w01": ((r'fix: \[\[registry\.mirror\]\] location = "m\.example"',), (), MIRRORED),
    "w02": ((r'fix: \[\[registry\.mirror\]\] location = "m\.example"',), (r"write mirror = \[",), MIRRORED),
    "w03": (
        (r'fix: \[\[registry\]\] location = "a\.example" insecure = true', r"a\.example/app \(plain HTTP"),
        (r"fix:.*fix:",),
        {"a.example/x": ("m.example/x", "a.example/x!")},
    ),
    "w04": (
        (
            "whose mirror it is, the file does not say",
            r'either: \[\[registry\]\] prefix = "docker\.io" location = "docker\.io" \[\[registry\.mirror\]\] '
            r'location = "m\.example" after this, docker\.io/library/nginx comes from m\.example/library/nginx',
        ),
        ("fix:", "write .*two brackets"),
        {},
    ),
    "w05": ((r'unqualified-search-registries = \["quay\.io"\]',), (), {"app": ("quay.io/app",)}),
    "w06": (
        (r'prefix = "mcr\.microsoft\.com" location = "mcr\.microsoft\.com"', r"no longer from m\.example/mcr"),
        (),
        {"mcr.microsoft.com/x": ("m.example/mcr/x", "mcr.microsoft.com/x"), "docker.io/a/b": ("docker.io/a/b",)},
    ),
    "w07": ((r"x\.example/app is blocked",), ("block =",), {"x.example/app": BLOCKED}),
    "w08": (
        (r"a network, and podman knows hosts only", r'perhaps: unqualified-search-registries = \["quay\.io"\]'),
        ("fix:", r'"172\.30\.0\.0"'),
        {},
    ),
    "w10": (
        (
            r"2 \| prefix = .\*.",
            "no mirror for every registry",
            r"one \[\[registry\]\] for each registry",
            r'prefix = "\*\.example\.com"',
        ),
        (r'location = "\*"', "fix:"),
        {},
    ),
    "w11": (
        (r'fix: location = "m\.example"', "/v2/ belongs to the protocol", "from nowhere else"),
        ("m.example/v2[^/]",),
        {HUB: (f"m.example/{NGINX}",)},
    ),
    "w16": (
        ("this is YAML", r'fix: unqualified-search-registries = \["docker\.io"\]'),
        (),
        {"nginx": (HUB,)},
    ),
    "w17": (
        ("this is JSON", r"Docker's daemon\.json", r"\[\[registry\.mirror\]\]"),
        (),
        {"nginx": (f"m.example/{NGINX}", HUB)},
    ),
    "c02": ((), (), {"reg.home.test:5000/a": ("reg.home.test:5000/a!",), "a": ("docker.io/library/a",)}),
    "c15": ((), ("fix:",), {}),
    "c17": ((), (r'location = "\*"',), {}),
    "c21": ((), (), {"quay.io/release/a": ("reg.local:5000/release/a", "quay.io/release/a")}),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_the_answer_says_what_it_must(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = CASES[name]
    for file, text in case["files"].items():
        (tmp_path / file).write_text(text, encoding="utf-8")
    command = re.sub(r"(?<= )(?:ROOT/)?(?=registries\.conf)", f"{tmp_path}/", case["command"])
    status = main(command.split())
    said = " ".join((capsys.readouterr().out).split())
    assert status == (0 if name in ("w05", "c02") else 1) or name == "w05"
    for words in case.get("must_contain", ()):
        assert words in said
    wanted, unwanted, _ = ROWS[name]
    assert [each for each in wanted if not re.search(each, said)] == [], said
    assert [each for each in unwanted if re.search(each, said)] == [], said


def found(case: dict[str, Any]) -> Findings:
    [(file, text)] = case["files"].items()
    podman = re.search(r"--podman (\d)", case["command"])
    return check_texts(release(podman[1] if podman else "6"), [(file, text, False)]).findings


def results(name: str) -> list[str]:
    """The fixed file, or what each alternative makes; of `convert`, what it prints."""
    case = CASES[name]
    [text] = case["files"].values()
    if case["command"].startswith("convert"):
        return [translate(text).text]
    findings = found(case)
    return [*findings.fixed().values()] or [
        fix.apply(text) for finding in findings for fix in finding.alternatives if finding.fix is None
    ]


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row[2]])
@pytest.mark.parametrize("podman", ["4", "5", "6"])
def test_the_fixed_file_leads_names_where_it_must(name: str, podman: str) -> None:
    [text] = results(name)
    conf = RegistriesConf.from_toml(text, podman=podman)
    for image, wanted in ROWS[name][2].items():
        try:
            sources = conf.resolve(image).sources
        except RegtoolsError as error:
            assert (error.kind, wanted) == ("blocked", BLOCKED)
            continue
        shown = tuple(
            s.reference.removesuffix(":latest") + "!" * s.insecure for s in sources if not s.blocked
        )
        assert (shown or BLOCKED) == wanted


# In the short run the newest release loads, and the oldest pulls.
NEWEST = [pytest.param("4.3", marks=pytest.mark.long), pytest.param("5.4", marks=pytest.mark.long), "6.1"]
OLDEST = ["4.3", pytest.param("5.4", marks=pytest.mark.long), pytest.param("6.1", marks=pytest.mark.long)]


@pytest.mark.needs("podman", "skopeo")
@pytest.mark.parametrize("podman", NEWEST)
def test_every_fix_and_alternative_is_loaded_by_podman(podman: str) -> None:
    texts = {text: name for name in ROWS for text in results(name)}
    # c15 has a second network, in the old format, which podman 6 refuses.
    old = podman[0] == "6"
    texts = {text: name for text, name in texts.items() if not (old and name == "c15")}
    assert len(texts) >= 15
    with engine(podman) as real:
        assert [
            (texts[text], no) for text, no in zip(texts, refusals(real, list(texts)), strict=True) if no
        ] == []


def effects(podman: str) -> dict[str, dict[str, tuple[str, ...]]]:
    """The files that fixes and alternatives make, and where their effects say that names come from."""
    made: dict[str, dict[str, tuple[str, ...]]] = {}
    for case in (CASES[name] for name in ROWS if CASES[name]["command"].startswith("check")):
        [(file, text)] = case["files"].items()
        findings = check_texts(release(podman), [(file, text, False)]).findings
        told = [(*findings.fixed().values(), each.fix) for each in findings if each.fix]
        told += [(fix.apply(text), fix) for each in findings for fix in each.alternatives]
        for new, fix in told:
            if fix.effect and not fix.effect.startswith(MENDED):
                for name, places in COMES.findall(fix.effect):
                    if name.startswith("172."):  # an address that no hosts file leads to loopback
                        continue
                    made.setdefault(new, {})[name] = tuple(places.split(", then "))
    return made


@pytest.mark.needs("podman", "skopeo")
@pytest.mark.parametrize("podman", OLDEST)
def test_podman_tries_the_places_that_an_effect_names(podman: str) -> None:
    made = effects(podman[0])
    hosts = {
        place.partition("/")[0].partition(":")[0]
        for told in made.values()
        for name, places in told.items()
        for place in (name, *places)
    }
    differ = []
    with engine(podman) as real, offline(real, sorted(hosts | {"registry-1.docker.io"})) as real:
        for text, told in made.items():
            lay_out(real, Configuration({MAIN: text}, ()))
            answers = podman_answers(real, tuple(told))
            for (name, places), answer in zip(told.items(), answers, strict=True):
                tried = tuple(
                    place.removesuffix(":latest") + (" (plain HTTP allowed)" if how != "https" else "")
                    for place, how in answer.places
                )
                if tried != places:
                    differ.append((name, places, answer, text))
    assert differ == []
    assert sum(map(len, made.values())) >= 8


@pytest.mark.parametrize("name", ["w01", "w03", "w06", "w07", "w11", "w16", "w17", "c21"])
def test_a_second_run_finds_nothing_to_fix(name: str) -> None:
    [text] = results(name)
    podman = re.search(r"--podman (\d)", CASES[name]["command"])
    again = check_texts(release(podman[1] if podman else "6"), [("registries.conf", text, False)])
    assert again.findings.fixed() == {}
    assert not again.stops
