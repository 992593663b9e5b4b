"""TOML → JSON beside a bare script and beside other converters."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import tomli

from regtools import toml_to_json
from tests.benchmarks.measure import best, children_s, peak_kb, process, ratio
from tests.conftest import absent

pytestmark = pytest.mark.benchmark

BARE = "import sys, tomli, json; sys.stdout.write(json.dumps(tomli.loads(sys.stdin.buffer.read().decode()), indent=2))"
SIZES = {"1 kB": 1_000, "1 MB": 1_000_000, "10 MB": 10_000_000}


def registries(size: int) -> str:
    """A registries.conf of about ``size`` bytes."""
    entries = ['unqualified-search-registries = ["docker.io", "quay.io"]\n']
    length, number = len(entries[0]), 0
    while length < size:
        entries.append(
            f'[[registry]]\nprefix = "r{number}.example/team"\nlocation = "m{number}.example:5000/team"\n'
            f'insecure = false\n\n[[registry.mirror]]\nlocation = "n{number}.example"\ninsecure = true\n\n'
        )
        length += len(entries[-1])
        number += 1
    return "".join(entries)


def ours() -> list[str]:
    return [str(Path(sys.executable).with_name("regtools")), "toml2json"]


def peer(name: str) -> str:
    folder = os.environ.get("REGTOOLS_PEERS", "")
    program = Path(folder, "bin", name)
    if not folder or not program.is_file():
        absent(f"needs {name} in the environment that REGTOOLS_PEERS names")
    return str(program)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_converting_costs_little_more_than_reading_and_writing(size: int) -> None:
    text = registries(size)
    repeat = max(1, 200_000 // size)

    def convert() -> None:
        for _ in range(repeat):
            toml_to_json(text)

    def bare() -> None:
        for _ in range(repeat):
            json.dumps(tomli.loads(text), indent=2)

    found = ratio(convert, bare, rounds=9 if size > 5_000_000 else 15, clock=time.process_time)
    print(f"convert {size}: {found:.2f} x loads + dumps")
    assert found <= 1.2


def test_the_command_starts_nearly_as_fast_as_a_bare_script(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text(registries(1000))
    found = ratio(
        process(ours(), file), process([sys.executable, "-c", BARE], file), rounds=40, clock=children_s
    )
    print(f"process on 1 kB: {found:.2f} x a bare script")
    assert found <= 1.5


@pytest.mark.parametrize(
    ("name", "options"), [("remarshal", ["-f", "toml", "-t", "json"]), ("tomlq", ["."]), ("jc", ["--toml"])]
)
def test_the_command_is_faster_than_others(name: str, options: list[str], tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text(registries(1000))
    found = ratio(process(ours(), file), process([peer(name), *options], file), clock=children_s)
    print(f"process on 1 kB: {found:.2f} x {name}")
    assert found < 1


def test_memory_stays_near_a_bare_script(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text(registries(10_000_000))
    found = peak_kb(ours(), file) / peak_kb([sys.executable, "-c", BARE], file)
    print(f"peak memory at 10 MB: {found:.2f} x a bare script")
    assert found <= 1.3


GROWTH = {
    "size": registries,
    "keys in one table": lambda size: "".join(f"key-{number} = {number}\n" for number in range(size // 15)),
    "tables": lambda size: "".join(f"[table-{number}]\na = 1\n" for number in range(size // 20)),
    "items of one list": lambda size: "a = [" + '"item", ' * (size // 8) + "]",
    "a mistake at the end": lambda size: registries(size) + "location = docker.io\n",
}


@pytest.mark.parametrize("family", GROWTH.values(), ids=GROWTH.keys())
def test_time_grows_with_the_input_and_not_faster(family: Callable[[int], str]) -> None:
    """Measured beside tomli's own growth: both pay the same for memory that no longer fits the caches.

    The small input is read four times, so that every span is about as long and as easily disturbed.
    """
    small, large = family(400_000), family(1_600_000)

    def reading(call: Callable[[str], object], text: str, times: int) -> Callable[[], None]:
        def read() -> None:
            for _ in range(times):
                with contextlib.suppress(ValueError):
                    call(text)

        return read

    calls = [
        reading(call, text, times)
        for call in (toml_to_json, tomli.loads)
        for text, times in ((large, 1), (small, 4))
    ]
    our_large, our_small, their_large, their_small = best(*calls, rounds=7)
    ours, theirs = our_large / our_small, their_large / their_small
    print(f"four times the input: {4 * ours:.1f} x the time (tomli {4 * theirs:.1f} x)")
    assert ours < 1.4 * max(theirs, 1)


def test_positions_cost_a_few_times_the_reading() -> None:
    from regtools.toml.positions import locate

    text = registries(2000)
    found = ratio(
        lambda: [locate(text) for _ in range(50)],
        lambda: [tomli.loads(text) for _ in range(50)],
        clock=time.process_time,
    )
    print(f"positions: {found:.2f} x tomli.loads")
    assert found <= 5
