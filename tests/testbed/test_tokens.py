"""A registry that wants a token first, as Docker Hub does: asked by hand, by our client, by podman and skopeo."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import urlencode

import pytest

import regtools as rt
from regtools.pull.http.tokens import parse_challenges
from regtools.testbed import Link, Practice, Testbed
from regtools.testbed.store import Tokens


@pytest.fixture(scope="module")
def bed() -> Iterator[Testbed]:
    with Testbed(mirrors={"near": Link(rtt_ms=1)}, tokens=True) as opened:
        yield opened


def ask(bed: Testbed, path: str, *, place: str = "near", method: str = "GET", **headers: str) -> HTTPResponse:
    connection = HTTPConnection(bed.addresses[place], timeout=20)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        answer.text = answer.read().decode("utf-8", "replace")  # type: ignore[attr-defined]
        return answer
    finally:
        connection.close()


def token(bed: Testbed, *scopes: str, place: str = "near") -> str:
    answer = ask(bed, "/token?" + urlencode([("scope", scope) for scope in scopes]), place=place)
    assert answer.status == 200
    given: str = json.loads(answer.text)["token"]  # type: ignore[attr-defined]
    return given


@pytest.mark.parametrize(
    "path, scope",
    [
        ("/v2/", None),
        ("/v2/_catalog", None),
        ("/v2/hello/manifests/latest", "repository:hello:pull"),
        ("/v2/hello/tags/list", "repository:hello:pull"),
        ("/v2/no/such/manifests/latest", "repository:no/such:pull"),
        ("/v2/%22,evil=%22/manifests/latest", None),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_without_a_token_the_answer_says_where_to_get_one(
    bed: Testbed, path: str, scope: str | None, method: str
) -> None:
    answer = ask(bed, path, method=method)
    assert answer.status == 401
    (challenge,) = parse_challenges(answer.headers["WWW-Authenticate"])
    assert challenge.scheme == "bearer"
    # The realm is the place that was asked, so that the token, too, passes through its link.
    wanted = {"realm": f"http://{bed.addresses['near']}/token", "service": "registry.test"}
    assert dict(challenge.parameters) == wanted | ({"scope": scope} if scope else {})


def test_a_token_opens_its_repository_and_no_other(bed: Testbed) -> None:
    given = token(bed, "repository:hello:pull")
    bearer = {"Authorization": f"Bearer {given}"}
    assert ask(bed, "/v2/hello/manifests/latest", **bearer).status == 200
    assert ask(bed, "/v2/", **bearer).status == 200
    assert ask(bed, "/v2/hello/manifests/latest", place="origin", **bearer).status == 200
    assert ask(bed, "/v2/small/manifests/latest", **bearer).status == 401


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer hello~",
        "Bearer hello~0123",
        "Basic aGVsbG86eA==",
        "Bearer ~ü",
    ],
)
def test_what_is_no_token_opens_nothing(header: str) -> None:
    assert not Tokens().open(header, "hello")


@pytest.mark.parametrize(
    "scope, opens",
    [
        ("repository:hello:pull", True),
        ("repository:hello:push,pull", True),
        ("repository:hello:*", True),
        ("repository:hello:push", False),
        ("registry:catalog:*", False),
        ("", False),
    ],
)
def test_only_a_scope_to_pull_gives_a_repository(scope: str, opens: bool) -> None:
    tokens = Tokens()
    header = f"Bearer {tokens.grant([scope])['token']}"
    assert tokens.open(header, "hello") == opens
    assert tokens.open(header, None)
    assert not Tokens().open(header, None)  # another registry has another key


def test_without_tokens_there_is_no_such_endpoint() -> None:
    with Testbed(mirrors={}) as plain:
        assert ask(plain, "/token", place="origin").status == 404
        assert ask(plain, "/v2/", place="origin").status == 200


def test_our_client_gets_a_token_before_the_manifest(bed: Testbed) -> None:
    bed.reset_counters()
    pull = rt.time_pull(bed.image("hello"), bed.conf, platform="linux/amd64")
    assert pull.ok
    kinds = [row.kind for row in pull.requests if row.status]
    assert kinds == ["ping", "token", "manifest", "manifest", "config", "blob"]
    assert bed.counters.requests(place="near", kind="token") == 1
    assert bed.counters.requests(status=401) == 1


@pytest.mark.needs("podman")
@pytest.mark.needs("skopeo")
def test_podman_and_skopeo_get_a_token_too(bed: Testbed) -> None:
    with Practice(bed) as practice:
        bed.reset_counters()
        assert practice.run("podman pull --quiet origin.test/hello").status == 0
        assert bed.counters.requests(place="near", kind="token") == 1
        assert bed.counters.requests(place="near", kind="manifest", status=200) >= 1
        assert practice.run("skopeo inspect --no-tags docker://origin.test/hello").status == 0
        assert bed.counters.requests(place="near", kind="token") == 2


def test_a_login_is_refused_since_there_are_no_accounts(bed: Testbed) -> None:
    answer = ask(bed, "/token?scope=repository:hello:pull", Authorization="Basic cmVhZGVyOm9sZA==")
    assert answer.status == 401
    assert json.loads(answer.text)["errors"][0]["code"] == "UNAUTHORIZED"  # type: ignore[attr-defined]


def test_a_place_that_fails_with_403_or_429_has_docker_hubs_words() -> None:
    said = {}
    with Testbed(mirrors={"near": Link()}) as bed:
        for status in (403, 429, 503):
            bed.fail("near", "manifest", status)
            answer = ask(bed, "/v2/hello/manifests/latest")
            assert answer.status == status
            said[status] = json.loads(answer.text)["errors"][0]["code"]  # type: ignore[attr-defined]
    assert said == {403: "DENIED", 429: "TOOMANYREQUESTS", 503: "UNAVAILABLE"}
