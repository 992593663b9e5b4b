"""An image far larger than the memory that a pull may take, made up while it is sent: no disk has it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import images
from tests.support.confs import text_leading_to
from tests.support.scripted import Answer, Fault, Handler, Server

LAYERS, LAYER_MB = 4, 1280
MOST_KB = 40 * 1024

# A small process starts the client: Linux counts the peak of who starts a process as the process's own.
LAUNCH = """
import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:])
_, status, used = os.wait4(child.pid, 0)
print(used.ru_maxrss, file=sys.stderr)
os._exit(status != 0)
"""


def block(number: int) -> bytes:
    return bytes([number]) * (1 << 20)


def sent(number: int) -> Fault:
    def fault(handler: Handler, answer: Answer) -> None:
        handler.head(200, {"Content-Length": str(LAYER_MB << 20)})
        piece = block(number)
        for _ in range(LAYER_MB):
            handler.wfile.write(piece)

    return fault


@pytest.mark.long
@pytest.mark.alone
def test_five_gigabytes_are_pulled_in_forty_megabytes_of_memory(tmp_path: Path) -> None:
    made = images.image(10, seed=1)
    value = json.loads(made.manifest)
    value["layers"] = []
    with Server() as server:
        for number in range(LAYERS):
            digest = hashlib.sha256()
            for _ in range(LAYER_MB):
                digest.update(block(number))
            name = f"sha256:{digest.hexdigest()}"
            value["layers"].append({"mediaType": images.OCI_LAYER, "digest": name, "size": LAYER_MB << 20})
            server.script.fault(name, sent(number))
        made.manifest = json.dumps(value).encode()
        server.script.put("team/huge", "1", made)
        conf = tmp_path / "registries.conf"
        conf.write_text(text_leading_to(server.host))
        program = str(Path(sys.executable).with_name("regtools"))
        pull = [program, "time", f"{server.host}/team/huge:1", "--conf", str(conf), "--json"]
        done = subprocess.run(
            [sys.executable, "-S", "-E", "-c", LAUNCH, *pull], capture_output=True, text=True, timeout=300
        )
    assert done.returncode == 0, done.stderr
    peak_kb = int(done.stderr.split()[-1])
    [row] = json.loads(done.stdout)["pulls"]
    assert (row["ok"], row["bytes_fetched"], row["n_retries"]) == (True, LAYERS * LAYER_MB << 20, 0)
    print(f"5 GB: peak {peak_kb / 1024:.1f} MB, {row['bytes_fetched'] / row['transfer_s'] / 1e6:.0f} MB/s")
    assert peak_kb <= MOST_KB
    assert row["max_rss_kb"] <= MOST_KB
