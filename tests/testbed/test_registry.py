"""The registry's answers: OCI distribution specification 1.1, the pull side."""

from __future__ import annotations

import hashlib
import http.client
import json
from typing import NamedTuple

import pytest

from regtools.testbed import DEFAULT_IMAGES, Testbed
from regtools.testbed.images import INDEX, MANIFEST, build

HELLO = build(DEFAULT_IMAGES["hello"])
SMALL = build(DEFAULT_IMAGES["small"])
LAYER, LAYER_BYTES = max(SMALL.blobs.items(), key=lambda item: len(item[1]))


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> dict:
        return json.loads(self.body)


def ask(bed: Testbed, path: str, method: str = "GET", place: str = "origin", **headers: str) -> Answer:
    host, port = bed.addresses[place].split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    try:
        connection.request(
            method, path, headers={key.replace("_", "-"): text for key, text in headers.items()}
        )
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def test_the_ping_says_that_this_is_a_registry(bed: Testbed) -> None:
    for path in ("/v2/", "/v2"):
        answer = ask(bed, path)
        assert (answer.status, answer.headers["Docker-Distribution-API-Version"]) == (200, "registry/2.0")


@pytest.mark.parametrize("reference", ["latest", "1.0", HELLO.digest])
def test_a_tag_and_a_digest_lead_to_the_same_index(bed: Testbed, reference: str) -> None:
    answer = ask(bed, f"/v2/hello/manifests/{reference}")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == INDEX
    assert answer.headers["Docker-Content-Digest"] == HELLO.digest
    assert answer.headers["Etag"] == f'"{HELLO.digest}"'
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    assert "sha256:" + hashlib.sha256(answer.body).hexdigest() == HELLO.digest


def test_the_manifests_of_an_index_are_found_by_digest(bed: Testbed) -> None:
    for entry in ask(bed, "/v2/hello/manifests/latest").json["manifests"]:
        answer = ask(bed, f"/v2/hello/manifests/{entry['digest']}")
        assert (answer.status, answer.headers["Content-Type"]) == (200, MANIFEST)
        assert len(answer.body) == entry["size"]


def test_a_digest_with_an_escaped_colon_is_the_same_digest(bed: Testbed) -> None:
    assert ask(bed, f"/v2/small/blobs/{LAYER.replace(':', '%3A')}").body == LAYER_BYTES


def test_a_blob_arrives_whole(bed: Testbed) -> None:
    answer = ask(bed, f"/v2/small/blobs/{LAYER}")
    assert (answer.status, answer.body == LAYER_BYTES) == (200, True)
    assert answer.headers["Docker-Content-Digest"] == LAYER
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Content-Type"] == "application/octet-stream"


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=999000-", 999_000, 1_000_000),
        ("bytes=-7", 999_993, 1_000_000),
        ("bytes=262140-524300", 262_140, 524_301),
    ],
)
def test_a_range_of_a_blob_arrives_as_206(bed: Testbed, wanted: str, start: int, stop: int) -> None:
    answer = ask(bed, f"/v2/small/blobs/{LAYER}", Range=wanted)
    assert (answer.status, answer.body) == (206, bytes(LAYER_BYTES[start:stop]))
    assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/1000000"
    assert int(answer.headers["Content-Length"]) == stop - start


def test_a_range_behind_the_end_is_416_and_says_the_size(bed: Testbed) -> None:
    answer = ask(bed, f"/v2/small/blobs/{LAYER}", Range="bytes=1000000-")
    assert (answer.status, answer.headers["Content-Range"]) == (416, "bytes */1000000")
    assert answer.json["errors"][0]["code"] == "RANGE_INVALID"


def test_if_range_takes_a_range_back_when_the_blob_is_another(bed: Testbed) -> None:
    path = f"/v2/small/blobs/{LAYER}"
    assert ask(bed, path, Range="bytes=0-9", If_Range=f'"{LAYER}"').status == 206
    assert ask(bed, path, Range="bytes=0-9", If_Range='"another"').status == 200


def test_a_client_that_has_it_already_gets_304(bed: Testbed) -> None:
    for path, known in ((f"/v2/small/blobs/{LAYER}", LAYER), ("/v2/hello/manifests/latest", HELLO.digest)):
        answer = ask(bed, path, If_None_Match=f'"{known}"')
        assert (answer.status, answer.body) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/v2/",
        "/v2/hello/manifests/latest",
        f"/v2/small/blobs/{LAYER}",
        "/v2/hello/tags/list",
        "/v2/_catalog",
        "/v2/hello/manifests/missing",
    ],
)
def test_head_is_get_without_a_body(bed: Testbed, path: str) -> None:
    get, head = ask(bed, path), ask(bed, path, "HEAD")
    assert (head.status, head.body) == (get.status, b"")
    for name in ("Content-Length", "Content-Type", "Docker-Content-Digest", "Etag"):
        assert head.headers[name] == get.headers[name]


def test_head_ignores_a_range(bed: Testbed) -> None:
    answer = ask(bed, f"/v2/small/blobs/{LAYER}", "HEAD", Range="bytes=0-9")
    assert (answer.status, answer.headers["Content-Length"]) == (200, "1000000")


def test_tags_come_in_order(bed: Testbed) -> None:
    assert ask(bed, "/v2/many-tags/tags/list").json == {
        "name": "many-tags",
        "tags": ["Beta", "latest", "v1", "v10", "v2"],
    }


