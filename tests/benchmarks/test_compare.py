"""A million measured pulls, from the journal to the verdict: linear, within 2 GB and 20 s."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from regtools.campaigns.journal import read_journal
from tests.conftest import ROOT
from tests.support.synthetic import multiplied, write_journal

# One process a size, so that the peak is that of this size alone; started by a small one, since Linux counts
# the peak of who starts a process as the process's own.
LAUNCH = (
    "import os, subprocess, sys; sys.exit(subprocess.run([sys.executable, '-c', *sys.argv[1:]]).returncode)"
)
MEASURE = """
import json, resource, sys, time
import pandas
start = time.perf_counter()
from regtools import compare, read_journal
pulls, requests = read_journal(sys.argv[1])
read = time.perf_counter()
found = compare(pulls)
str(found)
end = time.perf_counter()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
cpu = time.process_time()
print(json.dumps({"rows": len(pulls), "read_s": read - start, "compare_s": end - read, "cpu_s": cpu,
                  "peak_mb": peak / 1024, "pairs": len(found.pairs()), "requests": requests.shape}))
"""


def measured(folder: Path, rows: int) -> dict[str, float]:
    """Read and compare a journal of so many rows, drawn from the recorded campaigns, in a process of its own."""
    recorded = [read_journal(path)[0] for path in sorted((ROOT / "data" / "mirrors").glob("*.jsonl"))]
    journal = folder / "journal"
    write_journal(journal, multiplied(pd.concat(recorded, ignore_index=True), rows))
    command = [sys.executable, "-c", LAUNCH, MEASURE, str(journal)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=600)
    journal.unlink()  # a million rows are a gigabyte
    assert done.returncode == 0, done.stderr
    result: dict[str, float] = json.loads(done.stdout)
    print(f"\n{result}")
    return result


@pytest.mark.benchmark
def test_a_million_pulls_are_read_and_compared_in_time_and_memory(tmp_path: Path) -> None:
    runs = [measured(tmp_path, rows) for rows in (125_000, 250_000, 500_000, 1_000_000)]
    whole = runs[-1]
    assert whole["rows"] >= 999_000
    assert whole["read_s"] + whole["compare_s"] < 20
    assert whole["peak_mb"] < 2_000
    # Linear: eight times the rows, at most ten times the time.
    assert (whole["read_s"] + whole["compare_s"]) / (runs[0]["read_s"] + runs[0]["compare_s"]) < 10


def test_the_benchmark_itself_runs(tmp_path: Path) -> None:
    run = measured(tmp_path, 2_000)
    assert run["rows"] > 1_900
    assert run["pairs"] > 10
