"""Image names: what is one, what its parts are, and why a text is none."""

from __future__ import annotations

import copy
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regtools import PullName, Reference, RegtoolsError
from regtools.errors import Place, Related
from regtools.reference import GRAMMAR, is_host, physical_host

SHA = "sha256:" + "0123456789abcdef" * 4

PARTS = {
    "nginx": (None, "nginx", None, None),
    "team/app:1.2": (None, "team/app", "1.2", None),
    "quay.io": (None, "quay.io", None, None),
    "localhost:5000": (None, "localhost", "5000", None),
    "localhost/app": ("localhost", "app", None, None),
    "host:5000/a/b/c": ("host:5000", "a/b/c", None, None),
    "Quay.IO/app": ("Quay.IO", "app", None, None),
    "a_b.example/x": (None, "a_b.example/x", None, None),
    "10.1.2.3/app": ("10.1.2.3", "app", None, None),
    "host:99999/x": ("host:99999", "x", None, None),
    "a--b/c__d.e_f": (None, "a--b/c__d.e_f", None, None),
    f"r.test/app:1@{SHA}": ("r.test", "app", "1", SHA),
    f"oci@{SHA}": (None, "oci", None, SHA),
    "app:" + "x" * 128: (None, "app", "x" * 128, None),
}

FAULTS = {
    "": "empty-name",
    "App": "uppercase-name",
    "r.test/App": "uppercase-name",
    "FOO/bar": "uppercase-name",
    "LOCALHOST/x": "uppercase-name",
    " app": "invalid-reference",
    "app\n": "invalid-reference",
    "a//b": "invalid-reference",
    "[::1]:5000/x": "invalid-reference",
    "a.example./x": "invalid-reference",
    "host:/x": "invalid-reference",
    "a___b": "invalid-reference",
    "a._b": "invalid-reference",
    "https://quay.io/app": "invalid-reference",
    "приложение": "invalid-reference",
    "app:" + "x" * 129: "invalid-reference",
    f"app@{SHA[:38]}": "invalid-reference",
    f"app@{SHA[:-1]}": "digest-length",
    f"app@{SHA.replace('a', 'A')}": "digest-format",
    f"app@SHA256:{SHA[7:]}": "digest-format",
    f"app@md5:{SHA[7:39]}": "digest-algorithm",
    SHA[7:]: "hex-id",
    "r.test/" + "a" * 249: "name-too-long",
    "a" * 238: "name-too-long",
    "t/" + "a" * 244: "name-too-long",
    "docker.io/" + "a" * 240: "name-too-long",
}

NORMAL = {
    "nginx": "docker.io/library/nginx:latest",
    "index.docker.io/nginx": "docker.io/library/nginx:latest",
    "docker.io/nginx:1": "docker.io/library/nginx:1",
    "docker.io/team/app": "docker.io/team/app:latest",
    "quay.io/app": "quay.io/app:latest",
    f"nginx@{SHA}": f"docker.io/library/nginx@{SHA}",
    "registry-1.docker.io/nginx": "registry-1.docker.io/nginx:latest",
}

FAMILIAR = {
    "docker.io/library/nginx:1": "nginx:1",
    "docker.io/team/app": "team/app",
    "quay.io/library/nginx": "quay.io/library/nginx",
    "docker.io/library/a/b": "library/a/b",
    "docker.io/a.b/c": "docker.io/a.b/c",
}


@pytest.mark.parametrize("text", PARTS)
def test_a_name_is_taken_apart_and_put_together_again(text: str) -> None:
    reference = Reference.parse(text)
    assert (reference.domain, reference.path, reference.tag, reference.digest) == PARTS[text]
    assert reference.is_short is (PARTS[text][0] is None)
    assert str(reference) == text


@pytest.mark.parametrize("text", FAULTS)
def test_a_faulty_name_says_what_is_wrong(text: str) -> None:
    with pytest.raises(RegtoolsError) as caught:
        Reference.parse(text)
    assert (caught.value.kind, caught.value.stage) == (FAULTS[text], "parse")


@pytest.mark.parametrize("text", NORMAL)
def test_normal_forms(text: str) -> None:
    normal = Reference.parse(text).normalized()
    assert str(normal) == NORMAL[text] == Reference.parse(text).canonical
    assert normal.normalized() == normal


