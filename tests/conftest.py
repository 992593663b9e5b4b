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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what hypothesis drives, so that the long run can repeat just that with more examples."""
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
