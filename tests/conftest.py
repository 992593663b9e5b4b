"""What all tests share: a clean environment, and real programs that are there or visibly missing."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

REQUIRED = os.environ.get("REGTOOLS_REAL") == "required"
LONG = os.environ.get("REGTOOLS_LONG") == "1"
ROOT = Path(__file__).resolve().parent.parent
MAKING: list[subprocess.Popen[bytes]] = []
PODMAN: dict[str, str] = {}
"""Release of podman → its full version in this run, or why it is missing."""

# Variables through which a user's machine would change what is tested.
AMBIENT = ("CONTAINERS_", "XDG_", "REGISTRIES_CONFIG_PATH", "REGISTRY_AUTH_FILE", "BURNTSUSHI_TOML_110")
# Hundreds of processes would compile our modules again, each for itself.
UNCOMPILED = "PYTHONDONTWRITEBYTECODE"
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")

settings.register_profile("short", max_examples=100, deadline=None)
settings.register_profile("long", max_examples=100_000, deadline=None)
settings.load_profile("long" if LONG else "short")


def examples(*, long: int, short: int = 100) -> int:
    """The number of examples of a property whose examples cost milliseconds: fewer than 100,000 in the long run."""
    return min(settings.default.max_examples, long if LONG else short)


for _name in list(os.environ):
    if _name.startswith(AMBIENT) or _name.lower() in PROXIES or _name == UNCOMPILED:
        del os.environ[_name]
sys.dont_write_bytecode = False
# nbformat loads jsonschema, which compiles 38 grammars of IRIs at once for checks that nothing asks for; it does
# without them where the package is missing.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


# Whoever starts the tests in the background hands down that Ctrl-C and its like are ignored; and what they are
# to end would never end.
for _signal, _usual in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGQUIT, signal.SIG_DFL),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(_signal) is signal.SIG_IGN:
        signal.signal(_signal, _usual)


# The files that take longest begin first, so that no worker is left alone with one at the end. Of three workers, one
# has a file that waits more than it works; and the first files do not wait for the root folders of other podmans. The
# last five are the longest of `make properties`.
LONGEST = (
    "tests/campaigns/test_fleet.py",
    "tests/notebooks/test_bare.py",
    "tests/notebooks/test_lab.py",
    "tests/cli/test_bench.py",
    "tests/toml/test_growth.py",
    "tests/web/test_quick.py",
    "tests/real/test_testbed_engines.py",
    "tests/cli/test_boundary.py",
    "tests/faults/test_sizes.py",
    "tests/notebooks/test_nbval.py",
    "tests/real/test_differential.py",
    "tests/notebooks/test_normal.py",
    "tests/analysis/test_chart_sizes.py",
    "tests/real/test_check.py",
    "tests/real/test_other_commands.py",
    "tests/notebooks/test_clinic.py",
    "tests/campaigns/test_rows.py",
    "tests/faults/test_table.py",
    "tests/cli/test_compare.py",
    "tests/registries/test_slips.py",
    "tests/analysis/test_more_charts.py",
    "tests/notebooks/test_answers.py",
    "tests/real/test_logins.py",
    "tests/real/test_rules.py",
    "tests/real/test_pull_engines.py",
    "tests/analysis/test_compare.py",
    "tests/real/test_cache.py",
    "tests/faults/test_growth.py",
    "tests/registries/test_checks.py",
    "tests/conformance/test_check_cases.py",
    "tests/real/test_real_cases.py",
    "tests/test_wheel.py",
    "tests/faults/test_kills.py",
    "tests/notebooks/test_meet_podman.py",
    "tests/real/test_prompts.py",
    "tests/campaigns/test_campaign.py",
    "tests/faults/test_podman.py",
    "tests/testbed/test_exits.py",
    "tests/notebooks/test_messages.py",
    "tests/cli/test_cache.py",
    "tests/pull/test_faults.py",
    "tests/cli/test_time.py",
    "tests/pull/test_sources.py",
    "tests/testbed/test_link.py",
    "tests/notebooks/test_stored.py",
    "tests/testbed/test_bed.py",
    "tests/toml/test_to_json.py",
    "tests/registries/test_properties.py",
    "tests/pull/test_receiving.py",
    "tests/testbed/test_relay.py",
    "tests/toml/test_reader.py",
)


def pytest_configure(config: pytest.Config) -> None:
    """Let xdist keep the order of the files; its releases that can change it begin with those of most tests."""
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; mark what hypothesis drives, for the long run to repeat with more examples.

    The root folders of other podmans are made in the background meanwhile, if a test asks for one.
    """
    first = os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0"
    if first and any(
        "tests.support.podman" in sys.modules and hasattr(item, "module") and "engine" in vars(item.module)
        for item in items
    ):
        MAKING.append(
            subprocess.Popen(
                [sys.executable, "-m", "tests.support.podman"],
                cwd=ROOT,
                start_new_session=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
    rank = {file: number for number, file in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.nodeid.partition("::")[0], len(rank)))
    for item in items:
        if getattr(getattr(item, "function", None), "is_hypothesis_test", False):
            item.add_marker(pytest.mark.property)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop what is still made in the background, and hand the releases of podman to the process that prints."""
    for process in MAKING:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()
    known = sys.modules.get("tests.support.podman")
    if known is not None:
        releases = {"had": known.HAD, "lacked": known.LACKED}
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["podman"] = releases
        else:
            note_releases(releases)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over which releases of podman a worker of pytest-xdist had."""
    note_releases(getattr(node, "workeroutput", {}).get("podman", {}))


def note_releases(releases: dict[str, dict[str, str]]) -> None:
    PODMAN.update(
        {release: f"{release} missing: {why}" for release, why in releases.get("lacked", {}).items()}
    )
    PODMAN.update(releases.get("had", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print which releases of podman the tests ran with."""
    if PODMAN:
        terminalreporter.write_line(f"podman: {', '.join(PODMAN[release] for release in sorted(PODMAN))}")


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
