"""Measured pulls from anywhere, as one frame with the columns that a comparison needs.

A journal's pulls frame fits as it is. So does any table with the columns ``place``, ``round``, ``seconds``
(or ``total_s``) and ``ok``, for example a CSV file of times taken by hand; the further columns that a journal
has then count as unknown.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from regtools.campaigns.journal import load_parquet, read_journal, read_parquet
from regtools.display import size
from regtools.errors import Place, RegtoolsError, unreadable
from regtools.pull.http.values import clipped
from regtools.pull.records import Pull, frames

NEEDED = ("place", "round", "seconds", "ok")
# What else a comparison looks at: texts, each with the word for unknown; numbers; the rest.
_TEXTS = {"campaign": "", "vantage": "", "client": "", "cache_state": "unknown", "image": ""}
_LOOSE = ("order", "digest", "client_version", "error_kind")  # texts that are compared with each other only
_NUMBERS = (
    *("ttfb_s", "transfer_s", "wait_s", "rtt_s", "other_cpu", "client_cpu"),
    *("bytes_fetched", "n_requests", "n_layers", "workers"),
)
LARGEST_FILE = 1 << 30  # bytes of a CSV or Parquet file; a million pulls have a fifth of that
_YES, _NO = ("true", "t", "yes", "y", "1", "1.0"), ("false", "f", "no", "n", "0", "0.0")


def pulls_frame(pulls: pd.DataFrame | Iterable[Pull]) -> pd.DataFrame:
    """Return a frame as it is, and pulls as the frame that a journal has of them.

    Raises:
        RegtoolsError: kind ``bad-table``; it is neither.
    """
    if isinstance(pulls, pd.DataFrame):
        return pulls
    given: list[Any] = list(pulls)
    wrong = next((each for each in given if not isinstance(each, Pull)), None)
    if wrong is None:
        return frames([pull.row() for pull in given], [])[0]
    if isinstance(wrong, pd.DataFrame):
        hint = "read_journal returns two tables: pulls, requests = read_journal(path); pass pulls"
    else:
        hint = "pass the pulls of read_journal(path), or a list of Pull"
    raise bad_table(f"expected a table or pulls, not {type(wrong).__name__}", hint)


def time_column(table: pd.DataFrame, needed: Iterable[str]) -> str:
    """Return the name of the column that holds the times: ``seconds``, else ``total_s``.

    Raises:
        RegtoolsError: kind ``bad-table``; the table lacks one of the ``needed`` columns.
    """
    time = "seconds" if "seconds" in table.columns else "total_s"
    missing = sorted(name for name in needed if (time if name == "seconds" else name) not in table.columns)
    if missing:
        hint = f"rename your columns: {', '.join(needed)} are needed; seconds may be called total_s"
        have = clipped(", ".join(map(str, table)), 200) or "none"
        raise bad_table(f"the table has no column {', '.join(missing)}; it has {have}", hint)
    return time


def prepared(pulls: pd.DataFrame | Iterable[Pull]) -> pd.DataFrame:
    """Check a table of pulls and return it with every column that a comparison looks at.

    A pull that failed for want of memory or open files (kind ``resources``) is left out, because that limit
    is the measuring machine's; ``attrs["left_out"]`` is the number of these pulls.

    Returns: ``seconds`` and ``round`` as float64 (``round`` is NaN for a pull that belongs to none), ``ok``
        as bool, numbers as float64, texts as strings. Columns that the table lacks hold "unknown" (NaN,
        None, or a text for it); its further columns are kept.

    Raises:
        RegtoolsError: kind ``bad-table``; a column is missing, or a cell is not what its column says.
    """
    table = pulls_frame(pulls)
    time = time_column(table, NEEDED)
    if not len(table):
        hint = "measure some: regtools bench IMAGE --rounds 10 --journal FILE"
        raise bad_table("there are no pulls to compare", hint)

    def column(name: str) -> pd.Series[Any]:
        return table[name] if name in table.columns else pd.Series(None, table.index, dtype="object")

    made: dict[str, Any] = {
        "place": _texts(table["place"], "place").fillna(""),
        "round": _numbers(table["round"], "round"),
        "ok": _flags(table["ok"]),
        "seconds": _numbers(table[time], time, least=0.0),
    }
    untimed = made["ok"] & made["seconds"].isna()
    if untimed.any():
        message = f"row {_first(untimed)}: the pull is ok, and {time} is empty"
        raise bad_table(message, "add the time, or set ok to false")
    made |= {name: _texts(column(name), name).fillna(unknown) for name, unknown in _TEXTS.items()}
    made |= {name: _numbers(column(name), name) for name in _NUMBERS}
    made |= {name: _texts(column(name), name) for name in _LOOSE}
    made["started_at"] = column("started_at")
    made |= {name: table[name] for name in table.columns if name not in made and name != time}
    whole = pd.DataFrame(made)
    ours = ~made["ok"] & (whole["error_kind"] == "resources").fillna(False).astype(bool)
    if ours.all():
        message = "every pull failed for want of memory or open files on the machine that measured"
        raise bad_table(message, "raise its limits (ulimit -v, ulimit -n) and measure again")
    counted: pd.DataFrame = (whole[~ours] if ours.any() else whole).reset_index(drop=True)
    counted.attrs["left_out"] = int(ours.sum())
    return counted


def _numbers(column: pd.Series[Any], name: str, least: float | None = None) -> pd.Series[float]:
    try:
        read = pd.to_numeric(column, errors="coerce")
    except OverflowError:  # a whole number of hundreds of digits
        read = pd.to_numeric(column.astype("string"), errors="coerce")
    numbers = read.astype("Float64").astype("float64")
    wrong = numbers.isna() & column.notna()
    if least is not None:
        wrong |= (numbers < least) | (numbers == float("inf"))
    if wrong.any():
        what = "number" if least is None else "time"
        raise bad_table(f"row {_first(wrong)}: {name} is {_cell(column, wrong)}, which is no {what}")
    return numbers


def _texts(column: pd.Series[Any], name: str) -> pd.Series[str]:
    try:
        texts: pd.Series[str] = column.astype("string")
    except (TypeError, ValueError) as error:  # bytes that are not UTF-8, from a Parquet file
        raise bad_table(f"the column {name} has a cell that is not text") from error
    return texts


def _flags(column: pd.Series[Any]) -> pd.Series[bool]:
    if pd.api.types.is_bool_dtype(column.dtype):
        return column.fillna(False).astype(bool)
    words = _texts(column, "ok").str.strip().str.lower()
    wrong = ~words.isin([*_YES, *_NO])
    if wrong.any():
        message = f"row {_first(wrong)}: ok is {_cell(column, wrong)}, which is neither true nor false"
        raise bad_table(message, "write true or false")
    return words.isin(_YES).astype(bool)


def _cell(column: pd.Series[Any], wrong: pd.Series[bool]) -> str:
    value = column.iloc[_first(wrong) - 1]
    return clipped(repr(value) if isinstance(value, str) else str(value), 60)


def _first(wrong: pd.Series[bool]) -> int:
    """Return the number of the first row that is marked, from 1."""
    return int(wrong.to_numpy(dtype=bool, na_value=False).argmax()) + 1


def bad_table(message: str, hint: str | None = None) -> RegtoolsError:
    """Return the error for a table that does not hold what is needed."""
    return RegtoolsError(message, kind="bad-table", stage="load", hint=hint)


def period(table: pd.DataFrame) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    """Return when the first and the last pull began, None where that is not recorded."""
    begun = pd.to_datetime(table["started_at"], utc=True, errors="coerce").dropna()
    return (begun.min(), begun.max()) if len(begun) else None


# -- files -----------------------------------------------------------------------------------------------


def read_measurements(paths: Sequence[str | os.PathLike[str]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read journals, CSV and Parquet files, recognised by their content, as pulls and requests.

    Of several files each is a campaign of its own: its rounds are not mixed with those of another file.

    Raises:
        RegtoolsError: a file is missing, cannot be read, or holds something else.
    """
    tables, wires = [], []
    for path in paths:
        table, wire = _read(path)
        if len(paths) > 1 and "total_s" not in table.columns:  # one name, whatever made the file
            table = table.rename(columns={"seconds": "total_s"})
        if "campaign" not in table.columns:
            table = table.assign(campaign=os.fspath(path) if len(paths) > 1 else "")
        tables.append(table)
        wires.append(wire)
    if len(tables) == 1:
        return tables[0], wires[0]
    columns = list(dict.fromkeys(name for table in tables for name in table.columns))
    filled = [table.dropna(axis=1, how="all") for table in tables]
    pulls = pd.concat(filled, ignore_index=True).reindex(columns=columns)
    asked = [wire for wire in wires if len(wire)]
    return pulls, pd.concat(asked, ignore_index=True) if asked else wires[0]


