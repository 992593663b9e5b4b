"""The journal: JSON Lines, one object a line, on the disk when a pull ends.

A pull's lines are written at once, its requests first: a pull's own line shows that the others are there. So
a killed campaign loses at most the pull that was running, and what a torn line leaves behind is recognised.

Besides ``pull`` and ``request`` a campaign writes ``campaign``, its plan, ``probe``, round trips measured
apart from transfers, and with many hosts ``vantage``, a line for each host that takes part.

Big campaigns, and other programs, have Parquet instead: two files, pulls and requests. pyarrow, which comes
with the extra ``parquet``, reads and writes them.
"""

from __future__ import annotations

import gc
import json
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from regtools.errors import RegtoolsError, unreadable, unwritable
from regtools.files import write_file
from regtools.pull.frames import Table, are_pairs
from regtools.pull.http.values import clipped, pull_error
from regtools.pull.records import FORMAT, PULL_COLUMNS, REQUEST_COLUMNS, Pull

from .rows import COLUMNS, Row, checked_row, pull_rows, row_of

with suppress(ImportError):  # Windows, where journals are read only
    import fcntl

if TYPE_CHECKING:
    import pandas as pd


Pathlike = str | os.PathLike[str]


MOST_SKIPPED = 100_000  # unreadable lines; to remember each would take a hundred times its size
LONGEST_LINE = 16 << 20  # bytes; a pull with thousands of layers has a thousandth of that


class JournalWarning(UserWarning):
    """Some lines of a journal could not be read and were skipped."""


# -- writing ---------------------------------------------------------------------------------------------


def append(path: Pathlike, pull: Pull) -> None:
    """Write a pull's rows to the end of a journal and wait until the disk has them.

    A torn last line, which a kill leaves, is ended first, so that it damages nothing after it.

    Raises:
        RegtoolsError: kind ``file-unwritable``.
    """
    append_rows(path, pull_rows(pull))


def append_rows(path: Pathlike, rows: Iterable[Row]) -> None:
    """Write rows like :func:`append`, each of which names its kind as ``row``.

    Raises:
        RegtoolsError: kind ``file-unwritable``; ``bad-row``, and nothing is written.
    """
    whole = ({"format": FORMAT, **checked_row(row)} for row in rows)
    texts = [json.dumps(row, separators=(",", ":"), allow_nan=False) for row in whole]
    lines = "".join(f"{text}\n" for text in texts).encode()
    try:
        with _opened(path, "ab+") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    lines = b"\n" + lines
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise unwritable(path, error, what="the journal", stage="pull") from error


@contextmanager
def locked(journal: str) -> Iterator[None]:
    """Keep a second campaign from writing to the same journal; create the file.

    Raises:
        RegtoolsError: kind ``journal-in-use``, ``file-unwritable``.
    """
    try:
        file = _opened(journal, "ab+")
    except OSError as error:
        raise unwritable(journal, error, what="the journal", stage="pull") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = "another run is writing to this journal"
            hint = "wait for it, stop it, or name another journal"
            raise pull_error("journal-in-use", message, hint, file=journal) from None
        yield


def _opened(path: Pathlike, mode: Literal["ab+", "rb"]) -> BinaryIO:
    if Path(path).exists() and not Path(path).is_file():
        raise OSError(0, "a journal must be a regular file")
    return Path(path).open(mode)


# -- reading ---------------------------------------------------------------------------------------------


