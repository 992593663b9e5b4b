"""Pulls beside curl, skopeo and podman, from the same docker-registry on loopback, in one run."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import perf_counter, process_time, thread_time
from typing import Any

import pycurl
import pytest

from regtools.campaigns.journal import append
from regtools.pull.http.receiving import Body, Receiver, Tap, Wanted
from regtools.pull.recorder import Run
from regtools.pull.records import CLIENT_LIMIT
from regtools.pull.timing import time_pull
from regtools.testbed import Link
from tests.benchmarks.measure import best, children_s, process, ratio
from tests.support import images
from tests.support.confs import leading_to
from tests.support.dockerregistry import DockerRegistry

pytestmark = [pytest.mark.benchmark, pytest.mark.needs("docker-registry", "curl", "skopeo", "podman")]

SIZES = {
    "hello": [2_000],
    "two": [1_000_000, 1_000_000],
    "twenty": [1_100_000] * 20,
    "large": [67_500_000] * 4,
}

# What the peers are told as well: that the registry speaks HTTP, which is otherwise found out over HTTPS first. Which
# podman is installed, podman itself is asked at each start: its time is not the client's.
TOLD = ("--podman", "6", "--plain-http")

# The least that a pull with pycurl can be: the layers at once, hashed, and nothing measured.
BARE = """
import hashlib, pycurl, sys, threading

def fetch(url):
    found, curl = hashlib.sha256(), pycurl.Curl()
    curl.setopt(pycurl.URL, url)
    curl.setopt(pycurl.BUFFERSIZE, 512 * 1024)
    curl.setopt(pycurl.WRITEFUNCTION, found.update)
    curl.perform()
    good.append(url.endswith(found.hexdigest()))

good = []
threads = [threading.Thread(target=fetch, args=(url,)) for url in sys.argv[1:]]
for thread in threads: thread.start()
for thread in threads: thread.join()
sys.exit(good != [True] * len(threads))
"""


# The same, and each layer is written to a file.
KEEPING = BARE.replace("found.update)", "lambda data: (found.update(data), file.write(data))[0])").replace(
    "    curl.perform()", "    with open(url[-64:], 'wb') as file: curl.perform()"
)


class Bench:
    """A filled registry, and the commands that pull from it."""

    def __init__(self, registry: DockerRegistry, folder: Path) -> None:
        self.registry = registry
        self.folder = folder
        self.digests: dict[str, list[str]] = {}
        self.configs: dict[str, str] = {}
        self.conf = folder / "registries.conf"
        self.conf.write_text(f'[[registry]]\nlocation = "{registry.host}"\ninsecure = true\n')
        for name, sizes in SIZES.items():
            made = images.image(*sizes, seed=len(sizes))
            connection = registry.connect()
            images.push(connection, name, "latest", made)
            connection.close()
            self.digests[name] = [images.sha256(each) for each in made.layers]
            self.configs[name] = images.sha256(made.config)

    def ours(self, name: str, *more: str) -> list[str]:
        program = str(Path(sys.executable).with_name("regtools"))
        return [program, "time", f"{self.registry.host}/{name}", "--conf", str(self.conf), *more]

    def blobs(self, name: str) -> list[str]:
        return [f"http://{self.registry.host}/v2/{name}/blobs/{digest}" for digest in self.digests[name]]

    def bare(self, name: str) -> list[str]:
        return [sys.executable, "-c", BARE, *self.blobs(name)]

    def into(self, name: str) -> Callable[[], None]:
        return self._in_a_folder(self.ours(name, *TOLD, "--into", "kept"))

    def keeping(self, name: str) -> Callable[[], None]:
        return self._in_a_folder([sys.executable, "-c", KEEPING, *self.blobs(name)])

    def _in_a_folder(self, command: list[str]) -> Callable[[], None]:
        def call() -> None:
            with tempfile.TemporaryDirectory(dir=self.folder) as folder:
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)

        return call

    def curl(self, name: str) -> Callable[[], object]:
        command = ["curl", "-sfZ", "--parallel-max", "4"]
        for url in self.blobs(name):
            command += ["-o", os.devnull, url]
        return lambda: subprocess.run(command, capture_output=True, check=True)

    def skopeo(self, name: str) -> Callable[[], object]:
        def copy() -> None:
            with tempfile.TemporaryDirectory(dir=self.folder) as target:
                source = f"docker://{self.registry.host}/{name}"
                command = ["skopeo", "copy", "-q", "--src-tls-verify=false", source, f"oci:{target}/image"]
                subprocess.run(command, check=True, capture_output=True)

        return copy

    def podman(self, name: str) -> Callable[[], object]:
        def pull() -> None:
            folder = tempfile.mkdtemp(prefix="rt-")  # podman wants a short path here
            storage = ["--root", f"{folder}/root", "--runroot", f"{folder}/run", "--storage-driver", "vfs"]
            source = f"{self.registry.host}/{name}"
            command = ["podman", *storage, "pull", "-q", "--tls-verify=false", source]
            try:
                subprocess.run(command, check=True, capture_output=True)
            finally:
                shutil.rmtree(folder, ignore_errors=True)

        return pull


@pytest.fixture(autouse=True)
def compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Python keep what it compiles, as on any user's machine: without, each start compiles everything."""
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with DockerRegistry(tmp_path_factory.mktemp("registry")) as registry:
        yield Bench(registry, tmp_path_factory.mktemp("bench"))


