"""Sources are walked as podman walks them."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from regtools.errors import RegtoolsError
from regtools.pull.http.transport import Limits
from regtools.pull.timing import time_pull
from regtools.registries.conf import RegistriesConf
from tests.support import images, scripted
from tests.support.confs import leading_to
from tests.support.images import sha256
from tests.support.logins import Home
from tests.support.registries import SMALL
from tests.support.rows import check
from tests.support.scripted import Answer, Server

FAST = Limits(backoff_s=0.001)
REFUSED = "127.0.0.1:1"


def test_a_mirror_that_serves_is_the_only_place_asked(server: Server) -> None:
    conf = leading_to("images.example", mirrors=[server.host])
    pulled = check(time_pull("images.example/team/small:1", conf))
    assert pulled.ok
    assert pulled.reference == "images.example/team/small:1"
    assert pulled.served_by == f"{server.host}/team/small:1"
    assert pulled.attempts == (pulled.served_by,)


@pytest.mark.parametrize("code", [401, 403, 404, 429, 500, 503])
def test_a_mirror_without_the_manifest_is_left_at_once(server: Server, code: int) -> None:
    with Server() as mirror:
        mirror.script.fault("/manifests/", *[scripted.status(code)] * 9)
        conf = leading_to(server.host, mirrors=[mirror.host])
        pulled = check(time_pull(f"{server.host}/team/small:1", conf))
        assert len(mirror.script.paths("/manifests/")) == 1
    assert pulled.ok
    assert pulled.attempts == (f"{mirror.host}/team/small:1", f"{server.host}/team/small:1")
    assert [(each.reference, each.kind) for each in pulled.failures] == [(pulled.attempts[0], f"http-{code}")]
    assert {each.attempt for each in pulled.requests} == {0, 1}
    assert pulled.n_retries == 0


@pytest.mark.parametrize("code", [403, 404, 500])
def test_a_mirror_whose_ping_fails_is_left(server: Server, code: int) -> None:
    with Server() as mirror:
        mirror.script.fault("/v2/", scripted.status(code))
        pulled = check(
            time_pull(f"{server.host}/team/small:1", leading_to(server.host, mirrors=[mirror.host]))
        )
        assert mirror.script.paths() == ["/v2/"]
    assert pulled.ok


def test_a_dead_mirror_is_nearly_free(server: Server) -> None:
    conf = leading_to(server.host, mirrors=[REFUSED, REFUSED])
    pulled = check(time_pull(f"{server.host}/team/small:1", conf))
    assert pulled.ok
    assert [each.kind for each in pulled.failures] == ["connect", "connect"]
    assert pulled.wait_s < 0.1


def test_a_failing_blob_does_not_lead_to_the_next_source(server: Server) -> None:
    with Server() as mirror:
        mirror.script.put("team/small", "1", SMALL)
        mirror.script.fault("/blobs/", *[scripted.status(404)] * 9)
        conf = leading_to(server.host, mirrors=[mirror.host])
        pulled = check(time_pull(f"{server.host}/team/small:1", conf, limits=FAST))
    assert (pulled.ok, pulled.error_kind) == (False, "http-404")
    assert server.script.seen == []


TOO_MANY = b'{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}'
UNKNOWN = b'{"errors":[{"code":"BLOB_UNKNOWN","message":"blob unknown to registry"}]}'


def unknown(handler: scripted.Handler, answer: Answer) -> None:
    handler.reply(Answer(404, {}, UNKNOWN))


def forbidden(handler: scripted.Handler, answer: Answer) -> None:
    handler.reply(Answer(403, {}, UNKNOWN))


def too_many(handler: scripted.Handler, answer: Answer) -> None:
    handler.reply(Answer(429, {}, TOO_MANY))


@pytest.mark.parametrize("podman", ["5", "6"])
@pytest.mark.parametrize(
    ("fault", "times"),
    [(scripted.status(503), 2), (too_many, 1), (unknown, 1), (forbidden, 1), (scripted.silent(9), 1)],
    ids=["503", "429", "unknown", "forbidden", "silent"],
)
def test_podman_6_takes_a_blob_from_the_next_source_where_one_fails(
    server: Server, tmp_path: Path, fault: scripted.Fault, times: int, podman: str
) -> None:
    home = Home(tmp_path)
    with Server() as mirror:
        mirror.script.put("team/small", "1", SMALL)
        mirror.script.fault(sha256(SMALL.layers[1]), *[fault] * 9)
        conf = home.conf(server.host, mirrors=[mirror.host], podman=podman)
        limits = Limits(backoff_s=0.001, low_speed_s=1, retries=1)
        pulled = check(time_pull(f"{server.host}/team/small:1", conf, limits=limits))
        asked = len(mirror.script.paths(sha256(SMALL.layers[1])))
    if podman == "5":
        assert not pulled.ok
        assert (server.script.seen, asked) == ([], 1 if fault in (unknown, forbidden) else 2)
        return
    assert (pulled.ok, asked) == (True, times)
    assert pulled.served_by == f"{mirror.host}/team/small:1"  # who delivered the manifest
    assert pulled.attempts == (pulled.served_by, f"{server.host}/team/small:1")
    assert [each.reference for each in pulled.failures] == [pulled.served_by]
    assert {path.rpartition("/")[2] for path in server.script.paths("team")} == {sha256(SMALL.layers[1])}
    assert [each.attempt for each in pulled.requests if each.digest == sha256(SMALL.layers[1])] == [
        *[0] * times,
        1,
    ]
    assert pulled.wait_s < 0.1


def test_a_429_without_the_code_of_the_specification_does_not_lead_on(server: Server) -> None:
    with Server() as mirror:
        mirror.script.put("team/small", "1", SMALL)
        mirror.script.fault(sha256(SMALL.layers[1]), *[scripted.status(429)] * 9)
        conf = leading_to(server.host, mirrors=[mirror.host])
        pulled = check(time_pull(f"{server.host}/team/small:1", conf, limits=FAST))
        asked = len(mirror.script.paths(sha256(SMALL.layers[1])))
    assert (pulled.error_kind, asked) == ("http-429", 1 + FAST.retries)
    assert server.script.seen == []


def test_a_blob_that_has_begun_is_gone_on_with_at_its_source(server: Server) -> None:
    with Server() as mirror:
        mirror.script.put("team/small", "1", SMALL)
        mirror.script.fault(sha256(SMALL.layers[1]), scripted.cut(70_000), scripted.status(503))
        conf = leading_to(server.host, mirrors=[mirror.host])
        pulled = check(time_pull(f"{server.host}/team/small:1", conf, limits=FAST))
    assert pulled.ok
    assert server.script.seen == []


def test_when_no_source_has_the_blob_the_candidate_has_failed(server: Server, tmp_path: Path) -> None:
    with Server() as mirror, Server() as empty:
        for each in (mirror, server):
            each.script.put("team/small", "1", SMALL)
            each.script.fault(sha256(SMALL.layers[1]), *[unknown] * 9)
        empty.script.fault("/v2/", *[scripted.status(500)] * 9)
        conf = leading_to(server.host, mirrors=[mirror.host, empty.host])
        pulled = check(time_pull(f"{server.host}/team/small:1", conf, limits=FAST, into=tmp_path / "image"))
        assert pulled.attempts == tuple(f"{each.host}/team/small:1" for each in (mirror, empty, server))
    assert [each.kind for each in pulled.failures] == ["http-404", "http-500", "http-404"]
    assert pulled.error_kind == "http-404"
    assert list(tmp_path.iterdir()) == []


def test_a_blocked_source_is_skipped_without_a_request(server: Server) -> None:
    pulled = check(time_pull("images.example/x:1", leading_to("images.example", blocked=True)))
    assert (pulled.error_kind, pulled.n_requests) == ("blocked", 0)
    assert pulled.attempts == ("images.example/x:1",)
    assert "images.example" in str(pulled)
    pulled = check(
        time_pull(
            "images.example/team/small:1", leading_to("images.example", mirrors=[server.host], blocked=True)
        )
    )
    assert pulled.ok


def test_the_next_candidate_is_tried_when_one_has_failed(server: Server) -> None:
    with Server() as empty:
        text = f'unqualified-search-registries = ["{empty.host}", "{server.host}"]\n'
        for host in (empty.host, server.host):
            text += f'[[registry]]\nlocation = "{host}"\ninsecure = true\n'
        pulled = check(time_pull("team/small:1", RegistriesConf.from_toml(text), limits=FAST))
    assert pulled.ok
    assert (pulled.image, pulled.reference) == ("team/small:1", f"{server.host}/team/small:1")


def test_a_candidate_that_cannot_be_made_is_a_failure_without_a_request() -> None:
    text = '[[registry]]\nprefix = "a.example/app"\nlocation = "b.example"\n'
    pulled = check(time_pull("a.example/app:1", RegistriesConf.from_toml(text)))
    assert (pulled.ok, pulled.error_kind, pulled.attempts) == (False, "not-canonical", ())


def test_an_index_leads_to_the_platform(server: Server, tmp_path: Path) -> None:
    arm = images.image(500, seed=9, architecture="arm64")
    raw = images.index(
        (SMALL, {"os": "linux", "architecture": "amd64"}),
        (arm, {"os": "linux", "architecture": "arm64", "variant": "v8"}),
    )
    server.script.put("team/small", "arm", arm)
    server.script.manifests["/v2/team/small/manifests/multi"] = (raw, images.OCI_INDEX)
    name, conf = f"{server.host}/team/small:multi", leading_to(server.host)
    assert check(time_pull(name, conf, platform="linux/arm64")).digest == arm.digest
    assert check(time_pull(name, conf, platform="linux/amd64")).digest == SMALL.digest
    missing = check(time_pull(name, conf, platform="linux/s390x"))
    assert missing.error_kind == "no-platform"
    with pytest.raises(RegtoolsError, match="bad-platform"):
        time_pull(name, conf, platform="arm64")


def test_an_index_that_leads_to_indexes_ends(server: Server) -> None:
    def nested(inside: bytes) -> bytes:
        entry = images.described(inside, images.OCI_INDEX, platform={"os": "linux", "architecture": "amd64"})
        return json.dumps({"schemaVersion": 2, "mediaType": images.OCI_INDEX, "manifests": [entry]}).encode()

    raw = images.index((SMALL, {"os": "linux", "architecture": "amd64"}))
    for depth in range(6):
        server.script.manifests[f"/v2/team/small/manifests/{sha256(raw)}"] = (raw, images.OCI_INDEX)
        server.script.manifests[f"/v2/team/small/manifests/deep{depth}"] = (raw, images.OCI_INDEX)
        raw = nested(raw)
    conf = leading_to(server.host)
    assert check(time_pull(f"{server.host}/team/small:deep1", conf, platform="linux/amd64")).ok
    pulled = check(time_pull(f"{server.host}/team/small:deep5", conf, platform="linux/amd64"))
    assert pulled.error_kind == "bad-manifest"


def test_plain_http_is_never_used_without_insecure(server: Server) -> None:
    conf = leading_to(server.host, insecure=False)
    pulled = check(time_pull(f"{server.host}/team/small:1", conf, limits=Limits(retries=0)))
    assert pulled.ok is False
    assert server.script.seen == []
    assert {each.kind for each in pulled.requests} == {"ping"}


def test_a_certificate_must_be_known_unless_insecure(secure_server: Server) -> None:
    name = f"{secure_server.host}/team/small:1"
    pulled = check(time_pull(name, leading_to(secure_server.host, insecure=False), limits=FAST))
    assert pulled.error_kind == "certificate"
    assert secure_server.script.seen == []
    pulled = check(time_pull(name, leading_to(secure_server.host, insecure=True), limits=FAST))
    assert pulled.ok


def test_a_known_authority_is_believed_and_tls_is_timed(secure_server: Server, trusted: Path) -> None:
    conf = leading_to(secure_server.host, insecure=False)
    pulled = check(time_pull(f"{secure_server.host}/team/small:1", conf, limits=FAST, workers=2))
    assert pulled.ok
    fresh = [each for each in pulled.requests if not each.reused]
    assert fresh
    assert all(each.tls_s and each.tls_version in ("TLSv1.2", "TLSv1.3") for each in fresh)
    assert {each.http_version for each in pulled.requests} == {"1.1"}


@pytest.mark.parametrize("workers", [1, 3, 16])
def test_workers_bound_the_connections(server: Server, workers: int) -> None:
    pulled = check(time_pull(f"{server.host}/team/small:1", leading_to(server.host), workers=workers))
    assert pulled.ok
    assert {each.worker for each in pulled.requests} <= set(range(workers))
    fresh = [each for each in pulled.requests if each.reused is False and each.error_kind is None]
    assert len(fresh) <= workers


@pytest.mark.parametrize("workers", [0, -1, 65])
def test_a_senseless_number_of_workers_is_refused(workers: int) -> None:
    with pytest.raises(ValueError, match="workers"):
        time_pull("x.example/y", leading_to("x.example"), workers=workers)


def test_one_failing_blob_stops_the_others(server: Server) -> None:
    slow = images.image(*[50_000] * 6, seed=5)
    server.script.put("team/slow", "1", slow)
    server.script.fault(sha256(slow.layers[0]), scripted.late(0.3, scripted.status(404)))
    for layer in slow.layers[1:]:
        server.script.fault(sha256(layer), scripted.silent(20))
    started = time.monotonic()
    pulled = check(time_pull(f"{server.host}/team/slow:1", leading_to(server.host), limits=FAST, workers=4))
    assert pulled.error_kind == "http-404"
    assert time.monotonic() - started < 10
    assert "cancelled" in {each.error_kind for each in pulled.requests}


def test_ctrl_c_ends_a_pull_that_hangs(server: Server, tmp_path: Path) -> None:
    server.script.fault("/blobs/", *[scripted.silent(30)] * 9)
    threading.Timer(0.4, os.kill, (os.getpid(), signal.SIGINT)).start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        time_pull(f"{server.host}/team/small:1", leading_to(server.host), into=tmp_path / "image")
    assert time.monotonic() - started < 10
    assert list(tmp_path.iterdir()) == []


def test_a_foreign_layer_comes_from_its_own_https_address(
    server: Server, secure_server: Server, trusted: Path
) -> None:
    secure_server.script.extra["/windows"] = Answer(200, {}, SMALL.layers[0])
    for url, kind in (
        (f"https://{secure_server.host}/windows", None),
        (f"http://{server.host}/windows", "bad-url"),
    ):
        value = json.loads(SMALL.manifest)
        value["layers"][0]["urls"] = [url]
        raw = json.dumps(value).encode()
        server.script.manifests["/v2/team/small/manifests/foreign"] = (raw, SMALL.media_type)
        pulled = check(time_pull(f"{server.host}/team/small:foreign", leading_to(server.host), limits=FAST))
        assert pulled.error_kind == kind
