"""What a server sends may make no sense: the source fails, the next one is tried, and nobody sees a traceback."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from base64 import b64encode
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pycurl
import pytest

from regtools.campaigns.journal import append, read_journal
from regtools.errors import RegtoolsError
from regtools.pull import repository
from regtools.pull.engines.log import kind_of
from regtools.pull.http.logins import find_login
from regtools.pull.http.receiving import Body
from regtools.pull.http.tokens import parse_challenges
from regtools.pull.http.transport import Limits, trouble_of
from regtools.pull.meter import Meter
from regtools.pull.records import LARGEST, Pull, frames
from regtools.pull.timing import time_pull
from regtools.registries.conf import RegistriesConf
from tests.support import images, scripted
from tests.support.confs import leading_to
from tests.support.images import sha256
from tests.support.logins import TOKEN, Home
from tests.support.registries import SMALL
from tests.support.rows import check
from tests.support.scripted import Answer, Server

FAST = Limits(backoff_s=0.001, retries=2)
LAYER = SMALL.layers[1]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def beside(server: Server, mirror: Server) -> Pull:
    """Pull from the mirror, which misbehaves, or else from the server."""
    mirror.script.put("team/small", "1", SMALL)
    conf = leading_to(server.host, mirrors=[mirror.host])
    pulled = check(time_pull(f"{server.host}/team/small:1", conf, limits=FAST))
    assert (pulled.ok, pulled.served_by) == (True, f"{server.host}/team/small:1")
    return pulled


# -- URLs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("http://[bad", "bad-url"),
        ("http://127.0.0.1:99999/", "bad-url"),
        ("http://127.0.0.1:http/", "bad-url"),
        ("/v2/caf\xe9", "http-404"),
        ("http:///", "bad-url"),
    ],
)
def test_a_redirect_to_nonsense_fails_the_source(server: Server, target: str, kind: str) -> None:
    with Server() as mirror:
        mirror.script.fault("/manifests/", *[scripted.redirect(target)] * 9)
        pulled = beside(server, mirror)
    assert [each.kind for each in pulled.failures] == [kind]
    assert kind in {each.error_kind for each in pulled.requests if each.attempt == 0}


def test_a_redirect_with_other_bytes_than_ascii_is_followed(server: Server) -> None:
    server.script.extra["/caf%E9"] = Answer(200, {}, LAYER)
    server.script.fault(f"/blobs/{sha256(LAYER)}", scripted.redirect("/caf\xe9"))
    assert check(time_pull(f"{server.host}/team/small:1", leading_to(server.host), limits=FAST)).ok


@pytest.mark.parametrize(
    "url", ["https://[bad", "https://127.0.0.1:99999/", "https://\ud800.example/", "\0https://x/", "https:"]
)
def test_the_address_of_a_foreign_layer_may_be_nonsense(server: Server, tmp_path: Path, url: str) -> None:
    value = json.loads(SMALL.manifest)
    value["layers"][0]["urls"] = [url]
    server.script.manifests["/v2/team/small/manifests/foreign"] = (
        json.dumps(value).encode(),
        SMALL.media_type,
    )
    pulled = check(time_pull(f"{server.host}/team/small:foreign", leading_to(server.host), limits=FAST))
    assert pulled.error_kind == "bad-url"
    append(tmp_path / "journal", pulled)
    str(pulled).encode()


@pytest.mark.parametrize(
    ("realm", "kind"),
    [
        ("http://HOST/tok\xe9n", "http-404"),
        ("http://[bad", "bad-url"),
        ("https://127.0.0.1:99999/", "bad-url"),
    ],
)
def test_a_realm_may_be_nonsense(server: Server, realm: str, kind: str) -> None:
    with Server() as mirror:
        realm = realm.replace("HOST", mirror.host)
        challenge = scripted.status(401, WWW_Authenticate=f'Bearer realm="{realm}",service="d\xe9j\xe0"')
        mirror.script.fault("/v2/", *[challenge] * 9)
        pulled = beside(server, mirror)
    assert [each.kind for each in pulled.failures] == [kind]


def test_a_proxy_that_makes_no_sense_fails_the_source(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://[bad")
    monkeypatch.setenv("HTTPS_PROXY", "http://[bad")
    pulled = check(time_pull("registry.example/team/small:1", leading_to("registry.example"), limits=FAST))
    assert pulled.error_kind == "bad-url"


# -- numbers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("life", ["9" * 400, "-1", "NaN", "Infinity", "1e400"])
def test_a_token_may_claim_any_life(server: Server, life: str) -> None:
    server.script.token = TOKEN
    server.script.token_answer = f'{{"token": "{TOKEN}", "expires_in": {life}}}'.encode()
    pulled = check(time_pull(f"{server.host}/team/small:1", leading_to(server.host), limits=FAST))
    assert (pulled.ok, pulled.error_kind) == ((False, "auth") if life == "NaN" else (True, None))


@pytest.mark.parametrize("start", ["9" * 5000, "\xb2", "-5", ""])
def test_a_range_may_start_anywhere(server: Server, start: str) -> None:
    def elsewhere(handler: scripted.Handler, answer: Answer) -> None:
        handler.reply(Answer(206, {"Content-Range": f"bytes {start}-9/{len(LAYER)}"}, LAYER[:10]))

    server.script.fault(f"/blobs/{sha256(LAYER)}", scripted.cut(70_000), elsewhere)
    pulled = check(time_pull(f"{server.host}/team/small:1", leading_to(server.host), limits=FAST))
    assert pulled.ok
    assert "bad-range" in {each.error_kind for each in pulled.requests}


@pytest.mark.parametrize(
    "line", [f"HTTP/1.1 {'9' * 5000} OK", "HTTP/1.1 \xb2\xb2\xb2 OK", "HTTP/1.1", "HTTP/9 x"]
)
def test_a_status_that_is_none_fails_the_source(server: Server, line: str) -> None:
    def answer(handler: scripted.Handler, answer: Answer) -> None:
        handler.wfile.write(f"{line}\r\nContent-Length: 2\r\n\r\n{{}}".encode("latin-1"))
        handler.close_connection = True

    with Server() as mirror:
        mirror.script.fault("/v2/", *[answer] * 30)
        pulled = beside(server, mirror)
    assert [each.reference for each in pulled.failures] == [f"{mirror.host}/team/small:1"]


@pytest.mark.parametrize("size", [2**63, 10**400, -1, 1.5, True])
@pytest.mark.parametrize("part", ["layer", "config"])
def test_a_size_that_no_row_can_hold_is_refused_at_the_manifest(
    server: Server, size: object, part: str
) -> None:
    value = json.loads(SMALL.manifest)
    (value["config"] if part == "config" else value["layers"][0])["size"] = size
    server.script.manifests["/v2/team/small/manifests/huge"] = (json.dumps(value).encode(), SMALL.media_type)
    meter = Meter()
    pulled = check(
        time_pull(f"{server.host}/team/small:huge", leading_to(server.host), limits=FAST, meter=meter)
    )
    assert pulled.error_kind == "bad-manifest"
    assert meter.size == 0


def test_a_sum_of_layers_beyond_a_row_is_refused_and_the_largest_kept(server: Server, tmp_path: Path) -> None:
    value = json.loads(SMALL.manifest)
    for name, size in (("sum", 2**62), ("largest", LARGEST)):
        value["layers"] = [{**value["layers"][0], "size": size}, {**value["layers"][1], "size": 2**62}]
        value["layers"] = value["layers"][: 1 if name == "largest" else 2]
        raw = json.dumps(value).encode()
        server.script.manifests[f"/v2/team/small/manifests/{name}"] = (raw, SMALL.media_type)
    conf = leading_to(server.host)
    pulled = check(time_pull(f"{server.host}/team/small:sum", conf, limits=FAST))
    assert pulled.error_kind == "bad-manifest"
    pulled = check(time_pull(f"{server.host}/team/small:largest", conf, limits=FAST))
    append(tmp_path / "journal", pulled)
    pulls, _ = read_journal(tmp_path / "journal")
    assert list(pulls["bytes_declared"]) == [LARGEST] == [pulled.bytes_declared]
    with pytest.raises(RegtoolsError, match="bytes_declared"):
        frames([pulled.row() | {"bytes_declared": LARGEST + 1}], [])


# -- what libcurl says -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number", sorted({getattr(pycurl, name) for name in dir(pycurl) if name.startswith("E_")})
)
def test_libcurl_s_words_which_quote_the_server_are_not_shown(number: int) -> None:
    curl = pycurl.Curl()
    for words in ("\x1b[31mhunter2", "alert unknown ca hunter2", ""):
        found = trouble_of(curl, number, words, FAST, stalled=False)
        assert found.kind and found.message.isprintable() and "hunter2" not in found.message
    curl.close()


@pytest.mark.parametrize(
    "greeting", [b"SSH-2.0-OpenSSH_9.2\r\n", b"220 mail\r\n", b"\x00\xff" * 9, b"\x1b[31m"]
)
def test_a_port_that_speaks_something_else_is_told_as_that(server: Server, greeting: bytes) -> None:
    def speak(handler: scripted.Handler, answer: Answer) -> None:
        handler.wfile.write(greeting * 3)
        handler.close_connection = True

    with Server() as mirror:
        mirror.script.fault("/v2/", *[speak] * 9)
        pulled = beside(server, mirror)
    [failure] = pulled.failures
    assert (failure.kind, "its answer is not HTTP" in failure.message) == ("transport", True)


# -- headers ---------------------------------------------------------------------------------------------


def test_other_bytes_than_ascii_in_headers_do_no_harm(server: Server, tmp_path: Path) -> None:
    odd = {
        "X-Cache": "d\xe9j\xe0 vu",
        "Content-Type": "\xe9/\xe9",
        "RateLimit-Limit": "\xff",
        "Retry-After": "\xb2",
    }
    server.script.fault("/manifests/", lambda handler, answer: handler.reply(Answer(503, odd, b"\xe9")))
    server.script.fault(
        "/manifests/", lambda handler, answer: handler.reply(Answer(200, answer.headers | odd, answer.body))
    )
    pulled = check(time_pull(f"{server.host}/team/small:1", leading_to(server.host), limits=FAST))
    assert pulled.ok
    append(tmp_path / "journal", pulled)
    _, requests = read_journal(tmp_path / "journal")
    assert "x-cache: d\xe9j\xe0 vu" in set(requests["cache_header"].dropna())


@pytest.mark.parametrize(
    "header", ["Bearer a=b" + " " * 40_000 + '"', "a" + ", " * 30_000, 'B a="' + "\\x" * 30_000]
)
def test_a_challenge_is_read_in_one_pass(header: str) -> None:
    started = time.perf_counter()
    parse_challenges(header)
    assert time.perf_counter() - started < 0.5


def test_a_header_without_end_fails_the_source(server: Server) -> None:
    odd = scripted.status(200, **{f"X_{number}": "a" * 8000 for number in range(12)})
    with Server() as mirror:
        mirror.script.fault("/v2/", *[odd] * 9)
        pulled = beside(server, mirror)
    assert [each.kind for each in pulled.failures] == ["too-large"]
    assert "header" in pulled.failures[0].message


@pytest.mark.parametrize("words", ["does not match ", "repository ", '"', "tls"])
def test_a_message_of_a_megabyte_is_understood_at_once(words: str) -> None:
    started = time.perf_counter()
    kind_of(words * 100_000)
    assert time.perf_counter() - started < 0.5


# -- logins ----------------------------------------------------------------------------------------------


def test_a_login_that_is_no_unicode_is_refused_where_it_is_read(server: Server, home: Home) -> None:
    for answer in ('{"Username":"\\\\ud800","Secret":"x"}', '{"Username":"u","Secret":"\\\\udfff"}'):
        home.program("odd", f"printf '%b' '{answer}'")
        home.auth({}, credHelpers={server.host: "odd"})
        with pytest.raises(RegtoolsError) as caught:
            find_login(home.conf(server.host), f"{server.host}/app:1")
        assert caught.value.kind == "credentials"
    home.auth({server.host: {"auth": b64encode(b"u:p").decode(), "identitytoken": "\ud800"}})
    with pytest.raises(RegtoolsError) as caught:
        find_login(home.conf(server.host), f"{server.host}/app:1")
    assert caught.value.kind == "credentials"


def test_a_user_that_is_no_utf_8_is_sent_as_it_is(server: Server, home: Home) -> None:
    server.script.token = TOKEN
    server.script.token_answer = json.dumps({"token": TOKEN}).encode()
    home.login(server.host, b64encode(b"\xff:p").decode())
    assert check(time_pull(f"{server.host}/team/small:1", home.conf(server.host), limits=FAST)).ok
    [asked] = server.script.paths("/token")
    assert parse_qs(urlsplit(asked).query, errors="surrogateescape")["account"] == ["\udcff"]


def test_a_file_of_authorities_may_have_any_name(
    secure_server: Server, trusted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "zertifikate-\xfc.pem"
    shutil.copy(trusted, bundle)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    conf = leading_to(secure_server.host, insecure=False)
    assert check(time_pull(f"{secure_server.host}/team/small:1", conf, limits=FAST)).ok


# -- what nobody foresaw ---------------------------------------------------------------------------------


def test_an_error_nobody_foresaw_leads_to_the_next_source(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, errors = repository.read_manifest, [ZeroDivisionError("its words")]

    def stumble(*arguments: object) -> object:
        if errors:
            raise errors.pop()
        return read(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(repository, "read_manifest", stumble)
    with Server() as mirror:
        pulled = beside(server, mirror)
    [failure] = pulled.failures
    assert (failure.kind, failure.reference) == ("unforeseen", f"{mirror.host}/team/small:1")
    assert isinstance(failure.cause, ZeroDivisionError)
    assert failure.cause.__traceback__ is not None
    assert "its words" not in str(pulled)
    assert "ZeroDivisionError" in str(pulled)
    assert Pull.from_dict(json.loads(json.dumps(pulled.to_dict()))) == pulled


def test_an_error_nobody_foresaw_in_a_callback_is_not_printed(
    server: Server, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def stumble(*_: object) -> bool:
        raise ZeroDivisionError("in a callback")  # libcurl would print it

    monkeypatch.setattr(Body, "take", stumble)
    with Server() as mirror:
        conf = leading_to(server.host, mirrors=[mirror.host])
        pulled = check(time_pull(f"{server.host}/team/small:1", conf, limits=FAST))
    assert [(each.kind, type(each.cause)) for each in pulled.failures] == [
        ("unforeseen", ZeroDivisionError)
    ] * 2
    assert capfd.readouterr() == ("", "")


def test_a_blob_nobody_foresaw_fails_the_candidate_and_the_next_is_tried(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict, errors = Body.verdict, [ZeroDivisionError("once")]

    def stumble(body: Body) -> tuple[str, str] | None:
        if errors and body.received == len(LAYER):
            raise errors.pop()
        return verdict(body)

    monkeypatch.setattr(Body, "verdict", stumble)
    with Server() as first:
        first.script.put("team/small", "1", SMALL)
        text = f'unqualified-search-registries = ["{first.host}", "{server.host}"]\n'
        for host in (first.host, server.host):
            text += f'[[registry]]\nlocation = "{host}"\ninsecure = true\n'
        pulled = check(time_pull("team/small:1", RegistriesConf.from_toml(text), limits=FAST))
    assert (pulled.ok, pulled.served_by) == (True, f"{server.host}/team/small:1")
    assert [each.kind for each in pulled.failures] == ["unforeseen"]


def test_an_index_may_name_any_size(server: Server) -> None:
    raw = json.loads(images.index((SMALL, {"os": "linux", "architecture": "amd64"})))
    raw["manifests"][0]["size"] = 2**63
    server.script.manifests["/v2/team/small/manifests/index"] = (json.dumps(raw).encode(), images.OCI_INDEX)
    pulled = check(
        time_pull(
            f"{server.host}/team/small:index", leading_to(server.host), platform="linux/amd64", limits=FAST
        )
    )
    assert pulled.error_kind == "bad-manifest"


LIMITED = """
import os, resource, sys
from regtools.pull.http.transport import Limits, trouble_of
from regtools.pull.timing import time_pull
from tests.support.confs import leading_to
host, mirror, more = sys.argv[1:]
conf = leading_to(host, mirrors=[mirror])
time_pull(f"{host}/team/small:1", conf)
most = len(os.listdir("/proc/self/fd")) - 1 + int(more)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
pulled = time_pull(f"{host}/team/small:1", conf, limits=Limits(backoff_s=0.001))
print(pulled.error_kind, {each.kind for each in pulled.failures}, pulled.failures[-1].message)
"""


@pytest.mark.parametrize("more", [0, 1, 2, 3])
def test_too_few_files_are_our_limit_and_no_fault_of_a_mirror(server: Server, more: int) -> None:
    # was: "transport", "Out of memory", or "connect"; and the next source was tried
    with Server() as mirror:
        mirror.script.put("team/small", "1", SMALL)
        done = subprocess.run(
            [sys.executable, "-c", LIMITED, server.host, mirror.host, str(more)],
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.stdout.startswith("resources {'resources'}"), done
    assert "ulimit -n" in done.stdout


CRAMPED = """
import resource, sys
from regtools.errors import RegtoolsError
from regtools.pull.timing import time_pull
from tests.support.confs import leading_to
host, mirror, tag, more = sys.argv[1:]
conf = leading_to(host, mirrors=[mirror])
if tag == "large":
    time_pull(f"{host}/team/small:1", conf)
