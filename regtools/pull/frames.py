"""Build frames from rows, fast enough for a journal of a million pulls.

The cells of a column become an array in batches; a single row is looked at only if its batch holds a value of
a wrong type. Repeated text is stored once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import chain
from math import isfinite
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from regtools.errors import RegtoolsError

if TYPE_CHECKING:
    import pandas as pd


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

# A moment with its offset from UTC (RFC 3339); pandas takes more for one: "now", a day.
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)

# Rows that are taken apart together, and values that become an array together: few enough for the processor's
# caches, which halves the time, and enough to make the cost of each call negligible.
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


def framed(rows: Iterable[dict[str, Any]], columns: dict[str, str]) -> pd.DataFrame:
    """Return rows as a frame with these columns and dtypes.

    Raises:
        RegtoolsError: kind ``bad-record``: a cell has a type that its column cannot hold.
    """
    table = Table(columns)
    for number, row in enumerate(rows):
        table.add(number, row)
    frame = table.frame()
    if table.wrong:
        number, names = table.wrong[0]
        message = f"row {number} has a value of a wrong type in {', '.join(names)}"
        raise RegtoolsError(message, kind="bad-record", stage="load")
    return frame


class Table:
    """Rows of one kind on their way into a frame.

    Attributes:
        lines: the line numbers of the rows in the frame.
        wrong: for each row that was left out, its line number and the columns with a value of a wrong type.
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
        """Add the row that line ``number`` holds."""
        self._rows.append(row)
        self._numbers.append(number)
        if len(self._rows) >= _NEAR:
            self._take_apart()

    def frame(self) -> pd.DataFrame:
        """Return all rows; columns and dtypes do not depend on them."""
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
                values += map(itemgetter(name), rows)  # twice as fast as dict.get
            except KeyError:  # a row of an older version, or one without samples
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
        """Return the rows that hold a value of a wrong type, each with the columns in question."""
        bad: dict[int, list[str]] = {}
        for name, dtype in self._columns.items():
            values = cells[name]
            wrong = set(_wrong(values, dtype)) if part[name] is None else set()
            if name == "run_id" and None in values:
                wrong |= {index for index, value in enumerate(values) if value is None}
            elif name == "total_s" and "ok" in self._columns:  # a pull without a time cannot be compared
                times = part[name]
                if wrong:
                    times = _array([None if at in wrong else each for at, each in enumerate(values)], dtype)
                wrong = set((~(times >= 0)).nonzero()[0].tolist())
            for index in wrong:
                bad.setdefault(index, []).append(name)
        return bad


def _array(values: list[Any], dtype: str) -> Any:
    """Return a column as an array of pandas; None if a value does not fit.

    The array is built in the representation of its dtype: inferring the type of a list takes pandas longer
    than everything else.
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
    except OverflowError:  # a number outside of the dtype's range
        return None


def _texts(values: list[Any]) -> Any:
    """Return a column of text in which equal texts are stored once."""
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
    places = np.array(list(map(distinct.__getitem__, values)), dtype="int64")  # pyarrow accepts no other type
    return pd.array(list(distinct), dtype="string").take(places)


def _times(values: list[Any], dtype: str) -> Any:
    import pandas as pd

    if not set(map(type, values)) <= _TYPES[dtype] or not all(map(MOMENT.fullmatch, filter(None, values))):
        return None
    found = pd.to_datetime(pd.Series(values, dtype="object"), utc=True, format="ISO8601", errors="coerce")
    if int(found.isna().sum()) != values.count(None):
        return None
    try:
        return found.dt.as_unit("ns").array
    except ValueError:  # a year that nanoseconds cannot represent
        return None


def are_pairs(cell: Sequence[Any]) -> bool:
    """Return whether a list holds pairs of finite numbers only, as ``samples`` does."""
    if not set(map(type, cell)) <= {list, tuple} or not set(map(len, cell)) <= {2}:
        return False
    numbers = list(chain.from_iterable(cell))
    try:
        return set(map(type, numbers)) <= {int, float} and all(map(isfinite, numbers))
    except OverflowError:  # a whole number of hundreds of digits
        return False


def _shared(values: list[Any]) -> list[Any]:
    """Return the lists with equal texts stored once."""
    known: dict[str, str] = {}
    share = known.setdefault
    try:
        return [
            [share(each, each) for each in value] if value and isinstance(value[0], str) else value
            for value in values
        ]
    except TypeError:  # lists among texts, which regtools never writes
        return values


def _wrong(values: list[Any], dtype: str) -> list[int]:
    """Return the indices of the values that do not fit."""
    keys = [(type(value), str(value)) for value in values]
    distinct = dict(zip(keys, values, strict=True))  # many rows share a value
    fits = {key: _array([value], dtype) is not None for key, value in distinct.items()}
    return [index for index, key in enumerate(keys) if not fits[key]]
