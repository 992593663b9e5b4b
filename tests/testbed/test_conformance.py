"""What the OCI distribution specification 1.1 demands of a registry that serves pulls, asked of the testbed's registries.

Written from the requirements of github.com/opencontainers/distribution-spec, ``spec.md`` of release v1.1.1, sections
"Pull", "Content Discovery", "Endpoints" and "Error Codes"; the category is the one that its conformance suite calls
Pull. Names such as end-3 are the endpoints' numbers there. The real docker-registry answers the same questions here,
which shows that they are asked correctly.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPMessage
from typing import Any
from urllib.parse import urljoin

import pytest

from regtools.testbed import Link, Payload, Testbed
from tests.support.dockerregistry import DockerRegistry
from tests.support.registries import registry

__all__ = ["registry"]

ABSENT = "sha256:" + "0" * 64
TAGS = ("Beta", "alpha", "alpha1", "Zeta", "latest", "v1", "v10", "v2")
TYPES = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json",
         "application/vnd.docker.distribution.manifest.v2+json",
         "application/vnd.docker.distribution.manifest.list.v2+json")  # fmt: skip
# "Error Codes": code-1 to code-14. A registry may have further ones.
CODES = {"BLOB_UNKNOWN", "BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN", "DIGEST_INVALID", "MANIFEST_BLOB_UNKNOWN",
         "MANIFEST_INVALID", "MANIFEST_UNKNOWN", "NAME_INVALID", "NAME_UNKNOWN", "SIZE_INVALID", "UNAUTHORIZED",
         "DENIED", "UNSUPPORTED", "TOOMANYREQUESTS"}  # fmt: skip


@dataclass
class Answer:
    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def digest(self) -> str:
        return f"sha256:{hashlib.sha256(self.body).hexdigest()}"


@dataclass
class Place:
    """A registry under test, and an image in it."""

    address: str
    name: str = "small"
    tag: str = "latest"
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, path: str, method: str = "GET", **headers: str) -> Answer:
        connection = HTTPConnection(self.address, timeout=30)
        try:
            connection.request(method, path, headers={"Accept": ", ".join(TYPES), **self.headers, **headers})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def manifest(self, reference: str, method: str = "GET") -> Answer:
        return self.ask(f"/v2/{self.name}/manifests/{reference}", method)

    def blob(self, digest: str, method: str = "GET", **headers: str) -> Answer:
        return self.ask(f"/v2/{self.name}/blobs/{digest}", method, **headers)

    @property
    def image(self) -> dict[str, Any]:
        """The manifest of the image; through an index, that of its first member."""
        found = json.loads(self.manifest(self.tag).body)
        if "manifests" in found:
            found = json.loads(self.manifest(found["manifests"][0]["digest"]).body)
        return found  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def beds() -> Iterator[dict[str, Testbed]]:
    tagged = {"many-tags": Payload((3000,), tags=TAGS)}
    with (
        Testbed({"near": Link()}, images=tagged) as plain,
        Testbed({"near": Link()}, images=tagged, tokens=True) as guarded,
    ):
        yield {"plain": plain, "guarded": guarded}


@pytest.fixture(params=["origin", "mirror", "index", "with a token", "docker-registry"])
def place(request: pytest.FixtureRequest, beds: dict[str, Testbed]) -> Place:
    plain, guarded = beds["plain"].addresses, beds["guarded"].addresses
    match request.param:
        case "origin":
            return Place(plain["origin"])
        case "mirror":
            return Place(plain["near"], "many-tags", "Beta")
        case "index":
            return Place(plain["near"], "hello")
        case "with a token":
            bare = Place(guarded["origin"])
            token = json.loads(bare.ask("/token?scope=repository:small:pull").body)["token"]
            return Place(guarded["origin"], headers={"Authorization": f"Bearer {token}"})
    real: DockerRegistry = request.getfixturevalue("registry")
    return Place(real.host, "team/small", "1")


def test_end_1_says_that_the_specification_is_implemented(place: Place) -> None:
    assert place.ask("/v2/").status == 200


@pytest.mark.parametrize("by", ["tag", "digest"])
def test_end_3_a_manifest_is_delivered_by_tag_and_by_digest(place: Place, by: str) -> None:
    first = place.manifest(place.tag)
    answer = first if by == "tag" else place.manifest(first.digest)
    assert answer.status == 200
    assert (answer.body, answer.digest) == (first.body, first.digest)
    assert answer.headers["Docker-Content-Digest"] == answer.digest
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    told = json.loads(answer.body).get("mediaType")
    assert answer.headers["Content-Type"] in TYPES  # without parameters
    assert told in (None, answer.headers["Content-Type"])


@pytest.mark.parametrize("by", ["tag", "digest"])
def test_end_3_head_of_a_manifest_is_get_without_its_body(place: Place, by: str) -> None:
    get = place.manifest(place.tag)
    head = place.manifest(place.tag if by == "tag" else get.digest, "HEAD")
    assert (head.status, head.body) == (200, b"")
    for name in ("Docker-Content-Digest", "Content-Type", "Content-Length"):
        assert head.headers[name] == get.headers[name]


def test_end_3_what_an_index_names_is_there(place: Place) -> None:
    for entry in json.loads(place.manifest(place.tag).body).get("manifests", []):
        answer = place.manifest(entry["digest"])
        assert (answer.status, answer.digest, len(answer.body)) == (200, entry["digest"], entry["size"])
        assert answer.headers["Content-Type"] == entry["mediaType"]


def test_end_2_every_blob_of_an_image_is_delivered(place: Place) -> None:
    image = place.image
    for entry in [image["config"], *image["layers"]]:
        get, head = place.blob(entry["digest"]), place.blob(entry["digest"], "HEAD")
        assert (get.status, get.digest, len(get.body)) == (200, entry["digest"], entry["size"])
        assert (head.status, head.body) == (200, b"")
        assert head.headers["Content-Length"] == str(entry["size"])
        for answer in (get, head):
            assert answer.headers["Docker-Content-Digest"] == entry["digest"]


def test_end_2_a_part_of_a_blob_is_delivered_as_rfc_9110_says(place: Place) -> None:
    layer = max(place.image["layers"], key=lambda each: int(each["size"]))
    whole, size = place.blob(layer["digest"]).body, layer["size"]
    for asked, start, end in (
        (f"0-{size - 1}", 0, size),
        ("5-7", 5, 8),
        (f"{size - 3}-", size - 3, size),
        ("-2", size - 2, size),
    ):
        part = place.blob(layer["digest"], Range=f"bytes={asked}")
        assert (part.status, part.body) == (206, whole[start:end])
        assert part.headers["Content-Range"] == f"bytes {start}-{end - 1}/{size}"
    if place.name != "team/small":  # docker-registry 2.8.2 announces the whole blob there, and sends an error
        beyond = place.blob(layer["digest"], Range=f"bytes={size}-")
        assert (beyond.status, beyond.headers["Content-Range"]) == (416, f"bytes */{size}")
        check_error(beyond, CODES | {"RANGE_INVALID"})


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "path",
    ["NAME/blobs/" + ABSENT, "NAME/manifests/" + ABSENT, "NAME/manifests/absent", "NAME/manifests/.INVALID_MANIFEST_NAME",
     "absent/name/manifests/latest", "absent/name/blobs/" + ABSENT, "absent/name/tags/list"],
)  # fmt: skip
def test_what_is_not_there_is_404_with_the_error_s_json(place: Place, path: str, method: str) -> None:
    answer = place.ask("/v2/" + path.replace("NAME", place.name), method)
    if place.headers and path.startswith("absent"):
        assert answer.status == 401  # the token is for another repository
    elif path.endswith("list") and method == "HEAD":
        assert answer.status in (404, 405)  # HEAD is no method of end-8a
    else:
        assert answer.status == 404
    if method == "GET" and "INVALID" not in path:  # docker-registry has no route for that name
        check_error(answer)


def check_error(answer: Answer, codes: set[str] = CODES) -> None:
    assert answer.headers.get_content_type() == "application/json"
    errors = json.loads(answer.body)["errors"]
    assert errors
    for each in errors:
        assert each["code"] in codes
        assert isinstance(each.get("message", ""), str)


def test_end_8a_lists_the_tags(place: Place) -> None:
    answer = place.ask(f"/v2/{place.name}/tags/list")
    listed = json.loads(answer.body)
    assert (answer.status, listed["name"]) == (200, place.name)
    assert place.tag in listed["tags"]
    assert listed["tags"] == sorted(listed["tags"], key=str.lower)  # "case-insensitive alphanumeric order"


@pytest.mark.parametrize("size", [1, 3, len(TAGS), 100])
def test_end_8b_pages_lead_on_by_link_and_by_last(beds: dict[str, Testbed], size: int) -> None:
    place = Place(beds["plain"].addresses["near"], "many-tags", "Beta")
    every = json.loads(place.ask("/v2/many-tags/tags/list").body)["tags"]
    assert sorted(every) == sorted(TAGS)
    found: list[str] = []
    where = f"/v2/many-tags/tags/list?n={size}"
    while where:
        answer = place.ask(where)
        page = json.loads(answer.body)["tags"]
        assert len(page) == min(size, len(every) - len(found))
        by_last = place.ask(f"/v2/many-tags/tags/list?n={size}&last={found[-1]}" if found else where)
        assert json.loads(by_last.body)["tags"] == page
        found += page
        link = re.fullmatch(r'<([^>]*)>; rel="next"', answer.headers.get("Link", ""))
        where = urljoin(where, link[1]) if link else ""
    assert found == every
    assert json.loads(place.ask("/v2/many-tags/tags/list?n=0").body)["tags"] == []


def test_a_401_says_where_to_get_a_token(beds: dict[str, Testbed]) -> None:
    bare = Place(beds["guarded"].addresses["near"])
    for path in ("/v2/", "/v2/small/manifests/latest", f"/v2/small/blobs/{ABSENT}", "/v2/small/tags/list"):
        answer = bare.ask(path)
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer realm=")
        check_error(answer)
