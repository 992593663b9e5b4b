"""What a kill or Ctrl-C at any moment leaves behind, for everything that writes: the table ``WRITERS``.

Each file is then as it was or as it was to be, no process is left, and the same command finishes the work. After
Ctrl-C there is no temporary file, and no traceback once ``main`` has begun (before, it is Python that is interrupted).
A new writer is one more line of the table.
"""

from __future__ import annotations

import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from regtools.campaigns.job import Job, lost_row
from regtools.campaigns.journal import append_rows
from regtools.testbed import Link, Testbed
from tests.conftest import LONG, ROOT, absent
from tests.support.command import regtools
from tests.support.confs import leading_to
from tests.support.processes import await_true

Files = dict[str, bytes]
ROUNDS, PLACES = 6, 3


class Writer(NamedTuple):
    """A command that writes.

    Attributes:
        words: the command, run in a folder with the files of :func:`furnish`.
        old: files that it replaces; they hold something else before each kill.
        check: fails unless what a kill has left is whole; called with the files before it, after it, and of a
            run that nobody killed. By default each file is old or new.
        needs: programs.
        end: the command that ends what it has started.
        again: part of the message of a command that has nothing left to do and refuses.
    """

    words: str
    old: tuple[str, ...] = ()
    check: Callable[[Files, Files, Files], None] | None = None
    needs: tuple[str, ...] = ()
    end: str = ""
    again: str | None = None


def old_or_new(before: Files, after: Files, new: Files) -> None:
    assert before.keys() <= after.keys()
    for name, data in after.items():
        assert data in (before.get(name), new.get(name)), f"{name} is neither old nor new"


def pulls_once(before: Files, after: Files, new: Files) -> None:
    """The journal holds each job once, and every pull that it held before."""
    assert _pulls(before).items() <= _pulls(after).items()
    assert after.keys() <= new.keys()
    vantages = {job.partition("@")[2] for job in _pulls(new)}
    assert len(_pulls(new)) == ROUNDS * PLACES * len(vantages)


def _pulls(files: Files) -> dict[str, str]:
    """Job → run of the finished pulls; a torn line, which a kill leaves, is none."""
    found = []
    for line in files.get("j", b"").split(b"\n"):
        with suppress(ValueError):
            row = json.loads(line)
            found += [(row["job"], row["run_id"])] if row["row"] == "pull" else []
    assert len(dict(found)) == len(found), "a job was done twice"
    return dict(found)


def settings_as_they_were(before: Files, after: Files, new: Files) -> None:
    """Logs and numbers of processes differ; whether the programs are found again is what ``end`` shows."""
    assert {name for name in before if after.get(name) != before[name]} <= {
        name for name in before if name.startswith(("hub/run/", "hub/storage/"))
    }


CAMPAIGN = (
    f"regtools bench origin.test/hello --conf places.conf --journal j --rounds {ROUNDS} --pause 0 --probes 1"
)
PARQUET = "import regtools as rt; from regtools.campaigns.journal import write_parquet"
PARQUET += "; write_parquet('out.parquet', *rt.read_journal('pulls.jsonl'))"
WRITERS = {
    "campaign": Writer(CAMPAIGN, check=pulls_once),
    "campaign by podman": Writer(f"{CAMPAIGN} --engine podman", check=pulls_once, needs=("podman",)),
    "campaign of two workers": Writer(f"{CAMPAIGN} --local-cluster 2", check=pulls_once),
    "layout": Writer(
        "regtools time origin.test/layers-20 --conf places.conf --into image", again="into-not-empty"
    ),
    "lab": Writer("regtools lab mine --copy-only"),
    "cache init": Writer("regtools cache init new --port 20000"),
    "cache up": Writer(
        "regtools cache up hub --engine binaries",
        check=settings_as_they_were,
        needs=("docker-registry", "redis-server"),
        end="regtools cache down hub",
    ),
    "advice": Writer("regtools advise m.csv --conf places.conf --write out.conf --force", old=("out.conf",)),
    "chart": Writer("regtools compare m.csv --plot out.png", old=("out.png",)),
    "report": Writer("regtools compare m.csv --report out.html", old=("out.html",)),
    "conversion": Writer("regtools convert old.conf -o out.conf --force", old=("out.conf",)),
    "fix": Writer("regtools check faulty.conf --fix --podman 6"),
    "parquet": Writer(f'python -c "{PARQUET}"', old=("out.parquet", "out.requests.parquet")),
}
ONLY_LONG = {"campaign by podman", "campaign of two workers", "layout", "cache init", "chart", "report"}
# For each writer: over the whole table more than 30 SIGKILL and 100 Ctrl-C; in `make test` one or the other.
KILLS = [signal.SIGKILL] * (3 if LONG else 1) + [signal.SIGINT] * (10 if LONG else 1)
MOST = len(KILLS) if LONG else 1
TEMPORARY = re.compile(r"(^|/)\.[^/]+\.[a-z0-9_]{8}(\.partial)?(/|$)")


# A frame that begins before `main` is reached does not count: there, it is Python that is interrupted.
IN_MAIN = re.compile(r'regtools/cli/__init__\.py", line \d+, in main')
PULL = lost_row(Job(key="c/1/1", image="a.test/x", place="near", conf=leading_to("127.0.0.1:1")), "connect")


