"""What a check costs, as a multiple of loading the same file in the same run, in CPU time."""

from __future__ import annotations

import pytest

from regtools import RegistriesConf
from regtools.registries.checks import check_texts
from regtools.registries.reading.releases import release
from tests.benchmarks.measure import best

pytestmark = pytest.mark.benchmark

GOOD = """\
[[registry]]
prefix = "r{0}.example.test/team{0}"
location = "mirror{0}.example.test/cache/team{0}"
insecure = false
[[registry.mirror]]
location = "m{0}.example.test/hub"
"""
BAD = GOOD.replace("insecure = false", 'insecure = "false"')


def test_checking_ten_thousand_entries_costs_five_loads_at_most() -> None:
    text = "".join(GOOD.format(number) for number in range(10_000))
    load, check = best(
        lambda: RegistriesConf.from_toml(text),
        lambda: check_texts(release("6"), [("a.conf", text, False)]),
        rounds=7,
    )
    print(f"check: {check:.2f} s, {check / load:.1f} x load")
    assert check <= 5 * load


def test_two_hundred_proven_fixes_among_a_thousand_entries_cost_thirty_checks_at_most() -> None:
    good, text = (
        "".join((each if n < 200 else GOOD).format(n) for n in range(1_000)) for each in (GOOD, BAD)
    )
    check, fixes = best(
        lambda: check_texts(release("6"), [("a.conf", good, False)]),
        lambda: check_texts(release("6"), [("a.conf", text, False)]),
        rounds=7,
    )
    print(f"200 fixes in 1,000 entries: {fixes:.2f} s, {fixes / check:.1f} x check")
    report = check_texts(release("6"), [("a.conf", text, False)])
    assert sum(bool(finding.fix and finding.fix.effect) for finding in report.findings) == 200
    assert fixes <= 30 * check


def test_findings_and_fixes_grow_with_the_file() -> None:
    short, long = ("".join(BAD.format(number) for number in range(count)) for count in (500, 2_000))
    short_s, long_s = best(
        lambda: check_texts(release("6"), [("a.conf", short, False)]),
        lambda: check_texts(release("6"), [("a.conf", long, False)]),
        rounds=7,
    )
    print(f"500 fixes: {short_s:.2f} s, 2,000: {long_s:.2f} s, {long_s / short_s:.1f} x")
    assert long_s <= 2 * 4 * short_s