def read_journal(path: Pathlike | Sequence[Pathlike]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read a journal, or several as one, into two tidy frames, ``pulls`` and ``requests``.

    Columns and dtypes are ``PULL_COLUMNS`` and ``REQUEST_COLUMNS`` of :mod:`regtools.pull.records`, for an
    empty journal, too. Lines that cannot be read and requests whose pull never finished are skipped; a
    :class:`JournalWarning` lists them, and ``pulls.attrs["skipped"]`` holds pairs of line number (for several
    journals: file and line) and reason. A pull that is in two of the journals counts once.

    A file whose name ends in ``.parquet`` is one of :func:`~regtools.campaigns.parquet.write_parquet`.

    Raises:
        RegtoolsError: kind ``file-missing`` or ``file-unreadable``.
    """
    import pandas as pd

    if isinstance(path, str | os.PathLike):
        return _read_one(path)
    both = [_read_one(each) for each in path]
    if not both:
        return Table(PULL_COLUMNS).frame(), Table(REQUEST_COLUMNS).frame()
    pulls, requests = (pd.concat(frames, ignore_index=True) for frames in zip(*both, strict=True))
    pulls = pulls.drop_duplicates("run_id", ignore_index=True)
    requests = requests.drop_duplicates(["run_id", "seq"], ignore_index=True)
    pulls.attrs["skipped"] = [
        (f"{os.fspath(name)}:{line}", why)
        for name, (one, _) in zip(path, both, strict=True)
        for line, why in one.attrs["skipped"]
    ]
    return pulls, requests


def read_probes(path: Pathlike) -> pd.DataFrame:
    """Read the round trips that a campaign measured apart from transfers: a row for each place and round.

    Columns: ``round, place, started_at, url_host, n`` (round trips), ``connect_s`` (name, TCP and TLS),
    ``rtt_s`` (median), ``rtt_low_s`` (least), ``error_kind``, ``vantage``.

    Raises:
        RegtoolsError: kind ``file-missing`` or ``file-unreadable``.
    """
    return _tables(path, "probe")[0]["probe"].frame()


def read_plan(path: Pathlike) -> Row | None:
    """Return the plan of a journal, which also says on which machine it began; None for a file without one.

    Raises:
        RegtoolsError: kind ``file-missing`` or ``file-unreadable``.
    """
    for _, line in _lines(path):
        if b'"row":"campaign"' in line:
            with suppress(RegtoolsError):
                return row_of(line)
    return None


def read_vantages(path: Pathlike) -> pd.DataFrame:
    """Read which hosts took part in a campaign on many hosts: a row for each host and start.

    Columns: ``vantage, host, started_at`` (by the host's own clock), ``seen_at`` (by the clock of the machine
    that kept the journal), ``regtools`` and ``python`` (versions).

    Raises:
        RegtoolsError: kind ``file-missing`` or ``file-unreadable``.
    """
    return _tables(path, "vantage")[0]["vantage"].frame()


def _read_one(path: Pathlike) -> tuple[pd.DataFrame, pd.DataFrame]:
    if os.fspath(path).endswith(".parquet"):
        return read_parquet(path)
    tables, skipped = _tables(path, "pull", "request")
    pulls, requests = tables["pull"].frame(), tables["request"].frame()
    finished = requests["run_id"].isin(pulls["run_id"])
    if not finished.all():
        lines = [tables["request"].lines[index] for index in (~finished).to_numpy().nonzero()[0]]
        skipped += [(line, "its pull never finished") for line in lines]
        requests = requests[finished].reset_index(drop=True)
    for table in tables.values():
        skipped += [(line, f"a wrong type in {', '.join(names)}") for line, names in table.wrong]
    pulls.attrs["skipped"] = sorted(skipped)
    _tell(path, "line", pulls.attrs["skipped"])
    return pulls, requests


def _tell(path: Pathlike, unit: str, skipped: Sequence[tuple[int, str]]) -> None:
    """Warn of what was skipped, if anything was."""
    if skipped:
        told = "; ".join(f"{unit} {number}: {why}" for number, why in skipped[:10])
        more = f"; and {len(skipped) - 10} more" if len(skipped) > 10 else ""
        warnings.warn(f"{os.fspath(path)}: skipped {told}{more}", JournalWarning, stacklevel=4)


def _tables(path: Pathlike, *kinds: str) -> tuple[dict[str, Table], list[tuple[int, str]]]:
    """Read the rows of some kinds into tables; return these, and the lines that are not rows.

    A table checks its columns in bulk, by the same rules as :func:`~regtools.campaigns.rows.checked_row`.
    """
    tables = {kind: Table(COLUMNS[kind]) for kind in kinds}
    skipped: list[tuple[int, str]] = []
    collecting = gc.isenabled()
    gc.disable()  # millions of small objects without a cycle: looking for one takes half of the time
    try:
        for number, line in _lines(path):
            try:
                row = row_of(line)
            except RegtoolsError as error:
                skipped.append((number, error.message))
                if len(skipped) > MOST_SKIPPED:
                    trouble = OSError(0, f"more than {MOST_SKIPPED:,} of its lines cannot be read as rows")
                    raise unreadable(path, trouble, what="the journal") from error
                continue
            if row is not None and row["row"] in tables:
                tables[row["row"]].add(number, row)
    finally:
        if collecting:
            gc.enable()
    return tables, skipped


def _lines(path: Pathlike) -> Iterator[tuple[int, bytes]]:
    try:
        with _opened(path, "rb") as file:
            for number, line in enumerate(iter(partial(file.readline, LONGEST_LINE), b""), 1):
                if len(line) == LONGEST_LINE:
                    raise OSError(0, f"line {number} has {LONGEST_LINE} bytes or more, which no row has")
                yield number, line
    except OSError as error:
        raise unreadable(path, error, what="the journal") from error


# -- what a campaign finds when it continues -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Past:
    """What a journal holds of a campaign.

    Attributes:
        row: its plan; None in a new journal.
        done: job → run_id of its pull.
        bytes: fetched by these pulls.
        vantages: names of the vantage points that took part.
    """

    row: Row | None
    done: Mapping[str, str]
    bytes: int
    vantages: frozenset[str]

    @classmethod
    def read(cls, journal: str) -> Past:
        """Read a journal; damaged rows and those of other campaigns do not count."""
        plan: Row | None = None
        pulls: dict[str, tuple[str, int]] = {}
        hosts: set[tuple[str | None, str | None]] = set()
        for _, line in _lines(journal):
            if b'"job"' not in line and b'"campaign"' not in line:
                continue
            with suppress(RegtoolsError):
                row = checked_row(row_of(line), complete=False)
                if row["row"] == "campaign":
                    plan = plan or row
                elif row["row"] == "vantage":
                    hosts.add((row.get("campaign"), row.get("vantage")))
                elif row["row"] == "pull" and row.get("job"):
                    pulls[row["job"]] = row["run_id"], row.get("bytes_fetched") or 0
        name = None if plan is None else plan.get("campaign")
        mine = {job: each for job, each in pulls.items() if job.startswith(f"{name}/")}
        there = frozenset(vantage for campaign, vantage in hosts if vantage and campaign == name)
        done = {job: run for job, (run, _) in mine.items()}
        return cls(plan, done, sum(size for _, size in mine.values()), there)


def write_parquet(
    path: str | os.PathLike[str], pulls: pd.DataFrame, requests: pd.DataFrame | None = None
) -> None:
    """Write the frames of :func:`~regtools.read_journal`, which also reads them back.

    Args:
        path: file for the pulls, ``NAME.parquet``; requests go to ``NAME.requests.parquet`` beside it.
        pulls: frame of pulls.
        requests: frame of requests; None writes no file for them.

    Raises:
        RegtoolsError: ``extra-missing`` without pyarrow, ``file-unwritable``, ``usage`` for another name.
    """
    _need_pyarrow()
    if Path(path).suffix != ".parquet":
        message = "the name must end in .parquet, so that read_journal recognises it"
        raise pull_error("usage", message, file=os.fspath(path))
    if requests is not None:  # first, as in a journal: where pulls are, their requests are
        write_file(_beside(path), requests.to_parquet(index=False), what="the file")
    write_file(path, pulls.to_parquet(index=False), what="the file")


def read_parquet(path: str | os.PathLike[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read what :func:`write_parquet` wrote; columns and dtypes are those of a journal.

    Rows with a cell that is not what its column holds are skipped, and a warning lists them.

    Raises:
        RegtoolsError: ``extra-missing``, ``file-missing``, ``file-unreadable``.
    """
    _need_pyarrow()
    beside = _beside(path)
    pulls, wrong = _read(path, PULL_COLUMNS)
    skipped = [(row, f"a wrong type in {', '.join(names)}") for row, names in wrong]
    requests = Table(REQUEST_COLUMNS).frame()
    if beside.exists():
        requests, wrong = _read(beside, REQUEST_COLUMNS)
        skipped += [(row, f"of the requests: a wrong type in {', '.join(names)}") for row, names in wrong]
    if skipped:
        requests = requests[requests["run_id"].isin(pulls["run_id"])].reset_index(drop=True)
    pulls.attrs["skipped"] = skipped
    _tell(path, "row", skipped)
    return pulls, requests


def load_parquet(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a Parquet file, whatever its columns hold.

    Raises:
        RegtoolsError: ``file-missing``, ``file-unreadable``.
    """
    import pandas as pd

    try:
        found: pd.DataFrame = pd.read_parquet(path).reset_index(drop=True)
    except FileNotFoundError as error:
        raise unreadable(path, error) from error
    except (OSError, LookupError, NotImplementedError, TypeError, ValueError) as error:
        first = (str(error).splitlines() or ["it is damaged"])[0]  # pyarrow reports damage as one of these
        raise unreadable(path, OSError(0, clipped(first, 200))) from error
    return found


def _read(
    path: str | os.PathLike[str], columns: dict[str, str]
) -> tuple[pd.DataFrame, list[tuple[int, list[str]]]]:
    """Return the rows of a file, and those that were left out: each with the columns of a wrong type.

    Casting whole columns is fast. Where that fails, each row passes the same check as a row of a journal.
    """
    found = load_parquet(path)
    for name in columns.keys() - set(found):
        found[name] = None
    lists = _checked(found, {name: dtype for name, dtype in columns.items() if dtype == "object"})
    with suppress(ArithmeticError, TypeError, ValueError):
        framed: pd.DataFrame = found[list(columns)].assign(**lists.frame()).astype(columns)
        infinite = framed.select_dtypes("float64").abs() == float("inf")
        wrong = framed["run_id"].isna() | infinite.any(axis=1)
        if "ok" in columns:  # a pull without a time cannot be compared
            wrong |= ~(framed["total_s"] >= 0)
        if not wrong.any() and not lists.wrong:
            return framed, []
    table = _checked(found, columns)
    return table.frame(), table.wrong


def _checked(found: pd.DataFrame, columns: dict[str, str]) -> Table:
    """Return some columns as a table that has checked each of their cells."""
    table = Table(columns)
    plain = {name: found[name].astype("object").where(found[name].notna(), None) for name in columns}
    cells = [[_cell(value, dtype) for value in plain[name]] for name, dtype in columns.items()]
    for number, row in enumerate(zip(*cells, strict=True), 1):
        table.add(number, dict(zip(columns, row, strict=True)))
    return table


def _cell(value: Any, dtype: str) -> Any:
    """Return a cell of a Parquet file as a line of a journal has it; what has no such form stays."""
    plain = value.tolist() if hasattr(value, "tolist") else value  # arrays and numbers of numpy
    if isinstance(plain, list):
        items = [_cell(each, "") for each in plain]
        return [[pair[0], int(pair[1])] for pair in items] if are_pairs(items) else items
    if dtype == "string" and isinstance(plain, int | float):
        return str(plain)
    if dtype == "boolean" and plain in (0, 1):
        return bool(plain)
    if dtype == "Int64" and isinstance(plain, float) and plain.is_integer():
        return int(plain)
    return plain.isoformat() if isinstance(plain, datetime) else plain


def _beside(path: str | os.PathLike[str]) -> Path:
    return Path(path).with_suffix(".requests.parquet")


def _need_pyarrow() -> None:
    if find_spec("pyarrow") is None:
        message = "Parquet needs pyarrow, which is not installed"
        hint = "pip install 'podman-regtools[parquet]'"
        raise pull_error("extra-missing", message, hint)
