"""Files of other tools: recognised, converted as a whole, and loaded; YAML read as PyYAML reads it, or refused."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from regtools import RegistriesConf, RegtoolsError
from regtools.registries.checks import check_texts
from regtools.registries.neighbours import is_yaml, recognise, translate
from regtools.registries.reading.releases import release
from regtools.registries.yaml import read_yaml
from tests.conftest import examples
from tests.support.nested import nested

SHORT = 'unqualified-search-registries = ["docker.io"]\n\n'
HUB = '[[registry]]\nlocation = "docker.io"\n\n[[registry.mirror]]\nlocation = "m.example"\n'
K3S = """\
# /etc/rancher/k3s/registries.yaml
mirrors:
  docker.io:
    endpoint:
      - "https://m.example"
      - http://near.example:5000   # plain
      - https://registry-1.docker.io
    rewrite:
      "^library/(.*)": "hub/$1"
  "*":
    endpoint: ["https://all.example"]
configs:
  m.example:
    auth: {username: u, password: "hunter#2"}
    tls:
      insecure_skip_verify: true
      ca_file: /etc/ssl/m.pem
  other.example:
    tls: {insecure_skip_verify: true}
"""
CONTAINERD = """\
version = 2
[plugins."io.containerd.grpc.v1.cri".registry.mirrors."docker.io"]
  endpoint = ["https://m.example/v2/"]
[plugins."io.containerd.grpc.v1.cri".registry.configs."m.example".tls]
  insecure_skip_verify = true
"""
HOSTS = """\
server = "https://registry-1.docker.io"
[host."https://m.example/v2/hub"]
  capabilities = ["pull", "resolve"]
  override_path = true
[host."https://push.example"]
  capabilities = ["push"]
