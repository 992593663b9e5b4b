"""A million measured pulls, from the journal to the verdict: linear, within 2 GB, beside json and pandas alone."""

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
import json, resource, sys
from time import process_time
import pandas
start = process_time()
from regtools import compare, read_journal
pulls, requests = read_journal(sys.argv[1])
read = process_time()
found = compare(pulls)
str(found)
end = process_time()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"rows": len(pulls), "read_s": read - start, "compare_s": end - read, "whole_s": end - start,
                  "peak_mb": peak / 1024, "pairs": len(found.pairs()), "requests": requests.shape}))
"""
# The least that reading the same lines can be: each parsed, and frames made of them; nothing checked or compared.
BARE = """
import itertools, json, sys
from time import process_time
import pandas
start = process_time()
rows = 0
with open(sys.argv[1], "rb") as file:
    while lines := list(itertools.islice(file, 50_000)):
        rows += len(pandas.DataFrame([json.loads(line) for line in lines]))
print(json.dumps({"rows": rows, "whole_s": process_time() - start}))
"""


def measured(folder: Path, rows: int, *programs: str) -> list[dict[str, float]]:
    """Run each program on a journal of so many rows, drawn from the recorded campaigns, as a process of its own."""
    recorded = [read_journal(path)[0] for path in sorted((ROOT / "data" / "mirrors").glob("*.jsonl"))]
    journal = folder / "journal"
    write_journal(journal, multiplied(pd.concat(recorded, ignore_index=True), rows))
    results = []
    for program in programs:
        command = [sys.executable, "-c", LAUNCH, program, str(journal)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=600)
        assert done.returncode == 0, done.stderr
        results.append(json.loads(done.stdout))
        print(f"\n{results[-1]}")
    journal.unlink()  # a million rows are a gigabyte
    return results


@pytest.mark.benchmark
def test_a_million_pulls_are_read_and_compared_in_time_and_memory(tmp_path: Path) -> None:
    eighths = [run["whole_s"] for run in measured(tmp_path, 125_000, *[MEASURE] * 3)]
    bare, whole = measured(tmp_path, 1_000_000, BARE, MEASURE)
    print(f"\na million pulls: {whole['whole_s'] / bare['whole_s']:.2f} x json and pandas alone")
    assert whole["rows"] == bare["rows"] >= 999_000
    assert whole["whole_s"] <= 1.6 * bare["whole_s"]
    assert whole["peak_mb"] < 2_000
    # Linear: eight times the rows, at most ten times the time.
    assert whole["whole_s"] < 10 * min(eighths)


@pytest.mark.long
def test_the_benchmark_itself_runs(tmp_path: Path) -> None:
    run, bare = measured(tmp_path, 2_000, MEASURE, BARE)
    assert run["rows"] == bare["rows"] > 1_900
    assert run["pairs"] > 10
