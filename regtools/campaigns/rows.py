"""Rows of a journal as plain data, and the check that each passes before it is written and when it is read.

A row may come from another host or from a file that something else wrote, so it may hold anything. What
passes :func:`checked_row` can always be written, and :func:`~regtools.read_journal` reads all of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Set
from datetime import datetime
from math import isfinite
from typing import Any

from regtools.errors import RegtoolsError
from regtools.pull.frames import MOMENT, PROBE_COLUMNS, VANTAGE_COLUMNS
from regtools.pull.records import FORMAT, PULL_COLUMNS, REQUEST_COLUMNS, Pull, Request

Row = dict[str, Any]


COLUMNS: dict[str, dict[str, str]] = {
    "pull": PULL_COLUMNS,
    "request": REQUEST_COLUMNS,
    "probe": PROBE_COLUMNS,
    "vantage": VANTAGE_COLUMNS,
    "campaign": {},
}
# Texts beside the columns, which only campaigns need.
BESIDE = {"pull": ("job", "host"), "request": (), "probe": ("job",), "vantage": ("campaign",)}


# Cells that are never empty.
NEEDED: dict[str, Set[str]] = {
    "pull": PULL_COLUMNS.keys() & {name for name, kind in Pull.kinds.items() if "None" not in kind},
    "request": frozenset(name for name, kind in Request.kinds.items() if "None" not in kind),
    "probe": frozenset({"place", "started_at", "n"}),
    "vantage": frozenset({"vantage", "host"}),
}
# Cells that rows of other releases have, too; without a pull's time nothing can be compared.
_ESSENTIAL: dict[str, Set[str]] = {"pull": {"run_id", "total_s"}, "request": {"run_id"}}


def pull_rows(pull: Pull, **more: Any) -> list[Row]:
    """Return the rows of a pull's requests and, last, the pull's own row with ``more`` in it."""
    rows: list[Row] = [{"row": "request", **request.to_dict()} for request in pull.requests]
    return [*rows, {"row": "pull", **pull.row(), **more}]


def bad_row(why: str) -> RegtoolsError:
    """Return the error for something that is not a row of a journal."""
    return RegtoolsError(why, kind="bad-row", stage="load")


def checked_row(row: object, *, complete: bool = True) -> Row:
    """Return a row without unknown keys, if its values are what the columns hold.

    The plan of a campaign (``"row": "campaign"``) has no columns; it is returned as it is.

    Args:
        row: anything.
        complete: whether each cell that a pull always fills must be there, and lists must hold what we write;
            otherwise only ``run_id`` and a pull's ``total_s`` must be there, as in other releases.

    Raises:
        RegtoolsError: kind ``bad-row``.
    """
    if type(row) is not dict or type(kind := row.get("row")) is not str or kind not in COLUMNS:
        raise bad_row("neither a pull nor a request")
    if kind == "campaign":
        return row
    columns = COLUMNS[kind] | dict.fromkeys(BESIDE[kind], "string")
    needed = NEEDED[kind] if complete else _ESSENTIAL.get(kind, frozenset())
    wrong = [
        name
        for name, dtype in columns.items()
        if (name in needed if (value := row.get(name)) is None else not _FITS[dtype](value))
        or (name == "total_s" and kind == "pull" and (value or 0) < 0)
    ]
    if complete:
        wrong += [name for name in ("attempts", "samples") if not _holds(name, row.get(name, []))]
    if wrong:
        raise bad_row(f"a wrong type in {', '.join(wrong)}")
    return {"row": kind, **{name: row[name] for name in columns if name in row}}


def row_of(line: bytes) -> Row | None:
    """Return the row in a line of a journal, with cells as they are; None for an empty line.

    Raises:
        RegtoolsError: kind ``bad-row``.
    """
    try:
        text = line.decode().lstrip()
        row: Any
        row, end = _DECODER.raw_decode(text)  # decode() matches two patterns more for each line
        if text[end:].strip():
            raise ValueError("more than one value")
        if b"\\" in line:  # an escape may be half a character, which pandas cannot hold
            json.dumps(row, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        if not line.strip():
            return None
        raise bad_row("not JSON; torn, or damaged") from error
    if not isinstance(row, dict) or not isinstance(kind := row.get("row"), str) or kind not in COLUMNS:
        raise bad_row("neither a pull nor a request")
    if row.get("format") != FORMAT:
        raise bad_row(f"format {row.get('format')!r:.40}; this program reads format {FORMAT}")
    return row


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)


def _is_text(value: Any) -> bool:
    try:
        return type(value) is str and (value.isascii() or bool(value.encode()))
    except UnicodeEncodeError:
        return False


def _is_number(value: Any) -> bool:
    try:
        return type(value) in (int, float) and isfinite(value)
    except OverflowError:
        return False


def _is_moment(value: Any) -> bool:
    try:  # years that nanoseconds since 1970 reach
        return bool(MOMENT.fullmatch(value)) and 1678 <= datetime.fromisoformat(value).year <= 2261
    except (TypeError, ValueError):
        return False


def _holds(name: str, cell: Any) -> bool:
    """Return whether a list holds texts (``attempts``) or pairs of numbers (``samples``)."""
    if type(cell) is not list or name == "attempts":
        return type(cell) is list and all(map(_is_text, cell))
    return all(type(pair) is list and len(pair) == 2 and all(map(_is_number, pair)) for pair in cell)


_FITS: dict[str, Callable[[Any], bool]] = {
    "string": _is_text,
    "Int64": lambda value: type(value) is int and -(2**63) <= value < 2**63,
    "float64": _is_number,
    "boolean": lambda value: type(value) is bool,
    "datetime64[ns, UTC]": _is_moment,
    "object": lambda value: type(value) is list,
}
