"""The images: the same bytes everywhere, of the sizes that were asked for, and really runnable."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import platform
import struct
import subprocess
import tarfile
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from regtools import RegtoolsError
from regtools.testbed import DEFAULT_IMAGES, Hello, Payload
from regtools.testbed.images import INDEX, MANIFEST, Content, build, from_dict
from regtools.testbed.layers import (
    ARCHITECTURES,
    SMALLEST,
    executable,
    greeting,
    incompressible,
    payload_layer,
)
from tests.conftest import examples

# What every machine and every Python must make; a change here breaks notebooks that show these digests.
DIGESTS = {
    "hello": "sha256:fc878ed4dcd8be6bd57dc50fc8b93cf1ac8cca0e0faef0583a338e63fb561f76",
    "small": "sha256:d80269467c5b64942817c866a11540bac8995de926086e19c081c70dc2b28789",
    "layers-20": "sha256:7a521d6420bbc4bfff8e8a4e342a2d7374c29f6c4b8b00a8572aeb620e198546",
    "large": "sha256:ba2915d797ce8fdf8205a652f4dc72c6a72b1402679a617f9eea2cde8936fd41",
}


def digest(data: bytes | bytearray) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def manifests_of(content: Content) -> list[dict]:
    top = json.loads(content.manifests[content.digest][1])
    if top["mediaType"] == MANIFEST:
        return [top]
    return [json.loads(content.manifests[entry["digest"]][1]) for entry in top["manifests"]]


@pytest.mark.parametrize("name", DEFAULT_IMAGES)
def test_the_digests_never_change(name: str) -> None:
    assert build(DEFAULT_IMAGES[name]).digest == DIGESTS[name]


def test_every_default_image_has_its_digest_pinned() -> None:
    assert DIGESTS.keys() == DEFAULT_IMAGES.keys()


@pytest.mark.parametrize("name", DEFAULT_IMAGES)
def test_every_descriptor_tells_the_truth(name: str) -> None:
    content = build(DEFAULT_IMAGES[name])
    for key, (media_type, raw) in content.manifests.items():
        assert key == digest(raw)
        assert json.loads(raw)["mediaType"] == media_type
    for key, data in content.blobs.items():
        assert key == digest(data)
    for manifest in manifests_of(content):
        config = json.loads(content.blobs[manifest["config"]["digest"]])
        for described in (manifest["config"], *manifest["layers"]):
            assert len(content.blobs[described["digest"]]) == described["size"]
        inner = [digest(gzip.decompress(content.blobs[one["digest"]])) for one in manifest["layers"]]
        assert config["rootfs"]["diff_ids"] == inner
        assert len(config["history"]) == len(inner)


def test_hello_is_an_index_for_two_architectures() -> None:
    content = build(Hello())
    media_type, raw = content.manifests[content.digest]
    assert media_type == INDEX
    entries = json.loads(raw)["manifests"]
    assert [entry["platform"] for entry in entries] == [
        {"architecture": architecture, "os": "linux"} for architecture in ARCHITECTURES
    ]
    for entry, manifest in zip(entries, manifests_of(content), strict=True):
        config = json.loads(content.blobs[manifest["config"]["digest"]])
        assert config["architecture"] == entry["platform"]["architecture"]
        layer = gzip.decompress(content.blobs[manifest["layers"][0]["digest"]])
        with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
            (member,) = archive.getmembers()
            assert (member.name, member.mode, member.mtime) == ("hello", 0o755, 0)
            file = archive.extractfile(member)
            assert file is not None
            assert file.read() == executable(config["architecture"])


@pytest.mark.skipif(platform.system() != "Linux", reason="runs a Linux executable")
def test_the_executable_of_this_machine_runs(tmp_path: Path) -> None:
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine())
    if architecture is None:
        pytest.skip(f"hello is not made for {platform.machine()}")
    program = tmp_path / "hello"
    program.write_bytes(executable(architecture))
    program.chmod(0o755)
    done = subprocess.run([program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, greeting(architecture))


def test_the_arm64_instructions_are_those_of_the_manual() -> None:
    # As `aarch64-linux-gnu-as` encodes them; the bytes have also been run, under qemu.
    length = len(greeting("arm64"))
    words = struct.unpack_from("<8I", executable("arm64"), 120)
    assert words == (
        0xD2800020,  # mov x0, #1
        0x100000E1,  # adr x1, . + 28
        0xD2800002 | length << 5,  # mov x2, #length
        0xD2800808,  # mov x8, #64
        0xD4000001,  # svc #0
        0xD2800000,  # mov x0, #0
        0xD2800BA8,  # mov x8, #93
        0xD4000001,  # svc #0
    )
    assert executable("arm64")[152:] == greeting("arm64").encode()


@settings(max_examples=examples(long=2_000))
@given(st.integers(SMALLEST, 300_000))
@example(SMALLEST)
@example(SMALLEST + 1)
@example(SMALLEST + 511)
@example(65_535)
@example(65_536)
@example(131_072)
@example(1_000_000)
@example(1_048_576 + 3_000)
def test_a_layer_has_exactly_the_size_that_was_asked_for(size: int) -> None:
    layer = payload_layer("data.bin", "seed", size)
    assert len(layer.data) == layer.size == size
    inner = gzip.decompress(layer.data)
    assert layer.diff_id == digest(inner)
    with tarfile.open(fileobj=io.BytesIO(inner)) as archive:
        (member,) = archive.getmembers()
        file = archive.extractfile(member)
        assert file is not None
        assert file.read() == b"".join(incompressible("seed", member.size))


def test_nothing_compresses_the_content() -> None:
    data = b"".join(incompressible("seed", 200_000))
    assert len(zlib.compress(data, 9)) > len(data)


def test_seeds_make_layers_differ_and_equal_seeds_share_them() -> None:
    one, two = build(Payload((5000, 6000), seed="a")), build(Payload((5000, 7000), seed="a"))
    other = build(Payload((5000, 6000), seed="b"))
    layers = [{entry["digest"] for entry in manifests_of(image)[0]["layers"]} for image in (one, two, other)]
    assert len(layers[0] & layers[1]) == 1
    assert not layers[0] & layers[2]


def test_a_large_layer_is_held_in_memory_once() -> None:
    size = 24_000_000
    tracemalloc.start()
    try:
        layer = payload_layer("data.bin", "seed", size)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert layer.size == size
    assert peak < 1.5 * size


@pytest.mark.parametrize("image", [Hello(tags=("a", "b")), Payload((5000, 6000), "seed", ("v1",))])
def test_a_description_survives_its_journey_as_json(image: Hello | Payload) -> None:
    assert from_dict(json.loads(json.dumps(image.to_dict()))) == image


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Payload(()), "at least one layer"),
        (lambda: Payload((SMALLEST - 1,)), "2076 bytes cannot be made"),
        (lambda: Payload((5 << 30,)), "cannot be made"),
        (lambda: Payload((5000,), tags=()), "at least one tag"),
        (lambda: Hello(tags=("not a tag",)), "'not a tag' is not a tag"),
        (lambda: payload_layer("x", "seed", 100), "too small"),
    ],
)
def test_what_cannot_be_made_is_refused_in_words(make, says: str) -> None:
    with pytest.raises(RegtoolsError, match=says) as caught:
        make()
    assert caught.value.hint
