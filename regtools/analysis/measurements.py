"""Pulls as they come, made into one frame with the columns that a comparison needs.

A journal's pulls frame fits as it is. So does any table with the columns ``place``, ``round``, ``seconds``
(or ``total_s``) and ``ok``, for instance a CSV file of somebody's stopwatch; what else a journal knows is
then taken as unknown.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from regtools.errors import Place, RegtoolsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    import pandas as pd

    from regtools.pull.records import Pull

__all__ = ["OPTIONAL", "prepared", "read_measurements"]

NEEDED = ("place", "round", "seconds", "ok")

# column → what it is taken for where a table does not have it
OPTIONAL: dict[str, Any] = {
    "campaign": "",
    "vantage": "",
    "client": "",
    "cache_state": "unknown",
    "image": "",
    "order": None,
    "started_at": None,
    "digest": None,
    "client_version": None,
    "workers": None,
    "n_layers": None,
    "n_requests": None,
    "bytes_fetched": None,
    "ttfb_s": None,
    "transfer_s": None,
    "wait_s": None,
    "rtt_s": None,
    "other_cpu": None,
    "error_kind": None,
}
_GROUPING = ("campaign", "vantage", "client", "cache_state", "image")
_YES, _NO = ("true", "t", "yes", "y", "1", "1.0"), ("false", "f", "no", "n", "0", "0.0")


def prepared(pulls: pd.DataFrame | Iterable[Pull]) -> pd.DataFrame:
    """Check a table of pulls and give the columns of a comparison, the time as ``seconds``.

    Returns: the columns of ``NEEDED`` and :data:`OPTIONAL`; ``seconds`` as float64, ``ok`` as bool, ``round``
        as float64 with NaN for a pull that belongs to none; what the table does not have is unknown.

    Raises:
        RegtoolsError: kind ``bad-table``; a column is missing, or a cell is not what its column says.
    """
    import pandas as pd

    table = pulls if isinstance(pulls, pd.DataFrame) else _rows(pulls)
    seconds = "seconds" if "seconds" in table.columns else "total_s"
    missing = [name for name in NEEDED if name not in table.columns and name != "seconds"]
    missing += [] if seconds in table.columns else ["seconds"]
    if missing:
        raise _bad(
            f"the table has no column {', '.join(sorted(missing))}; it has {', '.join(map(str, table))}",
            "needed are place, round, seconds (or total_s) and ok: rename what you have",
        )
    if not len(table):
        raise _bad(
            "there are no pulls to compare", "measure some: regtools time IMAGE --rounds 10 --journal FILE"
        )
    made: dict[str, Any] = {
        "place": table["place"].astype("string").fillna(""),
        "round": _numbers(table["round"], "round", least=None),
        "ok": _flags(table["ok"]),
        "seconds": _numbers(table[seconds], seconds, least=0.0),
    }
    late = made["ok"] & made["seconds"].isna()
    if late.any():
        raise _bad(
            f"row {_first(late)}: the pull is ok, and {seconds} is empty", "give the time, or ok = false"
        )
    for name, unknown in OPTIONAL.items():
        if name in table.columns:
            made[name] = table[name].astype("string").fillna(unknown) if name in _GROUPING else table[name]
        else:
            made[name] = pd.Series(unknown, index=table.index, dtype="string" if name in _GROUPING else None)
    for name in (
        "ttfb_s",
        "transfer_s",
        "wait_s",
        "rtt_s",
        "other_cpu",
        "bytes_fetched",
        "n_requests",
        "n_layers",
        "workers",
    ):
        made[name] = _numbers(made[name], name, least=None)
    extra = {name: table[name] for name in table.columns if name not in made and name != seconds}
    return pd.DataFrame({**made, **extra}).reset_index(drop=True)


def _rows(pulls: Iterable[Pull]) -> pd.DataFrame:
    from regtools.pull.records import Pull, frames

    given: list[Any] = list(pulls)
    wrong = next((each for each in given if not isinstance(each, Pull)), None)
    if wrong is not None:
        raise _bad(f"a table or pulls are wanted, not {type(wrong).__name__}", "give the frame of pulls")
    return frames([pull.row() for pull in given], [])[0]


def _numbers(column: pd.Series[Any], name: str, least: float | None) -> pd.Series[float]:
    import pandas as pd

    numbers = pd.to_numeric(column, errors="coerce").astype("Float64").astype("float64")
    wrong = numbers.isna() & column.notna()
    if least is not None:
        wrong |= (numbers < least) | (numbers == float("inf"))
    if wrong.any():
        row = _first(wrong)
        what = "number" if least is None else "time"
        raise _bad(f"row {row}: {name} is {_cell(column, row)}, which is no {what}", None)
    return numbers


def _flags(column: pd.Series[Any]) -> pd.Series[bool]:
    import pandas as pd

    if pd.api.types.is_bool_dtype(column.dtype):
        return column.fillna(False).astype(bool)
    words = column.astype("string").str.strip().str.lower()
    wrong = ~words.isin([*_YES, *_NO])
    if wrong.any():
        row = _first(wrong)
        raise _bad(
            f"row {row}: ok is {_cell(column, row)}, which is neither true nor false",
            "write true or false",
        )
    return words.isin(_YES).astype(bool)


def _cell(column: pd.Series[Any], row: int) -> str:
    value = column.iloc[row - 1]
    return repr(value) if isinstance(value, str) else str(value)


def _first(wrong: Any) -> int:
    return int(wrong.to_numpy(dtype=bool, na_value=False).argmax()) + 1


def _bad(message: str, hint: str | None) -> RegtoolsError:
    return RegtoolsError(message, kind="bad-table", stage="load", hint=hint)


# -- files -----------------------------------------------------------------------------------------------


def read_measurements(paths: Sequence[str | os.PathLike[str]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read journals, CSV and Parquet files, told apart by what is in them: pulls and requests.

    Each file is a campaign of its own: its rounds are not mixed with those of another file.

    Raises:
        RegtoolsError: a file is missing, or is nothing of the kind.
    """
    import pandas as pd

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
    whole = pd.concat(filled, ignore_index=True).reindex(columns=columns)
    asked = [wire for wire in wires if len(wire)]
    return whole, pd.concat(asked, ignore_index=True) if asked else wires[0]


