"""The journal: JSON Lines, one object a line, on the disk when a pull ends.

A pull's lines are written in one go, its requests first: a pull's own line says that the rest is there. So a
killed campaign loses at most the pull in flight, and what a torn line leaves behind is told apart.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from regtools.errors import Place, RegtoolsError

from .records import FORMAT, PULL_COLUMNS, REQUEST_COLUMNS, frames

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    import pandas as pd

    from .records import Pull

__all__ = ["JournalWarning", "append", "read_journal"]


class JournalWarning(UserWarning):
    """Some lines of a journal could not be read, and were skipped."""


def append(path: str | os.PathLike[str], pull: Pull) -> None:
    """Write a pull's rows to the end of the journal, and wait until the disk has them.

    A torn last line, left by a kill, is ended first, so that it damages nothing after it.

    Raises:
        RegtoolsError: kind ``file-unwritable``.
    """
    rows = [{"row": "request", **request.to_dict()} for request in pull.requests]
    rows.append({"row": "pull", **pull.row()})
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


def read_journal(path: str | os.PathLike[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read a journal into two tidy frames, ``pulls`` and ``requests``.

    Columns and dtypes are ``PULL_COLUMNS`` and ``REQUEST_COLUMNS`` of :mod:`regtools.pull.records`, for an
    empty journal, too. Lines that cannot be read, and requests whose pull was never finished, are skipped; a
    :class:`JournalWarning` says which, and ``pulls.attrs["skipped"]`` holds pairs of line number and reason.

    Raises:
        RegtoolsError: kind ``file-missing`` or ``file-unreadable``.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        kind = "file-missing" if isinstance(error, FileNotFoundError) else "file-unreadable"
        raise RegtoolsError(
            f"the journal cannot be read: {error.strerror}",
            kind=kind,
            stage="load",
            where=Place(os.fspath(path)),
        ) from error
    pulls: list[dict[str, Any]] = []
    requests: list[tuple[int, dict[str, Any]]] = []
    skipped: list[tuple[int, str]] = []
    for number, row in _rows(data):
        if isinstance(row, str):
            skipped.append((number, row))
        elif row["row"] == "pull":
            pulls.append(row)
        else:
            requests.append((number, row))
    finished = {row["run_id"] for row in pulls}
    skipped += [
        (number, "its pull never finished") for number, row in requests if row["run_id"] not in finished
    ]
    made = frames(pulls, [row for _, row in requests if row["run_id"] in finished])
    made[0].attrs["skipped"] = sorted(skipped)
    if skipped:
        import warnings

        told = "; ".join(f"line {number}: {why}" for number, why in sorted(skipped)[:10])
        more = f"; and {len(skipped) - 10} more" if len(skipped) > 10 else ""
        warnings.warn(f"{os.fspath(path)}: skipped {told}{more}", JournalWarning, stacklevel=2)
    return made


def _rows(data: bytes) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Give each line's number and its row, or why it is none."""
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            yield number, _row(line)


def _row(line: bytes) -> dict[str, Any] | str:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return "not JSON; torn, or damaged"
    if not isinstance(row, dict) or row.get("row") not in ("pull", "request"):
        return "neither a pull nor a request"
    if row.get("format") != FORMAT:
        return f"format {row.get('format')!r}; this program reads format {FORMAT}"
    columns = PULL_COLUMNS if row["row"] == "pull" else REQUEST_COLUMNS
    wrong = [name for name, dtype in columns.items() if not _fits(row.get(name), dtype)]
    if not isinstance(row.get("run_id"), str):
        wrong = ["run_id"]
    return f"a wrong type in {', '.join(wrong)}" if wrong else row


def _fits(value: Any, dtype: str) -> bool:
    if value is None:
        return True
    if dtype == "string":
        return isinstance(value, str)
    if dtype == "boolean":
        return isinstance(value, bool)
    if dtype == "Int64":
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
    if dtype == "float64":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if dtype == "object":
        return isinstance(value, list)
    return _is_time(value)


def _is_time(value: Any) -> bool:
    from datetime import datetime

    try:
        datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return True


def _line(row: dict[str, Any]) -> bytes:
    return json.dumps(row, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode() + b"\n"


def _last_byte(file: Any) -> bytes:
    file.seek(-1, os.SEEK_END)
    last: bytes = file.read(1)
    return last
