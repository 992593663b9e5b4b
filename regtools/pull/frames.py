"""Rows into columns, by the thousand: what a journal of a million pulls needs.

A column of many rows becomes an array at once, by what is made for it; only where a value does not fit is
its row looked for. Text that comes again and again is kept once.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    import pandas as pd

__all__ = ["PROBE_COLUMNS", "VANTAGE_COLUMNS", "Table"]

PROBE_COLUMNS: dict[str, str] = {
    "round": "Int64",
    "place": "string",
    "started_at": "datetime64[ns, UTC]",
    "url_host": "string",
    "n": "Int64",
    "connect_s": "float64",
    "rtt_s": "float64",
    "rtt_low_s": "float64",
    "error_kind": "string",
    "vantage": "string",
}

VANTAGE_COLUMNS: dict[str, str] = {
    "vantage": "string",
    "host": "string",
    "started_at": "datetime64[ns, UTC]",
    "seen_at": "datetime64[ns, UTC]",
    "regtools": "string",
    "python": "string",
}

# Rows taken apart together, and values made into an array together: few enough for the processor's caches,
# which halves the time, and enough that the call for each does not count.
_NEAR, _BATCH = 100, 2_000
_NONE = type(None)
_TYPES: dict[str, set[type]] = {
    "string": {str, _NONE},
    "Int64": {int, _NONE},
    "float64": {float, int, _NONE},
    "boolean": {bool, _NONE},
    "object": {list, _NONE},
    "datetime64[ns, UTC]": {str, _NONE},
}


class Table:
    """Collects rows of one kind; gives them as a frame.

    Attributes:
        lines: the line numbers of the rows in the frame.
        wrong: line numbers of rows that were left out, and their columns of a wrong type.
    """

    def __init__(self, columns: dict[str, str]) -> None:
        self._columns = columns
        self._rows: list[dict[str, Any]] = []
        self._cells: dict[str, list[Any]] = {name: [] for name in columns}
        self._numbers: list[int] = []
        self._parts: list[dict[str, Any]] = []
        self.lines: list[int] = []
        self.wrong: list[tuple[int, list[str]]] = []

    def add(self, number: int, row: dict[str, Any]) -> None:
        """Take a row from line ``number``."""
        self._rows.append(row)
        self._numbers.append(number)
        if len(self._rows) >= _NEAR:
            self._take_apart()

    def frame(self) -> pd.DataFrame:
        """Give all rows; columns and dtypes are the same for no rows at all."""
        import pandas as pd

        self._take_apart()
        self._flush()
        made: dict[str, Any] = {}
        for name, dtype in self._columns.items():
            parts = [part.pop(name) for part in self._parts] or [_array([], dtype)]
            made[name] = parts[0] if len(parts) == 1 else pd.concat(map(pd.Series, parts), ignore_index=True)
        return pd.DataFrame(made, columns=list(self._columns))

    def _take_apart(self) -> None:
        rows, self._rows = self._rows, []
        for name, values in self._cells.items():
            try:
                values += map(itemgetter(name), rows)  # twice as fast as asking each row whether it has it
            except KeyError:  # an older row, or one with samples left out
                del values[len(self._numbers) - len(rows) :]
                values += [row.get(name) for row in rows]
        if len(self._numbers) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        cells, numbers = self._cells, self._numbers
        self._cells, self._numbers = {name: [] for name in self._columns}, []
        if not numbers:
            return
        part = {name: _array(cells[name], dtype) for name, dtype in self._columns.items()}
        bad = self._misfits(cells, part)
        if bad:
            self.wrong += [(numbers[index], names) for index, names in sorted(bad.items())]
            kept = [index for index in range(len(numbers)) if index not in bad]
            numbers = [numbers[index] for index in kept]
            for name, dtype in self._columns.items():
                part[name] = _array([cells[name][index] for index in kept], dtype)
        self.lines += numbers
        if numbers:
            self._parts.append(part)

    def _misfits(self, cells: dict[str, list[Any]], part: dict[str, Any]) -> dict[int, list[str]]:
        """Find the rows with a value of a wrong type, and the columns where it stands."""
        bad: dict[int, list[str]] = {}
        for name, dtype in self._columns.items():
            values = cells[name]
            if part[name] is None:
                wrong = _wrong(values, dtype)
            elif name == "run_id" and None in values:
                wrong = [index for index, value in enumerate(values) if value is None]
            else:
                continue
            for index in wrong:
                bad.setdefault(index, []).append(name)
        return bad


def _array(values: list[Any], dtype: str) -> Any:
    """Give a column as pandas keeps it; None where a value does not fit.

    Made in the form that pandas itself has: left to find out what a list holds, it takes most of the time.
    """
    import numpy as np
    import pandas as pd

    if dtype == "string":
        return _texts(values)
    if dtype.startswith("datetime64"):
        return _times(values, dtype)
    types = set(map(type, values))
    if not types <= _TYPES[dtype]:
        return None
    if dtype == "object":
        return pd.Series(_shared(values), dtype="object").array
    try:
        if dtype == "float64":
            numbers = np.array(values, dtype="float64")
            return None if np.isinf(numbers).any() else numbers  # 1e999 in JSON
        missing = np.array(
            [value is None for value in values] if _NONE in types else np.zeros(len(values)), bool
        )
        known = [value or 0 for value in values] if _NONE in types else values
        if dtype == "boolean":
            return pd.arrays.BooleanArray(np.array(known, dtype="bool"), missing)
        return pd.arrays.IntegerArray(np.array(known, dtype="int64"), missing)
    except OverflowError:  # a number with too many digits
        return None


def _texts(values: list[Any]) -> Any:
    """Make texts that come again and again once, and keep them once."""
    import numpy as np
    import pandas as pd

    try:
        distinct = {value: number for number, value in enumerate(dict.fromkeys(values))}
    except TypeError:  # a list or an object among them
        return None
    if not set(map(type, distinct)) <= _TYPES["string"]:
        return None
    if 2 * len(distinct) > len(values):
        return pd.array(values, dtype="string")
    places = np.array([distinct[value] for value in values], dtype="int64")  # pyarrow takes no others
    return pd.array(list(distinct), dtype="string").take(places)


def _times(values: list[Any], dtype: str) -> Any:
    import pandas as pd

    if not set(map(type, values)) <= _TYPES[dtype]:
        return None
    found = pd.to_datetime(pd.Series(values, dtype="object"), utc=True, format="ISO8601", errors="coerce")
    if int(found.isna().sum()) != values.count(None):
        return None
    try:
        return found.dt.as_unit("ns").array
    except ValueError:  # a year that nanoseconds do not reach
        return None


def _shared(values: list[Any]) -> list[Any]:
    """Keep the texts in lists once."""
    known: dict[str, str] = {}
    share = known.setdefault
    try:
        return [
            [share(each, each) for each in value] if value and isinstance(value[0], str) else value
            for value in values
        ]
    except TypeError:  # lists beside texts, which no pull of ours writes
        return values


def _wrong(values: list[Any], dtype: str) -> list[int]:
    """Give where the values stand that do not fit."""
    seen: dict[tuple[type, str], bool] = {}  # what stands in one row often stands in all
    found = []
    for index, value in enumerate(values):
        if type(value) not in _TYPES[dtype]:
            found.append(index)
        elif dtype in ("Int64", "float64", "datetime64[ns, UTC]"):
            key = (type(value), str(value))
            if key not in seen:
                seen[key] = _array([value], dtype) is not None
            if not seen[key]:
                found.append(index)
    return found
