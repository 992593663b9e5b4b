"""``make fuzz``: each target in a process of its own, guided by coverage where atheris is installed.

    python -m tests.fuzz [--seconds N] [TARGET...]

Without atheris, which has no wheel for every Python, hypothesis makes the inputs. The input of a finding is kept in
``.fuzz/TARGET/findings``; once it is mended, it joins the corpus.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORK = ROOT / ".fuzz"
LIMITS = ("-timeout=30", "-rss_limit_mb=3000", "-print_final_stats=1")
EXECUTED = re.compile(r"number_of_executed_units: *(\d+)")


def work(name: str, seconds: int) -> None:
    """Fuzz one target in this process; the executions are told as libFuzzer tells them."""
    try:
        import atheris
    except ImportError:
        _by_hypothesis(name, seconds)
        return
    with atheris.instrument_imports(include=["regtools", "tomli", "tomllib", "argparse", "shlex"]):
        from tests.fuzz.corpus import FOLDER, MOST_BYTES, words
        from tests.fuzz.targets import TARGETS

    grown, findings = (WORK / name / each for each in ("grown", "findings"))
    for each in (grown, findings):
        each.mkdir(parents=True, exist_ok=True)
    (WORK / name / "words").write_text("".join(f'"{_escaped(word)}"\n' for word in words(name)))
    options = [
        f"-max_total_time={seconds}", f"-max_len={MOST_BYTES}", f"-dict={WORK / name / 'words'}",
        f"-artifact_prefix={findings}/",
    ]  # fmt: skip
    atheris.Setup([name, *options, *LIMITS, str(grown), str(FOLDER / name)], TARGETS[name].run)
    atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word[:64])


def _by_hypothesis(name: str, seconds: int) -> None:
    from hypothesis import HealthCheck, given, settings

    from tests.fuzz.corpus import mutations
    from tests.fuzz.targets import TARGETS

    count = 0

    @settings(max_examples=200, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(mutations(name))
    def check(data: bytes) -> None:
        nonlocal count
        count += 1
        TARGETS[name].run(data)

    until = time.monotonic() + seconds
    while time.monotonic() < until:
        check()
    print(f"number_of_executed_units: {count}", file=sys.stderr)


def main() -> int:
    """Fuzz the targets one after the other; return 1 if any had a finding."""
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    options = parser.parse_args()
    if options.here:
        work(options.targets[0], options.seconds)
        return 0
    from tests.fuzz.targets import TARGETS

    unknown = set(options.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no target {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    found = []
    for name in options.targets or TARGETS:
        command = [sys.executable, "-m", "tests.fuzz", "--here", "--seconds", str(options.seconds), name]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
        told = (done.stdout + done.stderr).decode("utf-8", "replace")
        executed = EXECUTED.findall(told)
        print(f"{name:<16}{executed[-1] if executed else '?':>10} executions", flush=True)
        if done.returncode:
            found.append(name)
            lines = [line[:400] for line in told.splitlines() if not line.startswith(("#", "INFO:"))]
            print("\n".join([f"exit status {done.returncode}", *lines]), flush=True)
    print(f"{len(found)} of {len(options.targets or TARGETS)} targets with a finding")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
