"""What a check costs, as a multiple of loading the same file in the same run."""

from __future__ import annotations

import timeit
from collections.abc import Callable

import pytest

from regtools import RegistriesConf
from regtools.registries.checks import check_texts
from regtools.registries.reading.releases import release

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


def best(call: Callable[[], object]) -> float:
    return min(timeit.repeat(call, number=1, repeat=5))


def test_checking_ten_thousand_entries_costs_five_loads_at_most() -> None:
    text = "".join(GOOD.format(number) for number in range(10_000))
    load = best(lambda: RegistriesConf.from_toml(text))
    check = best(lambda: check_texts(release("6"), [("a.conf", text, False)]))
    print(f"check: {check:.2f} s, {check / load:.1f} x load")
    assert check <= 5 * load


def test_two_hundred_proven_fixes_among_a_thousand_entries_cost_thirty_checks_at_most() -> None:
    good, text = (
        "".join((each if n < 200 else GOOD).format(n) for n in range(1_000)) for each in (GOOD, BAD)
    )
    check = best(lambda: check_texts(release("6"), [("a.conf", good, False)]))
    fixes = best(lambda: check_texts(release("6"), [("a.conf", text, False)]))
    print(f"200 fixes in 1,000 entries: {fixes:.2f} s, {fixes / check:.1f} x check")
    report = check_texts(release("6"), [("a.conf", text, False)])
    assert sum(bool(finding.fix and finding.fix.effect) for finding in report.findings) == 200
    assert fixes <= 30 * check


def test_findings_and_fixes_grow_with_the_file() -> None:
    def seconds(count: int) -> float:
        text = "".join(BAD.format(number) for number in range(count))
        return best(lambda: check_texts(release("6"), [("a.conf", text, False)]))

    short, long = seconds(500), seconds(2_000)
    print(f"500 fixes: {short:.2f} s, 2,000: {long:.2f} s")
    assert long <= 2 * 4 * short
