"""The journal: JSON Lines, one object a line, on the disk when a pull ends.

A pull's lines are written in one go, its requests first: a pull's own line says that the rest is there. So a
killed campaign loses at most the pull in flight, and what a torn line leaves behind is told apart.

Besides ``pull`` and ``request`` a campaign writes ``campaign``, its plan, ``probe``, round trips measured
apart from transfers, and with many hosts ``vantage``, a line for each host that takes part.

What a journal holds of a campaign already, and the lock that keeps a second one from writing to it.
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from regtools.errors import Place, RegtoolsError
from regtools.pull.frames import PROBE_COLUMNS, VANTAGE_COLUMNS, Table
from regtools.pull.records import FORMAT, PULL_COLUMNS, REQUEST_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any, BinaryIO

    import pandas as pd

    from regtools.pull.records import Pull

__all__ = [
    "JournalWarning",
    "Past",
    "append",
    "append_rows",
    "campaign_rows",
    "locked",
    "read_journal",
    "read_probes",
    "read_vantages",
]

if TYPE_CHECKING:
    Pathlike = str | os.PathLike[str]

_COLUMNS = {
    "pull": PULL_COLUMNS,
    "request": REQUEST_COLUMNS,
    "probe": PROBE_COLUMNS,
    "vantage": VANTAGE_COLUMNS,
    "campaign": {},
}
_DECODER = json.JSONDecoder()


class JournalWarning(UserWarning):
    """Some lines of a journal could not be read, and were skipped."""


def append(path: Pathlike, pull: Pull) -> None:
    """Write a pull's rows to the end of the journal, and wait until the disk has them.

    A torn last line, left by a kill, is ended first, so that it damages nothing after it.

    Raises:
        RegtoolsError: kind ``file-unwritable``.
    """
    rows = [{"row": "request", **request.to_dict()} for request in pull.requests]
    append_rows(path, [*rows, {"row": "pull", **pull.row()}])


def append_rows(path: Pathlike, rows: Iterable[dict[str, Any]]) -> None:
    """Write rows, each with its ``row``, like :func:`append`."""
    lines = b"".join(_line({"format": FORMAT, **row}) for row in rows)
    try:
        with Path(path).open("ab+") as file:
            if file.tell() and _last_byte(file) != b"\n":
                lines = b"\n" + lines
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise RegtoolsError(
            f"the journal cannot be written: {error.strerror}",
            kind="file-unwritable",
            stage="pull",
            where=Place(os.fspath(path)),
        ) from error


def read_journal(path: Pathlike | Sequence[Pathlike]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read a journal, or several as one, into two tidy frames, ``pulls`` and ``requests``.

    Columns and dtypes are ``PULL_COLUMNS`` and ``REQUEST_COLUMNS`` of :mod:`regtools.pull.records`, for an
    empty journal, too. Lines that cannot be read, and requests whose pull was never finished, are skipped; a
    :class:`JournalWarning` says which, and ``pulls.attrs["skipped"]`` holds pairs of line number (of several
    journals: file and line) and reason. A pull that stands in two of the journals counts once.

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
    pulls = pd.concat([each[0] for each in both], ignore_index=True).drop_duplicates(
        "run_id", ignore_index=True
    )
    requests = pd.concat([each[1] for each in both], ignore_index=True)
    requests = requests.drop_duplicates(["run_id", "seq"], ignore_index=True)
    named = zip(path, both, strict=True)
    pulls.attrs["skipped"] = [
        (f"{os.fspath(name)}:{line}", why) for name, each in named for line, why in each[0].attrs["skipped"]
    ]
    return pulls, requests


def read_probes(path: Pathlike) -> pd.DataFrame:
    """Read the round trips that a campaign measured apart from transfers: a row a place and round.

    Columns: ``round, place, started_at, url_host, n`` (round trips), ``connect_s`` (name, TCP and TLS),
    ``rtt_s`` (median), ``rtt_low_s`` (least), ``error_kind``, ``vantage``.

    Raises:
        RegtoolsError: kind ``file-missing`` or ``file-unreadable``.
    """
    return _tables(path, ("probe",))[0]["probe"].frame()


def read_vantages(path: Pathlike) -> pd.DataFrame:
    """Read which hosts took part in a campaign on many: a row a host and start.

    Columns: ``vantage, host, started_at`` (by the host's own clock), ``seen_at`` (by the clock of the machine
    that kept the journal), ``regtools`` and ``python`` (versions).

    Raises:
        RegtoolsError: kind ``file-missing`` or ``file-unreadable``.
    """
    return _tables(path, ("vantage",))[0]["vantage"].frame()


def _read_one(path: Pathlike) -> tuple[pd.DataFrame, pd.DataFrame]:
    if os.fspath(path).endswith(".parquet"):
        from .parquet import read_parquet

        return read_parquet(path)
    tables, skipped = _tables(path, ("pull", "request"))
    pulls, requests = tables["pull"].frame(), tables["request"].frame()
    finished = requests["run_id"].isin(pulls["run_id"])
    if not finished.all():
        lines = [tables["request"].lines[index] for index in (~finished).to_numpy().nonzero()[0]]
        skipped += [(line, "its pull never finished") for line in lines]
        requests = requests[finished].reset_index(drop=True)
    for table in tables.values():
        skipped += [(line, f"a wrong type in {', '.join(names)}") for line, names in table.wrong]
    pulls.attrs["skipped"] = sorted(skipped)
    _warn(path, sorted(skipped))
    return pulls, requests


def _tables(path: Pathlike, kinds: tuple[str, ...]) -> tuple[dict[str, Table], list[tuple[int, str]]]:
    """Read the rows of some kinds into tables; give these, and the lines that are no rows."""
    import gc

    tables = {kind: Table(_COLUMNS[kind]) for kind in kinds}
    skipped: list[tuple[int, str]] = []
    collecting = gc.isenabled()
    gc.disable()  # millions of small objects and no cycle among them: looking for some takes half the time
    try:
        with Path(path).open("rb") as file:
            for number, line in enumerate(file, 1):
                row = _row(line)
                if isinstance(row, dict):
                    if row["row"] in tables:
                        tables[row["row"]].add(number, row)
                elif row is not None:
                    skipped.append((number, row))
    except OSError as error:
        kind = "file-missing" if isinstance(error, FileNotFoundError) else "file-unreadable"
        raise RegtoolsError(
            f"the journal cannot be read: {error.strerror}",
            kind=kind,
            stage="load",
            where=Place(os.fspath(path)),
        ) from error
    finally:
        if collecting:
            gc.enable()
    return tables, skipped


def _row(line: bytes) -> dict[str, Any] | str | None:
    """Give a line's row, or why it is none; None for an empty line."""
    try:
        text = line.decode()
        row: Any
        row, end = _DECODER.raw_decode(text)  # json.loads looks for blanks around it, too
        if text[end:] != "\n":
            row = json.loads(text)
    except (ValueError, RecursionError):
        return "not JSON; torn, or damaged" if line.strip() else None
    kind = row.get("row") if isinstance(row, dict) else None
    if not isinstance(kind, str) or kind not in _COLUMNS:
        return "neither a pull nor a request"
    if row.get("format") != FORMAT:
        return f"format {row.get('format')!r}; this program reads format {FORMAT}"
    found: dict[str, Any] = row
    return found


def _warn(path: Pathlike, skipped: list[tuple[int, str]]) -> None:
    if not skipped:
        return
    import warnings

    told = "; ".join(f"line {number}: {why}" for number, why in skipped[:10])
    more = f"; and {len(skipped) - 10} more" if len(skipped) > 10 else ""
    warnings.warn(f"{os.fspath(path)}: skipped {told}{more}", JournalWarning, stacklevel=4)


def _line(row: dict[str, Any]) -> bytes:
    return json.dumps(row, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode() + b"\n"


def _last_byte(file: Any) -> bytes:
    file.seek(-1, os.SEEK_END)
    last: bytes = file.read(1)
    return last


@dataclass(frozen=True, slots=True)
class Past:
    """What a journal holds of a campaign: its plan's row, the keys and bytes of what is done, and where."""

    row: dict[str, Any] | None
    done: frozenset[str]
    bytes: int
    vantages: frozenset[str]

    @classmethod
    def read(cls, journal: str) -> Past:
        """Read a journal; what is torn or of another campaign counts for nothing."""
        row: dict[str, Any] | None = None
        done: dict[str, int] = {}
        vantages: set[tuple[Any, str]] = set()
        for found in campaign_rows(journal):
            if found["row"] == "campaign":
                row = row or found
            elif found["row"] == "vantage":
                vantages.add((found.get("campaign"), str(found.get("vantage"))))
            elif isinstance(found.get("job"), str):
                done[found["job"]] = found.get("bytes_fetched") or 0
        if row is None:
            return cls(None, frozenset(), 0, frozenset())
        mine = {key: size for key, size in done.items() if key.startswith(f"{row.get('campaign')}/")}
        there = frozenset(name for campaign, name in vantages if campaign == row.get("campaign"))
        return cls(row, frozenset(mine), sum(mine.values()), there)


def campaign_rows(journal: str) -> Iterator[dict[str, Any]]:
    """Give the rows of campaigns and pulls; what is torn or of no campaign is passed over."""
    with Path(journal).open("rb") as lines:
        for line in lines:
            if b'"job"' not in line and b'"campaign"' not in line:
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(row, dict) and row.get("row") in ("pull", "campaign", "vantage"):
                yield row


class locked:  # noqa: N801 - used like a function
    """Keeps a second campaign from writing to the same journal; makes the file."""

    def __init__(self, journal: str) -> None:
        self._journal = journal
        self._file: BinaryIO | None = None

    def __enter__(self) -> None:
        try:
            self._file = Path(self._journal).open("ab")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.__exit__()
            raise RegtoolsError(
                "another campaign is writing to this journal",
                kind="journal-in-use",
                stage="pull",
                where=Place(self._journal),
                hint="wait for it, stop it, or name another journal",
            ) from None
        except OSError as error:
            raise RegtoolsError(
                f"the journal cannot be written: {error.strerror}",
                kind="file-unwritable",
                stage="pull",
                where=Place(self._journal),
            ) from error

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
