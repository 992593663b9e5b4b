"""What all tests share: a clean environment, and real programs that are there or visibly missing."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest
from hypothesis import settings

REQUIRED = os.environ.get("REGTOOLS_REAL") == "required"
LONG = os.environ.get("REGTOOLS_LONG") == "1"
ROOT = Path(__file__).resolve().parent.parent

# Variables through which a user's machine would change what is tested.
AMBIENT = ("CONTAINERS_", "XDG_", "REGISTRIES_CONFIG_PATH", "REGISTRY_AUTH_FILE", "BURNTSUSHI_TOML_110")
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")

settings.register_profile("short", max_examples=100, deadline=None)
settings.register_profile("long", max_examples=100_000, deadline=None)
settings.load_profile("long" if LONG else "short")


def examples(*, long: int) -> int:
    """The number of examples of a property whose examples cost milliseconds: fewer than 100,000 in the long run."""
    return min(settings.default.max_examples, long)


for _name in list(os.environ):
    if _name.startswith(AMBIENT) or _name.lower() in PROXIES:
        del os.environ[_name]


# Whoever starts the tests in the background hands down that Ctrl-C and its like are ignored; and what they are
# to end would never end.
for _signal, _usual in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGQUIT, signal.SIG_DFL),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(_signal) is signal.SIG_IGN:
        signal.signal(_signal, _usual)


# The files that take longest begin first, so that no worker is left alone with one at the end.
LONGEST = (
    "tests/notebooks/test_nbval.py",
    "tests/real/test_differential.py",
    "tests/campaigns/test_fleet.py",
    "tests/real/test_cache.py",
    "tests/notebooks/test_lab.py",
    "tests/campaigns/test_fleet_hosts.py",
    "tests/toml/test_growth.py",
    "tests/faults/test_table.py",
    "tests/analysis/test_truth.py",
    "tests/testbed/test_exits.py",
    "tests/notebooks/test_normal.py",
    "tests/real/test_testbed_engines.py",
    "tests/real/test_check.py",
)


def pytest_configure(config: pytest.Config) -> None:
    """Let xdist keep the order of the files; its releases that can change it begin with those of most tests."""
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; mark what hypothesis drives, for the long run to repeat with more examples."""
    rank = {file: number for number, file in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.nodeid.partition("::")[0], len(rank)))
    for item in items:
        if getattr(getattr(item, "function", None), "is_hypothesis_test", False):
            item.add_marker(pytest.mark.property)


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        missing = [program for program in mark.args if shutil.which(program) is None]
        if missing:
            absent(f"needs {', '.join(missing)}, not installed on this machine")
    if not LONG and (item.get_closest_marker("long") or item.get_closest_marker("benchmark")):
        pytest.skip("full sizes and benchmarks run in make test-long")


def absent(reason: str) -> None:
    """A real part is missing: a visible skip on a user's machine, a failure in CI."""
    if REQUIRED:
        pytest.fail(f"REGTOOLS_REAL=required, but this test {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT
