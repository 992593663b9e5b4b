"""A login is found where podman finds it, is sent to whom it belongs, and is shown to nobody."""

from __future__ import annotations

import json
import logging
import os
import pickle
from base64 import b64encode
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from regtools.errors import RegtoolsError
from regtools.pull.http import logins as auth
from regtools.pull.http.logins import Login, find_login
from regtools.pull.http.transport import Limits
from regtools.pull.http.values import Secret
from regtools.pull.timing import time_pull
from regtools.registries.conf import RegistriesConf
from tests.support import logins, scripted
from tests.support.images import sha256
from tests.support.logins import IDENTITY, PAIR, PASSWORD, TOKEN, USER, Home
from tests.support.registries import SMALL
from tests.support.rows import check
from tests.support.scripted import Answer, Server

FAST = Limits(backoff_s=0.001)
HOST = "reg.example"
OTHER = b64encode(b"bob:other").decode()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def found(
    home: Home, reference: str = f"{HOST}/team/app:1", *, extra: str = ""
) -> tuple[str, str, str] | None:
    login = find_login(home.conf(HOST, extra=extra), reference)
    return login and (login.user, login.password.reveal(), login.identity_token.reveal())


# -- where it is found -----------------------------------------------------------------------------------

ENTRIES = {
    "user and password": ({"auth": PAIR}, (USER, PASSWORD, "")),
    "a password with colons": ({"auth": b64encode(b"u:a:b").decode()}, ("u", "a:b", "")),
    "ended by zero bytes": ({"auth": b64encode(b"u:p\0\0").decode()}, ("u", "p", "")),
    "with line ends": ({"auth": PAIR[:8] + "\r\n" + PAIR[8:]}, (USER, PASSWORD, "")),
    "names in capitals": ({"AUTH": PAIR}, (USER, PASSWORD, "")),
    "an identity token": (
        {"auth": b64encode(b"0:").decode(), "identitytoken": IDENTITY},
        ("0", "", IDENTITY),
    ),
    "not UTF-8": ({"auth": b64encode(b"u:\xff").decode()}, ("u", "\udcff", "")),
    # Podman goes on to the next file, which knows somebody else.
    "an identity token alone": ({"identitytoken": IDENTITY}, ("bob", "other", "")),
    "no colon": ({"auth": b64encode(b"word").decode()}, ("bob", "other", "")),
    "nothing but a colon": ({"auth": b64encode(b":").decode()}, ("bob", "other", "")),
    "an empty entry": ({}, ("bob", "other", "")),
    "null": (None, ("bob", "other", "")),
}


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_is_read_as_podman_reads_it(name: str, home: Home) -> None:
    entry, expected = ENTRIES[name]
    home.auth({HOST: entry})
    home.put(".docker/config.json", {"auths": {HOST: {"auth": OTHER}}})
    assert found(home) == expected


def test_the_repository_s_own_entry_comes_before_the_registry_s(home: Home) -> None:
    home.auth({HOST: {"auth": OTHER}, f"{HOST}/team": {"auth": PAIR}})
    assert found(home) == (USER, PASSWORD, "")
    assert found(home, f"{HOST}/else/app:1") == ("bob", "other", "")


def test_docker_s_own_files_are_read_last(home: Home) -> None:
    home.put(".dockercfg", {f"https://{HOST}/v1/": {"auth": PAIR}})
    assert found(home) == (USER, PASSWORD, "")
    home.put(".docker/config.json", {"auths": {HOST: {"auth": OTHER}}})
    assert found(home) == ("bob", "other", "")


def test_a_store_for_everything_is_docker_s_and_not_podman_s(home: Home) -> None:
    home.program("store", 'echo \'{"Username":"x","Secret":"y"}\'')
    home.put(".docker/config.json", {"credsStore": "store"})
    assert found(home) is None


def test_a_configuration_that_has_travelled_finds_the_same_login(home: Home) -> None:
    home.login(HOST)
    conf = pickle.loads(pickle.dumps(home.conf(HOST)))
    login = find_login(conf, f"{HOST}/app:1")
    assert login and login.user == USER
    here = pickle.loads(pickle.dumps(RegistriesConf.from_toml("")))
    assert here.surroundings.environ is os.environ  # of the process where it arrives