@pytest.mark.parametrize("text", FAMILIAR)
def test_familiar_forms_mean_the_same(text: str) -> None:
    familiar = Reference.parse(text).familiar
    assert familiar == FAMILIAR[text]
    assert Reference.parse(familiar).canonical == Reference.parse(text).canonical


def test_the_longest_names_are_names() -> None:
    for text in ("r.test/" + "a" * 248, "a" * 237, "t/" + "a" * 243):
        assert len(Reference.parse(text).normalized().name) == 255


def test_docker_hub_is_contacted_by_another_name() -> None:
    assert physical_host("docker.io") == Reference.parse("nginx").host == "registry-1.docker.io"
    assert Reference.parse("quay.io/x").host == "quay.io"


@pytest.mark.parametrize("value", [None, 3, b"nginx", ["nginx"], float("nan")])
def test_what_is_no_text_is_no_name(value: object) -> None:
    with pytest.raises(RegtoolsError, match="text") as caught:
        PullName.parse(value)  # type: ignore[arg-type]
    assert caught.value.kind == "invalid-reference"


ARGUMENTS = {
    "oci:latest": "other-transport",
    "containers-storage:x": "other-transport",
    SHA: "local-image-id",
    "z" * 64: "local-image-id",
    f"docker://app:1@{SHA}": "tag-and-digest",
    f"docker://{SHA[7:]}": "hex-id",
    "docker://": "invalid-reference",
    "docker:/app": "invalid-reference",
}


@pytest.mark.parametrize("text", ARGUMENTS)
def test_arguments_that_are_no_registry_image(text: str) -> None:
    with pytest.raises(RegtoolsError) as caught:
        PullName.parse(text)
    assert (caught.value.kind, caught.value.stage) == (ARGUMENTS[text], "parse")


def test_arguments() -> None:
    assert PullName.parse("docker:latest").reference == Reference(None, "docker", "latest")
    assert PullName.parse("docker://app").docker
    both = PullName.parse(f"app:1@{SHA}")
    assert (both.dropped_tag, str(both.reference)) == ("1", f"app@{SHA}")
    assert PullName.parse(Reference.parse("quay.io/x")).reference.domain == "quay.io"
    assert pickle.loads(pickle.dumps(both)) == both


def test_control_characters_do_not_reach_the_terminal() -> None:
    for text in ("oci:\x1b[31m", "app\x1b[31m", "sha256:\x1b[31m", "A\x1b"):
        with pytest.raises(RegtoolsError) as caught:
            PullName.parse(text)
        assert "\x1b" not in str(caught.value)


WORD = st.text("ab09", min_size=1, max_size=4)
DOMAIN = st.builds(
    lambda labels, port: ".".join(labels) + port,
    st.lists(
        st.text("aZ0", min_size=1, max_size=3) | st.just("a-B") | st.just("localhost"), min_size=1, max_size=3
    ),
    st.sampled_from(["", ":5000", ":0"]),
) | st.sampled_from(["docker.io", "index.docker.io", "localhost"])
COMPONENT = st.builds(
    lambda words, sign: sign.join(words),
    st.lists(WORD, min_size=1, max_size=3),
    st.sampled_from([".", "_", "__", "-", "---"]),
) | st.sampled_from(["library", "a.b"])
NAMES = st.builds(
    lambda domain, path, tag, digest: (domain + "/" if domain else "") + "/".join(path) + tag + digest,
    DOMAIN | st.just(""),
    st.lists(COMPONENT, min_size=1, max_size=4),
    st.sampled_from(["", ":latest", ":_A.-"]),
    st.sampled_from(["", f"@{SHA}", "@sha512:" + "f" * 128, "@sha512:" + "f" * 64]),
)


@given(NAMES)
def test_parse_and_str_are_inverse(text: str) -> None:
    assert GRAMMAR(text)
    try:
        reference = Reference.parse(text)
    except RegtoolsError as error:
        assert error.kind in ("digest-length", "uppercase-name")
        return
    assert str(reference) == text
    normal = reference.normalized()
    assert Reference.parse(str(normal)) == normal == normal.normalized()
    assert Reference.parse(reference.familiar).normalized() == normal


