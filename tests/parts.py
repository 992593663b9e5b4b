"""What `make test` and `make test-long` run, part by part, with the seconds that each took beside its budget.

    python tests/parts.py [--long] [PART...]

Every part runs, also after one has failed; the exit status is 1 if any has. No part fails on the clock: a budget is
for the eye, on two cores and a fresh clone, and a part far above it wants to be looked at.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# What each capability may add to the 300 seconds that a run took before it.
LATER = {
    "podman 6.1": 20,
    "hostile input": 30,
    "answers": 45,
    "measured answers": 20,
    "tutorial": 30,
    "the Chinese edition": 20,
    "the web edition": 20,
}
# Target of the Makefile → seconds on two cores. Together at most 300 and LATER.
BUDGET = {
    "setup": 28,
    "lint": 1,
    "types": 16,
    "unit": 315,
    "parquet": 25,
    "notebooks-test": 65,
}
LATER_LONG = {"the Chinese edition": 60, "the web edition": 240}
# What test-long adds: at most 4,500 and LATER_LONG, together with the parts of make test.
BUDGET_LONG = {
    "zh-test": 60,
    "web-test": 420,
    "properties": 1_850,
    "full": 960,
    "benchmarks": 400,
    "oldest": 300,
    "pythons": 320,
}
EVERY = BUDGET | BUDGET_LONG


def run(part: str) -> tuple[bool, float]:
    """Run one part; its output goes straight through."""
    print(f"== {part}", flush=True)
    begin = time.monotonic()
    # Its own make would pass its flags and its job server on to the next.
    environ = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS")}
    done = subprocess.run(
        ["make", "--no-print-directory", part, *_settings()], cwd=ROOT, env=environ, check=False
    )
    return done.returncode == 0, time.monotonic() - begin


def _settings() -> list[str]:
    """Settings given to the outer make (``make test PYTHON=python3.12``) hold for every part."""
    return [word for word in os.environ.get("MAKEOVERRIDES", "").split() if "=" in word]


def table(took: dict[str, tuple[bool, float]]) -> str:
    """Return the closing table: a line a part, and their sum."""
    rows = [("part", "seconds", "budget", "")]
    rows += [
        (part, f"{s:.0f}", str(EVERY[part]), "" if well else "FAILED") for part, (well, s) in took.items()
    ]
    rows.append(
        ("together", f"{sum(s for _, s in took.values()):.0f}", str(sum(EVERY[part] for part in took)), "")
    )
    return "\n".join(
        f"{part:<16}{seconds:>8}{budget:>8}  {said}".rstrip() for part, seconds, budget, said in rows
    )


def main(parts: list[str]) -> int:
    """Run the parts named, or those of `make test`; all with ``--long``."""
    usual = EVERY if parts[:1] == ["--long"] else BUDGET
    parts = [part for part in parts if part != "--long"]
    unknown = [part for part in parts if part not in EVERY]
    if unknown:
        print(f"no part is called {unknown[0]!r}; there are: {', '.join(EVERY)}", file=sys.stderr)
        return 2
    took: dict[str, tuple[bool, float]] = {}
    for part in parts or usual:
        took[part] = run(part)
        if part == "setup" and not took[part][0]:
            break  # nothing else can run
    print(f"\n{table(took)}")
    return 0 if all(well for well, _ in took.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