def _read(path: str | os.PathLike[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    where = Place(os.fspath(path))
    try:
        if Path(path).exists() and not Path(path).is_file():
            raise OSError(0, "it is not a regular file")
        with Path(path).open("rb") as file:
            head = file.read(256)
    except OSError as error:
        raise unreadable(path, error, what="the measurements") from error
    try:
        if not head.startswith(b"PAR1") and (head.lstrip().startswith(b"{") or not head.strip()):
            return read_journal(path)
        if (length := Path(path).stat().st_size) > LARGEST_FILE:
            raise bad_table(
                f"it has {size(length)}; a table may have {size(LARGEST_FILE)}", "write a journal"
            )
        if head.startswith(b"PAR1"):
            return _parquet(path)
        return _csv(path), frames([], [])[1]
    except RegtoolsError as error:
        error.where = error.where or where
        raise


def _csv(path: str | os.PathLike[str]) -> pd.DataFrame:
    try:
        with Path(path).open(encoding="utf-8-sig") as file:
            head = file.readline(1 << 16)
        mark = max(",;\t", key=head.count)  # what spreadsheets write, in any country
        table = pd.read_csv(path, sep=mark, skipinitialspace=True, encoding="utf-8-sig")
    except (ValueError, pd.errors.ParserError) as error:
        if "out of memory" in str(error):  # of pandas's parser
            raise MemoryError from error
        message = f"this is not a table: {clipped(str(error).splitlines()[0], 200)}"
        raise bad_table(message, "use a journal, a CSV file with a header line, or a Parquet file") from error
    prepared(table)  # so that an error names the file
    return table


def _parquet(path: str | os.PathLike[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read a table, or a journal if its requests are beside it."""
    try:
        if Path(path).with_suffix(".requests.parquet").exists():
            return read_parquet(path)
        return load_parquet(path), frames([], [])[1]
    except ImportError as error:
        message = "a Parquet file can only be read with the package pyarrow"
        raise bad_table(message, "pip install pyarrow, or write the table as CSV") from error
    except RegtoolsError as error:
        if error.kind != "file-unreadable":
            raise
        raise bad_table(f"as a Parquet file: {error.message}") from error