def test_another_machine_s_files_are_read_below_its_root(tmp_path: Path) -> None:
    far = Home(tmp_path / "far" / "home" / "ann")
    far.auth({HOST: {"auth": PAIR}}, credHelpers={"other.example": "x"})
    environ = {"HOME": "/home/ann", "CONTAINERS_REGISTRIES_CONF": "/r.conf"}
    (tmp_path / "far" / "r.conf").write_text("")
    conf = RegistriesConf.load(root=tmp_path / "far", environ=environ, uid=1)
    login = find_login(conf, f"{HOST}/app:1")
    assert login and login.user == USER
    with pytest.raises(RegtoolsError, match="not run on this one"):
        find_login(conf, "other.example/app:1")


BROKEN = {
    "no base64": {HOST: {"auth": f"!{PASSWORD}!"}},
    "no padding": {HOST: {"auth": PAIR.rstrip("=") + "A"}},
    "a number": {HOST: {"auth": 7, "identitytoken": IDENTITY}},
    "a token that is a number": {HOST: {"auth": PAIR, "identitytoken": 7}},
}


@pytest.mark.parametrize("name", BROKEN)
def test_an_entry_that_cannot_be_read_ends_the_look_up(name: str, home: Home) -> None:
    file = home.auth(BROKEN[name])
    home.put(".docker/config.json", {"auths": {HOST: {"auth": OTHER}}})
    with pytest.raises(RegtoolsError) as caught:
        found(home)
    assert (caught.value.kind, caught.value.file) == ("credentials", str(file))
    assert logins.found_in(logins.everything_told(caught.value)) == []


def test_a_broken_file_after_the_login_does_no_harm_and_before_it_does(home: Home, tmp_path: Path) -> None:
    home.login(HOST)
    home.put(".docker/config.json", '{"auths": {"' + PASSWORD)
    assert found(home) == (USER, PASSWORD, "")
    with pytest.raises(RegtoolsError) as caught:
        found(home, "other.example/app:1")
    assert (caught.value.kind, caught.value.file) == ("credentials", str(home.folder / ".docker/config.json"))
    assert logins.found_in(logins.everything_told(caught.value)) == []


# -- programs --------------------------------------------------------------------------------------------


def test_a_program_is_really_run_with_the_host_on_its_input(home: Home) -> None:
    home.program(
        "here",
        f'read host; echo "$1 $host" >> $HOME/asked; echo \'{{"Username":"{USER}","Secret":"{PASSWORD}"}}\'',
    )
    home.auth({HOST: {"auth": OTHER}}, credHelpers={HOST: "here"})
    assert found(home) == (USER, PASSWORD, "")
    assert (home.folder / "asked").read_text() == f"get {HOST}\n"


def test_a_program_may_give_an_identity_token(home: Home) -> None:
    home.program("token", f'echo \'{{"Username":"<token>","Secret":"{IDENTITY}"}}\'')
    home.auth({}, credHelpers={HOST: "token"})
    assert found(home) == ("", "", IDENTITY)


def test_a_program_without_a_login_leads_on(home: Home) -> None:
    home.program("none", "echo credentials not found in native keychain; exit 1")
    home.auth({}, credHelpers={HOST: "none"})
    home.put(".docker/config.json", {"auths": {HOST: {"auth": PAIR}}})
    assert found(home) == (USER, PASSWORD, "")


def test_programs_of_registries_conf_are_asked_in_order_and_failures_lead_on(home: Home) -> None:
    home.program("broken", f"echo {PASSWORD}; echo {PASSWORD} >&2; exit 3")
    home.program("good", f'echo \'{{"Username":"{USER}","Secret":"{PASSWORD}"}}\'')
    extra = 'credential-helpers = ["broken", "containers-auth.json", "good"]\n'
    assert found(home, extra=extra) == (USER, PASSWORD, "")
    with pytest.raises(RegtoolsError, match="status 3") as caught:
        found(home, extra='credential-helpers = ["broken"]\n')
    assert logins.found_in(logins.everything_told(caught.value)) == []


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (f"echo {PASSWORD}", "not the JSON of a login"),
        (f'echo \'{{"Username": 7, "Secret": "{PASSWORD}"}}\'', "not the JSON of a login"),
        (f"echo {PASSWORD}; exit 1", "status 1"),
        ("exec sleep 60", "no answer in"),
    ],
)
def test_a_program_that_fails_is_told_without_its_words(
    script: str, message: str, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "HELPER_S", 0.3)
    home.program("bad", script)
    home.auth({}, credHelpers={HOST: "bad"})
    with pytest.raises(RegtoolsError, match=message) as caught:
        found(home)
    assert caught.value.kind == "credentials"
    assert logins.found_in(logins.everything_told(caught.value)) == []


