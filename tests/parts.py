"""What `make test` runs, part by part, with the seconds that each took beside its budget.

    python tests/parts.py [PART...]

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
# Target of the Makefile → seconds on two cores. Together at most 300, and what later capabilities may add.
BUDGET = {
    "setup": 40,
    "lint": 5,
    "types": 25,
    "unit": 170,
    "parquet": 20,
    "notebooks-test": 40,
}


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
        (part, f"{s:.0f}", str(BUDGET[part]), "" if well else "FAILED") for part, (well, s) in took.items()
    ]
    rows.append(
        ("together", f"{sum(s for _, s in took.values()):.0f}", str(sum(BUDGET[part] for part in took)), "")
    )
    return "\n".join(
        f"{part:<16}{seconds:>8}{budget:>8}  {said}".rstrip() for part, seconds, budget, said in rows
    )


def main(parts: list[str]) -> int:
    """Run the parts named, or all."""
    unknown = [part for part in parts if part not in BUDGET]
    if unknown:
        print(f"no part is called {unknown[0]!r}; there are: {', '.join(BUDGET)}", file=sys.stderr)
        return 2
    took: dict[str, tuple[bool, float]] = {}
    for part in parts or BUDGET:
        took[part] = run(part)
        if part == "setup" and not took[part][0]:
            break  # nothing else can run
    print(f"\n{table(took)}")
    return 0 if all(well for well, _ in took.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
