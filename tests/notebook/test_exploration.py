"""The explorer's answer: pasted files, a name, three releases side by side."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regtools import RegtoolsError, Resolution
from regtools.display import printable
from regtools.notebook.exploration import DROPIN, HOME, MAIN, MOST, explore
from tests.conftest import examples

GOOD = """\
unqualified-search-registries = ["docker.io"]
[[registry]]
prefix = "docker.io"
location = "docker.io"
[[registry.mirror]]
location = "near.example"
"""
USERS = f"{HOME}/.config/containers/registries.conf"


def references(seen, podman):
    result = next(answer.result for answer in seen.answers if answer.podman == podman)
    return [source.reference for source in result.sources]


@pytest.mark.parametrize("podman", ["4", "5", "6"])
def test_each_release_answers_as_explain_does(podman):
    seen = explore({MAIN: GOOD}, "nginx")
    assert references(seen, podman) == [
        "near.example/library/nginx:latest",
        "docker.io/library/nginx:latest",
    ]
    assert not [one for one in seen.findings if one.severity != "note"]


def test_files_that_are_not_read_are_told():
    seen = explore({MAIN: GOOD, USERS: 'unqualified-search-registries = ["quay.io"]\n'}, "nginx")
    assert references(seen, "6") == ["quay.io/nginx:latest"]
    assert MAIN in seen.answers[-1].files_ignored
    misnamed = explore({MAIN: GOOD, "/etc/containers/registries.conf.d/mine.toml": GOOD}, "nginx")
    assert "misnamed-file" in [one.code for one in misnamed.findings]
    home = explore({"~/.config/containers/registries.conf": GOOD}, "nginx")
    assert references(home, "5")[0] == "near.example/library/nginx:latest"


def test_a_fix_leads_to_an_answer():
    broken = GOOD.replace('["docker.io"]', "[docker.io]")
    seen = explore({MAIN: broken, DROPIN: ""}, "nginx")
    assert all(isinstance(answer.result, RegtoolsError) for answer in seen.answers)
    assert seen.findings[0].code == "unquoted-value"
    for files in (seen.fixed(0), seen.fixed()):
        assert files == {MAIN: GOOD, DROPIN: ""}
        assert all(isinstance(answer.result, Resolution) for answer in explore(files, "nginx").answers)


def test_dockers_file_is_answered_with_a_file_for_podman():
    seen = explore({MAIN: '{"registry-mirrors": ["https://near.example"]}'}, "nginx")
    again = explore(seen.fixed(), "docker.io/library/nginx")
    assert references(again, "6")[0] == "near.example/library/nginx:latest"


def test_without_fixes_the_findings_are_the_same():
    broken = GOOD + "insecure = nope\n"
    told, quick = explore({MAIN: broken}, "a"), explore({MAIN: broken}, "a", fixes=False)
    assert [one.without_fixes() for one in told.findings] == [one.without_fixes() for one in quick.findings]
    assert any(one.fix for one in told.findings)
    assert not any(one.fix or one.alternatives for one in quick.findings)


def test_what_only_the_machine_knows_is_not_told():
    seen = explore({MAIN: 'credential-helpers = ["secretservice"]\n' + GOOD}, "nginx")
    assert [one.code for one in seen.findings if one.severity == "error"] == []


@pytest.mark.parametrize("path", ["registries.conf", "/etc/../x", "../x", "", "/a/", "/a\0b"])
def test_only_absolute_paths_are_files(path):
    with pytest.raises(RegtoolsError, match="absolute path") as caught:
        explore({path: ""}, "nginx")
    assert caught.value.kind == "bad-path"


def test_an_archive_is_refused():
    with pytest.raises(RegtoolsError, match="characters together"):
        explore({MAIN: "#" * (MOST + 1)})


def test_without_a_name_the_files_are_still_judged():
    seen = explore({MAIN: GOOD})
    assert [answer.result for answer in seen.answers] == [None] * 3
    assert "reads /etc/containers/registries.conf" in str(seen)


@settings(max_examples=examples(long=10_000, short=40))
@given(st.text(max_size=60), st.text(max_size=30), st.sampled_from(["4", "5", "6"]))
def test_any_text_gets_an_answer_that_can_be_shown(text, image, podman):
    seen = explore({MAIN: text}, image, podman)
    json.dumps(seen.to_dict())
    for shown in (str(seen), seen._repr_html_()):
        assert printable(shown) == shown
    assert "<script" not in explore({MAIN: "<script>" + text}, "<script>" + image)._repr_html_()