"""

# name of the file → its text, what it is, what must be in the result, what must be in the notes
FILES: dict[str, tuple[str, str, tuple[str, ...], tuple[str, ...]]] = {
    "daemon.json": (
        '{"registry-mirrors": ["https://m.example"], "insecure-registries": ["10.0.0.0/8"], "debug": true}',
        "Docker's daemon.json",
        (SHORT, HUB),
        ("'10.0.0.0/8' is a network", "debug: registries.conf has no such setting"),
    ),
    "registries.yaml": (
        K3S,
        "a registries.yaml of k3s",
        (
            SHORT,
            'location = "m.example"\ninsecure = true\n\n[[registry.mirror]]\nlocation = "near.example:5000"\ninsecure = true\n',
            '[[registry]]\nlocation = "other.example"\ninsecure = true\n',
        ),
        (
            "m.example: its login was not carried over; run podman login m.example",
            "m.example: copy ca_file to /etc/containers/certs.d/m.example/",
            "docker.io: podman rewrites no path",
            "a mirror for every registry: podman has none",
        ),
    ),
    "config.toml": (
        CONTAINERD,
        "a config.toml of containerd",
        (SHORT, HUB.rstrip() + "\ninsecure = true\n"),
        (),
    ),
    "certs.d/docker.io/hosts.toml": (
        HOSTS,
        "a hosts.toml of containerd",
        (HUB.replace("m.example", "m.example/hub"),),
        ("push.example: it is not there to pull from",),
    ),
    "certs.d/quay.io/hosts.toml": (
        '[host."https://m.example"]\n',
        "a hosts.toml of containerd",
        (HUB.replace("docker.io", "quay.io"),),
        (),
    ),
    "registries.conf": (
        "registries:\n  - docker.io\ninsecure_registries:\n- a.example:5000\nblock_registries: [b.example]\n",
        "a list of registries, as the first registries.conf was (YAML)",
        (SHORT, 'location = "a.example:5000"\ninsecure = true\n', 'location = "b.example"\nblocked = true\n'),
        (),
    ),
    "own.yaml": (
        "unqualified-search-registries:\n  - docker.io\nshort-name-mode: enforcing\nregistry:\n"
        "  - location: docker.io\n    mirror:\n      - location: m.example\naliases:\n  app: quay.io/team/app\n",
        "registries.conf in another form (YAML)",
        (SHORT.rstrip(), HUB.replace("\n\n", "\n"), 'short-name-mode = "enforcing"', '"app" = "quay.io/team/app"'),
        (),
    ),
    "own.json": (
        '{"registry": [{"location": "docker.io", "mirror": [{"location": "m.example"}]}]}',
        "registries.conf in another form (JSON)",
        (HUB.replace("\n\n", "\n"),),
        (),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_tool_is_recognised_and_converted(name: str) -> None:
    text, what, parts, notes = FILES[name]
    known = recognise(text, f"/etc/{name}")
    assert known is not None
    assert known.what.startswith(what)
    result = translate(text, file=f"/etc/{name}")
    assert [part for part in parts if part not in result.text] == [], result.text
    assert [note for note in notes if not any(note in each for each in result.notes)] == [], result.notes
    assert "hunter" not in result.text
    for podman in ("4", "5", "6"):
        RegistriesConf.from_toml(result.text, podman=podman)


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith((".conf", ".json", ".yaml"))])
def test_check_gives_the_whole_toml(name: str) -> None:
    text = FILES[name][0]
    found = check_texts(release("5"), [("registries.conf", text, False)])
    [finding] = [finding for finding in found.findings if finding.severity == "error"]
    assert ("this is JSON" if text[0] == "{" else "this is YAML") in finding.message
    assert FILES[name][1].partition(" (")[0] in (finding.hint or "")
    [fixed] = found.findings.fixed().values()
    assert fixed == translate(text).text
    assert not check_texts(release("5"), [("registries.conf", fixed, False)]).stops
    assert finding.fix is not None
    assert (finding.fix.effect or "").startswith("after this, ")
    assert "hunter" not in str(found.findings)


@pytest.mark.parametrize(
    "text",
    [
        '# c:\n[[registry]]\nlocation = "a.io:5000"\n',
        'location: "a.io"\n',
        "mirrors: x\n",
        '[aliases]\n"a" = "b.io/c"\n',
        "\n" * 20_000 + "x",
        "a:" * 20_000,
    ],
)
def test_toml_and_slips_of_toml_are_no_yaml(text: str) -> None:
    assert not is_yaml(text)


@pytest.mark.parametrize(
    "text",
    ["registries:\n  - &x a\n", "registries:\n  - |\n   a\n", "a:\n\t- b\n", "a:\n  - b\n---\nb: c\n", "a:\n  - [b,\n  c]\n"],
)  # fmt: skip
def test_yaml_that_is_not_understood_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(RegtoolsError, match="this YAML is not understood") as caught:
        read_yaml(text, file="a.yaml")
    assert caught.value.line
    [finding] = check_texts(release("6"), [("registries.conf", text, False)]).findings
    assert finding.fix is None


WORDS = st.sampled_from(["docker.io", "https://m.example:5000/v2", "a b", "it's", "x#y", "*", "- a", "a: b", "", '"', "10.0.0.0/8", "[x]", "~x"])  # fmt: skip
VALUES = nested(WORDS | st.booleans(), WORDS.filter(bool))


@settings(max_examples=examples(long=10_000))
@given(
    st.dictionaries(WORDS.filter(bool), VALUES, min_size=1, max_size=3), st.sampled_from([None, True, False])
)
def test_yaml_is_read_as_pyyaml_writes_it(value: dict[str, Any], flow: bool | None) -> None:
    text = yaml.safe_dump(value, default_flow_style=flow, width=10_000)
    assert read_yaml(text) == value


@settings(max_examples=examples(long=10_000))
@given(st.text(st.sampled_from("ab:-#\"'[]{},\n &*|"), max_size=40))
def test_no_text_is_read_otherwise_than_by_pyyaml(text: str) -> None:
    try:
        theirs = yaml.load(text, Loader=yaml.BaseLoader)
        ours = read_yaml(text)
    except (RegtoolsError, yaml.YAMLError):
        return
    assert spelled(ours) == spelled(theirs)


def spelled(value: Any) -> Any:
    """BaseLoader leaves each scalar a text."""
    if isinstance(value, dict):
        return {key: spelled(item) for key, item in value.items()}
    return [spelled(item) for item in value] if isinstance(value, list) else value or ""