def test_a_program_that_is_not_there_is_told(home: Home) -> None:
    home.auth({}, credHelpers={HOST: "absent"})
    with pytest.raises(RegtoolsError, match="no such program on PATH"):
        found(home)


# -- to whom it is sent ----------------------------------------------------------------------------------


def basic(server: Server) -> None:
    """The registry wants our user and password with every request."""
    server.script.login = f"Basic {PAIR}"


def bearer(server: Server, life: int = 300) -> None:
    """The registry wants a token, and its token service, a path of its own, our login."""
    server.script.token = TOKEN
    server.script.realm_login = f"Basic {PAIR}"
    server.script.token_answer = json.dumps({"token": TOKEN, "expires_in": life}).encode()


def test_basic_sends_the_login_with_every_request(server: Server, home: Home) -> None:
    basic(server)
    home.login(server.host)
    name = f"{server.host}/team/small:1"
    assert check(time_pull(name, home.conf(server.host), limits=FAST)).ok
    asked = [each.headers.get("authorization") for each in server.script.seen]
    assert asked[0] is None
    assert set(asked[1:]) == {f"Basic {PAIR}"}


@pytest.mark.parametrize("pair", [None, OTHER])
def test_basic_without_the_right_login_is_a_401(server: Server, home: Home, pair: str | None) -> None:
    basic(server)
    if pair:
        home.login(server.host, pair)
    pulled = check(time_pull(f"{server.host}/team/small:1", home.conf(server.host), limits=FAST))
    assert (pulled.ok, pulled.error_kind) == (False, "http-401")
    asked = [each.headers.get("authorization") for each in server.script.seen if "/manifests/" in each.path]
    assert asked == ([f"Basic {pair}", None] if pair else [None])  # a refused login: is the image public?
    assert len([each for each in pulled.requests if each.kind == "manifest"]) == 1
    told = (
        f"the login from {home.folder}/.config/containers/auth.json was refused"
        if pair
        else "no login was found"
    )
    assert told in pulled.failures[0].message


def test_a_token_is_got_with_the_login(server: Server, home: Home) -> None:
    bearer(server)
    home.login(server.host)
    pulled = check(time_pull(f"{server.host}/team/small:1", home.conf(server.host), limits=FAST))
    assert pulled.ok
    [asked] = [each for each in server.script.seen if each.path.startswith("/token")]
    assert asked.headers["authorization"] == f"Basic {PAIR}"
    assert parse_qs(urlsplit(asked.path).query) == {
        "account": [USER], "service": ["test"], "scope": ["repository:team/small:pull"],
    }  # fmt: skip
    assert [each.status for each in pulled.requests if each.kind == "token"] == [200]
    sent = {each.headers.get("authorization") for each in server.script.seen if "/v2/team" in each.path}
    assert sent == {f"Bearer {TOKEN}"}


def test_an_identity_token_is_posted_for_a_token(server: Server, home: Home) -> None:
    bearer(server)
    home.login(server.host, b64encode(b"0:").decode(), identitytoken=IDENTITY)
    pulled = check(time_pull(f"{server.host}/team/small:1", home.conf(server.host), limits=FAST))
    assert pulled.ok
    [asked] = [each for each in server.script.seen if each.path.startswith("/token")]
    assert (asked.method, asked.path, asked.headers.get("authorization")) == ("POST", "/token", None)
    fields = parse_qs(asked.body.decode())
    assert fields["refresh_token"] == [IDENTITY]
    assert (fields["grant_type"], fields["scope"]) == (["refresh_token"], ["repository:team/small:pull"])


