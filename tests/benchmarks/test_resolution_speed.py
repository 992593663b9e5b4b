"""Name resolution against its yardsticks: the bare TOML reader, the least work that a name needs, itself.

All of it is work of this process and waits for nothing, so every time is CPU time.
"""

from __future__ import annotations

import re
import subprocess
import sys
import timeit
from collections.abc import Callable
from time import process_time

import pytest
import tomli

from regtools import RegistriesConf
from tests.benchmarks.measure import best, ratio
from tests.conftest import ROOT

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


# The grammar of distribution/reference, which documents image names.
LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
PART = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
NAME = re.compile(
    rf"(?:({LABEL}(?:\.{LABEL})*(?::[0-9]+)?)/)?({PART}(?:/{PART})*)"
    r"(?::(\w[\w.-]{0,127}))?(?:@([A-Za-z][A-Za-z0-9]*:[0-9a-fA-F]{32,}))?"
).fullmatch
PREFIXES = {f"r{number}.example.test/team{number}": number for number in range(10_000)}


def least(image: str) -> int | None:
    """Do the least that resolving a name can be: match it, and look up each of its prefixes."""
    match = NAME(image)
    assert match
    domain, path, _, _ = match.groups()
    name = f"{domain or 'docker.io'}/{path}"
    while name not in PREFIXES and "/" in name:
        name = name.rpartition("/")[0]
    return PREFIXES.get(name)


def often(call: Callable[[], object]) -> Callable[[], object]:
    return lambda: timeit.timeit(call, number=1000)


@pytest.mark.parametrize("podman", ["6", "5", "4"])
def test_loading_ten_thousand_entries_costs_little_more_than_reading_them(podman: str) -> None:
    data = MANY.encode()
    found = ratio(
        lambda: RegistriesConf.from_toml(data, podman=podman),
        lambda: tomli.loads(MANY),
        rounds=9,
        clock=process_time,
    )
    print(f"load, podman {podman}: {found:.2f} x tomli")
    assert found <= 1.5


@pytest.mark.parametrize(
    ("image", "most"),
    [("r5.example.test/team5/app:1", 12), ("other.test/a/b/c:1", 5.5), ("nginx", 13), ("al:3", 7)],
)
def test_resolving_costs_a_few_times_the_least_however_many_entries(image: str, most: float) -> None:
    one, many = RegistriesConf.from_toml(ONE), RegistriesConf.from_toml(MANY)
    calls = (lambda: one.resolve(image), lambda: many.resolve(image), lambda: least(image))
    few, lots, bare = best(*map(often, calls), rounds=25)
    print(
        f"{image}: {few * 1e3:.1f} us with one entry, {lots * 1e3:.1f} us with 10,000; {few / bare:.1f} x a match"
    )
    assert few <= most * bare
    assert lots <= 1.5 * few


# In a process of its own, whose memory is then that of this job alone; a small one starts it, since Linux
# counts the peak of who starts a process as the process's own.
LAUNCH = "import subprocess, sys; sys.exit(subprocess.run([sys.executable, '-c', *sys.argv[1:]]).returncode)"
MILLION = """
import resource
from time import process_time
from regtools import RegistriesConf
from tests.benchmarks.test_resolution_speed import least

def bare():
    start = process_time()
    for name in names[::10]:
        least(name)
    return 10 * (process_time() - start)

conf = RegistriesConf.from_toml('unqualified-search-registries = ["a.test", "docker.io"]\\n'
    '[[registry]]\\nlocation = "docker.io"\\n[[registry.mirror]]\\nlocation = "m.test"\\n')
names = [f"registry{i % 50}.test/team{i % 1000}/app{i}:v{i % 9}" if i % 4 else f"app{i}" for i in range(1_000_000)]
theirs = [bare() for _ in range(5)]
start = process_time()
frame = conf.resolve_many(names)
ours = process_time() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
theirs += [bare() for _ in range(5)]
print(ours, min(theirs), peak, len(frame))
"""


def test_a_million_names_at_once() -> None:
    command = [sys.executable, "-S", "-E", "-c", LAUNCH, MILLION]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    ours, bare, megabytes, rows = map(float, done.stdout.split())
    print(
        f"a million names: {ours:.1f} us each, {ours / bare:.1f} x a match; {megabytes:.0f} MB, {rows:.0f} rows"
    )
    assert rows == 1_500_000
    assert ours <= 12 * bare
    assert megabytes < 700
