"""Rows into columns, by the thousand: what a journal of a million pulls needs.

Types are looked at a column at a time; only where one does not fit is the row looked for. Text that comes
again and again is kept once.
"""

from __future__ import annotations

from datetime import datetime
from operator import itemgetter

TYPE_CHECKING = False
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

_BATCH = 20_000
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
        self._known: dict[str, str] = {}
        self._rows: list[tuple[Any, ...]] = []
        self._take = itemgetter(*columns)
        self._numbers: list[int] = []
        self._parts: list[dict[str, Any]] = []
        self.lines: list[int] = []
        self.wrong: list[tuple[int, list[str]]] = []

    def add(self, number: int, row: dict[str, Any]) -> None:
        """Take a row from line ``number``."""
        try:
            self._rows.append(self._take(row))
        except KeyError:  # an older row, or one with samples left out
            self._rows.append(tuple(map(row.get, self._columns)))
        self._numbers.append(number)
        if len(self._rows) >= _BATCH:
            self._flush()

    def frame(self) -> pd.DataFrame:
        """Give all rows; columns and dtypes are the same for no rows at all."""
        import pandas as pd

        self._flush()
        made: dict[str, Any] = {}
        for name, dtype in self._columns.items():
            parts = [part.pop(name) for part in self._parts] or [_array([], dtype)]
            made[name] = parts[0] if len(parts) == 1 else pd.concat(map(pd.Series, parts), ignore_index=True)
        return pd.DataFrame(made, columns=list(self._columns))

    def _flush(self) -> None:
        rows, numbers = self._rows, self._numbers
        self._rows, self._numbers = [], []
        if not rows:
            return
        columns = zip(*rows, strict=True)
        cells = {name: list(values) for name, values in zip(self._columns, columns, strict=True)}
        del rows
        bad = self._misfits(cells)
        if bad:
            self.wrong += [(numbers[index], names) for index, names in sorted(bad.items())]
            kept = [index for index in range(len(numbers)) if index not in bad]
            cells = {name: [values[index] for index in kept] for name, values in cells.items()}
            numbers = [numbers[index] for index in kept]
        self.lines += numbers
        if numbers:
            self._parts.append(
                {name: self._cast(cells[name], dtype) for name, dtype in self._columns.items()}
            )

    def _misfits(self, cells: dict[str, list[Any]]) -> dict[int, list[str]]:
        """Find the rows with a value of a wrong type, and the columns where it stands."""
        bad: dict[int, list[str]] = {}
        for name, dtype in self._columns.items():
            values = cells[name]
            needed = name == "run_id"
            if set(map(type, values)) <= _TYPES[dtype] and _in_range(values, dtype, needed=needed):
                continue
            for index, value in enumerate(values):
                if not _fits(value, dtype) or (needed and value is None):
                    bad.setdefault(index, []).append(name)
        return bad

    def _cast(self, values: list[Any], dtype: str) -> Any:
        known = self._known
        if dtype == "string":
            values = [known.setdefault(value, value) for value in values] if _repeats(values) else values
        elif dtype == "object":
            values = [_shared(value, known) for value in values]
        return _array(values, dtype)


def _array(values: list[Any], dtype: str) -> Any:
    import pandas as pd

    cells: Any = pd.Series(values, dtype="object" if dtype.startswith("datetime64") else dtype)
    if dtype.startswith("datetime64"):
        cells = pd.to_datetime(cells, utc=True, format="ISO8601").astype(dtype)
    return cells.array


def _repeats(values: list[Any]) -> bool:
    """Say whether keeping a text once is worth the trouble: an identifier never comes again."""
    return len(set(values[:1000])) < 500 or len(values) < 1000


def _shared(value: Any, known: dict[str, str]) -> Any:
    if value and isinstance(value[0], str):
        return [known.setdefault(each, each) for each in value]
    return value


def _in_range(values: list[Any], dtype: str, *, needed: bool) -> bool:
    if needed:
        return None not in values
    if dtype == "Int64":
        return all(value is None or -(2**63) <= value < 2**63 for value in values)
    if dtype.startswith("datetime64"):
        return all(map(_is_time, values))
    return True


def _fits(value: Any, dtype: str) -> bool:
    return type(value) in _TYPES[dtype] and _in_range([value], dtype, needed=False)


def _is_time(value: Any) -> bool:
    if value is None:
        return True
    try:
        datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return True
