"""Planted passwords of proxies and tokens are in no output, row, journal, file, process list or traceback."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from urllib.parse import quote

import pytest

from regtools.errors import RegtoolsError
from regtools.pull.http.receiving import Wanted
from regtools.pull.http.tokens import Order
from regtools.pull.http.transport import Exchange, Limits
from regtools.pull.http.trust import proxy_for, proxy_secrets
from regtools.pull.http.values import Censor, Secret, read_url
from regtools.pull.timing import time_pull
from tests.support import scripted
from tests.support.confs import leading_to
from tests.support.logins import PAIR, PASSWORD, TOKEN, USER, Home, everything_shown, everything_told
from tests.support.registries import SMALL
from tests.support.rows import check
from tests.support.scripted import Answer, Server
from tests.support.secrets import commands_running, files_below, planted_in

FAST = Limits(backoff_s=0.001, retries=1)
WORD = "hunter2-pl4nted"
# Passwords as they are written in a variable, unescaped; each was shown, or was in the column `proxy`.
WRITTEN = [WORD, f"{WORD}#x", f"{WORD}/x", f"{WORD}?x", f"{WORD}@x", f"x#{WORD}", f"x/{WORD}", f"12345/{WORD}",
           f"{WORD}://x", f"{WORD}%20x", f"{WORD}é", f"{WORD}\udcff"]  # fmt: skip
ADDRESSES = ["http://me:{}@HOST", "me:{}@HOST", "ftp://me:{}@HOST", "http://me:{}@HOST:99999", "http://me:{}@h:port",
             "http://{}@HOST", "http://me:{}@[bad", "htp:/me:{}@HOST", "http://me:{}@"]  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("written", WRITTEN)
def test_no_part_of_a_proxy_s_password_is_shown(address: str, written: str) -> None:
    environ = {"HTTPS_PROXY": address.format(written).replace("HOST", "proxy.example:3128")}
    try:
        found = proxy_for(read_url("https://quay.io/v2/"), environ)
    except RegtoolsError as error:
        told = everything_told(error)
    else:
        told = f"{found!r} {found.url} {found.shown}"
    assert planted_in(told, WORD, "12345") == []
    assert WORD not in Censor(*proxy_secrets(environ))(
        f"parse {environ['HTTPS_PROXY']!r}: bad port {written!r}"
    )


URL = f"https://me:{WORD}@quay.io/v2/?token={WORD}"
HOLDERS = [
    read_url(URL),
    Wanted("blob", URL),
    Order(URL),
    Exchange(307, {"location": URL}, URL.encode(), URL.encode(), None, {"url_host": URL}),
]


@pytest.mark.parametrize("holder", HOLDERS, ids=lambda holder: type(holder).__name__)
def test_what_holds_an_address_with_a_password_does_not_show_it(holder: tuple[object, ...]) -> None:
    assert WORD in "".join(map(str, holder))
    for shown in (repr(holder), str(holder), f"{holder}", f"{[holder]}"):
        assert WORD not in shown


@pytest.mark.parametrize("written", ["pa%23ss%2Fw%3Fo%40rd", "plain", "", "a%3Ab"])
def test_a_proxy_gets_the_decoded_password_and_nobody_else_does(
    server: Server, written: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with Server() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://m%65:{written}@{proxy.host}")
        proxy.script.extra["http://images.test/v2/"] = Answer(403, {}, b"{}")
        pulled = check(time_pull("images.test/team/small:1", leading_to("images.test"), limits=FAST))
        [seen] = [each for each in proxy.script.seen if each.path == "http://images.test/v2/"]
    sent = {"pa%23ss%2Fw%3Fo%40rd": "pa#ss/w?o@rd", "a%3Ab": "a:b"}.get(written, written)
    assert seen.headers["proxy-authorization"] == f"Basic {b64encode(f'me:{sent}'.encode()).decode()}"
    assert pulled.error_kind == "http-403"


def test_a_proxy_that_repeats_what_it_was_sent_is_not_quoted(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def echo(handler: scripted.Handler, answer: Answer) -> None:
        sent = handler.headers["Proxy-Authorization"]
        words = f"{sent} {sent.rstrip('=')} {WORD} {quote(WORD + '/', safe='')} " + "x" * 90 + sent
        handler.reply(Answer(403, {"X-Cache": words}, json.dumps({"errors": [{"message": words}]}).encode()))

    with Server() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://me:{WORD}%2F@{proxy.host}")
        proxy.script.fault("http://images.test/v2/", *[echo] * 9)
        pulled = check(time_pull("images.test/team/small:1", leading_to("images.test"), limits=FAST))
        assert planted_in(commands_running(), WORD) == []
    told = everything_shown(pulled, tmp_path)
    assert "registry answers 403" in told
    assert planted_in(told, WORD, f"me:{WORD}/", WORD[:8]) == []


@pytest.mark.parametrize("life", ["300", "NaN"])
def test_the_answer_that_brings_a_token_may_name_it(
    server: Server, home: Home, tmp_path: Path, life: str
) -> None:
    # was: recorded before the token was known
    server.script.token = TOKEN
    words = {"X-Cache": f"HIT {TOKEN}", "RateLimit-Limit": TOKEN, "Content-Type": "application/json"}
    body = f'{{"token": "{TOKEN}", "refresh_token": "{WORD}", "expires_in": {life}}}'.encode()
    server.script.fault(
        "/token", *[lambda handler, _: handler.reply(Answer(200, words | {"Age": WORD}, body))] * 9
    )
    home.login(server.host)
    pulled = check(time_pull(f"{server.host}/team/small:1", home.conf(server.host), limits=FAST))
    assert pulled.ok == (life == "300")
    assert planted_in(everything_shown(pulled, tmp_path), TOKEN, WORD, PASSWORD, PAIR) == []


def test_a_message_that_is_cut_within_a_secret_shows_no_part_of_it(
    server: Server, home: Home, tmp_path: Path
) -> None:
    server.script.login = f"Basic {PAIR}"
    home.login(server.host)
    for before in range(180, 200, 3):
        words = "x" * before + PASSWORD
        body = json.dumps({"errors": [{"message": words}]}).encode()
        server.script.fault("/manifests/", lambda handler, _, body=body: handler.reply(Answer(403, {}, body)))
        pulled = check(time_pull(f"{server.host}/team/small:1", home.conf(server.host), limits=FAST))
        assert planted_in(everything_shown(pulled, tmp_path), PASSWORD[:5]) == []


@pytest.mark.parametrize("text", [f'{{"Username":"{USER}\\ud800","Secret":"{WORD}"}}', f'{{"Username":"<token>","Secret":"{WORD}\\ud800"}}',
                                  f'{{"Username":"{USER}","Secret":"{WORD}\\udfff"}}'])  # fmt: skip
def test_a_login_that_no_encoding_can_send_is_in_no_exception(
    server: Server, home: Home, tmp_path: Path, text: str
) -> None:
    home.program("odd", f"cat <<'EOF'\n{text}\nEOF")
    home.auth({}, credHelpers={server.host: "odd"})
    server.script.login = f"Basic {PAIR}"
    pulled = check(time_pull(f"{server.host}/team/small:1", home.conf(server.host), limits=FAST))
    assert pulled.error_kind == "credentials"
    causes = [everything_told(each.cause) for each in pulled.failures if each.cause is not None]
    assert planted_in(everything_shown(pulled, tmp_path) + "".join(causes), WORD) == []


def test_a_pull_into_a_folder_writes_no_secret(server: Server, home: Home, tmp_path: Path) -> None:
    server.script.login = f"Basic {PAIR}"
    server.script.put("team/small", "1", SMALL)
    home.login(server.host)
    pulled = time_pull(
        f"{server.host}/team/small:1", home.conf(server.host), limits=FAST, into=tmp_path / "image"
    )
    assert pulled.ok
    assert planted_in(files_below(tmp_path / "image"), PASSWORD, PAIR) == []


def test_a_censor_finds_every_spelling() -> None:
    censor = Censor(Secret("pa/s s\x01é"), None, Secret("abc"))
    for form in ("pa/s s\x01é", "pa%2Fs%20s%01%C3%A9", "pa%2Fs+s%01%C3%A9", "pa/s s\\x01é", "cGEvcyBzAcOp"):
        assert censor(f"<{form}>") == "<…>"
    assert censor("abc") == "abc"  # too short to be hidden