# Whole processes, starting up included: on a fast machine that weighs more than the small pull itself. What hashing
# adds to curl's time depends on the machine, so a bare script that hashes runs beside them: it takes 2.0 to 2.9 times.
@pytest.mark.parametrize(("name", "most"), [("large", 2.6), ("twenty", 3.0)])
def test_a_verified_pull_takes_little_longer_than_curl_that_hashes_nothing(
    bench: Bench, name: str, most: float
) -> None:
    calls = process(bench.ours(name, *TOLD)), process(bench.bare(name)), bench.curl(name)
    ours, bare, curl = best(*calls, rounds=25, clock=perf_counter)
    print(f"{name}: {ours / curl:.2f} x curl -Z, where a bare script that hashes takes {bare / curl:.2f} x")
    assert ours <= most * curl


def test_a_verified_pull_takes_little_longer_than_bare_pycurl_that_hashes(bench: Bench) -> None:
    found = ratio(process(bench.ours("large", *TOLD)), process(bench.bare("large")), rounds=40)
    print(f"large: {found:.2f} x pycurl and hashlib alone, both as processes")
    assert found <= 1.15


def test_a_pull_that_is_kept_takes_no_longer_than_bare_pycurl_that_hashes_and_writes(bench: Bench) -> None:
    found = ratio(bench.into("large"), bench.keeping("large"), rounds=9, clock=children_s)
    print(f"large: {found:.2f} x the CPU time of pycurl and hashlib that write each chunk")
    assert found <= 1


def test_the_cpu_time_of_hashing_is_what_hashing_takes(bench: Bench) -> None:
    """It is projected from a part of the bytes; and it is a part of the CPU time of the whole pull."""
    pieces, conf = [bytes(128 * 1024)] * (sum(SIZES["large"]) >> 17), leading_to(bench.registry.host)

    def alone() -> None:
        found = hashlib.sha256()
        for piece in pieces:
            found.update(piece)

    pulls = [time_pull(f"{bench.registry.host}/large", conf) for _ in range(9)]
    least = best(alone, rounds=9)[0]
    found = median(pull.hash_cpu_s or 0.0 for pull in pulls)
    print(f"large: {found / least:.2f} x the CPU time of hashing the same bytes in one thread")
    assert 0.8 * least <= found
    assert all((pull.hash_cpu_s or 0) <= (pull.cpu_user_s or 0) + (pull.cpu_sys_s or 0) for pull in pulls)


@pytest.mark.parametrize(("name", "most"), [("large", 0.5), ("twenty", 1.0)])
def test_a_pull_is_faster_than_skopeo(bench: Bench, name: str, most: float) -> None:
    found = ratio(process(bench.ours(name)), bench.skopeo(name), rounds=5)
    print(f"{name}: {found:.2f} x skopeo copy to an OCI layout")
    assert found <= most


def test_a_pull_takes_a_fifth_of_the_cpu_time_of_podman(bench: Bench) -> None:
    """In CPU time: podman waits for a disk, which is not the same from one minute to the next."""
    found = ratio(process(bench.ours("large")), bench.podman("large"), rounds=9, clock=children_s)
    print(f"large: {found:.2f} x the CPU time of podman pull")
    assert found <= 0.2


