"""A million pulls: linear, within 2 GB and 20 s."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

# One process a size, so that the peak is that of this size alone.
MEASURE = """
import json, resource, sys, time
import numpy as np
import pandas as pd
from regtools.analysis.compare import compare
from regtools.pull.records import Pull, frames
from tests.analysis.test_charts import pull
from tests.support.synthetic import campaign, multiplied
from dataclasses import replace

random = np.random.default_rng(0)
made = [
    replace(pull(place, float(base * size * random.lognormal(sigma=0.2)), ok=bool(random.random() > 0.03)), image=image, cache_state=state)
    for place, base in (("near", 1.0), ("far", 2.5), ("thin", 4.0), ("flaky", 1.2), ("dead", 9.0))
    for image, size in (("small", 0.2), ("large", 3.0), ("huge", 20.0))
    for state in ("cold", "warm")
    for _ in range(30)
]
table = multiplied(frames([each.row() for each in made], [])[0], int(sys.argv[1]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
found = compare(table)
str(found)
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"rows": len(table), "seconds": seconds, "peak_kb": peak, "table_kb": before, "pairs": len(found.pairs())}))
"""


def measured(rows: int) -> dict[str, float]:
    done = subprocess.run([sys.executable, "-c", MEASURE, str(rows)], capture_output=True, text=True, cwd=ROOT, timeout=600)  # fmt: skip
    assert done.returncode == 0, done.stderr
    result: dict[str, float] = json.loads(done.stdout)
    return result


@pytest.mark.benchmark
def test_a_million_pulls_are_compared_in_time_and_memory() -> None:
    runs = [measured(rows) for rows in (125_000, 250_000, 500_000, 1_000_000)]
    for run in runs:
        print(f"\n{run}")
    whole = runs[-1]
    assert whole["rows"] >= 999_000
    assert whole["seconds"] < 20
    assert whole["peak_kb"] < 2_000_000
    # Linear: eight times the rows, at most twelve times the time.
    assert whole["seconds"] / runs[0]["seconds"] < 12


def test_the_benchmark_itself_runs(tmp_path: Path) -> None:
    run = measured(2_000)
    assert run["pairs"] == 20
