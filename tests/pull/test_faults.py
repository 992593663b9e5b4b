"""What goes wrong on the way is recovered from or told, in a row; never believed, never kept."""

from __future__ import annotations

import socket
import time
import tracemalloc
from email.utils import formatdate
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from regtools.campaigns.journal import append, read_journal
from regtools.pull.http.transport import Limits
from regtools.pull.records import Pull
from regtools.pull.timing import time_pull
from tests.support import images, scripted
from tests.support.confs import leading_to
from tests.support.images import sha256
from tests.support.registries import SMALL
from tests.support.rows import check
from tests.support.scripted import Answer, Server

FAST = Limits(backoff_s=0.001)
LAYER = SMALL.layers[1]  # the largest
BLOB = f"/blobs/{sha256(LAYER)}"


def pull(server: Server, limits: Limits = FAST, **more: Any) -> Pull:
    image = f"{server.host}/team/small:1"
    return check(time_pull(image, leading_to(server.host), limits=limits, **more))


def kinds(pulled: Pull, kind: str) -> list[str | None]:
    return [each.error_kind for each in pulled.requests if each.kind == kind and each.digest == sha256(LAYER)]


def test_a_whole_image_arrives_and_every_byte_is_verified(server: Server) -> None:
    pulled = pull(server)
    assert pulled.ok
    assert (pulled.n_layers, pulled.n_retries, pulled.bytes_fetched) == (3, 0, SMALL.size)
    assert pulled.bytes_declared == SMALL.size
    assert pulled.digest == SMALL.digest
    assert pulled.served_by == pulled.reference == f"{server.host}/team/small:1"
    assert all(each.digest_ok for each in pulled.requests if each.kind in ("manifest", "config", "blob"))


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("part", ["/manifests/", "/blobs/"])
def test_what_may_pass_is_asked_for_again(server: Server, code: int, part: str) -> None:
    server.script.fault(part, scripted.status(code))
    pulled = pull(server)
    assert pulled.ok
    assert pulled.n_retries == 1
    assert [each.status for each in pulled.requests if each.error_kind == f"http-{code}"] == [code]


@pytest.mark.parametrize("code", [400, 403, 404, 405, 416])
def test_what_will_not_pass_is_asked_for_once(server: Server, code: int) -> None:
    server.script.fault("/manifests/", scripted.status(code))
    pulled = pull(server)
    assert (pulled.ok, pulled.error_kind, pulled.n_retries) == (False, f"http-{code}", 0)
    assert "told to fail" in str(pulled)


def test_repeating_ends_after_the_limit(server: Server) -> None:
    server.script.fault("/manifests/", *[scripted.status(503)] * 10)
    pulled = pull(server)
    assert (pulled.error_kind, pulled.n_retries) == ("http-503", 4)
    assert len(server.script.paths("/manifests/")) == 5


def test_pauses_double_and_are_waiting_not_work(server: Server) -> None:
    server.script.fault("/manifests/", *[scripted.status(503)] * 3)
    pulled = pull(server, Limits(backoff_s=0.04))
    times = [each.t0_s for each in pulled.requests if each.kind == "manifest"]
    gaps = [after - before for before, after in pairwise(times)]
    for number, gap in enumerate(gaps[:3]):
        assert gap >= 0.04 * 2**number * 0.75
    assert pulled.wait_s >= 0.04 * 7 * 0.75
    assert pulled.manifest_s < pulled.wait_s


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_obeyed_and_recorded(server: Server, form: str) -> None:
    value = "1" if form == "seconds" else formatdate(time.time() + 2, usegmt=True)
    server.script.fault("/manifests/", scripted.status(429, Retry_After=value))
    pulled = pull(server)
    assert pulled.ok
    [row] = [each for each in pulled.requests if each.status == 429]
    assert row.retry_after_s is not None
    assert 0.5 <= row.retry_after_s <= 2
    assert pulled.wait_s >= 0.5
    assert pulled.manifest_s < 0.5


def test_retry_after_beyond_the_cap_ends_the_request(server: Server) -> None:
    server.script.fault("/manifests/", scripted.status(429, Retry_After="3600"))
    pulled = pull(server)
    assert (pulled.error_kind, pulled.n_retries) == ("http-429", 0)
    assert pulled.requests[-1].retry_after_s == 3600


@pytest.mark.parametrize("value", ["9" * 5000, "-1", "soon", "Mon, 99 Foo 99999 99:99:99 GMT", ""])
def test_a_senseless_retry_after_breaks_nothing(server: Server, tmp_path: Path, value: str) -> None:
    server.script.fault("/manifests/", scripted.status(503, Retry_After=value))
    append(tmp_path / "journal", pull(server))
    pulls, _ = read_journal(tmp_path / "journal")
    assert len(pulls) == 1