@pytest.mark.parametrize("size", [1, 2, 3, 5, 9])
@pytest.mark.parametrize(
    ("path", "key"), [("/v2/many-tags/tags/list", "tags"), ("/v2/_catalog", "repositories")]
)
def test_pages_lead_to_each_other_and_lose_nothing(bed: Testbed, path: str, key: str, size: int) -> None:
    found, where = [], f"{path}?n={size}"
    while where:
        answer = ask(bed, where)
        page = answer.json[key]
        assert len(page) <= size
        found += page
        link = answer.headers["Link"]
        assert link is None or link.endswith('; rel="next"')
        where = link and link[1 : link.index(">")]
    assert found == ask(bed, path).json[key]


@pytest.mark.parametrize(
    ("query", "tags"),
    [("n=0", []), ("last=v1", ["v10", "v2"]), ("n=1&last=latest", ["v1"]), ("last=zzz", []), ("n=5", 5)],
)
def test_pages_begin_behind_last_and_hold_n(bed: Testbed, query: str, tags: object) -> None:
    answer = ask(bed, f"/v2/many-tags/tags/list?{query}")
    assert answer.json["tags"] == tags or len(answer.json["tags"]) == tags
    assert bool(answer.headers["Link"]) == (query == "n=1&last=latest")


@pytest.mark.parametrize("n", ["x", "-1", "1.5", "9999999999", ""])
def test_a_page_size_that_is_no_number_is_400(bed: Testbed, n: str) -> None:
    answer = ask(bed, f"/v2/hello/tags/list?n={n}")
    assert (answer.status, answer.json["errors"][0]["code"]) == (400, "PAGINATION_NUMBER_INVALID")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v2/nothing/manifests/latest", "MANIFEST_UNKNOWN"),
        ("/v2/hello/manifests/nothing", "MANIFEST_UNKNOWN"),
        ("/v2/hello/manifests/.INVALID_MANIFEST_NAME", "MANIFEST_UNKNOWN"),
        (f"/v2/hello/manifests/{LAYER}", "MANIFEST_UNKNOWN"),
        (f"/v2/hello/blobs/{LAYER}", "BLOB_UNKNOWN"),  # another repository's
        ("/v2/hello/blobs/sha256:0", "BLOB_UNKNOWN"),
        (f"/v2/hello/blobs/{HELLO.digest}", "BLOB_UNKNOWN"),  # a manifest is no blob
        ("/v2/nothing/tags/list", "NAME_UNKNOWN"),
        ("/v2/a/very/deep/name/tags/list", "NAME_UNKNOWN"),
        ("/", "UNSUPPORTED"),
        ("/v1/", "UNSUPPORTED"),
        ("/v2/hello", "UNSUPPORTED"),
        ("/v2/../../../../etc/passwd", "UNSUPPORTED"),
        ("/v2/%2e%2e/%2e%2e/etc/passwd", "UNSUPPORTED"),
        ("/v2/hello/blobs/../../../../etc/passwd", "UNSUPPORTED"),
        ("/v2/hello/../small/manifests/latest", "MANIFEST_UNKNOWN"),
        ("/v2/\x7f%00/tags/list", "NAME_UNKNOWN"),
    ],
)
def test_what_is_not_there_is_404_with_the_specifications_body(bed: Testbed, path: str, code: str) -> None:
    host, port = bed.addresses["origin"].split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    connection.putrequest("GET", path.replace("\x7f", "%7f"), skip_accept_encoding=True)
    connection.endheaders()
    with connection.getresponse() as answer:
        error = json.load(answer)["errors"][0]
        assert (answer.status, error["code"]) == (404, code)
        assert error.keys() == {"code", "message", "detail"}
        assert answer.headers.get_content_type() == "application/json"
    connection.close()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"])
def test_every_other_method_is_405(bed: Testbed, method: str) -> None:
    answer = ask(bed, "/v2/hello/blobs/uploads/", method, Content_Length="0")
    assert (answer.status, answer.json["errors"][0]["code"]) == (405, "UNSUPPORTED")


def test_every_place_serves_the_same(bed: Testbed) -> None:
    bodies = {ask(bed, "/v2/hello/manifests/latest", place=place).body for place in bed.addresses}
    assert len(bodies) == 1


def test_the_counters_tell_places_kinds_and_bytes_apart(bed: Testbed) -> None:
    bed.reset_counters()
    ask(bed, "/v2/", place="near")
    ask(bed, "/v2/small/manifests/latest", "HEAD", place="near")
    ask(bed, f"/v2/small/blobs/{LAYER}", place="near", Range="bytes=0-99")
    ask(bed, f"/v2/small/blobs/{LAYER}", place="near")
    ask(bed, "/v2/small/manifests/missing", place="far")
    counted = bed.counters
    assert counted.requests() == 5
    assert counted.requests(place="near", kind="blob", status=206) == 1
    assert counted.bytes(place="near", repository="small", kind="blob") == 1_000_100
    assert counted.requests(place="far", kind="manifest", repository="", status=404) == 1
    assert counted.bytes(method="HEAD") == 0
    assert counted.requests(place="origin") == 0
    bed.reset_counters()
    assert bed.counters.rows == ()


def test_a_question_that_the_counters_do_not_know_is_an_error(bed: Testbed) -> None:
    with pytest.raises(TypeError, match="a count has no plce"):
        bed.counters.requests(plce="near")