def _read(path: str | os.PathLike[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    from regtools.pull.records import frames

    try:
        with Path(path).open("rb") as file:
            head = file.read(256)
    except OSError as error:
        kind = "file-missing" if isinstance(error, FileNotFoundError) else "file-unreadable"
        message = f"the measurements cannot be read: {error.strerror}"
        raise RegtoolsError(message, kind=kind, stage="load", where=Place(os.fspath(path))) from error
    if head.startswith(b"PAR1"):
        return _parquet(path), frames([], [])[1]
    if head.lstrip().startswith(b"{") or not head.strip():
        from regtools.campaigns.journal import read_journal

        return read_journal(path)
    return _csv(path), frames([], [])[1]


def _csv(path: str | os.PathLike[str]) -> pd.DataFrame:
    import pandas as pd

    try:
        with Path(path).open(encoding="utf-8-sig") as file:
            head = file.readline()
        mark = max(",;\t", key=head.count)  # what spreadsheets write, in any country
        table = pd.read_csv(path, sep=mark, skipinitialspace=True, encoding="utf-8-sig")
        prepared(table)  # what is wrong with it is told here, where the file is known
    except RegtoolsError as error:
        error.where = Place(os.fspath(path))
        raise
    except (ValueError, pd.errors.ParserError) as error:
        message = f"this is no table: {str(error).splitlines()[0]}"
        hint = "a journal, a CSV file with a header line, or a Parquet file is wanted"
        raise RegtoolsError(
            message, kind="bad-table", stage="load", where=Place(os.fspath(path)), hint=hint
        ) from error
    return table


def _parquet(path: str | os.PathLike[str]) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_parquet(path)
    except ImportError:
        message = "a Parquet file can only be read with the package pyarrow"
        hint = "pip install pyarrow; or write the table as CSV"
    except (OSError, ValueError) as error:
        message, hint = f"this Parquet file cannot be read: {str(error).splitlines()[0]}", None
    raise RegtoolsError(message, kind="bad-table", stage="load", where=Place(os.fspath(path)), hint=hint)