@pytest.mark.parametrize("after", [1, 70_000, len(LAYER) - 1])
def test_a_cut_blob_goes_on_where_it_stopped(server: Server, after: int) -> None:
    server.script.fault(BLOB, scripted.cut(after))
    pulled = pull(server)
    assert pulled.ok
    first, second = (each for each in pulled.requests if each.digest == sha256(LAYER))
    assert (first.error_kind, second.error_kind, second.status) == ("cut", None, 206)
    assert second.range_from == first.bytes
    assert first.bytes + second.bytes == len(LAYER)
    assert pulled.bytes_fetched == SMALL.size
    assert second.digest_ok


def test_a_server_without_ranges_starts_the_blob_over(server: Server) -> None:
    server.script.fault(BLOB, scripted.cut(70_000), scripted.whole)
    pulled = pull(server)
    assert pulled.ok
    assert pulled.bytes_fetched > SMALL.size
    assert pulled.requests[-1].digest_ok or pulled.ok


def test_a_range_from_the_wrong_place_is_not_believed(server: Server) -> None:
    def elsewhere(handler: scripted.Handler, answer: Answer) -> None:
        handler.reply(Answer(206, {"Content-Range": f"bytes 0-9/{len(LAYER)}"}, LAYER[:10]))

    server.script.fault(BLOB, scripted.cut(70_000), elsewhere)
    pulled = pull(server)
    assert pulled.ok
    assert kinds(pulled, "blob") == ["cut", "bad-range", None]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (scripted.body(lambda data: data[:-1] + bytes([data[-1] ^ 1])), "digest-mismatch"),
        (scripted.body(lambda data: data + b"x"), "size-mismatch"),
        (scripted.body(lambda data: b""), "size-mismatch"),
        (scripted.endless, "size-mismatch"),
    ],
    ids=["wrong byte", "one byte more", "empty", "endless"],
)
def test_a_blob_that_is_not_what_was_declared_fails_and_is_not_kept(
    server: Server, tmp_path: Path, fault: scripted.Fault, kind: str
) -> None:
    server.script.fault(BLOB, fault)
    target = tmp_path / "image"
    pulled = pull(server, into=target)
    assert (pulled.ok, pulled.error_kind) == (False, kind)
    assert list(tmp_path.iterdir()) == []
    [row] = [each for each in pulled.requests if each.error_kind == kind]
    assert row.digest_ok is False
    assert row.bytes <= len(LAYER) + 512 * 1024


def test_a_body_that_ends_early_every_time_is_a_cut_one(server: Server) -> None:
    server.script.fault(BLOB, *[scripted.body(lambda data: data[:-1] if len(data) > 1 else b"")] * 9)
    assert pull(server).error_kind in ("cut", "bad-range", "size-mismatch")


def test_a_manifest_must_be_what_its_tag_claims_and_what_its_digest_says(server: Server) -> None:
    server.script.fault("/manifests/1", scripted.body(lambda data: data + b" "))
    assert pull(server).error_kind == "digest-mismatch"
    path = f"/manifests/{SMALL.digest}"
    server.script.fault(path, scripted.body(lambda data: data + b" ", Docker_Content_Digest="sha256:none"))
    image = f"{server.host}/team/small@{SMALL.digest}"
    assert check(time_pull(image, leading_to(server.host), limits=FAST)).error_kind == "digest-mismatch"
    assert check(time_pull(image, leading_to(server.host), limits=FAST)).ok


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"<html>", "bad-manifest"),
        (b"[]", "bad-manifest"),
        (b"[" * 100_000, "bad-manifest"),
        (b'{"schemaVersion":1}', "unsupported-manifest"),
        (b'{"schemaVersion":2,"mediaType":"text/x"}', "unsupported-manifest"),
        (b" " * (4 << 20) + b" ", "too-large"),
    ],
    ids=["html", "array", "deep", "schema 1", "strange type", "over 4 MiB"],
)
def test_a_manifest_that_is_none_is_told(server: Server, raw: bytes, kind: str) -> None:
    headers = {"Docker_Content_Digest": sha256(raw)}
    server.script.fault("/manifests/", scripted.body(lambda _: raw, **headers))
    assert pull(server).error_kind == kind


def test_ten_thousand_layers_of_one_blob_are_one_request(server: Server) -> None:
    import json

    value = json.loads(SMALL.manifest)
    value["layers"] = value["layers"][:1] * 10_000
    raw = json.dumps(value).encode()
    server.script.manifests["/v2/team/small/manifests/many"] = (raw, SMALL.media_type)
    pulled = check(time_pull(f"{server.host}/team/small:many", leading_to(server.host)))
    assert (pulled.ok, pulled.n_layers) == (True, 10_000)
    assert len([each for each in pulled.requests if each.kind == "blob"]) == 1