@pytest.fixture(scope="module")
def bed() -> Iterator[Testbed]:
    with Testbed({"near": Link(rtt_ms=1), "far": Link(rtt_ms=4)}) as bed:
        yield bed


def furnish(folder: Path, bed: Testbed, words: str) -> Path:
    """Fill a new folder with what a command reads."""
    (folder / "tmp").mkdir(parents=True)
    (folder / "places.conf").write_text(bed.conf_text)
    (folder / "old.conf").write_text('[registries.search]\nregistries = ["quay.io"]\n')
    (folder / "faulty.conf").write_text("[[registry]]\nlocation = quay.io\n")
    times = "".join(
        f"{bed.addresses[name]},origin.test/hello,{n},{slow + n / 100},true\n"
        for n in range(12)
        for slow, name in enumerate(reversed(bed.addresses), 1)
    )
    (folder / "m.csv").write_text(f"place,image,round,seconds,ok\n{times}")
    append_rows(folder / "pulls.jsonl", [PULL] * 200)
    if " hub " in words:
        origin = ("--upstream", f"http://{bed.addresses['origin']}", "--prefix", "origin.test")
        made = regtools("cache", "init", folder / "hub", *origin, "--registry", "2", "--port", "0")
        assert made.returncode == 0, made.stderr
    return folder


def files_of(folder: Path) -> Files:
    """Everything in the folder but temporary files."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {
        name: path.read_bytes().replace(os.fsencode(folder), b"FOLDER")
        for name, path in found.items()
        if not TEMPORARY.search(name) and not name.startswith("tmp/")
    }


def temporary(folder: Path) -> set[str]:
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    return {name for name in names if TEMPORARY.search(name) or name.startswith("tmp/")}


def start(words: str, folder: Path) -> subprocess.Popen[str]:
    program, *rest = shlex.split(words)
    command = [sys.executable, *(["-m", program] if program == "regtools" else []), *rest]
    search = os.pathsep.join([str(ROOT), *sys.path])
    return subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder / "tmp"), "PYTHONPATH": search},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(words: str, folder: Path) -> tuple[int, str]:
    """Return exit status and messages of a command that nobody kills."""
    process = start(words, folder)
    said = process.communicate(timeout=120)[1]
    return process.returncode, said


def interrupt(writer: Writer, folder: Path, kill: signal.Signals, moment: float) -> tuple[bool, str]:
    """Kill a command at a moment; return whether it had finished before, and what happened."""
    process = start(writer.words, folder)
    with suppress(subprocess.TimeoutExpired):
        process.wait(moment)
    finished = process.poll() is not None
    if not finished and kill == signal.SIGINT:
        os.killpg(process.pid, kill)  # as a terminal does
    elif not finished:
        process.kill()
    said = process.communicate(timeout=60)[1]
    context = f"{kill.name} after {moment:.3f} s: status {process.returncode}, {said}"
    if kill == signal.SIGINT and writer.words.startswith("regtools"):
        if "Traceback" in said:
            assert not IN_MAIN.search(said), context
        else:  # Python itself dies of it before it has begun, and once it has begun to shut down
            done = writer.again is not None and writer.again in said  # the kill before came after its work
            assert done or process.returncode in (0, 130, -signal.SIGINT), context
    return finished, context


def left_over(folder: Path) -> list[str]:
    """The command lines of the processes that work in the folder or name it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            if f"{folder}/" in f"{line} {(process / 'cwd').readlink()}/":
                found.append(line)
    return found


@pytest.mark.sized
@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="this system does not list its processes")
@pytest.mark.parametrize("name", WRITERS)
def test_a_kill_leaves_nothing_lost_doubled_or_half_written(name: str, bed: Testbed, tmp_path: Path) -> None:
    writer, dice = WRITERS[name], random.Random()
    if name in ONLY_LONG and not LONG:
        pytest.skip("make test-long kills this writer, too")
    if name == "parquet":
        pytest.importorskip("pyarrow")
    for program in writer.needs:
        if shutil.which(program) is None:
            absent(f"needs {program}")
    folder = furnish(tmp_path / "0", bed, writer.words)
    span, states = 1.0, []
    for number, kill in enumerate(dice.sample(KILLS, MOST), 1):
        for old in writer.old:
            (folder / old).write_text("old")
        before, temporary_before, began = files_of(folder), temporary(folder), time.monotonic()
        finished, context = interrupt(writer, folder, kill, dice.uniform(0, span))
        span = time.monotonic() - began if finished else span * 1.2  # comes near to what a run takes
        if writer.end:
            assert finish(writer.end, folder)[0] == 0, context
        await_true(lambda here=folder: not left_over(here), f"the processes ended ({context})")  # type: ignore[misc]
        if kill == signal.SIGINT:
            assert temporary(folder) <= temporary_before, context
        states.append((before, files_of(folder), context))
        if finished:
            folder = furnish(tmp_path / str(number), bed, writer.words)
    status, said = finish(writer.words, folder)
    new = files_of(folder)
    if writer.end:
        finish(writer.end, folder)
    assert status == 0 or (writer.again is not None and writer.again in said), said
    for before, after, context in states:
        try:
            (writer.check or old_or_new)(before, after, new)
        except AssertionError as error:
            raise AssertionError(context) from error
    await_true(lambda: not left_over(folder), "the processes ended")