def test_a_wrong_login_is_told_by_the_token_service(server: Server, home: Home) -> None:
    bearer(server)
    home.login(server.host, OTHER)
    pulled = check(time_pull(f"{server.host}/team/small:1", home.conf(server.host), limits=FAST))
    assert pulled.error_kind == "http-401"
    assert [each.kind for each in pulled.requests if each.error_kind == "http-401"] == ["token"]
    assert "was refused" in pulled.failures[0].message


def test_of_several_schemes_the_first_that_podman_knows_counts(server: Server, home: Home) -> None:
    basic(server)
    home.login(server.host)
    server.script.challenge = ("Negotiate", 'Basic realm="x"', f'Bearer realm="http://{server.host}/token"')
    assert check(time_pull(f"{server.host}/team/small:1", home.conf(server.host), limits=FAST)).ok
    assert server.script.paths("/token") == []


def test_each_source_gets_its_own_login_and_no_other(server: Server, home: Home) -> None:
    with Server() as mirror:
        basic(mirror)
        bearer(server)
        home.auth({mirror.host: {"auth": OTHER}, server.host: {"auth": PAIR}})
        conf = home.conf(server.host, mirrors=[mirror.host])
        pulled = check(time_pull(f"{server.host}/team/small:1", conf, limits=FAST))
        at_mirror = {each.headers.get("authorization") for each in mirror.script.seen}
    assert pulled.ok
    assert [each.kind for each in pulled.failures] == ["http-401"]
    assert at_mirror == {None, f"Basic {OTHER}"}


def test_a_source_whose_login_cannot_be_looked_up_is_left_for_the_next(server: Server, home: Home) -> None:
    with Server() as mirror:
        mirror.script.put("team/small", "1", SMALL)
        home.auth({}, credHelpers={mirror.host: "absent"})
        conf = home.conf(server.host, mirrors=[mirror.host])
        pulled = check(time_pull(f"{server.host}/team/small:1", conf, limits=FAST))
        assert mirror.script.seen == []
    assert pulled.ok
    assert [(each.reference, each.kind) for each in pulled.failures] == [
        (f"{mirror.host}/team/small:1", "credentials")
    ]


@pytest.mark.parametrize("scheme", [basic, bearer])
def test_no_redirect_takes_a_secret_along(server: Server, home: Home, scheme: object) -> None:
    assert callable(scheme)
    scheme(server)
    home.login(server.host)
    with Server() as storage:
        for part, path in (("/manifests/1", "/m"), (sha256(SMALL.layers[1]), "/b")):
            server.script.fault(part, scripted.redirect(f"http://{storage.host}{path}"))
        storage.script.extra["/m"] = server.script.answer("/v2/team/small/manifests/1")
        storage.script.extra["/b"] = Answer(200, {}, SMALL.layers[1])
        assert check(time_pull(f"{server.host}/team/small:1", home.conf(server.host), limits=FAST)).ok
        assert sorted(each.path for each in storage.script.seen) == ["/b", "/m"]
        assert [each.headers.get("authorization") for each in storage.script.seen] == [None, None]


def test_a_challenge_from_where_the_ping_is_redirected_gets_no_login(server: Server, home: Home) -> None:
    with Server() as thief:
        for host in (server.host, thief.host):
            home.login(host)
        thief.script.fault(
            "/v2/", scripted.status(401, WWW_Authenticate=f'Bearer realm="http://{thief.host}/token"')
        )
        server.script.fault("/v2/", scripted.redirect(f"http://{thief.host}/v2/"))
        home.auth({server.host: {"auth": PAIR}})
        assert check(time_pull(f"{server.host}/team/small:1", home.conf(server.host), limits=FAST)).ok
        assert [(each.path, each.headers.get("authorization")) for each in thief.script.seen] == [
            ("/v2/", None)
        ]


@pytest.mark.parametrize("identity", [False, True])
def test_a_token_service_that_redirects_elsewhere_gets_no_secret_there(
    server: Server, home: Home, identity: bool
) -> None:
    bearer(server)
    home.login(server.host, **({"identitytoken": IDENTITY} if identity else {}))
    with Server() as thief:
        server.script.fault("/token", scripted.redirect(f"http://{thief.host}/token"))
        thief.script.extra["/token"] = Answer(401, {}, b"{}")
        pulled = check(time_pull(f"{server.host}/team/small:1", home.conf(server.host), limits=FAST))
        assert [each.headers.get("authorization") for each in thief.script.seen] == (
            [] if identity else [None]
        )
        assert all(each.method == "GET" and not each.body for each in thief.script.seen)
    assert pulled.error_kind == ("redirect-refused" if identity else "http-401")


