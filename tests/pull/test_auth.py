"""Challenges are read, tokens are got and kept secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regtools.errors import RegtoolsError
from regtools.pull.http.tokens import Authorizer, Order, parse_challenges
from regtools.pull.http.transport import Limits
from regtools.pull.http.values import Secret, read_url
from regtools.pull.records import Pull
from regtools.pull.timing import time_pull
from tests.support import scripted
from tests.support.confs import leading_to
from tests.support.images import sha256
from tests.support.registries import SMALL
from tests.support.rows import check
from tests.support.scripted import Answer, Server

SECRET = "s3cr3t-t0k3n"
FAST = Limits(backoff_s=0.001)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", []),
        ("Negotiate", [("negotiate", {})]),
        ('Basic realm="basic-realm"', [("basic", {"realm": "basic-realm"})]),
        ('Bearer realm="https://a.example/t?x=1,2",service="s"', [("bearer", {"realm": "https://a.example/t?x=1,2", "service": "s"})]),
        ("bearer  Realm=plain , SERVICE = b", [("bearer", {"realm": "plain", "service": "b"})]),
        ('Bearer realm="a\\"b",scope=""', [("bearer", {"realm": 'a"b', "scope": ""})]),
        ('Basic realm="x", Bearer realm="y",service="z"', [("basic", {"realm": "x"}), ("bearer", {"realm": "y", "service": "z"})]),
        ("Negotiate, Basic realm=x", [("negotiate", {}), ("basic", {"realm": "x"})]),
    ],
)  # fmt: skip
def test_a_challenge_is_taken_apart(header: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    assert [(each.scheme, each.parameters) for each in parse_challenges(header)] == expected


@given(st.text(max_size=200))
def test_no_header_makes_the_reader_stumble(header: str) -> None:
    assert all(each.scheme == each.scheme.lower() for each in parse_challenges(header))


@given(
    st.dictionaries(
        st.sampled_from(["realm", "service", "scope"]), st.text(st.characters(codec="ascii"), max_size=20)
    )
)
def test_quoted_values_come_back_as_they_were(parameters: dict[str, str]) -> None:
    def quoted(text: str) -> str:
        return text.replace("\\", "\\\\").replace('"', '\\"')

    header = "Bearer " + ",".join(f'{name}="{quoted(value)}"' for name, value in parameters.items())
    if "\n" not in header and "\r" not in header:  # a header is one line
        [found] = parse_challenges(header)
        assert found.parameters == parameters


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://a.example/x", "https://A.example:443/y?z", True),
        ("https://a.example", "http://a.example", False),
        ("https://a.example", "https://a.example:5000", False),
        ("https://a.example", "https://b.a.example", False),
        ("https://a.example", "https://a.example@b.example", False),
    ],
)
def test_a_secret_goes_to_its_origin_only(one: str, other: str, same: bool) -> None:
    authorizer = Authorizer(read_url(one), "repository:x:pull")
    challenge = 'Bearer realm="https://auth.example/token"'
    assert authorizer.answer(challenge, lambda order: Secret(json.dumps({"token": SECRET})), stale=None)
    assert bool(authorizer.headers(read_url(other))) is same
    assert same is (read_url(one).origin == read_url(other).origin)
    assert SECRET not in repr(authorizer)


@pytest.mark.parametrize(
    "realm", ["http://auth.example/token", "ftp://127.0.0.1/", "token", "", "http://127.evil.example/"]
)
def test_a_token_is_never_fetched_in_the_clear(realm: str) -> None:
    asked: list[str] = []
    authorizer = Authorizer(read_url("https://a.example"), "repository:x:pull")
    with pytest.raises(RegtoolsError) as caught:
        authorizer.answer(
            f'Bearer realm="{realm}"', lambda order: asked.append(order.url) or Secret("{}"), stale=None
        )
    assert (caught.value.kind, asked) == ("auth", [])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"token": 7}',
        b'{"token": ""}',
        b'{"token": "a\\r\\nX-Evil: 1"}',
        b"<html>",
        b"[" * 100_000,
    ],
)
def test_an_answer_without_a_token_is_told_without_quoting_it(body: bytes) -> None:
    authorizer = Authorizer(read_url("https://a.example"), "repository:x:pull")
    with pytest.raises(RegtoolsError) as caught:
        authorizer.answer(
            'Bearer realm="https://auth.example/t"', lambda order: Secret(body.decode()), stale=None
        )
    assert caught.value.kind == "auth"
    assert "Evil" not in str(caught.value)


def test_workers_share_one_token_and_ask_for_another_when_it_is_refused() -> None:
    asked: list[str] = []

    def get(order: Order) -> Secret:
        asked.append(order.url)
        return Secret(json.dumps({"access_token": f"t{len(asked)}", "expires_in": 300}))

    authorizer = Authorizer(read_url("https://a.example"), "repository:team/x:pull")
    header = 'Bearer realm="https://auth.example/t",service="reg ist"'
    assert authorizer.answer(header, get, stale=None)
    assert authorizer.answer(header, get, stale=None)  # a second worker, which had none either
    assert len(asked) == 1
    assert asked[0] == "https://auth.example/t?service=reg+ist&scope=repository%3Ateam%2Fx%3Apull"
    assert authorizer.answer(header, get, stale=Secret("Bearer t1"))
    assert authorizer.headers(read_url("https://a.example/v2/")) == {"Authorization": Secret("Bearer t2")}
    assert not authorizer.due


def guarded(server: Server) -> None:
    server.script.token = SECRET
    body = json.dumps({"token": SECRET}).encode()
    for scope in ("repository%3Ateam%2Fsmall%3Apull",):
        server.script.extra[f"/token?service=test&scope={scope}"] = Answer(200, {}, body)


def pull(server: Server) -> Pull:
    return check(time_pull(f"{server.host}/team/small:1", leading_to(server.host), limits=FAST))


def test_an_anonymous_token_opens_a_guarded_registry(server: Server) -> None:
    guarded(server)
    pulled = pull(server)
    assert pulled.ok
    assert [each.kind for each in pulled.requests][:4] == ["ping", "ping", "token", "manifest"]
    assert len([each for each in pulled.requests if each.kind == "token"]) == 1
    assert 0 < pulled.auth_s < pulled.total_s


def test_a_token_refused_midway_is_renewed_once(server: Server) -> None:
    guarded(server)
    challenge = f'Bearer realm="http://{server.host}/token",service="test"'
    server.script.fault(f"/blobs/{sha256(SMALL.layers[1])}", scripted.status(401, WWW_Authenticate=challenge))
    pulled = pull(server)
    assert pulled.ok
    assert len(server.script.paths("/token")) == 2
    server.script.fault("/blobs/", *[scripted.status(401, WWW_Authenticate=challenge)] * 20)
    pulled = pull(server)
    assert (pulled.ok, pulled.error_kind) == (False, "http-401")
    assert len(server.script.paths("/token")) < 12


def test_a_registry_that_wants_a_login_is_told_as_such(server: Server) -> None:
    server.script.fault("/v2/", *[scripted.status(401, WWW_Authenticate='Basic realm="x"')] * 9)
    pulled = pull(server)
    assert (pulled.ok, pulled.error_kind) == (False, "http-401")


def test_a_challenge_from_where_a_redirect_leads_is_not_answered(server: Server) -> None:
    guarded(server)
    with Server() as storage:
        challenge = f'Bearer realm="http://{storage.host}/token",service="test"'
        storage.script.fault("/blob", scripted.status(401, WWW_Authenticate=challenge))
        server.script.fault("/blobs/", scripted.redirect(f"http://{storage.host}/blob"))
        pulled = pull(server)
        assert [each.path for each in storage.script.seen] == ["/blob"]
    assert pulled.error_kind == "http-401"


@pytest.mark.parametrize("code", [403, 500])
def test_a_token_service_that_fails_is_told(server: Server, code: int) -> None:
    guarded(server)
    server.script.fault("/token", *[scripted.status(code)] * 9)
    assert pull(server).error_kind == f"http-{code}"


def test_no_secret_in_any_row_text_or_other_origin(server: Server, tmp_path: Path) -> None:
    from regtools.campaigns.journal import append

    guarded(server)
    with Server() as storage:
        storage.script.extra["/blob"] = Answer(200, {}, SMALL.layers[1])
        server.script.fault(
            f"/blobs/{sha256(SMALL.layers[1])}", scripted.redirect(f"http://{storage.host}/blob")
        )
        pulled = pull(server)
        assert pulled.ok
        assert ["authorization" in each.headers for each in storage.script.seen] == [False]
    append(tmp_path / "journal", pulled)
    shown = (
        repr(pulled),
        str(pulled),
        pulled._repr_html_(),
        str(pulled.to_dict()),
        (tmp_path / "journal").read_text(),
    )
    assert not [text for text in shown if SECRET in text]
