"""Each address of a name is tried as podman tries it, and is in the row with its outcome.

The script runs in a network of its own, with its own /etc/hosts and resolv.conf. Addresses that are routed to
loopback and belong to nobody swallow packets; the name server answers the questions for one name only, late.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import absent

ENTER = """
set -e
PATH=$PATH:/usr/sbin:/sbin
ip link set lo up
ip route add 198.51.100.0/24 dev lo
ip -6 address add 2001:db8::1/128 dev lo
ip -6 route add 2001:db8::/64 dev lo
mount --bind "$1/hosts" /etc/hosts
mount --bind "$1/resolv.conf" /etc/resolv.conf
shift
exec "$@"
"""
HOSTS = """
127.0.0.1 only-v4.test
2001:db8::7 dead-v6.test
127.0.0.1 dead-v6.test
127.0.0.2 two-hosts.test
127.0.0.1 two-hosts.test
198.51.100.7 two-silent.test
198.51.100.8 two-silent.test
198.51.100.7 silent.test
203.0.113.1 no-route.test
"""
SCRIPT = """
import json, socket, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from regtools.pull.http.transport import Limits
from regtools.pull.timing import time_pull
from regtools.registries.conf import RegistriesConf

class Nothing(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(404)
    def log_message(self, *_):
        pass

def serve(names):
    while True:
        question, asker = names.recvfrom(512)
        if question[12:].startswith(b"\\4late"):
            end = question.index(b"\\0", 12) + 5
            v4 = question[end - 4:end - 2] == b"\\0\\1"
            about = b"\\x81\\x80\\0\\1" + bytes([0, v4]) + bytes(4)
            found = b"\\xc0\\x0c\\0\\1\\0\\1" + bytes(4) + b"\\0\\4\\x7f\\0\\0\\1"
            answer = question[:2] + about + question[12:end] + found * v4
            threading.Timer(0.38, names.sendto, (answer, asker)).start()

with socket.socket(type=socket.SOCK_DGRAM) as names:
    names.bind(("127.0.0.53", 53))
    threading.Thread(target=serve, args=[names], daemon=True).start()
    for at in (("127.0.0.1", 5000), ("127.0.0.2", 5001)):
        threading.Thread(target=ThreadingHTTPServer(at, Nothing).serve_forever, daemon=True).start()
    insecure = '[[registry]]\\nprefix = "*.test"\\ninsecure = true\\n'
    secure = '[[registry]]\\nlocation = "two-silent.test:5000"\\n'
    conf = RegistriesConf.from_toml(insecure + secure)
    answers = {}
    limits = {"only-v4": 5, "dead-v6": 5, "two-hosts": 5, "two-silent": 3, "silent": 2, "no-route": 5}
    limits |= {"unknown": 0.4, "late": 0.35}

    def answer(host):
        begun = time.perf_counter()
        port = 5001 if host == "two-hosts" else 5000
        pull = time_pull(f"{host}.test:{port}/x", conf, limits=Limits(retries=0, connect_s=limits[host]))
        return {"took_s": time.perf_counter() - begun, **pull.to_dict(), "text": str(pull)}

    with ThreadPoolExecutor(len(limits)) as pool:
        answers = dict(zip(limits, pool.map(answer, limits)))
json.dump(answers, sys.stdout)
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    missing = [name for name in ("unshare", "ip") if not shutil.which(name, path=path)]
    if missing or os.geteuid() != 0:
        absent(f"needs root, and {', '.join(missing) or 'nothing else'}, for a network of its own")
    folder = tmp_path_factory.mktemp("net")
    (folder / "hosts").write_text(HOSTS)
    (folder / "resolv.conf").write_text("nameserver 127.0.0.53\n")
    enter = ["unshare", "--net", "--mount", "sh", "-c", ENTER, "sh", str(folder)]
    command = [*enter, sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def tried(answer: dict[str, Any]) -> list[tuple[str, str]]:
    """Address and outcome of everything that the first request tried."""
    cells = (each.split() for each in answer["requests"][0]["addresses"].split("; "))
    return [(ip, outcome) for ip, outcome, _ in cells]


def test_a_silent_name_server_delays_no_name_of_etc_hosts(answers: dict[str, Any]) -> None:
    answer = answers["only-v4"]
    assert answer["error_kind"] == "not-a-registry"
    assert answer["took_s"] < 2.5  # the system asks again after 5 s
    assert all(each["addresses"].startswith("127.0.0.1 connected ") for each in answer["requests"])
    assert [each["remote_ip"] for each in answer["requests"]] == ["127.0.0.1"] * 2


def test_a_family_that_does_not_answer_is_overtaken_by_the_other(answers: dict[str, Any]) -> None:
    answer = answers["dead-v6"]
    assert answer["error_kind"] == "not-a-registry"
    assert tried(answer) == [("2001:db8::7", "overtaken"), ("127.0.0.1", "connected")]
    assert answer["requests"][0]["tcp_s"] > 0.29


def test_the_next_host_of_a_name_follows_one_that_refuses(answers: dict[str, Any]) -> None:
    answer = answers["two-hosts"]
    assert answer["error_kind"] == "not-a-registry"
    assert tried(answer) == [("127.0.0.1", "refused"), ("127.0.0.2", "connected")]
    assert "127.0.0.1 refuses the connection (" in answer["text"]


def test_each_host_of_a_name_has_its_share_of_the_time(answers: dict[str, Any]) -> None:
    answer = answers["two-silent"]
    assert answer["error_kind"] == "timeout"
    assert sorted(tried(answer)) == [("198.51.100.7", "timeout"), ("198.51.100.8", "timeout")]
    assert "no connection within 3 s: 198.51.100." in answer["failures"][0]["message"]
    assert answer["requests"][0]["tcp_s"] > 2.1


@pytest.mark.parametrize(
    ("host", "kind", "outcome", "words"),
    [
        ("silent", "timeout", "timeout", "no connection within 2 s: 198.51.100.7 does not answer ("),
        ("no-route", "connect", "unreachable", "it cannot be reached: 203.0.113.1 has no route from here ("),
    ],
)
def test_an_address_without_an_answer_is_named(
    answers: dict[str, Any], host: str, kind: str, outcome: str, words: str
) -> None:
    answer = answers[host]
    assert answer["error_kind"] == kind
    assert [each for _, each in tried(answer)] == [outcome]
    assert words in answer["failures"][0]["message"]


def test_a_name_that_no_server_tells_is_a_row_of_name_look_up(answers: dict[str, Any]) -> None:
    answer = answers["unknown"]
    assert answer["error_kind"] == "dns"
    assert (
        "its name was not resolved within 0.4 s: no name server answers" in answer["failures"][0]["message"]
    )
    for row in answer["requests"]:
        assert row["addresses"] is None and row["tcp_s"] is None
        assert row["dns_s"] == pytest.approx(row["total_s"]) and row["dns_s"] > 0.39


def test_a_name_that_is_resolved_when_the_time_is_over_is_a_row_of_name_look_up(
    answers: dict[str, Any],
) -> None:
    answer = answers["late"]
    assert answer["error_kind"] == "dns"
    # Whether the waiting thread looks again before the answer is there or after, depends on the machine.
    words = (
        "its name was not resolved within 0.35 s",
        "its name was resolved too late to connect within 0.35 s",
    )
    assert any(each in answer["failures"][0]["message"] for each in words)
    for row in answer["requests"]:
        assert row["addresses"] is None and row["tcp_s"] is None
        assert row["dns_s"] == pytest.approx(row["total_s"])
