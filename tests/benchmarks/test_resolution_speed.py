"""Name resolution against its yardsticks: the bare TOML reader, and itself with one entry."""

from __future__ import annotations

import subprocess
import sys
import timeit
from collections.abc import Callable

import pytest
import tomli

from regtools import RegistriesConf

pytestmark = pytest.mark.benchmark

HEAD = 'unqualified-search-registries = ["a.test", "docker.io", "quay.io"]\n[aliases]\nal = "x.test/y"\n'
ENTRY = """\
[[registry]]
prefix = "r{0}.example.test/team{0}"
location = "mirror{0}.example.test/cache/team{0}"
insecure = false
[[registry.mirror]]
location = "m{0}.example.test"
"""
MANY = HEAD + "".join(ENTRY.format(number) for number in range(10_000))
ONE = HEAD + ENTRY.format(5)


def best(call: Callable[[], object], number: int = 1, repeat: int = 7) -> float:
    return min(timeit.repeat(call, number=number, repeat=repeat)) / number


@pytest.mark.parametrize("podman", ["6", "5", "4"])
def test_loading_ten_thousand_entries_costs_little_more_than_reading_them(podman: str) -> None:
    data = MANY.encode()
    bare = best(lambda: tomli.loads(MANY))
    ours = best(lambda: RegistriesConf.from_toml(data, podman=podman))
    print(f"load, podman {podman}: {ours * 1e3:.0f} ms, {ours / bare:.2f} x tomli")
    assert ours <= 1.5 * bare


@pytest.mark.parametrize(
    ("image", "limit_us"),
    [("r5.example.test/team5/app:1", 20), ("other.test/a/b/c:1", 20), ("nginx", 40), ("al:3", 40)],
)
def test_resolving_takes_microseconds_however_many_entries(image: str, limit_us: int) -> None:
    one, many = RegistriesConf.from_toml(ONE), RegistriesConf.from_toml(MANY)
    few, lots = (best(lambda conf=conf: conf.resolve(image), 2000) for conf in (one, many))  # type: ignore[misc]
    print(f"{image}: {few * 1e6:.1f} us with one entry, {lots * 1e6:.1f} us with 10,000")
    assert few * 1e6 <= limit_us
    assert lots <= 1.5 * few


def test_a_million_names_at_once() -> None:
    # In a process of its own, whose memory is then that of this job alone.
    code = """
import resource, time
from regtools import RegistriesConf
conf = RegistriesConf.from_toml('unqualified-search-registries = ["a.test", "docker.io"]\\n'
    '[[registry]]\\nlocation = "docker.io"\\n[[registry.mirror]]\\nlocation = "m.test"\\n')
names = [f"registry{i % 50}.test/team{i % 1000}/app{i}:v{i % 9}" if i % 4 else f"app{i}" for i in range(1_000_000)]
start = time.perf_counter()
frame = conf.resolve_many(names)
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, len(frame))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, megabytes, rows = map(float, done.stdout.split())
    print(f"a million names: {seconds:.1f} us each, {megabytes:.0f} MB, {rows:.0f} rows")
    assert rows == 1_500_000
    assert seconds <= 20
    assert megabytes < 1500