def test_a_token_that_ends_midway_is_renewed(
    server: Server, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regtools.pull.http.tokens.TOKEN_LIFE_S", 0.0)  # the least life that is believed
    bearer(server, life=1)
    home.login(server.host)
    server.script.fault("/manifests/", scripted.late(0.6, lambda handler, answer: handler.reply(answer)))
    pulled = check(time_pull(f"{server.host}/team/small:1", home.conf(server.host), limits=FAST))
    assert pulled.ok
    assert len(server.script.paths("/token")) >= 2
    assert "http-401" not in {each.error_kind for each in pulled.requests}


# -- to nobody else --------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ["basic", "bearer", "identity", "program", "wrong", "token-fails", "broken"])
def test_no_secret_is_shown_anywhere(
    server: Server, home: Home, tmp_path: Path, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    (basic if case == "basic" else bearer)(server)
    home.login(server.host, **({"identitytoken": IDENTITY} if case == "identity" else {}))
    if case == "program":
        home.program("own", f'echo \'{{"Username":"{USER}","Secret":"{PASSWORD}"}}\'')
        home.auth({}, credHelpers={server.host: "own"})
    if case == "wrong":
        home.login(server.host, b64encode(b"ann:s3cr3t-but-wrong").decode())
    if case == "token-fails":
        server.script.token_answer = f'{{"token": ["{TOKEN}"]}}'.encode()
    if case == "broken":
        home.login(server.host, f"!{PASSWORD}!")
    pulled = check(time_pull(f"{server.host}/team/small:1", home.conf(server.host), limits=FAST))
    assert pulled.ok == (case in ("basic", "bearer", "identity", "program"))
    assert logins.found_in(logins.everything_shown(pulled, tmp_path) + caplog.text) == []


@pytest.mark.parametrize("scheme", [basic, bearer])
def test_a_registry_that_repeats_our_secrets_is_not_quoted(
    server: Server, home: Home, tmp_path: Path, scheme: object
) -> None:
    def tell(handler: scripted.Handler, answer: Answer) -> None:
        words = f"you are {handler.headers.get('Authorization')}, with {PASSWORD}"
        body = json.dumps({"errors": [{"code": "DENIED", "message": words}]}).encode()
        handler.reply(Answer(403, {"X-Cache": words, "RateLimit-Limit": words}, body))

    assert callable(scheme)
    scheme(server)
    home.login(server.host)
    server.script.fault("/manifests/", tell)
    pulled = check(time_pull(f"{server.host}/team/small:1", home.conf(server.host), limits=FAST))
    assert pulled.error_kind == "http-403"
    assert "you are B" in str(pulled)
    assert logins.found_in(logins.everything_shown(pulled, tmp_path)) == []


def test_an_error_nobody_foresaw_shows_no_secret_either(
    server: Server, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bearer(server)
    home.login(server.host)

    def stumble(*_: object) -> None:
        raise RuntimeError("stumbled")

    for target in ("regtools.pull.repository.read_manifest", "regtools.pull.http.fetch._judge"):
        with monkeypatch.context() as patched:
            patched.setattr(target, stumble)
            pulled = check(time_pull(f"{server.host}/team/small:1", home.conf(server.host), limits=FAST))
        [failure] = pulled.failures
        assert (pulled.error_kind, str(failure.cause)) == ("unforeseen", "stumbled")
        assert failure.cause is not None
        assert failure.cause.__traceback__ is not None
        assert "stumbled" not in logins.everything_shown(pulled, tmp_path)
        assert logins.found_in(logins.everything_shown(pulled, tmp_path)) == []
        assert logins.found_in(logins.everything_told(failure.cause)) == []


def test_secrets_have_no_face() -> None:
    login = Login(USER, PASSWORD, IDENTITY)
    for value in (login, login.password, login.basic(), [Secret(TOKEN)], {"Authorization": Secret(TOKEN)}):
        assert logins.found_in(f"{value} {value!r}") == []
    with pytest.raises(TypeError, match="not written anywhere"):
        pickle.dumps(Secret(TOKEN))
