"""Checks: one row a finding, with its place; good files without findings; nothing raises."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regtools import Finding, RegistriesConf, RegtoolsError
from regtools.registries.checks import Edit, Fix, Report, check_machine, check_texts, rules
from regtools.registries.checks.borrowed import TOOLS
from regtools.registries.checks.proof.prover import MENDED, MOST_ALONE, UNKNOWN
from regtools.registries.reading.host import Surroundings
from regtools.registries.reading.releases import release
from regtools.registries.reading.schema import ENTRY, MIRROR, TOP
from tests.conftest import examples

Texts = list[tuple[str, str | bytes, bool]]
ENTRY_OF_HUB = '[[registry]]\nlocation = "docker.io"\n'


def check(text: str | bytes, podman: str = "6", dropin: str | None = None) -> Report:
    texts: Texts = [("a.conf", text, False)]
    if dropin is not None:
        texts.append(("a.conf.d/b.conf", dropin, True))
    return check_texts(release(podman), texts)


def short(finding: Finding) -> str:
    line, column = (finding.where.line, finding.where.column) if finding.where else (None, None)
    return f"{finding.severity} {finding.code} {line}:{column}"


# text → (release, what must be found)
ROWS: list[tuple[str, str, str]] = [
    # refused
    ("location = a b\n", "6", "error unquoted-value 1:12"),
    ('[[registry]]\nlocation = "a.io"\ninsecure = "true"\n', "6", "error string-for-boolean 3:12"),
    ('unqualified-search-registries = "a.io"\n', "6", "error string-for-list 1:33"),
    ('[registry]\nlocation = "a.io"\n', "6", "error table-for-list 1:1"),
    ('[aliases]\nmy.app = "a.io/x"\n', "6", "error dotted-alias 2:1"),
    ('[aliases]\nshort-name-mode = "enforcing"\n', "6", "error misplaced-key 2:1"),
    ("short-name-mode = 1\n", "6", "error type-mismatch 1:19"),
    ('[[registry]]\nlocation = "https://a.io"\n', "6", "error scheme-not-allowed 2:12"),
    ('short-name-mode = "enforced"\n', "6", "error bad-short-name-mode 1:19"),
    ('[registries.search]\nregistries = ["a.io"]\n', "6", "error v1-format 1:1"),
    (
        'short-name-mode = "enforcing"\n[registries.search]\nregistries = ["a.io"]\n',
        "5",
        "error mixed-v1-v2 2:1",
    ),
    ('[[registry]]\nprefix = "a.io"\n', "6", "error location-unset 1:1"),
    ('registry = [{location = "a.io",\n}]\n', "5", "error toml11-trailing-comma-in-inline-table 1:31"),
    ('\ufeffshort-name-mode = "disabled"\n', "4", "error bom 1:1"),
    ("other = 99999999999999999999\n", "6", "error integer-range 1:9"),
    # ignored
    (
        ENTRY_OF_HUB + 'unqualified-search-registries = ["a.io"]\n',
        "6",
        "warning misplaced-key 3:1",
    ),
    (
        ENTRY_OF_HUB + '[[registry.mirror]]\nlocation = "a.io"\nblocked = true\n',
        "6",
        "warning misplaced-key 5:1",
    ),
    ('location = "a.io"\n', "6", "warning misplaced-key 1:1"),
    ('[[registry]]\nlocation = "a.io"\ninsecured = true\n', "6", "warning unknown-key 3:1"),
    ('unqualified_search_registries = ["a.io"]\n', "6", "warning unknown-key 1:1"),
    ('[[mirror]]\nlocation = "a.io"\n', "6", "warning unknown-key 1:1"),
    ('additional-layer-store-auth-helper = "x"\n', "4", "warning unknown-key 1:1"),
    (ENTRY_OF_HUB + 'namespace-proxy = "a.io"\n', "6", "note namespace-proxy 3:1"),
    (ENTRY_OF_HUB + 'namespace-proxy = "a.io"\n', "6.0", "note namespace-proxy 3:1"),
    (ENTRY_OF_HUB + "namespace-proxy = 1\n", "6", "error type-mismatch 3:19"),
    (ENTRY_OF_HUB + "namespace-proxy = 1\n", "6.0", "note upgrade-refused 3:19"),
    (ENTRY_OF_HUB + '[[registry.mirror]]\nlocation = "b.io"\n', "6.0", "note upgrade-changes 3:1"),
    ('registry-mirrors = ["https://a.io"]\n', "6", "warning docker-key 1:1"),
    ('insecure-registries = ["a.io"]\n', "6", "warning docker-key 1:1"),
    ('aliases = "x"\n', "6", "warning aliases-no-table 1:1"),
    # cannot work, or not as it seems
    ('[[registry]]\nlocation = "index.docker.io"\n', "6", "warning hub-host-prefix 2:12"),
    (
        '[[registry]]\nprefix = "docker.io/nginx"\nlocation = "a.io/nginx"\n',
        "6",
        "warning library-missing 2:10",
    ),
    ('[[registry]]\nlocation = "a.io/x:1"\n', "6", "warning tag-in-prefix 2:12"),
    ('[[registry]]\nlocation = "nginx"\n', "6", "warning prefix-without-host 2:12"),
    ('[[registry]]\nlocation = "a.*.io"\n', "6", "warning bad-wildcard 2:12"),
    ('[[registry]]\nlocation = "a.io/X"\n', "6", "warning bad-prefix 2:12"),
    ('[[registry]]\nprefix = "a.io"\nlocation = "hub"\n', "6", "warning location-unusable 3:12"),
    ('[[registry]]\nprefix = "a.io"\nlocation = "docker.io"\n', "6", "warning location-needs-library 3:12"),
    ('[[registry]]\nlocation = "grc.io"\n', "6", "warning slip 2:12"),
    (ENTRY_OF_HUB + ENTRY_OF_HUB, "6", "warning duplicate-entry 4:12"),
    (
        ENTRY_OF_HUB + '[[registry.mirror]]\nlocation = "a.io"\n' * 2,
        "6",
        "warning duplicate-mirror 6:12",
    ),
    (
        '[[registry]]\nprefix = "a.io"\nlocation = "b.io"\nblocked = true\n',
        "6",
        "warning block-without-effect 4:11",
    ),
    (
        '[[registry]]\nlocation = "b.io"\ninsecure = true\n'
        '[[registry]]\nlocation = "a.io"\n[[registry.mirror]]\nlocation = "b.io/x"\n',
        "6",
        "warning insecure-mirror 7:12",
    ),
    (
        '[[registry]]\nprefix = "*.example.com"\nlocation = "w.example"\n'
        '[[registry]]\nprefix = "a.example.com"\nlocation = "p.example"\n',
        "6",
        "warning shadowed 4:1",
    ),
    ('unqualified-search-registries = ["hub"]\n', "6", "warning search-without-dot 1:34"),
    (
        '[[registry]]\nlocation = "a.io"\n[[registry.mirror]]\nlocation = "b.io/"\n',
        "4",
        "warning trailing-slash 4:12",
    ),
    # worth knowing
    ('[[registry]]\nlocation = "a.io/"\n', "6", "note trailing-slash 2:12"),
    ('Short-Name-Mode = "disabled"\n', "6", "note case-variant 1:1"),
    ('[registries.search]\nregistries = ["a.io"]\n', "5", "note old-format 1:1"),
    (
        '[[registry]]\nlocation = "a.io"\n[[registry.mirror]]\nlocation = "b.io/"\n',
        "4",
        "note upgrade-changes None:None",
    ),
    (
        ENTRY_OF_HUB + 'blocked = true\n[[registry.mirror]]\nlocation = "a.io"\n',
        "6",
        "note blocked-with-mirrors 3:11",
    ),
    (
        ENTRY_OF_HUB + 'insecure = true\n[[registry.mirror]]\nlocation = "a.io"\n',
        "6",
        "note insecure-not-inherited 3:12",
    ),
    (ENTRY_OF_HUB + '[[registry.mirror]]\nlocation = "docker.io"\n', "6", "note mirror-is-location 4:12"),
    ('unqualified-search-registries = ["a.io", "a.io"]\n', "6", "note duplicate-search 1:42"),
    (
        'unqualified-search-registries = ["a.io", "b.io"]\nshort-name-mode = "enforcing"\n',
        "6",
        "note enforcing-no-terminal 2:19",
    ),
    (
        'unqualified-search-registries = ["a.io"]\n[aliases]\nx = "b.io/x"\n',
        "6",
        "note alias-hides-search 3:1",
    ),
    ('[[registry]]\nprefix = "a.io/app"\nlocation = "b.io"\n', "6", "note whole-repository 3:12"),
    ('[[registry]]\nprefix = "a.io"\nlocation = "b.io:8443"\n', "6", "note port-goes-along 3:12"),
    (ENTRY_OF_HUB + "insecure = true\n", "6", "note insecure-public 3:12"),
]


@pytest.mark.parametrize(("text", "podman", "wanted"), ROWS, ids=[row[2] for row in ROWS])
def test_each_thing_is_found_in_its_place(text: str, podman: str, wanted: str) -> None:
    found = check(text, podman).findings
    assert wanted in [short(finding) for finding in found], list(map(str, found))


@pytest.mark.parametrize(("text", "podman", "wanted"), ROWS, ids=[row[2] for row in ROWS])
def test_the_table_of_rules_has_the_severity(text: str, podman: str, wanted: str) -> None:
    for finding in check(text, podman).findings:
        row = rules()[finding.code]
        assert finding.severity in (row.severity, row.also)


DROPINS = [
    (
        ENTRY_OF_HUB + '[[registry.mirror]]\nlocation = "m.io"\n',
        ENTRY_OF_HUB,
        "warning mirrors-lost 1:1",
        ("a.conf:1:1", "m.io"),
    ),
    (ENTRY_OF_HUB + "insecure = true\n", ENTRY_OF_HUB, "warning settings-lost 1:1", ("insecure = true",)),
    (ENTRY_OF_HUB, ENTRY_OF_HUB + "insecure = true\n", "note entry-replaced 1:1", ("a.conf:1:1",)),
    (
        'unqualified-search-registries = ["a.io", "b.io"]\n',
        'unqualified-search-registries = ["b.io"]\n',
        "note search-list-replaced 1:33",
        ("a.io is not searched",),
    ),
]


@pytest.mark.parametrize(("main", "dropin", "wanted", "words"), DROPINS, ids=[row[2] for row in DROPINS])
def test_what_a_drop_in_replaces_is_said_there(
    main: str, dropin: str, wanted: str, words: tuple[str, ...]
) -> None:
    found = next(f for f in check(main, dropin=dropin).findings if f.where and f.where.file != "a.conf")
    assert short(found) == wanted
    assert all(word in found.message for word in words)


def test_an_old_format_drop_in_is_refused_where_the_main_file_is_converted() -> None:
    old = '[registries.search]\nregistries = ["a.io"]\n'
    found = check("", "5", old)
    assert found.stops
    assert [short(f) for f in found.findings if f.severity == "error"] == ["error v1-format 1:1"]


GOOD = [
    "",
    "# only a comment\n",
    'unqualified-search-registries = ["docker.io"]\n',
    'unqualified-search-registries = ["registry.fedoraproject.org", "docker.io"]\nshort-name-mode="permissive"\n',
    '[[registry]]\nprefix = "docker.io/library"\nlocation = "mirror.example"\n',
    '[[registry]]\nprefix = "docker.io"\nlocation = "mirror.example:5000/hub"\n',
    '[[registry]]\nprefix = "docker.io/bitnami"\nlocation = "mirror.example/bitnami"\n',
    '[[registry]]\nprefix = "*.corp.example"\n[[registry.mirror]]\nlocation = "mirror.example"\n',
    '[[registry]]\nlocation = "docker.io"\n[[registry.mirror]]\nlocation = "127.0.0.1:5000"\ninsecure = true\n',
    '[[registry]]\nlocation = "localhost:5000"\ninsecure = true\n',
    '[[registry]]\nlocation = "docker.io"\nblocked = true\n',
    '[[registry]]\nlocation = "quay.io"\nmirror-by-digest-only = true\n'
    '[[registry.mirror]]\nlocation = "m.example"\n',
    '[[registry]]\nlocation = "quay.io"\n[[registry.mirror]]\nlocation = "m.example"\n'
    'pull-from-mirror = "tag-only"\n',
    '[aliases]\n"nginx" = "docker.io/library/nginx"\n"ubi8/ubi" = "registry.access.redhat.com/ubi8/ubi"\n',
    'credential-helpers = ["containers-auth.json", "secretservice"]\n',
    'registry = [{location = "a.example"}, {prefix = "b.example/x", location = "c.example/x"}]\r\n',
]


@pytest.mark.parametrize("podman", ["4", "5", "6"])
@pytest.mark.parametrize("text", GOOD)
def test_good_files_raise_no_alarm(text: str, podman: str) -> None:
    report = check(text, podman)
    assert [str(f) for f in report.findings if f.severity != "note"] == []
    assert not report.stops
    conf = RegistriesConf.from_toml(text, podman=podman, file="a.conf")
    assert conf.check() == report.findings


def test_sample_files_are_good_where_they_are_meant_to_be(root: Path) -> None:
    files = sorted((root / "data" / "registries").rglob("*.conf"))
    assert any("broken" in file.parts for file in files)
    assert any("broken" not in file.parts for file in files)
    for file in files:
        alarms = [f for f in check(file.read_bytes()).findings if f.severity != "note"]
        assert bool(alarms) == bool({"broken", "clinic"} & set(file.parts)), file


def test_all_faults_of_a_file_are_found_at_once() -> None:
    text = (
        "short-name-mode = permissive\n"
        '[[registry]]\nlocation = quay.io\ninsecure = yes\nprefixx = "a"\n'
        '[[registry]]\nlocation = "https://b.io"\n'
    )
    found = [short(finding) for finding in check(text).findings]
    assert found == [
        "error unquoted-value 1:19",
        "error unquoted-value 3:12",
        "error wrong-boolean 4:12",
        "warning unknown-key 5:1",
        "error scheme-not-allowed 7:12",
    ]


def test_a_line_that_its_own_length_mends_is_read_on() -> None:
    """The search list of countless guides: two quotes in a row, and in the old format besides."""
    text = "[registries.search]\nregistries = ['docker.io',''quay.io', “a.io”， 'b.io']\nshort-name-mode = \"x\"\n"
    found = check(text).findings
    assert [short(finding) for finding in found] == [
        "error v1-format 1:1",
        "error doubled-quote 2:27",
        "error curly-quote 2:39",
        "error wide-punctuation 2:45",
        "warning misplaced-key 3:1",
    ]
    assert str(found[0].fix) == 'unqualified-search-registries = ["docker.io", "quay.io", "a.io", "b.io"]'
    line = "registries = ['docker.io', 'quay.io', \"a.io\", 'b.io']"
    assert {str(finding.fix) for finding in found[1:4]} == {line}
    assert {finding.source_line for finding in found[1:4]} == {text.splitlines()[1]}


def test_what_is_said_of_the_old_format_is_said_once() -> None:
    found = check('[registries.search]\nregistries = ["a.io"]\n', "5").findings
    assert [short(finding) for finding in found] == ["note old-format 1:1"]


@pytest.mark.parametrize(
    ("podman", "severity", "words"),
    [
        ("4", "warning", "podman 4 keeps it"),
        ("5", "warning", "podman before 5.6 keeps it"),
        ("5.4.2", "warning", "podman 5.4.2 keeps it"),
        ("5.6", "note", "podman takes it off"),
        ("6", "note", "podman takes it off"),
    ],
)
def test_a_slash_at_the_end_of_a_mirror_is_judged_by_release(podman: str, severity: str, words: str) -> None:
    text = ENTRY_OF_HUB + '[[registry.mirror]]\nlocation = "a.io/"\n'
    found = [finding for finding in check(text, podman).findings if finding.code == "trailing-slash"]
    assert [(finding.severity, words in finding.message) for finding in found] == [(severity, True)]


def test_a_fault_in_one_file_does_not_hide_those_of_another() -> None:
    report = check("a = \n", dropin='[[registry]]\nlocation = "http://a.io"\n')
    assert [f.code for f in report.findings] == ["missing-value", "scheme-not-allowed"]
    assert report.stops


def test_a_misplaced_key_names_its_table_its_right_line_and_the_effect() -> None:
    text = 'short-name-mode = "disabled"\n\n[[registry]]\nlocation = "a.io"\nshort-name-mode = "enforcing"\n'
    finding = check(text).findings[0]
    assert "[[registry]] opened on line 3" in finding.message
    assert "the effective short-name-mode is disabled, set at a.conf:1:19" in finding.message
    assert "above line 3" in (finding.hint or "")
    # To move it would set the key twice, which podman refuses: which one is meant only the reader knows.
    assert "in place of the one on line 1; or remove it" in (finding.hint or "")
    assert finding.fix is None


FIXES = [
    ('[[registry]]\nlocation = "a.io"\nshort-name-mode = "enforcing"\n', 'short-name-mode = "enforcing"'),
    ('[[registry]]\nlocation = "a.io"\ninsecure = "true"\n', "insecure = true"),
    ('[[registry]]\nlocation = "https://a.io"\n', 'location = "a.io"'),
    (
        '[[registry]]\nprefix = "docker.io/nginx"\nlocation = "a.io/nginx"\n',
        'prefix = "docker.io/library/nginx"',
    ),
    ('[aliases]\nmy.app = "a.io/x"\n', '"my.app" = "a.io/x"'),
    ('[[registry]]\nlocation = "a.io/x:1"\n', 'location = "a.io/x"'),
    ("[[registry]]\nlocation = a.io\n", 'location = "a.io"'),
    ('unqualified_search_registries = ["a.io"]\n', 'unqualified-search-registries = ["a.io"]'),
    ('insecure-registries = ["a.io"]\n', '[[registry]]\nlocation = "a.io"\ninsecure = true'),
]


@pytest.mark.parametrize(("text", "fix"), FIXES, ids=[fix for _, fix in FIXES])
def test_the_fix_can_be_pasted(text: str, fix: str) -> None:
    assert fix in [str(finding.fix) for finding in check(text).findings]


HUB = '[[registry]]\nlocation = "docker.io"\n'
MIRROR_OF_HUB = '[[registry.mirror]]\nlocation = "m.example"\n'
# What is written → what all fixes make of it. Each was refused, or lost something, after an earlier release's fix.
FIXED = {
    "mirrors": (f'{HUB}mirrors = ["m.example"]\n', HUB + MIRROR_OF_HUB),
    "mirror as text": (f'{HUB}mirror = "m.example"\n', HUB + MIRROR_OF_HUB),
    "mirror as list": (f'{HUB}mirror = ["m.example"]\n\n# b\n', f"{HUB}{MIRROR_OF_HUB}\n# b\n"),
    "no header": ('location = "docker.io"\n' + MIRROR_OF_HUB, HUB + MIRROR_OF_HUB),
    "single brackets": (HUB.replace("[[", "[").replace("]]", "]") + MIRROR_OF_HUB, HUB + MIRROR_OF_HUB),
    "doubled header": ('[registry]\nlocation = "a.io"\n[registry]\nlocation = "b.io"\n',
                       '[[registry]]\nlocation = "a.io"\n[[registry]]\nlocation = "b.io"\n'),
    "misspelt tables": ('[[registrys]]\nlocation = "docker.io"\n[[mirror]]\nlocation = "m.example"\n', HUB + MIRROR_OF_HUB),
    "old key": ('[registries]\nblocked = ["a.io"]\n', '[[registry]]\nlocation = "a.io"\nblocked = true\n'),
    "API version": (HUB + MIRROR_OF_HUB.replace("m.example", "https://m.example/v2/"), HUB + MIRROR_OF_HUB),
    "key below a table": (HUB + 'short-name-mode = "enforcing"\n', 'short-name-mode = "enforcing"\n' + HUB),
    "CRLF": ((HUB + 'short-name-mode = "disabled"').replace("\n", "\r\n"),
             ('short-name-mode = "disabled"\n' + HUB).replace("\n", "\r\n")),
    "three faults": ("[[registry]]\nlocation: docker.io\n[[registry.mirror]\nlocation = “m.example”\n", HUB + MIRROR_OF_HUB),
    "full-width": ('unqualified-search-registries ＝ ["a.io"， "b.io"]\n', 'unqualified-search-registries = ["a.io", "b.io"]\n'),
    "taken prefix": (f'[[registry]]\nprefix = "a.io"\nlocation = "a.io"\n{MIRROR_OF_HUB}prefix = "c.io"\n',
                     '[[registry]]\nprefix = "a.io"\nlocation = "a.io"\n'
                     f'[[registry]]\nprefix = "c.io"\nlocation = "c.io"\n\n{MIRROR_OF_HUB}'),
    "plain HTTP": (HUB + MIRROR_OF_HUB.replace("m.example", "http://m.example"), f"{HUB}{MIRROR_OF_HUB}insecure = true\n"),
    "setting after bare keys": ('location = "a.io"\nshort-name-mode = "disabled"\ninsecure = true\n',
                                'short-name-mode = "disabled"\n[[registry]]\nlocation = "a.io"\ninsecure = true\n'),
    "header twice": (f"[[registry]]\n{HUB}", HUB),
    "line twice": (f'{HUB}location = "docker.io"\n', HUB),
    "old format": ("[registries.search]\nregistries = [''a.io'', 'b.io']\n", 'unqualified-search-registries = ["a.io", "b.io"]\n'),
}  # fmt: skip


@pytest.mark.parametrize(("text", "wanted"), FIXED.values(), ids=FIXED)
def test_all_fixes_together_make_the_file_that_was_meant(text: str, wanted: str) -> None:
    found = check(text).findings
    assert found.fixed() == {"a.conf": wanted}
    after = check(wanted)
    assert not after.stops
    assert after.findings.fixed() == {}
    changed = [line for line in found.diff().splitlines() if line[:1] in "+-"]
    assert changed[:2] == ["--- a/a.conf", "+++ b/a.conf"]
    assert len(changed) > 2


# Which of several changes is meant only the reader knows; or a fix would mean other images.
NOT_FIXED = {
    "lone mirror": (MIRROR_OF_HUB, "table-for-list", "put the [[registry]] that it belongs to"),
    "network": ('unqualified-search-registries = ["172.30.0.0/16"]\n', "bad-search-registry", "hosts only"),
    "path": ('unqualified-search-registries = ["a.io/hub"]\n', "bad-search-registry", "hosts only"),
    "everything blocked": ('[registries.block]\nregistries = ["all"]\n', "v1-format", "policy.json can"),
    "YAML": ('mine:\n  docker.io:\n    endpoint: "x"\n', "colon-for-equals", "no tool is known whose file"),
}


@pytest.mark.parametrize(("text", "code", "hint"), NOT_FIXED.values(), ids=NOT_FIXED)
def test_what_cannot_be_proven_is_no_fix(text: str, code: str, hint: str) -> None:
    found = next(finding for finding in check(text).findings if finding.code == code)
    assert found.fix is None
    assert hint in (found.hint or "")


def test_a_fix_tells_what_it_changes_and_shows_it() -> None:
    found = check(f'{HUB}mirrors = ["m.example"]\n').findings[0]
    assert found.fix is not None
    assert found.fix.effect == (
        "after this, docker.io/library/nginx comes from m.example/library/nginx, then docker.io/library/nginx"
    )
    assert found.fix.diff() == (
        '--- a/a.conf\n+++ b/a.conf\n@@ -1,3 +1,4 @@\n [[registry]]\n location = "docker.io"\n'
        '-mirrors = ["m.example"]\n+[[registry.mirror]]\n+location = "m.example"\n'
    )
    plain = found.to_dict()
    assert plain["fix"] == str(found.fix) == '[[registry.mirror]]\nlocation = "m.example"'
    assert [sorted(edit) for edit in plain["edits"]] == [["end", "file", "start", "text"]] * 2
    assert plain["effect"] == found.fix.effect


def test_of_very_many_fixes_those_of_one_rule_are_dropped_together() -> None:
    """The key that `Location2` looks like is set already, so podman would refuse the file with that fix."""
    good = '[[registry]]\nlocation = "r{0}.example"\ninsecure = "false"\n'
    bad = '[[registry]]\nlocation = "s{0}.example"\nLocation2 = "x"\n'
    text = "".join(good.format(number) for number in range(MOST_ALONE + 1)) + bad
    found = check(text).findings
    assert {finding.code for finding in found if finding.fix} == {"string-for-boolean"}
    assert found.fixed()["a.conf"].count("insecure = false") == MOST_ALONE + 1


def test_edits_that_overlap_are_refused() -> None:
    one, two, inside = Edit("a", 1, 3, "x"), Edit("a", 3, 3, "y"), Edit("a", 2, 2, "z")
    assert Fix("", (one, two), "").apply("01234") == "0xy34"
    assert Fix("", (one, one), "").apply("01234") == "0x34"
    with pytest.raises(ValueError, match="overlap"):
        Fix("", (one, inside), "").apply("01234")


def test_a_json_file_of_docker_is_converted_as_a_whole() -> None:
    found = check('{"registry-mirrors": ["https://m.example"]}\n').findings
    assert [finding.severity for finding in found] == ["error"]
    assert RegistriesConf.from_toml(found.fixed()["a.conf"]).registries[0].mirrors[0].location == "m.example"


def test_a_finding_shows_itself() -> None:
    finding = check('[[registry]]\nlocation = "a.io"\ninsecure = "true"\n').findings[0]
    assert str(finding).splitlines() == [
        "a.conf:3:12: error: 'insecure' must be true or false, not text [string-for-boolean]",
        '  3 | insecure = "true"',
        "    |            ^^^^^^",
        "  hint: write insecure = true",
        "  fix:",
        "    insecure = true",
        "  after this, a.io/app comes from a.io/app (plain HTTP allowed)",
    ]
    assert json.loads(json.dumps(finding.to_dict()))["line"] == 3


def test_findings_show_themselves_together() -> None:
    conf = RegistriesConf.from_toml('unqualified-search-registries = ["a.io"]\n\n"<x>" = 1\n', file="a.conf")
    found = conf.check()
    assert str(found) == "\n\n".join(str(finding) for finding in found)
    frame = found.to_frame()
    assert frame[["severity", "code", "line"]].to_numpy().tolist() == [["warning", "unknown-key", 3]]
    page = found._repr_html_()
    assert "unknown-key" in page
    assert "a.conf:3:1" in page
    assert "<x>" not in page
    assert re.search(r"<pre[^>]*>3 \| &quot;&lt;x&gt;&quot; = 1\n  \| \^\^\^\^\^</pre>", page)
    assert repr(found) == str(found)
    nothing = RegistriesConf.from_toml("").check()
    assert (str(nothing), nothing._repr_html_(), len(nothing.to_frame())) == (
        "nothing found",
        "<p>nothing found</p>",
        0,
    )


def test_file_content_cannot_move_the_cursor() -> None:
    report = check('[[registry]]\nlocation = "a.io"\n"bad\\u001b[31m" = 1\n')
    assert report.findings
    assert "\x1b" not in "".join(map(str, report.findings))


# -- machines --------------------------------------------------------------------------------------------


def machine(root: Path, files: dict[str, str], podman: str = "6", **environ: str) -> Report:
    for name, text in files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return check_machine(release(podman), Surroundings(root, {"HOME": "/home/u", **environ}, 1000))


ETC, USR, HOME = "/etc/containers", "/usr/share/containers", "/home/u/.config/containers"
FILES = [
    ({f"{ETC}/registries.config": ""}, "6", "warning misnamed-file", "registries.config"),
    ({f"{ETC}/registries.conf.d/a.toml": ""}, "6", "warning misnamed-file", "a.toml"),
    ({f"{ETC}/registries.conf.bak": ""}, "6", "note unread-file", "registries.conf.bak"),
    ({f"{ETC}/registries.conf.d/a.conf.bak": ""}, "6", "note unread-file", "a.conf.bak"),
    ({f"{USR}/registries.conf": ""}, "5", "warning unread-file", f"{USR}/registries.conf"),
    (
        {f"{ETC}/registries.conf.d/a.conf": "", f"{USR}/registries.conf.d/a.conf": ""},
        "6",
        "note masked-file",
        f"{USR}/registries.conf.d/a.conf",
    ),
    (
        {f"{HOME}/registries.conf": "", f"{ETC}/registries.conf.d/a.conf": ""},
        "5",
        "note upgrade-read",
        f"{ETC}/registries.conf.d/a.conf",
    ),
    (
        {f"{HOME}/registries.conf.d/a.conf": "", f"{ETC}/registries.conf.d/b.conf": ""},
        "5",
        "note upgrade-order",
        f"{HOME}/registries.conf.d/a.conf",
    ),
    (
        {f"{HOME}/registries.conf.d/a.conf": "", f"{ETC}/registries.conf.d/a.conf": ""},
        "5",
        "note upgrade-unread",
        f"{ETC}/registries.conf.d/a.conf",
    ),
]


@pytest.mark.parametrize(("files", "podman", "wanted", "name"), FILES)
def test_files_that_lie_there_in_vain(
    files: dict[str, str], podman: str, wanted: str, name: str, tmp_path: Path
) -> None:
    report = machine(tmp_path, files, podman)
    found = [(f"{f.severity} {f.code}", f.where.file) for f in report.findings if f.where and f.where.file]
    assert any(kind == wanted and file.endswith(name) for kind, file in found), found
    assert not report.stops


def test_a_file_that_a_variable_names_must_be_there_and_the_rest_is_checked(tmp_path: Path) -> None:
    files = {f"{ETC}/registries.conf.d/a.conf": '[[registry]]\nlocation = "http://a.io"\n'}
    report = machine(tmp_path, files, "5", CONTAINERS_REGISTRIES_CONF="/nowhere.conf")
    assert {f.code for f in report.findings if f.severity == "error"} == {
        "file-missing",
        "scheme-not-allowed",
    }
    assert report.stops


def test_a_directory_for_a_file_does_not_keep_the_others_from_being_checked(tmp_path: Path) -> None:
    (tmp_path / "etc/containers/registries.conf").mkdir(parents=True)
    report = machine(
        tmp_path, {f"{ETC}/registries.conf.d/a.conf": '[[registry]]\nlocation = "http://a.io"\n'}
    )
    assert [f.code for f in report.findings if f.severity == "error"] == [
        "scheme-not-allowed",
        "file-unreadable",
    ]


def test_a_named_directory_that_cannot_be_read_does_not_hide_the_main_file(tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text("x\n")
    folder = tmp_path / "d"
    folder.mkdir()
    (folder / "b.conf").symlink_to("b.conf")
    paths: dict[str, str | None] = {"path": str(tmp_path / "a.conf"), "dropins": str(folder)}
    report = check_machine(release("6"), Surroundings(), paths)
    errors = [(f.where.file, f.code) for f in report.findings if f.severity == "error" and f.where]
    assert errors == [(paths["path"], "missing-equals"), (f"{folder}/b.conf", "file-unreadable")]
    assert report.stops


def test_a_dangling_link_stops_podman_4_only(tmp_path: Path) -> None:
    folder = tmp_path / "etc/containers/registries.conf.d"
    folder.mkdir(parents=True)
    (folder / "a.conf").symlink_to("nowhere")
    assert [f.severity for f in machine(tmp_path, {}, "4").findings] == ["error"]
    assert [f.severity for f in machine(tmp_path, {}, "5").findings if f.code == "dangling-link"] == [
        "warning"
    ]


def test_a_broken_file_of_answers_breaks_short_names_only(tmp_path: Path) -> None:
    report = machine(tmp_path, {"/home/u/.cache/containers/short-name-aliases.conf": '[aliases]\nx = "y"\n'})
    (finding,) = report.findings
    assert (finding.severity, finding.code, report.stops) == ("error", "bad-alias", False)
    assert "full names still work" in (finding.hint or "")


def test_a_remembered_answer_that_beats_an_alias_is_noted(tmp_path: Path) -> None:
    files = {
        f"{ETC}/registries.conf": '[aliases]\nx = "a.io/x"\n',
        "/home/u/.cache/containers/short-name-aliases.conf": '[aliases]\nx = "b.io/x"\n',
    }
    assert "note remembered-alias 2:1" in [short(f) for f in machine(tmp_path, files).findings]


# -- hostile input and properties ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [b"\0\1\2", b"\xff\xfea\0", b"a = '\xbe'", b"[" * 5000, b"a = " + b"[" * 5000, b"=" * 100_000, b"\r"],
)
def test_what_is_no_toml_is_one_clear_error(data: bytes) -> None:
    report = check(data)
    assert report.stops
    assert [f.severity for f in report.findings] == ["error"]
    assert "Traceback" not in str(report.findings[0])


SCALARS = st.sampled_from(
    ["a.io", "docker.io/nginx", "*.a.io", "http://a.io", "", "A b", "a.io/", "x:1", "digest-only"]
)
LEAVES = SCALARS | st.booleans() | st.integers(0, 3)
LISTS = st.lists(SCALARS | st.integers(0, 1), max_size=3)
MIRRORS = st.dictionaries(st.sampled_from([*MIRROR, "prefix", "short-name-mode", "x"]), LEAVES, max_size=4)
TABLES = st.dictionaries(
    st.sampled_from(
        [*(key for key in ENTRY if key != "mirror"), "aliases", "Location", "x", "short-name-mode"]
    ),
    LEAVES,
    max_size=4,
)
ENTRIES = st.builds(
    lambda table, mirrors: table | ({"mirror": mirrors} if mirrors is not None else {}),
    TABLES,
    st.none() | st.lists(MIRRORS | LEAVES, max_size=2) | LEAVES,
)
OLD = st.dictionaries(
    st.sampled_from(["search", "insecure", "block", "x"]),
    st.dictionaries(st.sampled_from(["registries", "x"]), LISTS | LEAVES, max_size=2) | LEAVES,
    max_size=3,
)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "registry": st.lists(ENTRIES | LEAVES, max_size=3) | ENTRIES | LEAVES,
        "unqualified-search-registries": LISTS | LEAVES,
        "short-name-mode": LEAVES,
        "aliases": st.dictionaries(SCALARS | st.sampled_from(list(TOP)), LEAVES | LISTS, max_size=3) | LEAVES,
        "registries": OLD | LEAVES,
        "registry-mirrors": LISTS | LEAVES,
        "insecure-registries": LISTS | LEAVES,
        "x": LISTS | LEAVES,
    },
)


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


@settings(max_examples=examples(long=10_000))
@given(DOCUMENTS, DOCUMENTS, st.sampled_from(["4", "5", "6"]))
def test_an_error_is_found_exactly_where_podman_refuses(
    main: dict[str, Any], dropin: dict[str, Any], podman: str
) -> None:
    texts = ["".join(f"{key} = {toml(value)}\n" for key, value in one.items()) for one in (main, dropin)]
    report = check(texts[0], podman, texts[1])
    try:
        conf = RegistriesConf.from_toml(texts[0], podman=podman, dropins={"b.conf": texts[1]})
    except RegtoolsError as error:
        assert report.stops
        places = [f.where.line for f in report.findings if f.severity == "error" and f.where]
        assert error.line in places
    else:
        assert not report.stops
        assert [f for f in report.findings if f.severity == "error"] == []
        assert [f.code for f in conf.check()] == [f.code for f in report.findings]
    for finding in report.findings:
        assert str(finding)
        assert json.dumps(finding.to_dict())


@settings(max_examples=examples(long=10_000))
@given(DOCUMENTS, DOCUMENTS, st.sampled_from(["4", "5", "6"]))
def test_fixes_bring_no_new_error_or_warning(
    main: dict[str, Any], dropin: dict[str, Any], podman: str
) -> None:
    texts = ["".join(f"{key} = {toml(value)}\n" for key, value in one.items()) for one in (main, dropin)]
    report = check(texts[0], podman, texts[1])
    fixed = report.findings.fixed()
    after = check(fixed.get("a.conf", texts[0]), podman, fixed.get("a.conf.d/b.conf", texts[1]))
    told = {finding.code for finding in report.findings}
    new = {f.code for f in after.findings if f.severity != "note"} - told
    assert all(report.stops and rules()[code].looks_at == "whole" for code in new), new


@settings(max_examples=examples(long=10_000))
@given(st.text() | st.binary())
def test_no_input_raises(source: str | bytes) -> None:
    assert isinstance(check(source).findings, list)


def test_a_page_shows_the_severity_beside_a_fix() -> None:
    page = check_texts(
        release("6"), [("a.conf", "[[registry]]\nlocation = quay.io\n", False)]
    ).findings._repr_html_()
    assert "<b style=" in page and ">error</b><br>unquoted-value<br>a.conf:2:12" in page


def test_a_name_that_becomes_no_name_is_not_called_blocked() -> None:
    text = 'location = "docker.io"\n[[registry.mirror]]\nlocation = "m"\n'
    effects = [finding.fix.effect for finding in check(text, "5").findings if finding.fix]
    assert effects and not any("blocked" in (effect or "") for effect in effects)


UNQUOTED = '[[registry]]\nlocation = docker.io\n[[registry.mirror]]\nlocation = "m.example"\n'
TO_MIRROR = "docker.io/library/nginx comes from m.example/library/nginx, then docker.io/library/nginx"
# text, release → the beginning and the rest of each effect; the rest is empty where no name can be told
EFFECTS: list[tuple[str, str, list[str]]] = [
    (UNQUOTED, "6", [f"after this, {TO_MIRROR}"]),
    (
        UNQUOTED + '[[registry]]\nlocation = "https://a.example"\n',
        "6",
        [
            f"with the other fixes, {TO_MIRROR}",
            "with the other fixes, a.example/app comes from a.example/app",
        ],
    ),
    (
        UNQUOTED + 'short-name-mode = "often"\n[[registry]]\ninsecure = true\n',
        "5",
        [f"{MENDED}, {TO_MIRROR}"],
    ),
    (UNQUOTED + "[[registry]]\ninsecure = yes\n", "6", [f"{MENDED}, {TO_MIRROR}", UNKNOWN]),
    # what podman refuses leads nowhere, so nothing is told of it
    ("[[registry]]\nlocation = docker.io\n[[registry.mirror]]\n", "6", [UNKNOWN]),
    ('unqualified-search-registries = ["a.example/x", "https://quay.io"]\n', "6", [UNKNOWN]),
]


@pytest.mark.parametrize(("text", "podman", "wanted"), EFFECTS)
def test_an_effect_is_told_while_errors_remain_and_says_what_must_happen_first(
    text: str, podman: str, wanted: list[str]
) -> None:
    findings = check(text, podman).findings
    effects = [finding.fix.effect for finding in findings if finding.fix]
    assert effects == wanted, findings
    for finding in findings:
        for fix in finding.alternatives:
            assert fix.effect, finding


@pytest.mark.parametrize("key", sorted(TOOLS))
@pytest.mark.parametrize(
    "value", ['"m.example"', '["m.example"]', '{ a = { endpoint = ["m.example"] } }', "1", "[]", "{}"]
)
@pytest.mark.parametrize("rest", ["", HUB])
def test_another_program_s_key_may_hold_anything_and_stand_in_a_file_without_headers(
    key: str, value: str, rest: str
) -> None:
    codes = [finding.code for finding in check(f"{key} = {value}\n{rest}", "6").findings]
    assert "foreign-table" in codes, codes


def test_the_entry_of_a_hosts_toml_is_that_of_docker_hub_with_its_insecure_mirror() -> None:
    text = 'server = "https://registry-1.docker.io"\n[host."https://m.example:5000"]\nskip_verify = true\n'
    _, host = check(text, "6").findings
    assert host.fix is not None
    lines = [line for line in str(host.fix).split("\n") if line]
    hub, mirror = 'location = "docker.io"', 'location = "m.example:5000"'
    assert lines == ["[[registry]]", hub, "[[registry.mirror]]", mirror, "insecure = true"]


@pytest.mark.parametrize("key", sorted(TOOLS))
def test_a_hint_stands_alone_where_its_fix_cannot_be_proven(key: str) -> None:
    for value in ('{ "https://m.example" = {} }', '{ a = { endpoint = ["m.example"] } }'):
        for finding in check(f"{key} = {value}\n", "6").findings:
            assert not str(finding.hint).endswith((" as", ":")), finding


@pytest.mark.parametrize("mark", ["{% if x %}", "{{ x }}", "<%= @x %>"])
@pytest.mark.parametrize(
    "where",
    [
        "{}\n",
        "insecure = {}\n",
        "unqualified-search-registries = [{}]\n",
        "[[registry]]\n{}\n",
        "{# file #}\n{}\n",
    ],
)
def test_a_template_is_called_one(mark: str, where: str) -> None:
    first = check(where.replace("{}", mark), "6").findings[0]
    assert first.message == "this is part of a template, and not yet TOML"
