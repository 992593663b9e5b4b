"""Manifests are read strictly; the member of an index is chosen as podman chooses it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regtools.errors import RegtoolsError
from regtools.pull.manifests import (
    Image,
    Index,
    Platform,
    choose,
    host_platform,
    parse_platform,
    read_manifest,
)
from tests.support import images
from tests.support.nested import nested

MADE = images.image(10, 20, seed=2)
DIGEST = "sha256:" + "0" * 64


def changed(**values: Any) -> bytes:
    value = json.loads(MADE.manifest) | values
    return json.dumps({name: each for name, each in value.items() if each is not ...}).encode()


@pytest.mark.parametrize("docker", [False, True])
def test_config_and_layers_come_in_order(docker: bool) -> None:
    made = images.image(10, 20, seed=2, docker=docker)
    found = read_manifest(made.manifest, made.media_type, made.digest)
    assert isinstance(found, Image)
    assert found.media_type == made.media_type
    assert found.config.digest == images.sha256(made.config)
    assert [(each.layer, each.digest, each.size) for each in found.layers] == [
        (number, images.sha256(layer), len(layer)) for number, layer in enumerate(made.layers)
    ]


def test_the_type_may_stand_in_the_header_only_or_nowhere() -> None:
    raw = changed(mediaType=...)
    for header in (f"{images.OCI_MANIFEST}; charset=utf-8", "", "text/plain", "application/json"):
        assert isinstance(read_manifest(raw, header, DIGEST), Image)
    assert isinstance(read_manifest(b'{"schemaVersion":2,"manifests":[]}', "", DIGEST), Index)


@pytest.mark.parametrize(
    "raw",
    [
        changed(manifests=[]),
        changed(layers={}),
        changed(layers=[7]),
        changed(config=...),
        changed(config={"digest": "sha256:../../etc/passwd", "size": 1}),
        changed(config={"digest": "md5:" + "0" * 32, "size": 1}),
        changed(config={"digest": DIGEST, "size": -1}),
        changed(config={"digest": DIGEST, "size": True}),
        changed(config={"digest": DIGEST, "size": "1"}),
        changed(config={"digest": DIGEST.upper(), "size": 1}),
        changed(layers=[{"digest": DIGEST, "size": 1, "urls": "https://a.example"}]),
    ],
)
def test_a_manifest_with_something_wrong_in_it_is_refused(raw: bytes) -> None:
    with pytest.raises(RegtoolsError) as caught:
        read_manifest(raw, images.OCI_MANIFEST, DIGEST)
    assert (caught.value.kind, caught.value.stage) == ("bad-manifest", "pull")


PLAIN = MADE.manifest.decode()
MARK = changed(annotations={"a": "X"})
# Odd bytes → whether podman 4.3.1 pulls them (tests/real/test_manifests.py asks it); ours must say the same.
ODD: dict[str, tuple[bytes, bool]] = {
    "a byte order mark": (b"\xef\xbb\xbf" + MADE.manifest, False),  # was: taken, as all of the first ten
    "UTF-16": (PLAIN.encode("utf-16"), False),
    "UTF-16 without a mark": (PLAIN.encode("utf-16-le"), False),
    "UTF-32": (PLAIN.encode("utf-32"), False),
    "a number as mediaType": (changed(mediaType=7), False),
    "a list as mediaType": (changed(mediaType=[]), False),
    "false as mediaType": (changed(mediaType=False), False),
    "an object as mediaType": (changed(mediaType={}), False),
    "NaN": (MARK.replace(b'"X"', b"NaN"), False),
    "a schema with a point": (changed(schemaVersion=2.0), False),
    "true as schema": (changed(schemaVersion=True), False),
    "text as schema": (changed(schemaVersion="2"), False),
    "a number as a layer's mediaType": (changed(layers=[{"mediaType": 7, "digest": DIGEST, "size": 1}]), False),
    "something after the end": (MADE.manifest + b" {}", False),
    "a zero byte after the end": (MADE.manifest + b"\0", False),
    "a control character": (MARK.replace(b"X", b"\x01"), False),
    "broken UTF-8": (MARK.replace(b"X", b"\xe9"), True),  # was: refused
    "half a surrogate pair": (MARK.replace(b"X", b"\\ud800"), True),
    "names in another case": (PLAIN.replace("schemaVersion", "SchemaVersion").encode(), True),  # was: refused
    "null as mediaType": (changed(mediaType=None), True),
    "no text as mediaType": (changed(mediaType=""), True),
    "an unknown mediaType": (changed(mediaType="text/plain"), True),
    "a name twice": (MADE.manifest[:-1] + b',"schemaVersion":2}', True),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_odd_json_is_taken_if_podman_takes_it(name: str) -> None:
    raw, taken = ODD[name]
    try:
        found = isinstance(read_manifest(raw, MADE.media_type, DIGEST), Image)
    except RegtoolsError as error:
        assert error.kind in ("bad-manifest", "unsupported-manifest")
        found = False
    assert found == taken


def test_a_layer_s_mediatype_may_be_null() -> None:
    found = read_manifest(changed(layers=[{"mediaType": None, "digest": DIGEST, "size": 1}]), "", DIGEST)
    assert isinstance(found, Image)
    assert found.layers[0].media_type == ""


json_values = nested(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    st.sampled_from(
        ["schemaVersion", "mediaType", "layers", "config", "manifests", "digest", "size", "urls"]
    ),
    most=4,
)


@given(json_values.map(lambda value: {"schemaVersion": 2, **value} if isinstance(value, dict) else value))
def test_no_json_makes_the_reader_stumble(value: Any) -> None:
    try:
        read_manifest(json.dumps(value).encode(), "", DIGEST)
    except RegtoolsError as error:
        assert error.kind in ("bad-manifest", "unsupported-manifest")


INDEX = [
    {"n": "v6", "platform": {"os": "linux", "architecture": "arm", "variant": "v6"}},
    {"n": "v7", "platform": {"os": "linux", "architecture": "arm", "variant": "v7"}},
    {"n": "arm64", "platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}},
    {"n": "amd64", "platform": {"os": "linux", "architecture": "amd64"}},
    {"n": "amd64 again", "platform": {"os": "linux", "architecture": "amd64"}},
    {"n": "windows", "platform": {"os": "windows", "architecture": "amd64"}},
    {"n": "odd", "platform": {"os": "linux", "architecture": "riscv64", "variant": "rva20"}},
    {"n": "none"},
]


@pytest.mark.parametrize(
    ("platform", "name"),
    [
        ("linux/amd64", "amd64"),
        ("windows/amd64", "windows"),
        ("linux/arm64", "arm64"),
        ("linux/arm64/v8", "arm64"),
        ("linux/arm/v8", "v7"),
        ("linux/arm/v7", "v7"),
        ("linux/arm/v6", "v6"),
        ("linux/arm/v5", None),
        ("linux/arm", "v7"),
        ("linux/riscv64", None),
        ("linux/riscv64/rva20", "odd"),
        ("linux/amd64/v3", "amd64"),
        ("linux/s390x", None),
    ],
)
def test_the_member_that_fits_best_is_chosen(platform: str, name: str | None) -> None:
    member = choose(INDEX, parse_platform(platform))
    assert (member and member["n"]) == name


@pytest.mark.parametrize(
    "text", ["", "linux", "linux/", "/amd64", "a/b/c/d", "linux/amd 64", "linux/amd64\n"]
)
def test_what_is_no_platform_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(RegtoolsError) as caught:
        parse_platform(text)
    assert "linux/arm64" in (caught.value.hint or "")


def test_this_machine_has_a_platform_in_the_words_of_images() -> None:
    assert host_platform().os == "linux"
    assert host_platform().architecture not in ("x86_64", "aarch64")
    assert str(Platform("linux", "arm", "v7")) == "linux/arm/v7"