used = int(open("/proc/self/statm").read().split()[0]) * 4096
resource.setrlimit(resource.RLIMIT_AS, (used + int(more), used + int(more)))
try:
    pulled = time_pull(f"{host}/team/small:{tag}", conf)
    print(pulled.error_kind, {each.kind for each in pulled.failures}, pulled.failures[-1].message)
except RegtoolsError as error:
    print(error.kind, {error.kind}, error.message)
"""


@pytest.mark.parametrize(
    ("tag", "more", "told"),
    [
        ("1", 4_000_000, "no more threads"),
        pytest.param("large", 2_000_000, "no memory left", marks=pytest.mark.long),
    ],
)
def test_a_limit_of_memory_is_ours_and_no_fault_of_a_mirror(
    server: Server, tag: str, more: int, told: str
) -> None:
    value = json.loads(SMALL.manifest)
    value["annotations"] = {f"a{number}": [[], []] for number in range(150_000)}  # 3 MB, and 70 MB as objects
    large = json.dumps(value).encode(), SMALL.media_type
    with Server() as mirror:
        for each in (server, mirror):
            each.script.put("team/small", "1", SMALL)
            each.script.manifests["/v2/team/small/manifests/large"] = large
        words = [sys.executable, "-c", CRAMPED, server.host, mirror.host, tag, str(more)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("resources {'resources'}"), done
    assert told in done.stdout


def test_memory_that_runs_out_is_our_limit(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: object) -> bool:
        raise MemoryError

    monkeypatch.setattr(Body, "take", no_memory)
    with Server() as mirror:
        conf = leading_to(server.host, mirrors=[mirror.host])
        pulled = check(time_pull(f"{server.host}/team/small:1", conf, limits=FAST))
    assert [each.kind for each in pulled.failures] == ["resources"]
    assert "ulimit -v" in pulled.failures[0].message