@given(st.text() | st.text("aA0./:@_-[ ]\n", max_size=40))
def test_any_text_is_a_name_or_a_parse_error(text: str) -> None:
    for parse in (Reference.parse, PullName.parse):
        try:
            assert parse(text)
        except RegtoolsError as error:
            assert error.stage == "parse"
            json.dumps(error.to_dict())
    is_host(text)


def test_monsters_are_judged_at_once() -> None:
    for text in ("a/" * 500_000, "a-" * 500_000, "a." * 500_000 + "!", "a" * 1_000_000, ":" * 1_000_000):
        with pytest.raises(RegtoolsError) as caught:
            PullName.parse(text)
        assert len(str(caught.value)) < 2000


NONSENSE = [
    (None, ""),
    ("quay.io", ""),
    ("", "app"),
    ("team", "app"),
    (None, "quay.io/app"),
    (None, "app:1"),
    ("quay.io", "App"),
    ("quay.io", "a" * 249),
    ("docker.io", "a" * 240),
    (None, "app", ""),
    (None, "app", "x" * 129),
    (None, "app", "1@2"),
    (None, "app", None, "sha256:12"),
    (None, SHA[7:]),
    (None, None),
    (None, 3),
]


@pytest.mark.parametrize("parts", NONSENSE, ids=str)
def test_a_reference_is_made_only_of_parts_that_make_one(parts: tuple[str, ...]) -> None:
    with pytest.raises(RegtoolsError) as caught:
        Reference(*parts)
    assert caught.value.stage == "parse"


def test_a_pull_name_is_made_only_of_what_podman_resolves() -> None:
    both = Reference.parse(f"app:1@{SHA}")
    for parts in ((str(both), both), ("app", Reference(None, "app"), False, "1")):
        with pytest.raises(RegtoolsError):
            PullName(*parts)  # type: ignore[arg-type]


VALUES = {
    "reference": (Reference(None, "app", "1"), Reference(None, "app", "1"), Reference(None, "app", "2")),
    "pull name": (PullName.parse("app"), PullName.parse("app"), PullName.parse("docker://app")),
    "place": (Place("a.conf", 1, 2), Place("a.conf", 1, 2), Place("a.conf", 1)),
    "related": (Related(1, 2, "here"), Related(1, 2, "here"), Related(1, 3, "here")),
}


@pytest.mark.parametrize("name", VALUES)
def test_values_are_frozen_equal_by_parts_and_no_tuples(name: str) -> None:
    value, same, other = VALUES[name]
    part = type(value).__match_args__[0]
    assert value == same
    assert hash(value) == hash(same)
    assert value != other
    assert value != tuple(getattr(value, each) for each in type(value).__match_args__)
    assert pickle.loads(pickle.dumps(value)) == copy.deepcopy(value) == value
    assert repr(value).startswith(f"{type(value).__name__}({part}=")
    with pytest.raises(AttributeError, match="cannot be changed"):
        setattr(value, part, None)
    with pytest.raises(AttributeError, match="cannot be changed"):
        delattr(value, part)
    with pytest.raises(TypeError):
        iter(value)  # type: ignore[call-overload]


def test_a_place_without_a_line_has_no_column() -> None:
    for parts in (("a.conf", None, 1), ("a.conf", 0), ("a.conf", 1, 0)):
        with pytest.raises(ValueError, match="no place"):
            Place(*parts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("https://hub.docker.com/_/nginx", "the image is docker.io/library/nginx"),
        ("hub.docker.com/_/nginx/tags", "the image is docker.io/library/nginx"),
        ("https://hub.docker.com/r/grafana/grafana/tags?page=1", "the image is docker.io/grafana/grafana"),
        ("https://quay.io/repository/podman/hello?tab=tags", "the image is quay.io/podman/hello"),
        ("https://quay.io/podman/hello", "leave out https://"),
        ("docker pull nginx", "it has no blanks"),
        ("nginx latest", "it has no blanks"),
        ("nginx:", "write a tag after the colon"),
    ],
)
def test_what_people_copy_in_place_of_a_name_is_answered(typed: str, hint: str) -> None:
    with pytest.raises(RegtoolsError) as caught:
        PullName.parse(typed)
    assert caught.value.kind == "invalid-reference"
    assert hint in str(caught.value.hint)