def test_redirects_are_followed_hop_by_hop_each_a_row(server: Server) -> None:
    with Server() as other:
        other.script.extra["/elsewhere"] = Answer(200, {}, LAYER)
        server.script.fault(BLOB, scripted.redirect(f"http://{other.host}/elsewhere"))
        pulled = pull(server)
    assert pulled.ok
    rows = [each for each in pulled.requests if each.digest == sha256(LAYER)]
    assert [(each.hop, each.status, each.url_host) for each in rows] == [
        (0, 307, server.host),
        (1, 200, other.host),
    ]
    assert [each.error_kind for each in rows] == [None, None]


def test_a_redirect_may_be_relative(server: Server) -> None:
    server.script.extra["/v2/else"] = Answer(200, {}, LAYER)
    server.script.fault(BLOB, scripted.redirect("/v2/else", 302))
    assert pull(server).ok


def test_a_redirect_loop_ends_after_five_hops(server: Server) -> None:
    server.script.fault(BLOB, *[scripted.redirect(BLOB)] * 20)
    pulled = pull(server)
    assert pulled.error_kind == "redirect-loop"
    assert max(each.hop for each in pulled.requests) == 5


def test_https_never_leads_to_http(server: Server, secure_server: Server, trusted: Path) -> None:
    secure_server.script.fault(BLOB, scripted.redirect(f"http://{server.host}/v2/team/small{BLOB}"))
    conf = leading_to(secure_server.host, insecure=False)
    pulled = check(time_pull(f"{secure_server.host}/team/small:1", conf, limits=FAST))
    assert pulled.error_kind == "redirect-refused"
    assert server.script.seen == []


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1:1/x"])
def test_a_redirect_to_another_protocol_is_refused(server: Server, url: str) -> None:
    server.script.fault(BLOB, scripted.redirect(url))
    assert pull(server).error_kind == "redirect-refused"


def test_a_server_that_says_nothing_costs_the_low_speed_time(server: Server) -> None:
    server.script.fault("/manifests/", *[scripted.silent(30)] * 5)
    started = time.monotonic()
    pulled = pull(server, Limits(low_speed_s=1, retries=1, backoff_s=0.001))
    assert pulled.error_kind == "timeout"
    assert time.monotonic() - started < 15
    [first, _] = [each for each in pulled.requests if each.kind == "manifest"]
    assert (first.ttfb_s, first.body_s, first.status) != (None, None, 200)


def test_a_refused_connection_is_a_row_that_says_where_the_time_went() -> None:
    with socket.socket() as nobody:  # bound, never listening
        nobody.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{nobody.getsockname()[1]}"
        pulled = check(time_pull(f"{host}/x:1", leading_to(host), limits=FAST))
    assert pulled.error_kind == "connect"
    for row in pulled.requests:
        assert row.error_kind == "connect"
        assert row.tcp_s is not None
        assert (row.tls_s, row.ttfb_s, row.body_s, row.reused, row.status) == (None, None, None, None, None)


def test_an_unknown_host_is_a_row_of_name_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    pulled = check(time_pull("nowhere.invalid/x:1", leading_to("nowhere.invalid"), limits=FAST))
    assert pulled.error_kind == "dns"
    assert all(each.tcp_s is None and each.dns_s is not None for each in pulled.requests)


def test_an_error_body_without_end_is_cut_off(server: Server) -> None:
    def flood(handler: scripted.Handler, answer: Answer) -> None:
        scripted.endless(handler, Answer(404, {}, b""))

    server.script.fault("/manifests/", flood)
    pulled = pull(server)
    assert pulled.error_kind == "http-404"
    assert pulled.requests[-1].bytes <= 2 << 20


def test_what_a_registry_says_cannot_move_the_cursor(server: Server) -> None:
    def coloured(handler: scripted.Handler, answer: Answer) -> None:
        handler.reply(Answer(404, {}, b'{"errors":[{"message":"\\u001b[31mred"}]}'))

    server.script.fault("/manifests/", coloured)
    assert "\x1b" not in str(pull(server))


def test_memory_does_not_grow_with_the_image(server: Server) -> None:
    big = images.image(30_000_000, seed=7)
    server.script.put("team/big", "1", big)
    conf = leading_to(server.host)
    time_pull(f"{server.host}/team/small:1", conf)
    tracemalloc.start()
    try:
        pulled = check(time_pull(f"{server.host}/team/big:1", conf))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert pulled.ok
    assert peak < 6_000_000  # the server's threads in this process included
