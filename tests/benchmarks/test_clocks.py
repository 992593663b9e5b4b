"""Two clocks: the phases that libcurl tells of a request, beside those of a script that uses http.client.

The same requests, in turns, through the same link; the lower quartiles, which a busy machine moves least, agree
within 1.5 ms a phase.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import quantiles

import pytest

from regtools.pull.http.receiving import Body, Wanted
from regtools.pull.http.transport import Client, Limits
from regtools.pull.http.trust import Trust
from regtools.pull.http.values import read_url
from regtools.testbed.bed import Link, Links
from tests.support import certificates, images
from tests.support.certificates import Certificate
from tests.support.dockerregistry import DockerRegistry

pytestmark = [pytest.mark.benchmark, pytest.mark.needs("docker-registry", "openssl")]

ROUNDS = 32
TOLERANCE_S = 0.0015
IMAGE = images.image(100_000, seed=31)

# host, path, authority or ""; one line of JSON for every line of input. Knows nothing of regtools or curl.
SCRIPT = """
import http.client, json, socket, ssl, sys, time
host, path, authority = sys.argv[1:]
context = ssl.create_default_context(cafile=authority) if authority else None
address = host.rsplit(":", 1)
for _ in sys.stdin:
    connection = http.client.HTTPConnection(host)
    clock = time.perf_counter
    marks = [clock()]
    sock = socket.create_connection((address[0], int(address[1])))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    marks.append(clock())
    if context:
        sock = context.wrap_socket(sock, server_hostname=address[0])
    marks.append(clock())
    connection.sock = sock
    connection.request("GET", path, headers={"Accept": "*/*"})
    answer = connection.getresponse()
    marks.append(clock())
    size = len(answer.read())
    marks.append(clock())
    connection.close()
    phases = dict(zip(("tcp_s", "tls_s", "ttfb_s", "body_s"), (b - a for a, b in zip(marks, marks[1:]))))
    print(json.dumps({"status": answer.status, "bytes": size, "total_s": marks[-1] - marks[0], **phases}), flush=True)
"""


def ours(url: str, authority: Path | None) -> dict[str, float | int | None]:
    environ = {**os.environ, "SSL_CERT_FILE": str(authority)} if authority else dict(os.environ)
    client = Client(time.perf_counter(), limits=Limits(), environ=environ)
    try:
        done = client.send(
            read_url(url), headers={"Accept": "*/*"}, begin=lambda *_: Body(Wanted("blob", "")), trust=Trust()
        )
    finally:
        client.close()
    names = ("status", "bytes", "total_s", "tcp_s", "tls_s", "ttfb_s", "body_s")
    found = {name: done.wire[name] for name in names}
    # The host is an address and not a name: for the script, too, this is a part of connecting.
    found["tcp_s"] += done.wire["dns_s"] or 0.0
    return found


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("delay_ms", [0, 5, 40])
def test_two_independent_clocks_agree(delay_ms: int, secure: bool, tmp_path: Path) -> None:
    certificate: Certificate | None = certificates.make(tmp_path / "tls") if secure else None
    with (
        DockerRegistry(tmp_path / "registry", certificate=certificate) as registry,
        Links({"way": (Link(rtt_ms=delay_ms), registry.host)}) as links,
    ):
        connection = registry.connect()
        images.push(connection, "team/app", "1", IMAGE)
        connection.close()
        host, path = links.addresses["way"], f"/v2/team/app/blobs/{images.sha256(IMAGE.layers[0])}"
        authority = certificate.ca if certificate else None
        command = [sys.executable, "-c", SCRIPT, host, path, str(authority or "")]
        told: dict[str, list[dict[str, float]]] = {"curl": [], "http.client": []}
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as script:
            assert script.stdin is not None and script.stdout is not None
            for _ in range(ROUNDS + 1):
                script.stdin.write("next\n")
                script.stdin.flush()
                told["http.client"].append(json.loads(script.stdout.readline()))
                mine = ours(f"{'https' if secure else 'http'}://{host}{path}", authority)
                told["curl"].append({name: value or 0.0 for name, value in mine.items()})
            script.stdin.close()
    assert {(each["status"], each["bytes"]) for rows in told.values() for each in rows} == {
        (200, len(IMAGE.layers[0]))
    }
    for phase in ("tcp_s", "tls_s", "ttfb_s", "body_s"):
        seen = {who: quantiles([row[phase] for row in rows[1:]])[0] for who, rows in told.items()}
        print(
            f"{phase:8} curl {seen['curl'] * 1000:7.2f} ms, http.client {seen['http.client'] * 1000:7.2f} ms"
        )
        assert abs(seen["curl"] - seen["http.client"]) <= TOLERANCE_S, (phase, seen)
