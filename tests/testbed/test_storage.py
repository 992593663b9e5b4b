"""A registry whose blobs come from a host of their own, as those of Docker Hub and quay.io do."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest

import regtools as rt
from regtools import RegtoolsError
from regtools.testbed import DEFAULT_IMAGES, Link, Practice, Testbed
from regtools.testbed.images import build

SMALL = build(DEFAULT_IMAGES["small"])
LAYER, LAYER_BYTES = max(SMALL.blobs.items(), key=lambda item: len(item[1]))


@pytest.fixture(scope="module")
def bed() -> Iterator[Testbed]:
    with Testbed(mirrors={"near": Link(rtt_ms=1)}, tokens=True, storage=True) as opened:
        yield opened


@pytest.mark.parametrize("place", ["near", "origin"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_each_place_redirects_a_blob_to_the_storage(bed: Testbed, place: str, method: str) -> None:
    scope = urllib.request.urlopen(f"http://{bed.addresses[place]}/token?scope=repository:small:pull")
    with scope:
        token = scope.read().decode().split('"')[3]
    connection = HTTPConnection(bed.addresses[place], timeout=20)
    path = f"/v2/small/blobs/{LAYER}"
    connection.request(method, path, headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (307, b"")
    assert answer.headers["Location"] == f"http://{bed.addresses['storage']}{path}"
    connection.close()
    with urllib.request.urlopen(answer.headers["Location"]) as followed:  # without the token
        assert followed.read() == LAYER_BYTES


def test_a_pull_asks_the_registry_for_the_manifest_and_the_storage_for_the_bytes(bed: Testbed) -> None:
    bed.reset_counters()
    pull = rt.time_pull(bed.image("small"), bed.places["near"].conf)
    assert pull.ok
    hosts = {(row.kind, row.hop): row.url_host for row in pull.requests}
    near, storage = bed.addresses["near"], bed.addresses["storage"]
    assert hosts["manifest", 0] == hosts["blob", 0] == hosts["config", 0] == near
    assert hosts["blob", 1] == hosts["config", 1] == storage
    assert bed.counters.bytes(place="near", kind="blob") == 0
    assert bed.counters.bytes(place="storage", kind="blob") == sum(map(len, SMALL.blobs.values()))
    assert bed.counters.requests(place="storage", kind="manifest") == 0


@pytest.mark.needs("podman")
def test_podman_follows(bed: Testbed) -> None:
    with Practice(bed) as practice:
        bed.reset_counters()
        said = practice.run("podman pull --quiet origin.test/small")
        assert said.status == 0, said.text
    assert bed.counters.bytes(place="storage", kind="blob") == sum(map(len, SMALL.blobs.values()))


def test_a_mirror_of_that_name_is_refused_only_where_there_is_a_storage() -> None:
    with pytest.raises(RegtoolsError, match="'storage' cannot be the name of a mirror"):
        Testbed(mirrors={"storage": Link()}, storage=True)
    with Testbed(mirrors={"storage": Link()}) as bed:
        assert rt.time_pull(bed.image("small"), bed.places["storage"].conf).ok