def test_a_large_pull_needs_little_memory(bench: Bench) -> None:
    # Through a small process: Linux counts the peak of the parent that starts it as the child's, too.
    launcher = (
        "import os, subprocess, sys; child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL);"
        "_, status, used = os.wait4(child.pid, 0); print(used.ru_maxrss); os._exit(status != 0)"
    )
    command = [sys.executable, "-u", "-c", launcher, *bench.ours("large")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    peak_kb = float(done.stdout)
    row = json.loads(subprocess.run(bench.ours("large", "--json"), capture_output=True, check=True).stdout)
    print(f"large: peak {peak_kb / 1024:.1f} MB")
    assert peak_kb <= 40 * 1024
    assert abs(row["pulls"][0]["max_rss_kb"] - peak_kb) < 4 * 1024


def test_a_large_pull_needs_little_more_cpu_than_bare_pycurl_that_hashes(bench: Bench) -> None:
    ours, bare = best(process(bench.ours("large")), process(bench.bare("large")), rounds=15, clock=children_s)
    print(f"large: CPU {ours:.2f} s, {ours / bare:.2f} x pycurl and hashlib alone")
    assert ours <= 1.8 * bare


def test_a_small_pull_costs_little_cpu_in_a_running_process(bench: Bench) -> None:
    """Beside the same requests, sent by bare pycurl over one connection, and their bodies hashed."""
    conf = leading_to(bench.registry.host)
    root = f"http://{bench.registry.host}/v2/"
    config = f"{root}two/blobs/{bench.configs['two']}"
    urls = [root, f"{root}two/manifests/latest", config, *bench.blobs("two")]
    digests: list[str] = []

    def ours() -> None:
        assert time_pull(f"{bench.registry.host}/two", conf).ok

    def bare() -> None:
        curl = pycurl.Curl()
        curl.setopt(pycurl.HTTPHEADER, [f"Accept: {images.OCI_MANIFEST}"])
        curl.setopt(pycurl.BUFFERSIZE, 512 * 1024)
        for url in urls:
            found = hashlib.sha256()
            curl.setopt(pycurl.URL, url)
            curl.setopt(pycurl.WRITEFUNCTION, found.update)
            curl.perform()
            digests.append(f"sha256:{found.hexdigest()}")
        curl.close()

    mine, theirs = best(ours, bare, rounds=100)
    assert digests[-2:] == bench.digests["two"]
    print(f"two: CPU {mine * 1000:.1f} ms, {mine / theirs:.2f} x pycurl and hashlib alone")
    assert mine <= 4 * theirs


def test_the_client_is_the_limit_of_a_fast_link_only(bench: Bench) -> None:
    shares, costs = {}, []
    for mbit in (100, 400, 1600, None):
        with Link(mbit=mbit).open(bench.registry.host) as link:
            host = bench.registry.host if mbit is None else link.addresses["link"]
            pulls = [time_pull(f"{host}/twenty", leading_to(host)) for _ in range(5)]
        assert all(pull.ok for pull in pulls)
        shares[mbit] = median(pull.client_cpu or 0.0 for pull in pulls)
        costs += [(pull.client_cpu or 0.0) * pull.transfer_s / (pull.bytes_fetched or 1) for pull in pulls]
        name = "loopback" if mbit is None else f"{mbit} Mbit/s"
        print(f"twenty: {name}: the client is busy for {shares[mbit]:.0%} of the transfer")
    print(f"twenty: above {CLIENT_LIMIT:.0%} from {CLIENT_LIMIT * 8e-9 / min(costs):.1f} Gbit/s on")
    assert shares[100] < min(CLIENT_LIMIT, shares[None])


class Spent:
    """CPU seconds spent in wrapped functions, their own measuring included."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def on(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def measured(*arguments: Any, **named: Any) -> Any:
            before = thread_time()
            try:
                return function(*arguments, **named)
            finally:
                self.seconds += thread_time() - before

        return measured


def sampling_s(chunks: int) -> float:
    """CPU seconds that the samples of one blob cost: its chunks counted one by one, with and without them."""

    def handed_over(expected: int | None) -> float:
        receiver = Receiver(Tap(), lambda *_: Body(Wanted("blob", "")), expected, 1000, 15)
        receiver.chunk(b"1")
        before = thread_time()
        for number in range(chunks):
            receiver.progress(number << 14)
        receiver.sampled()
        return thread_time() - before

    with_them, without = ([handed_over(each) for _ in range(30)] for each in (chunks << 14, None))
    return max(0.0, median(with_them) - median(without))


def test_recording_costs_next_to_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Two pulls differ by more than what is looked for. So the recording's own CPU time is taken where it is
    # spent: rows, journal (with its wait for the disk, which takes none), and the samples, measured apart.
    name, conf, spent = f"{bench.registry.host}/large", leading_to(bench.registry.host), Spent()
    for method in ("record", "requests"):
        monkeypatch.setattr(Run, method, spent.on(getattr(Run, method)))
    write = spent.on(append)
    before = process_time()
    for _ in range(10):
        pull = time_pull(name, conf)
        assert pull.ok and len(pull.requests) > 4
        write(tmp_path / "journal", pull)
    whole = process_time() - before
    samples = 10 * sum(sampling_s(size >> 14) for size in SIZES["large"])
    found = (spent.seconds + samples) / whole
    print(
        f"large: {found:.2%} of the CPU time is recording: rows {spent.seconds:.4f} s, samples {samples:.4f} s"
    )
    assert spent.seconds > 0
    assert found <= 0.02


def test_a_tiny_pull_as_a_process_costs_little_more_than_importing_its_client(bench: Bench) -> None:
    found = ratio(process(bench.ours("hello")), process([sys.executable, "-c", "import pycurl"]), rounds=25)
    print(f"hello: {found:.2f} x python -c 'import pycurl'")
    assert found < 3
